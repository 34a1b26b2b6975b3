"""Suppressing: when the result of exit swallows the exception of the body, and what is left of it then."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Generator

from anyio.lowlevel import checkpoint

from asyncwith import Logged, Trace, by_version, chain, clause

ASYNC_WITH = "reference/compound_stmts.html#async-with"
WITH = "reference/compound_stmts.html#with"
TRUTH = "library/stdtypes.html#truth-value-testing"


@clause(
    "PROT-11",
    source=f"{ASYNC_WITH}; {TRUTH}",
    expect=[
        *("True suppresses", "1 suppresses", "'x' suppresses", "[0] suppresses", "Ellipsis suppresses"),
        *("False does not", "None does not", "0 does not", "'' does not", "[] does not"),
    ],
)
async def any_true_result_suppresses(trace: Trace) -> None:
    """Exit suppresses by giving anything that is true, not only `True`; and anything false does not."""
    for result in (True, 1, "x", [0], ..., False, None, 0, "", []):
        try:
            async with Logged(Trace(), "m", suppress=result, suspends=1):
                raise ValueError("body")
        except ValueError:
            trace(repr(result), "does not")
        else:
            trace(repr(result), "suppresses")


class Answer:
    """Writes that its truth is asked for, and answers yes, or raises `fails`."""

    def __init__(self, trace: Trace, *, fails: Exception | None = None) -> None:
        self.trace, self.fails = trace, fails

    def __bool__(self) -> bool:
        self.trace("is it true?")
        if self.fails is not None:
            raise self.fails
        return True


@clause(
    "PROT-12",
    source=ASYNC_WITH,
    expect=["enter m", "exit m with ValueError('body')", "is it true?", "after", "enter m", "exit m", "after"],
)
async def the_truth_of_the_result_is_asked_for_once(trace: Trace) -> None:
    """The truth of exit's result is asked for once after an exception, and not at all after a normal end."""
    async with Logged(trace, "m", suppress=Answer(trace), suspends=1):
        raise ValueError("body")
    trace("after")
    async with Logged(trace, "m", suppress=Answer(trace), suspends=1):
        pass
    trace("after")


@clause(
    "PROT-13",
    source=f"{ASYNC_WITH}; PEP 3134",
    expect=["enter m", "exit m with ValueError('body')", "is it true?", "OSError('truth') <- ValueError('body')"],
)
async def a_result_without_a_truth_raises(trace: Trace) -> None:
    """If asking for the truth of the result raises, that exception propagates, with the body's as its context."""
    try:
        async with Logged(trace, "m", suppress=Answer(trace, fails=OSError("truth")), suspends=1):
            raise ValueError("body")
    except OSError as error:
        trace(chain(error))


@clause(
    "PROT-75",
    source="library/constants.html#NotImplemented",
    level="informational",
    expect=by_version({"3.10": "suppressed", "3.14": "TypeError <- ValueError"}),
)
async def not_implemented_is_no_answer(trace: Trace) -> None:
    """An exit that gives `NotImplemented` suppresses, which is true; from Python 3.14 on it has no truth at all."""
    try:
        async with Logged(Trace(), "m", suppress=NotImplemented):
            raise ValueError
    except TypeError as error:
        trace(type(error), "<-", type(error.__context__))
    else:
        trace("suppressed")


@clause("PROT-76", source=f"{ASYNC_WITH}; {TRUTH}", expect=["suppressed", "awaited: no"])
async def an_awaitable_result_suppresses(trace: Trace) -> None:
    """An exit that gives an awaitable, as when its author forgot an `await`, suppresses every exception: the
    awaitable is true, and the statement does not await it.
    """
    awaited = "no"

    class Closing:
        def __await__(self) -> Generator[object, object, None]:
            nonlocal awaited
            awaited = "yes"
            yield from checkpoint().__await__()

    async with Logged(Trace(), "m", suppress=Closing()):
        raise ValueError
    trace("suppressed")
    trace("awaited:", awaited)


@clause(
    "PROT-26",
    source=WITH,
    expect=["enter m", "exit m with ValueError('body')", "after 1 0", "enter m", "exit m", "after 2 1"],
)
async def execution_goes_on_after_the_statement(trace: Trace) -> None:
    """After a suppressed exception execution goes on behind the statement, not in the body, and what the body assigned
    before keeps its value.
    """
    begun = ended = 0
    for turn in range(2):
        async with Logged(trace, "m", suppress=True, suspends=1):
            begun += 1
            if turn == 0:
                raise ValueError("body")
            ended += 1
        trace("after", begun, ended)


@clause(
    "PROT-77",
    source=WITH,
    expect=["enter m", "exit m with ValueError('body')", "returned None"],
)
async def a_return_that_was_not_reached_gives_nothing(trace: Trace) -> None:
    """If the value of a `return` raises and exit suppresses it, the function has not returned: it goes on after the
    statement, here to its end.
    """

    def value() -> int:
        raise ValueError("body")

    async def returns() -> int | None:
        async with Logged(trace, "m", suppress=True, suspends=1):
            return value()

    trace("returned", await returns())


@clause(
    "EXC-10",
    source=WITH,
    expect=[
        "enter a",
        "enter b",
        "enter c",
        "exit c with ValueError('body')",
        "exit b with ValueError('body')",
        "exit a",
        "after",
    ],
)
async def outer_managers_do_not_see_it(trace: Trace) -> None:
    """Managers outside of the one that suppresses are left as after a normal end; those inside see the exception."""
    async with Logged(trace, "a", suspends=1):
        async with Logged(trace, "b", suppress=True, suspends=1):
            async with Logged(trace, "c", suspends=1):
                raise ValueError("body")
    trace("after")


