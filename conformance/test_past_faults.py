"""Past faults: what releases of Python, anyio and trio once got wrong, so that no loop need get it wrong again.

Above each clause stands what was seen to fail it: the last release, or the Pythons.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import math
import sys
import tempfile
import threading
import time
import traceback
import types
import warnings
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint
from anyio.streams.file import FileReadStream, FileWriteStream

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

from asyncwith import Logged, Loop, Trace, any_order, chain, clause, describe

CANCEL = "library/asyncio-task.html#asyncio.Task.cancel"
UNCANCEL = "library/asyncio-task.html#asyncio.Task.uncancel"
WAIT_FOR = "library/asyncio-task.html#asyncio.wait_for"
EXECUTOR = "library/asyncio-eventloop.html#asyncio.loop.run_in_executor"
SCOPES = "anyio cancellation.html"
STARTING = "anyio tasks.html#starting-and-initializing-tasks"
LIMITERS = "anyio synchronization.html#capacity-limiters"
CONDITIONS = "anyio synchronization.html#conditions"
MEMORY = "anyio streams.html#memory-object-streams"
HISTORY = "anyio versionhistory.html"


class LoggedExit(Logged):
    """A manager that traces only its exit."""

    async def __aenter__(self) -> object:
        return self


async def others_wait() -> None:
    """Let the other tasks run until all of them wait; none of those here needs more turns."""
    for _ in range(10):
        await checkpoint()


# Cancelling


# anyio 4.15.1, and all on Python 3.10
@clause(
    "PAST-01",
    source=f"anyio#1214; {CANCEL}",
    on="asyncio",
    expect=[
        *["exit scope, task with Cancelled", "the task was cancelled: True"],
        *["exit task, scope with Cancelled", "the task was cancelled: True"],
    ],
)
async def a_scope_and_its_task_cancelled_together(trace: Trace) -> None:
    """If a scope and its task are cancelled in the same moment, the scope does not catch what is meant for the task."""

    async def work(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with LoggedExit(trace, name):
                await anyio.Event().wait()
        await checkpoint()
        trace("the task went on")

    for name in "scope, task", "task, scope":
        scope = anyio.CancelScope()
        task = asyncio.create_task(work(name, scope))
        await asyncio.sleep(0)
        cancel = {"scope": scope.cancel, "task": task.cancel}
        for each in name.split(", "):
            cancel[each]()
        await asyncio.wait([task])
        trace("the task was cancelled:", task.cancelled())


# anyio 4.12.1, the lone cancellation 4.0.0
@clause(
    "PAST-02",
    source=f"anyio#1091; anyio#634; {SCOPES}",
    expect=["alone: nothing left, caught True", "with an error: ExceptionGroup[ValueError('v')] left, caught True"],
)
async def a_cancellation_in_a_group_of_errors(trace: Trace) -> None:
    """A scope takes its cancellation out of a group of errors too, and lets the rest pass."""
    for name, errors in ("alone:", []), ("with an error:", [ValueError("v")]):
        scope, left = anyio.CancelScope(), "nothing"
        try:
            with scope:
                scope.cancel()
                try:
                    await checkpoint()
                except anyio.get_cancelled_exc_class() as error:
                    raise BaseExceptionGroup("both", [error, *errors]) from None
        except BaseExceptionGroup as group:
            left = describe(group)
        trace(name, left, "left, caught", scope.cancelled_caught)


# anyio 4.1.0
@clause(
    "PAST-03", source=f"anyio#642; {SCOPES}", expect=["exit child with Cancelled", "left the shield", "left the scope"]
)
async def a_shield_around_the_host_only(trace: Trace) -> None:
    """A cancellation reaches the tasks of a group also while the host of the group waits inside a shield."""

    async def child() -> None:
        try:
            async with LoggedExit(trace, "child"):
                await anyio.Event().wait()
        finally:
            over.set()

    over = anyio.Event()
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(child)
            with anyio.CancelScope(shield=True):
                await checkpoint()
                scope.cancel()
                await over.wait()
            trace("left the shield")
    trace("left the scope")


# anyio 4.5.2
@clause("PAST-04", source=f"anyio#698; {SCOPES}", expect=["exit between with Cancelled", "caught False True"])
async def both_scopes_are_cancelled(trace: Trace) -> None:
    """If both an inner and an outer scope are cancelled, it is the outer that catches: the code between does not go on."""
    with anyio.CancelScope() as outer:
        async with LoggedExit(trace, "between"):
            with anyio.CancelScope() as inner:
                inner.cancel()
                outer.cancel()
                await anyio.Event().wait()
            trace("went on between them")
    trace("caught", inner.cancelled_caught, outer.cancelled_caught)


# anyio 4.3.0, between the scopes 4.6.2
@clause(
    "PAST-05",
    source=f"anyio#716; anyio#790; {UNCANCEL}",
    on="asyncio",
    versions=">=3.11",
    expect=[
        "the only scope: 0",
        "the outer scope: 0",
        *["between both scopes: still counted True", "both scopes: 0"],
        "a group: 0",
        "a scope around a group: 0",
        "a group around a scope: 0",
        "a cleanup that was cancelled again: 0",
    ],
)
async def scopes_take_their_requests_back(trace: Trace) -> None:
    """However scopes and groups stand in each other, those that were left have taken back what they asked of the task,
    and those that were not have not.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - it runs this
    with anyio.CancelScope() as scope:
        scope.cancel()
        await checkpoint()
    trace("the only scope:", task.cancelling())
    with anyio.CancelScope() as outer, anyio.CancelScope():
        outer.cancel()
        await checkpoint()
    trace("the outer scope:", task.cancelling())
    with anyio.CancelScope() as outer:
        try:
            with anyio.CancelScope() as inner:
                inner.cancel()
                outer.cancel()
                await checkpoint()
        finally:
            trace("between both scopes: still counted", task.cancelling() > 0)
    trace("both scopes:", task.cancelling())
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.Event().wait)
        group.cancel_scope.cancel()
    trace("a group:", task.cancelling())
    with anyio.CancelScope() as outer:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.Event().wait)
            outer.cancel()
    trace("a scope around a group:", task.cancelling())
    async with anyio.create_task_group() as group:
        with anyio.CancelScope():
            group.start_soon(anyio.Event().wait)
            group.cancel_scope.cancel()
            await anyio.Event().wait()
    trace("a group around a scope:", task.cancelling())
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await checkpoint()
        finally:
            await checkpoint()
    trace("a cleanup that was cancelled again:", task.cancelling())


# anyio 4.4.0
@clause(
    "PAST-06",
    source="anyio#771; anyio api.html#anyio.TaskInfo.has_pending_cancellation",
    expect=["before: False", "cancelled: True", "in a shield: False", "in the exit: True", "after: False"],
)
async def a_pending_cancellation(trace: Trace) -> None:
    """A task can ask if its next await will be cancelled: inside of a cancelled scope, but for shields, it will."""
    task = anyio.get_current_task()
    trace("before:", task.has_pending_cancellation())
    with anyio.CancelScope() as scope:
        scope.cancel()
        trace("cancelled:", task.has_pending_cancellation())
        with anyio.CancelScope(shield=True):
            trace("in a shield:", task.has_pending_cancellation())
        try:
            await checkpoint()
        finally:
            trace("in the exit:", task.has_pending_cancellation())
    trace("after:", task.has_pending_cancellation())


