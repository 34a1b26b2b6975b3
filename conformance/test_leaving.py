"""Leaving: what exit is called with, and what becomes of a `return`, `break` or `continue` that was under way.

How a suspended coroutine is left from outside, by `close()` and `throw()`, stands at the end. Exceptions of the body
are the subject of the chapters suppressing and raising.
"""

from __future__ import annotations

import gc
import types
import warnings
from collections.abc import Coroutine, Generator
from typing import Any

from anyio.lowlevel import checkpoint

from asyncwith import Logged, Trace, by_version, chain, clause

ASYNC_WITH = "reference/compound_stmts.html#async-with"
RETURN = "reference/simple_stmts.html#the-return-statement"
CLOSE = "reference/datamodel.html#coroutine.close"
THROW = "reference/datamodel.html#coroutine.throw"


@types.coroutine
def pause(place: str) -> Generator[str, None, None]:
    """Suspend the coroutine that awaits this, and give `place` to whoever drives it."""
    yield place


@clause("PROT-09", source=ASYNC_WITH, expect=["enter m", "body", "exit with (None, None, None) and {}", "after"])
async def a_normal_exit_is_given_three_nones(trace: Trace) -> None:
    """When the body has run to its end, exit is awaited once, with `None` three times, before the next statement."""

    class Manager(Logged):
        async def __aexit__(self, *args: object, **keywords: object) -> None:
            await checkpoint()
            await checkpoint()
            trace("exit with", args, "and", keywords)

    async with Manager(trace, "m"):
        trace("body")
    trace("after")


@clause("PROT-29", source=ASYNC_WITH, expect=["enter m", "body", "exit m", "caught True OSError('exit')"])
async def an_exit_that_fails_is_not_called_again(trace: Trace) -> None:
    """An exit is called once: if it raises after a body that went well, it does not see its own exception."""
    error = OSError("exit")
    try:
        async with Logged(trace, "m", fails_exit=error, suspends=1):
            trace("body")
    except OSError as caught:
        trace("caught", caught is error, chain(caught))


@clause("PROT-31", source=ASYNC_WITH, expect=["enter a", "body", "exit a", "no a"])
async def the_target_may_be_deleted(trace: Trace) -> None:
    """What the body does to the target, and to the name of the manager, does not change which manager is left."""
    manager = Logged(trace, "a", suspends=1)
    names = {}
    async with manager as names["a"]:
        manager = Logged(trace, "b")
        del names["a"]
        trace("body")
    trace("a" if names else "no a")


@clause("PROT-16", source=ASYNC_WITH, expect=["enter m", "exit m", "enter m", "exit m", "turn 1"])
async def break_and_continue_exit_normally(trace: Trace) -> None:
    """`break` and `continue` leave through `__aexit__(None, None, None)`."""
    for turn in range(5):
        async with Logged(trace, "m", suspends=1):
            if turn == 0:
                continue
            break
    trace("turn", turn)


@clause("PROT-14", source=f"{ASYNC_WITH}; {RETURN}", expect=["enter m", "value", "exit m", "returned 7"])
async def return_is_kept_until_exit_has_finished(trace: Trace) -> None:
    """`return` evaluates its value before exit, which is told nothing of it; a true result changes nothing."""

    def value() -> int:
        trace("value")
        return 7

    async def returns() -> int:
        async with Logged(trace, "m", suppress=True, suspends=1):
            return value()
        trace("after")

    trace("returned", await returns())


@clause(
    "PROT-72",
    source=RETURN,
    expect=["enter m", "work", "exit m", "returned", "enter m", "exit m", "returned", "work"],
)
async def returning_a_coroutine_does_not_run_it(trace: Trace) -> None:
    """`return await work()` does the work inside; `return work()` hands it out undone, and it runs when the manager has
    been left.
    """

    async def work() -> None:
        await checkpoint()
        trace("work")

    async def inside() -> None:
        async with Logged(trace, "m"):
            return await work()

    async def outside() -> Coroutine[Any, Any, None]:
        async with Logged(trace, "m"):
            return work()

    await inside()
    trace("returned")
    handed_out = await outside()
    trace("returned")
    await handed_out


