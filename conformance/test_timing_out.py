"""Timing out: what a deadline does to the managers inside it, and the timers and callbacks that deadlines are made of.

A deadline that has passed before the first await stands for one that passes later: no clock is needed to see what it
does. Where a timer must really run, nothing is asked but that it is not early and keeps its turn; how late it is
depends on the machine.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import random
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Logged, Names, Trace, by_loop, by_version, chain, clause

TIMEOUT = "library/asyncio-task.html#asyncio.timeout"
TIMEOUT_CLASS = "library/asyncio-task.html#asyncio.Timeout"
WAIT_FOR = "library/asyncio-task.html#asyncio.wait_for"
SCOPES = "anyio cancellation.html#timeouts; trio reference-core.html#cancellation-and-timeouts"
CALL_SOON = "library/asyncio-eventloop.html#asyncio.loop.call_soon"
CALL_LATER = "library/asyncio-eventloop.html#asyncio.loop.call_later"
CALL_AT = "library/asyncio-eventloop.html#asyncio.loop.call_at"
HANDLE = "library/asyncio-eventloop.html#asyncio.Handle.cancel"

DELAY = 0.03  # of a timer that really runs: long enough that firing at once, or at half time, is told apart
EARLY = DELAY * 0.9  # a clock of milliseconds, rounded, may fire one or two too soon


async def for_ever() -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()


def in_asyncio() -> bool:
    """Tell whether the loop that runs is of asyncio's kind."""
    return asyncio._get_running_loop() is not None


def end(task: asyncio.Task[Any]) -> str:
    """Say how a task ended."""
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return f"returned {task.result()!r}" if error is None else f"failed with {chain(error)}"


class LoggedExit(Logged):
    """A manager that traces only its exit."""

    async def __aenter__(self) -> object:
        return self


class UntilCalled:
    """A manager that gives a callback, and whose exit waits until that was called and then traces `exit`."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.called = asyncio.Event()

    async def __aenter__(self) -> Callable[[], None]:
        return self.called.set

    async def __aexit__(self, *args: object) -> None:
        await self.called.wait()
        self.trace("exit")


# asyncio.timeout


@clause(
    "TIME-01",
    source=TIMEOUT,
    versions=">=3.11",
    on="asyncio",
    expect=[
        "enter m",
        "exit m with Cancelled",
        "outside TimeoutError() <= Cancelled",
        "expired True",
        "requests 0",
        "goes on",
    ],
)
async def a_timeout_expires(trace: Trace) -> None:
    """When `asyncio.timeout` expires exits inside see the cancellation; outside it is a `TimeoutError` caused by that.

    Afterwards nothing of the cancellation is left in the task.
    """
    try:
        async with asyncio.timeout(DELAY) as timeout:
            async with Logged(trace, "m", suspends=1):
                await for_ever()
    except TimeoutError as error:
        trace("outside", chain(error))
    trace("expired", timeout.expired())
    trace("requests", asyncio.current_task().cancelling())
    await asyncio.sleep(0)
    trace("goes on")


@clause(
    "TIME-60",
    source=TIMEOUT,
    versions=">=3.11",
    on="asyncio",
    expect=["enter m", "exit m with Cancelled", "early False"],
)
async def a_timeout_is_not_early(trace: Trace) -> None:
    """`asyncio.timeout` does not expire before its delay is over."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(DELAY), Logged(trace, "m", suspends=1):
            await for_ever()
    except TimeoutError:
        trace("early", time.monotonic() - began < EARLY)


@clause(
    "TIME-61",
    source=TIMEOUT,
    versions=">=3.11",
    on="asyncio",
    expect=["enter m", "exit m", "expired False", "slept past the deadline", "requests 0"],
)
async def a_timeout_that_was_left_does_nothing(trace: Trace) -> None:
    """Once an `asyncio.timeout` was left in time, the passing of its deadline does nothing."""
    async with asyncio.timeout(3600) as timeout:
        async with Logged(trace, "m", suspends=1):
            pass
        timeout.reschedule(asyncio.get_running_loop().time() + DELAY / 2)
    trace("expired", timeout.expired())
    await asyncio.sleep(DELAY)
    trace("slept past the deadline")
    trace("requests", asyncio.current_task().cancelling())


@clause(
    "TIME-02",
    source="Lib/test/test_asyncio/test_timeouts.py",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=[
        "no await, timeout 0: left",
        "no await, timeout -1: left",
        "an await, timeout 0: TimeoutError()",
        "an await, timeout -1: TimeoutError()",
    ],
)
async def no_await_no_timeout(trace: Trace) -> None:
    """A timeout that has expired already does nothing to a body that never suspends, and ends one at its first
    suspension.
    """
    for awaits in (False, True):
        for delay in (0, -1):
            which = f"{'an' if awaits else 'no'} await, timeout {delay}:"
            try:
                async with asyncio.timeout(delay), Logged(Trace(), "m"):
                    if awaits:
                        await asyncio.sleep(0)
                trace(which, "left")
            except TimeoutError as error:
                trace(which, error)


@clause(
    "TIME-04",
    source=f"{TIMEOUT}; anyio cancellation.html#timeouts",
    expect=[
        "enter m",
        "exit m",
        "fail_after left",
        by_loop(asyncio=by_version({"3.10": [], "3.11": ["enter m", "exit m", "timeout left"]}), trio=[]),
    ],
)
async def a_deadline_that_passes_while_the_loop_is_blocked(trace: Trace) -> None:
    """A deadline that passes while the body blocks the loop raises nothing if no await follows."""
    with anyio.fail_after(0.001):
        async with Logged(trace, "m"):
            time.sleep(0.005)  # blocking is the point
    trace("fail_after left")
    if sys.version_info >= (3, 11) and in_asyncio():
        async with asyncio.timeout(0.001), Logged(trace, "m"):
            time.sleep(0.005)
        trace("timeout left")


@clause(
    "TIME-05",
    source=TIMEOUT,
    versions=">=3.11",
    on="asyncio",
    expect=[
        "inner expires: exit m with Cancelled, TimeoutError(), goes on, expired True and False",
        "outer expires: exit m with Cancelled, Cancelled, TimeoutError(), expired False and True",
    ],
)
async def nested_timeouts(trace: Trace) -> None:
    """An inner timeout that expires is a `TimeoutError` inside the outer; the cancellation of an outer one passes
    through the inner.
    """
    for which, outer_delay, inner_delay in (("inner expires:", 3600, 0), ("outer expires:", 0, 3600)):
        lines = Trace()
        try:
            async with asyncio.timeout(outer_delay) as outer:
                try:
                    async with asyncio.timeout(inner_delay) as inner, LoggedExit(lines, "m"):
                        await for_ever()
                except TimeoutError as error:
                    lines(error)
                    await asyncio.sleep(0)
                    lines("goes on")
                except BaseException as error:
                    lines(error)
                    raise
        except TimeoutError as error:
            lines(error)
        lines(f"expired {inner.expired()} and {outer.expired()}")
        trace(which, ", ".join(lines.lines))


