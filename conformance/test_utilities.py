"""Utilities: `aclosing`, `nullcontext`, and the synchronous managers that people use in asynchronous code."""

import asyncio
import io
import os
import sys
import tempfile
import types
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Names, Trace, by_version, chain, clause

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup

ACLOSING = "library/contextlib.html#contextlib.aclosing"
NULLCONTEXT = "library/contextlib.html#contextlib.nullcontext"
CLOSING = "library/contextlib.html#contextlib.closing"
SUPPRESS = "library/contextlib.html#contextlib.suppress"
TESTS = "Lib/test/test_contextlib_async.py"


class Closable:
    """A thing that traces `closing`, and then fails or is closed."""

    def __init__(self, trace: Trace, *, fails: Exception | None = None) -> None:
        self.trace = trace
        self.fails = fails

    def close(self) -> bool:
        self.trace("closing")
        return True

    async def aclose(self) -> bool:
        await checkpoint()
        self.trace("closing")
        if self.fails is not None:
            raise self.fails
        return True


@clause(
    "UTIL-01",
    source=f"{ACLOSING}; {TESTS}",
    expect=["the thing: True", "closing", "after", "the thing: True", "closing", "caught ValueError('v')"],
)
async def aclosing_closes(trace: Trace, library: Names) -> None:
    """`aclosing` gives the thing itself and awaits its `aclose()` at exit; whatever that returns, errors propagate."""
    thing = Closable(trace)
    async with library.aclosing(thing) as bound:
        trace("the thing:", bound is thing)
    trace("after")
    try:
        async with library.aclosing(thing) as bound:
            trace("the thing:", bound is thing)
            raise ValueError("v")
    except ValueError as error:
        trace("caught", chain(error))


@clause(
    "UTIL-02",
    source=TESTS,
    expect=["closing", "caught OSError('o')", "closing", "caught OSError('o') <- ValueError('v')"],
)
async def aclosing_what_fails_to_close(trace: Trace, library: Names) -> None:
    """An error of `aclose()` propagates, with the body's error, if there was one, as its context."""
    for failing in (False, True):
        try:
            async with library.aclosing(Closable(trace, fails=OSError("o"))):
                if failing:
                    raise ValueError("v")
        except OSError as error:
            trace("caught", chain(error))


@clause("UTIL-03", source=f"{ACLOSING}; {TESTS}", expect=["item 1", "item 2", "closed in the same task: True", "after"])
async def aclosing_a_generator(trace: Trace, library: Names) -> None:
    """Leaving the loop early inside `aclosing` ends the generator before the next statement, in the same task."""

    async def generate() -> AsyncIterator[int]:
        try:
            for number in range(1, 4):
                await checkpoint()
                yield number
        finally:
            await checkpoint()
            trace("closed in the same task:", anyio.get_current_task().id == task)

    task = anyio.get_current_task().id
    async with library.aclosing(generate()) as generator:
        async for item in generator:
            trace("item", item)
            if item == 2:
                break
    trace("after")


@clause("UTIL-04", source="PEP 525", expect=["unstarted: left", "exhausted: end", "exhausted: left"])
async def aclosing_a_generator_that_does_not_run(trace: Trace, library: Names) -> None:
    """Closing a generator that was never started, or that has ended, runs nothing of it."""

    async def generate(name: str) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            trace(f"{name}: end")

    async with library.aclosing(generate("unstarted")):
        pass
    trace("unstarted: left")
    async with library.aclosing(generate("exhausted")) as generator:
        async for _ in generator:
            pass
    trace("exhausted: left")


@clause("UTIL-05", source="Lib/contextlib.py", level="informational", expect=["body", "AttributeError", "replaced"])
async def aclosing_looks_late(trace: Trace, library: Names) -> None:
    """`aclosing` looks for `aclose` at exit and not before, and takes it from the object."""

    async def replacement() -> None:
        await checkpoint()
        trace("replaced")

    try:
        async with library.aclosing(object()):
            trace("body")
    except AttributeError as error:
        trace(type(error))
    async with library.aclosing(Closable(trace)) as thing:
        thing.aclose = replacement


