"""Leaking: what a statement, a manager, a task and a loop keep alive when they are done with it.

"Freed" means by reference counting alone, with the cyclic collector off: what waits for the collector holds its files,
sockets and locks until then.
"""

import asyncio
import gc
import sys
import traceback
import warnings
import weakref
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Logged, Loop, Names, Trace, clause

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

ASYNC_WITH = "reference/compound_stmts.html#async-with"


class Thing:
    """Something that can be referred to weakly."""


class Failure(Exception):
    """An exception that can be referred to weakly."""


class Manager:
    """A manager that suspends on enter and exit and keeps nothing."""

    def __init__(self, *, gives: object = None, suppress: bool = False) -> None:
        self.gives = gives
        self.suppress = suppress

    async def __aenter__(self) -> object:
        await checkpoint()
        gives, self.gives = self.gives, None
        return gives

    async def __aexit__(self, *details: object) -> bool:
        await checkpoint()
        return self.suppress


@contextmanager
def without_collector() -> Iterator[None]:
    """Switch the cyclic collector off, so that only reference counting frees anything."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@clause("LEAK-01", source="PEP 3110", expect=["in the body: alive", "after the statement: freed"])
async def a_suppressed_exception_is_freed(trace: Trace) -> None:
    """An exception that the exit suppresses is freed with the end of the statement."""
    with without_collector():
        async with Manager(suppress=True):
            failure = Failure()
            reference = weakref.ref(failure)
            trace("in the body:", "freed" if reference() is None else "alive")
            try:
                raise failure
            finally:
                del failure
        trace("after the statement:", "freed" if reference() is None else "alive")


@clause(
    "LEAK-02", source=ASYNC_WITH, expect=["in the body: alive", "after an await: alive", "after the statement: freed"]
)
async def a_manager_is_freed_after_its_statement(trace: Trace) -> None:
    """The statement keeps its manager alive through the body, and not any longer."""
    references = []

    def make() -> Manager:
        manager = Manager()
        references.append(weakref.ref(manager))
        return manager

    with without_collector():
        async with make():
            trace("in the body:", "freed" if references[0]() is None else "alive")
            await checkpoint()
            trace("after an await:", "freed" if references[0]() is None else "alive")
        trace("after the statement:", "freed" if references[0]() is None else "alive")


@clause(
    "LEAK-03",
    source=ASYNC_WITH,
    expect=[
        "unbound, in the body: freed",
        "bound, in the body: alive",
        "bound, afterwards: alive",
        "unbound by del: freed",
    ],
)
async def a_result_lives_as_long_as_its_name(trace: Trace) -> None:
    """The result of enter is freed before the body if nothing binds it, and lives as long as the name that `as`
    gave it.
    """

    def make() -> tuple[Manager, "weakref.ref[Thing]"]:
        thing = Thing()
        return Manager(gives=thing), weakref.ref(thing)

    with without_collector():
        manager, reference = make()
        async with manager:
            trace("unbound, in the body:", "freed" if reference() is None else "alive")
        manager, reference = make()
        async with manager as bound:
            trace("bound, in the body:", "freed" if reference() is None else "alive")
        trace("bound, afterwards:", "freed" if reference() is None else "alive")
        del bound
        trace("unbound by del:", "freed" if reference() is None else "alive")


@clause("LEAK-04", source="bpo-30306", expect=["before enter: alive", "in the generator: freed", "in the body: freed"])
async def arguments_of_a_generator_manager_are_dropped(trace: Trace, library: Names) -> None:
    """A manager made from a generator keeps the arguments until it is entered, and then leaves them to the
    generator.
    """

    @library.asynccontextmanager
    async def manager(thing: Thing) -> AsyncGenerator[None, None]:
        reference = weakref.ref(thing)
        del thing
        await checkpoint()
        trace("in the generator:", "freed" if reference() is None else "alive")
        yield

    with without_collector():
        thing = Thing()
        reference = weakref.ref(thing)
        made = manager(thing)
        del thing
        trace("before enter:", "freed" if reference() is None else "alive")
        async with made:
            trace("in the body:", "freed" if reference() is None else "alive")


@clause(
    "LEAK-05",
    source="gh-129280",
    level="should",
    expect=[
        f"{name}: freed"
        for name in ("class", "generator", "two generators", "stack", "suppressed around", "task group", "fail_after")
    ],
)
async def a_propagated_exception_is_part_of_no_cycle(trace: Trace, library: Names) -> None:
    """An exception that passes a manager of whatever kind is freed when it was handled: the manager makes no cycle
    of it.
    """

    @library.asynccontextmanager
    async def generator() -> AsyncGenerator[None, None]:
        await checkpoint()
        yield

    async def fail_in_class() -> None:
        async with Manager():
            raise Failure

    async def fail_in_generator() -> None:
        async with generator():
            raise Failure

    async def fail_in_two_generators() -> None:
        async with generator(), generator():
            raise Failure

    async def fail_in_stack() -> None:
        async with library.AsyncExitStack() as stack:
            await stack.enter_async_context(generator())
            raise Failure

    async def fail_under_suppress() -> None:
        with library.suppress(KeyError):
            async with Manager():
                raise Failure

    async def fail_in_group() -> None:
        async with anyio.create_task_group():
            raise Failure

    async def fail_in_time() -> None:
        with anyio.fail_after(60):
            await checkpoint()
            raise Failure

    async def freed(fail: Any) -> str:
        try:
            await fail()
        except BaseExceptionGroup as group:
            reference = weakref.ref(group.exceptions[0])
        except Failure as error:
            reference = weakref.ref(error)
        return "freed" if reference() is None else "alive"

    with without_collector():
        trace("class:", await freed(fail_in_class))
        trace("generator:", await freed(fail_in_generator))
        trace("two generators:", await freed(fail_in_two_generators))
        trace("stack:", await freed(fail_in_stack))
        trace("suppressed around:", await freed(fail_under_suppress))
        trace("task group:", await freed(fail_in_group))
        trace("fail_after:", await freed(fail_in_time))


@clause(
    "LEAK-06",
    source="gh-100964",
    level="should",
    expect=["the new exception: freed", "that of the body: freed"],
)
async def an_exception_from_another_is_part_of_no_cycle(trace: Trace, library: Names) -> None:
    """Also if the generator raises a new exception from that of the body, both are freed when they were handled."""

    @library.asynccontextmanager
    async def translating() -> AsyncGenerator[None, None]:
        try:
            yield
        except Failure as error:
            await checkpoint()
            raise Failure("new") from error

    with without_collector():
        try:
            async with translating():
                raise Failure("body")
        except Failure as error:
            new, body = weakref.ref(error), weakref.ref(error.__cause__)
        trace("the new exception:", "freed" if new() is None else "alive")
        trace("that of the body:", "freed" if body() is None else "alive")


@clause("LEAK-63", source="gh-129280", level="should", expect=["suppressed", "freed"])
async def an_exception_that_a_generator_suppresses_is_freed(trace: Trace, library: Names) -> None:
    """An exception that a manager made from a generator catches is freed with the end of the statement."""

    @library.asynccontextmanager
    async def catching() -> AsyncGenerator[None, None]:
        try:
            yield
        except Failure:
            await checkpoint()

    with without_collector():
        async with catching():
            failure = Failure()
            reference = weakref.ref(failure)
            try:
                raise failure
            finally:
                del failure
        trace("suppressed")
        trace("freed" if reference() is None else "alive")


@clause("LEAK-07", source="Lib/contextlib.py", level="should", expect=["Failure('in callback')", "freed"])
async def an_exception_of_a_callback_is_part_of_no_cycle(trace: Trace, library: Names) -> None:
    """An exception that a callback of an exit stack raises is freed when it was handled."""

    async def fail() -> None:
        await checkpoint()
        raise Failure("in callback")

    with without_collector():
        stack = library.AsyncExitStack()
        stack.push_async_callback(fail)
        try:
            await stack.aclose()
        except Failure as error:
            reference = weakref.ref(error)
            trace(error)
        del stack
        trace("freed" if reference() is None else "alive")


@clause(
    "LEAK-08",
    source="gh-124958",
    on="asyncio",
    versions=">=3.11",
    level="should",
    expect=["in timeout: freed", "under Lock: freed", "under Semaphore: freed"],
)
async def managers_of_asyncio_make_no_cycles(trace: Trace) -> None:
    """An exception that passes `asyncio.timeout`, a lock or a semaphore is freed when it was handled."""
    with without_collector():
        for name, manager in (
            ("in timeout:", asyncio.timeout(60)),
            ("under Lock:", asyncio.Lock()),
            ("under Semaphore:", asyncio.Semaphore()),
        ):
            try:
                async with manager:
                    raise Failure
            except Failure as error:
                reference = weakref.ref(error)
            trace(name, "freed" if reference() is None else "alive")


@clause("LEAK-09", source="reference/datamodel.html#frame-objects", expect=["handling: alive", "handled: freed"])
async def locals_of_a_failed_body_are_freed(trace: Trace) -> None:
    """What the failed body held in its variables lives as long as the exception, whose traceback holds the frame."""
    references = []

    async def fail() -> None:
        thing = Thing()
        references.append(weakref.ref(thing))
        async with Manager():
            await checkpoint()
            raise Failure

    with without_collector():
        try:
            await fail()
        except Failure:
            trace("handling:", "freed" if references[0]() is None else "alive")
        trace("handled:", "freed" if references[0]() is None else "alive")


@clause("LEAK-10", source="gh-95882", level="should", expect=["one layer and ten: as long"])
async def layers_of_generator_managers_leave_no_trace(trace: Trace, library: Names) -> None:
    """The traceback of an exception does not grow with the number of generator managers that it passes."""

    @library.asynccontextmanager
    async def layer() -> AsyncGenerator[None, None]:
        await checkpoint()
        yield

    async def one() -> None:
        async with layer():
            raise Failure

    async def ten() -> None:
        async with layer(), layer(), layer(), layer(), layer(), layer(), layer(), layer(), layer(), layer():
            raise Failure

    lengths = []
    for fail in one, ten:
        try:
            await fail()
        except Failure as error:
            lengths.append(len(traceback.extract_tb(error.__traceback__)))
    trace("one layer and ten:", "as long" if lengths[0] == lengths[1] else f"{lengths[0]} and {lengths[1]} frames")


@clause(
    "LEAK-11",
    source="reference/datamodel.html#object.__aenter__",
    expect=["RuntimeWarning: was never awaited", "not entered"],
)
async def an_enter_that_is_not_awaited_warns(trace: Trace) -> None:
    """Calling `__aenter__` without awaiting what it returns does nothing but warn."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Logged(trace, "m").__aenter__()  # type: ignore[unused-coroutine]
    for warning in caught:
        first, *_ = str(warning.message).splitlines()  # in debug mode more follow
        trace(f"{warning.category.__name__}:", first.partition("' ")[2])
    trace("not entered")


