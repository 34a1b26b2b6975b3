"""Scheduling: what every manager stands on: callbacks, timers, futures, tasks, descriptors and threads, in numbers too."""

import asyncio
import contextvars
import gc
import random
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from anyio.lowlevel import checkpoint

from asyncwith import Loop, Trace, any_order, clause

EVENTS = "library/asyncio-eventloop.html"
FUTURE = "library/asyncio-future.html#asyncio.Future"
HANDLER = f"{EVENTS}#error-handling-api"
EXECUTORS = f"{EVENTS}#executing-code-in-thread-or-process-pools"


var = contextvars.ContextVar[str]("var")


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
    expect=["scheduled", any_order("another callback", "the callback")],
)
async def threadsafe_in_the_own_thread(trace: Trace) -> None:
    """`call_soon_threadsafe` in the thread of the loop calls back later, too."""
    events, done = asyncio.get_running_loop(), asyncio.Event()
    events.call_soon(trace, "another callback")
    events.call_soon_threadsafe(trace, "the callback")
    events.call_soon_threadsafe(done.set)
    trace("scheduled")
    await done.wait()


@clause(
    "SCHED-03",
    source=f"{EVENTS}#scheduling-callbacks",
    on="asyncio",
    expect=[any_order("call_soon", "call_soon_threadsafe", "call_later")],
)
def what_is_scheduled_before_the_run(trace: Trace, loop: Loop) -> None:
    """What is scheduled before a loop runs, by another thread too, is called when it runs."""
    events = loop.options()["loop_factory"]()
    done = events.create_future()
    try:
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
    dues = [due for due in range(100, 140, 4) for _ in range(200)]  # ms; those due at the same time have no order
    random.Random(0).shuffle(dues)
    dues[:500] = sorted(dues[:500], reverse=True)  # each sooner than all before it

    def call(due: int) -> None:
        called.append(due)
        if len(called) == len(dues):
            done.set()

    begin = events.time()
    for due in dues:
        events.call_at(begin + due / 1000, call, due)
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

    def call(number: int) -> None:
        called.append(number)
        if len(called) == 100:
            done.set()

    due = events.time() + 0.005
    timers = [events.call_at(due, call, number) for number in range(200)]
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


@clause(
    "SCHED-08",
    source=f"{EVENTS}#asyncio.loop.time",
    on="asyncio",
    expect=["the clock goes back: False", "the timer came: True"],
)
async def the_clock_of_the_wall_is_another(trace: Trace) -> None:
    """The clock of the loop does not go back, and its timers do not wait, when the system's time is set back."""
    events, done, real = asyncio.get_running_loop(), asyncio.Event(), time.time
    before = events.time()
    time.time = lambda: real() - 3600
    try:
        trace("the clock goes back:", events.time() < before)
        events.call_later(0.001, done.set)
        await asyncio.wait([waiting := asyncio.ensure_future(done.wait())], timeout=1)
    finally:
        time.time = real
    trace("the timer came:", done.is_set())
    waiting.cancel()


@clause(
    "SCHED-09",
    source=f"{EVENTS}#asyncio.loop.call_later",
    on="asyncio",
    expect=["called: 100", "too early: 0"],
)
async def none_of_many_timers_is_early(trace: Trace) -> None:
    """None of a hundred timers is called much before its time, however many were set before it."""
    events, done, called = asyncio.get_running_loop(), asyncio.Event(), list[float]()

    def call(begin: float) -> None:
        called.append(events.time() - begin)
        if len(called) == 100:
            done.set()

    for _ in range(100):
        events.call_later(0.02, call, events.time())
    await done.wait()
    trace("called:", len(called))
    trace("too early:", sum(waited < 0.017 for waited in called))  # some clocks count milliseconds


# Running and stopping


@clause(
    "SCHED-40",
    source=f"{EVENTS}#asyncio.loop.stop",
    on="asyncio",
    expect=["stopped before it ran: the callback", "stopped in its turn: 100 callbacks"],
)
def stopping_lets_what_is_ready_run(trace: Trace, loop: Loop) -> None:
    """A loop that is told to stop, even before it runs, first calls back all that is ready, and then stops."""
    events, called = loop.options()["loop_factory"](), list[int]()
    try:
        events.stop()
        events.call_soon(trace, "stopped before it ran: the callback")
        events.run_forever()
        events.call_soon(events.stop)
        for number in range(100):
            events.call_soon(called.append, number)
        events.run_forever()
        trace("stopped in its turn:", len(called), "callbacks")
    finally:
        events.close()


