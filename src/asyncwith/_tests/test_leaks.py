"""What is a leak and what only needs a moment more."""

from __future__ import annotations

import threading

import pytest

from asyncwith import leaks
from asyncwith.leaks import Leak, LeakWatch


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


def test_a_thread_that_does_not_end_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "GRACE", 0.05)
    may_end = threading.Event()
    with LeakWatch() as watch:
        threading.Thread(target=may_end.wait, name="a job").start()
    may_end.set()
    assert watch.leaks == [Leak("threads", "the thread a job still runs")]
