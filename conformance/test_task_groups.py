"""Task groups and scopes, managers themselves, and the tasks inside: what they wait for, cancel, raise and give."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import inspect
import itertools
import math
import sys
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.lowlevel import checkpoint

from asyncwith import Logged, Loop, Names, Trace, any_order, by_loop, by_version, chain, clause, describe

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup

TASK_GROUP = "library/asyncio-task.html#asyncio.TaskGroup"
TASK_GROUPS = "library/asyncio-task.html#task-groups"
GROUPS = "anyio tasks.html; trio reference-core.html#trio.Nursery"
ERRORS = "anyio tasks.html#handling-multiple-errors-in-a-task-group; trio reference-core.html#exceptions"
TESTS = "Lib/test/test_asyncio/test_taskgroups.py"


async def for_ever() -> None:
    """Wait until cancelled."""
    await anyio.Event().wait()


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


# asyncio.TaskGroup


@clause(
    "TG-01",
    source=TASK_GROUP,
    versions=">=3.11",
    on="asyncio",
    expect=["body ends", "exit first", "exit second", "exit third", "left"],
)
async def a_group_waits_for_all(trace: Trace) -> None:
    """The exit of an `asyncio.TaskGroup` waits for all its tasks, those created while it waits included."""

    async def work(names: list[str]) -> None:
        await release.wait()
        async with LoggedExit(trace, names[0], suspends=2):
            pass
        if names[1:]:
            tasks.create_task(work(names[1:]))

    release = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work(["first", "second", "third"]))
        asyncio.get_running_loop().call_soon(release.set)
        trace("body ends")
    trace("left")


@clause(
    "TG-02",
    source=TASK_GROUPS,
    versions=">=3.11",
    on="asyncio",
    expect=[
        any_order("exit sibling with Cancelled", "exit body with Cancelled"),
        "ExceptionGroup[ValueError('v')] </ Cancelled",
        "requests 0",
        "goes on",
    ],
)
async def a_failing_task_cancels_the_group(trace: Trace) -> None:
    """The first task that fails cancels its siblings and the body; when all have left, one group of errors is
    raised, and no cancellation remains.
    """

    async def sibling() -> None:
        async with LoggedExit(trace, "sibling", suspends=2):
            await for_ever()

    async def fail() -> None:
        raise ValueError("v")

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(sibling())
            async with LoggedExit(trace, "body"):
                await asyncio.sleep(0)
                tasks.create_task(fail())
                await for_ever()
    except BaseExceptionGroup as error:
        trace(chain(error))
    trace("requests", asyncio.current_task().cancelling())
    await asyncio.sleep(0)
    trace("goes on")


@clause(
    "TG-03",
    source=TASK_GROUPS,
    versions=">=3.11",
    on="asyncio",
    expect=[
        "exit body with KeyError('k')",
        "exit child with Cancelled",
        "ExceptionGroup[KeyError('k')]",
        "the same object True",
    ],
)
async def a_failing_body_cancels_the_group(trace: Trace) -> None:
    """An error of the body cancels the tasks as one of theirs would, and is raised in the group."""

    async def child() -> None:
        async with LoggedExit(trace, "child"):
            waits.set()
            await for_ever()

    failure, waits = KeyError("k"), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(child())
            await waits.wait()
            async with LoggedExit(trace, "body"):
                raise failure
    except BaseExceptionGroup as group:
        trace(group)
        trace("the same object", group.exceptions[0] is failure)


@clause(
    "TG-60",
    source=TASK_GROUPS,
    versions=">=3.11",
    on="asyncio",
    expect=[
        any_order("exit a with Cancelled", "exit b with Cancelled"),
        "ExceptionGroup[ValueError('v'), KeyError('a'), KeyError('b')]",
    ],
)
async def the_errors_of_all_tasks_are_in_the_group(trace: Trace) -> None:
    """Errors that other tasks raise while they are cancelled are in the group too, none lost and none twice;
    cancellations are not.
    """

    async def work(name: str, waits: asyncio.Event) -> None:
        async with LoggedExit(trace, name, fails_exit=KeyError(name)):
            waits.set()
            await for_ever()

    async def only_cancelled() -> None:
        await for_ever()

    async def fail() -> None:
        raise ValueError("v")

    try:
        async with asyncio.TaskGroup() as tasks:
            for name in "ab":
                tasks.create_task(work(name, waits := asyncio.Event()))
                await waits.wait()
            tasks.create_task(only_cancelled())
            tasks.create_task(fail())
    except BaseExceptionGroup as group:
        first, *others = group.exceptions
        trace(ExceptionGroup("", [first, *sorted(others, key=str)]))


@clause(
    "TG-04",
    source=TASK_GROUPS,
    versions=">=3.11",
    on="asyncio",
    expect=["exit child with Cancelled", "KeyboardInterrupt()", "exit child with Cancelled", "SystemExit(3)"],
)
async def an_interrupt_is_raised_bare(trace: Trace) -> None:
    """`KeyboardInterrupt` and `SystemExit` from the body are raised as they are, after the tasks of the group have
    ended.
    """

    async def child(waits: asyncio.Event) -> None:
        async with LoggedExit(trace, "child"):
            waits.set()
            await for_ever()

    for interrupt in (KeyboardInterrupt(), SystemExit(3)):
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(child(waits := asyncio.Event()))
                await waits.wait()
                raise interrupt
        except BaseException as error:
            trace(error)


@clause(
    "TG-06",
    source="gh-135736",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=[
        "exit child with Cancelled",
        by_version({"3.11": "aclose raises BaseExceptionGroup[GeneratorExit()]", "3.15": "closed"}),
    ],
)
async def closing_a_generator_that_holds_a_group(trace: Trace) -> None:
    """From Python 3.15 on a generator that is closed inside an `asyncio.TaskGroup` closes well; before,
    `GeneratorExit` comes out in a group.
    """

    async def child() -> None:
        async with LoggedExit(trace, "child"):
            waits.set()
            await for_ever()

    async def generate() -> AsyncIterator[int]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(child())
            await waits.wait()
            yield 1

    waits = asyncio.Event()
    generator = generate()
    await anext(generator)
    try:
        await generator.aclose()
        trace("closed")
    except BaseException as error:
        trace("aclose raises", error)


async def cancelled_group(trace: Trace, child: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Cancel a task that waits in a group for `child(waits)`, and tell what it sees of it."""

    async def host() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(child(waits))
        except BaseException as error:
            trace("group raises", error)
            if not isinstance(error, ExceptionGroup):
                raise
        await asyncio.sleep(0)
        trace("the next await is not cancelled")

    waits = asyncio.Event()
    task = asyncio.create_task(host())
    await waits.wait()
    await asyncio.sleep(0)  # the host, too, must wait by now
    task.cancel()
    await asyncio.wait([task])
    trace(end(task))
    trace("requests", task.cancelling())


@clause(
    "TG-08",
    source=TASK_GROUPS,
    versions=">=3.11",
    on="asyncio",
    expect=["exit child with Cancelled", "group raises Cancelled", "cancelled", "requests 1"],
)
async def a_cancelled_group(trace: Trace) -> None:
    """If the task around a group is cancelled, the tasks inside are, and the cancellation leaves the group as it is."""

    async def child(waits: asyncio.Event) -> None:
        async with LoggedExit(trace, "child", suspends=2):
            waits.set()
            await for_ever()

    await cancelled_group(trace, child)


@clause(
    "TG-09",
    source="gh-116720",
    versions=">=3.11",
    on="asyncio",
    expect=[
        "exit child with Cancelled",
        "group raises ExceptionGroup[ValueError('v')]",
        by_version({"3.11": ["the next await is not cancelled", "returned None"], "3.13": "cancelled"}),
        "requests 1",
    ],
)
async def a_cancelled_group_with_an_error(trace: Trace) -> None:
    """If a task of a cancelled group fails, the group of errors is raised; from Python 3.13 on the cancellation
    follows at the next await, before it was lost.
    """

    async def child(waits: asyncio.Event) -> None:
        async with LoggedExit(trace, "child", fails_exit=ValueError("v")):
            waits.set()
            await for_ever()

    await cancelled_group(trace, child)