# anyio 4.6.2
@clause(
    "PAST-07",
    source=f"anyio#832; {CANCEL}",
    on="asyncio",
    expect=["cancelled: True", "in the exit: False"],
)
async def a_cancellation_that_was_delivered(trace: Trace) -> None:
    """`task.cancel()` is pending until it was raised, and not afterwards: the exit may await."""

    async def work() -> None:
        task, own = anyio.get_current_task(), asyncio.current_task()
        assert own is not None  # noqa: S101 - it runs this
        try:
            own.cancel()
            trace("cancelled:", task.has_pending_cancellation())
            await asyncio.sleep(0)
        finally:
            trace("in the exit:", task.has_pending_cancellation())

    await asyncio.wait([asyncio.create_task(work())])


# anyio 4.13.0
@clause(
    "PAST-08",
    source="anyio#1113; anyio threads.html#sharing-cancellation-with-worker-threads",
    expect=["the thread sees Cancelled", "caught True", "went on"],
)
async def a_thread_asks_for_cancellation(trace: Trace) -> None:
    """What `check_cancelled()` raises in a worker thread ends at the scope that was cancelled."""

    def work() -> None:
        anyio.from_thread.run_sync(scope.cancel)
        try:
            anyio.from_thread.check_cancelled()
        except BaseException as error:
            trace("the thread sees", error)
            raise

    with anyio.CancelScope() as scope:
        await anyio.to_thread.run_sync(work)
    trace("caught", scope.cancelled_caught)
    await checkpoint()
    trace("went on")


# anyio 4.5.2
@clause("PAST-09", source=f"anyio#695; {SCOPES}", level="should", expect=["the loop sleeps: True"])
async def a_cancelled_group_waits_idly(trace: Trace) -> None:
    """A cancelled group that waits for a shielded task costs no processor time while it waits."""

    async def child() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.1)

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(child)
            await checkpoint()
            before = time.thread_time()
            scope.cancel()
    trace("the loop sleeps:", time.thread_time() - before < 0.02)  # a fifth of the wait; who spins takes all he can get


# Python before 3.12
@clause("PAST-10", source=f"gh-86296; {WAIT_FOR}", on="asyncio", expect=["exit m with Cancelled", "cancelled: True"])
async def wait_for_keeps_a_cancellation(trace: Trace) -> None:
    """A task that is cancelled in the moment in which what it waits for by `wait_for` is done is cancelled."""

    async def work() -> None:
        async with LoggedExit(trace, "m"):
            await asyncio.wait_for(future, 10)
        trace("went on")

    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    future.set_result(None)
    task.cancel()
    await asyncio.wait([task])
    trace("cancelled:", task.cancelled())


# anyio 4.15.1
@clause(
    "PAST-11",
    source="anyio#1317; anyio#1306; trio#2493",
    level="should",
    expect=["CancelScope", "move_on_after", "fail_after", "sleep"],
)
async def no_such_time(trace: Trace) -> None:
    """A deadline that is not a number is a ValueError, and so is a negative sleep, on every loop."""

    async def enter(scope: Callable[[float], Any]) -> None:
        with scope(math.nan):
            await checkpoint()

    acts: dict[str, Callable[[], Awaitable[None]]] = {
        "CancelScope": lambda: enter(lambda deadline: anyio.CancelScope(deadline=deadline)),
        "move_on_after": lambda: enter(anyio.move_on_after),
        "fail_after": lambda: enter(anyio.fail_after),
        "sleep": lambda: anyio.sleep(-1),
    }
    for name, act in acts.items():
        try:
            await act()
        except ValueError:
            trace(name)


# Task groups


# anyio 4.3.0
@clause(
    "PAST-20",
    source=f"anyio#685; {STARTING}",
    expect=["exit service with Cancelled", "start was cancelled: True", "exit neighbour"],
)
async def cancelling_a_start(trace: Trace) -> None:
    """If `start()` is cancelled, so is the task that it started, but neither the group nor its other tasks."""

    async def service(*, task_status: Any) -> None:
        async with LoggedExit(trace, "service"):
            inside.set()
            await anyio.Event().wait()

    async def neighbour() -> None:
        async with LoggedExit(trace, "neighbour"):
            await inside.wait()
            scope.cancel()
            await go_on.wait()

    inside, go_on = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(neighbour)
        with anyio.CancelScope() as scope:
            await group.start(service)
        trace("start was cancelled:", scope.cancelled_caught)
        go_on.set()


# anyio 4.3.0
@clause("PAST-21", source=f"anyio#706; {STARTING}", expect=["started", "exit service with Cancelled", "left the group"])
async def started_when_start_is_cancelled(trace: Trace) -> None:
    """A task may call `started()` although the one that waits for it was cancelled meanwhile."""

    async def service(*, task_status: Any) -> None:
        async with LoggedExit(trace, "service"):
            scope.cancel()
            task_status.started()
            trace("started")
            await anyio.Event().wait()

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            await group.start(service)
        group.cancel_scope.cancel()
    trace("left the group")


# anyio 4.14.2
@clause(
    "PAST-22",
    source=f"anyio#1197; {STARTING}",
    expect=["not yet cancelled", any_order("exit service with Cancelled", "start gives 7"), "left the group"],
)
async def starting_into_a_cancelled_group(trace: Trace) -> None:
    """A task that is being started belongs to its group only from `started()` on; only then the group's cancellation
    reaches it.
    """

    async def service(*, task_status: Any) -> None:
        async with LoggedExit(trace, "service"):
            group.cancel_scope.cancel()
            await checkpoint()
            trace("not yet cancelled")
            task_status.started(7)
            await anyio.Event().wait()

    async def starter() -> None:
        trace("start gives", await group.start(service))

    async with anyio.create_task_group() as outer:
        async with anyio.create_task_group() as group:
            outer.start_soon(starter)
            await anyio.Event().wait()
    trace("left the group")


# anyio 4.13.0
@clause(
    "PAST-23",
    source="anyio#1109",
    on="asyncio",
    level="should",
    expect=["inside itself: RuntimeError", "afterwards: RuntimeError"],
)
async def a_group_is_entered_twice(trace: Trace) -> None:
    """Entering a task group of anyio a second time, inside itself or later, is a RuntimeError."""

    async def enter(words: str) -> None:
        try:
            async with group:
                trace(words, "entered")
        except RuntimeError:
            trace(words, "RuntimeError")

    group = anyio.create_task_group()
    async with group:
        await enter("inside itself:")
    await enter("afterwards:")


# trio 0.33.0
@clause(
    "PAST-24",
    source=f"trio#3261; {STARTING}",
    level="should",
    expect=["start raises ValueError('v') <= KeyError('k')", "start raises ValueError('v') <- KeyError('k')"],
)
async def start_keeps_cause_and_context(trace: Trace) -> None:
    """What a task raises before it has started leaves `start()` with its own cause or context."""

    async def with_cause(*, task_status: Any) -> None:
        try:
            raise KeyError("k")
        except KeyError as error:
            raise ValueError("v") from error

    async def with_context(*, task_status: Any) -> None:
        try:
            raise KeyError("k")
        except KeyError:
            raise ValueError("v")  # noqa: B904 - its context is the point

    async with anyio.create_task_group() as group:
        for failing in with_cause, with_context:
            try:
                await group.start(failing)
            except ValueError as error:
                trace("start raises", chain(error))


