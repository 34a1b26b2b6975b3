"""asyncwith: do Python's asynchronous context managers hold on every event loop, and what do they cost?

The rooms `bench`, `conformance` and `reports` hold content and import nothing but the names below; the other modules of
this package are the engine. Importing it starts nothing and loads no loop library.
"""

from __future__ import annotations

from asyncwith.arms import Question
from asyncwith.clauses import clause
from asyncwith.expectations import any_order, by_loop, by_version
from asyncwith.libraries import Library, Names, libraries_to_time, register_library
from asyncwith.loops import Loop, register_loop
from asyncwith.managers import Logged
from asyncwith.timed import Suspend
from asyncwith.trace import Trace, chain, describe, is_cancellation

__all__ = [
    "Library",
    "Logged",
    "Loop",
    "Names",
    "Question",
    "Suspend",
    "Trace",
    "any_order",
    "by_loop",
    "by_version",
    "chain",
    "clause",
    "describe",
    "is_cancellation",
    "libraries_to_time",
    "programs",
    "register_library",
    "register_loop",
]