@clause(
    "TG-10",
    source="gh-116720",
    versions=">=3.11",
    on="asyncio",
    expect=[
        "group raises ExceptionGroup[ValueError('v')]",
        by_version({"3.11": ["the next await is not cancelled", "returned None"], "3.13": "cancelled"}),
        "requests 1",
    ],
)
async def a_cancellation_and_an_error_at_once(trace: Trace) -> None:
    """A cancellation from outside that comes together with the failure of a task is kept from Python 3.13 on; before
    it was lost.
    """

    async def host() -> None:
        async def cancel_and_fail() -> None:
            async with LoggedExit(Trace(), "child"):
                await asyncio.sleep(0)
                host_task.cancel()
                raise ValueError("v")

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(cancel_and_fail())
        except BaseException as error:
            trace("group raises", error)
            if not isinstance(error, ExceptionGroup):
                raise
        await asyncio.sleep(0)
        trace("the next await is not cancelled")

    host_task = asyncio.create_task(host())
    await asyncio.wait([host_task])
    trace(end(host_task))
    trace("requests", host_task.cancelling())


@clause(
    "TG-11",
    source="gh-116720",
    versions=">=3.11",
    on="asyncio",
    expect=[
        "inner ExceptionGroup[KeyError('inner')]",
        by_version({"3.11": "the next await is not cancelled", "3.13": "the next await Cancelled"}),
        "outer ExceptionGroup[KeyError('outer')]",
        by_version({"3.11": "requests 1", "3.13": "requests 0"}),
    ],
)
async def nested_groups_fail_at_once(trace: Trace) -> None:
    """If tasks of an outer and an inner group fail together, the outer's cancellation follows the inner's errors
    from Python 3.13 on; before it was lost.
    """

    async def fail(name: str) -> None:
        async with LoggedExit(Trace(), name):
            await release.wait()
            raise KeyError(name)

    release = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as outer:
            outer.create_task(fail("outer"))
            try:
                async with asyncio.TaskGroup() as inner:
                    inner.create_task(fail("inner"))
                    await asyncio.sleep(0)
                    asyncio.get_running_loop().call_soon(release.set)
            except BaseExceptionGroup as error:
                trace("inner", error)
            try:
                await asyncio.sleep(0)
                trace("the next await is not cancelled")
            except BaseException as error:
                trace("the next await", error)
                raise
    except BaseExceptionGroup as error:
        trace("outer", error)
    trace("requests", asyncio.current_task().cancelling())


@clause(
    "TG-12",
    source="gh-113848",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=by_version(
        {"3.11": ["BaseExceptionGroup[Subclass()]", "BaseExceptionGroup[Falsy()]"], "3.13": ["Subclass()", "Falsy()"]}
    ),
)
async def a_subclass_of_the_cancellation_leaves_bare(trace: Trace) -> None:
    """From Python 3.13 on a subclass of `CancelledError` raised in the body leaves a group as a cancellation does,
    even if it is false.
    """

    class Subclass(asyncio.CancelledError):
        pass

    class Falsy(asyncio.CancelledError):
        def __bool__(self) -> bool:
            return False

    for kind in (Subclass, Falsy):
        try:
            async with asyncio.TaskGroup(), LoggedExit(Trace(), "m"):
                raise kind
        except BaseException as error:
            trace(error)


@clause(
    "TG-13",
    source="gh-95289",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=["exit m with Cancelled", "ExceptionGroup[ValueError('v'), KeyError('k')]", "requests 0", "goes on"],
)
async def an_exit_replaces_the_cancellation_of_a_group(trace: Trace) -> None:
    """If a manager in the body turns the group's cancellation into an error, both errors are in the group, and no
    cancellation remains.
    """

    async def fail() -> None:
        raise ValueError("v")

    try:
        async with asyncio.TaskGroup() as tasks:
            async with LoggedExit(trace, "m", fails_exit=KeyError("k")):
                await asyncio.sleep(0)
                tasks.create_task(fail())
                await for_ever()
    except BaseExceptionGroup as error:
        trace(error)
    trace("requests", asyncio.current_task().cancelling())
    await asyncio.sleep(0)
    trace("goes on")


@clause(
    "TG-14",
    source=TASK_GROUP,
    versions=">=3.11",
    on="asyncio",
    expect=by_version(
        {
            "3.11": ["before RuntimeError, CORO_CREATED", "after RuntimeError, CORO_CREATED"],
            "3.13": ["before RuntimeError, CORO_CLOSED", "after RuntimeError, CORO_CLOSED"],
        }
    ),
)
async def a_task_for_an_inactive_group(trace: Trace) -> None:
    """`create_task` of a group that is not active is a `RuntimeError`; from Python 3.13 on it closes the coroutine,
    which was left before.
    """

    async def work() -> None:
        trace("the work runs")

    def create(when: str) -> None:
        coroutine = work()
        try:
            tasks.create_task(coroutine)
        except RuntimeError as error:
            trace(when, f"{type(error).__name__}, {inspect.getcoroutinestate(coroutine)}")
        coroutine.close()

    tasks = asyncio.TaskGroup()
    create("before")
    async with tasks, LoggedExit(Trace(), "m"):
        pass
    create("after")


@clause(
    "TG-15",
    source="gh-110910",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=["inside RuntimeError", "exit m", "after RuntimeError"],
)
async def a_group_is_for_one_use(trace: Trace) -> None:
    """Entering an `asyncio.TaskGroup` a second time, inside itself or later, is a `RuntimeError`."""

    async def enter_again(when: str) -> None:
        try:
            async with tasks:
                trace(when, "entered again")
        except RuntimeError as error:
            trace(when, type(error))

    tasks = asyncio.TaskGroup()
    async with tasks, LoggedExit(trace, "m"):
        await enter_again("inside")
    await enter_again("after")


@clause(
    "TG-16",
    source="gh-108951",
    versions=">=3.15",
    on="asyncio",
    expect=[
        any_order("exit child with Cancelled", "exit body with Cancelled"),
        "left",
        "requests 0",
        "before: left",
        "goes on",
    ],
)
async def cancelling_a_group(trace: Trace) -> None:
    """`TaskGroup.cancel()` cancels the tasks and the body, and the group is left without an error. It may be called
    twice, before and after.
    """

    async def child() -> None:
        async with LoggedExit(trace, "child"):
            waits.set()
            await for_ever()

    waits = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(child())
        await waits.wait()
        async with LoggedExit(trace, "body"):
            tasks.cancel()
            tasks.cancel()
            await for_ever()
    tasks.cancel()
    trace("left")
    trace("requests", asyncio.current_task().cancelling())
    cancelled_before = asyncio.TaskGroup()
    cancelled_before.cancel()
    async with cancelled_before:
        await asyncio.sleep(0)
        trace("not reached")
    trace("before: left")
    await asyncio.sleep(0)
    trace("goes on")


@clause(
    "TG-17",
    source="gh-155433",
    versions=">=3.15",
    on="asyncio",
    expect=["exit child with Cancelled", "TimeoutError()", "requests 0"],
)
async def cancelling_a_group_hides_no_timeout(trace: Trace) -> None:
    """`TaskGroup.cancel()` does not hide the expiry of a timeout around the group."""

    async def child() -> None:
        async with LoggedExit(trace, "child"):
            try:
                await for_ever()
            except asyncio.CancelledError:
                timeout.reschedule(-math.inf)
                for _ in range(5):  # still busy when the timeout expires
                    await asyncio.sleep(0)
                raise

    try:
        async with asyncio.timeout(None) as timeout, asyncio.TaskGroup() as tasks:
            tasks.create_task(child())
            await asyncio.sleep(0)
            tasks.cancel()
    except TimeoutError as error:
        trace(error)
    trace("requests", asyncio.current_task().cancelling())


@clause("TG-18", source="gh-155418", versions=">=3.15", on="asyncio", expect=["exit child with Cancelled", "left"])
async def a_task_cancels_its_group_before_it_waits(trace: Trace) -> None:
    """A task that cancels its group before its first await, started eagerly or not, is cancelled with the others."""

    async def child() -> None:
        async with LoggedExit(trace, "child"):
            tasks.cancel()
            await for_ever()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(child())
    trace("left")


