"""Chaining: what `__context__` and `__cause__` remember when enter, the body and exit fail one after another."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Logged, Trace, by_loop, chain, clause

CONTEXT = "library/exceptions.html#exception-context"
HANDLED = "reference/executionmodel.html#exceptions"
RAISE = "reference/simple_stmts.html#the-raise-statement"
WITH = "reference/compound_stmts.html#with"

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


@clause("EXC-03", source=f"{CONTEXT}; PEP 3134", expect=["OSError('exit') <- ValueError('body')", "context True"])
async def an_exit_that_fails_remembers_the_body(trace: Trace) -> None:
    """If exit raises after the body did, its exception comes out, and the body's is its context."""
    body = ValueError("body")
    try:
        async with Logged(Trace(), "m", fails_exit=OSError("exit"), suspends=1):
            raise body
    except OSError as error:
        trace(chain(error))
        trace("context", error.__context__ is body)


@clause("EXC-04", source=f"{RAISE}; PEP 409; PEP 415", expect=["OSError('exit') </ ValueError('body')"])
async def from_none_hides_the_body_and_keeps_it(trace: Trace) -> None:
    """`raise … from None` in exit hides the body's exception from tracebacks, but it stays the context."""

    async def leave(_: BaseException | None) -> None:
        raise OSError("exit") from None

    try:
        async with Leaving(leave):
            raise ValueError("body")
    except OSError as error:
        trace(chain(error))


@clause("EXC-05", source=f"{RAISE}; PEP 3134", expect=["OSError('exit') <= ValueError('body')", "context True"])
async def an_exit_may_name_the_body_as_cause(trace: Trace) -> None:
    """`raise … from error` in exit makes the body's exception the cause, and it is the context as well."""

    async def leave(error: BaseException | None) -> None:
        raise OSError("exit") from error

    body = ValueError("body")
    try:
        async with Leaving(leave):
            raise body
    except OSError as error:
        trace(chain(error))
        trace("context", error.__context__ is body)


@clause("EXC-08", source=f"{CONTEXT}; PEP 3134", expect=["OSError('exit')", "OSError('exit') <- KeyError('outer')"])
async def after_a_normal_end_there_is_nothing_to_remember(trace: Trace) -> None:
    """If exit raises after a body that went well, its exception has no context, unless the whole statement stands
    where an exception is handled.
    """
    try:
        async with Logged(Trace(), "m", fails_exit=OSError("exit"), suspends=1):
            pass
    except OSError as error:
        trace(chain(error))
    try:
        try:
            raise KeyError("outer")
        except KeyError:
            async with Logged(Trace(), "m", fails_exit=OSError("exit"), suspends=1):
                pass
    except OSError as error:
        trace(chain(error))


@clause("EXC-07", source=f"{CONTEXT}; PEP 3134", expect=["OSError('enter')", "OSError('enter') <- KeyError('outer')"])
async def an_enter_that_fails_remembers_what_was_handled(trace: Trace) -> None:
    """If enter raises where an exception is handled, that is the context of its exception; elsewhere it has none."""
    try:
        async with Logged(Trace(), "m", fails_enter=OSError("enter"), suspends=1):
            pass
    except OSError as error:
        trace(chain(error))
    try:
        try:
            raise KeyError("outer")
        except KeyError:
            async with Logged(Trace(), "m", fails_enter=OSError("enter"), suspends=1):
                pass
    except OSError as error:
        trace(chain(error))


@clause("EXC-73", source=f"{CONTEXT}; PEP 3134", expect=["OSError('exit') <- ValueError('body') <- KeyError('outer')"])
async def a_chain_goes_on_through_the_body(trace: Trace) -> None:
    """In a statement where an exception is handled already, that is the context of the body's, and this of exit's."""
    try:
        try:
            raise KeyError("outer")
        except KeyError:
            async with Logged(Trace(), "m", fails_exit=OSError("exit"), suspends=1):
                await checkpoint()
                raise ValueError("body")
    except OSError as error:
        trace(chain(error))


