"""Finalizing: who closes an asynchronous generator that was not run to its end, when, in which task, and what it
may still do.
"""

import asyncio
import gc
import inspect
import logging
import sys
import threading
import time
import warnings
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Logged, Loop, Trace, any_order, by_loop, by_version, clause

METHODS = "reference/expressions.html#asynchronous-generator-iterator-methods"
HOOKS = "library/sys.html#sys.set_asyncgen_hooks"
SHUTDOWN = "library/asyncio-eventloop.html#asyncio.loop.shutdown_asyncgens"
TRIO = "trio reference-core.html#notes-on-async-generators"


@clause(
    "GEN-01",
    source=METHODS,
    expect=[
        "the generator gets GeneratorExit()",
        "awaited",
        "aclose() gives None",
        "aclose() again gives None",
        "asend() raises StopAsyncIteration()",
        "anext() raises StopAsyncIteration()",
    ],
)
async def aclose_raises_generator_exit_at_the_yield(trace: Trace) -> None:
    """`aclose()` raises GeneratorExit where the generator waits; what it then does may await. Afterwards it is over."""

    async def held() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except BaseException as error:
            trace("the generator gets", error)
            raise
        finally:
            await checkpoint()
            trace("awaited")

    generator = held()
    await anext(generator)
    trace("aclose() gives", await generator.aclose())
    trace("aclose() again gives", await generator.aclose())
    try:
        await generator.asend(None)
    except StopAsyncIteration as error:
        trace("asend() raises", error)
    try:
        await anext(generator)
    except StopAsyncIteration as error:
        trace("anext() raises", error)


@clause("GEN-02", source=METHODS, expect=["aclose() gives None", "anext() raises StopAsyncIteration()"])
async def aclose_before_the_start_runs_nothing(trace: Trace) -> None:
    """Closing a generator that never started runs none of its code, and it will not start any more."""

    async def never() -> AsyncGenerator[int, None]:
        trace("started")
        try:
            yield 1
        finally:
            trace("finally")

    generator = never()
    trace("aclose() gives", await generator.aclose())
    try:
        await anext(generator)
    except StopAsyncIteration as error:
        trace("anext() raises", error)


@clause("GEN-03", source=METHODS, expect=["RuntimeError('async generator ignored GeneratorExit')"])
async def yielding_while_closing_is_an_error(trace: Trace) -> None:
    """A generator that yields again instead of ending makes `aclose()` raise RuntimeError."""

    async def stubborn() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await checkpoint()
            yield 2

    generator = stubborn()
    await anext(generator)
    try:
        await generator.aclose()
    except RuntimeError as error:
        trace(error)


@clause(
    "GEN-04",
    source="PEP 525",
    expect=["enter m", "item 1", "after break", "exit m with GeneratorExit()", "after aclose"],
)
async def break_leaves_the_generator_open(trace: Trace) -> None:
    """`break` out of `async for` does not close the generator: its `async with` stays entered until `aclose()`."""

    async def items() -> AsyncGenerator[int, None]:
        async with Logged(trace, "m", suspends=1):
            yield 1
            yield 2

    generator = items()
    async for item in generator:
        trace("item", item)
        break
    await checkpoint()
    trace("after break")
    await generator.aclose()
    trace("after aclose")


@clause(
    "GEN-05",
    source="PEP 525",
    on="asyncio",
    expect=["dropped", "the generator gets GeneratorExit()", "in the task of the consumer: False", "awaited"],
)
async def a_dropped_generator_is_closed_by_a_new_task(trace: Trace) -> None:
    """The loop closes a generator that nobody refers to any more, not at once but in a task of its own, where it
    may await.
    """
    consumer = asyncio.current_task()
    closed = anyio.Event()

    async def held() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except BaseException as error:
            trace("the generator gets", error)
            trace("in the task of the consumer:", asyncio.current_task() is consumer)
            await checkpoint()
            trace("awaited")
            raise
        finally:
            closed.set()

    async for _ in held():
        break
    trace("dropped")
    await closed.wait()