@clause("PROT-73", source=RETURN, expect=["enter a", "enter b", "exit b", "finally", "exit a", "returned 7"])
async def return_leaves_from_the_inside_out(trace: Trace) -> None:
    """One `return` leaves every statement around it, innermost first, running `finally` clauses on its way."""

    async def returns() -> int:
        async with Logged(trace, "a", suspends=1):
            try:
                async with Logged(trace, "b", suspends=1):
                    return 7
            finally:
                trace("finally")

    trace("returned", await returns())


@clause(
    "PROT-15",
    source=ASYNC_WITH,
    expect=[
        *("enter m", "exit m", "return: OSError('exit')"),
        *("enter m", "exit m", "break: OSError('exit')"),
        *("enter m", "exit m", "continue: OSError('exit')"),
    ],
)
async def an_exit_that_fails_replaces_the_jump(trace: Trace) -> None:
    """If exit raises while a `return`, `break` or `continue` is under way, the exception takes its place, without a
    context.
    """

    async def leaves(by: str) -> int:
        for _ in range(2):
            async with Logged(trace, "m", fails_exit=OSError("exit"), suspends=1):
                if by == "return":
                    return 7
                if by == "break":
                    break
                continue
        return 8

    for by in ("return", "break", "continue"):
        try:
            trace(await leaves(by))
        except OSError as error:
            trace(by + ":", chain(error))


@clause(
    "PROT-17",
    source=ASYNC_WITH,
    expect=["enter a", "enter b", "exit b", "exit a with OSError('b')", "after", "returned 8"],
)
async def a_return_that_failed_is_forgotten(trace: Trace) -> None:
    """If an inner exit fails during a `return` and an outer manager suppresses that, the return is off: execution goes
    on after the outer statement.
    """

    async def returns() -> int:
        async with Logged(trace, "a", suppress=True, suspends=1):
            async with Logged(trace, "b", fails_exit=OSError("b"), suspends=1):
                return 7
        trace("after")
        return 8

    trace("returned", await returns())


@clause(
    "PROT-18",
    source=ASYNC_WITH,
    expect=["enter a", "enter b", "exit b", "exit a with OSError('b')", "after"] * 2 + ["else"],
)
async def a_break_that_failed_is_forgotten(trace: Trace) -> None:
    """In the same way a `break` is off, and the loop goes on to its end."""
    for _ in range(2):
        async with Logged(trace, "a", suppress=True, suspends=1):
            async with Logged(trace, "b", fails_exit=OSError("b"), suspends=1):
                break
        trace("after")
    else:
        trace("else")


@clause(
    "PROT-74",
    source=ASYNC_WITH,
    expect=["enter a", "enter b", "exit b", "exit a with OSError('b')", "after"] * 2,
)
async def a_continue_that_failed_is_forgotten(trace: Trace) -> None:
    """And a `continue` is off: what follows the outer statement runs before the next turn."""
    for _ in range(2):
        async with Logged(trace, "a", suppress=True, suspends=1):
            async with Logged(trace, "b", fails_exit=OSError("b"), suspends=1):
                continue
        trace("after")


@clause(
    "EXC-32",
    source="PEP 765; whatsnew/3.14.html#pep-765-control-flow-in-finally-blocks",
    expect=by_version(
        {
            "3.10": ["return: silent", "break: silent", "continue: silent"],
            "3.14": ["return: SyntaxWarning", "break: SyntaxWarning", "continue: SyntaxWarning"],
        }
    ),
)
def jumps_out_of_finally_are_warned_of(trace: Trace) -> None:
    """From Python 3.14 on the compiler warns of a `return`, `break` or `continue` that leaves a `finally`: in an exit
    it would swallow whatever is under way, cancellation included.
    """
    for jump in ("return", "break", "continue"):
        source = f"async def __aexit__(self, *exc):\n  while True:\n    try: await close()\n    finally: {jump}"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            compile(source, "<clause>", "exec")
        trace(jump + ":", *(["silent"] if not caught else [warning.category for warning in caught]))


