"""Checks performed in child processes, side by side, and whatever becomes of those processes turned into outcomes.

pytest's own plugins for isolation were tried first. A worker of pytest-xdist serves all loops, so what one loop leaves
behind is blamed on another, and a stopped or lock-holding process is never noticed; hence a process per loop, watched from
outside by its pipe.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from asyncwith.child import Child, Lost
from asyncwith.host import NO_LOOP
from asyncwith.verdicts import Outcome, Verdict

__all__ = ["NO_LOOP", "Check", "Hosts", "LoopStatus", "loop_status"]

LOAD_LIMIT = 60.0  # seconds to start Python and import the clauses; half a second is usual
START_LIMIT = 10.0  # seconds to import the loop and to run it, with nothing to do
STARTS_TRIED = 3  # a loop that could not be started so often in a row is not tried again
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
    """The module, file or name behind a `--loop` is not there."""


class Host:
    """The child process for one loop."""

    def __init__(self, room: Path, spec: str, loop: str | None = None) -> None:
        """Start `spec`; `loop` is the word by which people call it, if that is another.

        Raises `Lost` if it does not start, and `UnknownTarget` if there is no such loop.
        """
        self.loop = loop or spec
        self._child = Child("asyncwith.host", str(room), spec, str(START_LIMIT))
        try:
            self.version = self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self) -> str:
        self._child.answer(LOAD_LIMIT)
        message = self._child.answer(START_LIMIT)
        if "unknown" in message:
            raise UnknownTarget(message["unknown"])
        if "broken" in message:
            raise Lost(Outcome.FAILED, message["broken"], message["details"])
        return str(message["ready"])

    def perform(self, clause: str, library: str, limit: float, trace: list[str]) -> tuple[Verdict, bool]:
        """Return the verdict on `clause` and whether this process is spent; `Lost` if it did not survive.

        The lines of the trace are added to `trace` as they are written.
        """
        self._child.ask({"clause": clause, "library": library, "limit": limit})
        answer = self._child.answer(limit, hear=trace.append)
        return Verdict.from_json(answer["verdict"]), answer["dirty"]

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._child.close()


class Hosts:
    """Performs checks, `jobs` at a time, each in a process that serves only its loop; `with Hosts(…) as hosts`."""

    def __init__(self, room: Path, specs: Mapping[str, str], *, jobs: int, limit: float) -> None:
        """`specs` tells how to find each loop and library that is not found by its id: `{"mine": "mine=module:factory"}`."""
        self._room = room
        self._specs = specs
        self._limit = limit
        self._executor = ThreadPoolExecutor(jobs, thread_name_prefix="checks")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: set[Host] = set()
        self._closing = False
        self._failed_starts: Counter[str] = Counter()
        self._why: dict[str, str] = {}  # why a loop is not tried again
        self._hangs: Counter[tuple[str, str]] = Counter()  # by loop and library

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, check: Check) -> Future[Verdict]:
        """Perform `check` when its turn comes; checks of one loop should be submitted together."""
        return self._executor.submit(self._settle, check)

    def close(self) -> None:
        """Give up what has not been performed and end all processes."""
        with self._lock:
            self._closing = True
            hosts = list(self._open)
        for host in hosts:
            host.close()
        self._executor.shutdown(cancel_futures=True)

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
        try:
            host = self._host(check.loop)
        except Lost as lost:
            self._raise_if_closing()
            return self._not_started(check.loop, lost)
        except UnknownTarget as unknown:
            return Verdict(Outcome.NOT_RUN, str(unknown))
        if host is None:
            return Verdict(Outcome.NOT_RUN, self._why[check.loop])
        started, trace = time.monotonic(), list[str]()
        try:
            verdict, spent = host.perform(check.clause, self._specs.get(check.library, check.library), limit, trace)
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

    def _host(self, loop: str) -> Host | None:
        """Return this thread's process for `loop`, a new one if need be; None if the loop is given up."""
        host: Host | None = getattr(self._local, "host", None)
        if host is not None and host.loop == loop:
            return host
        if host is not None:
            self._drop(host)
        if self._failed_starts[loop] >= STARTS_TRIED:
            return None
        host = Host(self._room, self._specs.get(loop, loop), loop)
        with self._lock:
            self._open.add(host)
            self._failed_starts[loop] = 0
            if self._closing:
                host.close()
        self._local.host = host
        return host

    def _raise_if_closing(self) -> None:
        if self._closing:
            raise Interrupted

    def _drop(self, host: Host) -> None:
        host.close()
        with self._lock:
            self._open.discard(host)
        self._local.host = None

    def _not_started(self, loop: str, lost: Lost) -> Verdict:
        with self._lock:
            self._why[loop] = f"the loop could not be started, tried {STARTS_TRIED} times: {lost.reason}"
            self._failed_starts[loop] += 1
        return Verdict(lost.outcome, f"the loop could not be started: {lost.reason}", details=lost.details)


@dataclass(frozen=True)
class LoopStatus:
    """What became of starting a loop: its version, or why it is not here (`known` is false if nothing by that name is)."""

    version: str = ""
    problem: str = ""
    known: bool = True


def loop_status(room: Path, spec: str) -> LoopStatus:
    """Start the loop that `spec` names once in a process of its own and tell what came of it."""
    try:
        host = Host(room, spec)
    except UnknownTarget as unknown:
        return LoopStatus(problem=str(unknown), known=False)
    except Lost as lost:
        return LoopStatus(problem=lost.reason)
    host.close()
    return LoopStatus(version=host.version)