@clause(
    "TIME-06",
    source="Lib/test/test_asyncio/test_timeouts.py",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=[
        "exit m with Cancelled",
        "between Cancelled",
        "outside TimeoutError()",
        "expired True and True",
        "requests 0",
    ],
)
async def two_timeouts_expire_at_once(trace: Trace) -> None:
    """If an outer and an inner timeout expire in the same cycle of the loop, only the outer one is a `TimeoutError`."""
    try:
        async with asyncio.timeout(0) as outer:
            try:
                async with asyncio.timeout(0) as inner, LoggedExit(trace, "m"):
                    await for_ever()
            except BaseException as error:
                trace("between", error)
                raise
    except TimeoutError as error:
        trace("outside", error)
    trace(f"expired {inner.expired()} and {outer.expired()}")
    trace("requests", asyncio.current_task().cancelling())


@clause(
    "TIME-07",
    source=TIMEOUT,
    versions=">=3.11",
    on="asyncio",
    expect=["exit m with Cancelled", "expired False", "cancelled"],
)
async def a_timeout_does_not_convert_another_cancellation(trace: Trace) -> None:
    """A cancellation from elsewhere passes through `asyncio.timeout` as it is."""

    async def work() -> None:
        async with asyncio.timeout(3600) as timeout:
            try:
                async with LoggedExit(trace, "m"):
                    waits.set()
                    await for_ever()
            finally:
                trace("expired", timeout.expired())

    waits = asyncio.Event()
    task = asyncio.create_task(work())
    await waits.wait()
    task.cancel()
    await asyncio.wait([task])
    trace(end(task))


@clause(
    "TIME-08",
    source="gh-102780",
    level="should",
    versions=">=3.11.7",
    on="asyncio",
    expect=["exit m with Cancelled", "expired True", "cancelled", "requests 1"],
)
async def a_timeout_and_a_cancellation_at_once(trace: Trace) -> None:
    """If a task is cancelled in the cycle in which its timeout expires, the cancellation wins: it is not turned into
    a `TimeoutError`.
    """

    async def work() -> None:
        async with asyncio.timeout(0) as timeout:
            try:
                async with LoggedExit(trace, "m"):
                    asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
                    await for_ever()
            finally:
                await asyncio.sleep(0)
                trace("expired", timeout.expired())

    task = asyncio.create_task(work())
    await asyncio.wait([task])
    trace(end(task))
    trace("requests", task.cancelling())


@clause(
    "TIME-10",
    source="gh-96037",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=[
        "exit m with Cancelled",
        by_version({"3.11": "ValueError('v') <- Cancelled", "3.13": "ValueError('v') <- TimeoutError() <= Cancelled"}),
        "expired True",
        "requests 0",
    ],
)
async def an_exit_turns_the_timeout_into_an_error(trace: Trace) -> None:
    """An error raised by an exit that the timeout interrupted is not replaced; from Python 3.13 on its context tells
    of the `TimeoutError`.
    """
    try:
        async with asyncio.timeout(0) as timeout, LoggedExit(trace, "m", fails_exit=ValueError("v")):
            await for_ever()
    except ValueError as error:
        trace(chain(error))
    trace("expired", timeout.expired())
    trace("requests", asyncio.current_task().cancelling())


@clause(
    "TIME-11",
    source="gh-113848",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=["exit m with Cancelled", by_version({"3.11": "outside Subclass", "3.13": "outside TimeoutError"})],
)
async def a_subclass_of_the_cancellation_is_converted(trace: Trace) -> None:
    """From Python 3.13 on a timeout converts subclasses of `CancelledError` too."""

    class Subclass(asyncio.CancelledError):
        pass

    try:
        async with asyncio.timeout(0), LoggedExit(trace, "m", fails_exit=Subclass()):
            await for_ever()
    except BaseException as error:
        trace("outside", type(error))


@clause(
    "TIME-12",
    source="library/asyncio-task.html#asyncio.Timeout.reschedule",
    versions=">=3.11",
    on="asyncio",
    expect=[
        "before: RuntimeError: Timeout has not been entered",
        "no deadline None",
        "exit m",
        "left, expired False",
        "after: RuntimeError: Cannot change state of finished Timeout",
        "rescheduled TimeoutError()",
    ],
)
async def rescheduling(trace: Trace) -> None:
    """`reschedule()` moves the deadline, with None away for good, while the timeout is active; before and after it
    is an error.
    """
    loop = asyncio.get_running_loop()
    timeout = asyncio.timeout(0)
    try:
        timeout.reschedule(None)
    except RuntimeError as error:
        trace(f"before: RuntimeError: {error}")
    async with timeout, LoggedExit(trace, "m"):
        timeout.reschedule(None)
        trace("no deadline", timeout.when())
        await asyncio.sleep(0)
    trace("left, expired", timeout.expired())
    try:
        timeout.reschedule(None)
    except RuntimeError as error:
        trace(f"after: RuntimeError: {error}")
    try:
        async with asyncio.timeout(None) as timeout:
            timeout.reschedule(loop.time() + 0.001)
            await for_ever()
    except TimeoutError as error:
        trace("rescheduled", error)


@clause(
    "TIME-13",
    source="gh-110910",
    level="should",
    versions=">=3.11.7",
    on="asyncio",
    expect=[
        "inside: RuntimeError: Timeout has already been entered",
        "exit m",
        "after: RuntimeError: Timeout has already been entered",
    ],
)
async def a_timeout_is_for_one_use(trace: Trace) -> None:
    """Entering an `asyncio.timeout` a second time, inside itself or later, is a `RuntimeError`."""

    async def enter_again(when: str) -> None:
        try:
            async with timeout:
                trace("entered again")
        except RuntimeError as error:
            trace(f"{when}: RuntimeError: {error}")

    timeout = asyncio.timeout(3600)
    async with timeout, LoggedExit(trace, "m"):
        await enter_again("inside")
    await enter_again("after")


@clause(
    "TIME-14",
    source="Lib/test/test_asyncio/test_timeouts.py",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=["RuntimeError('Timeout should be used inside a task')"],
)
async def a_timeout_needs_a_task(trace: Trace) -> None:
    """Entering an `asyncio.timeout` outside any task, in a callback of the loop, is a `RuntimeError`."""

    async def enter() -> None:
        async with asyncio.timeout(3600):
            trace("entered")

    def callback() -> None:
        try:
            enter().send(None)
        except RuntimeError as error:
            trace(error)
        called.set()

    called = asyncio.Event()
    asyncio.get_running_loop().call_soon(callback)
    await called.wait()


