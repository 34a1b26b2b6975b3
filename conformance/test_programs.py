"""Programs: nobody wrote them by hand. Random trees of managers, errors, loops and inner coroutines are run, and must do
what the rules of the language say. At the end stand, by hand, the smallest programs that showed a released contextlib wrong.

An exit stack is to do what nested statements do. contextlib's cannot, quite: it calls the exits in a loop, where the language
would have the error of one exit being handled while the next one runs, and mends the contexts afterwards. The clauses on
stacks let it; the one before them does not.
"""

from __future__ import annotations

import sys

from anyio.lowlevel import checkpoint

from asyncwith import Logged, Loop, Names, Trace, chain, clause, programs

ASYNC_WITH = "reference/compound_stmts.html#async-with"
GENERATORS = "library/contextlib.html#contextlib.asynccontextmanager"
STACK = "library/contextlib.html#contextlib.AsyncExitStack"
EDGE = "library/asyncio-task.html#task-cancellation"
LEVEL = "anyio cancellation.html"
THROW = "reference/datamodel.html#coroutine.throw"
CLOSE = "reference/datamodel.html#coroutine.close"

PROGRAMS = 80  # a check; less than a tenth of a second
AS_SPECIFIED = ["all as specified"]


def explore(trace: Trace, loop: Loop | None, library: Names, recipe: str, *, strictly: bool = False) -> None:
    """Run random programs, always the same ones, and write the smallest of those that do otherwise than specified."""
    explored = programs.explore(loop, library, PROGRAMS, seed=1, recipes=[recipe], strictly=strictly, enough=1)
    for line in explored.counterexamples[0].lines() if explored.counterexamples else AS_SPECIFIED:
        trace(line)


@clause("PROG-01", source=ASYNC_WITH, expect=AS_SPECIFIED)
def statements(trace: Trace, library: Names, loop: Loop) -> None:
    """A random program of managers in nested and combined statements does what the language says: every line of it, and
    the final error with its chain.
    """
    explore(trace, loop, library, "statements")


@clause("PROG-02", source=GENERATORS, expect=AS_SPECIFIED)
def generators(trace: Trace, library: Names, loop: Loop) -> None:
    """Managers made of generators, mixed with others, do what the language says of the code around their `yield`."""
    explore(trace, loop, library, "generators")


@clause("PROG-03", source=f"{ASYNC_WITH}; {GENERATORS}", expect=AS_SPECIFIED)
def forms(trace: Trace, library: Names, loop: Loop) -> None:
    """It makes no difference whether a program is written with nested statements or combined ones, with classes or with
    generators.
    """
    explore(trace, loop, library, "forms")


@clause("PROG-04", source=f"{STACK}; gh-102201", level="should", expect=AS_SPECIFIED)
def stacks_are_nesting(trace: Trace, library: Names, loop: Loop) -> None:
    """Managers on an exit stack do all that they would do in nested statements."""
    explore(trace, loop, library, "stacks", strictly=True)


@clause("PROG-05", source=STACK, expect=AS_SPECIFIED)
def stacks(trace: Trace, library: Names, loop: Loop) -> None:
    """Managers, callbacks and pushed exits on a stack do what they would do in nested statements, or what contextlib's stack
    is known to do instead.
    """
    explore(trace, loop, library, "stacks")


@clause("PROG-06", source="library/contextvars.html#asyncio-support; PEP 567", expect=AS_SPECIFIED)
def variables(trace: Trace, library: Names, loop: Loop) -> None:
    """What entering, body and exits of any manager set in a context variable is seen by whatever comes after."""
    explore(trace, loop, library, "variables")


@clause("PROG-07", source=EDGE, on="asyncio", expect=AS_SPECIFIED)
def cancelled_once(trace: Trace, library: Names, loop: Loop) -> None:
    """A task that is cancelled in any of its awaits gets one CancelledError there, and does with it what the language says."""
    explore(trace, loop, library, "edge")


@clause("PROG-08", source=f"{EDGE}; {STACK}", on="asyncio", expect=AS_SPECIFIED)
def cancelled_once_on_stacks(trace: Trace, library: Names, loop: Loop) -> None:
    """The same holds while managers on a stack are entered and left."""
    explore(trace, loop, library, "edge on stacks")


@clause("PROG-09", source=LEVEL, expect=AS_SPECIFIED)
def cancelled_scope(trace: Trace, library: Names, loop: Loop) -> None:
    """In a cancelled scope every await that is not shielded raises, and the language does the rest."""
    explore(trace, loop, library, "level")


@clause("PROG-10", source=f"{LEVEL}; {STACK}", expect=AS_SPECIFIED)
def cancelled_scope_on_stacks(trace: Trace, library: Names, loop: Loop) -> None:
    """The same holds while managers on a stack are entered and left."""
    explore(trace, loop, library, "level on stacks")


@clause("PROG-16", source=f"{LEVEL}; anyio cancellation.html#timeouts", expect=AS_SPECIFIED)
def timeouts(trace: Trace, library: Names, loop: Loop) -> None:
    """A timeout that has expired cancels the awaits inside it and catches that, however many of them stand in each other
    and whatever else is raised there.
    """
    explore(trace, loop, library, "timeouts")


