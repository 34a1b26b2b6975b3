"""Scheduling: what every manager stands on: callbacks, timers, futures, tasks, descriptors and threads, in numbers too."""

import asyncio
import random
import socket
import sys
import threading
import time
import traceback
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from anyio.lowlevel import checkpoint

from asyncwith import Loop, Trace, clause

EVENTS = "library/asyncio-eventloop.html"
FUTURE = "library/asyncio-future.html#asyncio.Future"
EXECUTORS = f"{EVENTS}#executing-code-in-thread-or-process-pools"


# Callbacks and timers


@clause(
    "SCHED-01",
    source="Lib/asyncio/events.py",
    on="asyncio",
    level="should",
    expect=["handler: CancelledError", "handler: GeneratorExit", "handler: Odd", "the loop goes on"],
)
async def callbacks_that_raise_no_exception(trace: Trace) -> None:
    """Of what a callback raises only KeyboardInterrupt and SystemExit leave the run: a cancellation is handled as any error."""

    class Odd(BaseException):
        pass

    def fail(kind: type[BaseException]) -> None:
        raise kind

    events, done = asyncio.get_running_loop(), asyncio.Event()
    events.set_exception_handler(lambda _, context: trace("handler:", type(context["exception"])))
    for kind in asyncio.CancelledError, GeneratorExit, Odd:
        events.call_soon(fail, kind)
    events.call_soon(done.set)
    await done.wait()
    trace("the loop goes on")


@clause(
    "SCHED-02",
    source=f"{EVENTS}#asyncio.loop.call_soon_threadsafe",
    on="asyncio",
    expect=["scheduled", "a callback before", "the callback"],
)
async def threadsafe_in_the_own_thread(trace: Trace) -> None:
    """`call_soon_threadsafe` in the thread of the loop calls back later, too, and in its turn."""
    events, done = asyncio.get_running_loop(), asyncio.Event()
    events.call_soon(trace, "a callback before")
    events.call_soon_threadsafe(trace, "the callback")
    events.call_soon_threadsafe(done.set)
    trace("scheduled")
    await done.wait()


@clause(
    "SCHED-03",
    source=f"{EVENTS}#scheduling-callbacks",
    on="asyncio",
    expect=["runs", "call_soon", "call_soon_threadsafe", "call_later"],
)
def what_is_scheduled_before_the_run(trace: Trace, loop: Loop) -> None:
    """What is scheduled before a loop runs, by another thread too, is called when it runs."""
    events = loop.options()["loop_factory"]()
    done = events.create_future()
    try:
        events.call_soon(trace, "runs")
        events.call_soon(trace, "call_soon")
        thread = threading.Thread(target=events.call_soon_threadsafe, args=(trace, "call_soon_threadsafe"))
        thread.start()
        thread.join()
        events.call_later(0.005, trace, "call_later")
        events.call_later(0.01, done.set_result, None)
        events.run_until_complete(done)
    finally:
        events.close()


@clause(
    "SCHED-04",
    source=f"{EVENTS}#asyncio.loop.call_soon",
    on="asyncio",
    expect=["without arguments: 3", "with the same argument: 3"],
)
async def a_callback_that_is_scheduled_again(trace: Trace) -> None:
    """A callback that is scheduled several times is called several times."""
    events, done, called = asyncio.get_running_loop(), asyncio.Event(), {"without": 0, "with": 0}

    def call(how: str = "without") -> None:
        called[how] += 1

    for arguments in (), ("with",):
        for _ in range(3):
            events.call_soon(call, *arguments)
    events.call_soon(done.set)
    await done.wait()
    trace("without arguments:", called["without"])
    trace("with the same argument:", called["with"])