@clause(
    "TIME-15",
    source="library/asyncio-task.html#task-cancellation",
    level="informational",
    versions=">=3.11",
    on="asyncio",
    expect=["exit m with Cancelled", "goes on", "no TimeoutError, expired True", "requests 0"],
)
async def an_exit_that_swallows_defeats_the_timeout(trace: Trace) -> None:
    """If an exit inside swallows the cancellation of a timeout, no `TimeoutError` is raised, though the timeout says
    that it expired.
    """
    async with asyncio.timeout(0) as timeout:
        async with LoggedExit(trace, "m", suppress=True):
            await for_ever()
        await asyncio.sleep(0)
        trace("goes on")
    trace("no TimeoutError, expired", timeout.expired())
    trace("requests", asyncio.current_task().cancelling())


@clause(
    "TIME-17",
    source="gh-102780",
    level="should",
    versions=">=3.11.7",
    on="asyncio",
    expect=["exit with Cancelled", "cleanup TimeoutError()", "expired True", "cancelled", "requests 1"],
)
async def a_timeout_in_the_exit_of_a_cancelled_task(trace: Trace) -> None:
    """In an exit that `task.cancel()` caused a new timeout bounds the cleanup as ever, and the task still ends
    cancelled.
    """

    class Manager:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, kind: object, error: BaseException, traceback: object) -> None:
            trace("exit with", error)
            try:
                async with asyncio.timeout(0) as timeout:
                    await for_ever()
            except TimeoutError as expired:
                trace("cleanup", expired)
            trace("expired", timeout.expired())

    async def work() -> None:
        async with Manager():
            waits.set()
            await for_ever()

    waits = asyncio.Event()
    task = asyncio.create_task(work())
    await waits.wait()
    task.cancel()
    await asyncio.wait([task])
    trace(end(task))
    trace("requests", task.cancelling())


@clause(
    "TIME-19",
    source=TIMEOUT,
    versions=">=3.11",
    on="asyncio",
    expect=["body", "inner exit", "inner exit sees Cancelled", "exit outer with Cancelled", "outside TimeoutError()"],
)
async def a_timeout_expires_in_an_exit(trace: Trace) -> None:
    """If the timeout expires while an exit inside is suspended, the outer exits see the cancellation and only then
    it is a `TimeoutError`.
    """

    class Manager:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
            trace("inner exit", *([] if error is None else ["with", error]))
            try:
                await for_ever()
            except BaseException as interrupted:
                trace("inner exit sees", interrupted)
                raise

    try:
        async with asyncio.timeout(0), LoggedExit(trace, "outer"), Manager():
            trace("body")
    except TimeoutError as error:
        trace("outside", error)


@clause(
    "TIME-86",
    source="library/asyncio-task.html#asyncio.wait",
    on="asyncio",
    expect=["enter m", "done 0, pending 1", "early False", "exit m", "returned 7"],
)
async def waiting_with_a_timeout(trace: Trace) -> None:
    """`wait` with a timeout comes back when that is over, not before, and neither raises nor cancels."""

    async def work() -> int:
        async with Logged(trace, "m", suspends=1):
            await release.wait()
        return 7

    release = asyncio.Event()
    task = asyncio.create_task(work())
    began = time.monotonic()
    done, pending = await asyncio.wait([task], timeout=DELAY)
    early = time.monotonic() - began < EARLY
    trace(f"done {len(done)}, pending {len(pending)}")
    trace("early", early)
    release.set()
    await asyncio.wait([task])
    trace(end(task))


@clause(
    "TIME-87",
    source="library/asyncio-task.html#asyncio.timeout_at",
    versions=">=3.11",
    on="asyncio",
    expect=[
        "exit m with Cancelled",
        "in the past: TimeoutError()",
        "exit m with Cancelled",
        "to come: TimeoutError()",
        "early False",
    ],
)
async def a_timeout_at_a_time(trace: Trace) -> None:
    """`timeout_at` takes a time of the loop's clock, in the past or to come."""
    loop = asyncio.get_running_loop()
    for name, delay in (("in the past:", -1), ("to come:", DELAY)):
        began = time.monotonic()
        try:
            async with asyncio.timeout_at(loop.time() + delay), LoggedExit(trace, "m"):
                await for_ever()
        except TimeoutError as error:
            trace(name, error)
    trace("early", time.monotonic() - began < EARLY)


# Scopes with a deadline, on every loop


@clause(
    "TIME-62", source=SCOPES, expect=["enter m", "exit m with Cancelled", "called True", "caught True", "early False"]
)
async def move_on_after(trace: Trace) -> None:
    """`move_on_after` cancels what is inside when its delay is over, not before, and goes on without an error."""
    began = time.monotonic()
    with anyio.move_on_after(DELAY) as scope:
        async with Logged(trace, "m"):
            await anyio.Event().wait()
    early = time.monotonic() - began < EARLY
    trace("called", scope.cancel_called)
    trace("caught", scope.cancelled_caught)
    trace("early", early)


@clause("TIME-63", source=SCOPES, expect=["enter m", "exit m", "caught False", "slept past the deadline"])
async def a_scope_that_was_left_does_nothing(trace: Trace) -> None:
    """Once a scope was left in time, the passing of its deadline does nothing."""
    with anyio.CancelScope() as scope:
        async with Logged(trace, "m"):
            scope.deadline = anyio.current_time() + DELAY / 2
    trace("caught", scope.cancelled_caught)
    await anyio.sleep(DELAY)
    trace("slept past the deadline")


@clause(
    "TIME-03",
    source=SCOPES,
    expect=["exit a", "called True caught False", "exit b", "fail_after left", "exit c with Cancelled", "TimeoutError"],
)
async def no_checkpoint_no_timeout_of_a_scope(trace: Trace) -> None:
    """A scope that has expired does nothing to a body without a checkpoint; `fail_after` raises only if it caught a
    cancellation.
    """
    with anyio.move_on_after(0) as scope:
        async with LoggedExit(trace, "a"):
            pass
    trace("called", scope.cancel_called, "caught", scope.cancelled_caught)
    with anyio.fail_after(0):
        async with LoggedExit(trace, "b"):
            pass
    trace("fail_after left")
    try:
        with anyio.fail_after(0):
            async with LoggedExit(trace, "c"):
                await checkpoint()
    except TimeoutError as error:
        trace(type(error))


@clause(
    "TIME-16",
    source=SCOPES,
    level="informational",
    expect=["exit m with Cancelled", "goes on", "called True caught False"],
)
async def an_exit_that_swallows_and_a_scope(trace: Trace) -> None:
    """If an exit inside swallows the cancellation of a scope and no checkpoint follows, the scope has caught
    nothing.
    """
    with anyio.move_on_after(0) as scope:
        async with LoggedExit(trace, "m", suppress=True):
            await anyio.Event().wait()
        trace("goes on")
    trace("called", scope.cancel_called, "caught", scope.cancelled_caught)