@clause(
    "SCHED-43",
    source=f"{EVENTS}#asyncio.loop.close",
    on="asyncio",
    level="should",
    expect=[
        f"{name}: RuntimeError"
        for name in (
            "call_soon",
            "call_later",
            "call_soon_threadsafe",
            "run_in_executor",
            "create_task",
            "run",
            "run_forever",
        )
    ],
)
def closed_loops_refuse_everything(trace: Trace, loop: Loop) -> None:
    """A loop that is closed takes neither callbacks nor tasks nor work for threads, and does not run."""
    events = loop.options()["loop_factory"]()
    events.set_task_factory(None)
    events.close()
    coroutine = asyncio.sleep(0)
    for name, ask in (
        ("call_soon", partial(events.call_soon, trace, "called")),
        ("call_later", partial(events.call_later, 0, trace, "called")),
        ("call_soon_threadsafe", partial(events.call_soon_threadsafe, trace, "called")),
        ("run_in_executor", partial(events.run_in_executor, None, trace, "called")),
        ("create_task", partial(events.create_task, coroutine)),
        ("run", partial(events.run_until_complete, coroutine)),
        ("run_forever", events.run_forever),
    ):
        try:
            ask()
            trace(f"{name}: accepted")
        except RuntimeError as error:
            trace(f"{name}:", type(error))
    coroutine.close()


@clause(
    "SCHED-44",
    source="PEP 525",
    on="asyncio",
    level="should",
    expect=["one waits for the other", "the other is closed", "the one is closed"],
)
async def dropped_generators_are_closed_side_by_side(trace: Trace) -> None:
    """The loop closes each generator that is dropped by itself: the cleanup of one may wait for that of another."""
    other_closed, done = asyncio.Event(), asyncio.Event()

    async def one() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            trace("one waits for the other")
            await asyncio.wait_for(other_closed.wait(), 1)
            trace("the one is closed")
            done.set()

    async def other() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            trace("the other is closed")
            other_closed.set()

    await anext(one())
    await anext(other())
    await asyncio.wait_for(done.wait(), 1)


@clause(
    "SCHED-45",
    source=f"{EVENTS}#asyncio.loop.shutdown_asyncgens",
    on="asyncio",
    level="should",
    expect=["closed in run 1", "closed in run 2"],
)
def generators_of_each_run_are_shut_down(trace: Trace, loop: Loop) -> None:
    """`shutdown_asyncgens()` closes what is open in a later run, too."""
    events, kept = loop.options()["loop_factory"](), []

    async def held(number: int) -> AsyncGenerator[int, None]:
        try:
            yield number
        finally:
            trace("closed in run", number)

    async def main(number: int) -> None:
        kept.append(held(number))
        await anext(kept[-1])
        await events.shutdown_asyncgens()

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # as the loop says that it was shut down once
            for number in 1, 2:
                events.run_until_complete(main(number))
    finally:
        events.close()


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
    "SCHED-15",
    source=f"{EVENTS}#asyncio.loop.set_task_factory",
    on="asyncio",
    level="should",
    expect=["at first: None", "then the one that was set: True", "what cannot be called: TypeError", "later: True"],
)
def the_task_factory_can_be_asked_for(trace: Trace, loop: Loop) -> None:
    """`get_task_factory()` gives the factory that was set, in the next run too, and None if there is none."""
    events = loop.options()["loop_factory"]()

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        return asyncio.Task(coroutine, loop=loop, **options)

    async def ask(words: str) -> None:
        trace(words, events.get_task_factory() is factory)

    try:
        events.set_task_factory(None)
        trace("at first:", events.get_task_factory())
        events.set_task_factory(factory)
        events.run_until_complete(ask("then the one that was set:"))
        try:
            events.set_task_factory("nonsense")
        except TypeError as error:
            trace("what cannot be called:", type(error))
        events.run_until_complete(ask("later:"))
    finally:
        events.close()