@clause(
    "UTIL-06", source="PEP 789; anyio cancellation.html", expect=["finally", "finally got Cancelled", "scope: True"]
)
async def aclosing_under_cancellation(trace: Trace, library: Names) -> None:
    """In a cancelled scope the generator's `finally` runs when `aclosing` exits, but what it awaits is cancelled as
    well.
    """

    async def generate() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            trace("finally")
            try:
                await checkpoint()
                trace("finally went on")
            except BaseException as error:
                trace("finally got", error)
                raise

    with anyio.CancelScope() as scope:
        async with library.aclosing(generate()) as generator:
            async for _ in generator:
                scope.cancel()
                await checkpoint()
    trace("scope:", scope.cancelled_caught)


@clause(
    "UTIL-07",
    source=f"{NULLCONTEXT}; {TESTS}",
    expect=[
        "async with given async with given with given",
        "caught ValueError('v')",
        "again given",
        "without argument None",
        "results: None None",
    ],
)
async def nullcontext_does_nothing(trace: Trace, library: Names) -> None:
    """`nullcontext` serves `with` and `async with`, again and inside itself; it gives its argument and suppresses
    nothing.
    """
    manager = library.nullcontext("given")
    try:
        async with manager as first, manager as second:
            with manager as third:
                trace("async with", first, "async with", second, "with", third)
                raise ValueError("v")
    except ValueError as error:
        trace("caught", chain(error))
    async with manager as value:
        trace("again", value)
    async with library.nullcontext() as value:
        trace("without argument", value)
    error = ValueError("v")
    trace("results:", await manager.__aexit__(ValueError, error, None), manager.__exit__(ValueError, error, None))


@clause(
    "UTIL-08",
    source=f"{SUPPRESS}; library/asyncio-exceptions.html#asyncio.CancelledError",
    expect=["Exception: not suppressed", "BaseException: suppressed", "scope: True"],
)
async def suppressing_a_cancellation(trace: Trace, library: Names) -> None:
    """`suppress(Exception)` lets a cancellation pass, `suppress(BaseException)` takes it; the scope strikes again."""
    with anyio.CancelScope() as scope:
        with library.suppress(BaseException):
            try:
                with library.suppress(Exception):
                    scope.cancel()
                    await checkpoint()
                trace("Exception: suppressed")
            finally:
                trace("Exception: not suppressed")
        trace("BaseException: suppressed")
        await checkpoint()
        trace("never")
    trace("scope:", scope.cancelled_caught)


@clause(
    "UTIL-09",
    source=f"gh-103791; {SUPPRESS}",
    versions=">=3.12",
    expect=[
        "caught ExceptionGroup[KeyError('k'), ExceptionGroup[KeyError('l')]]",
        "context the whole group: True",
        "all of it: suppressed",
        "caught BaseExceptionGroup[KeyboardInterrupt()]",
        "none of it: ExceptionGroup[KeyError('k'), ExceptionGroup[KeyError('l')]]",
    ],
)
async def suppressing_a_part_of_a_group(trace: Trace, library: Names) -> None:
    """`suppress` takes matching errors out of an exception group and raises the rest, with the group as context."""
    whole = ExceptionGroup("g", [ValueError(), KeyError("k"), ExceptionGroup("h", [ValueError(), KeyError("l")])])
    try:
        with library.suppress(ValueError):
            await checkpoint()
            raise whole
    except ExceptionGroup as error:
        trace("caught", error)
        trace("context the whole group:", error.__context__ is whole)
    with library.suppress(ValueError, KeyError):
        raise ExceptionGroup("g", [ValueError(), KeyError("k"), ExceptionGroup("h", [KeyError("l")])])
    trace("all of it: suppressed")
    try:
        with library.suppress(ValueError):
            raise BaseExceptionGroup("g", [ValueError(), KeyboardInterrupt()])
    except BaseExceptionGroup as error:
        trace("caught", error)
    try:
        with library.suppress(OSError):
            raise ExceptionGroup("g", [KeyError("k"), ExceptionGroup("h", [KeyError("l")])])
    except ExceptionGroup as error:
        trace("none of it:", error)


