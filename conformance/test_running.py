"""Running: how a run begins and ends, what it gives back, and what its end does with tasks, errors and signals."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import anyio.from_thread
from anyio.lowlevel import checkpoint

from asyncwith import Logged, Loop, Trace, any_order, by_loop, by_version, chain, clause

RUNNER = "library/asyncio-runner.html"
KEYBOARD = "library/asyncio-runner.html#handling-keyboard-interruption"
EVENTS = "library/asyncio-eventloop.html"
HANDLER = "library/asyncio-eventloop.html#error-handling-api"
SIGNALS = "library/asyncio-eventloop.html#unix-signals"
PUNCTUAL = 0.03  # seconds within which a loop that waits should wake, some times of many, on a busy machine too


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt, as in a program started from a terminal, whatever this process inherited."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@clause("RUN-60", source=RUNNER, expect=["in main", "the same object: True", "in main", "the same object: True"])
def the_result_comes_back_unchanged(trace: Trace, loop: Loop) -> None:
    """A run gives back the very object that the main coroutine returns, run after run."""

    async def main(result: object) -> object:
        await checkpoint()
        trace("in main")
        return result

    for result in object(), object():
        trace("the same object:", loop.run(main, result) is result)


@clause(
    "RUN-61",
    source=RUNNER,
    expect=["ValueError('v')", "the same object: True", "Odd('o')", "the same object: True"],
)
def the_error_comes_out_unchanged(trace: Trace, loop: Loop) -> None:
    """What the main coroutine raises leaves the run as the very object, with nothing added, Exception or not."""

    class Odd(BaseException):
        pass

    async def main(failure: BaseException) -> None:
        await checkpoint()
        raise failure

    for failure in ValueError("v"), Odd("o"):
        try:
            loop.run(main, failure)
        except BaseException as error:
            trace(chain(error))
            trace("the same object:", error is failure)


@clause(
    "RUN-10", source="PEP 492", expect=["enter m", "exit m with ValueError('v')", "ValueError('v')", "again", "over"]
)
def a_failing_main_leaves_its_managers_once(trace: Trace, loop: Loop) -> None:
    """An error of the main coroutine leaves its managers once, comes out without context, and another run may
    follow.
    """

    async def main() -> None:
        async with Logged(trace, "m", suspends=1):
            raise ValueError("v")

    async def again() -> None:
        await checkpoint()
        trace("again")

    try:
        loop.run(main)
    except ValueError as error:
        trace(chain(error))
    loop.run(again)
    trace("over")


@clause(
    "RUN-63",
    source=RUNNER,
    on="asyncio",
    expect=["it runs main: True True", "still in it: True", "loops made: 1", "it runs: False", "it is closed: True"],
)
def main_runs_in_the_loop_of_the_factory(trace: Trace, loop: Loop) -> None:
    """A run asks its factory for one loop, runs the main coroutine in that very loop to the end, and closes it."""
    made = []
    make = loop.options()["loop_factory"]

    def factory() -> asyncio.AbstractEventLoop:
        made.append(make())
        return made[-1]

    async def main() -> None:
        trace("it runs main:", asyncio.get_running_loop() is made[0], made[0].is_running())
        await checkpoint()
        trace("still in it:", asyncio.get_running_loop() is made[0])

    replace(loop, factory=lambda: factory, eager=False).run(main)
    trace("loops made:", len(made))
    trace("it runs:", made[0].is_running())
    trace("it is closed:", made[0].is_closed())


@clause(
    "RUN-64",
    source="library/asyncio-eventloop.html#asyncio.get_running_loop",
    on="asyncio",
    expect=[
        "before: RuntimeError('no running event loop')",
        "in a callback: True",
        "after: RuntimeError('no running event loop')",
    ],
)
def a_loop_is_running_only_during_the_run(trace: Trace, loop: Loop) -> None:
    """`get_running_loop()` gives the loop to coroutines and callbacks during the run, and raises before and after."""

    def ask(when: str) -> None:
        try:
            trace(f"{when}:", asyncio.get_running_loop())
        except RuntimeError as error:
            trace(f"{when}:", error)

    async def main() -> None:
        mine, asked = asyncio.get_running_loop(), asyncio.Event()
        mine.call_soon(lambda: (trace("in a callback:", asyncio.get_running_loop() is mine), asked.set()))
        await asked.wait()

    ask("before")
    loop.run(main)
    ask("after")


@clause(
    "RUN-65",
    source=EVENTS,
    on="asyncio",
    expect=["the same loop: RuntimeError", "another loop: RuntimeError", "still running: True"],
)
async def a_loop_cannot_run_inside_a_loop(trace: Trace, loop: Loop) -> None:
    """Neither the running loop nor another one can be run from inside a coroutine, and the attempt does no harm."""
    mine, other = asyncio.get_running_loop(), loop.options()["loop_factory"]()
    for name, events in ("the same loop", mine), ("another loop", other):
        try:
            events.run_until_complete(events.create_future())
        except RuntimeError as error:
            trace(f"{name}:", type(error))
    other.close()
    await checkpoint()
    trace("still running:", asyncio.get_running_loop() is mine)


@clause(
    "RUN-01",
    source=RUNNER,
    on="asyncio",
    expect=["enter m", "main returns", "exit m with Cancelled", "the run gives result", "the task is cancelled: True"],
)
def tasks_are_cancelled_at_the_end(trace: Trace, loop: Loop) -> None:
    """Tasks that are pending when main returns are cancelled, and the run waits until their exits have run, awaits
    too.
    """
    tasks = []

    async def background(entered: asyncio.Event) -> None:
        async with Logged(trace, "m", suspends=1):
            entered.set()
            await asyncio.Event().wait()

    async def main() -> str:
        entered = asyncio.Event()
        tasks.append(asyncio.create_task(background(entered)))
        await entered.wait()
        trace("main returns")
        return "result"

    trace("the run gives", loop.run(main))
    trace("the task is cancelled:", tasks[0].cancelled())


@clause(
    "RUN-66",
    source=RUNNER,
    on="asyncio",
    expect=[
        "enter a",
        "enter b",
        "main raises",
        any_order("exit a with Cancelled", "exit b with Cancelled"),
        "ValueError('v')",
    ],
)
def tasks_are_cancelled_after_a_failure(trace: Trace, loop: Loop) -> None:
    """Also when main raises, each pending task is cancelled once and waited for before the error leaves the run."""

    async def background(name: str, entered: asyncio.Event) -> None:
        async with Logged(trace, name, suspends=2):
            entered.set()
            await asyncio.Event().wait()

    async def main() -> None:
        tasks = []
        for name in "a", "b":
            entered = asyncio.Event()
            tasks.append(asyncio.create_task(background(name, entered)))
            await entered.wait()
        trace("main raises")
        raise ValueError("v")

    try:
        loop.run(main)
    except ValueError as error:
        trace(chain(error))


@clause(
    "RUN-67",
    source=RUNNER,
    on="asyncio",
    level="should",
    expect=["main returns", "cancelled", "goes on", "ends", "the run is over", "the task gives 'late'"],
)
def a_task_that_swallows_the_last_cancellation_is_waited_for(trace: Trace, loop: Loop) -> None:
    """A task that catches the cancellation at the end of the run may go on, and the run waits until it is done."""
    tasks = []

    async def stubborn(started: asyncio.Event) -> str:
        try:
            started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            trace("cancelled")
        await checkpoint()
        trace("goes on")
        await checkpoint()
        trace("ends")
        return "late"

    async def main() -> None:
        started = asyncio.Event()
        tasks.append(asyncio.create_task(stubborn(started)))
        await started.wait()
        trace("main returns")

    loop.run(main)
    trace("the run is over")
    trace(f"the task gives {tasks[0].result()!r}")


@clause(
    "RUN-02",
    source=RUNNER,
    on="asyncio",
    level="should",
    expect=["main returns", "exit task with Cancelled", "the generator is open: True", "the generator is closed"],
)
def tasks_end_before_generators(trace: Trace, loop: Loop) -> None:
    """At the end of a run the pending tasks are cancelled first; only then are open asynchronous generators closed."""
    kept: list[Any] = []

    class Last(Logged):
        async def __aexit__(self, *details: Any) -> object:
            await super().__aexit__(*details)
            await checkpoint()
            trace("the generator is open:", kept[0].ag_frame is not None)
            return False

        async def __aenter__(self) -> None:
            pass

    async def background(entered: asyncio.Event) -> None:
        async with Last(trace, "task", suspends=1):
            entered.set()
            await asyncio.Event().wait()

    async def held() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            trace("the generator is closed")

    async def main() -> None:
        entered = asyncio.Event()
        kept.append(held())
        await anext(kept[0])
        kept.append(asyncio.create_task(background(entered)))
        await entered.wait()
        trace("main returns")

    loop.run(main)


@clause(
    "RUN-03",
    source="Lib/test/test_asyncio/test_runners.py",
    on="asyncio",
    level="should",
    expect=[
        "enter m",
        "main returns",
        "exit m with Cancelled",
        "reported: unhandled exception during asyncio.run() shutdown",
        "exception: ValueError('in exit') <- Cancelled",
        "the run gives result",
    ],
)
def an_exit_that_fails_at_the_end_is_reported(trace: Trace, loop: Loop) -> None:
    """If the exit of a cancelled task raises at the end of a run, the exception handler gets it and the run
    succeeds.
    """
    tasks = []

    def handler(_: object, context: dict[str, Any]) -> None:
        trace("reported:", context["message"])
        trace("exception:", chain(context["exception"]))

    async def background(entered: asyncio.Event) -> None:
        async with Logged(trace, "m", fails_exit=ValueError("in exit")):
            entered.set()
            await asyncio.Event().wait()

    async def main() -> str:
        asyncio.get_running_loop().set_exception_handler(handler)
        entered = asyncio.Event()
        tasks.append(asyncio.create_task(background(entered)))
        await entered.wait()
        trace("main returns")
        return "result"

    trace("the run gives", loop.run(main))


@clause(
    "RUN-04",
    source=KEYBOARD,
    on="asyncio",
    versions=">=3.11",
    expect=[
        "enter m",
        "exit m with Cancelled",
        "KeyboardInterrupt() <- Cancelled",
        "the handler of SIGINT is back: True",
    ],
)
def control_c_cancels_a_suspended_main(trace: Trace, loop: Loop) -> None:
    """SIGINT while main waits cancels it: exits see the cancellation and may await; the run raises
    KeyboardInterrupt.
    """

    async def main() -> None:
        async with Logged(trace, "m", suspends=1):
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
            await asyncio.Event().wait()

    with interruptible():
        try:
            loop.run(main)
        except KeyboardInterrupt as error:
            trace(chain(error))
        trace("the handler of SIGINT is back:", signal.getsignal(signal.SIGINT) is signal.default_int_handler)


@clause(
    "RUN-68",
    source="trio reference-core.html",
    on="trio",
    expect=["enter m", "exit m with KeyboardInterrupt()", "KeyboardInterrupt()", "the handler of SIGINT is back: True"],
)
def control_c_is_raised_in_a_suspended_main(trace: Trace, loop: Loop) -> None:
    """SIGINT while main waits raises KeyboardInterrupt in it: exits see that, may await, and it leaves the run."""

    async def main() -> None:
        import trio

        async with Logged(trace, "m", suspends=1):
            trio.lowlevel.current_trio_token().run_sync_soon(signal.raise_signal, signal.SIGINT)
            await trio.sleep_forever()

    with interruptible():
        try:
            loop.run(main)
        except KeyboardInterrupt as error:
            trace(chain(error))
        trace("the handler of SIGINT is back:", signal.getsignal(signal.SIGINT) is signal.default_int_handler)


@clause(
    "RUN-05",
    source=KEYBOARD,
    versions=">=3.11",
    expect=[
        "enter m",
        by_loop(
            asyncio=["the body goes on", "exit m with Cancelled", "KeyboardInterrupt() <- Cancelled"],
            trio=["exit m with KeyboardInterrupt()", "KeyboardInterrupt()"],
        ),
    ],
)
def control_c_in_a_busy_body(trace: Trace, loop: Loop) -> None:
    """SIGINT while code runs: asyncio lets it go on until it awaits, which is cancelled; trio interrupts it in
    place.
    """

    async def main() -> None:
        async with Logged(trace, "m", suspends=1):
            signal.raise_signal(signal.SIGINT)
            trace("the body goes on")
            await checkpoint()
            trace("not reached")

    with interruptible():
        try:
            loop.run(main)
        except KeyboardInterrupt as error:
            trace(chain(error))


@clause(
    "RUN-69",
    source=KEYBOARD,
    on="asyncio",
    versions=">=3.11",
    expect=["enter m", "once", "exit m with KeyboardInterrupt()", "KeyboardInterrupt()"],
)
def a_second_control_c_interrupts_at_once(trace: Trace, loop: Loop) -> None:
    """While the first SIGINT waits for main to await, a second one raises KeyboardInterrupt in place."""

    async def main() -> None:
        async with Logged(trace, "m"):
            signal.raise_signal(signal.SIGINT)
            trace("once")
            signal.raise_signal(signal.SIGINT)
            trace("not reached")

    with interruptible():
        try:
            loop.run(main)
        except KeyboardInterrupt as error:
            trace(chain(error))


@clause(
    "RUN-70",
    source=KEYBOARD,
    on="asyncio",
    versions=">=3.11",
    level="should",
    expect=["caught Cancelled", "the run gives result"],
)
def a_main_may_survive_control_c(trace: Trace, loop: Loop) -> None:
    """A main coroutine that catches the cancellation made by SIGINT may finish, and the run gives its result."""

    async def main() -> str:
        try:
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            trace("caught", error)
        await checkpoint()
        return "result"

    with interruptible():
        trace("the run gives", loop.run(main))


@clause("RUN-71", source=KEYBOARD, level="should", expect=["own handler", "the run gives result", "still there: True"])
def own_handlers_of_control_c_are_respected(trace: Trace, loop: Loop) -> None:
    """If the program has its own handler of SIGINT, the run leaves it in place and does not interrupt anything."""

    def handler(number: int, frame: object) -> None:
        trace("own handler")

    async def main() -> str:
        signal.raise_signal(signal.SIGINT)
        await checkpoint()
        return "result"

    before = signal.signal(signal.SIGINT, handler)
    try:
        trace("the run gives", loop.run(main))
        trace("still there:", signal.getsignal(signal.SIGINT) is handler)
    finally:
        signal.signal(signal.SIGINT, before)


@clause(
    "RUN-06",
    source="library/asyncio-exceptions.html",
    on="asyncio",
    level="should",
    expect=[
        "enter m",
        "exit m with Cancelled",
        "SystemExit(3) leaves the run: True",
        "the task has it: True",
        "enter m",
        "exit m with Cancelled",
        "KeyboardInterrupt('k') leaves the run: True",
        "the task has it: True",
    ],
)
def a_task_that_exits_ends_the_run(trace: Trace, loop: Loop) -> None:
    """SystemExit or KeyboardInterrupt in any task leaves the run at once, as the same object; main is cancelled
    then.
    """

    async def leave(error: BaseException) -> None:
        await checkpoint()
        raise error

    async def main(error: BaseException) -> None:
        async with Logged(trace, "m", suspends=1):
            tasks.append(asyncio.create_task(leave(error)))
            await asyncio.Event().wait()

    tasks: list[asyncio.Task[None]] = []
    for expected in SystemExit(3), KeyboardInterrupt("k"):
        try:
            loop.run(main, expected)
        except BaseException as error:
            trace(error, "leaves the run:", error is expected)
        trace("the task has it:", tasks[-1].exception() is expected)


@clause(
    "RUN-72",
    source="trio reference-core.html",
    on="trio",
    expect=["enter m", "exit m with Cancelled", "BaseExceptionGroup[SystemExit(3)]"],
)
def a_child_that_exits_is_grouped(trace: Trace, loop: Loop) -> None:
    """SystemExit in a child task cancels its siblings and leaves the run in an exception group."""

    async def leave(ready: anyio.Event) -> None:
        await ready.wait()
        raise SystemExit(3)

    async def main() -> None:
        ready = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(leave, ready)
            async with Logged(trace, "m"):
                ready.set()
                await anyio.Event().wait()

    try:
        loop.run(main)
    except BaseException as error:
        trace(error)


@clause(
    "RUN-73",
    source=HANDLER,
    on="asyncio",
    level="should",
    expect=[
        "exit m with Cancelled",
        "SystemExit(3) leaves the run: True",
        "exit m with Cancelled",
        "KeyboardInterrupt('k') leaves the run: True",
    ],
)
def a_callback_that_exits_ends_the_run(trace: Trace, loop: Loop) -> None:
    """SystemExit or KeyboardInterrupt in a callback leaves the run and is not handed to the exception handler."""

    def leave(error: BaseException) -> None:
        raise error

    async def main(error: BaseException) -> None:
        events = asyncio.get_running_loop()
        events.set_exception_handler(lambda _, context: trace("reported:", context["message"]))
        async with Logged(Trace(), "unused"):
            events.call_soon(leave, error)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as cancelled:
                trace("exit m with", cancelled)
                raise

    for expected in SystemExit(3), KeyboardInterrupt("k"):
        try:
            loop.run(main, expected)
        except BaseException as error:
            trace(error, "leaves the run:", error is expected)


@clause(
    "RUN-07",
    source="library/asyncio-task.html#asyncio.create_task",
    on="asyncio",
    level="should",
    expect=[
        "enter m",
        any_order("reported: Task was destroyed but it is pending!", "exit m with GeneratorExit()"),
        "collected",
    ],
)
async def a_forgotten_task_is_destroyed(trace: Trace) -> None:
    """A pending task that nobody refers to may be collected: that is reported, and its exits get GeneratorExit."""

    async def forgotten(entered: asyncio.Event) -> None:
        async with Logged(trace, "m"):
            entered.set()
            await asyncio.get_running_loop().create_future()

    entered = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: trace("reported:", context["message"]))
    asyncio.create_task(forgotten(entered))  # noqa: RUF006 - to be forgotten is its purpose
    await entered.wait()
    await checkpoint()
    gc.collect()
    trace("collected")


@clause(
    "RUN-74",
    source="library/asyncio-task.html#asyncio.create_task",
    on="asyncio",
    level="should",
    expect=["ignored RuntimeError('coroutine ignored GeneratorExit')", "collected"],
)
async def a_forgotten_task_cannot_await(trace: Trace) -> None:
    """The exits of a task that was collected cannot await: the coroutine is then said to have ignored GeneratorExit."""

    async def forgotten(entered: asyncio.Event) -> None:
        async with Logged(Trace(), "unused", suspends=1):
            entered.set()
            await asyncio.get_running_loop().create_future()
        trace("not reached")

    entered = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: None)
    asyncio.create_task(forgotten(entered))  # noqa: RUF006 - to be forgotten is its purpose
    await entered.wait()
    await checkpoint()
    before, sys.unraisablehook = sys.unraisablehook, lambda report: trace("ignored", report.exc_value)
    try:
        gc.collect()
    finally:
        sys.unraisablehook = before
    trace("collected")


@clause(
    "RUN-08",
    source="library/asyncio-runner.html#asyncio.Runner",
    on="asyncio",
    versions=">=3.11",
    expect=[
        "with: main in its loop True",
        "main again in its loop True",
        "async with: TypeError",
        "afterwards: RuntimeError('Runner is closed')",
        "the loop is closed: True",
    ],
)
def a_runner_is_a_plain_manager(trace: Trace, loop: Loop) -> None:
    """`asyncio.Runner` keeps one loop for several runs while `with` holds it, is closed after, and no `async with`."""

    async def main(runner: asyncio.Runner) -> bool:
        await checkpoint()
        return asyncio.get_running_loop() is runner.get_loop()

    async def misuse(runner: Any) -> None:
        try:
            async with runner:
                trace("not reached")
        except TypeError as error:
            trace("async with:", type(error))

    with asyncio.Runner(loop_factory=loop.options()["loop_factory"]) as runner:
        events = runner.get_loop()
        trace("with: main in its loop", runner.run(main(runner)))
        trace("main again in its loop", runner.run(main(runner)))
        runner.run(misuse(runner))
    late = main(runner)
    try:
        runner.run(late)
    except RuntimeError as error:
        trace("afterwards:", error)
    late.close()
    trace("the loop is closed:", events.is_closed())


@clause(
    "RUN-75",
    source="gh-120284",
    on="asyncio",
    versions=">=3.11",
    expect=by_version(
        {"3.11": ["ValueError", "not awaitable: ValueError"], "3.14": ["the run gives 7", "not awaitable: TypeError"]}
    ),
)
def a_runner_takes_any_awaitable(trace: Trace, loop: Loop) -> None:
    """Since Python 3.14 `Runner.run` takes any awaitable, before only coroutines; other objects it refuses."""

    class Seven:
        def __await__(self) -> Any:
            yield from checkpoint().__await__()
            return 7

    with asyncio.Runner(loop_factory=loop.options()["loop_factory"]) as runner:
        try:
            trace("the run gives", runner.run(Seven()))  # type: ignore[arg-type]
        except ValueError as error:
            trace(type(error))
        try:
            runner.run(7)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            trace("not awaitable:", type(error))


@clause(
    "RUN-09",
    source="anyio threads.html",
    expect=["enter m", "as binds 7", "in the loop's thread: False", "exit m with ValueError('v')", "suppressed"],
)
def a_manager_from_another_thread(trace: Trace, loop: Loop) -> None:
    """A portal lets a plain `with` in another thread hold an asynchronous manager: errors reach its exit, which
    may suppress.
    """
    with anyio.from_thread.start_blocking_portal(loop.family, loop.options()) as portal:
        with portal.wrap_async_context_manager(Logged(trace, "m", gives=7, suppress=True, suspends=1)) as value:
            trace("as binds", value)
            trace("in the loop's thread:", portal.call(threading.get_ident) == threading.get_ident())
            raise ValueError("v")
        trace("suppressed")


@clause(
    "RUN-76",
    source=HANDLER,
    on="asyncio",
    expect=[
        "no handler at first: True",
        "set: True",
        "the handler gets this loop True and this context True",
        "after None: True",
    ],
)
async def the_exception_handler_gets_the_context(trace: Trace) -> None:
    """`call_exception_handler(context)` calls the handler that was set with the loop and that very context."""

    def handler(loop: object, received: object) -> None:
        trace("the handler gets this loop", loop is events, "and this context", received is context)

    events = asyncio.get_running_loop()
    context = {"message": "m", "exception": ValueError("v")}
    trace("no handler at first:", events.get_exception_handler() is None)
    events.set_exception_handler(handler)
    trace("set:", events.get_exception_handler() is handler)
    events.call_exception_handler(context)
    events.set_exception_handler(None)
    trace("after None:", events.get_exception_handler() is None)


class Records(logging.Handler):
    """Traces what is logged while it is attached to a logger."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace

    def emit(self, record: logging.LogRecord) -> None:
        self.trace("logged:", record.getMessage().partition("\n")[0])
        self.trace("error:", record.exc_info[1] if record.exc_info else None)


