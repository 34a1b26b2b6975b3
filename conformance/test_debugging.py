"""Debugging: tracers, profilers, tracebacks, task inspection and debug mode see `async with` as it is and do not
change it.
"""

import asyncio
import dis
import gc
import logging
import math
import re
import sys
import traceback
import types
import unittest
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from anyio.lowlevel import checkpoint

from asyncwith import Logged, Loop, Trace, by_version, chain, clause

ASYNC_WITH = "reference/compound_stmts.html#async-with"
SETTRACE = "library/sys.html#sys.settrace"


class Plain:
    """A manager whose methods are one line each, so that they hardly show in what tools report."""

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> bool | None: ...


class Suppressing(Plain):
    """The same, but it suppresses."""

    async def __aexit__(self, *_: object) -> bool:
        return True


@clause(
    "DBG-01",
    source="library/asyncio-dev.html#debug-mode",
    on="asyncio",
    expect=["debug mode is on", "the same as without: True"],
)
def debug_mode_changes_no_order(trace: Trace, loop: Loop) -> None:
    """Debug mode changes neither the order of events nor what exceptions carry with them."""

    async def worker(log: Trace, name: str) -> None:
        async with Logged(log, name, suspends=2):
            log(name, "works")
            await checkpoint()
            raise ValueError(name)

    async def main(log: Trace, debug: bool) -> None:
        if asyncio.get_running_loop().get_debug() is debug and debug:
            trace("debug mode is on")
        tasks = [asyncio.create_task(worker(log, name)) for name in "ab"]
        async with Logged(log, "main", suspends=1):
            for task in tasks:
                try:
                    await task
                except ValueError as error:
                    log(chain(error))
        last = asyncio.create_task(worker(log, "late"))
        await checkpoint()
        last.cancel()
        await asyncio.wait([last])
        log("cancelled", last.cancelled())

    without, within = Trace(), Trace()
    replace(loop, debug=False).run(main, without, False)
    replace(loop, debug=True).run(main, within, True)
    trace("the same as without:", without.lines == within.lines and len(without.lines) > 10)


@clause(
    "DBG-02",
    source="uvloop#699; uvloop#715",
    on="asyncio",
    leaves=["reports"],
    expect=["item 1", "dropped", "inner closed", "outer closed", "over"],
)
def debug_mode_survives_dropped_generators(trace: Trace, loop: Loop) -> None:
    """A loop in debug mode closes generators that were dropped, one inside of the other, and lives on."""
    closed = []

    async def inner() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await checkpoint()
            closed.append("inner")

    async def outer() -> AsyncGenerator[int, None]:
        try:
            async for item in inner():
                yield item
        finally:
            closed.append("outer")

    async def main() -> None:
        async for item in outer():
            trace("item", item)
            break
        trace("dropped")
        for _ in range(100):
            if len(closed) == 2:
                break
            await checkpoint()
            gc.collect()
        for name in sorted(closed):
            trace(name, "closed")

    replace(loop, debug=True).run(main)
    trace("over")


@clause(
    "DBG-03",
    source="library/asyncio-task.html#eager-task-factory",
    on="asyncio",
    versions=">=3.12",
    expect=["enter m", "body", "created", "body goes on", "exit m", "finished at once: True"],
)
async def an_eager_task_enters_at_once(trace: Trace) -> None:
    """A task that is started eagerly enters its managers and runs its body inside of its creation until it suspends."""

    async def work() -> None:
        async with Logged(trace, "m"):
            trace("body")
            await checkpoint()
            trace("body goes on")

    async def short() -> None:
        async with Logged(Trace(), "unused"):
            pass

    task = asyncio.eager_task_factory(asyncio.get_running_loop(), work())
    trace("created")
    await task
    trace("finished at once:", asyncio.eager_task_factory(asyncio.get_running_loop(), short()).done())


@clause(
    "DBG-05",
    source=SETTRACE,
    level="should",
    expect=[
        "one item: 1 2 3 2 4",
        by_version({"3.10": "two items: 2 1 3 1 5 1 6", "3.13": "two items: 2 3 5 3 2 6"}),
    ],
)
async def a_tracer_sees_the_lines(trace: Trace) -> None:
    """A tracer sees the line of `async with` once more when the body is left; since Python 3.13 that of each item."""

    async def one_item() -> None:
        manager = Plain()
        async with manager:
            await checkpoint()
        return

    async def two_items() -> None:
        async with (
            Plain(),
            Plain(),
        ):
            await checkpoint()
        return

    for name, function in ("one item:", one_item), ("two items:", two_items):
        trace(name, *await lines(function))


