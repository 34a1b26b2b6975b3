"""What a scenario left behind: tasks, descriptors, threads, warnings, reports to the loop's exception handler.

Each finding is one line under one of the kinds that a clause may name in `leaves=`. What a loop leaves behind even when
nothing is asked of it is its habit: it fails the one clause about that, and is not held against every other scenario.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` shows handlers before Python 3.13, and so errors, which may raise
import asyncio
import gc
import logging
import os
import re
import signal
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from asyncwith.trace import describe

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["Leak", "LeakWatch", "beyond"]

DESCRIPTORS = next((folder for folder in ("/proc/self/fd", "/dev/fd") if os.path.isdir(folder)), None)  # noqa: PTH112 - read between every two checks
# Threads that a loop keeps for later on purpose; trio's wait ten seconds for the next job.
KEPT_THREADS = ("Trio thread", "AnyIO worker thread", "asyncio_", "asyncio-waitpid-", "ThreadPoolExecutor")
GRACE = 1.0  # seconds; a thread that has been told to end, or to give its name back to the pool, may have to wait for a turn
LEAKY_WARNINGS = (ResourceWarning, RuntimeWarning)


@dataclass(frozen=True)
class Leak:
    """One thing left behind. `kind` is the word for `leaves=`."""

    kind: str
    what: str

    @property
    def spoils(self) -> bool:
        """Whether the process is no longer as it was, so that the next check had better run in another one."""
        return self.kind in ("descriptors", "threads", "process")


def beyond(leaks: Iterable[Leak], habit: Iterable[Leak]) -> list[Leak]:
    """Return those of `leaks` that are not of the `habit`; numbers in them do not count as a difference."""
    forgiven = Counter(map(_shape, habit))
    rest = []
    for leak in leaks:
        if forgiven[_shape(leak)]:
            forgiven[_shape(leak)] -= 1
        else:
            rest.append(leak)
    return rest


def _shape(leak: Leak) -> str:
    return re.sub(r"\d+", "#", leak.what)


@dataclass
class LeakWatch:
    """Watch one scenario: `with LeakWatch() as watch: …`, then read `watch.leaks`."""

    leaks: list[Leak] = field(default_factory=list)

    def __enter__(self) -> LeakWatch:
        self._descriptors = _descriptors()
        self._threads = set(threading.enumerate())
        self._sigint = _signal.getsignal(signal.SIGINT)
        self._settings = _settings()
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self._note_unraisable
        self._caught = warnings.catch_warnings(record=True)
        self._warned = self._caught.__enter__()
        warnings.simplefilter("always")
        self._reports = _Reports(self.leaks)
        logging.getLogger("asyncio").addHandler(self._reports)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        gc.collect()
        self._caught.__exit__(None, None, None)
        sys.unraisablehook = self._unraisable
        logging.getLogger("asyncio").removeHandler(self._reports)
        for warning in self._warned or ():
            if issubclass(warning.category, LEAKY_WARNINGS):
                text = str(warning.message).partition("\n")[0]
                self._note("warnings", f"{warning.category.__name__}: {text}")
        self._look_at_process()

    def tasks(self) -> None:
        """Note the tasks that are not done although the scenario is; called inside an asyncio loop, at its end."""
        mine = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not mine and not task.done():
                code = getattr(task.get_coro(), "cr_code", None)
                name = getattr(code, "co_qualname", getattr(code, "co_name", "?"))
                self._note("tasks", f"the task of {name} is still pending")

    def _note_unraisable(self, args: UnraisableHookArgs, /) -> None:
        self._note("warnings", f"{args.err_msg or 'Exception ignored'}: {describe(args.exc_value)}")

    def _look_at_process(self) -> None:
        for thread in self._new_threads():
            self._note("threads", f"the thread {thread.name} still runs")
        for descriptor in _descriptors() - self._descriptors:
            self._note("descriptors", f"the descriptor {descriptor} is still open")
        if asyncio._get_running_loop() is not None:  # noqa: SLF001 - no public way to ask outside a coroutine
            asyncio._set_running_loop(None)  # noqa: SLF001 - or else not even this process could end well
            self._note("process", "a loop is still set as running after it was closed")
        if any(sys.get_asyncgen_hooks()):
            sys.set_asyncgen_hooks(None, None)
            self._note("process", "the asynchronous generator hooks are still installed")
        if _signal.getsignal(signal.SIGINT) != self._sigint:
            _signal.signal(signal.SIGINT, self._sigint)
            self._note("process", "the handler of SIGINT was not put back")
        now = _settings()
        for name, before in self._settings.items():
            if now[name] != before:
                self._note("process", f"{name} was not put back")

    def _new_threads(self) -> list[threading.Thread]:
        """Return the threads that are still at work although they have had time to end."""
        deadline = time.monotonic() + GRACE
        while True:
            new = [each for each in threading.enumerate() if each not in self._threads]
            new = [each for each in new if not each.name.startswith(KEPT_THREADS)]
            if not new or time.monotonic() > deadline:
                return new
            new[0].join(0.001)

    def _note(self, kind: str, what: str) -> None:
        self.leaks.append(Leak(kind, what))


class _Reports(logging.Handler):
    """Keeps what asyncio's default exception handler logs, such as 'Task exception was never retrieved'."""

    def __init__(self, leaks: list[Leak]) -> None:
        super().__init__(logging.ERROR)
        self.leaks = leaks

    def emit(self, record: logging.LogRecord) -> None:
        self.leaks.append(Leak("reports", record.getMessage().partition("\n")[0]))


def _settings() -> dict[str, object]:
    """Return what the whole process has one of, by its name: who changes it changes what the next scenario does."""
    settings: dict[str, object] = {
        "the collector": gc.isenabled(),
        "the recursion limit": sys.getrecursionlimit(),
        "the trace function": sys.gettrace(),
        "the profile function": sys.getprofile(),
        "the environment": dict(os.environ),
    }
    try:
        settings["the working directory"] = os.getcwd()  # noqa: PTH109 - read between every two checks
    except FileNotFoundError:
        settings["the working directory"] = None  # it was removed
    if sys.platform != "win32":
        settings["the signal mask"] = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        settings["the alarm"] = signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0)
    return settings


def _descriptors() -> set[int]:
    return {int(name) for name in os.listdir(DESCRIPTORS)} if DESCRIPTORS else set()  # noqa: PTH208 - read between every two checks