@clause(
    "GEN-06",
    source=TRIO,
    on="trio",
    expect=[
        "ResourceWarning that names aclosing: True",
        "dropped",
        "the generator gets GeneratorExit()",
        "awaiting raises Cancelled",
    ],
)
async def a_dropped_generator_is_closed_under_cancellation(trace: Trace) -> None:
    """Trio warns of a generator that is dropped while suspended, and closes it in a cancelled scope: awaiting
    there raises.
    """
    closed = anyio.Event()

    async def held() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except GeneratorExit as error:
            trace("the generator gets", error)
            try:
                await checkpoint()
            except BaseException as cancelled:
                trace("awaiting raises", cancelled)
                raise
        finally:
            closed.set()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async for _ in held():
            break
    for warning in caught:
        trace(warning.category, "that names aclosing:", "aclosing" in str(warning.message))
    trace("dropped")
    await closed.wait()


@clause(
    "GEN-07",
    source=f"{SHUTDOWN}; {TRIO}",
    expect=[
        "main returns",
        "the generator gets GeneratorExit()",
        by_loop(asyncio="awaited", trio="awaiting raises Cancelled"),
        "the run is over",
    ],
)
def the_end_of_a_run_closes_its_generators(trace: Trace, loop: Loop) -> None:
    """A generator that is still open when the run ends is closed before the loop is. On trio it may not await any
    more.
    """
    kept = []

    async def held() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except GeneratorExit as error:
            trace("the generator gets", error)
            try:
                await checkpoint()
            except BaseException as cancelled:
                trace("awaiting raises", cancelled)
                raise
            trace("awaited")
            raise

    async def main() -> None:
        kept.append(held())
        await anext(kept[0])
        trace("main returns")

    loop.run(main)
    trace("the run is over")


@clause(
    "GEN-09",
    source=SHUTDOWN,
    on="asyncio",
    expect=[
        "main returns",
        "reported: an error occurred during closing of asynchronous generator",
        "exception: ValueError('in finally')",
        "of this generator: True",
        "the run gives result",
    ],
)
def an_error_at_shutdown_goes_to_the_exception_handler(trace: Trace, loop: Loop) -> None:
    """If a generator raises while the end of the run closes it, the loop's exception handler gets it and the run
    succeeds.
    """
    kept = []

    def handler(_: object, context: dict[str, Any]) -> None:
        trace("reported:", context["message"].partition(" <")[0])
        trace("exception:", context["exception"])
        trace("of this generator:", context["asyncgen"] is kept[0])

    async def failing() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            raise ValueError("in finally")

    async def main() -> str:
        asyncio.get_running_loop().set_exception_handler(handler)
        kept.append(failing())
        await anext(kept[0])
        trace("main returns")
        return "result"

    trace("the run gives", loop.run(main))


@clause(
    "GEN-60",
    source=TRIO,
    on="trio",
    expect=[
        "main returns",
        "logged: Exception ignored during finalization: ValueError('in finally')",
        "the run gives result",
    ],
)
def an_error_at_shutdown_is_logged(trace: Trace, loop: Loop) -> None:
    """If a generator raises while trio closes it at the end of the run, trio logs the error and the run succeeds."""
    kept = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            trace("logged:", record.getMessage().partition(" of ")[0] + ":", record.exc_info and record.exc_info[1])

    async def failing() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            raise ValueError("in finally")

    async def main() -> str:
        kept.append(failing())
        await anext(kept[0])
        trace("main returns")
        return "result"

    logger, listener = logging.getLogger("trio.async_generator_errors"), Listener()
    logger.addHandler(listener)
    try:
        trace("the run gives", loop.run(main))
    finally:
        logger.removeHandler(listener)


@clause(
    "GEN-10",
    source="library/asyncio-dev.html#detect-never-retrieved-exceptions",
    on="asyncio",
    expect=["dropped", "reported: exception was never retrieved", "exception: ValueError('in finally')"],
)
async def an_error_of_a_dropped_generator_is_reported(trace: Trace) -> None:
    """If a dropped generator raises while the loop closes it, the exception handler hears of it as of any
    forgotten task.
    """
    closing = anyio.Event()

    def handler(_: object, context: dict[str, Any]) -> None:
        trace("reported:", context["message"].partition(" ")[2])  # behind the name of the task's class
        trace("exception:", context["exception"])

    async def failing() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            closing.set()
            raise ValueError("in finally")

    asyncio.get_running_loop().set_exception_handler(handler)
    async for _ in failing():
        break
    trace("dropped")
    await closing.wait()
    await checkpoint()
    gc.collect()  # the task may be part of a cycle