@clause(
    "SCHED-05",
    source=f"{EVENTS}#asyncio.loop.call_later",
    on="asyncio",
    expect=["called: 2000", "in the order of their times, but for a few: True"],
)
async def thousands_of_timers(trace: Trace) -> None:
    """Of two thousand timers, set in any order, each is called, those due sooner first."""
    events, done, called = asyncio.get_running_loop(), asyncio.Event(), list[int]()
    begin = events.time()
    dues = [due for due in range(100, 140, 4) for _ in range(200)]  # ms; those due at the same time have no order
    random.Random(0).shuffle(dues)
    dues[:500] = sorted(dues[:500], reverse=True)  # each sooner than all before it
    for due in dues:
        events.call_at(begin + due / 1000, called.append, due)
    events.call_at(begin + 0.15, done.set)
    time.sleep(0.15)  # blocking is the point
    await done.wait()
    trace("called:", len(called))
    too_late = sum(due > after for due, after in zip(called, called[1:], strict=False))
    few = 20  # the machine may halt while one is being set, and a loop that counts from then calls that one late
    trace("in the order of their times, but for a few:", too_late < few)


@clause(
    "SCHED-06", source=f"{EVENTS}#asyncio.Handle.cancel", on="asyncio", expect=["called: 100", "of the cancelled: 0"]
)
async def timers_of_the_same_time_are_cancelled(trace: Trace) -> None:
    """Cancelling some of many timers that are due at the same time leaves the others alone."""
    events, done, called = asyncio.get_running_loop(), asyncio.Event(), list[int]()
    due = events.time() + 0.005
    timers = [events.call_at(due, called.append, number) for number in range(200)]
    events.call_at(due + 0.005, done.set)
    for timer in timers[::2]:
        timer.cancel()
    await done.wait()
    trace("called:", len(called))
    trace("of the cancelled:", len([number for number in called if number % 2 == 0]))


@clause(
    "SCHED-07",
    source=f"{EVENTS}#asyncio.TimerHandle.when",
    on="asyncio",
    expect=["an hour: True", "a day: True", "ten years: True"],
)
async def distant_timers_tell_their_time(trace: Trace) -> None:
    """A timer of a distant time tells that time, however long the loop can wait."""
    events = asyncio.get_running_loop()
    for name, delay in (("an hour", 3600), ("a day", 86400), ("ten years", 315360000)):
        timer = events.call_later(delay, trace, "called")
        trace(f"{name}:", abs(timer.when() - events.time() - delay) < 60)
        timer.cancel()


# Futures and tasks


@clause(
    "SCHED-10",
    source=f"{FUTURE}.set_result",
    on="asyncio",
    expect=[
        *(f"{state}: {method} InvalidStateError" for state in ("result", "error") for method in ("result", "error")),
        *(f"cancelled: {method} InvalidStateError" for method in ("result", "error")),
    ],
)
async def a_future_is_done_once(trace: Trace) -> None:
    """A future that is done, however, takes neither a result nor an error."""
    for state in "result", "error", "cancelled":
        future = asyncio.get_running_loop().create_future()
        setters = {"result": partial(future.set_result, 7), "error": partial(future.set_exception, ValueError("v"))}
        setters.get(state, future.cancel)()
        for method, set_again in setters.items():
            try:
                set_again()
                trace(f"{state}: {method} accepted")
            except asyncio.InvalidStateError as error:
                trace(f"{state}: {method}", type(error))
        future.cancelled() or future.exception()  # so that nobody reports it


@clause(
    "SCHED-11",
    source=FUTURE,
    on="asyncio",
    expect=["a future gives the very object: all of 9", "a task gives the very object: all of 9"],
)
async def any_object_is_a_result(trace: Trace) -> None:
    """Any object may be a result and comes back as it is: none is raised, awaited, copied or replaced."""
    events = asyncio.get_running_loop()
    results = [None, 0, "", [1], (1,), ValueError("v"), KeyboardInterrupt, events.create_future(), asyncio.sleep(0)]

    async def give(result: object) -> object:
        await checkpoint()
        return result

    async def through_a_future(result: object) -> object:
        future = events.create_future()
        events.call_soon(future.set_result, result)
        return await future

    for name, way in (
        ("a future", through_a_future),
        ("a task", lambda result: asyncio.ensure_future(give(result))),
    ):
        same = []
        for result in results:
            try:
                same.append(await way(result) is result)
            except (ValueError, KeyboardInterrupt):
                same.append(False)
        trace(f"{name} gives the very object:", f"all of {len(same)}" if all(same) else same)
    results[-1].close()