@clause(
    "TG-20",
    source=f"{TASK_GROUP}; anyio tasks.html",
    level="informational",
    versions=">=3.11",
    on="asyncio",
    expect=["asyncio: left", "a task that was ready", "a task that was ready", "anyio: left"],
)
async def leaving_an_empty_group(trace: Trace) -> None:
    """Leaving an empty `asyncio.TaskGroup` does not let other tasks run, leaving an empty group of anyio does."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup():
        loop.call_soon(trace, "a task that was ready")
    trace("asyncio: left")
    await asyncio.sleep(0)
    async with anyio.create_task_group():
        loop.call_soon(trace, "a task that was ready")
    trace("anyio: left")


@clause(
    "TG-39",
    source="gh-124958",
    level="should",
    versions=">=3.11",
    on="asyncio",
    expect=["ExceptionGroup[ValueError('v')]", "freed True"],
)
async def errors_of_a_group_are_freed(trace: Trace) -> None:
    """No reference cycle keeps the errors of an `asyncio.TaskGroup` alive once they were handled."""

    async def fail() -> None:
        async with LoggedExit(Trace(), "m"):
            raise ValueError("v")

    async def catch() -> weakref.ref[BaseException]:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail())
        except BaseExceptionGroup as group:
            trace(group)
            return weakref.ref(group)

    gc.disable()
    try:
        trace("freed", (await catch())() is None)
    finally:
        gc.enable()


# Task groups of anyio, on every loop, and of trio


@clause("TG-61", source=GROUPS, expect=["body ends", "exit first", "exit second", "exit third", "left"])
async def a_group_waits_for_all_on_every_loop(trace: Trace) -> None:
    """The exit of a task group waits for all its tasks, those started while it waits included."""

    async def work(names: list[str]) -> None:
        await release.wait()
        async with LoggedExit(trace, names[0], suspends=2):
            pass
        if names[1:]:
            tasks.start_soon(work, names[1:])

    release = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work, ["first", "second", "third"])
        trace("body ends")
        release.set()
    trace("left")


@clause(
    "TG-62",
    source=ERRORS,
    expect=[
        "exit body with KeyError('k')",
        "exit child with Cancelled",
        "ExceptionGroup[KeyError('k')]",
        "the same object True",
        "goes on",
    ],
)
async def a_failing_body_on_every_loop(trace: Trace) -> None:
    """An error of the body cancels the tasks of the group and is raised in a group of errors, the object that it
    was.
    """

    async def child() -> None:
        async with LoggedExit(trace, "child"):
            waits.set()
            await for_ever()

    failure, waits = KeyError("k"), anyio.Event()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child)
            await waits.wait()
            async with LoggedExit(trace, "body"):
                raise failure
    except BaseExceptionGroup as group:
        trace(group)
        trace("the same object", group.exceptions[0] is failure)
    await checkpoint()
    trace("goes on")


@clause(
    "TG-05",
    source=ERRORS,
    expect=[
        "BaseExceptionGroup[KeyboardInterrupt()]",
        "BaseExceptionGroup[SystemExit(3)]",
        "BaseExceptionGroup[GeneratorExit()]",
    ],
)
async def interrupts_are_wrapped(trace: Trace) -> None:
    """Task groups of anyio and trio raise `KeyboardInterrupt`, `SystemExit` and `GeneratorExit` in a group, unlike
    those of asyncio.
    """
    for interrupt in (KeyboardInterrupt(), SystemExit(3), GeneratorExit()):
        try:
            async with anyio.create_task_group(), LoggedExit(Trace(), "m"):
                raise interrupt
        except BaseException as error:
            trace(error)


@clause(
    "TG-07",
    source="trio#3324",
    level="informational",
    expect=["got 1", "exit child with Cancelled", "BaseExceptionGroup[GeneratorExit()]"],
)
async def breaking_out_of_a_generator_that_holds_a_group(trace: Trace, library: Names) -> None:
    """Closing a generator inside a task group of anyio or trio raises `GeneratorExit` in a group."""

    async def child() -> None:
        async with LoggedExit(trace, "child"):
            waits.set()
            await for_ever()

    async def generate() -> AsyncIterator[int]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child)
            await waits.wait()
            yield 1

    waits = anyio.Event()
    try:
        async with library.aclosing(generate()) as numbers:
            async for number in numbers:
                trace("got", number)
                break
    except BaseException as error:
        trace(error)


@clause("TG-21", source="anyio versionhistory.html; trio history.html", level="should", expect=["left", "caught False"])
async def leaving_a_group_is_no_cancellation_point(trace: Trace) -> None:
    """Leaving an empty task group inside a cancelled scope raises nothing: the exit is no place where a cancellation
    is delivered.
    """
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with anyio.create_task_group(), LoggedExit(Trace(), "m"):
            pass
        trace("left")
    trace("caught", scope.cancelled_caught)


@clause(
    "TG-22",
    source=ERRORS,
    expect=[any_order("exit a with Cancelled", "exit b with Cancelled"), "group raises Cancelled", "caught True"],
)
async def many_cancellations_are_one(trace: Trace) -> None:
    """If a group and all its tasks are cancelled from outside, one bare cancellation leaves it, not a group of them."""

    async def child(name: str, waits: anyio.Event) -> None:
        async with LoggedExit(trace, name):
            waits.set()
            await for_ever()

    with anyio.CancelScope() as scope:
        try:
            async with anyio.create_task_group() as tasks:
                for name in "ab":
                    tasks.start_soon(child, name, waits := anyio.Event())
                    await waits.wait()
                scope.cancel()
                await for_ever()
        except BaseException as error:
            trace("group raises", error)
            raise
    trace("caught", scope.cancelled_caught)


@clause(
    "TG-23",
    source="anyio#1091",
    level="informational",
    expect=[
        "exit child with Cancelled",
        by_loop(
            asyncio=[
                "group raises ExceptionGroup[ValueError('v')]",
                "outside ExceptionGroup[ValueError('v')]",
                "caught False",
            ],
            trio=[
                "group raises BaseExceptionGroup[ValueError('v'), Cancelled]",
                "outside ExceptionGroup[ValueError('v')]",
                "caught True",
            ],
        ),
    ],
)
async def a_cancellation_and_an_error(trace: Trace) -> None:
    """If a task of a cancelled group fails, the error gets out everywhere; trio keeps the cancellation beside it for
    the scope to catch, anyio on asyncio drops it.
    """

    async def child() -> None:
        async with LoggedExit(trace, "child", fails_exit=ValueError("v")):
            waits.set()
            await for_ever()

    waits, scope = anyio.Event(), anyio.CancelScope()
    try:
        with scope:
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(child)
                    await waits.wait()
                    scope.cancel()
                    await for_ever()
            except BaseExceptionGroup as error:
                trace(
                    "group raises",
                    BaseExceptionGroup("", sorted(error.exceptions, key=lambda each: not isinstance(each, ValueError))),
                )
                raise
    except BaseExceptionGroup as error:
        trace("outside", error)
    trace("caught", scope.cancelled_caught)


@clause(
    "TG-24",
    source="anyio versionhistory.html",
    level="informational",
    expect=by_loop(
        asyncio="ExceptionGroup[ValueError('v')] </ ValueError('v')", trio="ExceptionGroup[ValueError('v')]"
    ),
)
async def the_context_of_a_group_of_errors(trace: Trace) -> None:
    """The error of the body is also the hidden context of the group that wraps it on asyncio; on trio the group has
    none.
    """
    try:
        async with anyio.create_task_group(), LoggedExit(Trace(), "m"):
            raise ValueError("v")
    except BaseExceptionGroup as error:
        trace(chain(error))


@clause(
    "TG-25",
    source="trio reference-core.html#trio.CancelScope",
    expect=["exit m", by_loop(asyncio=["entered again"], trio=["RuntimeError"])],
)
async def entering_a_scope_again(trace: Trace) -> None:
    """A scope can be entered once on trio; anyio on asyncio lets it be entered again when it was left."""
    scope = anyio.CancelScope()
    with scope:
        async with LoggedExit(trace, "m"):
            await checkpoint()
    try:
        with scope:
            trace("entered again")
    except RuntimeError as error:
        trace(type(error))


@clause(
    "TG-32",
    source="anyio cancellation.html",
    expect=[
        "background begins",
        "body",
        "background with Cancelled",
        "left",
        "background begins",
        "body sees Cancelled",
        "outside ExceptionGroup[ValueError('v')]",
    ],
)
async def a_group_inside_a_decorated_generator(trace: Trace, library: Names) -> None:
    """A generator with one `yield` in a task group is a safe manager: its background task lives as long as the body;
    if it fails, the body is cancelled.
    """

    @library.asynccontextmanager
    async def background(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            yield
            tasks.cancel_scope.cancel()

    async def wait() -> None:
        trace("background begins")
        begun.set()
        try:
            await for_ever()
        except BaseException as error:
            trace("background with", error)
            raise

    async def fail() -> None:
        trace("background begins")
        raise ValueError("v")

    begun = anyio.Event()
    async with background(wait):
        await begun.wait()
        trace("body")
    trace("left")
    try:
        async with background(fail):
            try:
                await for_ever()
            except BaseException as error:
                trace("body sees", error)
                raise
    except BaseExceptionGroup as error:
        trace("outside", error)


@clause(
    "TG-33",
    source=ERRORS,
    expect=[
        "ExceptionGroup[ValueError('v')]",
        "BaseExceptionGroup[KeyboardInterrupt()]",
        "ExceptionGroup[StopAsyncIteration('s')]",
    ],
)
async def errors_through_a_decorated_generator_with_a_group(trace: Trace, library: Names) -> None:
    """What the body raises comes out of a generator with a task group as a group of errors, even a
    `StopAsyncIteration`.
    """

    @library.asynccontextmanager
    async def grouped() -> AsyncIterator[None]:
        async with anyio.create_task_group():
            yield

    for failure in (ValueError("v"), KeyboardInterrupt(), StopAsyncIteration("s")):
        try:
            async with grouped():
                raise failure
        except BaseException as error:
            trace(error)


@clause(
    "TG-38",
    source="anyio tasks.html#starting-and-initializing-tasks; trio reference-core.html#trio.Nursery.start",
    expect=["enter service", "started 7", "exit service with Cancelled", "left", "start raises ValueError('v')"],
)
async def starting_a_service(trace: Trace) -> None:
    """`start()` waits until the task says that it has started, and gives what it says; what it entered stays open.

    If the task fails before, `start()` raises its error.
    """

    async def service(*, task_status: Any) -> None:
        async with Logged(trace, "service"):
            task_status.started(7)
            await for_ever()

    async def failing(*, task_status: Any) -> None:
        raise ValueError("v")

    async with anyio.create_task_group() as tasks:
        trace("started", await tasks.start(service))
        tasks.cancel_scope.cancel()
    trace("left")
    async with anyio.create_task_group() as tasks:
        try:
            await tasks.start(failing)
        except ValueError as error:
            trace("start raises", error)


@clause(
    "TG-35",
    source="trio reference-core.html#trio.as_safe_channel",
    on="trio",
    expect=["got 1", "got 2", "exit m with GeneratorExit()", "after"],
)
async def a_safe_channel(trace: Trace) -> None:
    """Breaking out of a generator made by `trio.as_safe_channel` closes it before the statement after, though it
    holds a nursery.
    """
    import trio

    @trio.as_safe_channel
    async def generate() -> AsyncIterator[int]:
        async with trio.open_nursery(), LoggedExit(trace, "m"):
            for number in itertools.count(1):
                yield number

    async with generate() as numbers:
        async for number in numbers:
            trace("got", number)
            if number == 2:
                break
    trace("after")


@clause(
    "TG-36",
    source="trio reference-core.html#trio.open_nursery",
    on="trio",
    expect=["RuntimeError names 'async with' True", "exit m", "start_soon after: RuntimeError"],
)
async def misusing_a_nursery(trace: Trace) -> None:
    """A nursery in a plain `with` is a `RuntimeError` that names `async with`; so is starting a task in one that was
    left.
    """
    import trio

    try:
        with trio.open_nursery():
            trace("entered")
    except RuntimeError as error:
        trace("RuntimeError names 'async with'", "async with" in str(error))
    async with trio.open_nursery() as nursery, LoggedExit(trace, "m"):
        pass
    try:
        nursery.start_soon(checkpoint)
    except RuntimeError as error:
        trace("start_soon after:", type(error))


@clause("TG-63", source="anyio tasks.html", expect=["exit m", "start_soon after: RuntimeError"])
async def starting_a_task_in_a_group_that_was_left(trace: Trace) -> None:
    """Starting a task in a group that was left is a `RuntimeError`."""
    async with anyio.create_task_group() as tasks, LoggedExit(trace, "m"):
        pass
    try:
        tasks.start_soon(checkpoint)
    except RuntimeError as error:
        trace("start_soon after:", type(error))


@clause(
    "TG-37",
    source="trio reference-core.html#strict-versus-loose-exceptiongroup-semantics",
    on="trio",
    expect=["strict ExceptionGroup[ValueError('v')]", "not strict ValueError('v')"],
)
async def loose_exception_groups(trace: Trace) -> None:
    """A nursery opened with `strict_exception_groups=False` raises a single error as it is."""
    import trio

    warnings.simplefilter("ignore")
    for name, strict in (("strict", True), ("not strict", False)):
        try:
            async with trio.open_nursery(strict_exception_groups=strict), LoggedExit(Trace(), "m"):
                raise ValueError("v")
        except Exception as error:
            trace(name, error)


# Scopes in the wrong place


@clause(
    "TG-29", source="PEP 789; trio#638", level="informational", expect=["consumer Cancelled", "closed, caught False"]
)
async def a_scope_across_a_yield(trace: Trace) -> None:
    """A scope that is open across a `yield` cancels the code that consumes the generator, and does not catch that
    cancellation.
    """

    async def generate() -> AsyncIterator[anyio.CancelScope]:
        with anyio.move_on_after(0) as scope:
            async with LoggedExit(Trace(), "m"):
                yield scope

    generator = generate()
    scope = await anext(generator)
    try:
        await checkpoint()
        trace("consumer goes on")
    except BaseException as error:
        trace("consumer", error)
    await generator.aclose()
    trace("closed, caught", scope.cancelled_caught)


@clause(
    "TG-30",
    source="PEP 789",
    level="informational",
    versions=">=3.11",
    on="asyncio",
    expect=["consumer Cancelled", "closed, expired True"],
)
async def a_timeout_across_a_yield(trace: Trace) -> None:
    """An `asyncio.timeout` that is open across a `yield` raises a bare cancellation in the code that consumes the
    generator, not a `TimeoutError`.
    """

    async def generate() -> AsyncIterator[asyncio.Timeout]:
        async with asyncio.timeout(0) as timeout, LoggedExit(Trace(), "m"):
            yield timeout

    generator = generate()
    timeout = await anext(generator)
    try:
        await asyncio.sleep(0)
        trace("consumer goes on")
    except BaseException as error:
        trace("consumer", error)
    await generator.aclose()
    trace("closed, expired", timeout.expired())


@clause("TG-26", source="anyio cancellation.html; trio#1061", expect=["RuntimeError"])
async def leaving_scopes_out_of_order(trace: Trace) -> None:
    """Leaving an outer scope before the inner one is a `RuntimeError`."""
    outer, inner = anyio.CancelScope(), anyio.CancelScope()

    async def work() -> None:
        outer.__enter__()
        inner.__enter__()
        outer.__exit__(None, None, None)

    try:
        await work()
    except RuntimeError as error:
        trace(type(error))


@clause(
    "TG-27",
    source="anyio cancellation.html; trio#882",
    level="informational",
    expect=["group raises ExceptionGroup of RuntimeError", by_loop(asyncio="exit RuntimeError", trio="exit passes")],
)
async def leaving_a_scope_in_another_task(trace: Trace) -> None:
    """A task that ends inside a scope it has entered fails; leaving the scope later in another task is an error on
    asyncio only.
    """
    scope = anyio.CancelScope()

    async def enter() -> None:
        scope.__enter__()

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(enter)
    except BaseExceptionGroup as group:
        trace("group raises", type(group), "of", *map(type, group.exceptions))
    try:
        scope.__exit__(None, None, None)
        trace("exit passes")
    except RuntimeError as error:
        trace("exit", type(error))


@clause(
    "TG-31",
    source="anyio cancellation.html; trio#638",
    level="informational",
    expect=[
        "got 1",
        "group raises ExceptionGroup of RuntimeError",
        by_loop(asyncio="aclose RuntimeError", trio="aclose passes"),
    ],
)
async def closing_a_generator_with_a_scope_in_another_task(trace: Trace) -> None:
    """A generator that holds a scope makes the task fail that advanced it; closing it in another task is an error on
    asyncio only.
    """

    async def generate() -> AsyncIterator[int]:
        with anyio.CancelScope():
            yield 1

    async def advance() -> None:
        trace("got", await anext(generator))

    generator = generate()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(advance)
    except BaseExceptionGroup as group:
        trace("group raises", type(group), "of", *map(type, group.exceptions))
    try:
        await generator.aclose()
        trace("aclose passes")
    except RuntimeError as error:
        trace("aclose", type(error))


@clause("TG-28", source="anyio cancellation.html; trio#1061", expect=["aclose RuntimeError"])
async def closing_a_stack_with_a_group_out_of_order(trace: Trace, library: Names) -> None:
    """Closing an exit stack that holds a group, inside a scope that was entered later, is a `RuntimeError`."""
    stack = library.AsyncExitStack()
    await stack.enter_async_context(anyio.create_task_group())
    with anyio.CancelScope():
        try:
            await stack.aclose()
        except BaseException as error:
            trace("aclose", type(error))


@clause(
    "TG-34",
    source="anyio contextmanagers.html",
    expect=["enter m", "again RuntimeError", "exit m", "enter m", "exit m", "unentered RuntimeError"],
)
async def a_manager_by_mixin(trace: Trace) -> None:
    """A manager of anyio's `AsyncContextManagerMixin` can be used again when it was left, but entering it inside
    itself, or leaving it unentered, is a `RuntimeError`.
    """

    class Mixed(anyio.AsyncContextManagerMixin):
        @contextlib.asynccontextmanager
        async def __asynccontextmanager__(self) -> AsyncIterator[None]:
            async with Logged(trace, "m"):
                yield

    manager = Mixed()
    async with manager:
        try:
            async with manager:
                trace("entered again")
        except RuntimeError as error:
            trace("again", type(error))
    async with manager:
        await checkpoint()
    try:
        await manager.__aexit__(None, None, None)
    except RuntimeError as error:
        trace("unentered", type(error))


# Tasks


TASKS = "library/asyncio-task.html#asyncio.Task"
FUTURE = "library/asyncio-future.html#asyncio.Future"
GATHER = "library/asyncio-task.html#asyncio.gather"
CREATE_TASK = "library/asyncio-task.html#asyncio.create_task"


@clause(
    "TG-64",
    source=TASKS,
    on="asyncio",
    expect=[
        "exit a",
        "the same result True",
        "the same result True",
        "exit b with ValueError('v')",
        "the same error True",
        "the same error True",
        "chain ValueError('v')",
    ],
)
async def awaiting_a_task(trace: Trace) -> None:
    """Awaiting a task gives the object that it returned, or raises the exception that it raised, as often as it is
    awaited, unwrapped.
    """
    result, failure = object(), ValueError("v")

    async def work() -> object:
        async with LoggedExit(trace, "a", suspends=1):
            return result

    async def fail() -> None:
        async with LoggedExit(trace, "b", suspends=1):
            raise failure

    task = asyncio.create_task(work())
    for _ in range(2):
        trace("the same result", await task is result)
    failing = asyncio.create_task(fail())
    for _ in range(2):
        try:
            await failing
        except Exception as error:
            trace("the same error", error is failure is failing.exception())
    trace("chain", chain(failure))


@clause("TG-65", source=GATHER, on="asyncio", expect=["exit c", "exit b", "exit a", "['a', 'b', 'c']"])
async def gathering_keeps_the_order(trace: Trace) -> None:
    """`gather` gives the results in the order of its arguments, whatever the order in which they end."""

    async def work(name: str) -> str:
        async with LoggedExit(trace, name):
            await turns[name].wait()
        if name != "a":
            turns["b" if name == "c" else "a"].set()
        return name

    turns = {name: asyncio.Event() for name in "abc"}
    turns["c"].set()
    trace(await asyncio.gather(*map(work, "abc")))


@clause(
    "TG-66",
    source=GATHER,
    on="asyncio",
    expect=[
        "raised KeyError('k')",
        "the same object True",
        "exit slow",
        "slow returned 7",
        "returned [ValueError('v'), Cancelled, 7]",
        "the same object True",
    ],
)
async def gathering_errors(trace: Trace) -> None:
    """`gather` raises the first error as it is and lets the others go on; with `return_exceptions` it gives errors
    and cancellations as results.
    """

    async def slow() -> int:
        async with LoggedExit(trace, "slow"):
            await release.wait()
        return 7

    async def fail(error: BaseException) -> None:
        async with LoggedExit(Trace(), "m", suspends=1):
            raise error

    async def seven() -> int:
        return 7

    release, failure = asyncio.Event(), KeyError("k")
    slow_task = asyncio.create_task(slow())
    try:
        await asyncio.gather(slow_task, fail(failure))
    except KeyError as error:
        trace("raised", error)
        trace("the same object", error is failure)
    release.set()
    await asyncio.wait([slow_task])
    trace("slow", end(slow_task))
    value = ValueError("v")
    results = await asyncio.gather(fail(value), fail(asyncio.CancelledError()), seven(), return_exceptions=True)
    trace("returned", f"[{', '.join(map(describe, results))}]")
    trace("the same object", results[0] is value)


@clause(
    "TG-67",
    source="library/asyncio-future.html#asyncio.Future.add_done_callback",
    on="asyncio",
    expect=["exit m", "first True", "second True", "added late", "late True", "in the context given"],
)
async def done_callbacks(trace: Trace) -> None:
    """Callbacks for the end of a task are called once each, with the task, in order, in the context given; one that
    was removed is not; a late one is called soon.
    """
    variable = contextvars.ContextVar("variable", default="of the caller")
    given = contextvars.copy_context()
    given.run(variable.set, "given")

    async def work() -> None:
        async with LoggedExit(trace, "m", suspends=2):
            pass

    def callback(name: str) -> Callable[[asyncio.Task[None]], None]:
        return lambda done: trace(name, done is task and done.done())

    task = asyncio.create_task(work())
    removed = callback("removed")
    task.add_done_callback(callback("first"))
    task.add_done_callback(removed)
    task.add_done_callback(callback("second"))
    task.remove_done_callback(removed)
    await asyncio.wait([task])
    task.add_done_callback(callback("late"))
    task.add_done_callback(lambda _: trace("in the context", variable.get()), context=given)
    trace("added late")
    for _ in range(3):
        await asyncio.sleep(0)


@clause(
    "TG-68",
    source=f"{CREATE_TASK}; library/asyncio-task.html#eager-task-factory",
    on="asyncio",
    expect=by_loop(
        asyncio=["created", "enter a", "enter b", "enter c", "exit a", "exit b", "exit c"],
        trio=[],
        eager=["enter a", "enter b", "enter c", "created", "exit a", "exit b", "exit c"],
    ),
)
async def tasks_start_in_order(trace: Trace) -> None:
    """Tasks start in the order in which they were created: when their creator suspends, or, if they are eager, at
    once, up to their first suspension.
    """

    async def work(name: str) -> None:
        async with Logged(trace, name):
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    trace("created")
    await asyncio.wait(tasks)


@clause(
    "TG-69",
    source="library/contextvars.html#asyncio-support; library/asyncio-task.html#asyncio.create_task",
    on="asyncio",
    expect=[
        "enter sees creator",
        "exit sees own",
        by_version({"3.10": [], "3.11": ["enter sees given", "exit sees own", "given has own"]}),
        "creator has creator, later",
    ],
)
async def tasks_have_their_context(trace: Trace) -> None:
    """A task runs in a copy of the context it was created in, or, from Python 3.11 on, in the very context that it
    was given.
    """
    variable = contextvars.ContextVar("variable", default="none")

    class Manager:
        async def __aenter__(self) -> None:
            trace("enter sees", variable.get())
            variable.set("own")
            await asyncio.sleep(0)

        async def __aexit__(self, *args: object) -> None:
            await asyncio.sleep(0)
            trace("exit sees", variable.get())

    async def work() -> None:
        async with Manager():
            await asyncio.sleep(0)

    variable.set("given")
    given = contextvars.copy_context()
    variable.set("creator")
    task = asyncio.create_task(work())
    variable.set("creator, later")
    await task
    if sys.version_info >= (3, 11):
        await asyncio.create_task(work(), context=given)
        trace("given has", given[variable])
    trace("creator has", variable.get())


@clause(
    "TG-70",
    source="library/contextvars.html; trio reference-core.html#task-local-storage",
    expect=["child sees starter", "exit sees child", "starter has starter"],
)
async def children_have_a_copy_of_the_context(trace: Trace) -> None:
    """A task started in a group runs in a copy of the context of whoever started it, and keeps it across its awaits."""
    variable = contextvars.ContextVar("variable", default="none")

    async def child() -> None:
        trace("child sees", variable.get())
        variable.set("child")
        async with Manager():
            await checkpoint()

    class Manager:
        async def __aenter__(self) -> None:
            await checkpoint()

        async def __aexit__(self, *args: object) -> None:
            await checkpoint()
            trace("exit sees", variable.get())

    variable.set("starter")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(child)
    trace("starter has", variable.get())


@clause(
    "TG-71",
    source="library/asyncio-eventloop.html#asyncio.loop.run_in_executor",
    on="asyncio",
    expect=[
        "in another thread True",
        "the same results True",
        "exit m with ValueError('v')",
        "the same error True",
    ],
)
async def work_in_an_executor(trace: Trace) -> None:
    """`run_in_executor` runs in another thread and gives the very object that the function returned, or raises the very
    exception that it raised.
    """
    loop, failure = asyncio.get_running_loop(), ValueError("v")
    objects = [object() for _ in range(20)]

    def work(number: int) -> tuple[int, object]:
        return threading.get_ident(), objects[number]

    def fail() -> None:
        raise failure

    given = await asyncio.gather(*(loop.run_in_executor(None, work, number) for number in range(20)))
    trace("in another thread", threading.get_ident() not in [thread for thread, _ in given])
    trace("the same results", [result for _, result in given] == objects)
    try:
        async with LoggedExit(trace, "m"):
            await loop.run_in_executor(None, fail)
    except ValueError as error:
        trace("the same error", error is failure)


@clause(
    "TG-72",
    source="anyio threads.html; trio reference-core.html#trio.to_thread.run_sync",
    expect=[
        "in another thread True, context own",
        "back in the loop True, context own",
        "the same result True",
        "exit m with ValueError('v')",
        "the same error True",
    ],
)
async def work_in_a_thread(trace: Trace) -> None:
    """A worker thread has a copy of the context, can call back into the loop, and gives the very result or error of
    its function.
    """
    home, result, failure = threading.get_ident(), object(), ValueError("v")
    variable = contextvars.ContextVar("variable", default="none")

    async def back() -> None:
        await checkpoint()
        trace(f"back in the loop {threading.get_ident() == home}, context {variable.get()}")

    def work() -> object:
        trace(f"in another thread {threading.get_ident() != home}, context {variable.get()}")
        anyio.from_thread.run(back)
        return result

    def fail() -> None:
        raise failure

    variable.set("own")
    trace("the same result", await anyio.to_thread.run_sync(work) is result)
    try:
        async with LoggedExit(trace, "m"):
            await anyio.to_thread.run_sync(fail)
    except ValueError as error:
        trace("the same error", error is failure)


@clause(
    "TG-73",
    source="library/asyncio-task.html#asyncio.run_coroutine_threadsafe",
    on="asyncio",
    expect=[
        "enter m",
        "exit m",
        "in the thread 7",
        "in the thread KeyError('k')",
        "enter m",
        "exit m with Cancelled",
        "in the thread cancelled True",
    ],
)
async def coroutines_from_another_thread(trace: Trace) -> None:
    """`run_coroutine_threadsafe` runs a coroutine in the loop and carries result, error and cancellation between the
    loop and the thread.
    """
    loop = asyncio.get_running_loop()

    async def work(forever: bool) -> int:
        async with Logged(trace, "m"):
            waits.set()
            await asyncio.sleep(3600 if forever else 0)
        return 7

    async def fail() -> None:
        raise KeyError("k")

    def in_thread() -> None:
        trace("in the thread", asyncio.run_coroutine_threadsafe(work(False), loop).result())
        trace("in the thread", asyncio.run_coroutine_threadsafe(fail(), loop).exception())
        waits.clear()
        future = asyncio.run_coroutine_threadsafe(work(True), loop)
        waits.wait()
        future.cancel()
        cancelled.append(future.cancelled())

    waits, cancelled = threading.Event(), list[bool]()
    await loop.run_in_executor(None, in_thread)
    await asyncio.sleep(0)
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)
    trace("in the thread cancelled", cancelled[0])


@clause(
    "TG-74",
    source=FUTURE,
    on="asyncio",
    expect=[
        "a the same True",
        "b the same True",
        "c the same True",
        "InvalidStateError",
        "exit m with ValueError('v')",
        "raises the same True",
    ],
)
async def a_future_wakes_all_who_wait(trace: Trace) -> None:
    """The result of a future, the very object, reaches all who wait for it, in the order in which they came; it can
    be set once; so can an error.
    """
    loop, result, failure = asyncio.get_running_loop(), object(), ValueError("v")

    async def wait(name: str) -> None:
        async with LoggedExit(Trace(), name):
            trace(name, "the same", await future is result)

    future = loop.create_future()
    waiters = [asyncio.create_task(wait(name)) for name in "abc"]
    await asyncio.sleep(0)
    future.set_result(result)
    await asyncio.wait(waiters)
    try:
        future.set_result(None)
    except asyncio.InvalidStateError as error:
        trace(type(error))
    failed = loop.create_future()
    loop.call_soon(failed.set_exception, failure)
    try:
        async with LoggedExit(trace, "m"):
            await failed
    except ValueError as error:
        trace("raises the same", error is failure)


@clause(
    "TG-75",
    source="library/asyncio-dev.html#detect-never-retrieved-exceptions",
    level="should",
    on="asyncio",
    expect=["exit m with ValueError('v')", "exception was never retrieved: ValueError('v')", "reports 1"],
)
async def an_error_that_nobody_retrieves_is_reported(trace: Trace) -> None:
    """The error of a task that nobody awaits is reported to the loop's exception handler, once, when the task is
    gone.
    """
    loop = asyncio.get_running_loop()
    reports: list[str] = []

    async def fail() -> None:
        async with LoggedExit(trace, "m"):
            raise ValueError("v")

    loop.set_exception_handler(
        lambda _, report: reports.append(f"{report['message'].partition(' ')[2]}: {describe(report['exception'])}")
    )
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
    await asyncio.sleep(0)
    trace(*reports[:1])
    trace("reports", len(reports))


@clause(
    "TG-76",
    source="library/asyncio-task.html#asyncio.current_task; library/asyncio-task.html#asyncio.all_tasks",
    on="asyncio",
    expect=[
        "enter: itself True, among all True",
        "exit: itself True, among all True",
        "caller: itself True, among all False",
    ],
)
async def the_current_task(trace: Trace) -> None:
    """In enter and exit the current task is the one that runs the statement, before and after each await; a task
    that is done is not among all.
    """

    async def work() -> None:
        async def tell(where: str) -> None:
            before = asyncio.current_task()
            await asyncio.sleep(0)
            trace(
                f"{where}: itself {before is asyncio.current_task() is task}, among all {task in asyncio.all_tasks()}"
            )

        class Manager:
            async def __aenter__(self) -> None:
                await tell("enter")

            async def __aexit__(self, *args: object) -> None:
                await tell("exit")

        await asyncio.sleep(0)
        async with Manager():
            pass

    caller = asyncio.current_task()
    task = asyncio.create_task(work())
    await task
    trace(f"caller: itself {asyncio.current_task() is caller}, among all {task in asyncio.all_tasks()}")


@clause("TG-77", source=GROUPS, expect=["entered 100", "exited 100", "each worked once True"])
async def many_tasks(trace: Trace) -> None:
    """Of a hundred tasks in a group, in managers that suspend, each enters once, leaves once and does its work once."""

    async def work(number: int) -> None:
        async with Logged(lines, "m", suspends=number % 3):
            results.append(number)

    lines, results = Trace(), list[int]()
    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(work, number)
    trace("entered", lines.lines.count("enter m"))
    trace("exited", lines.lines.count("exit m"))
    trace("each worked once", sorted(results) == list(range(100)))


@clause(
    "TG-78",
    source="library/asyncio-task.html#asyncio.eager_task_factory",
    versions=">=3.12",
    on="asyncio",
    expect=[
        "enter a",
        "exit a",
        "done at once True 7",
        "enter b",
        "created",
        "exit b with ValueError('v')",
        "failed with ValueError('v')",
        "creator True",
    ],
)
async def eager_tasks(trace: Trace) -> None:
    """An eager task runs in `create_task` up to its first suspension, is done at once if there is none, and leaves
    its creator the current task.
    """
    loop = asyncio.get_running_loop()
    creator = asyncio.current_task()

    async def work() -> int:
        async with Logged(trace, "a"):
            return 7

    async def fail() -> None:
        async with Logged(trace, "b"):
            await asyncio.sleep(0)
            raise ValueError("v")

    done = asyncio.eager_task_factory(loop, work())
    trace("done at once", done.done(), done.result() if done.done() else "")
    failing = asyncio.eager_task_factory(loop, fail())
    trace("created")
    current = asyncio.current_task()
    await asyncio.wait([failing])
    trace(end(failing))
    trace("creator", current is creator)


@clause(
    "TG-79",
    source="library/asyncio-task.html#asyncio.create_task",
    versions=">=3.14",
    on="asyncio",
    expect=["enter m", "created", "exit m", "enter m", "exit m"],
)
async def asking_for_an_eager_start(trace: Trace) -> None:
    """`create_task(eager_start=True)` starts the task at once, `eager_start=False` when its creator suspends."""

    async def work() -> None:
        async with Logged(trace, "m"):
            await asyncio.sleep(0)

    eager = asyncio.create_task(work(), eager_start=True)
    trace("created")
    await eager
    await asyncio.create_task(work(), eager_start=False)


WAIT = "library/asyncio-task.html#asyncio.wait"


@clause(
    "TG-80",
    source=WAIT,
    on="asyncio",
    expect=[
        "first completed: quick",
        "exit failing with ValueError('v')",
        "first exception: failing, quick",
        "exit slow",
        "all: failing, quick, slow",
    ],
)
async def waiting_for_some_tasks(trace: Trace) -> None:
    """`wait` comes back when the first task is done, or failed, or all are, as it was told; it cancels none and
    raises none of their errors.
    """

    async def slow() -> None:
        async with LoggedExit(trace, "slow"):
            await release["slow"].wait()

    async def failing() -> None:
        async with LoggedExit(trace, "failing"):
            await release["failing"].wait()
            raise ValueError("v")

    async def quick() -> None:
        await asyncio.sleep(0)

    def names(done: set[asyncio.Task[None]]) -> str:
        return ", ".join(sorted(task.get_name() for task in done))

    release = {"slow": asyncio.Event(), "failing": asyncio.Event()}
    tasks = [asyncio.create_task(work(), name=work.__name__) for work in (slow, failing, quick)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    trace("first completed:", names(done))
    release["failing"].set()
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    trace("first exception:", names(done))
    release["slow"].set()
    done, _ = await asyncio.wait(tasks)
    trace("all:", names(done))
    tasks[1].exception()  # seen, so that nobody reports it


@clause(
    "TG-81",
    source="library/asyncio-task.html#asyncio.as_completed",
    on="asyncio",
    expect=["exit c", "got c", "exit a", "got a", "exit b", "got b"],
)
async def taking_results_as_they_come(trace: Trace) -> None:
    """`as_completed` gives the results in the order in which the tasks end."""

    async def work(name: str) -> str:
        async with LoggedExit(trace, name):
            await turns[name].wait()
        return name

    turns = {name: asyncio.Event() for name in "abc"}
    order = iter("cab")
    turns[next(order)].set()
    for next_done in asyncio.as_completed([work(name) for name in "abc"]):
        trace("got", await next_done)
        turns[next(order, "b")].set()


@clause(
    "TG-82",
    source="library/asyncio-task.html#asyncio.shield",
    on="asyncio",
    expect=["exit a", "the same result True", "exit b with ValueError('v')", "the same error True"],
)
async def what_a_shield_gives(trace: Trace) -> None:
    """If nobody cancels, `shield` gives the very result or error of what it shields."""
    result, failure = object(), ValueError("v")

    async def work() -> object:
        async with LoggedExit(trace, "a", suspends=1):
            return result

    async def fail() -> None:
        async with LoggedExit(trace, "b", suspends=1):
            raise failure

    trace("the same result", await asyncio.shield(work()) is result)
    try:
        await asyncio.shield(fail())
    except ValueError as error:
        trace("the same error", error is failure)


@clause(
    "TG-83",
    source="library/asyncio-eventloop.html#asyncio.loop.set_task_factory",
    on="asyncio",
    expect=[
        "made 1",
        "exit m",
        "its own kind True",
        by_version({"3.10": [], "3.11": ["made 2", "exit m", "its own kind True"]}),
        "made no more",
    ],
)
async def a_task_factory_makes_the_tasks(trace: Trace) -> None:
    """A task factory that was set makes the tasks of `create_task` and of task groups, until it is taken away."""
    loop = asyncio.get_running_loop()
    before, made = loop.get_task_factory(), list[asyncio.Task[Any]]()

    class OwnTask(asyncio.Task[Any]):
        pass

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(OwnTask(coroutine, loop=loop, **options))
        trace("made", len(made))
        return made[-1]

    async def work() -> None:
        async with LoggedExit(trace, "m", suspends=1):
            pass
        trace("its own kind", isinstance(asyncio.current_task(), OwnTask))

    loop.set_task_factory(factory)
    await asyncio.create_task(work())
    if sys.version_info >= (3, 11):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work())
    loop.set_task_factory(before)
    await asyncio.create_task(asyncio.sleep(0))
    trace("made no more")


@clause(
    "TG-84",
    source=ERRORS,
    expect=["in a group: KeyError('body'), LookupError('second'), ValueError('first')", "goes on"],
)
async def errors_of_cancelled_tasks_on_every_loop(trace: Trace) -> None:
    """What tasks raise in their cleanup when the group is cancelled is in the group beside the error that was the cause."""

    async def child(failure: Exception) -> None:
        try:
            waits.release()
            await for_ever()
        finally:
            raise failure

    waits = anyio.Semaphore(0)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child, ValueError("first"))
            tasks.start_soon(child, LookupError("second"))
            await waits.acquire()
            await waits.acquire()
            raise KeyError("body")
    except BaseExceptionGroup as group:
        trace("in a group:", ", ".join(sorted(map(describe, group.exceptions))))
    await checkpoint()
    trace("goes on")


@clause(
    "TG-85",
    source="library/asyncio-future.html#asyncio.Future.result; library/asyncio-task.html#asyncio.Task.result",
    on="asyncio",
    expect=[
        *("task waits: InvalidStateError, InvalidStateError", "task cancelled: CancelledError, CancelledError"),
        *("future waits: InvalidStateError, InvalidStateError", "future cancelled: CancelledError, CancelledError"),
    ],
)
async def results_that_are_not_there(trace: Trace) -> None:
    """`result()` and `exception()` of a task or future raise as long as it is not done, and when it was cancelled."""

    def raised(ask: Callable[[], object]) -> str:
        try:
            return f"gives {ask()!r}"
        except (asyncio.InvalidStateError, asyncio.CancelledError) as error:
            return type(error).__name__

    future = asyncio.get_running_loop().create_future()
    for name, awaitable in ("task", asyncio.ensure_future(for_ever())), ("future", future):
        await checkpoint()
        trace(f"{name} waits:", f"{raised(awaitable.result)}, {raised(awaitable.exception)}")
        awaitable.cancel()
        await asyncio.wait([awaitable])
        trace(f"{name} cancelled:", f"{raised(awaitable.result)}, {raised(awaitable.exception)}")


@clause(
    "TG-86",
    source="library/asyncio-task.html#asyncio.Task.set_name; library/asyncio-future.html#asyncio.Future.remove_done_callback",
    on="asyncio",
    expect=["given: given", "set: another", "removed: 2, then 0", "removed: 2, then 0", "cancel: True, then False"],
)
async def what_tasks_say_of_themselves(trace: Trace) -> None:
    """A task has the name that it was given last; a task and a future tell how many callbacks they have removed, and
    whether they could be cancelled.
    """
    given = asyncio.create_task(for_ever(), name="given")
    trace("given:", given.get_name())
    given.set_name("another")
    trace("set:", given.get_name())
    future = asyncio.get_running_loop().create_future()
    for each in given, future:
        for _ in range(2):
            each.add_done_callback(print)
        trace("removed:", f"{each.remove_done_callback(print)}, then {each.remove_done_callback(print)}")
    given.cancel()
    await asyncio.wait([given])
    trace("cancel:", f"{future.cancel()}, then {future.cancel()}")


@clause(
    "TG-87",
    source="library/asyncio-task.html#asyncio.Task.cancel",
    on="asyncio",
    expect=["returned 7", "failed with ValueError('v') <- Cancelled", "cancelled"],
)
async def how_a_cancelled_task_ends(trace: Trace) -> None:
    """A task that was cancelled ends as its coroutine does: with its result, its error, or cancelled."""

    async def answer(how: str) -> int:
        try:
            await for_ever()
        except asyncio.CancelledError:
            if how == "fail":
                raise ValueError("v")  # noqa: B904 - the cancellation is to be its context
            if how == "pass on":
                raise
        return 7

    for how in "return", "fail", "pass on":
        task = asyncio.ensure_future(answer(how))
        await checkpoint()
        task.cancel()
        await asyncio.wait([task])
        trace(end(task))


@clause(
    "TG-88",
    source="library/asyncio-task.html#asyncio.Task.get_name",
    on="asyncio",
    level="should",
    expect=["names: 3, all different: True"],
)
async def tasks_have_names_of_their_own(trace: Trace) -> None:
    """A task that was given no name has one of its own."""
    tasks = [asyncio.create_task(for_ever()) for _ in range(3)]
    names = [task.get_name() for task in tasks]
    trace(f"names: {len(names)}, all different:", len({*names}) == 3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@clause(
    "TG-93",
    source="Lib/asyncio/tasks.py",
    level="should",
    on="asyncio",
    expect=["itself: RuntimeError", "something else: RuntimeError"],
)
async def what_cannot_be_awaited(trace: Trace) -> None:
    """A task that awaits itself, or something that suspends it for what is no future, gets RuntimeError there."""

    class SomethingElse:
        def __await__(self) -> Iterator[str]:
            yield "no future"

    awaitables = {"itself": asyncio.current_task(), "something else": SomethingElse()}
    for name, awaitable in awaitables.items():
        try:
            await awaitable
            trace(f"{name}: awaited")
        except RuntimeError as error:
            trace(f"{name}:", type(error))


@clause(
    "TG-94",
    source="Lib/asyncio/futures.py",
    level="should",
    on="asyncio",
    expect=["future: 7", "again: 7", "task: 7", "another task"],
)
async def awaiting_what_is_done(trace: Trace) -> None:
    """Awaiting a future or a task that is done gives its result at once: no other task takes a turn in between."""

    async def seven() -> int:
        return 7

    events = asyncio.get_running_loop()
    future, task = events.create_future(), asyncio.ensure_future(seven())
    future.set_result(7)
    await asyncio.wait([task])
    events.call_soon(trace, "another task")
    trace("future:", await future)
    trace("again:", await future)
    trace("task:", await task)
    await checkpoint()


# What is left of the groups


@clause(
    "TG-89",
    source=TASK_GROUPS,
    versions=">=3.11",
    on="asyncio",
    expect=[
        any_order("exit sibling with Cancelled", "exit body with Cancelled"),
        "the group raised KeyboardInterrupt('k')",
        "the run raised KeyboardInterrupt('k')",
        any_order("exit sibling with Cancelled", "exit body with Cancelled"),
        "the group raised SystemExit(3)",
        "the run raised SystemExit(3)",
    ],
    leaves=["reports"],
)
def an_interrupt_of_a_task_is_raised_bare(trace: Trace, loop: Loop) -> None:
    """`KeyboardInterrupt` and `SystemExit` from a task of the group are raised as they are, by the group too, after its
    other tasks and the body have been cancelled and have ended.
    """

    async def fail(interrupt: BaseException) -> None:
        await checkpoint()
        raise interrupt

    async def wait(name: str) -> None:
        async with LoggedExit(trace, name):
            await for_ever()

    async def main(interrupt: BaseException) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(wait("sibling"))
                tasks.create_task(fail(interrupt))
                await wait("body")
        except BaseException as error:
            trace("the group raised", error)
            raise

    for interrupt in (KeyboardInterrupt("k"), SystemExit(3)):
        try:
            loop.run(main, interrupt)
        except BaseException as error:
            trace("the run raised", error)


@clause(
    "TG-90",
    source="gh-110910",
    level="informational",
    versions=">=3.11",
    on="asyncio",
    expect=by_version({"3.11": ["None"], "3.15": ["True"]}),
)
async def leaving_a_group_that_nobody_entered(trace: Trace) -> None:
    """The exit of an `asyncio.TaskGroup` that was never entered can be awaited as if nothing were wrong."""
    trace(await asyncio.TaskGroup().__aexit__(None, None, None))


@clause(
    "TG-91",
    source="anyio contextmanagers.html",
    expect=["Generator TypeError", "Coroutine TypeError", "Plain TypeError", "Itself TypeError"],
)
async def a_mixin_without_a_manager(trace: Trace) -> None:
    """What the `__asynccontextmanager__` of anyio's mixin gives must be another, asynchronous manager: a generator or a
    coroutine whose decorator was forgotten, a plain manager and the object itself are refused before anything is entered.
    """

    class Generator(anyio.AsyncContextManagerMixin):
        async def __asynccontextmanager__(self) -> AsyncIterator[None]:  # type: ignore[override]
            trace("begun")
            yield

    class Coroutine(anyio.AsyncContextManagerMixin):
        async def __asynccontextmanager__(self) -> None:  # type: ignore[override]
            trace("begun")

    class Plain(anyio.AsyncContextManagerMixin):
        @contextlib.contextmanager
        def __asynccontextmanager__(self) -> Any:
            trace("begun")
            yield

    class Itself(anyio.AsyncContextManagerMixin):
        def __asynccontextmanager__(self) -> Any:
            return self

    for kind in (Generator, Coroutine, Plain, Itself):
        try:
            async with kind():
                trace(kind, "entered")
        except TypeError as error:
            trace(kind, type(error))


@clause(
    "TG-92",
    source="trio reference-core.html#trio.Nursery; trio reference-core.html#checkpoints",
    level="informational",
    on="trio",
    expect=["a task that was ready", "left twice"],
)
async def leaving_empty_nurseries(trace: Trace) -> None:
    """Leaving an empty nursery of trio, and then another, lets every task run that was ready before the first; trio draws
    lots in which of the two exits it does.
    """
    import trio

    async def ready() -> None:
        trace("a task that was ready")

    async with trio.open_nursery() as around:
        around.start_soon(ready)
        for _ in range(2):
            async with trio.open_nursery():
                pass
        trace("left twice")


@clause(
    "TG-95",
    source="anyio contextmanagers.html",
    expect=["enter failed", "exit failed", "gives what it yields: True", "caught ValueError('v')", "suppressed"],
)
async def a_mixin_that_failed(trace: Trace) -> None:
    """A manager of anyio's mixin is neither entered when its enter failed nor when its exit did: it can be used again,
    and gives, passes on and suppresses what its generator does.
    """

    class Mixed(anyio.AsyncContextManagerMixin):
        fails: str | None = "enter"
        suppresses = False

        @contextlib.asynccontextmanager
        async def __asynccontextmanager__(self) -> AsyncIterator[object]:
            if self.fails == "enter":
                raise OSError
            try:
                yield given
            except ValueError:
                if not self.suppresses:
                    raise
            await checkpoint()
            if self.fails == "exit":
                raise OSError

    given, manager = object(), Mixed()
    for manager.fails in ("enter", "exit"):
        try:
            async with manager:
                pass
        except OSError:
            trace(f"{manager.fails} failed")
    manager.fails = None
    for manager.suppresses in (False, True):
        try:
            async with manager as value:
                if not manager.suppresses:
                    trace("gives what it yields:", value is given)
                raise ValueError("v")
            trace("suppressed")
        except ValueError as error:
            trace("caught", chain(error))


@clause(
    "TG-97",
    source="anyio tasks.html",
    expect=[
        "PENDING",
        "result 7, FINISHED",
        "enter m",
        "CANCELLING",
        "exit m with Cancelled",
        "TaskCancelled, CANCELLED",
    ],
)
async def handles_of_tasks(trace: Trace) -> None:
    """Awaiting what anyio's `create_task` gives waits for the task: it gives the result, or tells that it was cancelled."""

    async def seven() -> int:
        await checkpoint()
        return 7

    async def wait(entered: anyio.Event) -> None:
        async with Logged(trace, "m"):
            entered.set()
            await anyio.Event().wait()

    async with anyio.create_task_group() as group:
        handle = group.create_task(seven())
        trace(handle.status.name)
        trace("result", f"{await handle},", handle.status.name)
        waiting = group.create_task(wait(entered := anyio.Event()))
        await entered.wait()
        waiting.cancel()
        trace(waiting.status.name)
        try:
            await waiting
        except anyio.TaskFailed as error:
            trace(f"{type(error).__name__},", waiting.status.name)