@clause(
    "GEN-11",
    source="bpo-30773",
    expect=[
        "RuntimeError: asynchronous generator is already running",
        "RuntimeError: asynchronous generator is already running",
        "RuntimeError: asynchronous generator is already running",
        "RuntimeError: asynchronous generator is already running",
        "the generator goes on",
        "the first consumer gets 1",
    ],
)
async def only_one_task_at_a_time(trace: Trace) -> None:
    """While a generator awaits something, every other attempt to resume or close it is an error and does not
    disturb it.
    """
    started, go_on = anyio.Event(), anyio.Event()

    async def slow() -> AsyncGenerator[int, None]:
        started.set()
        await go_on.wait()
        trace("the generator goes on")
        yield 1

    async def consume() -> None:
        trace("the first consumer gets", await anext(generator))

    generator = slow()
    async with anyio.create_task_group() as group:
        group.start_soon(consume)
        await started.wait()
        for method in (
            generator.__anext__(),
            generator.asend(None),
            generator.athrow(ValueError("v")),
            generator.aclose(),
        ):
            try:
                await method
            except RuntimeError as error:
                trace("RuntimeError:", str(error).partition(": ")[2])
        go_on.set()
    await generator.aclose()


@clause(
    "GEN-12",
    source="bpo-30773",
    expect=["RuntimeError('aclose(): asynchronous generator is already running')", "the consumer gets 1"],
)
async def a_generator_cannot_close_itself(trace: Trace) -> None:
    """A generator that awaits its own `aclose()` gets the same error and may go on."""

    async def suicidal() -> AsyncGenerator[int, None]:
        await checkpoint()
        try:
            await generator.aclose()
        except RuntimeError as error:
            trace(error)
        yield 1

    generator = suicidal()
    trace("the consumer gets", await anext(generator))
    await generator.aclose()


@clause(
    "GEN-13",
    source=HOOKS,
    expect=[
        "before: None None",
        "during the run, both set: True True",
        "after an await: True True",
        "after: None None",
    ],
)
def hooks_are_installed_for_the_run(trace: Trace, loop: Loop) -> None:
    """The loop installs its hooks for asynchronous generators when it starts and takes them out when it ends."""

    async def main() -> None:
        trace("during the run, both set:", *(hook is not None for hook in sys.get_asyncgen_hooks()))
        await checkpoint()
        trace("after an await:", *(hook is not None for hook in sys.get_asyncgen_hooks()))

    trace("before:", *sys.get_asyncgen_hooks())
    loop.run(main)
    trace("after:", *sys.get_asyncgen_hooks())


@clause("GEN-61", source=HOOKS, level="should", expect=["during the run: False False", "after: True True"])
def hooks_of_others_come_back(trace: Trace, loop: Loop) -> None:
    """Hooks that were installed before the run are there again after it."""

    def first(generator: object) -> None:
        trace("the host's hook was called")

    def last(generator: object) -> None:
        trace("the host's hook was called")

    async def main() -> None:
        hooks = sys.get_asyncgen_hooks()
        trace("during the run:", hooks.firstiter is first, hooks.finalizer is last)

    sys.set_asyncgen_hooks(first, last)
    try:
        loop.run(main)
        hooks = sys.get_asyncgen_hooks()
        trace("after:", hooks.firstiter is first, hooks.finalizer is last)
    finally:
        sys.set_asyncgen_hooks(None, None)


@clause("GEN-62", source=HOOKS, level="should", expect=["the run raises ValueError('v')", "after: None None"])
def hooks_are_taken_out_after_a_failure(trace: Trace, loop: Loop) -> None:
    """The hooks are taken out also when the run ends with an exception."""

    async def main() -> None:
        await checkpoint()
        raise ValueError("v")

    try:
        loop.run(main)
    except ValueError as error:
        trace("the run raises", error)
    trace("after:", *sys.get_asyncgen_hooks())