@clause(
    "EXC-65",
    source=f"{WITH}; PEP 3134",
    expect=[
        "enter a",
        "enter b",
        "exit b with ValueError('body')",
        "exit a with OSError('b')",
        "OSError('b') <- ValueError('body')",
        "after",
    ],
)
async def what_an_inner_exit_raised_can_be_suppressed(trace: Trace) -> None:
    """What an inner exit raises instead of the body's exception is for the outer manager to suppress, and with it the
    whole chain is done with.
    """
    replacement = OSError("b")
    async with Logged(trace, "a", suppress=True, suspends=1):
        async with Logged(trace, "b", fails_exit=replacement, suspends=1):
            raise ValueError("body")
    trace(chain(replacement))
    trace("after")


@clause("EXC-35", source=WITH, expect=["enter a", "enter b", "exit b", "exit a with OSError('b')", "after"])
async def what_an_inner_exit_raised_after_a_normal_end_can_be_suppressed(trace: Trace) -> None:
    """So is what an inner exit raises after a body that went well."""
    async with Logged(trace, "a", suppress=True, suspends=1):
        async with Logged(trace, "b", fails_exit=OSError("b"), suspends=1):
            pass
    trace("after")


@clause("EXC-66", source=WITH, expect=["enter a", "enter b", "exit a with OSError('enter')", "after"])
async def what_an_inner_enter_raised_can_be_suppressed(trace: Trace) -> None:
    """What the enter of an inner manager raises is an exception of the outer body: the outer may suppress it."""
    async with Logged(trace, "a", suppress=True, suspends=1):
        async with Logged(trace, "b", fails_enter=OSError("enter"), suspends=1):
            trace("body")
    trace("after")


@clause(
    "EXC-11",
    source="PEP 3134; reference/executionmodel.html#exceptions",
    expect=["handled None", "KeyError('later')"],
)
async def nothing_is_handled_any_more(trace: Trace) -> None:
    """After suppression no exception counts as handled: one that is raised later has no context."""
    try:
        async with Logged(Trace(), "m", suppress=True, suspends=1):
            raise ValueError("body")
        trace("handled", sys.exc_info()[1])
        await checkpoint()
        raise KeyError("later")
    except KeyError as error:
        trace(chain(error))


@clause(
    "EXC-67",
    source="reference/executionmodel.html#exceptions",
    expect=["handled KeyError('outer')", "OSError('later') <- KeyError('outer')"],
)
async def what_was_handled_before_is_handled_again(trace: Trace) -> None:
    """After suppression inside an `except` clause, the exception of that clause is the handled one again."""
    try:
        try:
            raise KeyError("outer")
        except KeyError:
            async with Logged(Trace(), "m", suppress=True, suspends=1):
                raise ValueError("body")
            trace("handled", sys.exc_info()[1])
            await checkpoint()
            raise OSError("later")
    except OSError as error:
        trace(chain(error))


@clause("EXC-68", source=WITH, level="should", expect=["alive in exit: True", "alive after: False"])
async def a_suppressed_exception_is_let_go(trace: Trace) -> None:
    """Nothing keeps a suppressed exception, nor with it the frames of its traceback."""

    class Error(Exception):
        pass

    class Manager:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, kind: object, error: Error, traceback: object) -> bool:
            await checkpoint()
            seen.append(weakref.ref(error))
            trace("alive in exit:", seen[0]() is not None)
            return True

    seen: list[weakref.ref[Error]] = []
    async with Manager():
        raise Error
    await checkpoint()
    gc.collect()
    trace("alive after:", seen[0]() is not None)


@clause(
    "EXC-12",
    source=ASYNC_WITH,
    expect=[
        *("exit m with KeyboardInterrupt()", "suppressed"),
        *("exit m with SystemExit(3)", "suppressed"),
        *("exit m with GeneratorExit()", "suppressed"),
        *("exit m with StopIteration(5)", "suppressed"),
        *("exit m with StopAsyncIteration()", "suppressed"),
        *("exit m with Cancelled", "suppressed"),
        *("exit m with BaseException()", "suppressed"),
    ],
)
async def no_exception_is_special(trace: Trace) -> None:
    """Exit is given every exception that the body raises, also those that end programs, generators or tasks, and may
    suppress it.
    """

    class Manager(Logged):
        async def __aenter__(self) -> None:
            await checkpoint()

    for error in (
        KeyboardInterrupt(),
        SystemExit(3),
        GeneratorExit(),
        StopIteration(5),
        StopAsyncIteration(),
        asyncio.CancelledError(),  # one that nobody asked for: on every loop an exception like any other
        BaseException(),
    ):
        async with Manager(trace, "m", suppress=True, suspends=1):
            raise error
        trace("suppressed")


@clause("EXC-69", source=ASYNC_WITH, expect=["enter m", "exit m with OSError('deep')", "after"])
async def exceptions_of_awaited_coroutines_can_be_suppressed(trace: Trace) -> None:
    """It makes no difference how deep below the body, and after how many suspensions, the exception was raised."""

    async def deep(levels: int) -> None:
        await checkpoint()
        if levels == 0:
            raise OSError("deep")
        await deep(levels - 1)

    async with Logged(trace, "m", suppress=True, suspends=1):
        await deep(20)
    trace("after")