@clause("UTIL-10", source=SUPPRESS, expect=by_version({"3.10": ["AttributeError"] * 2, "3.11": ["TypeError"] * 2}))
async def synchronous_utilities_are_not_asynchronous(trace: Trace, library: Names) -> None:
    """`suppress` and `closing` do not serve `async with`: the statement is refused before anything happens."""
    for manager in (library.suppress(BaseException), library.closing(Closable(trace))):
        try:
            async with manager:
                trace("body")
        except (AttributeError, TypeError) as error:
            trace(type(error))


async def overlap(first: Any, second: Any, look: Callable[[str], None]) -> None:
    """Let two tasks hold a manager each, leave in the order in which they entered, and look after each step."""

    async def hold(manager: Any, entered: anyio.Event, leave: anyio.Event, left: anyio.Event) -> None:
        with manager:
            entered.set()
            await leave.wait()
        left.set()

    entered, leave, left = ([anyio.Event(), anyio.Event()] for _ in range(3))
    async with anyio.create_task_group() as group:
        for number, manager in enumerate((first, second)):
            group.start_soon(hold, manager, entered[number], leave[number], left[number])
            await entered[number].wait()
        look("both hold theirs")
        for number, name in enumerate(("first left", "second left")):
            leave[number].set()
            await left[number].wait()
            look(name)


@clause(
    "UTIL-11",
    source="library/contextlib.html#contextlib.redirect_stdout",
    expect=["both hold theirs: second", "first left: before", "second left: first"],
)
async def redirections_of_two_tasks(trace: Trace, library: Names) -> None:
    """`redirect_stdout` is global: of two tasks that overlap, the last to leave restores the target of the other, long
    gone.
    """
    targets = {"before": sys.stdout, "first": io.StringIO(), "second": io.StringIO()}

    def look(when: str) -> None:
        trace(f"{when}:", *(name for name, target in targets.items() if target is sys.stdout))

    try:
        await overlap(library.redirect_stdout(targets["first"]), library.redirect_stdout(targets["second"]), look)
    finally:
        sys.stdout = targets["before"]


@clause(
    "UTIL-12",
    source="library/contextlib.html#contextlib.chdir",
    versions=">=3.11",
    expect=["both hold theirs: second", "first left: before", "second left: first"],
)
async def directories_of_two_tasks(trace: Trace, library: Names) -> None:
    """`chdir` is just as global: of two tasks that overlap, the last to leave restores the directory of the other."""
    before = os.getcwd()

    def look(when: str) -> None:
        here = os.path.relpath(os.getcwd(), root)
        trace(f"{when}:", "before" if os.getcwd() == before else here)

    with tempfile.TemporaryDirectory() as folder:
        root = os.path.realpath(folder)
        first, second = (os.path.join(root, name) for name in ("first", "second"))
        os.mkdir(first)
        os.mkdir(second)
        try:
            await overlap(library.chdir(first), library.chdir(second), look)
        finally:
            os.chdir(before)


@clause("UTIL-13", source=CLOSING, expect=["body", "closing", "scope: True", "closing", "caught ValueError('v')"])
async def closing_when_cancelled(trace: Trace, library: Names) -> None:
    """`closing` calls `close()` when the body is cancelled or fails, and suppresses nothing, whatever `close()`
    returns.
    """
    with anyio.CancelScope() as scope:
        with library.closing(Closable(trace)):
            trace("body")
            scope.cancel()
            await checkpoint()
    trace("scope:", scope.cancelled_caught)
    try:
        with library.closing(Closable(trace)):
            raise ValueError("v")
    except ValueError as error:
        trace("caught", chain(error))


@clause(
    "UTIL-60",
    source=ACLOSING,
    expect=["closing", "normal: None", "closing", "failing: None"],
    level="should",
)
async def result_of_aclosing(trace: Trace, library: Names) -> None:
    """The exit of `aclosing` gives None, not what `aclose()` gave."""
    manager = library.aclosing(Closable(trace))
    trace("normal:", await manager.__aexit__(None, None, None))
    error = ValueError("v")
    trace("failing:", await manager.__aexit__(ValueError, error, None))