@clause(
    "GEN-14",
    source="PEP 525",
    expect=[
        "plain: GeneratorExit()",
        "dropped plain",
        "awaiting: GeneratorExit()",
        "unraisable RuntimeError('async generator ignored GeneratorExit')",
        "dropped awaiting",
    ],
)
def without_hooks_a_dropped_generator_is_closed_at_once(trace: Trace) -> None:
    """Without a loop's hooks a dropped generator is closed on the spot, as a plain one is; if it awaits then, that
    is an error.
    """

    class Tick:
        def __await__(self) -> Any:
            yield

    async def held(name: str) -> AsyncGenerator[int, None]:
        try:
            yield 1
        except GeneratorExit as error:
            trace(f"{name}:", error)
            if name == "awaiting":
                await Tick()
                trace("went on")
            raise

    def drop(name: str) -> None:
        generator = held(name)
        try:
            anext(generator).__await__().send(None)
        except StopIteration:
            del generator
        trace("dropped", name)

    before, sys.unraisablehook = sys.unraisablehook, lambda report: trace("unraisable", report.exc_value)
    try:
        drop("plain")
        drop("awaiting")
    finally:
        sys.unraisablehook = before


@clause(
    "GEN-15",
    source="Lib/asyncio/base_events.py",
    on="asyncio",
    level="informational",
    expect=["the loop is closed", "dropped", "collected"],
)
def a_generator_that_outlives_its_loop_is_forgotten(trace: Trace, loop: Loop) -> None:
    """A generator that is dropped after its loop was closed is never finalized and nobody says so: its `finally`
    does not run.
    """

    class Held:
        def __del__(self) -> None:
            trace("collected")

    async def held(local: Held) -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            trace("finally")

    async def start(generator: AsyncGenerator[int, None]) -> None:
        await anext(generator)

    events = loop.options()["loop_factory"]()
    generator = held(Held())
    events.run_until_complete(start(generator))
    events.close()
    trace("the loop is closed")
    trace("dropped")
    del generator


@clause(
    "GEN-16",
    source=SHUTDOWN,
    on="asyncio",
    expect=["item 1", "ResourceWarning: asynchronous generator was scheduled after loop.shutdown_asyncgens() call"],
)
async def starting_a_generator_after_shutdown_warns(trace: Trace) -> None:
    """The loop warns of a generator whose first item is asked for after `shutdown_asyncgens()`."""

    async def late() -> AsyncGenerator[int, None]:
        yield 1

    await asyncio.get_running_loop().shutdown_asyncgens()
    generator = late()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trace("item", await anext(generator))
    for warning in caught:
        before, _, after = str(warning.message).partition(f" {generator!r}")
        trace(f"{warning.category.__name__}:", before + after)
    await generator.aclose()


@clause(
    "GEN-17",
    source="pypy#3996",
    level="informational",
    expect=[
        "unstarted: raised ValueError('v')",
        "exhausted: gave None",
        "closed: gave None",
        "a plain generator, exhausted: raised ValueError('v')",
    ],
)
async def athrow_on_a_finished_generator_is_lost(trace: Trace) -> None:
    """`athrow()` on a finished or closed asynchronous generator loses the exception, where `throw()` on a plain
    one raises it.
    """

    async def items() -> AsyncGenerator[int, None]:
        await checkpoint()
        yield 1

    async def throw(state: str, generator: AsyncGenerator[int, None]) -> None:
        try:
            trace(f"{state}: gave", await generator.athrow(ValueError("v")))
        except ValueError as error:
            trace(f"{state}: raised", error)

    unstarted, exhausted, closed = items(), items(), items()
    await throw("unstarted", unstarted)
    async for _ in exhausted:
        pass
    await throw("exhausted", exhausted)
    await anext(closed)
    await closed.aclose()
    await throw("closed", closed)
    plain = (item for item in ())
    try:
        next(plain, None)
        trace("a plain generator, exhausted: gave", plain.throw(ValueError("v")))
    except ValueError as error:
        trace("a plain generator, exhausted: raised", error)