# trio 0.31.0
@clause(
    "PAST-25", source="trio#3331; trio reference-core.html#trio.as_safe_channel", on="trio", expect=["got 1", "left"]
)
async def a_safe_channel_closed_by_another_task(trace: Trace) -> None:
    """When another task closes the channel of a generator, the manager around it is left without an error of its own."""
    import trio
    from trio.testing import wait_all_tasks_blocked

    @trio.as_safe_channel
    async def numbers() -> AsyncGenerator[int, None]:
        yield 1
        await closed.wait()
        yield 2

    async def close(channel: trio.abc.ReceiveChannel[int]) -> None:
        await wait_all_tasks_blocked()
        await channel.aclose()
        closed.set()

    closed = trio.Event()
    async with trio.open_nursery() as nursery, numbers() as channel:
        nursery.start_soon(close, channel)
        try:
            async for number in channel:
                trace("got", number)
        except trio.ClosedResourceError:
            await wait_all_tasks_blocked()  # the generator goes on and finds that nobody listens any more
    trace("left")


# trio 0.30.0
@clause(
    "PAST-26", source="trio#3324; trio reference-core.html#trio.as_safe_channel", on="trio", expect=["got 1", "left"]
)
async def a_safe_channel_over_a_nursery(trace: Trace) -> None:
    """Leaving a safe channel early raises nothing, although the nursery of its generator wraps the GeneratorExit."""
    import trio

    @trio.as_safe_channel
    async def numbers() -> AsyncGenerator[int, None]:
        async with trio.open_nursery():
            yield 1
            yield 2

    async with numbers() as channel:
        async for number in channel:
            trace("got", number)
            break
    trace("left")


# anyio 4.8.0
@clause(
    "PAST-27", source="anyio#863", on="asyncio", level="should", expect=["as many more for 8 groups as for 4: True"]
)
async def tracebacks_through_nested_groups(trace: Trace) -> None:
    """The printed traceback of an error that passes nested groups grows with their number, not with its square."""

    async def nest(depth: int) -> None:
        async with anyio.create_task_group():
            if depth:
                await nest(depth - 1)
            raise ValueError("v")

    async def tracebacks(depth: int) -> int:
        try:
            await nest(depth)
        except BaseExceptionGroup as error:
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            return text.count("Traceback")
        return 0

    none, four, eight = [await tracebacks(depth) for depth in (0, 4, 8)]
    trace("as many more for 8 groups as for 4:", eight - four == four - none > 0)


# anyio 4.14.2
@clause(
    "PAST-28",
    source="anyio#1274",
    on="asyncio",
    level="should",
    expect=["start_soon raises ValueError('v')", "left the group"],
)
async def a_task_factory_that_fails(trace: Trace) -> None:
    """If a task cannot be made its coroutine is closed, so that nobody is warned of it, and the group does not wait."""

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        raise ValueError("v")

    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    async with anyio.create_task_group() as group:
        loop.set_task_factory(factory)
        try:
            group.start_soon(checkpoint)
        except ValueError as error:
            trace("start_soon raises", error)
        finally:
            loop.set_task_factory(before)
    trace("left the group")


# anyio 4.6.0
@clause("PAST-29", source="anyio#806", level="should", expect=["scope: freed", "group: freed", "task: freed"])
async def scopes_and_groups_make_no_cycles(trace: Trace) -> None:
    """An error that passes a scope or a group, or that a task of the group raised, is freed when it was handled."""

    class CustomError(Exception):
        pass

    async def fail() -> None:
        raise CustomError

    async def scope() -> None:
        with anyio.CancelScope():
            await fail()

    async def group() -> None:
        async with anyio.create_task_group():
            await fail()

    async def task() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)

    async def handled(act: Callable[[], Awaitable[None]]) -> weakref.ref[BaseException]:
        try:
            await act()
        except BaseExceptionGroup as error:
            return weakref.ref(error.exceptions[0])
        except CustomError as error:
            return weakref.ref(error)
        raise AssertionError("nothing was raised")

    gc.disable()
    try:
        for act in scope, group, task:
            error = await handled(act)
            await checkpoint()
            trace(f"{act.__name__}:", "kept" if error() else "freed")
    finally:
        gc.enable()


# Python before 3.12.6
@clause("PAST-30", source=f"gh-112182; {EXECUTOR}", on="asyncio", expect=["RuntimeError('…') <= StopIteration('v')"])
async def a_thread_raises_stop_iteration(trace: Trace) -> None:
    """StopIteration cannot be raised into a coroutine: that of a worker thread is a RuntimeError, and nobody waits for ever."""

    def work() -> None:
        raise StopIteration("v")

    loop = asyncio.get_running_loop()
    try:
        await asyncio.wait_for(loop.run_in_executor(None, work), 1)
    except RuntimeError as error:
        trace("RuntimeError('…') <=", error.__cause__)


# Python before 3.13
@clause(
    "PAST-31",
    source="gh-133747; gh-116720; library/asyncio-task.html#task-groups",
    on="asyncio",
    versions=">=3.11",
    expect=["requests left: 0", "exit m with Cancelled", "TimeoutError"],
)
async def a_failed_group_inside_a_timeout(trace: Trace) -> None:
    """A task group that failed takes its own request back, so that a timeout around it still knows its cancellation."""

    async def fail() -> None:
        raise ValueError("v")

    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - it runs this
    try:
        async with asyncio.timeout(None) as timeout:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail())
            except BaseExceptionGroup:
                trace("requests left:", task.cancelling())
                async with LoggedExit(trace, "m"):
                    await others_wait()
                    timeout.reschedule(asyncio.get_running_loop().time())
                    await asyncio.sleep(10)
    except TimeoutError:
        trace("TimeoutError")


@contextmanager
def eager_tasks() -> Iterator[None]:
    """Make the running loop start tasks eagerly for a while."""
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore] # 3.12+
    try:
        yield
    finally:
        loop.set_task_factory(before)


# Python before 3.12.9, uvloop on 3.13
@clause(
    "PAST-32",
    source="gh-128588; library/asyncio-task.html#asyncio.eager_task_factory",
    on="asyncio",
    versions=">=3.12",
    expect=["ExceptionGroup[ValueError('v')]", "requests left: 0", "went on"],
)
async def a_task_fails_as_it_is_created(trace: Trace) -> None:
    """If an eager task of a group has failed already when it is created, no cancellation is left behind by the group."""

    async def fail() -> None:
        raise ValueError("v")

    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - it runs this
    try:
        with eager_tasks():
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
    except BaseExceptionGroup as error:
        trace(error)
    trace("requests left:", task.cancelling())
    await asyncio.sleep(0)
    trace("went on")


