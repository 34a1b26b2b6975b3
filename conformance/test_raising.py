"""Raising: what exit is told of the body's exception, and what comes out of the statement.

How exceptions are linked to each other on the way is the chapter chaining.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NoReturn

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Logged, Loop, Trace, by_version, chain, clause

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

ASYNC_WITH = "reference/compound_stmts.html#async-with"
HANDLED = "reference/executionmodel.html#exceptions"
RAISE = "reference/simple_stmts.html#the-raise-statement"
TRACEBACK = "reference/datamodel.html#traceback-objects"

Exit = Callable[[BaseException | None], Awaitable[object]]


class Leaving:
    """A manager that suspends on the way in and out, and is left by what the clause says: `leave(error or None)`."""

    def __init__(self, leave: Exit) -> None:
        self.leave = leave

    async def __aenter__(self) -> None:
        await checkpoint()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> object:
        await checkpoint()
        return await self.leave(error)


def functions(error: BaseException) -> str:
    """Name the functions that the traceback of `error` goes through, the outermost first."""
    return " > ".join(frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__))


async def fail() -> NoReturn:
    """Raise in a function of its own, after a suspension."""
    await checkpoint()
    raise ValueError("body")


@clause(
    "PROT-10",
    source=ASYNC_WITH,
    expect=[
        *("3 arguments and {}", "its type True", "its traceback True", "ValueError('instance') from body"),
        *("3 arguments and {}", "its type True", "its traceback True", "ValueError() from body"),
    ],
)
async def exit_is_told_type_value_and_traceback(trace: Trace) -> None:
    """After an exception exit is given its type, the exception itself and its traceback, as positional arguments; an
    instance even if only a class was raised.
    """

    class Manager:
        async def __aenter__(self) -> None:
            await checkpoint()

        async def __aexit__(self, *args: Any, **keywords: object) -> bool:
            trace(len(args), "arguments and", keywords)
            kind, error, its_traceback = args
            trace("its type", kind is type(error))
            trace("its traceback", its_traceback is error.__traceback__)
            trace(error, "from", functions(error))
            return True

    async def body(raised: Any) -> None:
        async with Manager():
            await checkpoint()
            raise raised

    await body(ValueError("instance"))
    await body(ValueError)


@clause(
    "EXC-01",
    source=ASYNC_WITH,
    expect=[
        "enter m",
        "exit m with ValueError('body')",
        "caught True ValueError('body') <= KeyError('cause') [<- None]",
    ],
)
async def an_exception_passes_unchanged(trace: Trace) -> None:
    """If exit does not suppress, the very object that the body raised comes out, with no context but its own."""
    error = ValueError("body")
    error.__cause__ = KeyError("cause")
    try:
        async with Logged(trace, "m", suspends=1):
            raise error
    except ValueError as caught:
        trace("caught", caught is error, chain(caught))


@clause(
    "PROT-27",
    source=f"{HANDLED}; bpo-25612",
    expect=[
        "exit handles ValueError('body')",
        "after None",
        "exit handles None",
        "exit handles KeyError('outer')",
        "exit handles ValueError('body')",
        "after KeyError('outer')",
    ],
)
async def exit_handles_the_exception(trace: Trace) -> None:
    """While exit runs, also after it has suspended, the body's exception counts as handled; afterwards, what was
    handled before. After a normal end exit handles nothing but what is handled around the statement.
    """

    async def leave(error: BaseException | None) -> bool:
        await checkpoint()
        trace("exit handles", sys.exc_info()[1])
        return True

    async with Leaving(leave):
        raise ValueError("body")
    trace("after", sys.exc_info()[1])
    async with Leaving(leave):
        pass
    try:
        raise KeyError("outer")
    except KeyError:
        async with Leaving(leave):
            pass
        async with Leaving(leave):
            raise ValueError("body")
        trace("after", sys.exc_info()[1])


@clause(
    "PROT-28",
    source=RAISE,
    expect=["caught True ValueError('body')", "RuntimeError('No active exception to reraise')"],
)
async def a_bare_raise_in_exit_reraises(trace: Trace) -> None:
    """`raise` alone in exit raises the body's exception once more: the same object, without a context. After a normal
    end there is nothing to raise.
    """

    async def leave(_: BaseException | None) -> None:
        raise  # noqa: PLE0704 - the point of the clause

    error = ValueError("body")
    try:
        async with Leaving(leave):
            raise error
    except ValueError as caught:
        trace("caught", caught is error, chain(caught))
    try:
        async with Leaving(leave):
            pass
    except RuntimeError as caught:
        trace(chain(caught))


@clause("EXC-02", source=f"{ASYNC_WITH}; {TRACEBACK}", level="should", expect=["caught in > statement > fail"])
async def exit_leaves_no_frame_in_the_traceback(trace: Trace) -> None:
    """The traceback of an exception that passes shows the way from the body, and nothing of any exit."""

    async def statement() -> None:
        async with Logged(Trace(), "a", suspends=2), Logged(Trace(), "b", suspends=2):
            await fail()

    async def caught_in() -> None:
        try:
            await statement()
        except ValueError as error:
            trace(functions(error).replace("caught_in", "caught in"))

    await caught_in()


@clause(
    "EXC-06",
    source=f"{RAISE}; PEP 3134",
    expect=["caught True ValueError('body')", "main > statement > __aexit__ > leave > statement > fail"],
)
async def raising_what_was_received_adds_the_way_through_exit(trace: Trace) -> None:
    """If exit raises the exception that it was given, that same object comes out, is not its own context, and its
    traceback shows the exit besides the body.
    """
    received: list[BaseException | None] = []

    async def leave(error: Any) -> None:
        received.append(error)
        raise error

    async def statement() -> None:
        async with Leaving(leave):
            await fail()

    async def main() -> None:
        try:
            await statement()
        except ValueError as caught:
            trace("caught", caught is received[0], chain(caught))
            trace(functions(caught))

    await main()


@clause("EXC-37", source=TRACEBACK, level="should", expect=["1 2 3"])
async def a_traceback_grows_with_every_raise(trace: Trace) -> None:
    """An exception that is raised again and again, here in three statements, adds to its traceback each time."""
    seen = []

    async def leave(error: Any) -> bool:
        seen.append(functions(error).count(">") + 1)
        return True

    error = ValueError("body")
    for _ in range(3):
        async with Leaving(leave):
            raise error
    trace(*seen)


@clause(
    "EXC-70",
    source=TRACEBACK,
    level="should",
    expect=["enter fails on the line of async with: True", "exit fails on the line of async with: True"],
)
async def failing_managers_point_at_the_statement(trace: Trace) -> None:
    """The traceback of an exception from enter or exit shows the line that says `async with`, not one of the body."""

    async def statement(manager: Logged) -> None:
        async with manager:  # the line after the head
            await checkpoint()
            await checkpoint()

    for which in ("enter", "exit"):
        try:
            await statement(Logged(Trace(), "m", suspends=1, **{f"fails_{which}": OSError()}))
        except OSError as error:
            lines = [
                line - statement.__code__.co_firstlineno
                for frame, line in traceback.walk_tb(error.__traceback__)
                if frame.f_code is statement.__code__
            ]
            trace(which, "fails on the line of async with:", lines == [1])


@clause(
    "EXC-27",
    source="bpo-45711",
    level="informational",
    expect=by_version({"3.10": "main > statement > fail", "3.11": "main"}),
)
async def exit_may_cut_the_traceback(trace: Trace) -> None:
    """An exit that takes the traceback off the exception hides where it came from, from Python 3.11 on; before that the
    statement puts the old traceback back.
    """

    async def leave(error: Any) -> None:
        error.with_traceback(None)

    async def statement() -> None:
        async with Leaving(leave):
            await fail()

    async def main() -> None:
        try:
            await statement()
        except ValueError as error:
            trace(functions(error))

    await main()


@clause("EXC-26", source="library/exceptions.html#BaseException.args", expect="ValueError('body', 'seen by exit')")
async def exit_may_add_to_the_exception(trace: Trace) -> None:
    """What exit changes in the exception that it was given shows outside: it is the same object."""

    async def leave(error: Any) -> None:
        error.args += ("seen by exit",)

    try:
        async with Leaving(leave):
            await fail()
    except ValueError as error:
        trace(error)


@clause(
    "EXC-71", source="library/exceptions.html#BaseException.add_note", versions=">=3.11", expect="seen by b, seen by a"
)
async def exits_may_add_notes(trace: Trace) -> None:
    """Each exit that an exception passes may leave a note on it, the innermost first."""

    def noting(note: str) -> Leaving:
        async def leave(error: Any) -> None:
            error.add_note(note)

        return Leaving(leave)

    try:
        async with noting("seen by a"), noting("seen by b"):
            await fail()
    except ValueError as error:
        trace(", ".join(getattr(error, "__notes__", [])))


@clause(
    "EXC-24",
    source="PEP 654",
    expect=["enter m", "exit m with ExceptionGroup[KeyError('k'), ValueError('v')]", "caught True"],
)
async def groups_pass_unchanged(trace: Trace) -> None:
    """An exception group goes through the statement like any exception, as the same object and in one piece."""
    group = ExceptionGroup("", [KeyError("k"), ValueError("v")])
    try:
        async with Logged(trace, "m", suspends=1):
            raise group
    except ExceptionGroup as caught:
        trace("caught", caught is group)


@clause(
    "EXC-25",
    source="PEP 654; library/exceptions.html#BaseExceptionGroup.split",
    expect=["ExceptionGroup[KeyError('k')]", "<- True ExceptionGroup[KeyError('k'), ValueError('v')]"],
)
async def exit_may_take_its_part_of_a_group(trace: Trace) -> None:
    """An exit that raises the rest of a group which it has split suppresses its part: the rest comes out, with the
    whole group as its context.
    """

    async def leave(error: Any) -> None:
        _, rest = error.split(ValueError)
        raise rest

    group = ExceptionGroup("", [KeyError("k"), ValueError("v")])
    try:
        async with Leaving(leave):
            raise group
    except ExceptionGroup as caught:
        trace(caught)
        trace("<-", caught.__context__ is group, caught.__context__)


@clause(
    "EXC-13",
    source="PEP 479",
    expect=[
        "enter m",
        "exit m with StopIteration(5)",
        "RuntimeError('coroutine raised StopIteration') <= StopIteration(5)",
    ],
)
async def stop_iteration_reaches_exit_and_not_further(trace: Trace) -> None:
    """StopIteration reaches exit as such, and only where it would leave the coroutine does it become a RuntimeError."""

    async def stops() -> None:
        async with Logged(trace, "m", suspends=1):
            raise StopIteration(5)

    try:
        await stops()
    except RuntimeError as error:
        trace(chain(error))


@clause(
    "EXC-14",
    source="PEP 479",
    expect=["enter m", "exit m with StopAsyncIteration()", "caught True StopAsyncIteration()"],
)
async def stop_async_iteration_leaves_a_coroutine(trace: Trace) -> None:
    """StopAsyncIteration leaves a coroutine as any exception does."""
    error = StopAsyncIteration()

    async def stops() -> None:
        async with Logged(trace, "m", suspends=1):
            raise error

    try:
        await stops()
    except StopAsyncIteration as caught:
        trace("caught", caught is error, chain(caught))


@clause(
    "EXC-15",
    source="PEP 479",
    expect=[
        "enter m",
        "RuntimeError('coroutine raised StopIteration') <= StopIteration('enter')",
        "enter m",
        "exit m with ValueError('body')",
        "RuntimeError('coroutine raised StopIteration') <= StopIteration('exit') <- ValueError('body')",
    ],
)
async def stop_iteration_of_a_manager_is_an_error(trace: Trace) -> None:
    """StopIteration that leaves a coroutine of enter or exit is a RuntimeError already for the statement."""
    try:
        async with Logged(trace, "m", fails_enter=StopIteration("enter"), suspends=1):
            trace("body")
    except RuntimeError as error:
        trace(chain(error))
    try:
        async with Logged(trace, "m", fails_exit=StopIteration("exit"), suspends=1):
            raise ValueError("body")
    except RuntimeError as error:
        trace(chain(error))


@clause(
    "EXC-16",
    source="PEP 525; PEP 479",
    expect=[
        *("enter m", "0", "exit m with StopIteration()"),
        "RuntimeError('async generator raised StopIteration') <= StopIteration()",
        *("enter m", "0", "exit m with StopAsyncIteration()"),
        "RuntimeError('async generator raised StopAsyncIteration') <= StopAsyncIteration()",
    ],
)
async def neither_leaves_an_async_generator(trace: Trace) -> None:
    """In an asynchronous generator exit sees StopIteration and StopAsyncIteration as such, and both become a
    RuntimeError where they would end the generator.
    """

    async def stops(error: Exception) -> AsyncGenerator[int, None]:
        async with Logged(trace, "m", suspends=1):
            yield 0
            raise error

    for error in (StopIteration(), StopAsyncIteration()):
        try:
            async for number in stops(error):
                trace(number)
        except RuntimeError as caught:
            trace(chain(caught))


@clause(
    "EXC-23",
    source="library/asyncio-exceptions.html#asyncio.CancelledError; trio reference-core.html",
    expect=["enter m", "exit m with Cancelled", "cancelled True"],
)
async def except_exception_does_not_catch_a_cancellation(trace: Trace) -> None:
    """`except Exception` around the statement lets a cancellation pass, whose exception is no `Exception`."""
    with anyio.CancelScope() as scope:
        try:
            async with Logged(trace, "m"):
                scope.cancel()
                await checkpoint()
        except Exception as error:
            trace("caught", error)
    trace("cancelled", scope.cancelled_caught)


@clause("EXC-36", source=ASYNC_WITH, expect=["more than 100 entered: True", "still entered: 0", "the loop goes on"])
async def too_deep_recursion_leaves_every_manager(trace: Trace) -> None:
    """When recursion through the statement becomes too deep, each manager that was entered is left all the same."""
    inside = deepest = 0

    class Counted:
        async def __aenter__(self) -> None:
            nonlocal inside, deepest
            inside = deepest = inside + 1

        async def __aexit__(self, *exc: object) -> None:
            nonlocal inside
            inside -= 1

    async def dive() -> None:
        async with Counted():
            await dive()

    try:
        await dive()
    except RecursionError:
        trace("more than 100 entered:", deepest > 100)
        trace("still entered:", inside)
    await checkpoint()
    trace("the loop goes on")


@clause(
    "EXC-72",
    source="library/asyncio-runner.html#asyncio.run; trio reference-core.html",
    expect=[
        *("enter m", "exit m with ValueError('body')", "out of the loop True ValueError('body')"),
        *("enter m", "exit m with StopAsyncIteration()", "out of the loop True StopAsyncIteration()"),
        *("enter m", "exit m with BaseException()", "out of the loop True BaseException()"),
        *("enter m", "exit m with ExceptionGroup[KeyError()]", "out of the loop True ExceptionGroup[KeyError()]"),
    ],
)
def what_passes_every_exit_comes_out_of_the_loop(trace: Trace, loop: Loop) -> None:
    """An exception that leaves the outermost statement comes out of the loop's run as the same object, with the context
    that it had.
    """

    async def main(error: BaseException) -> None:
        async with Logged(trace, "m", suspends=1):
            await checkpoint()
            raise error

    for error in (ValueError("body"), StopAsyncIteration(), BaseException(), ExceptionGroup("", [KeyError()])):
        try:
            loop.run(main, error)
        except BaseException as caught:
            trace("out of the loop", caught is error, chain(caught))


@clause(
    "EXC-78",
    source="library/asyncio-task.html#task-object",
    on="asyncio",
    level="should",
    expect=["task: to fail", "future: to fail", "gather: to fail", "shield: to fail"],
)
async def the_way_of_a_tasks_error(trace: Trace) -> None:
    """The traceback of an error that comes from a task or a future leads to where it was raised."""

    def failed() -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().create_future()
        try:
            raise ValueError("v").with_traceback(None)
        except ValueError as error:
            future.set_exception(error)
        return future

    for name, make in (
        ("task", lambda: asyncio.ensure_future(fail())),
        ("future", failed),
        ("gather", lambda: asyncio.gather(fail())),
        ("shield", lambda: asyncio.shield(fail())),
    ):
        try:
            await make()
        except ValueError as error:
            last = functions(error).rpartition(" > ")[2]
            trace(f"{name}: to", "fail" if last in ("fail", "failed") else last)


@clause(
    "EXC-79",
    source="bpo-45924",
    on="asyncio",
    level="should",
    versions=">=3.11",
    expect=["task grows: False", "its result() grows: False", "future grows: False", "its result() grows: False"],
)
async def the_traceback_of_a_future_does_not_grow(trace: Trace) -> None:
    """An error that is awaited, or asked for, again and again does not get a longer traceback each time."""
    future = asyncio.get_running_loop().create_future()
    future.set_exception(ValueError("v"))
    for name, awaited in ("task", asyncio.ensure_future(fail())), ("future", future):
        lengths = []
        for _ in range(5):
            try:
                await awaited
            except ValueError as error:
                lengths.append(len(functions(error).split(" > ")))
        trace(f"{name} grows:", lengths[-1] > lengths[1])
        lengths.clear()
        for _ in range(5):
            try:
                awaited.result()
            except ValueError as error:
                lengths.append(len(functions(error).split(" > ")))
        trace("its result() grows:", lengths[-1] > lengths[1])


@clause(
    "EXC-80",
    source="library/asyncio-task.html#task-object",
    on="asyncio",
    level="should",
    expect=[
        "notes: none, cause: None, context: None, hidden: False",
        "notes: none, cause: None, context: KeyError('k'), hidden: False",
    ],
)
async def a_task_adds_nothing_to_its_error(trace: Trace) -> None:
    """An error that comes from a task has no note, cause or context that it had not when it left the coroutine."""

    async def fail_while_handling() -> None:
        try:
            raise KeyError("k")
        except KeyError:
            await fail()

    for coroutine in fail(), fail_while_handling():
        try:
            await asyncio.ensure_future(coroutine)
        except ValueError as error:
            trace(
                f"notes: {getattr(error, '__notes__', 'none')},",
                f"cause: {error.__cause__}, context: {error.__context__!r}, hidden: {error.__suppress_context__}",
            )
