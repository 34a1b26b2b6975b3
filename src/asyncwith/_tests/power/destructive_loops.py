"""Destructive loops: each would take a careless suite down with it. Used by `test_faulty_loops.py`.

Those that `late` marks behave until the process has run them twice, as it does before the first check, and then strike.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

Base = asyncio.SelectorEventLoop
runs = 0


def late(strike: Callable[[Base], object]) -> type[Base]:
    """Return a loop that behaves until the first check and strikes at the first callback of that."""

    class Late(Base):
        def __init__(self) -> None:
            global runs  # noqa: PLW0603 - what the process has seen, not the loop
            super().__init__()
            runs += 1
            if runs > 2:
                self.call_soon(strike, self)

    return Late


def early(strike: Callable[[], Any]) -> Callable[[], Base]:
    """Return a factory that strikes at once."""

    def make() -> Base:
        found: Base = strike()
        return found

    return make


def _spin() -> None:
    while True:
        pass


def _close_descriptors() -> None:
    os.closerange(0, 256)


def _exit_from_thread() -> None:
    timer = threading.Timer(0.01, os._exit, (1,))
    timer.start()
    time.sleep(10)


def _fork() -> None:
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    os._exit(0)


def _fork_and_go_on() -> None:
    os.fork()  # two processes now answer on one pipe


def _print_much() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.write("much\n" * 400_000)
        stream.flush()


def _print_on_wire() -> None:
    for descriptor in range(3, 12):
        try:
            os.write(descriptor, b"what is this\n")
        except OSError:
            continue


def _monkeypatch() -> None:
    for name in ("sleep", "gather", "create_task", "wait_for", "current_task", "all_tasks"):
        setattr(asyncio, name, None)
    json_ = sys.modules["json"]
    json_.dumps = None  # type: ignore[attr-defined]


def _leave_thread() -> None:
    threading.Thread(target=time.sleep, args=(60,), name="left").start()


def _raise_in_every_callback() -> None:
    raise SystemExit(0)


def _recurse() -> None:
    sys.setrecursionlimit(10**9)

    def deeper() -> None:
        deeper()

    deeper()


def _eat_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))
    held = []
    while True:
        held.append(bytearray(2**24))


def _take_alarm() -> None:
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGABRT, signal.SIGSEGV):
        signal.signal(number, signal.SIG_IGN)
    _spin()


HangsInSleep = late(lambda loop: time.sleep(1000))
Spins = late(lambda loop: _spin())
SpinsInC = late(lambda loop: sum(range(10**18)))
HoldsTheLock = late(lambda loop: ctypes.PyDLL(None).sleep(1000))
IgnoresSignals = late(lambda loop: _take_alarm())
NeverEnds = late(lambda loop: setattr(loop, "_ready", type(loop._ready)()))  # type: ignore[attr-defined]
Segfaults = late(lambda loop: ctypes.string_at(0))
Aborts = late(lambda loop: os.abort())
ExitsWithSuccess = late(lambda loop: os._exit(0))
ExitsFromThread = late(lambda loop: _exit_from_thread())
RaisesSystemExit = late(lambda loop: _raise_in_every_callback())
StopsItself = late(lambda loop: os.kill(os.getpid(), signal.SIGSTOP))
KillsItself = late(lambda loop: os.kill(os.getpid(), signal.SIGKILL))
KillsItsGroup = late(lambda loop: os.killpg(0, signal.SIGKILL))
InterruptsItself = late(lambda loop: os.kill(os.getpid(), signal.SIGINT))
ClosesDescriptors = late(lambda loop: _close_descriptors())
Forks = late(lambda loop: _fork())
ForksAndGoesOn = late(lambda loop: _fork_and_go_on())
PrintsMuch = late(lambda loop: _print_much())
PrintsOnTheWire = late(lambda loop: _print_on_wire())
EatsInput = late(lambda loop: (sys.stdin.read(), [os.read(fd, 10**6) for fd in (0,)]))
Monkeypatches = late(lambda loop: _monkeypatch())
LeavesThread = late(lambda loop: _leave_thread())
Recurses = late(lambda loop: _recurse())
EatsMemory = late(lambda loop: _eat_memory())

HangsBeforeFirstCallback = early(lambda: time.sleep(1000))
GivesNothing = early(lambda: None)
RaisesAtStart = early(lambda: 1 / 0)
ExitsAtStart = early(lambda: os._exit(0))
SegfaultsAtStart = early(lambda: ctypes.string_at(0))
QuitsAtStart = early(sys.exit)

LATE = sorted(
    name for name, value in list(globals().items()) if getattr(value, "__qualname__", "") == "late.<locals>.Late"
)
EARLY = sorted(
    name for name, value in list(globals().items()) if getattr(value, "__qualname__", "") == "early.<locals>.make"
)
