"""Our own code, lent to any Python from where it lies: whatever that one has installed, the same code runs on all of them."""

from __future__ import annotations

import asyncwith

__all__ = ["LEND"]

# What such a process runs first. The first lines must be legal on any Python that somebody may name.
LEND = f"""
import sys
if sys.version_info < (3, 10):
    sys.exit("it is Python %d.%d, and asyncwith needs 3.10" % sys.version_info[:2])
import importlib.util
spec = importlib.util.spec_from_file_location("asyncwith", {asyncwith.__file__!r})
sys.modules["asyncwith"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["asyncwith"])
"""