async def lines(function: Callable[[], Any]) -> list[int]:
    """Return the lines of `function`, counted from its `def`, that a tracer sees while it runs."""
    seen: list[int] = []

    def tracer(frame: types.FrameType, event: str, argument: object) -> Any:
        if frame.f_code is not function.__code__:
            return None
        if event == "line":
            seen.append(frame.f_lineno - frame.f_code.co_firstlineno)
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        await function()
    finally:
        sys.settrace(before)
    return seen


@clause(
    "DBG-06", source=SETTRACE, level="should", expect=["enter m", "exit m with ZeroDivisionError('tracer')", "caught"]
)
async def an_error_of_the_tracer_reaches_the_exit(trace: Trace) -> None:
    """An exception that a tracer raises on a line of the body is one of the body: the exit gets it."""

    async def traced() -> None:
        async with Logged(trace, "m", suspends=1):
            trace("not reached")

    body = traced.__code__.co_firstlineno + 2

    def tracer(frame: types.FrameType, event: str, argument: object) -> Any:
        if frame.f_code is traced.__code__ and event == "line" and frame.f_lineno == body:
            sys.settrace(before)
            raise ZeroDivisionError("tracer")
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        await traced()
    except ZeroDivisionError:
        trace("caught")
    finally:
        sys.settrace(before)


@clause(
    "DBG-07",
    source="PEP 669",
    versions=">=3.12",
    level="should",
    expect=[
        "normal: PY_START PY_RETURN",
        "suppressed: PY_START RAISE EXCEPTION_HANDLED PY_RETURN",
        "propagated: PY_START RAISE EXCEPTION_HANDLED RERAISE PY_UNWIND",
    ],
)
async def monitoring_sees_exceptions(trace: Trace) -> None:
    """`sys.monitoring` reports an exception of the body as raised and handled, and as raised again if it is not
    suppressed.
    """
    monitoring = sys.monitoring
    tool, events = 4, monitoring.events  # 4 has no predefined use
    names = "PY_START", "PY_RETURN", "PY_UNWIND", "RAISE", "RERAISE", "EXCEPTION_HANDLED"

    async def work(manager: Plain, error: Exception | None) -> None:
        async with manager:
            if error is not None:
                raise error

    monitoring.use_tool_id(tool, "asyncwith")
    try:
        for case, manager, error in (
            ("normal:", Plain(), None),
            ("suppressed:", Suppressing(), ValueError("v")),
            ("propagated:", Plain(), ValueError("v")),
        ):
            seen: list[str] = []

            def note(name: str, seen: list[str] = seen) -> Callable[..., None]:
                return lambda code, *_: seen.append(name) if code is work.__code__ else None

            for name in names:
                monitoring.register_callback(tool, getattr(events, name), note(name))
            monitoring.set_events(tool, sum(getattr(events, name) for name in names))
            try:
                await work(manager, error)
            except ValueError:
                pass
            finally:
                monitoring.set_events(tool, 0)
            again = " EXCEPTION_HANDLED RERAISE"  # how often it is handled only to clean up is the compiler's business
            trace(case, re.sub(f"({again})+", again, " ".join(seen)))
    finally:
        for name in names:
            monitoring.register_callback(tool, getattr(events, name), None)
        monitoring.free_tool_id(tool)