@clause(
    "GEN-18",
    source="Lib/test/test_asyncgen.py",
    level="should",
    expect=[
        "anext: RuntimeError('cannot reuse already awaited __anext__()/asend()')",
        "athrow: ValueError('v')",
        "athrow: RuntimeError('cannot reuse already awaited aclose()/athrow()')",
        "aclose: RuntimeError('cannot reuse already awaited aclose()/athrow()')",
    ],
)
async def a_step_is_awaited_once(trace: Trace) -> None:
    """What `anext()`, `athrow()` and `aclose()` return can be awaited once; a second time is an error."""

    async def items() -> AsyncGenerator[int, None]:
        await checkpoint()
        yield 1

    async def twice(name: str, step: Awaitable[object]) -> None:
        for _ in range(2):
            try:
                await step
            except (ValueError, RuntimeError) as error:
                trace(f"{name}:", error)

    generator = items()
    await twice("anext", generator.__anext__())
    await twice("athrow", generator.athrow(ValueError("v")))
    await twice("aclose", items().aclose())


@clause(
    "GEN-19",
    source="gh-96348",
    expect=[
        by_version({"3.10": [], "3.12": "DeprecationWarning that names the new signature: True"}),
        "the generator gets ValueError('v')",
    ],
)
async def three_arguments_to_athrow_are_deprecated(trace: Trace) -> None:
    """`athrow(type, value, traceback)` still works, with a DeprecationWarning since Python 3.12."""

    async def held() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except ValueError as error:
            trace("the generator gets", error)
            yield 2

    generator = held()
    await anext(generator)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step = generator.athrow(ValueError, ValueError("v"), None)
    for warning in caught:
        trace(warning.category, "that names the new signature:", "(type, exc, tb) signature" in str(warning.message))
    await step
    await generator.aclose()


@clause(
    "GEN-20",
    source="gh-89091",
    versions=">=3.13",
    level="should",
    expect=[
        "RuntimeWarning: coroutine method 'asend' of 'items' was never awaited",
        "RuntimeWarning: coroutine method 'athrow' of 'items' was never awaited",
        "RuntimeWarning: coroutine method 'aclose' of 'items' was never awaited",
    ],
)
async def a_step_that_is_not_awaited_warns(trace: Trace) -> None:
    """Forgetting to await what `asend()`, `athrow()` or `aclose()` return gives the warning that forgotten
    coroutines give.
    """

    async def items() -> AsyncGenerator[int, None]:
        yield 1

    generator = items()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        generator.asend(None)
        generator.athrow(ValueError("v"))
        generator.aclose()
    for warning in caught:
        text = str(warning.message)
        trace(f"{warning.category.__name__}:", text.replace(repr(items.__qualname__), "'items'"))
    await generator.aclose()


@clause(
    "GEN-21",
    source="PEP 525",
    expect=["enter m", "exit m with Cancelled", "scope left", "finished: True", "anext() raises StopAsyncIteration()"],
)
async def cancellation_inside_the_generator_finishes_it(trace: Trace) -> None:
    """If the consumer is cancelled while the generator awaits, the cancellation goes through the generator and
    ends it.
    """

    async def waiting() -> AsyncGenerator[int, None]:
        async with Logged(trace, "m"):
            scope.cancel()
            await checkpoint()
            yield 1

    generator = waiting()
    with anyio.CancelScope() as scope:
        await anext(generator)
        trace("not reached")
    trace("scope left")
    trace("finished:", generator.ag_frame is None)
    try:
        await anext(generator)
    except StopAsyncIteration as error:
        trace("anext() raises", error)


@clause(
    "GEN-22",
    source="PEP 789",
    expect=["enter m", "item 1", "scope left", "finished: False", "exit m with GeneratorExit()"],
)
async def cancellation_in_the_loop_body_is_not_seen_by_the_generator(trace: Trace) -> None:
    """If the consumer is cancelled in the body of `async for`, the generator does not notice and stays open."""

    async def items() -> AsyncGenerator[int, None]:
        async with Logged(trace, "m", suspends=1):
            yield 1

    generator = items()
    with anyio.CancelScope() as scope:
        async for item in generator:
            trace("item", item)
            scope.cancel()
            await checkpoint()
            trace("not reached")
    trace("scope left")
    trace("finished:", generator.ag_frame is None)
    await generator.aclose()