@clause(
    "TIME-18",
    source=SCOPES,
    expect=["exit with Cancelled", "cleanup Cancelled", "inner called False caught False", "outer caught True"],
)
async def a_new_scope_in_the_exit_of_a_cancelled_one(trace: Trace) -> None:
    """In an exit that a scope's cancellation caused a new scope without shield protects nothing: its first await
    raises.
    """

    class Manager:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, kind: object, error: BaseException, traceback: object) -> None:
            trace("exit with", error)
            with anyio.move_on_after(3600) as inner:
                try:
                    await anyio.Event().wait()
                except BaseException as again:
                    trace("cleanup", again)
            trace("inner called", inner.cancel_called, "caught", inner.cancelled_caught)

    with anyio.move_on_after(0) as outer:
        async with Manager():
            await anyio.Event().wait()
    trace("outer caught", outer.cancelled_caught)


@clause(
    "TIME-24",
    source="anyio cancellation.html#shielding; trio reference-core.html#trio.CancelScope.shield",
    expect=["exit m with Cancelled", "inner caught True", "then Cancelled", "outer caught True"],
)
async def a_deadline_inside_a_shield(trace: Trace) -> None:
    """The deadline of a shielded scope takes effect although the outer scope was cancelled before, and the outer one
    after it.
    """
    with anyio.CancelScope() as outer:
        outer.cancel()
        with anyio.CancelScope(deadline=anyio.current_time() + DELAY / 10, shield=True) as inner:
            async with LoggedExit(trace, "m"):
                await anyio.Event().wait()
        trace("inner caught", inner.cancelled_caught)
        try:
            await checkpoint()
        except BaseException as error:
            trace("then", error)
            raise
    trace("outer caught", outer.cancelled_caught)


@clause(
    "TIME-25",
    source="anyio api.html#anyio.current_effective_deadline; trio reference-core.html#trio.current_effective_deadline",
    expect=["outside inf", "outer 10", "inner, later 10", "inner, sooner 5", "shielded 100", "outside again inf"],
)
async def the_effective_deadline(trace: Trace) -> None:
    """The effective deadline is the soonest of the scopes around, up to the first shield."""
    now = anyio.current_time()

    def effective() -> str:
        return f"{anyio.current_effective_deadline() - now:g}"

    trace("outside", effective())
    with anyio.CancelScope(deadline=now + 10):
        async with Logged(Trace(), "m", suspends=1):
            trace("outer", effective())
            with anyio.CancelScope(deadline=now + 100):
                trace("inner, later", effective())
            with anyio.CancelScope(deadline=now + 5):
                trace("inner, sooner", effective())
            with anyio.CancelScope(deadline=now + 100, shield=True):
                trace("shielded", effective())
    trace("outside again", effective())


@clause(
    "TIME-20",
    source=f"{TIMEOUT}; trio#2512",
    level="informational",
    expect=[
        "anyio at construction",
        by_loop(asyncio=by_version({"3.10": [], "3.11": "asyncio at construction"}), trio="trio at entry"),
    ],
)
async def when_a_delay_begins(trace: Trace) -> None:
    """The delay of `asyncio.timeout` and of anyio's `move_on_after` begins when they are made, that of trio's when
    it is entered.
    """
    scope = anyio.move_on_after(DELAY)
    made = anyio.current_time()
    time.sleep(DELAY / 3)  # time must pass between making and entering
    with scope:
        trace("anyio at", "construction" if scope.deadline <= made + DELAY else "entry")
    if not in_asyncio():
        import trio

        native = trio.move_on_after(DELAY)
        made = trio.current_time()
        time.sleep(DELAY / 3)
        with native:
            trace("trio at", "construction" if native.deadline <= made + DELAY else "entry")
    elif sys.version_info >= (3, 11):
        timeout = asyncio.timeout(DELAY)
        made = asyncio.get_running_loop().time()
        time.sleep(DELAY / 3)
        async with timeout:
            trace("asyncio at", "construction" if timeout.when() <= made + DELAY else "entry")


@clause(
    "TIME-21",
    source="anyio api.html#anyio.fail_after; trio reference-core.html#trio.TooSlowError",
    expect=[
        "exit m with Cancelled",
        "anyio TimeoutError True",
        by_loop(asyncio=[], trio=["exit m with Cancelled", "trio TooSlowError False"]),
    ],
)
async def the_error_of_fail_after(trace: Trace) -> None:
    """anyio's `fail_after` raises `TimeoutError` on every loop; trio's raises `TooSlowError`, which is none."""

    async def fail(name: str, fail_after: Callable[[float], Any]) -> None:
        try:
            with fail_after(0):
                async with LoggedExit(trace, "m"):
                    await anyio.Event().wait()
        except Exception as error:
            trace(name, type(error), isinstance(error, TimeoutError))

    await fail("anyio", anyio.fail_after)
    if not in_asyncio():
        import trio

        await fail("trio", trio.fail_after)


@clause(
    "TIME-22",
    source="reference/datamodel.html#asynchronous-context-managers",
    expect=by_version(
        {
            "3.10": ["fail_after AttributeError", "CancelScope AttributeError"],
            "3.11": ["fail_after TypeError", "CancelScope TypeError", by_loop(asyncio="timeout TypeError", trio=[])],
        }
    ),
)
async def the_wrong_statement_for_a_timeout(trace: Trace) -> None:
    """`asyncio.timeout` is for `async with` only, scopes are for `with` only; the other statement is refused before
    anything is entered.
    """
    for name, manager in (("fail_after", anyio.fail_after(3600)), ("CancelScope", anyio.CancelScope())):
        try:
            async with manager:
                trace(name, "entered")
        except (AttributeError, TypeError) as error:
            trace(name, type(error))
    if sys.version_info >= (3, 11) and in_asyncio():
        try:
            with asyncio.timeout(3600):
                trace("timeout entered")
        except TypeError as error:
            trace("timeout", type(error))


@clause(
    "TIME-26",
    source="anyio cancellation.html",
    expect=[
        "enter m",
        "exit m with Cancelled",
        "caught True",
        "enter m",
        "exit m with Cancelled",
        "outside TimeoutError",
    ],
)
async def a_deadline_inside_a_decorated_generator(trace: Trace, library: Names) -> None:
    """A generator with one `yield` inside a deadline behaves as a manager as the deadline itself would."""

    @library.asynccontextmanager
    async def limited(deadline: Any) -> AsyncIterator[Any]:
        with deadline as scope:
            async with Logged(trace, "m"):
                yield scope

    async with limited(anyio.move_on_after(0)) as scope:
        await anyio.Event().wait()
    trace("caught", scope.cancelled_caught)
    try:
        async with limited(anyio.fail_after(0)):
            await anyio.Event().wait()
    except TimeoutError as error:
        trace("outside", type(error))


# asyncio.wait_for