# Python before 3.12.9 and 3.13.2, uvloop on 3.13
@clause(
    "PAST-34",
    source="gh-128550; library/asyncio-task.html#asyncio.eager_task_factory",
    on="asyncio",
    versions=">=3.12",
    expect=["exit creator with Cancelled", "ExceptionGroup[ValueError('v')]"],
)
async def a_task_fails_while_its_creator_is_created(trace: Trace) -> None:
    """A failure in a group reaches also the eager task that is just being created and created the one that failed."""

    async def fail() -> None:
        raise ValueError("v")

    async def creator() -> None:
        async with LoggedExit(trace, "creator"):
            group.create_task(fail())
            await others_wait()

    try:
        with eager_tasks():
            async with asyncio.TaskGroup() as group:
                group.create_task(creator())
    except BaseExceptionGroup as error:
        trace(error)


# Python 3.12 to 3.13.11 and 3.14.0 to 3.14.2
@clause(
    "PAST-33",
    source="gh-142766; reference/datamodel.html#coroutine.close",
    level="should",
    expect=["coroutine: freed", "generator: freed"],
)
async def what_is_closed_before_it_starts(trace: Trace) -> None:
    """Closing a coroutine or a generator that never started frees its arguments, while the thing itself is kept."""

    class Argument:
        pass

    async def coroutine(argument: Argument) -> None:
        async with LoggedExit(trace, "m"):
            trace("never reached", argument)

    async def generator(argument: Argument) -> AsyncGenerator[Argument, None]:
        async with LoggedExit(trace, "m"):
            yield argument

    arguments = [Argument(), Argument()]
    freed = [weakref.ref(argument) for argument in arguments]
    closed, never = generator(arguments.pop()), coroutine(arguments.pop())
    never.close()
    trace("coroutine:", "kept" if freed[0]() else "freed")
    await closed.aclose()
    trace("generator:", "kept" if freed[1]() else "freed")


# Python 3.14 before 3.14.9
@clause(
    "PAST-100",
    source="gh-86802; gh-156321; library/asyncio-task.html#asyncio.shield",
    on="asyncio",
    versions=">=3.14",
    expect=["nobody asks: ValueError('v')", "somebody asks: nothing"],
)
async def an_error_behind_a_shield(trace: Trace) -> None:
    """If a shielded task fails when the one that waited for it is gone, that is reported, unless somebody asks for it."""

    async def fail() -> None:
        await go_on.wait()
        raise ValueError("v")

    async def wait(inner: asyncio.Task[None]) -> None:
        await asyncio.shield(inner)

    loop, reported = asyncio.get_running_loop(), list[object]()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda loop, context: reported.append(context.get("exception")))
    for words in "nobody asks:", "somebody asks:":
        go_on = asyncio.Event()
        inner = asyncio.create_task(fail())
        waiter = asyncio.create_task(wait(inner))
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait([waiter])
        go_on.set()
        await asyncio.wait([inner])
        if words == "somebody asks:":
            inner.exception()
        del inner, waiter
        gc.collect()
        trace(words, *(reported or ["nothing"]))
        reported.clear()
    loop.set_exception_handler(before)


# Python 3.13 to 3.14.8
@clause(
    "PAST-101",
    source="gh-158004; library/asyncio-task.html#asyncio.as_completed",
    on="asyncio",
    versions=">=3.13",
    expect=["cancelled", "got 1", "got 2"],
)
async def a_step_of_as_completed_is_cancelled(trace: Trace) -> None:
    """A step of `as_completed` that is cancelled takes nothing away: those that follow give all the results."""

    async def give(number: int) -> int:
        await go_on.wait()
        return number

    async def step() -> None:
        await anext(results)

    go_on = asyncio.Event()
    tasks = [asyncio.create_task(give(number)) for number in (1, 2)]
    results: Any = aiter(asyncio.as_completed(tasks))  # type: ignore[call-overload,unused-ignore] # since 3.13
    waiting = asyncio.create_task(step())
    await asyncio.sleep(0)
    waiting.cancel()
    try:
        await waiting
    except asyncio.CancelledError:
        trace("cancelled")
    go_on.set()
    async for task in results:
        trace("got", await task)


# Python 3.14 before 3.14.8
@clause(
    "PAST-102",
    source="gh-152569; gh-155143",
    on="asyncio",
    level="should",
    expect=["wait: freed", "wait_for: freed", "shield: freed", "as_completed: freed"],
)
async def who_waited_for_what_never_ends(trace: Trace) -> None:
    """A future that is never done does not keep the tasks that have stopped waiting for it."""

    async def first() -> None:
        for each in asyncio.as_completed([never], timeout=0):
            await each

    async def act(name: str) -> None:
        await acts[name]()

    never = asyncio.get_running_loop().create_future()
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "wait": lambda: asyncio.wait([never], timeout=0),
        "wait_for": lambda: asyncio.wait_for(asyncio.shield(never), 0.001),
        "shield": lambda: asyncio.shield(never),
        "as_completed": first,
    }
    for name in acts:
        task = asyncio.create_task(act(name))
        await asyncio.sleep(0)
        if name == "shield":
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        kept = weakref.ref(task)
        del task
        await asyncio.sleep(0)
        gc.collect()
        trace(f"{name}:", "freed" if kept() is None else "kept")


# Python 3.11 and 3.12
@clause(
    "PAST-103",
    source="gh-117459; library/asyncio-task.html#asyncio.run_coroutine_threadsafe",
    on="asyncio",
    level="should",
    expect=["TimeoutError: leads to the coroutine", "InvalidStateError: leads to the coroutine"],
)
async def a_traceback_in_a_thread(trace: Trace) -> None:
    """The traceback of an error that a coroutine hands over to a thread leads to where it was raised."""

    async def fail(kind: type[Exception]) -> None:
        raise kind("v")

    def call(kind: type[Exception]) -> str:
        try:
            asyncio.run_coroutine_threadsafe(fail(kind), loop).result()
        except kind as error:
            names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
            return "leads to the coroutine" if "fail" in names else "ends before"
        return "no error"

    loop = asyncio.get_running_loop()
    for kind in asyncio.TimeoutError, asyncio.InvalidStateError:
        trace(f"{kind.__name__}:", await asyncio.to_thread(call, kind))


# Python 3.12 to 3.13.2, uvloop on 3.13
@clause(
    "PAST-104",
    source="gh-128308; library/asyncio-task.html#asyncio.eager_task_factory",
    on="asyncio",
    versions=">=3.12",
    expect=["loop: n", "asyncio: n", "group: n"],
)
async def the_name_of_an_eager_task(trace: Trace) -> None:
    """A task that is started eagerly has its name from its first step on."""

    async def work(words: str) -> None:
        trace(words, anyio.get_current_task().name or "no name")

    with eager_tasks():
        await asyncio.get_running_loop().create_task(work("loop:"), name="n")
        await asyncio.create_task(work("asyncio:"), name="n")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work("group:"), name="n")