@clause(
    "DBG-08",
    source="library/sys.html#sys.setprofile",
    expect=["call __aenter__", "return __aenter__", "call __aexit__", "return __aexit__"],
)
async def a_profiler_sees_the_calls(trace: Trace) -> None:
    """A profiler sees enter called and left, then exit called and left."""

    def profiler(frame: types.FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_name in ("__aenter__", "__aexit__"):
            trace(event, frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(profiler)
    try:
        async with Plain():
            pass
    finally:
        sys.setprofile(before)


@clause(
    "DBG-09",
    source="bpo-43933; PEP 626",
    level="should",
    expect=["enter from 1", "exit from 1", "enter from 5", "exit from 5"],
)
async def enter_and_exit_are_called_from_the_statement(trace: Trace) -> None:
    """Seen from enter and exit, the caller is at the line of its `async with`, however the body was left."""

    class Looking:
        async def __aenter__(self) -> None:
            trace("enter from", self.line())
            await checkpoint()

        async def __aexit__(self, *_: object) -> bool:
            trace("exit from", self.line())
            await checkpoint()
            return True

        def line(self) -> int:
            caller = sys._getframe(2)
            return caller.f_lineno - caller.f_code.co_firstlineno

    async def normally() -> None:
        async with Looking():
            pass

    async def by_exception() -> None:
        # The lines are counted from the `def`:
        # this is the second,
        # this the third,
        # and now comes the fifth.
        async with Looking():
            await checkpoint()
            raise ValueError("v")

    await normally()
    await by_exception()


@clause(
    "DBG-10",
    source="PEP 657; whatsnew/3.13.html",
    level="should",
    expect=[
        "enter fails at line 1",
        by_version({"3.10": [], "3.11": "below: the statement", "3.13": 'below: Failing("enter")'}),
        "exit fails at line 1",
        by_version({"3.10": [], "3.11": "below: the statement", "3.13": 'below: Failing("exit")'}),
    ],
)
async def errors_point_at_the_statement(trace: Trace) -> None:
    """The traceback of an error in enter or exit points at the line of `async with`; since Python 3.13 at the very
    item.
    """

    class Failing:
        def __init__(self, where: str) -> None:
            self.where = where

        async def __aenter__(self) -> None:
            await checkpoint()
            if self.where == "enter":
                raise ValueError("v")

        async def __aexit__(self, *_: object) -> None:
            await checkpoint()
            raise ValueError("v")

    async def enter_fails() -> None:
        async with Plain(), Failing("enter"):
            await checkpoint()

    async def exit_fails() -> None:
        async with Plain(), Failing("exit"):
            await checkpoint()

    for name, function in ("enter fails at line", enter_fails), ("exit fails at line", exit_fails):
        try:
            await function()
        except ValueError as error:
            found = next(
                frame for frame in traceback.extract_tb(error.__traceback__) if frame.name == function.__name__
            )
            trace(name, (found.lineno or 0) - function.__code__.co_firstlineno)
            if sys.version_info >= (3, 11):
                line, start, end = found.line or "", found.colno or 0, found.end_colno or 0
                indented = 8  # the columns count from the margin, the line is stripped
                marked = line[start - indented : end - indented]
                trace("below:", marked if marked.startswith("Failing") else "the statement")


@clause(
    "DBG-11",
    source="library/inspect.html",
    expect=["suspended in __aenter__", "suspended in body", "suspended in __aexit__", "finished: None"],
)
def what_a_coroutine_awaits(trace: Trace) -> None:
    """`cr_await` of a suspended coroutine is what it awaits: in `async with` the coroutine of enter, then that of
    exit.
    """

    class Tick:
        def __await__(self) -> Any:
            yield

    class Ticking:
        async def __aenter__(self) -> None:
            await Tick()

        async def __aexit__(self, *_: object) -> None:
            await Tick()

    async def body() -> None:
        await Tick()

    async def work() -> None:
        async with Ticking():
            await body()

    coroutine = work()
    try:
        while True:
            coroutine.send(None)
            trace("suspended in", coroutine.cr_await.__name__)
    except StopIteration:
        trace("finished:", coroutine.cr_await)


@clause(
    "DBG-12",
    source="library/asyncio-task.html#asyncio.Task.get_stack; library/asyncio-graph.html",
    on="asyncio",
    expect=["stack: work", by_version({"3.10": [], "3.14": "graph: wait < __aexit__ < work"})],
)
async def where_a_suspended_task_is(trace: Trace) -> None:
    """`Task.get_stack()` shows only the outermost coroutine of a suspended task; the call graph of 3.14 the whole
    chain.
    """
    leaving, go_on = asyncio.Event(), asyncio.Event()

    class Waiting(Plain):
        async def __aexit__(self, *_: object) -> None:
            leaving.set()
            await go_on.wait()

    async def work() -> None:
        async with Waiting():
            pass

    task = asyncio.create_task(work())
    await leaving.wait()
    trace("stack:", *(frame.f_code.co_name for frame in task.get_stack()))
    if sys.version_info >= (3, 14):
        graph = asyncio.capture_call_graph(task)
        assert graph is not None
        trace("graph:", " < ".join(entry.frame.f_code.co_name for entry in graph.call_stack))
    go_on.set()
    await task


@clause(
    "DBG-13",
    source="library/sys.html#sys.set_coroutine_origin_tracking_depth",
    expect=["untracked: None", "created by make"],
)
async def the_origin_of_an_enter(trace: Trace) -> None:
    """With origin tracking on, the coroutine of an enter knows where it was called."""

    def make() -> Any:
        return Plain().__aenter__()

    before = sys.get_coroutine_origin_tracking_depth()
    try:
        sys.set_coroutine_origin_tracking_depth(0)
        coroutine = make()
        trace("untracked:", coroutine.cr_origin)
        await coroutine
        sys.set_coroutine_origin_tracking_depth(1)
        coroutine = make()
        trace("created by", coroutine.cr_origin[0][2])
        await coroutine
    finally:
        sys.set_coroutine_origin_tracking_depth(before)


@clause(
    "DBG-14",
    source="gh-120507",
    level="informational",
    expect=[
        by_version({"3.10": "BEFORE_ASYNC_WITH 1, LOAD_SPECIAL 0", "3.14": "BEFORE_ASYNC_WITH 0, LOAD_SPECIAL 2"}),
        "GET_AWAITABLE 3",
    ],
)
def the_bytecode_of_the_statement(trace: Trace) -> None:
    """The statement compiles to three awaits, of enter, of the normal and of the exceptional exit, after looking
    both up.
    """

    async def work(manager: Any) -> None:
        async with manager:
            pass

    operations = [instruction.opname for instruction in dis.get_instructions(work)]
    trace(", ".join(f"{name} {operations.count(name)}" for name in ("BEFORE_ASYNC_WITH", "LOAD_SPECIAL")))
    trace("GET_AWAITABLE", operations.count("GET_AWAITABLE"))


@clause(
    "DBG-15",
    source="library/unittest.html#unittest.IsolatedAsyncioTestCase.enterAsyncContext; bpo-45046",
    versions=">=3.11",
    expect=["enter a", "enter b", "bound b", "no manager: TypeError", "test done", "exit b", "exit a", "failures 0"],
)
def managers_of_a_test_case(trace: Trace) -> None:
    """`enterAsyncContext` enters a manager now and leaves it in the clean-up of the test, the last one first."""

    class Case(unittest.IsolatedAsyncioTestCase):
        async def test(self) -> None:
            await self.enterAsyncContext(Logged(trace, "a", suspends=1))
            trace("bound", await self.enterAsyncContext(Logged(trace, "b", gives="b", suspends=1)))
            try:
                await self.enterAsyncContext(object())  # type: ignore[type-var]
            except TypeError as error:
                trace("no manager:", type(error))
            trace("test done")

    result = unittest.TestResult()
    Case("test").run(result)
    trace("failures", len(result.failures) + len(result.errors))


@clause(
    "DBG-60",
    source="library/asyncio-task.html#asyncio.current_task",
    on="asyncio",
    expect=[
        "enter: work",
        "body: work",
        "callback: none",
        "exit: work",
        "here: another",
        "all tasks have it: True",
        "done, they do not: True",
    ],
)
async def tasks_know_themselves(trace: Trace) -> None:
    """`current_task()` is the running task in enter, body and exit, and none in callbacks; `all_tasks()` has those
    not done.
    """

    def name() -> str:
        task = asyncio.current_task()
        return "none" if task is None else task.get_name() if task.get_name() == "work" else "another"

    class Naming:
        async def __aenter__(self) -> None:
            await checkpoint()
            trace("enter:", name())

        async def __aexit__(self, *_: object) -> None:
            await checkpoint()
            trace("exit:", name())

    async def work() -> None:
        async with Naming():
            trace("body:", name())
            called = asyncio.Event()
            asyncio.get_running_loop().call_soon(lambda: (trace("callback:", name()), called.set()))
            await called.wait()

    task = asyncio.create_task(work(), name="work")
    listed = task in asyncio.all_tasks()
    await task
    trace("here:", name())
    trace("all tasks have it:", listed)
    trace("done, they do not:", task not in asyncio.all_tasks())


@clause(
    "DBG-61",
    source="library/asyncio-dev.html#debug-mode",
    on="asyncio",
    expect=[f"{name}: RuntimeError" for name in ("call_soon", "call_later", "call_at")],
)
async def debug_mode_finds_the_wrong_thread(trace: Trace) -> None:
    """In debug mode a thread that calls what is not for threads, as `call_soon`, is told."""
    events = asyncio.get_running_loop()

    def call_from_a_thread() -> None:
        for name, call in (
            ("call_soon", partial(events.call_soon, trace, "called")),
            ("call_later", partial(events.call_later, 0, trace, "called")),
            ("call_at", partial(events.call_at, 0, trace, "called")),
        ):
            try:
                call()
                trace(f"{name}: accepted")
            except RuntimeError as error:
                trace(f"{name}:", type(error))

    before = events.get_debug()
    events.set_debug(True)
    try:
        await asyncio.to_thread(call_from_a_thread)
    finally:
        events.set_debug(before)


@clause(
    "DBG-62",
    source="library/asyncio-dev.html#debug-mode",
    on="asyncio",
    expect=["told if every callback is too slow: True", "if none can be: False"],
    leaves=["reports"],
)
async def debug_mode_tells_what_is_slow(trace: Trace) -> None:
    """In debug mode a callback that takes longer than `slow_callback_duration` is logged."""
    told: list[str] = []
    events, logger, handler = asyncio.get_running_loop(), logging.getLogger("asyncio"), logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    before = events.get_debug(), events.slow_callback_duration
    logger.addHandler(handler)
    try:
        events.set_debug(True)
        for words, duration in ("told if every callback is too slow:", 0.0), ("if none can be:", math.inf):
            events.slow_callback_duration = duration
            await checkpoint()
            told.clear()
            await checkpoint()
            trace(words, bool(told))
    finally:
        logger.removeHandler(handler)
        events.set_debug(before[0])
        events.slow_callback_duration = before[1]