@clause(
    "TIME-64",
    source=WAIT_FOR,
    on="asyncio",
    expect=[
        "enter m",
        "exit m with Cancelled",
        "outside TimeoutError",
        "early False",
        by_version({"3.10": [], "3.11": "requests 0"}),
    ],
)
async def wait_for_expires(trace: Trace) -> None:
    """`wait_for` cancels what it waits for when its delay is over, not before, and raises only after the exits
    inside have run.
    """

    async def work() -> None:
        async with Logged(trace, "m", suspends=2):
            await for_ever()

    began = time.monotonic()
    try:
        await asyncio.wait_for(work(), DELAY)
    except asyncio.TimeoutError as error:
        trace("outside", type(error))
    trace("early", time.monotonic() - began < EARLY)
    if sys.version_info >= (3, 11):
        trace("requests", asyncio.current_task().cancelling())


@clause(
    "TIME-65",
    source=WAIT_FOR,
    on="asyncio",
    expect=[
        "enter m",
        "exit m",
        "gives 7",
        "enter n",
        "exit n with ValueError('v')",
        "raises ValueError('v')",
        "the same object True",
    ],
)
async def wait_for_gives_what_the_work_gives(trace: Trace) -> None:
    """What ends within the time of `wait_for` gives its result, or its own exception."""
    failure = ValueError("v")

    async def work() -> int:
        async with Logged(trace, "m", suspends=2):
            return 7

    async def failing() -> int:
        async with Logged(trace, "n", suspends=2):
            raise failure

    trace("gives", await asyncio.wait_for(work(), 3600))
    try:
        await asyncio.wait_for(failing(), 3600)
    except ValueError as error:
        trace("raises", error)
        trace("the same object", error is failure)


@clause("TIME-66", source=WAIT_FOR, on="asyncio", expect=["enter m", "exit m with Cancelled", "cancelled"])
async def wait_for_is_cancelled(trace: Trace) -> None:
    """If the task that waits in `wait_for` is cancelled, so is what it waits for, and its exits run before the task
    ends.
    """

    async def work() -> None:
        async with Logged(trace, "m", suspends=2):
            waits.set()
            await for_ever()

    waits = asyncio.Event()
    task = asyncio.create_task(asyncio.wait_for(work(), 3600))
    await waits.wait()
    task.cancel()
    await asyncio.wait([task])
    trace(end(task))


@clause(
    "TIME-23",
    source="gh-96764; library/asyncio-task.html#asyncio.wait_for",
    level="should",
    on="asyncio",
    expect=by_version({"3.10": ["same task False", "variable outside"], "3.12": ["same task True", "variable inside"]}),
)
async def the_task_of_wait_for(trace: Trace) -> None:
    """From Python 3.12 on `wait_for` runs a coroutine in the task that calls it: variables set inside are seen
    after; before, in a task of its own.
    """
    variable = contextvars.ContextVar("variable", default="outside")
    caller = asyncio.current_task()

    class Sets:
        async def __aenter__(self) -> None:
            trace("same task", asyncio.current_task() is caller)
            variable.set("inside")

        async def __aexit__(self, *args: object) -> None:
            await asyncio.sleep(0)

    async def work() -> None:
        async with Sets():
            pass

    await asyncio.wait_for(work(), 3600)
    trace("variable", variable.get())


# Sleeping


@clause(
    "TIME-67",
    source="anyio api.html#anyio.sleep; trio reference-core.html#trio.sleep",
    expect=["enter m", "early False", "exit m", "early False"],
)
async def sleeping_is_not_early(trace: Trace) -> None:
    """`sleep` and `sleep_until` do not return before their time."""
    began = time.monotonic()
    async with Logged(trace, "m", suspends=1):
        await anyio.sleep(DELAY)
        trace("early", time.monotonic() - began < EARLY)
        began, deadline = time.monotonic(), anyio.current_time() + DELAY
    await anyio.sleep_until(deadline)
    trace("early", time.monotonic() - began < EARLY)


@clause(
    "TIME-68",
    source="library/asyncio-task.html#sleeping",
    on="asyncio",
    expect=["entered in order True", "turns in order True", "left in order True", "gives 7"],
)
async def sleeping_for_nothing_takes_turns(trace: Trace) -> None:
    """`sleep(0)` lets every other task that is ready take its turn, in order; and `sleep` gives the result it was
    told.
    """
    turns: list[tuple[int, int]] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)  # so that eager tasks, too, enter when all are there
        async with Logged(lines, str(number)):
            for turn in range(10):
                await asyncio.sleep(0)
                turns.append((turn, number))

    lines = Trace()
    await asyncio.wait([asyncio.create_task(work(number)) for number in range(20)])
    trace("entered in order", lines.lines[:20] == [f"enter {number}" for number in range(20)])
    trace("turns in order", turns == [(turn, number) for turn in range(10) for number in range(20)])
    trace("left in order", lines.lines[20:] == [f"exit {number}" for number in range(20)])
    trace("gives", await asyncio.sleep(0, 7))


@clause("TIME-84", source="gh-127859", level="should", on="asyncio", expect=["early 0 of 20", "exit m"])
async def sleeping_is_not_early_by_less_than_a_millisecond(trace: Trace) -> None:
    """A sleep is not early by more than the resolution of the clock, not even one of less than a millisecond."""
    resolution = time.get_clock_info("monotonic").resolution
    early = 0
    async with LoggedExit(trace, "m"):
        for _ in range(20):
            began = time.monotonic()
            await asyncio.sleep(0.0004)
            early += time.monotonic() - began < 0.0004 - resolution
        trace("early", early, "of 20")


# The callbacks and timers of the loop


@clause(
    "TIME-70",
    source=CALL_SOON,
    on="asyncio",
    expect=["not yet called", "calls 200, each once and in order True", "exit"],
)
async def callbacks_come_in_order(trace: Trace) -> None:
    """`call_soon` calls back once, with the given arguments, after the caller has suspended, in the order in which
    it was called.
    """
    loop = asyncio.get_running_loop()
    calls: list[tuple[int, str]] = []

    def call_back(number: int, text: str) -> None:
        calls.append((number, text))

    async with UntilCalled(trace) as finish:
        for number in range(200):
            loop.call_soon(call_back, number, "text")
        loop.call_soon(finish)
        trace("called at once" if calls else "not yet called")
        await asyncio.sleep(0)
        in_order = calls == [(number, "text") for number in range(200)]
        trace(f"calls {len(calls)}, each once and in order {in_order}")


@clause(
    "TIME-71", source=CALL_SOON, on="asyncio", expect=["first", "second", "called by first", "called by second", "exit"]
)
async def callbacks_of_callbacks_come_after(trace: Trace) -> None:
    """What a callback schedules comes after everything that was scheduled before."""
    loop = asyncio.get_running_loop()

    def first() -> None:
        trace("first")
        loop.call_soon(trace, "called by first")

    def second(finish: Callable[[], None]) -> None:
        trace("second")
        loop.call_soon(trace, "called by second")
        loop.call_soon(finish)

    async with UntilCalled(trace) as finish:
        loop.call_soon(first)
        loop.call_soon(second, finish)