# Python 3.12 before 3.12.9, 3.13 before 3.13.2, uvloop on 3.13
@clause(
    "PAST-105",
    source="gh-128552",
    on="asyncio",
    level="should",
    versions=">=3.12",
    expect=["task: freed", "group: freed"],
)
async def an_eager_task_makes_no_cycle(trace: Trace) -> None:
    """The error of a task that failed while it was created is freed when it was handled."""

    class CustomError(Exception):
        pass

    async def fail() -> None:
        raise CustomError

    async def task() -> None:
        with eager_tasks():
            await asyncio.create_task(fail())

    async def group() -> None:
        with eager_tasks():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail())

    async def handled(act: Callable[[], Awaitable[None]]) -> weakref.ref[BaseException]:
        try:
            await act()
        except BaseExceptionGroup as error:
            return weakref.ref(error.exceptions[0])
        except CustomError as error:
            return weakref.ref(error)
        raise AssertionError("nothing was raised")

    gc.disable()
    try:
        for act in task, group:
            error = await handled(act)
            await asyncio.sleep(0)
            trace(f"{act.__name__}:", "kept" if error() else "freed")
    finally:
        gc.enable()


# Python 3.12 before 3.12.5
@clause(
    "PAST-106",
    source="gh-122332; library/asyncio-task.html#asyncio.Task.get_coro",
    on="asyncio",
    versions=">=3.12",
    expect=["no coroutine: True"],
)
async def the_coroutine_of_an_eager_task(trace: Trace) -> None:
    """A task that was done as it was made has no coroutine any more."""

    async def work() -> None:
        pass

    options: dict[str, Any] = {"eager_start": True}
    task = asyncio.Task(work(), loop=asyncio.get_running_loop(), **options)
    trace("no coroutine:", task.get_coro() is None)
    await task


@clause(
    "PAST-107",
    source=f"bpo-32751; bpo-40607; {WAIT_FOR}",
    on="asyncio",
    expect=[
        *["exit no time with Cancelled", "TimeoutError"],
        *["exit no time with Cancelled", "ValueError('v')"],
        *["exit some time with Cancelled", "ValueError('v')"],
    ],
)
async def the_exit_of_what_wait_for_cancels(trace: Trace) -> None:
    """`wait_for` waits until what it cancelled has ended, also where it gives no time, and raises what an exit raises."""

    async def work(name: str, error: ValueError | None) -> None:
        async with LoggedExit(trace, name, fails_exit=error, suspends=2):
            await asyncio.sleep(10)

    for name, delay, error in (
        ("no time", 0, None),
        ("no time", 0, ValueError("v")),
        ("some time", 0.001, ValueError("v")),
    ):
        task = asyncio.create_task(work(name, error))
        await asyncio.sleep(0)
        try:
            await asyncio.wait_for(task, delay)
        except asyncio.TimeoutError:
            trace("TimeoutError")
        except ValueError as raised:
            trace(raised)


@clause(
    "PAST-109",
    source="gh-94398; library/asyncio-task.html#task-groups",
    on="asyncio",
    versions=">=3.11",
    expect=["RuntimeError", "ExceptionGroup[KeyError('k')]"],
)
async def a_group_that_shuts_down(trace: Trace) -> None:
    """A task group in which a task has failed takes no more tasks, not even from the exit of a task that it cancels."""

    async def fail() -> None:
        raise KeyError("k")

    async def start_another() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            another = asyncio.sleep(0)
            try:
                group.create_task(another)
            except RuntimeError:
                trace("RuntimeError")
                another.close()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(start_another())
            await asyncio.sleep(0)
            group.create_task(fail())
    except BaseExceptionGroup as error:
        trace(error)


# Python 3.12 before 3.12.3, uvloop
@clause(
    "PAST-110",
    source="gh-111358; library/asyncio-eventloop.html#asyncio.loop.shutdown_default_executor",
    on="asyncio",
    versions=">=3.12",
    expect=["gave up: True", "warned: True"],
)
async def an_executor_that_does_not_end(trace: Trace) -> None:
    """The shutdown of the default executor gives up when its time is over, and warns."""
    loop, over = asyncio.get_running_loop(), threading.Event()
    options: dict[str, Any] = {"timeout": 0.01}
    working = loop.run_in_executor(None, over.wait)
    release = threading.Timer(1, over.set)
    release.start()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await loop.shutdown_default_executor(**options)
    trace("gave up:", not over.is_set())
    trace("warned:", bool(caught))
    release.cancel()
    over.set()
    await working
    release.join()


@clause(
    "PAST-111",
    source="gh-105331; library/asyncio-task.html#asyncio.sleep",
    on="asyncio",
    versions=">=3.13",
    expect=["ValueError"],
)
async def a_sleep_of_no_number(trace: Trace) -> None:
    """From Python 3.13 on, `asyncio.sleep` of what is not a number is a ValueError."""
    try:
        await asyncio.sleep(math.nan)
        trace("slept")
    except ValueError:
        trace("ValueError")


# Locks and their kin


# anyio 4.9.0
@clause(
    "PAST-40",
    source="anyio#947",
    level="should",
    expect=["Lock: c", "free again", "Semaphore: c", "free again", "CapacityLimiter: c", "free again"],
)
async def waiters_cancelled_before_the_release(trace: Trace) -> None:
    """If the first who wait are cancelled in the moment before the release, the one behind them is let in."""

    async def wait(name: str, manager: Any, scope: anyio.CancelScope) -> None:
        with scope:
            async with manager:
                trace(name)

    for manager in anyio.Lock(), anyio.Semaphore(1), anyio.CapacityLimiter(1):
        kind = type(manager).__name__.removesuffix("Adapter")
        async with anyio.create_task_group() as tasks:
            async with manager:
                scopes = {name: anyio.CancelScope() for name in "abc"}
                for name, scope in scopes.items():
                    tasks.start_soon(wait, f"{kind}: {name}", manager, scope)
                    await others_wait()
                scopes["a"].cancel()
                scopes["b"].cancel()
        async with manager:
            trace("free again")


# anyio 4.14.1
@clause("PAST-41", source=f"anyio#1170; {LIMITERS}", expect=["nothing is free", "borrowed 1", "the other has it"])
async def a_token_is_promised(trace: Trace) -> None:
    """The token that is given back is the one's who waits for it: nobody else gets it before he runs again."""

    async def other() -> None:
        async with limiter:
            trace("the other has it")

    limiter = anyio.CapacityLimiter(1)
    async with anyio.create_task_group() as tasks:
        async with limiter:
            tasks.start_soon(other)
            await others_wait()
        try:
            limiter.acquire_on_behalf_of_nowait("another still")
        except anyio.WouldBlock:
            trace("nothing is free")
        trace("borrowed", limiter.borrowed_tokens)


# anyio 4.14.2, waking 4.1.0
@clause(
    "PAST-42",
    source=f"anyio#1223; {LIMITERS}",
    expect=["2 of 2, 3 wait", "3 of 3, 2 wait", "3 of 1, 2 wait", "3 of 2, 2 wait", "5 were served"],
)
async def the_total_of_a_limiter_changes(trace: Trace) -> None:
    """When the total of a limiter changes, just as many tasks go on as are allowed then, and none is forgotten."""

    async def work(name: str) -> None:
        async with limiter:
            await over.wait()
        served.append(name)

    limiter, over, served = anyio.CapacityLimiter(2), anyio.Event(), list[str]()
    async with anyio.create_task_group() as tasks:
        for name in "abcde":
            tasks.start_soon(work, name)
        for total in 2, 3, 1, 2:
            limiter.total_tokens = total
            await others_wait()
            state = limiter.statistics()
            trace(f"{state.borrowed_tokens} of {total}, {state.tasks_waiting} wait")
        over.set()
    trace(f"{len(served)} were served")


