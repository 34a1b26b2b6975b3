"""`asyncwith conform --programs N`: random programs on every loop, each loop in a process of its own.

A program that hangs or takes its process down is a finding like any other: it is named by its number, and the rest go on in
a new process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from asyncwith.child import Child, Lost
from asyncwith.errors import UsageError
from asyncwith.host import NO_LOOP
from asyncwith.hosts import IMPORT_LIMIT
from asyncwith.loops import Loop, builtin_loops, find_loop
from asyncwith.verdicts import Outcome

__all__ = ["Explored", "Finding", "explore_all"]

ENOUGH = 3  # findings on one loop, after which more would only repeat them
LIMIT = 10.0  # seconds that one drawn tree, run in all its forms, may take; milliseconds are usual


@dataclass(frozen=True)
class Finding:
    """A program that did not do what the specification says; `file` is a Python file that shows it, if the process survived."""

    number: int
    story: str
    file: str = ""


@dataclass
class Explored:
    """What came of one loop: how many programs ran, how many departed as is known, what was found, or why none ran."""

    loop: str
    programs: int = 0
    departed: int = 0
    findings: list[Finding] = field(default_factory=list)
    reason: str = ""
    seconds: float = 0.0


def explore_all(
    loops: Sequence[str], library: str, n: int, seed: int, *, jobs: int, progress: Callable[[str, int], object]
) -> list[Explored]:
    """Run `n` programs of `seed` on each loop (none given: the built-in ones, and by hand); `progress` hears how far each is.

    Raises `UsageError` if a loop or the library cannot be found.
    """
    specs = list(loops) or [NO_LOOP, *(loop.id for loop in builtin_loops() if loop.absence() is None)]
    for spec in specs:
        if spec != NO_LOOP:
            find_loop(spec)
    processes = _Processes()
    with ThreadPoolExecutor(jobs) as executor:
        try:
            return list(executor.map(lambda spec: _explore(spec, library, n, seed, progress, processes), specs))
        except BaseException:  # Ctrl-C: without this the threads would go on to the last program
            processes.end()
            raise


class _Processes:
    """The processes that run programs now, so that all of them can be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[Child] = []
        self._ended = False

    @contextmanager
    def one(self) -> Iterator[Child]:
        """Yield a new process, and end it. Raises `CancelledError` when all have been ended."""
        with self._lock:
            if self._ended:
                raise CancelledError
            child = Child("asyncwith.exploring_process")
            self._running.append(child)
        try:
            yield child
        finally:
            with self._lock:
                self._running.remove(child)
                child.close()

    def end(self) -> None:
        """End them all, and let no other one begin."""
        with self._lock:
            self._ended = True
            for child in self._running:
                child.close()


def _explore(
    spec: str, library: str, n: int, seed: int, progress: Callable[[str, int], object], processes: _Processes
) -> Explored:
    loop: Loop | None = None if spec == NO_LOOP else find_loop(spec)
    found = Explored(loop.id if loop else spec)
    started = time.monotonic()
    found.reason = (loop.absence() or "") if loop else ""
    at = -1  # the number of the program that was begun last

    def hear(number: int) -> None:
        nonlocal at
        at = number
        progress(found.loop, number)

    while not found.reason and found.programs < n and len(found.findings) < ENOUGH:
        first = at + 1
        request = {"loop": spec, "library": library, "n": n - found.programs, "seed": seed, "first": first}
        culprit = f"the library {library} cannot be imported"
        try:
            with processes.one() as child:
                child.ask({**request, "limit": LIMIT})
                answer = child.answer(IMPORT_LIMIT)
                if "ready" in answer:
                    culprit = "no program ran"
                    answer = child.answer(LIMIT, hear=hear, patient=True)
                _take(found, answer)
                break
        except Lost as lost:
            if at < first:  # not even one
                found.findings.append(Finding(first, f"{culprit}: {lost.reason}\n{lost.details}".rstrip()))
                break
            found.programs += at - first + 1
            found.findings.append(_hung_or_died(at, lost))
    found.seconds = time.monotonic() - started
    return found


def _hung_or_died(number: int, lost: Lost) -> Finding:
    what = "never ends" if lost.outcome is Outcome.TIMED_OUT else "takes its process down"
    return Finding(number, f"program {number} {what}: {lost.reason}\n{lost.details}".rstrip())


def _take(found: Explored, answer: dict[str, Any]) -> None:
    if "unknown" in answer:
        raise UsageError(str(answer["unknown"]))
    if "missing" in answer:
        found.reason = f"the library has no {answer['missing']}"
    elif "broken" in answer:
        found.findings.append(Finding(0, f"{answer['broken']}\n{answer['details']}".rstrip()))
    else:
        found.programs += answer["programs"]
        found.departed += answer["departed"]
        found.reason = "; ".join(f"{n:,} left out: the library has no {name}" for name, n in answer["left_out"].items())
        found.findings += [
            Finding(each["number"], "\n".join(each["lines"]), each["file"]) for each in answer["counterexamples"]
        ]