@clause("TIME-72", source=HANDLE, on="asyncio", expect=["cancelled False", "cancelled True", "a", "c", "e", "exit"])
async def a_cancelled_callback_is_not_called(trace: Trace) -> None:
    """A callback whose handle was cancelled, at once or by a callback just before it, is not called, and no other is
    lost.
    """
    loop = asyncio.get_running_loop()

    def c() -> None:
        trace("c")
        to_cancel.cancel()

    async with UntilCalled(trace) as finish:
        loop.call_soon(trace, "a")
        handle = loop.call_soon(trace, "b")
        trace("cancelled", handle.cancelled())
        handle.cancel()
        handle.cancel()
        trace("cancelled", handle.cancelled())
        loop.call_soon(c)
        to_cancel = loop.call_soon(trace, "d")
        loop.call_soon(trace, "e")
        loop.call_soon(finish)


@clause(
    "TIME-73",
    source=CALL_LATER,
    on="asyncio",
    expect=["5 ms", "10 ms", "15 ms", "20 ms", "exit", "early: none"],
)
async def timers_come_in_order_and_not_early(trace: Trace) -> None:
    """`call_later` calls back once, not before its time, and those due sooner first, however they were set."""
    loop = asyncio.get_running_loop()
    began, early = loop.time(), list[int]()

    def fire(delay: int) -> None:
        trace(f"{delay} ms")
        if loop.time() - began < delay / 1000 - 0.002:  # a clock of milliseconds may be two off
            early.append(delay)

    async with UntilCalled(trace) as finish:
        set_at_once(*((delay, fire, delay) for delay in (20, 5, 15, 10)))
        loop.call_later(0.025, finish)
    trace("early:", ", ".join(map(str, early)) or "none")


def set_at_once(*timers: tuple[Any, ...]) -> None:
    """Set timers, each `(milliseconds, callback, *arguments)`; again if the machine stalled meanwhile, which moves
    some of them.
    """
    loop = asyncio.get_running_loop()
    while True:
        began = time.monotonic()
        handles = [loop.call_later(delay / 1000, *call) for delay, *call in timers]
        if time.monotonic() - began < 0.002:
            return
        for handle in handles:
            handle.cancel()


@clause("TIME-74", source=CALL_LATER, on="asyncio", expect=[*(f"{due} ms" for due in range(5, 30, 5)), "exit"])
async def overdue_timers_come_in_order(trace: Trace) -> None:
    """Timers that all became due while the loop was blocked are called in the order in which they were due, each
    once.
    """
    async with UntilCalled(trace) as finish:
        set_at_once(*((due, trace, f"{due} ms") for due in (15, 5, 25, 20, 10)))
        asyncio.get_running_loop().call_later(0.03, finish)
        time.sleep(0.035)  # blocking is the point


@clause(
    "TIME-75",
    source=HANDLE,
    on="asyncio",
    expect=["in time: cancelled True", "due 2, cancels the next", "due 6", "exit", "slept: nothing more"],
)
async def a_cancelled_timer_does_not_fire(trace: Trace) -> None:
    """A timer that is cancelled before it is called never fires, even if it was due already and another callback of
    that cycle cancels it.
    """
    loop = asyncio.get_running_loop()

    def cancel_the_next() -> None:
        trace("due 2, cancels the next")
        overdue.cancel()

    async with UntilCalled(trace) as finish:
        in_time = loop.call_later(0.001, trace, "due 1, was cancelled in time")
        in_time.cancel()
        trace("in time: cancelled", in_time.cancelled())
        loop.call_later(0.002, cancel_the_next)
        overdue = loop.call_later(0.004, trace, "due 4, was cancelled when due")
        done = loop.call_later(0.006, trace, "due 6")
        loop.call_later(0.008, finish)
        time.sleep(0.012)  # all become due in the same cycle
    done.cancel()
    await asyncio.sleep(0.005)
    trace("slept: nothing more")


@clause("TIME-76", source=f"{CALL_LATER}; {CALL_AT}", on="asyncio", expect=["not yet", "fired 3", "exit"])
async def a_timer_for_now_or_the_past_fires(trace: Trace) -> None:
    """A timer without delay, or for a time that is over, fires as soon as the loop runs, not at once."""
    loop = asyncio.get_running_loop()
    fired: list[str] = []

    def fire(which: str, finish: Callable[[], None]) -> None:
        fired.append(which)
        if len(fired) == 3:
            trace("fired", len(set(fired)))
            finish()

    async with UntilCalled(trace) as finish:
        loop.call_later(0, fire, "no delay", finish)
        loop.call_later(-1, fire, "negative delay", finish)
        loop.call_at(loop.time() - 1, fire, "past", finish)
        trace("fired" if fired else "not yet")


@clause(
    "TIME-77",
    source=f"{CALL_LATER}; {HANDLE}",
    on="asyncio",
    expect=["fired once: 50 of 50", "cancelled but fired: 0", "early: 0", "exit"],
)
async def many_timers(trace: Trace) -> None:
    """Of a hundred timers with random delays each that was not cancelled fires once and not early, the others never."""
    loop, chance = asyncio.get_running_loop(), random.Random(2)
    to_cancel = set(chance.sample(range(100), 50))
    fired: list[int] = []
    early: list[int] = []

    def fire(number: int, due: float) -> None:
        fired.append(number)
        if loop.time() < due - 0.002:  # a clock of milliseconds may be two off
            early.append(number)

    async with UntilCalled(trace) as finish:
        handles = []
        for number in range(100):
            delay = chance.uniform(0.005, 0.02)
            handles.append(loop.call_later(delay, fire, number, loop.time() + delay))
        for number in to_cancel:
            handles[number].cancel()
        loop.call_later(0.03, finish)
        await asyncio.sleep(0.025)
        trace(f"fired once: {sum(fired.count(number) == 1 for number in set(range(100)) - to_cancel)} of 50")
        trace(f"cancelled but fired: {len(to_cancel & set(fired))}")
        trace(f"early: {len(early)}")


@clause("TIME-78", source=f"{CALL_SOON}; {CALL_LATER}", level="should", on="asyncio", expect=["timer", "exit"])
async def callbacks_do_not_starve_timers(trace: Trace) -> None:
    """A callback that schedules itself again and again does not keep a timer from firing."""
    loop = asyncio.get_running_loop()
    fired = False

    def spin() -> None:
        if not fired:
            loop.call_soon(spin)

    def fire(finish: Callable[[], None]) -> None:
        nonlocal fired
        fired = True
        trace("timer")
        finish()

    async with UntilCalled(trace) as finish:
        loop.call_soon(spin)
        loop.call_later(0.002, fire, finish)