# anyio 4.15.1
@clause(
    "PAST-43",
    source=f"{HISTORY}; {LIMITERS}",
    on="asyncio",
    expect=["cancelled True", "given back True", "own token kept True"],
)
async def borrowing_is_cancelled(trace: Trace) -> None:
    """If a task that borrows on behalf of something is cancelled meanwhile, that token is given back, and no other."""

    async def work() -> None:
        async with limiter:
            try:
                await limiter.acquire_on_behalf_of("something")
            finally:
                borrowers = limiter.statistics().borrowers
                given_back.append("something" not in borrowers)
                kept.append(asyncio.current_task() in borrowers)

    limiter, given_back, kept = anyio.CapacityLimiter(2), list[bool](), list[bool]()
    task = asyncio.create_task(work())
    while limiter.borrowed_tokens < 2:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    trace("cancelled", task.cancelled())
    trace("given back", *map(str, given_back))
    trace("own token kept", *map(str, kept))


# anyio 4.14.1
@clause(
    "PAST-44",
    source=f"anyio#1218; {LIMITERS}",
    expect=[f"{kind}: WouldBlock of anyio" for kind in ("limiter", "lock", "semaphore", "send", "receive")],
)
async def what_would_block(trace: Trace) -> None:
    """Who asks not to wait gets anyio's WouldBlock on every loop."""

    async def hold() -> None:
        async with limiter, lock, semaphore:
            held.set()
            await over.wait()

    limiter, lock, semaphore = anyio.CapacityLimiter(1), anyio.Lock(), anyio.Semaphore(1)
    held, over = anyio.Event(), anyio.Event()
    sender, receiver = anyio.create_memory_object_stream[None](0)
    acts: dict[str, Callable[[], object]] = {
        "limiter": limiter.acquire_nowait,
        "lock": lock.acquire_nowait,
        "semaphore": semaphore.acquire_nowait,
        "send": lambda: sender.send_nowait(None),
        "receive": receiver.receive_nowait,
    }
    async with anyio.create_task_group() as tasks, sender, receiver:
        tasks.start_soon(hold)
        await held.wait()
        for kind, act in acts.items():
            try:
                act()
            except anyio.WouldBlock:
                trace(f"{kind}: WouldBlock of anyio")
        over.set()


# anyio 4.12.1
@clause("PAST-45", source=f"anyio#1075; {CONDITIONS}", expect=["notified"])
async def a_cancelled_waiter_is_passed_over(trace: Trace) -> None:
    """A notification is not spent on a task that was cancelled just before: the next that waits gets it."""

    async def wait(scope: anyio.CancelScope) -> None:
        with scope:
            async with condition:
                await condition.wait()
                trace("notified")

    condition = anyio.Condition()
    scopes = [anyio.CancelScope(), anyio.CancelScope()]
    async with anyio.create_task_group() as tasks:
        for scope in scopes:
            tasks.start_soon(wait, scope)
            await others_wait()
        async with condition:
            scopes[0].cancel()
            condition.notify()
        await others_wait()
        scopes[1].cancel()


# Python before 3.13
@clause(
    "PAST-46",
    source="gh-112202; library/asyncio-sync.html#asyncio.Condition.notify",
    on="asyncio",
    level="should",
    expect=["first: Cancelled", "second: notified"],
)
async def a_notified_task_is_cancelled(trace: Trace) -> None:
    """A notification whose receiver is cancelled before it could take the lock back goes to the next that waits."""

    async def wait(name: str) -> None:
        async with condition:
            try:
                await condition.wait()
                trace(name, "notified")
            except asyncio.CancelledError as error:
                trace(name, error)
                raise

    condition = asyncio.Condition()
    first, second = (asyncio.create_task(wait(name)) for name in ("first:", "second:"))
    await asyncio.sleep(0)
    async with condition:
        condition.notify()
        first.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([first, second])


