"""Where a result comes from: the interpreter, its build, the machine and the packages that took part."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["PACKAGES", "cpu_model", "provenance"]

PACKAGES = ("anyio", "trio", "uvloop", "winloop", "pyperf", "pytest")


def provenance(code: str | None = None) -> dict[str, Any]:
    """Return the provenance that goes into every file of results, as plain data.

    `code` is the version of our own code where it was lent to an environment that may have none or another.
    """
    code = code or version("asyncwith")
    return {
        "asyncwith": code,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "build": f"{platform.python_compiler()}; {sysconfig.get_config_var('CONFIG_ARGS') or ''}".strip("; "),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "jit": bool(getattr(sys, "_jit", None) and sys._jit.is_enabled()),  # type: ignore[attr-defined,unused-ignore] # noqa: SLF001 - 3.14's own name for it
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "packages": {"asyncwith": code, **_packages()},
    }


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def cpu_model() -> str:
    """Return the name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