@clause(
    "TIME-79",
    source="library/asyncio-eventloop.html#scheduling-callbacks; library/contextvars.html#asyncio-support",
    on="asyncio",
    expect=[
        "call_soon own given",
        "call_at own given",
        "call_later own given",
        "call_soon_threadsafe own given",
        "exit",
        "body own",
    ],
)
async def callbacks_keep_the_context(trace: Trace) -> None:
    """Callbacks and timers run in a copy-free view of the context they were given, or else of the one they were
    scheduled in.
    """
    loop = asyncio.get_running_loop()
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("given")
    given = contextvars.copy_context()
    variable.set("own")
    seen: dict[str, list[str]] = {}

    def look(name: str) -> None:
        seen.setdefault(name, []).append(variable.get())

    async with UntilCalled(trace) as finish:
        schedule: dict[str, Callable[..., object]] = {
            "call_soon": loop.call_soon,
            "call_at": partial(loop.call_at, loop.time()),
            "call_later": partial(loop.call_later, 0),
            "call_soon_threadsafe": loop.call_soon_threadsafe,
        }
        for name, call in schedule.items():
            call(look, name)
            call(look, name, context=given)
        loop.call_later(0.005, finish)
        await asyncio.sleep(0.003)
        for name in schedule:
            trace(name, *sorted(seen[name], reverse=True))
    trace("body", variable.get())


@clause(
    "TIME-80",
    source="library/asyncio-eventloop.html#asyncio.loop.call_soon_threadsafe",
    on="asyncio",
    expect=["woken in thread of the loop True", "exit"],
)
async def a_thread_wakes_a_sleeping_loop(trace: Trace) -> None:
    """`call_soon_threadsafe` wakes a loop that sleeps with nothing to do, and the callback runs in the loop's
    thread.
    """
    loop = asyncio.get_running_loop()
    home = threading.get_ident()

    def call_back(finish: Callable[[], None]) -> None:
        trace("woken in thread of the loop", threading.get_ident() == home)
        finish()

    def call(finish: Callable[[], None]) -> None:
        time.sleep(0.02)  # until the loop sleeps
        loop.call_soon_threadsafe(call_back, finish)

    async with UntilCalled(trace) as finish:
        thread = threading.Thread(target=call, args=[finish])
        thread.start()
    thread.join()