@clause(
    "GEN-23",
    source="PEP 530",
    expect=["enter m", "list [10, 20]", "set {10, 20}", "dictionary {1: 10, 2: 20}", "awaited [10, 20]", "exit m"],
)
async def asynchronous_comprehensions_in_the_body(trace: Trace) -> None:
    """Asynchronous comprehensions work in the body of `async with` and see what `as` bound."""

    async def items() -> AsyncGenerator[int, None]:
        yield 1
        await checkpoint()
        yield 2

    async def times(factor: int, item: int) -> int:
        await checkpoint()
        return factor * item

    async with Logged(trace, "m", gives=10, suspends=1) as factor:
        trace("list", [factor * item async for item in items()])
        trace("set", {factor * item async for item in items()})
        trace("dictionary", {item: factor * item async for item in items()})
        trace("awaited", [await times(factor, item) for item in (1, 2)])


@clause(
    "GEN-24",
    source="library/inspect.html#inspect.getasyncgenstate",
    versions=">=3.12",
    expect=["AGEN_CREATED", "AGEN_RUNNING", "AGEN_SUSPENDED", "AGEN_CLOSED"],
)
async def the_states_of_a_generator(trace: Trace) -> None:
    """`inspect.getasyncgenstate` tells whether a generator has not started, runs, waits for its consumer or is over."""

    async def items() -> AsyncGenerator[int, None]:
        await checkpoint()
        trace(inspect.getasyncgenstate(generator))
        yield 1

    generator = items()
    trace(inspect.getasyncgenstate(generator))
    await anext(generator)
    trace(inspect.getasyncgenstate(generator))
    await generator.aclose()
    trace(inspect.getasyncgenstate(generator))


@clause(
    "GEN-63",
    source="reference/compound_stmts.html#async-for",
    expect=["enter m", "item 1", "item 2", "exit m", "else", "after"],
)
async def a_generator_run_to_its_end_needs_no_closing(trace: Trace) -> None:
    """A generator that is iterated to the end has left its managers, normally, before the code after the loop runs."""

    async def items() -> AsyncGenerator[int, None]:
        async with Logged(trace, "m", suspends=1):
            yield 1
            yield 2

    async for item in items():
        trace("item", item)
    else:
        trace("else")
    trace("after")


@clause(
    "GEN-64", source=METHODS, expect=["enter m", "exit m with ValueError('v')", "caught: True", "StopAsyncIteration()"]
)
async def an_error_inside_finishes_the_generator(trace: Trace) -> None:
    """An exception in the generator leaves its managers, reaches the consumer as the same object, and ends the
    generator.
    """
    failure = ValueError("v")

    async def items() -> AsyncGenerator[int, None]:
        async with Logged(trace, "m", suspends=1):
            await checkpoint()
            raise failure
            yield 1

    generator = items()
    try:
        async for _ in generator:
            trace("not reached")
    except ValueError as error:
        trace("caught:", error is failure)
    try:
        await anext(generator)
    except StopAsyncIteration as error:
        trace(error)


@clause(
    "GEN-65",
    source=METHODS,
    expect=["enter m", "asend gives got hello", "athrow gives caught ValueError", "exit m", "StopAsyncIteration()"],
)
async def values_and_errors_travel_into_the_body(trace: Trace) -> None:
    """`asend` and `athrow` resume the body of an `async with` inside of the generator with a value and with an
    exception.
    """

    async def echo() -> AsyncGenerator[str, str]:
        async with Logged(trace, "m", suspends=1):
            received = yield "ready"
            await checkpoint()
            try:
                yield f"got {received}"
            except ValueError as error:
                await checkpoint()
                yield f"caught {type(error).__name__}"

    generator = echo()
    await anext(generator)
    trace("asend gives", await generator.asend("hello"))
    trace("athrow gives", await generator.athrow(ValueError("v")))
    try:
        await generator.asend("the end")
    except StopAsyncIteration as error:
        trace(error)


@clause(
    "GEN-66",
    source=f"{SHUTDOWN}; {TRIO}",
    expect=[
        "main raises",
        any_order("a gets GeneratorExit()", "b gets GeneratorExit()", "c gets GeneratorExit()"),
        "ValueError('v')",
    ],
)
def the_end_of_a_failed_run_closes_every_generator(trace: Trace, loop: Loop) -> None:
    """However the run ends, every generator that is open is closed, once each, and one that was run to its end is
    left alone.
    """
    kept = []

    async def held(name: str) -> AsyncGenerator[int, None]:
        try:
            yield 1
        except BaseException as error:
            trace(name, "gets", error)
            raise

    async def main() -> None:
        for name in ("a", "b", "c", "finished"):
            kept.append(held(name))
            await anext(kept[-1])
        await anext(kept[-1], None)
        trace("main raises")
        raise ValueError("v")

    try:
        loop.run(main)
    except ValueError as error:
        trace(error)


