"""Checks performed in child processes, side by side, and whatever becomes of those processes turned into outcomes.

pytest's own plugins for isolation were tried first. A worker of pytest-xdist serves all loops, so what one loop leaves
behind is blamed on another, and a stopped or lock-holding process is never noticed; hence a process per loop and library
(either may patch the interpreter for whoever comes after), watched from outside by its pipe.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from asyncwith.child import Child, Lost, end_marked, mark
from asyncwith.host import NO_LOOP
from asyncwith.verdicts import Outcome, Verdict

__all__ = ["NO_LOOP", "Check", "Hosts", "LoopStatus", "loop_status"]

Part: TypeAlias = tuple[str, str]  # what a process is made of: ("loop", its id) and ("library", its id)

LOAD_LIMIT = 60.0  # seconds to start Python and import the clauses; half a second is usual
START_LIMIT = 10.0  # seconds to import the loop and to run it, with nothing to do
IMPORT_LIMIT = 30.0  # seconds to import the library, which may be part of something big
STARTS_TRIED = 3  # a loop or library that could not be started so often in a row is not tried again
HANGS_BEFORE_HURRY = 5  # after so many, a loop's checks get HURRIED_LIMIT and no second try
HURRIED_LIMIT = 1.0


@dataclass(frozen=True)
class Check:
    """One clause on one loop (`NO_LOOP` outside any) with one library, all by the words that name them."""

    clause: str
    loop: str
    library: str


class Interrupted(Exception):
    """The run was given up while a check was being performed; nothing can be said about it."""


class UnknownTarget(Exception):
    """The module, file or name behind a `--loop` or a `--library` is not there."""


class NotStarted(Lost):
    """The process was lost before its first check; `culprit` is what it was busy with."""

    def __init__(self, culprit: str, what: str, lost: Lost) -> None:
        super().__init__(lost.outcome, f"{what}: {lost.reason}", lost.details)
        self.culprit = culprit


class Host:
    """The child process for one loop with one library."""

    def __init__(self, room: Path, loop: str, library: str, environment: Mapping[str, str] | None = None) -> None:
        """Begin to start the loop and the library that these words find; `wait` until they have."""
        words = (str(room), loop, library, str(START_LIMIT), str(IMPORT_LIMIT))
        self._child = Child("asyncwith.host", *words, environment=environment)
        self._library = library.partition("=")[0]
        self._turn = 0  # numbers what is asked, so that no answer is taken for that to another question

    def wait(self) -> str:
        """Return the version of the loop when the process is ready.

        Raises `NotStarted` if one of the two does not start, and `UnknownTarget` if it is nowhere.
        """
        with _blaming("loop", "the loop could not be started"):
            self._child.answer(LOAD_LIMIT)
            version = self._ready(START_LIMIT)
        with _blaming("library", f"the library {self._library} cannot be imported"):
            self._ready(IMPORT_LIMIT)
        return version

    def _ready(self, limit: float) -> str:
        message = self._child.answer(limit)
        if "unknown" in message:
            raise UnknownTarget(message["unknown"])
        if "broken" in message:
            raise Lost(Outcome.FAILED, message["broken"], message["details"])
        return str(message["ready"])

    def perform(self, clause: str, limit: float, trace: list[str]) -> tuple[Verdict, bool]:
        """Return the verdict on `clause` and whether this process is spent; `Lost` if it did not survive.

        The lines of the trace are added to `trace` as they are written.
        """
        self._turn += 1
        self._child.ask({"turn": self._turn, "clause": clause, "limit": limit})
        while (answer := self._child.answer(limit, hear=trace.append)).get("turn") != self._turn:
            pass  # written by a stranger, or a copy of the process that a scenario made
        return Verdict.from_json(answer["verdict"]), answer["spent"]

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._child.close()


@contextmanager
def _blaming(culprit: str, what: str) -> Iterator[None]:
    try:
        yield
    except Lost as lost:
        raise NotStarted(culprit, what, lost) from None


class Hosts:
    """Performs checks, `jobs` at a time, in processes that serve one loop with one library; `with Hosts(…) as hosts`."""

    def __init__(self, room: Path, specs: Mapping[str, str], *, jobs: int, limit: float) -> None:
        """`specs` tells how to find each loop and library that is not found by its id: `{"mine": "mine=module:factory"}`."""
        self._room = room
        self._specs = specs
        self._limit = limit
        self._mark, self._environment = mark(os.environ)
        self._executor = ThreadPoolExecutor(jobs, thread_name_prefix="checks")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: set[Host] = set()
        self._closing = False
        self._failed_starts: Counter[Part] = Counter()
        self._why: dict[Part, str] = {}  # why one of them is not tried again
        self._hangs: Counter[tuple[str, str]] = Counter()  # by loop and library

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, check: Check, *, departs: bool = False) -> Future[Verdict]:
        """Perform `check` when its turn comes; checks of one loop and library should be submitted together.

        What `departs`, as is known, is performed once: to see it fail again would say no more, and may take seconds.
        """
        return self._executor.submit(self._once if departs else self._settle, check)

    def close(self) -> None:
        """Give up what has not been performed and end all processes."""
        with self._lock:
            self._closing = True
            hosts = list(self._open)
        for host in hosts:
            host.close()
        self._executor.shutdown(cancel_futures=True)
        end_marked(self._mark)  # what scenarios have started and left running in a session of its own

    def _settle(self, check: Check) -> Verdict:
        """Perform `check`, and once more if it did not pass: what then passes is flaky, which is not the same as wrong."""
        verdict = self._once(check)
        if not verdict.outcome.is_failure or self._hangs[check.loop, check.library] >= HANGS_BEFORE_HURRY:
            return verdict
        again = self._once(check)
        if again.outcome is not Outcome.PASSED:
            return verdict
        return replace(
            verdict,
            outcome=Outcome.FLAKY,
            reason=f"passed when run again; at first {verdict.outcome.value}: {verdict.reason}",
        )

    def _once(self, check: Check) -> Verdict:
        hurried = self._hangs[check.loop, check.library] >= HANGS_BEFORE_HURRY
        limit = min(HURRIED_LIMIT, self._limit) if hurried else self._limit
        for part in _parts(check):
            if self._failed_starts[part] >= STARTS_TRIED:
                return Verdict(Outcome.NOT_RUN, f"{self._why[part]} (tried {STARTS_TRIED} times)")
        try:
            host = self._host(check)
        except NotStarted as lost:
            self._raise_if_closing()
            return self._not_started(check, lost)
        except UnknownTarget as unknown:
            return Verdict(Outcome.NOT_RUN, str(unknown))
        except OSError as error:  # the system has no memory, process or descriptor to give
            self._raise_if_closing()
            return Verdict(Outcome.CRASHED, f"no process could be started: {error}")
        started, trace = time.monotonic(), list[str]()
        try:
            verdict, spent = host.perform(check.clause, limit, trace)
        except Lost as lost:
            self._drop(host)
            self._raise_if_closing()
            if lost.outcome is Outcome.TIMED_OUT:
                self._hangs[check.loop, check.library] += 1
            reason = lost.reason + (
                f" (hurried: {check.loop} had hung in {HANGS_BEFORE_HURRY} checks before)" if hurried else ""
            )
            return Verdict(lost.outcome, reason, (), tuple(trace), None, lost.details, time.monotonic() - started)
        if spent:
            self._drop(host)
        return verdict

    def _host(self, check: Check) -> Host:
        """Return this thread's process for the loop and the library of `check`, a new one if need be."""
        serving: tuple[Host, list[Part]] | None = getattr(self._local, "serving", None)
        if serving is not None:
            host, parts = serving
            if parts == _parts(check):
                return host
            self._drop(host)
        loop, library = (self._specs.get(word, word) for word in (check.loop, check.library))
        host = Host(self._room, loop, library, self._environment)
        with self._lock:
            self._open.add(host)
            if self._closing:
                host.close()
        try:
            host.wait()
        except BaseException:
            self._drop(host)
            raise
        with self._lock:
            for part in _parts(check):
                self._failed_starts[part] = 0
        self._local.serving = host, _parts(check)
        return host

    def _raise_if_closing(self) -> None:
        if self._closing:
            raise Interrupted

    def _drop(self, host: Host) -> None:
        host.close()
        with self._lock:
            self._open.discard(host)
        self._local.serving = None

    def _not_started(self, check: Check, lost: NotStarted) -> Verdict:
        part = next(part for part in _parts(check) if part[0] == lost.culprit)
        with self._lock:
            self._why[part] = lost.reason
            self._failed_starts[part] += 1
        return Verdict(lost.outcome, lost.reason, details=lost.details)


def _parts(check: Check) -> list[Part]:
    return [("loop", check.loop), ("library", check.library)]


@dataclass(frozen=True)
class LoopStatus:
    """What became of starting a loop: its version, or why it is not here (`known` is false if nothing by that name is)."""

    version: str = ""
    problem: str = ""
    known: bool = True


def loop_status(room: Path, spec: str) -> LoopStatus:
    """Start the loop that `spec` names once in a process of its own and tell what came of it."""
    host = Host(room, spec, "contextlib")
    try:
        return LoopStatus(version=host.wait())
    except UnknownTarget as unknown:
        return LoopStatus(problem=str(unknown), known=False)
    except NotStarted as lost:
        return LoopStatus(problem=lost.reason)
    finally:
        host.close()