@clause(
    "RUN-77",
    source=HANDLER,
    on="asyncio",
    leaves=["reports"],
    expect=["logged: m", "error: ValueError('v')", "went on"],
)
async def without_a_handler_errors_are_logged(trace: Trace) -> None:
    """Without an exception handler the context's message is logged, with the exception."""
    logger, records = logging.getLogger("asyncio"), Records(trace)
    logger.addHandler(records)
    try:
        asyncio.get_running_loop().call_exception_handler({"message": "m", "exception": ValueError("v")})
        await checkpoint()
        trace("went on")
    finally:
        logger.removeHandler(records)


@clause(
    "RUN-78",
    source=HANDLER,
    on="asyncio",
    level="should",
    leaves=["reports"],
    expect=[
        "handler called",
        "logged: Unhandled error in exception handler",
        "error: KeyError('in handler')",
        "went on",
    ],
)
async def a_failing_handler_is_logged(trace: Trace) -> None:
    """An exception handler that raises does not disturb the loop; its error is logged, not lost."""

    def handler(_: object, context: dict[str, Any]) -> None:
        trace("handler called")
        raise KeyError("in handler")

    logger, records = logging.getLogger("asyncio"), Records(trace)
    logger.addHandler(records)
    try:
        asyncio.get_running_loop().set_exception_handler(handler)
        asyncio.get_running_loop().call_exception_handler({"message": "m", "exception": ValueError("v")})
        await checkpoint()
        trace("went on")
    finally:
        logger.removeHandler(records)