@clause(
    "EXC-09",
    source=f"{WITH}; PEP 3134",
    expect=[
        *("enter a", "enter b", "enter c"),
        *("exit c with ValueError('body')", "exit b with OSError('c')", "exit a with OSError('b')"),
        "OSError('a') <- OSError('b') <- OSError('c') <- ValueError('body')",
    ],
)
async def exits_that_fail_make_a_chain(trace: Trace) -> None:
    """If several exits raise, each is given what the inner one raised, and the chain leads back to the body."""
    try:
        async with Logged(trace, "a", fails_exit=OSError("a"), suspends=1):
            async with Logged(trace, "b", fails_exit=OSError("b"), suspends=1):
                async with Logged(trace, "c", fails_exit=OSError("c"), suspends=1):
                    raise ValueError("body")
    except OSError as error:
        trace(chain(error))


@clause(
    "EXC-74",
    source=f"{WITH}; PEP 3134",
    expect=["enter a", "enter b", "exit b", "exit a with OSError('b')", "OSError('a') <- OSError('b')"],
)
async def a_chain_may_begin_with_an_exit(trace: Trace) -> None:
    """After a body that went well the chain begins with the first exit that raises."""
    try:
        async with Logged(trace, "a", fails_exit=OSError("a"), suspends=1):
            async with Logged(trace, "b", fails_exit=OSError("b"), suspends=1):
                pass
    except OSError as error:
        trace(chain(error))


@clause(
    "EXC-33",
    source=f"{WITH}; PEP 3134",
    expect=["enter a", "enter b", "exit a with OSError('enter b')", "KeyError('exit a') <- OSError('enter b')"],
)
async def an_exit_remembers_an_enter(trace: Trace) -> None:
    """If a second manager cannot be entered and the exit of the first raises because of it, the enter's exception is
    the context of the exit's.
    """
    first = Logged(trace, "a", fails_exit=KeyError("exit a"), suspends=1)
    second = Logged(trace, "b", fails_enter=OSError("enter b"), suspends=1)
    try:
        async with first, second:
            trace("body")
    except KeyError as error:
        trace(chain(error))


@clause(
    "EXC-75",
    source=f"{HANDLED}; PEP 3134",
    expect=["KeyError('in exit') <- ValueError('body')", "caught True ValueError('body')"],
)
async def what_exit_handles_itself_leaves_no_mark(trace: Trace) -> None:
    """An exception that exit raises and catches itself has the body's as context, but changes nothing in that."""

    async def leave(_: BaseException | None) -> None:
        try:
            await checkpoint()
            raise KeyError("in exit")
        except KeyError as error:
            trace(chain(error))
        await checkpoint()

    body = ValueError("body")
    try:
        async with Leaving(leave):
            raise body
    except ValueError as error:
        trace("caught", error is body, chain(error))


@clause(
    "EXC-34",
    source="PEP 3134",
    level="should",
    expect=["OSError('inner') <- ValueError('body')", "ValueError('body') <- OSError('inner')"],
)
async def a_chain_is_never_a_ring(trace: Trace) -> None:
    """If an outer exit raises once more what the inner one's exception has as context already, the link turns round,
    and no ring is made.
    """

    async def leave(error: Any) -> None:
        trace(chain(error))
        raise error.__context__

    try:
        async with Leaving(leave), Logged(Trace(), "inner", fails_exit=OSError("inner"), suspends=1):
            raise ValueError("body")
    except ValueError as error:
        trace(chain(error))


@clause(
    "EXC-38",
    source="library/traceback.html#traceback.format_exception",
    expect=[
        "ValueError: body",
        "During handling of the above exception, another exception occurred:",
        "OSError: exit",
    ],
)
async def tracebacks_tell_of_the_body_first(trace: Trace) -> None:
    """When exit replaced the body's exception, the printed traceback shows both, the body's first, and says how they
    hang together.
    """
    try:
        async with Logged(Trace(), "m", fails_exit=OSError("exit"), suspends=1):
            raise ValueError("body")
    except OSError as error:
        for line in "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines():
            if line.startswith(("ValueError", "OSError", "During", "The above")):
                trace(line)