@clause("UTIL-61", source=NULLCONTEXT, level="should", expect=["attribute given", "by name given", "attribute None"])
async def nullcontext_keeps_its_argument(trace: Trace, library: Names) -> None:
    """`nullcontext` takes its argument as `enter_result`, by that name too, and keeps it under that name."""
    trace("attribute", library.nullcontext("given").enter_result)
    async with library.nullcontext(enter_result="given") as value:
        trace("by name", value)
    trace("attribute", library.nullcontext().enter_result)


@clause("UTIL-62", source=NULLCONTEXT, expect=["bound as it is: True", "awaited: 7"])
async def nullcontext_awaits_nothing(trace: Trace, library: Names) -> None:
    """`nullcontext` gives an awaitable as it is; nobody awaits it but the body."""

    async def seven() -> int:
        await checkpoint()
        return 7

    given = seven()
    async with library.nullcontext(given) as value:
        trace("bound as it is:", value is given)
        trace("awaited:", await given)


@clause(
    "UTIL-63",
    source=f"gh-103791; {SUPPRESS}",
    level="informational",
    versions="<3.12",
    expect=["caught the whole group: True"],
)
async def suppressing_no_part_of_a_group(trace: Trace, library: Names) -> None:
    """Before Python 3.12 `suppress` does not look into exception groups: one with a matching error passes as it is."""
    whole = ExceptionGroup("g", [ValueError(), KeyError("k")])
    try:
        with library.suppress(ValueError):
            await checkpoint()
            raise whole
    except ExceptionGroup as error:
        trace("caught the whole group:", error is whole)


@clause(
    "UTIL-64",
    source=f"{ACLOSING}; reference/expressions.html#await",
    expect=[
        *("closed by a generator-based coroutine", "after"),
        *("closed by an awaitable", "after"),
        *("called", "TypeError"),
    ],
)
async def aclosing_awaits_what_aclose_gives(trace: Trace, library: Names) -> None:
    """`aclosing` awaits what `aclose()` gives, as `await` does: any awaitable, and a TypeError for anything else."""

    class ByGenerator:
        @types.coroutine
        def aclose(self) -> Iterator[Any]:
            yield from checkpoint().__await__()
            trace("closed by a generator-based coroutine")

    class Awaitable:
        def __await__(self) -> Iterator[Any]:
            yield from checkpoint().__await__()
            trace("closed by an awaitable")

    for thing in (
        ByGenerator(),
        SimpleNamespace(aclose=Awaitable),
        SimpleNamespace(aclose=lambda: trace("called")),
    ):
        try:
            async with library.aclosing(thing):
                pass
            trace("after")
        except TypeError as error:
            trace(type(error))


@clause(
    "UTIL-65",
    source=ACLOSING,
    expect=[
        *("GeneratorExit()", "GeneratorExit() <- ValueError('v')"),
        *("KeyboardInterrupt()", "KeyboardInterrupt() <- ValueError('v')"),
        *("Cancelled", "Cancelled <- ValueError('v')"),
        *("busy: RuntimeError", "busy: RuntimeError"),
    ],
)
async def aclosing_what_cannot_be_closed(trace: Trace, library: Names) -> None:
    """Whatever `aclose()` raises propagates, be it of the kinds that end generators, programs or tasks, and so does the
    refusal of a generator that is busy.
    """

    class Thing:
        def __init__(self, kind: type[BaseException]) -> None:
            self.kind = kind

        async def aclose(self) -> None:
            await checkpoint()
            raise self.kind

    for kind in (GeneratorExit, KeyboardInterrupt, asyncio.CancelledError):
        for failing in (False, True):
            try:
                async with library.aclosing(Thing(kind)):
                    if failing:
                        raise ValueError("v")
            except BaseException as error:
                trace(chain(error))

    @types.coroutine
    def stop_here() -> Iterator[None]:
        yield

    async def generate() -> AsyncIterator[int]:
        await stop_here()
        yield 1

    for failing in (False, True):
        generator: Any = generate()
        step = generator.__anext__()
        step.send(None)  # as if another task were inside it
        try:
            async with library.aclosing(generator):
                if failing:
                    raise ValueError("v")
        except RuntimeError as error:
            trace("busy:", type(error))
        with suppress(StopIteration):
            step.send(None)
        await generator.aclose()