@clause(
    "RUN-79",
    source=HANDLER,
    on="asyncio",
    expect=["first", "reported: Exception in callback", "exception: the same object True", "third"],
)
async def a_failing_callback_is_reported(trace: Trace) -> None:
    """An Exception in a callback goes to the exception handler, and the callbacks behind it run."""
    failure, done = ValueError("v"), asyncio.Event()

    def fail() -> None:
        raise failure

    def handler(_: object, context: dict[str, Any]) -> None:
        trace("reported:", " ".join(context["message"].split()[:3]))
        trace("exception: the same object", context["exception"] is failure)

    events = asyncio.get_running_loop()
    events.set_exception_handler(handler)
    events.call_soon(trace, "first")
    events.call_soon(fail)
    events.call_soon(lambda: (trace("third"), done.set()))
    await done.wait()


@clause(
    "RUN-80",
    source="library/asyncio-dev.html#detect-never-retrieved-exceptions",
    on="asyncio",
    expect=["done", "reported: exception was never retrieved", "exception: the same object True", "collected"],
)
async def a_forgotten_failure_is_reported(trace: Trace) -> None:
    """If nobody asks for the exception of a task, the exception handler gets it when the task is collected."""
    failures = []

    async def fail() -> None:
        await checkpoint()
        failures.append(ValueError("v"))
        raise failures[0]

    def handler(_: object, context: dict[str, Any]) -> None:
        trace("reported:", context["message"].partition(" ")[2])  # behind the name of the task's class
        trace("exception: the same object", context["exception"] is failures[0])

    asyncio.get_running_loop().set_exception_handler(handler)
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    trace("done")
    del task
    failures[0].__traceback__ = None
    gc.collect()
    trace("collected")