# anyio 4.15.1
@clause("PAST-47", source=f"anyio#1319; {CONDITIONS}", expect=["notified"])
async def a_condition_whose_lock_is_held(trace: Trace) -> None:
    """Whoever holds the lock of a condition may notify, however the lock was taken."""

    async def wait() -> None:
        async with condition:
            await condition.wait()
            trace("notified")

    lock = anyio.Lock()
    condition = anyio.Condition(lock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await others_wait()
        async with lock:
            condition.notify()


# anyio 4.3.0
@clause("PAST-48", source=f"anyio#728; {MEMORY}", expect=["cancel, send: kept True", "send, cancel: kept True"])
async def an_item_for_a_cancelled_receiver(trace: Trace) -> None:
    """An item that is sent in the moment in which its receiver is cancelled is not lost."""

    async def receive(scope: anyio.CancelScope, received: list[str]) -> None:
        with scope:
            received.append(await receiver.receive())

    for order in "cancel, send", "send, cancel":
        sender, receiver = anyio.create_memory_object_stream[str](1)
        scope, received = anyio.CancelScope(), list[str]()
        async with sender, receiver:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(receive, scope, received)
                await others_wait()
                for each in order.split(", "):
                    scope.cancel() if each == "cancel" else sender.send_nowait("item")
            kept = received or receiver.statistics().current_buffer_used
            trace(f"{order}: kept", bool(kept))


# anyio 4.15.1, the receiver closes 4.3.0
@clause(
    "PAST-49",
    source=f"anyio#731; anyio#1391; {MEMORY}",
    expect=[
        *["the receiver closes: BrokenResourceError", "the sender closes: EndOfStream"],
        *["the sender closes itself: ClosedResourceError", "the receiver closes itself: ClosedResourceError"],
    ],
)
async def an_end_of_a_stream_closes(trace: Trace) -> None:
    """Closing an end of a memory stream wakes those who wait at the other end, and those who wait at the same one."""

    async def use(words: str, act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
            trace(words, "went well")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream) as error:
            trace(words, type(error).__name__)

    for words, sends, sender_closes in (
        ("the receiver closes:", True, False),
        ("the sender closes:", False, True),
        ("the sender closes itself:", True, True),
        ("the receiver closes itself:", False, False),
    ):
        sender, receiver = anyio.create_memory_object_stream[None](0)
        async with sender, receiver:
            with anyio.move_on_after(1):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(use, words, (lambda: sender.send(None)) if sends else receiver.receive)
                    await others_wait()
                    (sender if sender_closes else receiver).close()


# trio 0.26.2
@clause("PAST-50", source="trio#3035; trio reference-core.html#trio.Lock", on="trio", expect=["BrokenResourceError"])
async def the_holder_of_a_lock_is_gone(trace: Trace) -> None:
    """Whoever waits for a lock of trio whose holder ended without a release gets an error instead of waiting for ever."""
    import trio
    from trio.testing import wait_all_tasks_blocked

    async def hold() -> None:
        await lock.acquire()
        held.set()
        await wait_all_tasks_blocked()

    lock, held = trio.Lock(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold)
        await held.wait()
        with trio.move_on_after(1):
            try:
                await lock.acquire()
            except trio.BrokenResourceError:
                trace("BrokenResourceError")


# anyio 4.15.1, the tokens 4.14.0
@clause(
    "PAST-51",
    source="anyio#1183; anyio#1189; anyio#1348; anyio#1362; anyio synchronization.html",
    expect=["tokens: inf", "tokens: 0", "held: False", "fast: True"],
)
def locks_that_are_older_than_the_loop(loop: Loop, trace: Trace) -> None:
    """Locks that were made before the loop ran are what they are inside of it."""
    limiter, lock, semaphore = anyio.CapacityLimiter(1), anyio.Lock(), anyio.Semaphore(1, fast_acquire=True)
    for total in float("inf"), 0:
        limiter.total_tokens = total
        trace("tokens:", limiter.total_tokens)
    trace("held:", lock.locked())

    async def neighbour() -> None:
        ran.set()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(neighbour)
            async with semaphore:
                trace("fast:", not ran.is_set())

    ran = threading.Event()
    loop.run(main)


@clause("PAST-52", source="bpo-45416; library/asyncio-sync.html#asyncio.Condition", on="asyncio", expect=["notified"])
async def a_condition_with_a_lock_of_its_own(trace: Trace) -> None:
    """A condition can be made with a lock that there is already."""

    async def wait() -> None:
        async with condition:
            await condition.wait()
            trace("notified")

    lock = asyncio.Lock()
    condition = asyncio.Condition(lock)
    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    async with lock:
        condition.notify()
    await waiting


@clause(
    "PAST-53",
    source="anyio#398; anyio synchronization.html",
    on="asyncio",
    expect=["Lock: the next", "Semaphore: the next", "CapacityLimiter: the next"],
)
async def a_lock_of_anyio_is_released_for_a_cancelled_task(trace: Trace) -> None:
    """If the task that a lock of anyio was released for is cancelled by `task.cancel()`, the one behind it is let in."""

    async def wait(manager: Any, words: str) -> None:
        async with manager:
            trace(words)

    for manager in anyio.Lock(), anyio.Semaphore(1), anyio.CapacityLimiter(1):
        kind = type(manager).__name__.removesuffix("Adapter")
        async with manager:
            first = asyncio.create_task(wait(manager, f"{kind}: the cancelled one"))
            await others_wait()
            second = asyncio.create_task(wait(manager, f"{kind}: the next"))
            await others_wait()
        first.cancel()
        await asyncio.wait([first, second], timeout=1)
        second.cancel()
        await asyncio.wait([second])


@clause("PAST-54", source=f"{HISTORY}; {LIMITERS}", expect=["a", "b", "c"])
async def the_order_of_a_limiter(trace: Trace) -> None:
    """Tasks that wait for a limiter get its tokens in the order in which they began to wait."""

    async def wait(name: str) -> None:
        async with limiter:
            trace(name)

    limiter = anyio.CapacityLimiter(1)
    async with anyio.create_task_group() as tasks, limiter:
        for name in "abc":
            tasks.start_soon(wait, name)
            await others_wait()


# Resources and threads


# anyio 4.15.1
@clause(
    "PAST-60",
    source="anyio#1318; anyio streams.html#file-streams",
    expect=["FileReadStream: closed True", "FileWriteStream: closed True"],
)
async def file_streams_are_closed(trace: Trace) -> None:
    """A file stream closes its file when a cancellation leaves it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.touch()
        for kind in FileReadStream, FileWriteStream:
            file = path.open("rb" if kind is FileReadStream else "wb")
            with anyio.CancelScope() as scope:
                async with kind(file):
                    scope.cancel()
            trace(f"{kind.__name__}: closed", file.closed)
            file.close()


# anyio 4.15.1
@clause(
    "PAST-61",
    source="anyio#1289",
    posix=True,
    level="should",
    expect=["exit accepting with ClosedResourceError()"],
)
async def a_listener_is_closed_by_another_task(trace: Trace) -> None:
    """A task that waits for connections is told when another one closes the listener."""

    async def accept() -> None:
        async with LoggedExit(trace, "accepting", suppress=True):
            await listener.accept()

    with tempfile.TemporaryDirectory() as folder:
        listener = await anyio.create_unix_listener(Path(folder, "socket"))
        with anyio.move_on_after(1):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(accept)
                await others_wait()
                await listener.aclose()


# anyio 4.15.1
@clause(
    "PAST-62",
    source="anyio#1288; anyio#1289",
    posix=True,
    level="should",
    expect=["listener: Cancelled", "stream: Cancelled", "closed: True True"],
)
async def closing_a_socket_is_a_checkpoint(trace: Trace) -> None:
    """In a cancelled scope closing a socket raises the cancellation, and closes it all the same."""

    async def close(kind: str, resource: Any) -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                await resource.aclose()
                trace(f"{kind}: nothing")
            except BaseException as error:
                trace(f"{kind}:", error)
                raise

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "socket")
        listener = await anyio.create_unix_listener(path)
        async with await anyio.connect_unix(path) as stream:
            raws = [each.extra(SocketAttribute.raw_socket) for each in (listener, stream)]
            await close("listener", listener)
            await close("stream", stream)
            await others_wait()  # asyncio closes the socket of a stream in a later turn
            trace("closed:", *(raw.fileno() < 0 for raw in raws))


# anyio 4.8.0
@clause("PAST-63", source=f"{HISTORY}; anyio threads.html", expect=["freed: True"])
async def an_idle_thread_keeps_nothing(trace: Trace) -> None:
    """A worker thread that has nothing to do keeps nothing of what it did last."""

    class Work:
        def do(self) -> None:
            pass

    work = Work()
    freed = weakref.ref(work)
    await anyio.to_thread.run_sync(work.do)
    del work
    for _ in range(1000):  # the thread may still be on its way back
        if freed() is None:
            break
        await anyio.sleep(0.001)
    trace("freed:", freed() is None)


# anyio 4.15.1
@clause("PAST-64", source="anyio#1410; anyio threads.html", expect=["called", "the portal goes on: True"])
def a_call_is_cancelled_as_it_ends(loop: Loop, trace: Trace) -> None:
    """A call through a portal whose future is cancelled just as it ends does the portal no harm."""

    async def call(given: threading.Event, futures: list[concurrent.futures.Future[None]]) -> None:
        await anyio.to_thread.run_sync(given.wait)
        futures[0].cancel()
        trace("called")

    def work(portal: anyio.from_thread.BlockingPortal) -> None:
        given, futures = threading.Event(), list[concurrent.futures.Future[None]]()
        futures.append(portal.start_task_soon(call, given, futures))
        given.set()
        concurrent.futures.wait(futures)
        trace("the portal goes on:", portal.call(lambda: True))

    async def main() -> None:
        async with anyio.from_thread.BlockingPortal() as portal:
            await anyio.to_thread.run_sync(work, portal)

    loop.run(main)


# anyio 4.13.0
@clause("PAST-65", source="anyio#1013; anyio threads.html", expect=["the call was cancelled: True"])
def a_call_outlives_its_portal(loop: Loop, trace: Trace) -> None:
    """A call through a portal can be cancelled also when the portal was stopped and only waits for its calls."""

    async def for_ever() -> None:
        await anyio.Event().wait()

    def work(portal: anyio.from_thread.BlockingPortal) -> concurrent.futures.Future[None]:
        future = portal.start_task_soon(for_ever)
        portal.call(portal.stop)
        future.cancel()
        return future

    async def main() -> None:
        async with anyio.from_thread.BlockingPortal() as portal:
            future = await anyio.to_thread.run_sync(work, portal)
        trace("the call was cancelled:", future.cancelled())

    loop.run(main)


# anyio 4.15.1
@clause("PAST-66", source="anyio#1366; anyio threads.html", expect=["exit call with Cancelled", "ValueError('v')"])
def a_provided_portal_is_left_by_an_error(loop: Loop, trace: Trace) -> None:
    """An error that leaves the `with` of a portal provider cancels the calls that still run, as it does with a portal."""

    async def call() -> None:
        async with LoggedExit(trace, "call"):
            inside.set()
            await anyio.Event().wait()

    inside = threading.Event()
    try:
        with anyio.from_thread.BlockingPortalProvider(loop.family, loop.options()) as portal:
            portal.start_task_soon(call)
            inside.wait()
            raise ValueError("v")
    except ValueError as error:
        trace(error)


# anyio 4.15.1
@clause("PAST-67", source="anyio#1289", level="should", expect=["closed: True"])
async def closing_a_listener_is_cancelled(trace: Trace) -> None:
    """A listener whose closing is cancelled is closed all the same, though a task still waits for connections."""

    async def accept() -> None:
        try:
            await listener.accept()
        except anyio.ClosedResourceError:
            pass

    async with anyio.create_task_group() as tasks:
        listener: Any = (await anyio.create_tcp_listener(local_host="127.0.0.1")).listeners[0]
        raw = listener.extra(SocketAttribute.raw_socket)
        tasks.start_soon(accept)
        await others_wait()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await listener.aclose()
    trace("closed:", raw.fileno() < 0)


# anyio 4.14.2
@clause("PAST-68", source="anyio#1267", posix=True, level="should", expect=["closed: True"])
async def closing_a_stream_whose_reader_was_cancelled(trace: Trace) -> None:
    """A stream may be closed in the moment in which the task that waits for its data is cancelled."""

    async def receive() -> None:
        with scope:
            try:
                await stream.receive()
            except anyio.ClosedResourceError:
                pass

    scope = anyio.CancelScope()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "socket")
        async with await anyio.create_unix_listener(path):
            stream = await anyio.connect_unix(path)
            raw = stream.extra(SocketAttribute.raw_socket)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(receive)
                await others_wait()
                scope.cancel()
                await stream.aclose()
    trace("closed:", raw.fileno() < 0)


# Generators


# Python before 3.12.4
@clause(
    "PAST-80",
    source="gh-117881; PEP 525",
    level="should",
    expect=["thrown into another: RuntimeError", "the first goes on: 1"],
)
def a_busy_generator_is_disturbed(trace: Trace) -> None:
    """While one `asend()` is under way another can neither be sent nor thrown into: the generator is not disturbed."""

    @types.coroutine
    def tick() -> Generator[str, None, None]:
        yield "tick"

    async def numbers() -> AsyncGenerator[int, None]:
        await tick()
        yield 1

    generator = numbers()
    first = generator.asend(None)
    first.send(None)  # now it waits for the tick
    try:
        generator.asend(None).throw(KeyError("k"))
    except (RuntimeError, KeyError) as error:
        trace("thrown into another:", type(error).__name__)
    try:
        first.send(None)
    except StopIteration as end:
        trace("the first goes on:", end.value)
    try:
        generator.aclose().send(None)
    except StopIteration:
        pass


# Python before 3.12.4
@clause("PAST-81", source="gh-117894; PEP 525", level="should", expect=["thrown: KeyError", "again: RuntimeError"])
def a_closing_is_used_again(trace: Trace) -> None:
    """What `aclose()` gave is over once an error was thrown into it; using it again is a RuntimeError."""

    async def numbers() -> AsyncGenerator[int, None]:
        yield 1

    closing = numbers().aclose()
    uses: dict[str, Callable[[], object]] = {
        "thrown:": lambda: closing.throw(KeyError("k")),
        "again:": lambda: closing.send(None),
    }
    for words, use in uses.items():
        try:
            use()
        except (KeyError, RuntimeError, StopIteration) as error:
            trace(words, type(error).__name__)


# Python before 3.14.10
@clause(
    "PAST-82",
    source="gh-159739; library/contextvars.html#contextvars.ContextVar.reset",
    level="should",
    expect=["set meanwhile: 3"],
)
def a_variable_is_set_while_it_is_reset(trace: Trace) -> None:
    """A context variable that is set by what its reset frees has the value that was set."""

    class Setting:
        def __del__(self) -> None:
            variable.set(3)

    def work() -> None:
        variable.set(1)
        token = variable.set(Setting())
        variable.get()
        variable.reset(token)
        trace("set meanwhile:", repr(variable.get()))

    variable = contextvars.ContextVar[object]("variable")
    contextvars.copy_context().run(work)


# Python before 3.14.8
@clause("PAST-83", source="gh-155515", level="should", expect=["freed"])
def a_context_in_a_cycle(trace: Trace) -> None:
    """A context to which something refers that it holds itself, by an iterator, can be collected."""

    class Held:
        items: object

    context, held = contextvars.Context(), Held()
    freed = weakref.ref(held)
    context.run(contextvars.ContextVar[Held]("variable").set, held)
    held.items = iter(context.items())
    del context, held
    gc.collect()
    trace("freed" if freed() is None else "kept")


# Python before 3.14.9
@clause(
    "PAST-84", source="gh-146065", on="asyncio", level="should", expect=["thrown: ValueError", "again: StopIteration"]
)
async def a_wait_that_was_thrown_into(trace: Trace) -> None:
    """The wait for a future is over once an error was thrown into it; using it again is no fault of the interpreter."""
    waiting = asyncio.get_running_loop().create_future().__await__()
    next(waiting)
    uses: dict[str, Callable[[], object]] = {
        "thrown:": lambda: waiting.throw(ValueError("v")),
        "again:": lambda: waiting.send(None),
    }
    for words, use in uses.items():
        try:
            use()
        except (ValueError, StopIteration, SystemError) as error:
            trace(words, type(error).__name__)


@clause(
    "PAST-85",
    source="bpo-44566; library/contextlib.html#contextlib.asynccontextmanager",
    expect=["StopAsyncIteration: its own", "StopIteration: the coroutine's RuntimeError"],
)
async def kinds_of_stop_iteration(trace: Trace, library: Any) -> None:
    """Errors of classes derived from StopIteration and StopAsyncIteration leave the body as those do."""

    class Stop(StopIteration):
        pass

    class StopAsync(StopAsyncIteration):
        pass

    @library.asynccontextmanager
    async def manager() -> AsyncGenerator[None, None]:
        yield

    async def work(error: Exception) -> None:
        async with manager():
            raise error

    for kind in StopAsync, Stop:
        error = kind("v")
        try:
            await work(error)
        except RuntimeError as raised:
            words = "the coroutine's RuntimeError" if raised.__cause__ is error else "a RuntimeError of another"
        except Exception as raised:  # noqa: BLE001 - whatever it is, it is compared
            words = "its own" if raised is error else "another"
        trace(f"{kind.__base__.__name__}:", words)