@clause(
    "SCHED-12",
    source="Lib/asyncio/futures.py",
    on="asyncio",
    level="should",
    expect=[
        "context None",
        "traceback None",
        "a class is called: ValueError()",
        "the same object: True, and again: True",
    ],
)
async def setting_an_exception_does_not_raise_it(trace: Trace) -> None:
    """`set_exception` leaves the exception as it is, and calls a class; who awaits gets that object, each time."""
    events = asyncio.get_running_loop()
    future, error = events.create_future(), ValueError("v")
    try:
        raise KeyError
    except KeyError:
        future.set_exception(error)
    trace("context", error.__context__)
    trace("traceback", error.__traceback__)
    of_a_class = events.create_future()
    of_a_class.set_exception(ValueError)
    trace("a class is called:", repr(of_a_class.exception()))
    caught: list[BaseException] = []
    for _ in range(2):
        try:
            await future
        except ValueError as seen:
            caught.append(seen)
    trace("the same object:", f"{caught[0] is error}, and again:", caught[1] is error)


@clause(
    "SCHED-13",
    source="library/asyncio-task.html#asyncio.Task.result; PEP 678",
    versions=">=3.11",
    on="asyncio",
    expect=["the same object: True", "notes ['a note']", "context KeyError('k')", "cause OSError('o')", "attribute 7"],
)
async def an_error_keeps_what_belongs_to_it(trace: Trace) -> None:
    """What a task raises comes out as that object, with its notes, context, cause and attributes."""
    error = ValueError("v")

    async def fail() -> None:
        await checkpoint()
        try:
            raise KeyError("k")
        except KeyError:
            if sys.version_info >= (3, 11):
                error.add_note("a note")
            error.attribute = 7  # type: ignore[attr-defined]
            raise error from OSError("o")

    try:
        await asyncio.create_task(fail())
    except ValueError as caught:
        trace("the same object:", caught is error)
        trace("notes", getattr(caught, "__notes__", None))
        trace("context", repr(caught.__context__))
        trace("cause", repr(caught.__cause__))
        trace("attribute", getattr(caught, "attribute", None))


@clause(
    "SCHED-14",
    source=f"{EVENTS}#asyncio.loop.create_task",
    on="asyncio",
    expect=["named by create_task", "named by the loop"],
)
async def tasks_of_a_factory_have_names(trace: Trace) -> None:
    """A task has the name that was asked for also if a task factory makes it."""

    async def name() -> None:
        trace(asyncio.current_task().get_name())  # type: ignore[union-attr]

    events = asyncio.get_running_loop()
    before = events.get_task_factory()
    events.set_task_factory(lambda loop, coroutine, **options: asyncio.Task(coroutine, loop=loop, **options))
    try:
        await asyncio.create_task(name(), name="named by create_task")
        await events.create_task(name(), name="named by the loop")
    finally:
        events.set_task_factory(before)


# Descriptors


@clause(
    "SCHED-20",
    source=f"{EVENTS}#watching-file-descriptors",
    on="asyncio",
    level="should",
    posix=True,
    expect=["readers that had their turn: 5"],
)
async def busy_descriptors_share_the_loop(trace: Trace) -> None:
    """Of several descriptors that are always ready each has its turn."""
    events, called, done = asyncio.get_running_loop(), set[int](), asyncio.Event()
    pairs = [socket.socketpair() for _ in range(5)]
    turns = iter(range(100))

    def reader(number: int) -> None:
        called.add(number)
        if len(called) == len(pairs) or next(turns, None) is None:
            done.set()

    try:
        for number, (ours, theirs) in enumerate(pairs):
            theirs.sendall(b"x")  # nobody takes it out
            events.add_reader(ours.fileno(), reader, number)
        await done.wait()
        trace("readers that had their turn:", len(called))
    finally:
        for ours, theirs in pairs:
            events.remove_reader(ours.fileno())
            ours.close()
            theirs.close()