@clause(
    "RUN-81",
    source="library/asyncio-eventloop.html#scheduling-callbacks",
    on="asyncio",
    expect=["a 1", "b 2", "c 3", "scheduled by a"],
)
async def callbacks_run_in_their_order(trace: Trace) -> None:
    """Callbacks run once each in the order of `call_soon`, those that callbacks add behind them, cancelled ones
    never.
    """
    events, done = asyncio.get_running_loop(), asyncio.Event()

    def first(name: str, number: int) -> None:
        trace(name, number)
        events.call_soon(trace, "scheduled by", name)
        events.call_soon(done.set)

    events.call_soon(first, "a", 1)
    events.call_soon(trace, "b", 2)
    events.call_soon(trace, "not reached").cancel()
    events.call_soon(trace, "c", 3)
    await done.wait()


@clause(
    "RUN-82",
    source="library/asyncio-eventloop.html#scheduling-delayed-callbacks",
    on="asyncio",
    expect=["early", "middle", "late", "due: True"],
)
async def delayed_callbacks_run_when_they_are_due(trace: Trace) -> None:
    """Delayed callbacks run in the order of their times and not before them, cancelled ones never."""
    events = asyncio.get_running_loop()
    for _ in range(50):  # until nobody takes the processor away between the calls, which would change their times
        lines, done = Trace(), asyncio.Event()
        begun, started = events.time(), time.monotonic()
        events.call_later(0.004, lambda lines=lines, done=done: (lines("late"), done.set()))
        events.call_later(0.002, lines, "middle")
        events.call_later(0.001, lines, "not reached").cancel()
        events.call_at(begun - 1, lines, "early")
        undisturbed = time.monotonic() - started < 0.001
        await done.wait()
        if undisturbed:
            break
    trace.lines += lines.lines
    trace("due:", events.time() - begun >= 0.003)  # a millisecond less: a loop may round its clock


@clause(
    "RUN-83",
    source="library/asyncio-eventloop.html#asyncio.loop.call_soon_threadsafe",
    on="asyncio",
    expect=["in the thread of the loop: True", "woken"],
)
async def another_thread_wakes_the_loop(trace: Trace) -> None:
    """`call_soon_threadsafe` from another thread wakes a loop that waits and runs the callback in the loop's thread."""
    events, woken, home = asyncio.get_running_loop(), asyncio.Event(), threading.get_ident()

    def called() -> None:
        trace("in the thread of the loop:", threading.get_ident() == home)
        woken.set()

    thread = threading.Thread(target=events.call_soon_threadsafe, args=(called,))
    thread.start()
    await woken.wait()
    trace("woken")
    thread.join()


@clause(
    "RUN-84",
    source="library/asyncio-eventloop.html#asyncio.loop.run_in_executor",
    on="asyncio",
    expect=[
        "result: the same object True",
        "in another thread: True",
        "error: the same object True",
        "main returns",
        "the last work is done: True",
    ],
)
def the_executor_of_the_loop(trace: Trace, loop: Loop) -> None:
    """The loop's executor gives back results and errors from other threads; the end of the run waits for its last
    work.
    """
    threads, finished = [], []
    result, failure = object(), ValueError("v")

    def work() -> object:
        threads.append(threading.current_thread())
        return result

    def fail() -> None:
        raise failure

    def last() -> None:
        time.sleep(0.02)  # so that a run that does not wait is over before: an event would have it wait
        finished.append(True)

    async def main() -> None:
        events = asyncio.get_running_loop()
        trace("result: the same object", await events.run_in_executor(None, work) is result)
        trace("in another thread:", threads[0] is not threading.current_thread())
        try:
            await events.run_in_executor(None, fail)
        except ValueError as error:
            trace("error: the same object", error is failure)
        events.run_in_executor(None, last)
        trace("main returns")

    loop.run(main)
    trace("the last work is done:", finished == [True])


@clause(
    "RUN-85",
    source="library/asyncio-eventloop.html#running-and-stopping-the-loop",
    on="asyncio",
    expect=["stopping", "in the same turn", "stopped", "in the next turn", "stopped again", "closed: True"],
)
def a_stopped_loop_can_go_on(trace: Trace, loop: Loop) -> None:
    """`stop()` lets the turn end: what was scheduled before runs, what it schedules runs when the loop is run again."""
    events = loop.options()["loop_factory"]()

    def stop() -> None:
        trace("stopping")
        events.stop()
        events.call_soon(trace, "in the next turn")

    events.call_soon(stop)
    events.call_soon(trace, "in the same turn")
    events.run_forever()
    trace("stopped")
    events.call_soon(events.stop)
    events.run_forever()
    trace("stopped again")
    events.close()
    trace("closed:", events.is_closed())


@clause(
    "RUN-86",
    source="library/asyncio-eventloop.html#asyncio.loop.run_until_complete",
    on="asyncio",
    level="should",
    expect=["RuntimeError('Event loop stopped before Future completed.')", "then 7"],
)
def a_loop_that_stops_too_early(trace: Trace, loop: Loop) -> None:
    """If the loop is stopped before the future is done, `run_until_complete` raises; the future can still be
    completed.
    """
    events = loop.options()["loop_factory"]()
    future = events.create_future()
    events.call_soon(events.stop)
    try:
        events.run_until_complete(future)
    except RuntimeError as error:
        trace(error)
    events.call_soon(future.set_result, 7)
    trace("then", events.run_until_complete(future))
    events.close()


@clause(
    "RUN-87",
    source="library/asyncio-eventloop.html#asyncio.loop.close",
    on="asyncio",
    expect=[
        "while running: RuntimeError",
        "closed: True",
        "call_soon: RuntimeError('Event loop is closed')",
        "run_forever: RuntimeError('Event loop is closed')",
        "closing again is allowed",
    ],
)
def a_closed_loop_stays_closed(trace: Trace, loop: Loop) -> None:
    """A running loop cannot be closed; a closed one cannot be used any more, and may be closed again."""
    events = loop.options()["loop_factory"]()

    async def main() -> None:
        try:
            events.close()
        except RuntimeError as error:
            trace("while running:", type(error))

    events.run_until_complete(main())
    events.close()
    trace("closed:", events.is_closed())
    for use, arguments in (events.call_soon, (print,)), (events.run_forever, ()):
        try:
            use(*arguments)
        except RuntimeError as error:
            trace(f"{use.__name__}:", error)
    events.close()
    trace("closing again is allowed")


