"""What is a leak and what only needs a moment more."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from asyncwith import leaks
from asyncwith.leaks import Leak, LeakWatch

LIMIT, FOLDER = sys.getrecursionlimit(), Path.cwd()


def mask(how: int) -> None:
    signal.pthread_sigmask(how, [signal.SIGUSR1])


def test_a_thread_that_is_about_to_end_is_no_leak() -> None:
    with LeakWatch() as watch:
        threading.Timer(0.05, lambda: None).start()
    assert watch.leaks == []


def test_a_thread_that_gives_its_name_back_to_the_pool_is_no_leak() -> None:
    named, may_end = threading.Event(), threading.Event()

    def work() -> None:
        named.wait()
        threading.current_thread().name = "Trio thread 1"
        may_end.wait()

    with LeakWatch() as watch:
        thread = threading.Thread(target=work, name="a job")
        thread.start()
        threading.Timer(0.05, named.set).start()
    may_end.set()
    assert watch.leaks == []


@pytest.mark.parametrize(
    ("change", "undo", "what"),
    [
        (gc.disable, gc.enable, "the collector"),
        (lambda: sys.setrecursionlimit(LIMIT + 1), lambda: sys.setrecursionlimit(LIMIT), "the recursion limit"),
        (lambda: os.chdir("/"), lambda: os.chdir(FOLDER), "the working directory"),
        (lambda: os.environ.update(LEFT="here"), lambda: os.environ.pop("LEFT"), "the environment"),
        (lambda: signal.alarm(60), lambda: signal.alarm(0), "the alarm"),
        (lambda: mask(signal.SIG_BLOCK), lambda: mask(signal.SIG_UNBLOCK), "the signal mask"),
    ],
)
def test_what_the_whole_process_has_one_of_is_to_be_put_back(change, undo, what) -> None:
    with LeakWatch() as watch:
        change()
        undo()
    assert watch.leaks == []
    with LeakWatch() as watch:
        change()
    undo()
    assert watch.leaks == [Leak("process", f"{what} was not put back")]
    assert watch.leaks[0].spoils


def test_a_thread_that_does_not_end_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "GRACE", 0.05)
    may_end = threading.Event()
    with LeakWatch() as watch:
        threading.Thread(target=may_end.wait, name="a job").start()
    may_end.set()
    assert watch.leaks == [Leak("threads", "the thread a job still runs")]