async def held(trace: Trace, manager: Logged) -> None:
    """Pause in the body of a manager."""
    async with manager:
        await pause("body")
    trace("after")


async def held_twice(trace: Trace, outer: Logged, inner: Logged) -> None:
    """Pause in the body of two managers."""
    async with outer:
        async with inner:
            await pause("body")
        trace("after", inner.name)
    trace("after", outer.name)


@clause("EXC-21", source=CLOSE, expect=["closed"])
def closing_before_the_start_runs_nothing(trace: Trace) -> None:
    """`close()` of a coroutine that was never started runs neither enter nor exit, and warns of nothing."""
    coroutine = held(trace, Logged(trace, "m"))
    coroutine.close()
    trace("closed")


@clause(
    "EXC-17",
    source=CLOSE,
    expect=["enter a", "enter b", "body", "exit b with GeneratorExit()", "exit a with GeneratorExit()", "closed None"],
)
def closing_exits_with_generator_exit(trace: Trace) -> None:
    """`close()` of a coroutine that is suspended in the body leaves its managers with GeneratorExit, innermost first;
    if no exit suspends, it succeeds.
    """
    coroutine = held_twice(trace, Logged(trace, "a"), Logged(trace, "b"))
    trace(coroutine.send(None))
    trace("closed", coroutine.close())


@clause("EXC-60", source=CLOSE, expect=["enter m", "body", "exit m with GeneratorExit()", "dropped"])
def dropping_exits_with_generator_exit(trace: Trace) -> None:
    """A coroutine that is suspended in the body when the last reference to it goes is closed in the same way."""
    coroutine = held(trace, Logged(trace, "m"))
    trace(coroutine.send(None))
    del coroutine
    gc.collect()
    trace("dropped")


class Slow(Logged):
    """A logged manager whose exit pauses before it does anything."""

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> object:
        self.trace("exit", self.name, "begins with", error)
        await pause("exit")
        return await super().__aexit__(kind, error, traceback)


@clause(
    "EXC-18",
    source=CLOSE,
    expect=[
        "enter a",
        "enter b",
        "body",
        "exit b begins with GeneratorExit()",
        "RuntimeError('coroutine ignored GeneratorExit')",
        "closed again",
        "exit a with GeneratorExit()",
        "closed",
    ],
)
def closing_cannot_wait_for_an_exit(trace: Trace) -> None:
    """An exit that suspends makes `close()` fail: the coroutine stays suspended there, and outer managers are left only
    when it is closed once more. What the suspended exit had still to do is lost.
    """
    coroutine = held_twice(trace, Logged(trace, "a"), Slow(trace, "b"))
    trace(coroutine.send(None))
    try:
        coroutine.close()
    except RuntimeError as error:
        trace(chain(error))
    trace("closed again")
    coroutine.close()
    trace("closed")


@clause(
    "EXC-64",
    source=CLOSE,
    expect=[
        "enter a",
        "enter b",
        "body",
        "exit b begins with GeneratorExit()",
        "exit a with RuntimeError('coroutine ignored GeneratorExit')",
        "out of close: RuntimeError('coroutine ignored GeneratorExit')",
    ],
)
def closing_fails_in_the_awaiting_coroutine_first(trace: Trace) -> None:
    """If it is an awaited coroutine whose exit suspends on closing, the one that awaits it is not closed but given the
    RuntimeError: the managers around the `await` are left with that.
    """

    async def awaiting() -> None:
        async with Logged(trace, "a"):
            await held(trace, Slow(trace, "b"))

    coroutine = awaiting()
    trace(coroutine.send(None))
    try:
        coroutine.close()
    except RuntimeError as error:
        trace("out of close:", chain(error))