@clause(
    "SCHED-16",
    source="Lib/asyncio/futures.py",
    on="asyncio",
    level="should",
    expect=["refused or replaced"],
)
async def stop_iteration_is_no_error_of_a_future(trace: Trace) -> None:
    """A future does not raise StopIteration, which would end whoever awaits it as if it had returned."""
    future = asyncio.get_running_loop().create_future()
    try:
        future.set_exception(StopIteration(7))
        trace("kept" if isinstance(future.exception(), StopIteration) else "refused or replaced")
    except TypeError:  # before Python 3.12
        trace("refused or replaced")


@clause(
    "SCHED-17",
    source=f"{EVENTS}#asyncio.loop.create_task",
    on="asyncio",
    level="should",
    expect=["a future: TypeError", "a function: TypeError", "None: TypeError"],
)
async def only_coroutines_become_tasks(trace: Trace) -> None:
    """`create_task` takes a coroutine and nothing else, not even a future."""
    events = asyncio.get_running_loop()
    for name, thing in (("a future", events.create_future()), ("a function", asyncio.sleep), ("None", None)):
        try:
            events.create_task(thing)  # type: ignore[arg-type] # what is refused
            trace(f"{name}: accepted")
        except TypeError as error:
            trace(f"{name}:", type(error))


@clause(
    "SCHED-18",
    source="library/contextvars.html#contextvars.Context; library/asyncio-eventloop.html#scheduling-callbacks",
    on="asyncio",
    expect=[
        any_order(*(f"{name}: unset, 10 arguments" for name in ("call_soon", "call_soon_threadsafe", "call_later"))),
        *("a done callback: unset, 1 arguments", "a task: unset, 0 arguments"),
    ],
)
async def an_empty_context_is_a_context(trace: Trace) -> None:
    """A context that is given is used although nothing is set in it, and it is false therefore."""
    events, done = asyncio.get_running_loop(), asyncio.Event()
    given = contextvars.Context()

    def tell(name: str, *arguments: object) -> None:
        trace(f"{name}:", f"{var.get('unset')}, {len(arguments)} arguments")

    async def task() -> None:
        tell("a task")

    var.set("here")
    events.call_soon(tell, "call_soon", *range(10), context=given)
    events.call_soon_threadsafe(tell, "call_soon_threadsafe", *range(10), context=given)
    events.call_later(0, tell, "call_later", *range(10), context=given)
    events.call_later(0.001, done.set)
    await done.wait()
    future = events.create_future()
    future.add_done_callback(partial(tell, "a done callback"), context=given)
    future.set_result(None)
    await checkpoint()
    if sys.version_info >= (3, 11):
        await events.create_task(task(), context=given)
    else:
        await given.run(events.create_task, task())


@clause(
    "SCHED-19",
    source="library/asyncio-task.html#asyncio.create_task; library/contextvars.html#asyncio-support",
    on="asyncio",
    level="should",
    expect=["began in order: True", "each has its own context: True", "ended well: 1000"],
)
async def a_thousand_tasks(trace: Trace) -> None:
    """Of a thousand tasks each begins in its turn, keeps a context of its own, and ends with its own result."""
    begun = list[int]()

    async def work(number: int) -> bool:
        begun.append(number)
        seen = var.get()
        var.set(f"set by {number}")
        for _ in range(3):
            await asyncio.sleep(0)
        return (seen, var.get()) == (f"for {number}", f"set by {number}")

    tasks = []
    for number in range(1000):
        var.set(f"for {number}")
        tasks.append(asyncio.create_task(work(number)))
    await asyncio.wait(tasks)
    trace("began in order:", begun == sorted(begun))
    well = [task for task in tasks if not task.cancelled() and task.exception() is None]
    trace("each has its own context:", all(task.result() for task in well))
    trace("ended well:", len(well))


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