@clause(
    "RUN-88",
    source=SIGNALS,
    on="asyncio",
    posix=True,
    expect=[
        "not yet",
        "called with 7, in the loop: True",
        "removed: True",
        "removed again: False",
        "as by default: True",
    ],
)
async def signals_become_callbacks(trace: Trace) -> None:
    """A signal handler added to the loop is called by the loop, not inside of other code, until it is removed."""
    events, called = asyncio.get_running_loop(), asyncio.Event()

    def handler(value: int) -> None:
        trace(f"called with {value}, in the loop:", asyncio.get_running_loop() is events)
        called.set()

    before = signal.getsignal(signal.SIGUSR1)
    try:
        events.add_signal_handler(signal.SIGUSR1, handler, 7)
        signal.raise_signal(signal.SIGUSR1)
        trace("not yet")
        await called.wait()
        trace("removed:", events.remove_signal_handler(signal.SIGUSR1))
        trace("removed again:", events.remove_signal_handler(signal.SIGUSR1))
        trace("as by default:", signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGUSR1, before)


@clause(
    "RUN-89",
    source="anyio signals.html",
    posix=True,
    expect=["entered", "received SIGUSR1", "received SIGUSR1", "exit", "as before: True"],
)
async def a_receiver_of_signals(trace: Trace) -> None:
    """anyio's receiver of signals hands over each one that arrives while it is entered, and its exit takes it down."""
    before = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    try:
        with anyio.open_signal_receiver(signal.SIGUSR1) as signals:
            trace("entered")
            for _ in range(2):
                signal.raise_signal(signal.SIGUSR1)
                trace("received", signal.Signals(await anext(signals)).name)
        trace("exit")
        trace("as before:", signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGUSR1, before)


@clause(
    "RUN-90", source=RUNNER, on="asyncio", level="should", expect=["exit m with Cancelled", "Cancelled leaves the run"]
)
def a_cancelled_main(trace: Trace, loop: Loop) -> None:
    """A main task that is cancelled, and not by SIGINT, ends the run with CancelledError."""

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            trace("exit m with", error)
            raise

    try:
        loop.run(main)
    except asyncio.CancelledError as error:
        trace(error, "leaves the run")


@clause(
    "RUN-91",
    source="library/asyncio-eventloop.html#asyncio.loop.set_task_factory",
    on="asyncio",
    expect=["factory called", "the task is the factory's: True", "result 7"],
)
async def tasks_come_from_the_task_factory(trace: Trace) -> None:
    """Tasks are made by the task factory that was set on the loop."""
    made = []

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        trace("factory called")
        made.append(asyncio.Task(coroutine, loop=loop, **options))
        return made[-1]

    async def seven() -> int:
        await checkpoint()
        return 7

    events = asyncio.get_running_loop()
    before = events.get_task_factory()
    events.set_task_factory(factory)
    task = asyncio.create_task(seven())
    events.set_task_factory(before)
    trace("the task is the factory's:", task is made[0])
    trace("result", await task)


@clause(
    "RUN-92",
    source=RUNNER,
    level="should",
    posix=True,
    expect=["warnings: []", "descriptors left open: 0", "threads left: 0"],
)
def an_empty_run_leaves_nothing_behind(trace: Trace, loop: Loop) -> None:
    """A run that had nothing to do leaves no descriptor open and no thread behind, and nobody is warned of anything."""

    async def main() -> None:
        await checkpoint()

    loop.run(main)  # what is set up once for the whole process may stay
    descriptors, threads = len(os.listdir("/dev/fd")), {*threading.enumerate()}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        for _ in range(3):
            loop.run(main)
        gc.collect()
    trace("warnings:", sorted({warning.category.__name__ for warning in warned if warning.category is ResourceWarning}))
    trace("descriptors left open:", len(os.listdir("/dev/fd")) - descriptors)
    trace("threads left:", len({*threading.enumerate()} - threads))  # older ones may end meanwhile


@clause("RUN-93", source=EVENTS, on="asyncio", expect=["off: False", "on: True", "off again: False"])
async def debug_mode_is_what_was_set(trace: Trace) -> None:
    """`get_debug()` tells what `set_debug()` was told last."""
    events = asyncio.get_running_loop()
    before = events.get_debug()
    for words, debug in (("off:", False), ("on:", True), ("off again:", False)):
        events.set_debug(debug)
        trace(words, events.get_debug())
    events.set_debug(before)


@clause(
    "RUN-94",
    source=f"{EVENTS}#scheduling-callbacks",
    on="asyncio",
    expect=[
        "call_soon: (), (None,), ((1, 2),), (1, 2, 3, 4, 5, 6), the same object True",
        "call_later: (), (None,), ((1, 2),), (1, 2, 3, 4, 5, 6), the same object True",
        "call_soon_threadsafe: (), (None,), ((1, 2),), (1, 2, 3, 4, 5, 6), the same object True",
        "run_in_executor: (), (None,), ((1, 2),), (1, 2, 3, 4, 5, 6), the same object True",
    ],
)
async def callbacks_get_their_arguments(trace: Trace) -> None:
    """A callback, and a function for an executor, gets the arguments that were given with it: any number, as they are."""
    events, thing = asyncio.get_running_loop(), object()
    for name, schedule in (
        ("call_soon", events.call_soon),
        ("call_later", partial(events.call_later, 0)),
        ("call_soon_threadsafe", events.call_soon_threadsafe),
        ("run_in_executor", partial(events.run_in_executor, None)),
    ):
        seen: list[Any] = []
        for arguments in (), (None,), ((1, 2),), (1, 2, 3, 4, 5, 6), (thing,):
            done = asyncio.Event()

            def called(*got: object, done: asyncio.Event = done, seen: list[Any] = seen) -> None:
                seen.append(got)
                events.call_soon_threadsafe(done.set)

            schedule(called, *arguments)
            await done.wait()
        trace(f"{name}:", ", ".join(map(repr, seen[:-1])) + ",", "the same object", seen[-1][0] is thing)


@clause(
    "RUN-95",
    source=f"{EVENTS}#asyncio.loop.call_soon",
    on="asyncio",
    expect=["called 5000 times, in order: True", "of 3 equal ones called: 3"],
)
async def many_callbacks(trace: Trace) -> None:
    """Of five thousand callbacks each is called once, in the order of scheduling; equal ones count as several."""
    events, done, called, equal = asyncio.get_running_loop(), asyncio.Event(), list[int](), list[str]()
    for number in range(5000):
        events.call_soon(called.append, number)
    for _ in range(3):
        events.call_soon(equal.append, "equal")
    events.call_soon(done.set)
    await done.wait()
    trace(f"called {len(called)} times, in order:", called == sorted(called))
    trace("of 3 equal ones called:", len(equal))


@clause(
    "RUN-96",
    source=f"{EVENTS}#running-and-stopping-the-loop",
    on="asyncio",
    expect=["first run", any_order("the callback", "the timer"), "second run"],
)
def what_a_run_leaves_the_next_one_finds(trace: Trace, loop: Loop) -> None:
    """Callbacks and timers that wait when a loop stops are called when it is run again."""
    events, called = loop.options()["loop_factory"](), asyncio.Event()

    async def first() -> None:
        events.call_later(0.05, lambda: (trace("the timer"), called.set()))  # long after this run is over

    try:
        events.run_until_complete(first())
        trace("first run")
        events.call_soon(trace, "the callback")
        events.run_until_complete(called.wait())
        trace("second run")
    finally:
        events.close()


@clause(
    "RUN-97",
    source=f"{EVENTS}#asyncio.loop.close",
    on="asyncio",
    level="should",
    expect=["closed", "the loop is closed: RuntimeError"],
)
def what_waits_when_a_loop_is_closed(trace: Trace, loop: Loop) -> None:
    """Callbacks that wait when a loop is closed are never called; a thread that asks too late is told."""
    events = loop.options()["loop_factory"]()
    events.call_soon(trace, "never")
    events.close()
    trace("closed")
    try:
        events.call_soon_threadsafe(trace, "never")
    except RuntimeError as error:
        trace("the loop is closed:", type(error))