# Threads and executors


@clause("SCHED-30", source="PEP 525", on="asyncio", expect=["closed by the loop", "closed at the end"])
def generators_of_a_loop_in_a_thread(trace: Trace, loop: Loop) -> None:
    """A loop that runs in another thread than the main one closes generators, too: those dropped, and those still open."""

    async def held(words: str, closed: asyncio.Event) -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await checkpoint()
            trace(words)
            closed.set()

    kept = []

    async def main() -> None:
        closed = asyncio.Event()
        await anext(held("closed by the loop", closed))
        await asyncio.wait_for(closed.wait(), 1)
        kept.append(held("closed at the end", closed))
        await anext(kept[0])

    thread = threading.Thread(target=loop.run, args=(main,))
    thread.start()
    thread.join()


@clause(
    "SCHED-31",
    source=f"{EVENTS}#asyncio.loop.close",
    on="asyncio",
    expect=["closed while the work goes on", "the executor takes no more work: RuntimeError"],
)
def closing_shuts_the_executor_down(trace: Trace, loop: Loop) -> None:
    """Closing a loop shuts its default executor down, and does not wait for the work in there."""
    events, may_end = loop.options()["loop_factory"](), threading.Event()
    with ThreadPoolExecutor(1) as executor:
        try:
            events.set_default_executor(executor)
            work = events.run_in_executor(None, may_end.wait)
            events.close()
            trace("closed while the work goes on" if not work.done() else "the work is over")
            executor.submit(trace, "executed")
        except RuntimeError as error:
            trace("the executor takes no more work:", type(error))
        finally:
            may_end.set()


@clause(
    "SCHED-32",
    source=f"{EVENTS}#asyncio.loop.shutdown_default_executor",
    on="asyncio",
    expect=["other tasks run", "the work is over", "shut down", "RuntimeError"],
)
async def shutting_the_executor_down(trace: Trace) -> None:
    """While `shutdown_default_executor()` waits for the work in threads, tasks run; afterwards no work is taken."""
    events, may_end = asyncio.get_running_loop(), threading.Event()

    def work() -> None:
        trace("the work is over" if may_end.wait(1) else "nobody let the work end")

    async def let_it_end() -> None:
        trace("other tasks run")
        may_end.set()

    working = events.run_in_executor(None, work)
    events.call_soon(asyncio.ensure_future, let_it_end())
    await events.shutdown_default_executor()
    trace("shut down")
    await working
    try:
        await events.run_in_executor(None, trace, "executed")
    except RuntimeError as error:
        trace(type(error))


@clause(
    "SCHED-33",
    source="library/concurrent.futures.html#concurrent.futures.Future.cancel",
    on="asyncio",
    level="should",
    expect=["cancelled: True", "executed: ['the first']"],
)
async def work_that_is_cancelled_in_time(trace: Trace) -> None:
    """Work for an executor that is cancelled before a thread has taken it is never done."""
    events, may_end, executed = asyncio.get_running_loop(), threading.Event(), list[str]()

    def work(name: str) -> None:
        may_end.wait(1)
        executed.append(name)

    with ThreadPoolExecutor(1) as executor:
        first = events.run_in_executor(executor, work, "the first")
        second = events.run_in_executor(executor, work, "the second")
        await checkpoint()
        second.cancel()
        await asyncio.wait([second])
        may_end.set()
        await first
        trace("cancelled:", second.cancelled())
    trace("executed:", executed)


@clause(
    "SCHED-34",
    source=EXECUTORS,
    on="asyncio",
    level="should",
    expect=["the same object: True", "its traceback ends in: fail"],
)
async def errors_from_threads(trace: Trace) -> None:
    """What a function in a thread raises comes out as that object, with the traceback down to where it was raised."""
    error = ValueError("v")

    def fail() -> None:
        raise error

    try:
        await asyncio.get_running_loop().run_in_executor(None, fail)
    except ValueError as caught:
        trace("the same object:", caught is error)
        trace("its traceback ends in:", traceback.extract_tb(caught.__traceback__)[-1].name)