@clause(
    "SCHED-21",
    source=f"{EVENTS}#watching-file-descriptors",
    on="asyncio",
    posix=True,
    expect=["reader", "writer", "writer", "reader"],
)
async def a_reader_and_a_writer(trace: Trace) -> None:
    """A descriptor may have a reader and a writer at the same time, whichever comes first."""
    events = asyncio.get_running_loop()
    for first in "reader", "writer":
        ours, theirs = socket.socketpair()
        called: dict[str, asyncio.Event] = {"reader": asyncio.Event(), "writer": asyncio.Event()}
        watch = {
            "reader": (events.add_reader, events.remove_reader),
            "writer": (events.add_writer, events.remove_writer),
        }
        with ours, theirs:
            theirs.sendall(b"x")
            for name in sorted(watch, key=lambda name: name != first):
                watch[name][0](ours, called[name].set)
            for name, event in sorted(called.items(), key=lambda item: item[0] != first):
                await event.wait()
                trace(name)
            for _, remove in watch.values():
                remove(ours)


@clause(
    "SCHED-22",
    source=f"{EVENTS}#asyncio.loop.sock_accept",
    on="asyncio",
    level="should",
    expect=["accepted: does not block", "received: b'x'"],
)
async def accepted_sockets_do_not_block(trace: Trace) -> None:
    """A socket that `sock_accept` gives does not block, so that the loop can use it as it is."""
    events = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        server.setblocking(False)
        client.setblocking(False)
        _, (accepted, _) = await asyncio.gather(
            events.sock_connect(client, server.getsockname()), events.sock_accept(server)
        )
        with accepted:
            trace("accepted:", "does not block" if accepted.gettimeout() == 0 else "blocks")
            await events.sock_sendall(client, b"x")
            accepted.setblocking(False)
            trace("received:", repr(await events.sock_recv(accepted, 1)))


@clause(
    "SCHED-23",
    source=f"{EVENTS}#asyncio.loop.add_writer",
    on="asyncio",
    level="should",
    posix=True,
    expect=["the writer sees when added", "here: afterwards"],
)
async def writers_see_the_context_of_their_adding(trace: Trace) -> None:
    """A callback for a writable descriptor runs in the context as it was when the callback was added."""
    events, writable = asyncio.get_running_loop(), asyncio.Event()
    ours, theirs = socket.socketpair()

    def writer() -> None:
        events.remove_writer(ours)
        trace("the writer sees", var.get("unset"))
        writable.set()

    with ours, theirs:
        var.set("when added")
        events.add_writer(ours, writer)
        var.set("afterwards")
        await writable.wait()
        trace("here:", var.get())


@clause(
    "SCHED-24",
    source=HANDLER,
    on="asyncio",
    level="should",
    posix=True,
    expect=["reported: ValueError('v')", "read: b'x'"],
)
async def a_reader_that_fails_is_called_again(trace: Trace) -> None:
    """What a reader raises is reported, and the reader stays in its place."""
    events, done = asyncio.get_running_loop(), asyncio.Event()
    failures = iter([ValueError("v")])
    ours, theirs = socket.socketpair()

    def reader() -> None:
        for failure in failures:
            raise failure
        trace("read:", repr(ours.recv(1)))
        done.set()

    events.set_exception_handler(lambda _, context: trace("reported:", repr(context["exception"])))
    with ours, theirs:
        events.add_reader(ours, reader)
        theirs.sendall(b"x")
        await done.wait()
        events.remove_reader(ours)


@clause(
    "SCHED-28",
    source=f"{EVENTS}#asyncio.loop.sock_recv",
    on="asyncio",
    posix=True,
    expect=["cancelled", "received later: b'x'"],
)
async def a_read_that_was_cancelled_reads_no_more(trace: Trace) -> None:
    """What arrives after `sock_recv` was cancelled waits for the next read."""
    events = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        read = asyncio.ensure_future(events.sock_recv(ours, 1))
        await checkpoint()
        read.cancel()
        await asyncio.wait([read])
        trace("cancelled" if read.cancelled() else "read")
        theirs.sendall(b"x")
        for _ in range(5):
            await checkpoint()
        trace("received later:", repr(await events.sock_recv(ours, 1)))


@clause(
    "SCHED-29",
    source="library/asyncio-subprocess.html#asyncio.subprocess.Process.returncode",
    on="asyncio",
    posix=True,
    expect=["killed: -9", "failed: 3", "well: 0"],
)
async def how_processes_ended(trace: Trace) -> None:
    """The return code of a process is its own, or tells by a negative number which signal ended it."""
    for words, script in (("killed:", "kill -9 $$"), ("failed:", "exit 3"), ("well:", "exit 0")):
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", script)
        trace(words, await process.wait())