@clause(
    "LEAK-60",
    source="library/asyncio-task.html#asyncio.create_task",
    on="asyncio",
    level="should",
    expect=["task: freed", "result: freed", "failed task: freed", "its exception: freed"],
)
async def a_finished_task_is_freed(trace: Trace) -> None:
    """Nobody but the program keeps a task that is done, its result or its exception."""

    async def succeed() -> Thing:
        await checkpoint()
        return Thing()

    async def fail() -> Thing:
        await checkpoint()
        raise Failure

    async def run(coroutine: Any) -> tuple["weakref.ref[Any]", "weakref.ref[Any]"]:
        task = asyncio.create_task(coroutine)
        await asyncio.wait([task])
        outcome = task.exception() or task.result()
        return weakref.ref(task), weakref.ref(outcome)

    with without_collector():
        for names, coroutine in (("task:", "result:"), succeed()), (("failed task:", "its exception:"), fail()):
            references = await run(coroutine)
            del coroutine
            await asyncio.sleep(0)
            for name, reference in zip(names, references, strict=True):
                trace(name, "freed" if reference() is None else "alive")


@clause(
    "LEAK-61",
    source="library/asyncio-eventloop.html#asyncio.Handle",
    on="asyncio",
    level="should",
    expect=["called", "called, argument: freed", "cancelled, argument: freed", "cancelled timer, argument: freed"],
)
async def callbacks_keep_their_arguments_no_longer(trace: Trace) -> None:
    """The loop lets go of a callback's arguments when it was called or cancelled, timers that are not yet due
    included.
    """
    events = asyncio.get_running_loop()

    def called(thing: Thing) -> None:
        trace("called")

    def schedule(method: Any, *arguments: Any) -> tuple[Any, "weakref.ref[Thing]"]:
        thing = Thing()
        return method(*arguments, called, thing), weakref.ref(thing)

    with without_collector():
        handle, reference = schedule(events.call_soon)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del handle
        trace("called, argument:", "freed" if reference() is None else "alive")
        handle, reference = schedule(events.call_soon)
        handle.cancel()
        trace("cancelled, argument:", "freed" if reference() is None else "alive")
        handle, reference = schedule(events.call_later, 3600)
        handle.cancel()
        trace("cancelled timer, argument:", "freed" if reference() is None else "alive")