@clause(
    "GEN-67",
    source=SHUTDOWN,
    on="asyncio",
    level="should",
    expect=[
        "main returns",
        any_order("a waits for b", "b waits for a"),
        any_order("a closed", "b closed"),
        "the run is over",
    ],
)
def the_end_of_a_run_closes_generators_together(trace: Trace, loop: Loop) -> None:
    """At the end of the run the generators are closed concurrently: one may wait for the other."""
    kept = []

    async def held(name: str, other: str, closing: dict[str, asyncio.Event]) -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            trace(name, "waits for", other)
            closing[name].set()
            await closing[other].wait()
            trace(name, "closed")

    async def main() -> None:
        closing = {"a": asyncio.Event(), "b": asyncio.Event()}
        for name, other in ("a", "b"), ("b", "a"):
            kept.append(held(name, other, closing))
            await anext(kept[-1])
        trace("main returns")

    loop.run(main)
    trace("the run is over")


@clause(
    "GEN-68",
    source=f"{SHUTDOWN}; {TRIO}",
    expect=[
        "enter outer",
        "enter inner",
        "main returns",
        "exit inner with GeneratorExit()",
        "exit outer with GeneratorExit()",
        "the run is over",
    ],
)
def the_end_of_a_run_leaves_the_managers_of_a_generator(trace: Trace, loop: Loop) -> None:
    """The managers that an open generator has entered are left, inner before outer, when the end of the run closes
    it.
    """
    kept = []

    async def held() -> AsyncGenerator[int, None]:
        async with Logged(trace, "outer"), Logged(trace, "inner"):
            yield 1

    async def main() -> None:
        kept.append(held())
        await anext(kept[0])
        trace("main returns")

    loop.run(main)
    trace("the run is over")


@clause("GEN-69", source=SHUTDOWN, on="asyncio", expect=["GeneratorExit()", "awaited", "shut down"])
async def generators_can_be_shut_down_by_hand(trace: Trace) -> None:
    """`await loop.shutdown_asyncgens()` returns when all open generators are closed, cleanup that awaits included."""

    async def held() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except GeneratorExit as error:
            trace(error)
            await checkpoint()
            trace("awaited")
            raise

    generator = held()
    await anext(generator)
    await asyncio.get_running_loop().shutdown_asyncgens()
    trace("shut down")


@clause("GEN-70", source=HOOKS, on="asyncio", expect=["closed, in the thread of the loop: True"])
async def dropped_in_another_thread(trace: Trace) -> None:
    """A generator that is dropped in another thread is closed by its loop, which wakes for it, in its own thread."""
    home, closed = threading.get_ident(), asyncio.Event()

    async def held() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await checkpoint()
            trace("closed, in the thread of the loop:", threading.get_ident() == home)
            closed.set()

    generators = [held()]
    await anext(generators[0])

    def drop() -> None:
        time.sleep(0.005)  # until the loop sleeps in its selector: no event can tell that it does
        generators.clear()

    thread = threading.Thread(target=drop)
    thread.start()
    await closed.wait()
    thread.join()


@clause("GEN-71", source=HOOKS, on="asyncio", expect=["closed in run 1", "closed in run 2"])
def every_run_installs_the_hooks(trace: Trace, loop: Loop) -> None:
    """A loop that is run several times closes what is dropped in each run."""
    events = loop.options()["loop_factory"]()

    async def main(number: int) -> None:
        closed = asyncio.Event()

        async def held() -> AsyncGenerator[int, None]:
            try:
                yield 1
            finally:
                await checkpoint()
                trace("closed in run", number)
                closed.set()

        await checkpoint()  # whatever the loop has to do for its start
        await anext(held())
        await asyncio.wait([waiting := asyncio.ensure_future(closed.wait())], timeout=1)
        waiting.cancel()

    try:
        for number in 1, 2:
            events.run_until_complete(main(number))
    finally:
        events.close()