@clause(
    "RUN-98",
    source=HANDLER,
    on="asyncio",
    expect=[
        "at first: None",
        "then the one that was set: True",
        "in the end: None",
        "logged: m",
        "error: None",
    ],
    leaves=["reports"],
)
async def the_exception_handler_can_be_asked_for(trace: Trace) -> None:
    """`get_exception_handler()` gives the handler that was set, None if there is none or it was taken away."""

    def handler(events: object, context: dict[str, Any]) -> None:
        trace("not called")

    events = asyncio.get_running_loop()
    trace("at first:", events.get_exception_handler())
    events.set_exception_handler(handler)
    trace("then the one that was set:", events.get_exception_handler() is handler)
    events.set_exception_handler(None)
    trace("in the end:", events.get_exception_handler())
    logger, records = logging.getLogger("asyncio"), Records(trace)
    logger.addHandler(records)
    try:
        events.call_exception_handler({"message": "m"})
    finally:
        logger.removeHandler(records)


@clause("RUN-125", source=HANDLER, on="asyncio", level="should", expect=["refused", "still: True"])
async def what_cannot_be_called_is_no_handler(trace: Trace) -> None:
    """An exception handler that cannot be called is refused, and the one that was set stays."""

    def handler(events: object, context: dict[str, Any]) -> None:
        trace("not called")

    events = asyncio.get_running_loop()
    events.set_exception_handler(handler)
    try:
        events.set_exception_handler("nonsense")  # type: ignore[arg-type] # what is refused
    except Exception:  # nobody promises with which error
        trace("refused")
    trace("still:", events.get_exception_handler() is handler)


@clause(
    "RUN-99",
    source=f"{EVENTS}#asyncio.loop.call_exception_handler",
    on="asyncio",
    level="should",
    expect=["callback: handle, message", "task: the task: True", "generator: asyncgen, the generator: True"],
)
async def reports_name_what_they_are_about(trace: Trace) -> None:
    """What the exception handler gets names what failed: the handle, the task, the generator."""
    reports: list[dict[str, Any]] = []

    def fail() -> None:
        raise ValueError("v")

    async def fail_later() -> None:
        raise ValueError("v")

    async def held() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            raise ValueError("v")

    events = asyncio.get_running_loop()
    events.set_exception_handler(lambda _, context: reports.append(context))
    events.call_soon(fail)
    await checkpoint()
    await checkpoint()
    trace("callback:", ", ".join(sorted({*reports.pop()} & {"handle", "message"})))
    task = asyncio.ensure_future(fail_later())
    await asyncio.wait([task])
    name = task.get_name()
    del task
    gc.collect()
    report = reports.pop()
    about = report.get("task", report.get("future"))
    trace("task: the task:", isinstance(about, asyncio.Task) and about.get_name() == name)
    generator = held()
    await anext(generator)
    await events.shutdown_asyncgens()
    trace("generator: asyncgen, the generator:", reports.pop().get("asyncgen") is generator)


@clause(
    "RUN-100",
    source=HANDLER,
    on="asyncio",
    expect=["reports: 20", "the loop goes on"],
)
async def every_failing_callback_is_reported(trace: Trace) -> None:
    """Each of many callbacks that fail is reported."""
    reports: list[dict[str, Any]] = []
    events, done = asyncio.get_running_loop(), asyncio.Event()
    events.set_exception_handler(lambda _, context: reports.append(context))
    for _ in range(20):
        events.call_soon(divmod, 1, 0)
    events.call_soon(done.set)
    await done.wait()
    trace("reports:", len(reports))
    trace("the loop goes on")


@clause(
    "RUN-101",
    source=RUNNER,
    expect=[
        "first: in its thread: True, all steps: True, its own result: True",
        "second: in its thread: True, all steps: True, its own result: True",
        "third: in its thread: True, all steps: True, its own result: True",
    ],
)
def loops_in_threads_do_not_meet(trace: Trace, loop: Loop) -> None:
    """Several loops, each in a thread of its own, run at the same time and do not get in each other's way."""
    names, found, started = ("first", "second", "third"), dict[str, tuple[bool, bool]](), threading.Barrier(3)

    async def main(name: str) -> str:
        steps: list[tuple[str, int]] = []
        started.wait(5)  # all three run now
        home = threading.get_ident()

        async def work(child: str) -> None:
            for step in range(20):
                async with Logged(Trace(), child, suspends=1):
                    steps.append((child, step))
                if step == 10:
                    await anyio.sleep(0.001)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work, "a")
            tasks.start_soon(work, "b")
        found[name] = (threading.get_ident() == home, sorted(steps) == [(c, s) for c in "ab" for s in range(20)])
        return name

    results: dict[str, object] = {}

    def run(name: str) -> None:
        results[name] = loop.run(main, name)

    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    for name in names:
        home, complete = found.get(name, (False, False))
        trace(f"{name}: in its thread: {home}, all steps: {complete}, its own result:", results.get(name) == name)


@clause(
    "RUN-102",
    source=RUNNER,
    level="should",
    expect=[
        *("raised in: fail", "notes: none, cause: None, context: None, hidden: False"),
        *("raised in: fail", "notes: none, cause: None, context: KeyError('k'), hidden: False"),
    ],
)
def nothing_is_added_to_what_leaves_a_run(trace: Trace, loop: Loop) -> None:
    """An exception that leaves the run has its traceback, down to where it was raised, and nothing that it had not
    before.
    """

    async def fail() -> None:
        await checkpoint()
        raise ValueError("v")

    async def fail_while_handling() -> None:
        try:
            raise KeyError("k")
        except KeyError:
            await fail()

    for main in fail, fail_while_handling:
        try:
            loop.run(main)
        except ValueError as error:
            trace("raised in:", [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)][-1])
            trace(
                f"notes: {getattr(error, '__notes__', 'none')},",
                f"cause: {error.__cause__}, context: {error.__context__!r}, hidden: {error.__suppress_context__}",
            )


@clause(
    "RUN-103",
    source=f"{EVENTS}#asyncio.loop.run_in_executor",
    on="asyncio",
    expect=[
        "side by side: True",
        "given: True",
        "set as default: True",
        "no running loop there: True",
        "left at once: True",
    ],
)
async def which_executor_runs_a_function(trace: Trace) -> None:
    """A function runs in the executor that was given, or in the default one that was set, several at a time; who
    waits for it can be cancelled.
    """
    events = asyncio.get_running_loop()

    def name_of_thread() -> str:
        return threading.current_thread().name

    def running_loop() -> object:
        return asyncio._get_running_loop()

    both = threading.Barrier(2, timeout=3)
    meetings = [events.run_in_executor(None, both.wait) for _ in range(2)]
    trace("side by side:", sorted(await asyncio.gather(*meetings)) == [0, 1])
    with ThreadPoolExecutor(1, "given") as given:
        trace("given:", (await events.run_in_executor(given, name_of_thread)).startswith("given"))
        events.set_default_executor(ThreadPoolExecutor(1, "asyncio_default"))
        found = await events.run_in_executor(None, name_of_thread)
        trace("set as default:", found.startswith("asyncio_default"))
        trace("no running loop there:", await events.run_in_executor(None, running_loop) is None)
        release = threading.Event()
        task = asyncio.ensure_future(wait_for_thread(events, release))
        await checkpoint()
        await checkpoint()
        task.cancel()
        await asyncio.wait([task], timeout=5)
        trace("left at once:", task.cancelled() and not release.is_set())
        release.set()


async def wait_for_thread(events: asyncio.AbstractEventLoop, release: threading.Event) -> None:
    """Wait for a thread that waits for `release`."""
    await events.run_in_executor(None, release.wait, 10)


