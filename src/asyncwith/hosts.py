"""Checks performed in child processes, side by side, and whatever becomes of those processes turned into outcomes.

pytest's own plugins for isolation were tried first. A worker of pytest-xdist serves all loops, so what one loop leaves
behind is blamed on another, and a stopped or lock-holding process is never noticed; hence a process per loop, watched from
outside by its pipe.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asyncwith.host import NO_LOOP
from asyncwith.verdicts import Outcome, Verdict

__all__ = ["NO_LOOP", "Check", "Hosts", "LoopStatus", "loop_status"]

# What a child runs. Nothing in the folder that people are in may shadow an import of ours; `-P` does that only from 3.11 on.
PROGRAM = "import sys; sys.path[:] = [p for p in sys.path if p]; from asyncwith.host import main; main()"
LOAD_LIMIT = 60.0  # seconds to start Python and import the clauses; half a second is usual
START_LIMIT = 10.0  # seconds to import the loop and to run it, with nothing to do
GRACE = 1.0  # what the watchdog inside gets before the one outside kills
STARTS_TRIED = 3  # a loop that could not be started so often in a row is not tried again
HANGS_BEFORE_HURRY = 5  # after so many, a loop's checks get HURRIED_LIMIT and no second try
HURRIED_LIMIT = 1.0
LAST_WORDS = 4000  # characters kept of what a lost process wrote


@dataclass(frozen=True)
class Check:
    """One clause on one loop (`NO_LOOP` outside any) with one library, all by the words that name them."""

    clause: str
    loop: str
    library: str


class HostLost(Exception):
    """The child process is gone, and why: the outcome for whatever it was doing."""

    def __init__(self, outcome: Outcome, reason: str, details: str = "", trace: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.details = details
        self.trace = trace


class Interrupted(Exception):
    """The run was given up while a check was being performed; nothing can be said about it."""


class UnknownTarget(Exception):
    """The module, file or name behind a `--loop` is not there."""


class Host:
    """One child process for one loop, from this side of the pipe."""

    def __init__(self, room: Path, spec: str, loop: str | None = None) -> None:
        """Start `spec`; `loop` is the word by which people call it, if that is another."""
        self.loop = loop or spec
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-c", PROGRAM, str(room), spec, str(START_LIMIT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            encoding="utf-8",
            start_new_session=True,
        )
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._hear, daemon=True, name=f"hear {spec}").start()
        try:
            self.version = self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self) -> str:
        self._next(LOAD_LIMIT, [])
        message = self._next(START_LIMIT, [])
        if "unknown" in message:
            raise UnknownTarget(message["unknown"])
        if "broken" in message:
            raise HostLost(Outcome.FAILED, message["broken"], message["details"])
        return str(message["ready"])

    def perform(self, clause: str, library: str, limit: float) -> tuple[Verdict, bool]:
        """Return the verdict on `clause` and whether this process is spent; `HostLost` if it did not survive."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        ask = {"clause": clause, "library": library, "limit": limit}
        with suppress(BrokenPipeError):  # it died in between: the answer will tell
            self._process.stdin.write(json.dumps(ask) + "\n")
            self._process.stdin.flush()
        trace: list[str] = []
        answer = self._next(limit, trace)
        return Verdict.from_json(answer["verdict"]), answer["dirty"]

    def _hear(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        with suppress(ValueError, OSError):  # closed under our feet by `close`
            for line in self._process.stdout:
                self._heard.put(line)
        self._heard.put("")

    def _next(self, limit: float, trace: list[str]) -> dict[str, Any]:
        """Return the next message that is not a line of the trace; those go to `trace`."""
        started = time.monotonic()
        while True:
            try:
                line = self._heard.get(timeout=max(0.0, started + limit + GRACE - time.monotonic()))
                message = json.loads(line) if line else None
            except queue.Empty:
                raise self._lost(
                    Outcome.TIMED_OUT, f"no end after {limit:g} s, and deaf to its watchdog", trace
                ) from None
            except ValueError:
                message = None
            if message is None:
                if time.monotonic() - started >= limit:
                    raise self._lost(Outcome.TIMED_OUT, f"no end after {limit:g} s", trace)
                raise self._lost(Outcome.CRASHED, self._death(), trace)
            if "line" not in message:
                return message  # type: ignore[no-any-return] # the wire is ours
            trace.append(message["line"])

    def _death(self) -> str:
        try:
            code = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            return "the process closed its pipe"
        if code < 0:
            with suppress(ValueError):
                return f"the process was killed by {signal.Signals(-code).name}"
        return f"the process exited with code {code}"

    def _lost(self, outcome: Outcome, reason: str, trace: list[str]) -> HostLost:
        self._kill()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace")[-LAST_WORDS:]
        return HostLost(outcome, reason, words, tuple(trace))

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)  # with whatever the scenario started
            else:
                self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._kill()
        for stream in (self._process.stdin, self._process.stdout, self._words):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr] # pipes were asked for


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
        self._hangs: Counter[str] = Counter()

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
        if not verdict.outcome.is_failure or self._hangs[check.loop] >= HANGS_BEFORE_HURRY:
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
        hurried = self._hangs[check.loop] >= HANGS_BEFORE_HURRY
        limit = min(HURRIED_LIMIT, self._limit) if hurried else self._limit
        try:
            host = self._host(check.loop)
        except HostLost as lost:
            self._raise_if_closing()
            return self._not_started(check.loop, lost)
        except UnknownTarget as unknown:
            return Verdict(Outcome.NOT_RUN, str(unknown))
        if host is None:
            return Verdict(Outcome.NOT_RUN, self._why[check.loop])
        started = time.monotonic()
        try:
            verdict, spent = host.perform(check.clause, self._specs.get(check.library, check.library), limit)
        except HostLost as lost:
            self._drop(host)
            self._raise_if_closing()
            if lost.outcome is Outcome.TIMED_OUT:
                self._hangs[check.loop] += 1
            reason = lost.reason + (
                f" (hurried: {check.loop} had hung in {HANGS_BEFORE_HURRY} checks before)" if hurried else ""
            )
            return Verdict(lost.outcome, reason, (), lost.trace, None, lost.details, time.monotonic() - started)
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

    def _not_started(self, loop: str, lost: HostLost) -> Verdict:
        with self._lock:
            self._failed_starts[loop] += 1
            self._why[loop] = f"the loop could not be started, tried {STARTS_TRIED} times: {lost.reason}"
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
    except HostLost as lost:
        return LoopStatus(problem=lost.reason)
    host.close()
    return LoopStatus(version=host.version)