@clause(
    "EXC-19",
    source=CLOSE,
    expect=[
        "enter m",
        "body",
        "exit m with GeneratorExit()",
        "OSError('exit') <- GeneratorExit()",
        "closed again None",
    ],
)
def closing_hands_out_what_exit_raises(trace: Trace) -> None:
    """If exit raises during `close()`, its exception comes out of `close()` with GeneratorExit as its context, and the
    coroutine is finished.
    """
    coroutine = held(trace, Logged(trace, "m", fails_exit=OSError("exit")))
    trace(coroutine.send(None))
    try:
        coroutine.close()
    except OSError as error:
        trace(chain(error))
    trace("closed again", coroutine.close())


@clause(
    "EXC-20",
    source=CLOSE,
    expect=["enter m", "body", "exit m with GeneratorExit()", "after", "closed None"],
)
def closing_may_be_suppressed(trace: Trace) -> None:
    """If exit suppresses GeneratorExit, what follows the statement runs, and `close()` succeeds as long as it ends."""
    coroutine = held(trace, Logged(trace, "m", suppress=True))
    trace(coroutine.send(None))
    trace("closed", coroutine.close())


@clause(
    "EXC-61",
    source=CLOSE,
    expect=[
        "enter m",
        "body",
        "exit m with GeneratorExit()",
        "RuntimeError('coroutine ignored GeneratorExit')",
        "the end",
        "finished",
    ],
)
def what_follows_a_suppressed_closing_may_not_suspend(trace: Trace) -> None:
    """If exit suppresses GeneratorExit and the coroutine then suspends again, `close()` fails and it lives on."""

    async def lives_on() -> None:
        async with Logged(trace, "m", suppress=True):
            await pause("body")
        await pause("after")
        trace("the end")

    coroutine = lives_on()
    trace(coroutine.send(None))
    try:
        coroutine.close()
    except RuntimeError as error:
        trace(chain(error))
    try:
        coroutine.send(None)
    except StopIteration:
        trace("finished")


@clause(
    "EXC-62",
    source=CLOSE,
    expect=["enter", "GeneratorExit() in enter", "closed None"],
)
def closing_during_enter_exits_nothing(trace: Trace) -> None:
    """`close()` of a coroutine that is suspended in enter raises GeneratorExit there; exit does not run."""

    class Manager(Logged):
        async def __aenter__(self) -> None:
            try:
                await pause("enter")
            except GeneratorExit as error:
                trace(error, "in enter")
                raise

    coroutine = held(trace, Manager(trace, "m", suppress=True))
    trace(coroutine.send(None))
    trace("closed", coroutine.close())


@clause(
    "EXC-22",
    source=THROW,
    expect=[
        "enter m",
        "body",
        "exit m begins with OSError('thrown')",
        "exit",
        "exit m with OSError('thrown')",
        "after",
        "returned None",
    ],
)
def a_thrown_exception_reaches_exit(trace: Trace) -> None:
    """`throw()` raises its exception in the body. If exit suspends, `throw()` gives back what it suspended with; if
    exit then suppresses, the coroutine goes on and returns as ever.
    """
    coroutine = held(trace, Slow(trace, "m", suppress=True))
    trace(coroutine.send(None))
    trace(coroutine.throw(OSError("thrown")))
    try:
        coroutine.send(None)
    except StopIteration as end:
        trace("returned", end.value)


@clause(
    "EXC-63",
    source=THROW,
    expect=["enter m", "body", "exit m with OSError('thrown')", "out again True OSError('thrown')"],
)
def a_thrown_exception_comes_out_again(trace: Trace) -> None:
    """What was thrown and not suppressed comes out of `throw()` as the same object."""
    coroutine = held(trace, Logged(trace, "m"))
    trace(coroutine.send(None))
    error = OSError("thrown")
    try:
        coroutine.throw(error)
    except OSError as caught:
        trace("out again", caught is error, chain(caught))