@clause(
    "RUN-104",
    source=f"{EVENTS}#watching-file-descriptors",
    on="asyncio",
    level="should",
    posix=True,
    expect=[
        "called again while there is more: a, b, c",
        "the later reader takes the place: later",
        "removed, nobody is called: True",
        "writer called, the reader is still there: True",
        "writer removed, the reader is still there: d, e",
    ],
)
async def readers_and_writers(trace: Trace) -> None:
    """A reader is called as long as there is something to read, until another takes its place or it is removed; the
    writer of the same descriptor is another matter.
    """
    events = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        read, called, again = list[str](), asyncio.Event(), asyncio.Event()

        def reader() -> None:
            read.append(ours.recv(1).decode())
            if len(read) == 3:
                called.set()

        def later() -> None:
            read.append("later")
            ours.recv(100)
            called.set()

        def once_more() -> None:
            read.append(ours.recv(1).decode())
            again.set()

        events.add_reader(ours.fileno(), reader)
        theirs.sendall(b"abc")
        await called.wait()
        trace("called again while there is more:", ", ".join(read))
        read.clear()
        called.clear()
        events.add_reader(ours.fileno(), later)
        theirs.sendall(b"x")
        await called.wait()
        trace("the later reader takes the place:", ", ".join(read))
        events.remove_reader(ours.fileno())
        read.clear()
        theirs.sendall(b"d")
        await anyio.sleep(0.01)
        trace("removed, nobody is called:", not read)
        called.clear()
        events.add_writer(ours.fileno(), called.set)
        events.add_reader(ours.fileno(), once_more)
        await called.wait()
        await again.wait()
        trace("writer called, the reader is still there:", True)
        events.remove_writer(ours.fileno())
        again.clear()
        theirs.sendall(b"e")
        await asyncio.wait([waiting := asyncio.ensure_future(again.wait())], timeout=1)
        waiting.cancel()
        events.remove_reader(ours.fileno())
        trace("writer removed, the reader is still there:", ", ".join(read))


@clause(
    "RUN-105",
    source=SIGNALS,
    on="asyncio",
    posix=True,
    level="should",
    expect=["SIGUSR1", "SIGUSR2", "SIGUSR1", "SIGUSR1", "removed: True", "as by default: True"],
)
async def each_signal_has_its_handler(trace: Trace) -> None:
    """Each signal calls the handler that was added for it, each time that it comes, and does as by default afterwards."""
    events, called = asyncio.get_running_loop(), asyncio.Event()

    def handler(name: str) -> None:
        trace(name)
        called.set()

    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    try:
        for number in before:
            events.add_signal_handler(number, handler, number.name)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR1):
            called.clear()
            signal.raise_signal(number)
            await called.wait()
        removed = [events.remove_signal_handler(number) for number in before]
        trace("removed:", all(removed))
        trace("as by default:", all(signal.getsignal(number) == signal.SIG_DFL for number in before))
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@clause(
    "RUN-106",
    source=f"{EVENTS}#asyncio.loop.call_soon_threadsafe",
    on="asyncio",
    level="should",
    expect=["woken 10 times", "some were without delay: True"],
)
async def threads_wake_the_loop_again_and_again(trace: Trace) -> None:
    """Another thread wakes a loop that waits, each time anew, and not always after a delay."""
    events, soon = asyncio.get_running_loop(), 0

    def wake(woken: asyncio.Event) -> None:
        time.sleep(0.001)  # until the loop sleeps in its selector: no event can tell that it does
        begun.append(time.monotonic())
        events.call_soon_threadsafe(woken.set)

    for _ in range(10):
        woken, begun = asyncio.Event(), list[float]()
        thread = threading.Thread(target=wake, args=(woken,))
        thread.start()
        await woken.wait()
        soon += time.monotonic() - begun[0] < PUNCTUAL
        thread.join()
    trace("woken 10 times")
    trace("some were without delay:", soon >= 2)


@clause(
    "RUN-107",
    source=f"{EVENTS}#scheduling-callbacks",
    on="asyncio",
    level="should",
    posix=True,
    expect=["the descriptor had its turn: True", "the other thread had its turn: True"],
)
async def callbacks_do_not_keep_others_out(trace: Trace) -> None:
    """A callback that schedules itself again and again keeps neither descriptors nor other threads from their turn."""
    events, done = asyncio.get_running_loop(), list[str]()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        begun = time.monotonic()

        def again() -> None:
            if len(done) < 2 and time.monotonic() - begun < 3:
                events.call_soon(again)
            else:
                over.set()

        def readable() -> None:
            events.remove_reader(ours.fileno())
            done.append("descriptor")

        over = asyncio.Event()
        events.add_reader(ours.fileno(), readable)
        theirs.sendall(b"x")
        thread = threading.Thread(target=events.call_soon_threadsafe, args=(done.append, "thread"))
        thread.start()
        events.call_soon(again)
        await over.wait()
        events.remove_reader(ours.fileno())
        thread.join()
    trace("the descriptor had its turn:", "descriptor" in done)
    trace("the other thread had its turn:", "thread" in done)


@clause(
    "RUN-108",
    source="Lib/asyncio/tasks.py; Lib/asyncio/base_events.py",
    on="asyncio",
    level="should",
    expect=["task of another loop: RuntimeError", "future of another loop: RuntimeError", "run: ValueError"],
)
def futures_belong_to_their_loop(trace: Trace, loop: Loop) -> None:
    """A future, or a task, can be awaited and run in its own loop only."""
    one, other = loop.options()["loop_factory"](), loop.options()["loop_factory"]()

    async def work() -> None:
        await checkpoint()

    async def wait_for(name: str, awaitable: Any) -> None:
        try:
            await awaitable
        except RuntimeError as error:
            trace(f"{name} of another loop:", type(error))

    try:
        task, future = other.create_task(work()), other.create_future()
        one.run_until_complete(wait_for("task", task))
        one.run_until_complete(wait_for("future", future))
        try:
            one.run_until_complete(future)
        except ValueError as error:
            trace("run:", type(error))
        other.run_until_complete(task)
    finally:
        one.close()
        other.close()


@clause(
    "RUN-109",
    source=f"{EVENTS}#watching-file-descriptors",
    on="asyncio",
    posix=True,
    expect=["reader removed: True, again: False", "writer removed: True, again: False"],
)
async def removing_readers_and_writers(trace: Trace) -> None:
    """`remove_reader` and `remove_writer` tell whether there was something to remove."""
    events = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        events.add_reader(ours.fileno(), int)
        trace(
            "reader removed:",
            f"{events.remove_reader(ours.fileno())!r}, again: {events.remove_reader(ours.fileno())!r}",
        )
        events.add_writer(ours.fileno(), int)
        trace(
            "writer removed:",
            f"{events.remove_writer(ours.fileno())!r}, again: {events.remove_writer(ours.fileno())!r}",
        )


@clause("RUN-110", source=EVENTS, on="asyncio", expect=["the other loop runs", any_order("the callback", "the timer")])
def loops_have_queues_of_their_own(trace: Trace, loop: Loop) -> None:
    """What was scheduled in one loop is not called while another one runs."""
    one, other = loop.options()["loop_factory"](), loop.options()["loop_factory"]()
    try:
        one.call_soon(trace, "the callback")
        one.call_later(0.001, trace, "the timer")
        other.run_until_complete(asyncio.sleep(0.005))
        trace("the other loop runs")
        one.run_until_complete(asyncio.sleep(0.005))
    finally:
        one.close()
        other.close()


@clause(
    "RUN-111",
    source=f"{EVENTS}#watching-file-descriptors",
    on="asyncio",
    level="should",
    posix=True,
    expect=["readers called: 1"],
)
async def a_reader_that_is_removed_in_its_turn(trace: Trace) -> None:
    """A reader that is removed when its descriptor is ready already, but before it was called, is not called."""
    events, called = asyncio.get_running_loop(), list[int]()
    pairs = [socket.socketpair() for _ in range(2)]

    def reader(number: int) -> None:
        called.append(number)
        for ours, _ in pairs:
            events.remove_reader(ours.fileno())

    try:
        for number, (ours, theirs) in enumerate(pairs):
            theirs.sendall(b"x")
            events.add_reader(ours.fileno(), reader, number)
        await anyio.sleep(0.01)
        trace("readers called:", len(called))
    finally:
        for ours, theirs in pairs:
            events.remove_reader(ours.fileno())
            ours.close()
            theirs.close()