@clause(
    "LEAK-62",
    source="library/asyncio-eventloop.html#asyncio.loop.close",
    on="asyncio",
    level="should",
    expect=["closed", "freed"],
)
def a_closed_loop_can_be_collected(trace: Trace, loop: Loop) -> None:
    """A loop that was run and closed is kept by nothing: the collector can take it."""
    references = []

    async def main() -> None:
        references.append(weakref.ref(asyncio.get_running_loop()))
        async with Manager():
            await asyncio.get_running_loop().run_in_executor(None, int)

    loop.run(main)
    trace("closed")
    gc.collect()
    trace("freed" if references[0]() is None else "alive")


@clause(
    "LEAK-64",
    source=ASYNC_WITH,
    level="should",
    expect=[
        "generator left: value freed, error freed",
        "stack left: callback freed, error freed",
    ],
)
async def a_manager_that_was_left_keeps_nothing(trace: Trace, library: Names) -> None:
    """A manager that somebody still refers to when it was left keeps neither what it gave, nor the error that passed
    it, nor what was registered with it.
    """

    @library.asynccontextmanager
    async def generator() -> AsyncGenerator[Thing, None]:
        yield Thing()

    def fail(references: list[Any]) -> None:
        failure = Failure()
        references.append(weakref.ref(failure))
        try:
            raise failure
        finally:
            del failure

    async def use(manager: Any, references: list[Any]) -> None:
        async with manager as value:
            references.append(weakref.ref(value))
            del value
            fail(references)

    async def fill(stack: Any, references: list[Any]) -> None:
        async with stack:
            thing = Thing()
            references.append(weakref.ref(thing))
            stack.callback(id, thing)
            del thing
            fail(references)

    def state(reference: Any) -> str:
        return "freed" if reference() is None else "alive"

    managers = generator(), library.AsyncExitStack()
    for manager, work, words in zip(
        managers, (use, fill), ("generator left: value", "stack left: callback"), strict=True
    ):
        references: list[Any] = []
        try:
            await work(manager, references)
        except Failure:
            pass
        await checkpoint()
        gc.collect()
        trace(f"{words} {state(references[0])}, error {state(references[1])}")