# Signals


@clause(
    "SCHED-25",
    source=f"{EVENTS}#asyncio.loop.add_signal_handler",
    on="asyncio",
    posix=True,
    expect=["the later handler", "in a thread: refused", "SIGKILL: refused"],
)
async def handlers_of_signals(trace: Trace) -> None:
    """The handler that was added last for a signal is called; only the main thread may add one, and not for any signal."""
    events, called = asyncio.get_running_loop(), asyncio.Event()

    def add(words: str, number: signal.Signals) -> None:
        try:
            events.add_signal_handler(number, trace, words, "called")
            trace(words, "added")
        except (RuntimeError, ValueError):  # which of them, depends on the signal
            trace(words, "refused")

    try:
        events.add_signal_handler(signal.SIGUSR1, trace, "the handler before")
        events.add_signal_handler(signal.SIGUSR1, lambda: (trace("the later handler"), called.set()))
        signal.raise_signal(signal.SIGUSR1)
        await called.wait()
    finally:
        events.remove_signal_handler(signal.SIGUSR1)
    await asyncio.to_thread(add, "in a thread:", signal.SIGUSR1)
    add("SIGKILL:", signal.SIGKILL)


@clause(
    "SCHED-26",
    source="Lib/asyncio/unix_events.py",
    on="asyncio",
    level="should",
    posix=True,
    expect=["SIGUSR1 closed: as by default", "SIGINT removed: interrupts"],
)
def signals_after_their_handlers(trace: Trace, loop: Loop) -> None:
    """A closed loop handles no signals any more, and when its handler of SIGINT is gone that interrupts again."""
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGINT)}
    events = loop.options()["loop_factory"]()

    async def interrupts_again() -> bool:
        events.add_signal_handler(signal.SIGUSR1, trace, "called")
        events.add_signal_handler(signal.SIGINT, trace, "called")
        events.remove_signal_handler(signal.SIGINT)
        return signal.getsignal(signal.SIGINT) is signal.default_int_handler

    try:
        interrupts = events.run_until_complete(interrupts_again())
        events.close()
        default = signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
        trace("SIGUSR1 closed:", "as by default" if default else "still handled")
        trace("SIGINT removed:", "interrupts" if interrupts else "does not interrupt")
    finally:
        events.close()
        for number, handler in before.items():
            signal.signal(number, handler)


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
    expect=["ValueError: the same object True, raised in fail", "SystemExit: the same object True, raised in fail"],
)
async def errors_from_threads(trace: Trace) -> None:
    """What a function in a thread raises comes out as that object, with the traceback down to where it was raised."""

    def fail(error: BaseException) -> None:
        raise error

    for error in ValueError("v"), SystemExit(3):
        try:
            await asyncio.get_running_loop().run_in_executor(None, fail, error)
            trace(type(error), "is lost")
        except (ValueError, SystemExit) as caught:
            place = traceback.extract_tb(caught.__traceback__)[-1].name
            trace(f"{type(caught).__name__}: the same object", f"{caught is error}, raised in {place}")


@clause(
    "SCHED-35",
    source=f"{EVENTS}#asyncio.loop.call_soon_threadsafe",
    on="asyncio",
    expect=["reported: callback", "woken", "reported: task", "woken"],
)
async def threads_wake_a_loop_that_has_seen_errors(trace: Trace) -> None:
    """A thread wakes a loop that waits also after the error of a callback or of a task was reported."""
    events = asyncio.get_running_loop()

    def fail() -> None:
        raise ValueError("callback")

    async def fail_later() -> None:
        raise ValueError("task")

    events.set_exception_handler(lambda _, context: trace("reported:", context["exception"].args[0]))
    for schedule in partial(events.call_soon, fail), lambda: asyncio.ensure_future(fail_later()):
        schedule()
        for _ in range(3):
            await checkpoint()
        gc.collect()  # so that the task is reported
        await asyncio.to_thread(time.sleep, 0.01)  # so that the loop has begun to wait
        trace("woken")