@clause(
    "TIME-81",
    source="library/asyncio-eventloop.html#asyncio.loop.call_soon_threadsafe",
    on="asyncio",
    expect=["calls 800", "in order True", "exit"],
)
async def callbacks_from_many_threads(trace: Trace) -> None:
    """Callbacks from several threads are each called once, those of one thread in their order."""
    loop = asyncio.get_running_loop()
    calls: list[tuple[int, int]] = []

    def call(thread: int) -> None:
        for number in range(200):
            loop.call_soon_threadsafe(calls.append, (thread, number))

    async with UntilCalled(trace) as finish:
        threads = [threading.Thread(target=call, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await loop.run_in_executor(None, thread.join)
        await asyncio.sleep(0)
        trace("calls", len(calls))
        trace("in order", all([n for t, n in calls if t == thread] == list(range(200)) for thread in range(4)))
        finish()


@clause(
    "TIME-82",
    source="library/asyncio-eventloop.html#error-handling-api",
    on="asyncio",
    expect=["reported ValueError('v')", "the next callback", "exit", "handler called for 1"],
)
async def a_failing_callback_is_reported(trace: Trace) -> None:
    """An exception of a callback goes to the loop's exception handler, once, and hurts neither the next callback nor
    any task.
    """
    loop = asyncio.get_running_loop()
    reports: list[BaseException] = []

    def handle(loop: asyncio.AbstractEventLoop, report: dict[str, Any]) -> None:
        reports.append(report["exception"])
        trace("reported", report["exception"])

    def fail() -> None:
        raise ValueError("v")

    loop.set_exception_handler(handle)
    async with UntilCalled(trace) as finish:
        loop.call_soon(fail)
        loop.call_soon(trace, "the next callback")
        loop.call_soon(finish)
    trace("handler called for", len(reports))


@clause(
    "TIME-83",
    source="library/asyncio-eventloop.html#asyncio.loop.time; anyio api.html#anyio.current_time",
    expect=["exit m", "goes back 0 times", "advances while the loop sleeps True"],
)
async def the_clock_does_not_go_back(trace: Trace) -> None:
    """The clock of the loop never goes back, and advances while the loop sleeps."""
    seen = [anyio.current_time()]
    async with LoggedExit(trace, "m"):
        for _ in range(100):
            await checkpoint()
            seen.append(anyio.current_time())
    trace("goes back", sum(later < sooner for sooner, later in itertools.pairwise(seen)), "times")
    before = anyio.current_time()
    await anyio.sleep(0.01)
    trace("advances while the loop sleeps", anyio.current_time() - before >= 0.008)


@clause(
    "TIME-100",
    source="library/asyncio-eventloop.html#asyncio.loop.time; anyio api.html#anyio.current_time",
    level="should",
    expect=["exit m", "advances while the loop is blocked True"],
)
async def the_clock_does_not_stand_still(trace: Trace) -> None:
    """The clock of the loop advances while a coroutine or an exit keeps the loop from its work: a timeout that is set
    afterwards would be too short.
    """
    before = anyio.current_time()
    async with LoggedExit(trace, "m"):
        time.sleep(0.01)
    trace("advances while the loop is blocked", anyio.current_time() - before >= 0.008)


@clause(
    "TIME-85",
    source="library/asyncio-eventloop.html#asyncio.TimerHandle",
    on="asyncio",
    expect=["call_later(0) tells when True", "call_later(60) tells when True", "call_at tells when True", "exit"],
)
async def what_setting_a_timer_gives(trace: Trace) -> None:
    """`call_later` and `call_at` give a handle whose `when()` tells the time that the timer is due, also without
    delay.
    """
    loop = asyncio.get_running_loop()
    async with UntilCalled(trace) as finish:
        now = loop.time()
        handles = {
            "call_later(0)": (now, loop.call_later(0, finish)),
            "call_later(60)": (now + 60, loop.call_later(60, finish)),
            "call_at": (now + 60, loop.call_at(now + 60, finish)),
        }
        for name, (due, handle) in handles.items():
            # a clock of milliseconds may be two off, and setting a timer takes its time
            trace(name, "tells when", hasattr(handle, "when") and -0.002 < handle.when() - due < 10)
    for _, handle in handles.values():
        handle.cancel()


@clause(
    "TIME-88",
    source="anyio api.html#anyio.sleep; library/asyncio-task.html#asyncio.sleep",
    level="should",
    expect=["some of many are punctual: True"],
)
async def timers_are_not_always_late(trace: Trace) -> None:
    """A timer may be late if the machine is busy, but not every one is."""
    punctual = 0
    for _ in range(20):
        due = anyio.current_time() + 0.001
        await anyio.sleep(0.001)
        punctual += anyio.current_time() - due < 0.03
        if punctual == 3:
            break
    trace("some of many are punctual:", punctual == 3)


@clause(
    "TIME-89",
    source="library/asyncio-eventloop.html#asyncio.loop.call_later; anyio api.html#anyio.sleep",
    level="should",
    expect=["asleep: True", "asleep with a timer of years: True"],
)
async def a_loop_that_waits_sleeps(trace: Trace) -> None:
    """A loop that has nothing to do but to wait uses next to no time of the processor, however long it is to wait."""

    async def share_of_processor() -> float:
        before = time.thread_time()
        await anyio.sleep(DELAY)
        return (time.thread_time() - before) / DELAY

    trace("asleep:", min([await share_of_processor() for _ in range(3)]) < 0.1)
    with anyio.move_on_after(100 * 365 * 86400):
        trace("asleep with a timer of years:", min([await share_of_processor() for _ in range(3)]) < 0.1)


@clause("TIME-90", source=HANDLE, on="asyncio", expect=["called: 0, 100, 200, 300, 400"])
async def many_timers_are_cancelled(trace: Trace) -> None:
    """Of hundreds of timers that are cancelled together, the few that are not are called."""
    loop, called = asyncio.get_running_loop(), list[int]()
    handles = [loop.call_later(0.001 + number / 1e5, called.append, number) for number in range(401)]
    for number, handle in enumerate(handles):
        if number % 100:
            handle.cancel()
    await asyncio.sleep(0.01)
    trace("called:", ", ".join(map(str, sorted(called))))


@clause(
    "TIME-91",
    source=HANDLE,
    on="asyncio",
    expect=["called", "cancelled in its callback", "cancelled again", "the next one is called"],
)
async def cancelling_what_was_called(trace: Trace) -> None:
    """Cancelling a timer in its own callback, or when it was called already, or once more, changes nothing."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def callback() -> None:
        trace("called")
        handle.cancel()
        trace("cancelled in its callback")

    handle = loop.call_later(0.001, callback)
    later = loop.call_later(0.01, done.set)
    await asyncio.sleep(0.005)
    handle.cancel()
    handle.cancel()
    trace("cancelled again")
    if later.cancelled():
        done.set()
    await done.wait()
    trace("the next one is", "cancelled" if later.cancelled() else "called")


@clause(
    "TIME-92",
    source=CALL_LATER,
    on="asyncio",
    expect=["called: a near one", "called: another near one", "those of years wait: True"],
)
async def timers_of_years(trace: Trace) -> None:
    """A timer may be set for any time to come, years too, and does not get in the way of nearer ones."""
    loop, called, done = asyncio.get_running_loop(), list[str](), asyncio.Event()
    far = [loop.call_later(years * 365 * 86400, called.append, "a far one") for years in (0.1, 1, 100)]
    loop.call_later(0.001, trace, "called: a near one")
    loop.call_later(0.002, lambda: (trace("called: another near one"), done.set()))
    await done.wait()
    trace("those of years wait:", not called and not any(handle.cancelled() for handle in far))
    for handle in far:
        handle.cancel()


@clause(
    "TIME-93",
    source="library/asyncio-task.html#sleeping; trio reference-core.html#trio.sleep",
    expect=["woken", "left"],
)
async def a_loop_that_waits_for_years(trace: Trace) -> None:
    """A loop with nothing to do but a sleep of years waits, and wakes for a thread."""
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 30 * 365 * 86400)
        await anyio.to_thread.run_sync(time.sleep, 0.02)  # so that there is nothing nearer to wait for
        trace("woken")
        group.cancel_scope.cancel()
    trace("left")


@clause(
    "TIME-101",
    source="anyio api.html; trio reference-core.html#trio.sleep_forever",
    expect=["the others had their turns", "exit m with Cancelled"],
)
async def sleeping_for_ever(trace: Trace) -> None:
    """`sleep_forever()`, which is a sleep of infinite length, lasts until it is cancelled."""

    async def sleep() -> None:
        async with LoggedExit(trace, "m"):
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep)
        for _ in range(3):
            await anyio.sleep(0.001)  # the loop looks at its timers
        trace("the others had their turns")
        tasks.cancel_scope.cancel()


@clause(
    "TIME-94",
    source=WAIT_FOR,
    on="asyncio",
    level="should",
    expect=["done before: result", "exit m with Cancelled", "TimeoutError", "who suppresses: suppressed"],
)
async def waiting_for_no_time(trace: Trace) -> None:
    """`wait_for` without any time gives what is done already, and cancels the rest; who suppresses that still gives a
    result.
    """
    started = asyncio.Event()

    async def suppress() -> str:
        started.set()
        try:
            await for_ever()
        except asyncio.CancelledError:
            return "suppressed"
        return "not reached"

    async def inside() -> None:
        async with LoggedExit(trace, "m"):
            started.set()
            await for_ever()

    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    done.set_result("result")
    trace("done before:", await asyncio.wait_for(done, 0))
    late = asyncio.create_task(inside())
    await started.wait()
    try:
        await asyncio.wait_for(late, 0)
    except asyncio.TimeoutError:
        trace("TimeoutError")
    started.clear()
    stubborn = asyncio.create_task(suppress())
    await started.wait()
    trace("who suppresses:", await asyncio.wait_for(stubborn, 0))


@clause(
    "TIME-95",
    source="library/asyncio-task.html#asyncio.as_completed",
    on="asyncio",
    expect=["first: in time", "second: TimeoutError", "cancelled: False"],
)
async def as_completed_with_a_timeout(trace: Trace) -> None:
    """When the time of `as_completed` is over, what is not done yet is a `TimeoutError`, and is not cancelled."""
    late, done = asyncio.create_task(for_ever()), asyncio.get_running_loop().create_future()
    done.set_result("in time")
    for name, result in zip(("first:", "second:"), asyncio.as_completed([late, done], timeout=DELAY), strict=True):
        try:
            trace(name, await result)
        except asyncio.TimeoutError:
            trace(name, "TimeoutError")
    trace("cancelled:", late.done())
    late.cancel()
    await asyncio.wait([late])


@clause(
    "TIME-96",
    source="trio reference-core.html#cancellation-and-timeouts",
    on="trio",
    expect=["move_on_after: cancelled", "move_on_at: cancelled", "fail_after: cancelled", "fail_at: cancelled"],
)
async def deadlines_of_trio_shield_nothing(trace: Trace) -> None:
    """Unless they are told to, trio's own deadlines do not shield from the cancellation outside."""
    import trio

    for deadline in trio.move_on_after, trio.move_on_at, trio.fail_after, trio.fail_at:
        with anyio.CancelScope() as outer:
            outer.cancel()
            with deadline(trio.current_time() + 1000):
                await checkpoint()
                trace(f"{deadline.__name__}: not cancelled")
        if outer.cancelled_caught:
            trace(f"{deadline.__name__}: cancelled")