@clause(
    "LEAK-65",
    source="library/asyncio-eventloop.html#asyncio.Handle",
    on="asyncio",
    level="should",
    expect=["called", "the last argument: freed"],
)
def a_loop_lets_go_of_its_last_callback(trace: Trace, loop: Loop) -> None:
    """The loop lets go of the arguments of the very last callback that it has called, too."""
    events, thing = loop.options()["loop_factory"](), Thing()

    def last(thing: Thing) -> None:
        trace("called")

    with without_collector():
        try:
            reference = weakref.ref(thing)
            events.call_soon(events.stop)
            events.call_soon(last, thing)
            del thing
            events.run_forever()
            trace("the last argument:", "freed" if reference() is None else "alive")
        finally:
            events.close()


@clause("LEAK-66", source="library/asyncio-runner.html", level="should", expect=["left the run", "freed"])
def nobody_keeps_what_left_the_run(trace: Trace, loop: Loop) -> None:
    """Nobody keeps an exception that has left the run and was handled."""
    references = []

    async def main() -> None:
        await checkpoint()
        failure = Failure()
        references.append(weakref.ref(failure))
        try:
            raise failure
        finally:
            del failure

    try:
        loop.run(main)
    except Failure:
        trace("left the run")
    gc.collect()
    trace("freed" if references[0]() is None else "alive")


@clause("LEAK-67", source=ASYNC_WITH, level="should", expect=["left", "the error of an exit: freed"])
async def a_stack_that_was_left_keeps_no_error(trace: Trace, library: Names) -> None:
    """A stack that somebody still refers to when it was left does not keep the error that an exit raised; the
    collector can take it.
    """
    references = []

    def fail() -> None:
        failure = Failure()
        references.append(weakref.ref(failure))
        try:
            raise failure
        finally:
            del failure

    stack = library.AsyncExitStack()
    try:
        async with stack:
            stack.callback(fail)
    except Failure:
        trace("left")
    await checkpoint()
    gc.collect()
    trace("the error of an exit:", "freed" if references[0]() is None else "alive")