@clause("PROG-17", source="anyio tasks.html; library/asyncio-task.html#task-groups", expect=AS_SPECIFIED)
def groups(trace: Trace, library: Names, loop: Loop) -> None:
    """A task group that stands among managers waits for its child, cancels it where the body fails, raises what either
    raised in an exception group, and gives the child a copy of the context.
    """
    explore(trace, loop, library, "groups")


@clause("PROG-18", source=f"anyio tasks.html; {STACK}", expect=AS_SPECIFIED)
def groups_on_stacks(trace: Trace, library: Names, loop: Loop) -> None:
    """The same holds where the managers are on stacks."""
    explore(trace, loop, library, "groups on stacks")


@clause("PROG-11", source=THROW, expect=AS_SPECIFIED)
def thrown_into(trace: Trace, library: Names) -> None:
    """An error thrown into a coroutine that is suspended in any of its awaits passes through all that is open there."""
    explore(trace, None, library, "throw")


@clause("PROG-12", source=f"{THROW}; {STACK}", expect=AS_SPECIFIED)
def thrown_into_stacks(trace: Trace, library: Names) -> None:
    """The same holds while managers on a stack are entered and left."""
    explore(trace, None, library, "throw on stacks")


@clause("PROG-13", source=CLOSE, expect=AS_SPECIFIED)
def closed(trace: Trace, library: Names) -> None:
    """A coroutine that is closed in any of its awaits leaves all that is open there; each coroutine that it awaits is
    closed by a GeneratorExit of its own, the innermost first.
    """
    explore(trace, None, library, "close")


@clause("PROG-14", source=f"{CLOSE}; {STACK}", expect=AS_SPECIFIED)
def closed_in_stacks(trace: Trace, library: Names) -> None:
    """The same holds while managers on a stack are entered and left."""
    explore(trace, None, library, "close on stacks")


@clause("PROG-15", source=f"{CLOSE}; {GENERATORS}; gh-117714", versions=">=3.13", expect=AS_SPECIFIED)
def closed_in_generators(trace: Trace, library: Names) -> None:
    """A generator that is suspended in an await of its own is closed with the coroutine that awaits it."""
    explore(trace, None, library, "close generators")


@clause(
    "PROG-30",
    source=f"{STACK}; gh-102201",
    level="should",
    expect=["exit: KeyError('k') <- ValueError('v')", "caught KeyError('k') <- ValueError('v')"],
)
async def raising_again_what_was_given(trace: Trace, library: Names) -> None:
    """An exit on a stack that raises the very error it was given, which another exit had raised, changes nothing of it.

    contextlib makes the error its own context; a second stack around the first then follows that ring for ever.
    """

    async def replace(*details: object) -> None:
        await checkpoint()
        raise KeyError("k")

    async def raise_again(kind: object, error: BaseException, traceback: object) -> None:
        await checkpoint()
        trace("exit:", chain(error))
        raise error

    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(raise_again)
            stack.push_async_exit(replace)
            raise ValueError("v")
    except (KeyError, ValueError) as error:
        trace("caught", chain(error))


@clause(
    "PROG-31",
    source=f"{STACK}; library/sys.html#sys.exc_info; gh-102201",
    level="should",
    expect=["handling KeyError('k')"] * 2,
)
async def what_an_exit_on_a_stack_handles(trace: Trace, library: Names) -> None:
    """While an exit on a stack runs, the error that is being handled is the one that it was given, whether the body or
    another exit raised it.
    """

    async def replace(*details: object) -> None:
        await checkpoint()
        raise KeyError("k")

    async def look(*details: object) -> bool:
        await checkpoint()
        trace("handling", sys.exc_info()[1])
        return True

    for fails in (True, False):
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(look)
            stack.push_async_exit(replace)
            if fails:
                raise ValueError("v")


@clause(
    "PROG-32",
    source=f"{STACK}; reference/simple_stmts.html#raise; gh-102201",
    level="should",
    expect=["caught KeyError('k') <- ValueError('v')"],
)
async def bare_raise_in_an_exit_on_a_stack(trace: Trace, library: Names) -> None:
    """A bare `raise` in an exit on a stack raises what the exit was given. contextlib's raises the error of the body
    again, and what replaced that is lost.
    """

    async def replace(*details: object) -> None:
        await checkpoint()
        raise KeyError("k")

    async def raise_again(*details: object) -> None:
        await checkpoint()
        raise  # noqa: PLE0704 - an exit runs while the error that it is given is being handled

    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(raise_again)
            stack.push_async_exit(replace)
            raise ValueError("v")
    except (KeyError, ValueError) as error:
        trace("caught", chain(error))


@clause(
    "PROG-33",
    source=f"{STACK}; gh-102201",
    level="should",
    expect=["enter inner", "exit inner with ValueError('v')", "exit outer", "inside OSError('o')"],
)
async def nothing_is_handled_after_suppression(trace: Trace, library: Names) -> None:
    """After one exit on a stack suppressed the error, the next runs as if there had been none: what it raises and catches
    inside has no context.
    """

    async def fail_inside(*details: object) -> None:
        await checkpoint()
        trace("exit outer", *(detail for detail in details if detail is not None))
        try:
            raise OSError("o")
        except OSError as error:
            trace("inside", chain(error))

    async with library.AsyncExitStack() as stack:
        stack.push_async_exit(fail_inside)
        await stack.enter_async_context(Logged(trace, "inner", suppress=True))
        raise ValueError("v")