@clause(
    "EXC-28",
    source=f"{HANDLED}; bpo-25612",
    expect=[
        "other task: handles None",
        "other task: KeyError('other')",
        "exit: handles ValueError('body')",
        "caught ValueError('body')",
    ],
)
async def other_tasks_handle_nothing_of_it(trace: Trace) -> None:
    """While one task waits in exit with an exception under way, other tasks neither handle it nor get it as a
    context; and what they raise and catch meanwhile does not get in its way.
    """
    parked, resumed = anyio.Event(), anyio.Event()

    async def leave(_: BaseException | None) -> None:
        parked.set()
        await resumed.wait()
        trace("exit: handles", sys.exc_info()[1])

    async def other() -> None:
        await parked.wait()
        trace("other task: handles", sys.exc_info()[1])
        try:
            raise KeyError("other")
        except KeyError as error:
            trace("other task:", chain(error))
            resumed.set()
            await checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        try:
            async with Leaving(leave):
                raise ValueError("body")
        except ValueError as error:
            trace("caught", chain(error))


@clause(
    "EXC-77",
    source=f"{HANDLED}; bpo-25612",
    expect=["a handles OSError('a')", "b handles OSError('b')", "out of a: OSError('a')", "out of b: OSError('b')"],
)
async def tasks_that_leave_at_the_same_time_keep_apart(trace: Trace) -> None:
    """Of several tasks that wait in an exit at the same time each handles its own exception."""
    lines: list[str] = []
    inside = {"a", "b"}
    all_inside = anyio.Event()

    async def task(name: str) -> None:
        async def leave(_: BaseException | None) -> None:
            inside.remove(name)
            if not inside:
                all_inside.set()
            await all_inside.wait()
            await checkpoint()
            lines.append(f"{name} handles {sys.exc_info()[1]!r}")

        try:
            async with Leaving(leave):
                raise OSError(name)
        except OSError as error:
            lines.append(f"out of {name}: {chain(error)}")

    async with anyio.create_task_group() as group:
        group.start_soon(task, "a")
        group.start_soon(task, "b")
    for line in sorted(lines):
        trace(line)


async def cancelled_in_exit(trace: Trace, *, inside: bool) -> None:
    """Cancel a task while its exit handles an exception, and write the chain of the cancellation there or outside."""

    async def leave(_: BaseException | None) -> None:
        scope.cancel()
        try:
            await checkpoint()
        except anyio.get_cancelled_exc_class() as error:
            if inside:
                trace("in exit:", chain(error))
            raise

    with anyio.CancelScope() as scope:
        try:
            async with Leaving(leave):
                raise ValueError("body")
        except anyio.get_cancelled_exc_class() as error:
            if not inside:
                trace("outside:", chain(error))
            raise


@clause("EXC-29", source="gh-73773; trio#455", level="should", expect="outside: Cancelled <- ValueError('body')")
async def a_cancelled_exit_remembers_the_body(trace: Trace) -> None:
    """If a task is cancelled while exit handles an exception, the cancellation that comes out has it as its context."""
    await cancelled_in_exit(trace, inside=False)


@clause(
    "EXC-30",
    source="gh-108668; trio#38",
    level="informational",
    expect=by_loop(asyncio="in exit: Cancelled", trio="in exit: Cancelled <- ValueError('body')"),
)
async def a_cancellation_inside_exit_may_not_know_the_body_yet(trace: Trace) -> None:
    """Inside exit the cancellation has the body's exception as context on trio at once; on asyncio, which throws it
    through the awaiting coroutines, only when it has left the exit.
    """
    await cancelled_in_exit(trace, inside=True)