@clause(
    "RUN-112",
    source="library/asyncio-eventloop.html#asyncio.loop.set_task_factory",
    on="asyncio",
    versions=">=3.11",
    expect=["the factory is given the context: True", "the task sees mine, and is called n"],
)
async def a_task_factory_is_told_the_context(trace: Trace) -> None:
    """A task that a factory makes has the name and runs in the context that were given with its coroutine."""

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        trace("the factory is given the context:", options.get("context") is context)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def look() -> None:
        await checkpoint()
        task = asyncio.current_task()
        trace(f"the task sees {variable.get()}, and is called", task and task.get_name())

    events, variable = asyncio.get_running_loop(), ContextVar("variable", default="nothing")
    context = copy_context()
    context.run(variable.set, "mine")
    before = events.get_task_factory()
    events.set_task_factory(factory)
    try:
        task = asyncio.create_task(look(), name="n", context=context)
    finally:
        events.set_task_factory(before)
    await task


@clause(
    "RUN-113",
    source="library/asyncio-eventloop.html#asyncio.loop.shutdown_default_executor",
    on="asyncio",
    expect=["the last work is done", "the executor is shut down", "RuntimeError"],
)
async def the_default_executor_is_shut_down(trace: Trace) -> None:
    """Shutting down the default executor waits for the work that it has; more is refused."""
    events, go = asyncio.get_running_loop(), threading.Event()

    def work() -> None:
        go.wait()
        trace("the last work is done")

    done = events.run_in_executor(None, work)
    events.call_soon(go.set)
    await events.shutdown_default_executor()
    trace("the executor is shut down")
    await done
    try:
        events.run_in_executor(None, work)
    except RuntimeError as error:
        trace(type(error))


@clause("RUN-114", source=f"{EVENTS}#asyncio.loop.call_soon_threadsafe", on="asyncio", expect=["called: second"])
async def a_callback_of_a_thread_can_be_cancelled(trace: Trace) -> None:
    """`call_soon_threadsafe` gives a handle, as `call_soon` does, that takes the callback back."""
    events, done = asyncio.get_running_loop(), asyncio.Event()
    first = events.call_soon_threadsafe(trace, "called: first")
    events.call_soon_threadsafe(trace, "called: second")
    events.call_soon_threadsafe(done.set)
    first.cancel()
    await done.wait()


@clause(
    "RUN-115",
    source="Lib/asyncio/base_events.py",
    on="asyncio",
    level="should",
    expect=["RuntimeError", "the next run gives 7"],
)
def a_future_that_is_late_stops_no_other_run(trace: Trace, loop: Loop) -> None:
    """A future for which a run waited in vain does not end a later run when it is done at last."""
    events = loop.options()["loop_factory"]()
    late = events.create_future()

    async def main() -> int:
        late.set_result(None)
        for _ in range(3):
            await asyncio.sleep(0)
        return 7

    events.call_soon(events.stop)
    try:
        events.run_until_complete(late)
    except RuntimeError as error:
        trace(type(error))
    trace("the next run gives", events.run_until_complete(main()))
    events.close()


@clause(
    "RUN-116",
    source="Lib/asyncio/base_events.py",
    on="asyncio",
    level="should",
    expect=["SystemExit(3)", "reported: []"],
)
def an_exit_is_told_once(trace: Trace, loop: Loop) -> None:
    """A SystemExit of the main coroutine leaves `run_until_complete` and is not reported as never retrieved besides."""
    events, reported = loop.options()["loop_factory"](), list[str]()
    events.set_exception_handler(lambda _, context: reported.append(context["message"]))

    async def main() -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    try:
        events.run_until_complete(main())
    except SystemExit as error:
        trace(error)
    events.close()
    gc.collect()
    trace("reported:", reported)


@clause(
    "RUN-117",
    source="gh-130145",
    on="asyncio",
    level="should",
    expect=["the same loop: RuntimeError", "another loop: RuntimeError", "still running: True"],
)
async def a_loop_cannot_run_for_ever_inside_a_loop(trace: Trace, loop: Loop) -> None:
    """Nor can a loop be run by `run_forever` from inside a coroutine, with no more harm."""
    mine, other = asyncio.get_running_loop(), loop.options()["loop_factory"]()
    for name, events in ("the same loop", mine), ("another loop", other):
        stop = events.call_soon(events.stop)
        try:
            events.run_forever()
        except RuntimeError as error:
            trace(f"{name}:", type(error))
        stop.cancel()
    other.close()
    await checkpoint()
    trace("still running:", asyncio.get_running_loop() is mine)


@clause(
    "RUN-126",
    source="Lib/asyncio/selector_events.py",
    on="asyncio",
    level="should",
    posix=True,
    expect=["readable", "reader removed: True", "writable", "writer removed: True"],
)
async def descriptors_are_given_as_sockets(trace: Trace) -> None:
    """A descriptor may be given as an object that has one, such as a socket. anyio does so."""
    events, called = asyncio.get_running_loop(), asyncio.Event()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for what, add, remove in (
            ("read", events.add_reader, events.remove_reader),
            ("writ", events.add_writer, events.remove_writer),
        ):
            called.clear()
            add(ours, called.set)
            theirs.send(b"x")
            await called.wait()
            trace(f"{what}able")
            remove(ours)
            called.clear()
            await anyio.sleep(0.001)  # it would be called again: there is still something to read, and room to write
            trace(f"{what}er removed:", not called.is_set())


@clause("RUN-118", source=KEYBOARD, level="should", expect=["still there: True"])
def handlers_of_control_c_set_in_main_stay(trace: Trace, loop: Loop) -> None:
    """A handler of SIGINT that the main coroutine sets is left in place at the end of the run."""

    def handler(number: int, frame: object) -> None:
        trace("own handler")

    async def main() -> None:
        signal.signal(signal.SIGINT, handler)

    with interruptible():
        loop.run(main)
        trace("still there:", signal.getsignal(signal.SIGINT) is handler)


@clause(
    "RUN-119",
    source=f"{EVENTS}#watching-file-descriptors",
    on="asyncio",
    posix=True,
    expect=["the writer was called: True", "the reader was called: False"],
)
async def a_reader_without_anything_to_read(trace: Trace) -> None:
    """A reader is not called as long as there is nothing to read, though the writer of the same descriptor is."""
    events, called, written = asyncio.get_running_loop(), list[str](), asyncio.Event()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        events.add_reader(ours.fileno(), called.append, "reader")
        events.add_writer(ours.fileno(), written.set)
        await written.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        trace("the writer was called:", written.is_set())
        trace("the reader was called:", "reader" in called)
        events.remove_reader(ours.fileno())
        events.remove_writer(ours.fileno())


@clause("RUN-120", source=SIGNALS, on="asyncio", posix=True, expect=["still called: SIGUSR2"])
async def the_handler_of_another_signal_stays(trace: Trace) -> None:
    """When the handler of one signal is removed, that of another is still called."""
    events, called = asyncio.get_running_loop(), asyncio.Event()
    events.add_signal_handler(signal.SIGUSR1, trace, "called: SIGUSR1")
    events.add_signal_handler(signal.SIGUSR2, lambda: (trace("still called: SIGUSR2"), called.set()))
    events.remove_signal_handler(signal.SIGUSR1)
    thread = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR2))  # when the loop sleeps
    thread.start()
    await called.wait()
    thread.join()
    events.remove_signal_handler(signal.SIGUSR2)


@clause(
    "RUN-121",
    source="anyio threads.html",
    expect=["enter m", "exit m with Cancelled", "cancelled: True", "the portal still serves: True"],
)
def cancelling_from_another_thread(trace: Trace, loop: Loop) -> None:
    """Cancelling the future that a portal gave cancels the task: its managers exit with the cancellation."""
    entered, left = threading.Event(), threading.Event()

    async def work() -> None:
        try:
            async with Logged(trace, "m"):
                entered.set()
                await anyio.Event().wait()
        finally:
            left.set()

    with anyio.from_thread.start_blocking_portal(loop.family, loop.options()) as portal:
        future = portal.start_task_soon(work)
        entered.wait()
        future.cancel()
        left.wait()
        trace("cancelled:", future.cancelled())
        trace("the portal still serves:", portal.call(threading.get_ident) != threading.get_ident())
