"""Cancelling: what enter, body and exit see when the task or the scope around them is cancelled, and how the task ends.

There are two kinds. `task.cancel()` of asyncio throws once, where the task waits (edge). The cancel scopes of trio
and of anyio, on all loops, make every await fail until the scope is left (level).
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import math
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from anyio.lowlevel import checkpoint

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

from asyncwith import Logged, Trace, by_loop, by_version, chain, clause

TASK = "library/asyncio-task.html#task-cancellation"
CANCEL = "library/asyncio-task.html#asyncio.Task.cancel"
UNCANCEL = "library/asyncio-task.html#asyncio.Task.uncancel"
SCOPES = "anyio cancellation.html; trio reference-core.html#cancellation-semantics"
SHIELDING = "anyio cancellation.html#shielding; trio reference-core.html#trio.CancelScope.shield"
ASYNC_WITH = "reference/compound_stmts.html#async-with"


async def cancel_scope_amid(work: Callable[[anyio.Event], Coroutine[Any, Any, None]]) -> anyio.CancelScope:
    """Run `work(waits)` in a scope, cancel the scope once the work has set `waits` and is suspended; return the
    scope.
    """
    waits = anyio.Event()
    scope = anyio.CancelScope()

    async def worker() -> None:
        with scope:
            await work(waits)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker)
        await waits.wait()
        scope.cancel()
    return scope


async def cancel_task_amid(work: Callable[[asyncio.Event], Coroutine[Any, Any, object]]) -> asyncio.Task[object]:
    """Run `work(waits)` in a task, cancel the task once the work has set `waits` and is suspended; return it when it is
    done.
    """
    waits = asyncio.Event()
    task = asyncio.create_task(work(waits))
    await waits.wait()
    task.cancel()
    await asyncio.wait([task])
    return task


def end(task: asyncio.Task[Any]) -> str:
    """Say how a task ended."""
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return f"returned {task.result()!r}" if error is None else f"failed with {chain(error)}"


def in_asyncio() -> bool:
    """Tell whether the loop that runs is of asyncio's kind."""
    return asyncio._get_running_loop() is not None


def requests(task: asyncio.Task[Any]) -> str:
    """Say how many requests to cancel the task counts, where it counts them."""
    return f"requests {task.cancelling()}" if sys.version_info >= (3, 11) else "requests not counted"


class Waits:
    """A manager whose enter or exit sets `event`, waits for ever and traces what ends the wait."""

    def __init__(self, trace: Trace, event: anyio.Event | asyncio.Event, *, at: str) -> None:
        self.trace = trace
        self.event = event
        self.at = at

    async def __aenter__(self) -> None:
        if self.at == "enter":
            await self.wait()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.trace("exit waits", *([] if error is None else ["with", error]))
        if self.at == "exit":
            await self.wait()

    async def wait(self) -> None:
        self.event.set()
        try:
            await anyio.Event().wait()
        except BaseException as error:
            self.trace(self.at, "sees", error)
            raise


class LoggedExit(Logged):
    """A manager that traces only its exit."""

    async def __aenter__(self) -> object:
        return self


# Where a cancellation arrives


@clause(
    "CANC-01",
    source=f"{SCOPES}; {TASK}",
    expect=["enter a", "enter sees Cancelled", "exit a with Cancelled", "caught True"],
)
async def cancelled_while_entering(trace: Trace) -> None:
    """A cancellation that comes while `__aenter__` waits is raised at that await; neither the body nor that manager's
    exit runs.
    """

    async def work(waits: anyio.Event) -> None:
        async with Logged(trace, "a"), Waits(trace, waits, at="enter"):
            trace("body")

    scope = await cancel_scope_amid(work)
    trace("caught", scope.cancelled_caught)


@clause(
    "CANC-02",
    source=f"{SCOPES}; {TASK}",
    expect=["enter", "body sees Cancelled", "exit with Cancelled", "the same True", "caught True"],
)
async def cancelled_in_the_body(trace: Trace) -> None:
    """A cancellation that comes while the body waits is raised there, and the exit is given that very exception."""
    seen: list[BaseException] = []

    class Manager:
        async def __aenter__(self) -> None:
            trace("enter")

        async def __aexit__(self, kind: object, error: BaseException, traceback: object) -> None:
            trace("exit with", error)
            trace("the same", error is seen[0] and kind is type(error))

    async def work(waits: anyio.Event) -> None:
        async with Manager():
            try:
                waits.set()
                await anyio.Event().wait()
            except BaseException as error:
                seen.append(error)
                trace("body sees", error)
                raise

    scope = await cancel_scope_amid(work)
    trace("caught", scope.cancelled_caught)


@clause(
    "CANC-03",
    source=f"{SCOPES}; {TASK}",
    expect=["enter a", "body", "exit waits", "exit sees Cancelled", "exit a with Cancelled", "caught True"],
)
async def cancelled_while_exiting(trace: Trace) -> None:
    """A cancellation that comes while an exit waits after a good body is raised at its await; the outer exits are given
    it.
    """

    async def work(waits: anyio.Event) -> None:
        async with Logged(trace, "a"), Waits(trace, waits, at="exit"):
            trace("body")

    scope = await cancel_scope_amid(work)
    trace("caught", scope.cancelled_caught)


EVERY_AWAIT = [
    "1: nothing",
    "2: nothing",
    "3: enter m, exit m with Cancelled",
    "4: enter m, body, exit m with Cancelled",
    "5: enter m, body, body",
    "6: enter m, body, body",
    "7: enter m, body, body, exit m",
]


@clause("CANC-04", source=f"{SCOPES}; {ASYNC_WITH}", expect=EVERY_AWAIT)
async def no_gap_between_enter_and_exit(trace: Trace) -> None:
    """Whichever await a scope's cancellation hits, a manager that was entered begins its exit, and one that was not
    does not.
    """

    async def cancelled(scope: anyio.CancelScope) -> None:
        scope.cancel()
        await checkpoint()

    for hit in range(1, 8):
        lines = Trace()
        with anyio.CancelScope() as scope:
            await enter_body_exit(lines, hit, partial(cancelled, scope))
        trace(f"{hit}:", ", ".join(lines.lines) or "nothing")


@clause("CANC-60", source=f"{TASK}; {ASYNC_WITH}", on="asyncio", expect=EVERY_AWAIT)
async def no_gap_when_the_task_is_cancelled(trace: Trace) -> None:
    """Whichever await `task.cancel()` hits, a manager that was entered begins its exit, and one that was not does
    not.
    """

    async def cancelled() -> None:
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
        await asyncio.Event().wait()

    for hit in range(1, 8):
        lines = Trace()
        await asyncio.wait([asyncio.create_task(enter_body_exit(lines, hit, cancelled))])
        trace(f"{hit}:", ", ".join(lines.lines) or "nothing")


async def enter_body_exit(trace: Trace, hit: int, cancelled: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Enter and leave one manager with two awaits in each of enter, body and exit, of which number `hit` is
    `cancelled`.
    """
    awaits = itertools.count(1)

    async def step() -> None:
        await (cancelled() if next(awaits) == hit else checkpoint())

    class Manager(Logged):
        async def __aenter__(self) -> object:
            await step()
            await step()
            return await super().__aenter__()

        async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> object:
            if error is None:
                await step()
                await step()
            return await super().__aexit__(kind, error, traceback)

    async with Manager(trace, "m"):
        await step()
        trace("body")
        await step()
        trace("body")


@clause(
    "CANC-61",
    source=CANCEL,
    on="asyncio",
    expect=[
        "cancel True",
        "the caller goes on",
        "exit m with Cancelled",
        "a callback scheduled after cancel()",
        "cancelled",
    ],
)
async def cancelled_on_the_next_cycle(trace: Trace) -> None:
    """`task.cancel()` throws nothing by itself; the exception comes on the loop's next cycle, in turn with callbacks of
    that cycle.
    """

    async def work() -> None:
        async with LoggedExit(trace, "m"):
            waits.set()
            await asyncio.get_running_loop().create_future()

    waits = asyncio.Event()
    task = asyncio.create_task(work())
    await waits.wait()
    trace("cancel", task.cancel())
    asyncio.get_running_loop().call_soon(trace, "a callback scheduled after cancel()")
    trace("the caller goes on")
    await asyncio.wait([task])
    trace(end(task))


@clause(
    "CANC-74",
    source=CANCEL,
    on="asyncio",
    level="should",
    expect=["exit m with Cancelled", "a callback behind it", "cancelled"],
)
async def a_task_in_the_queue_is_cancelled_in_its_turn(trace: Trace) -> None:
    """A task whose turn is to come, as it only let the others run, is cancelled in that turn."""

    async def work() -> None:
        async with LoggedExit(trace, "m"):
            for _ in range(5):
                await asyncio.sleep(0)

    task = asyncio.create_task(work())
    await checkpoint()
    asyncio.get_running_loop().call_soon(trace, "a callback behind it")
    task.cancel()
    await asyncio.wait([task])
    trace(end(task))


@clause(
    "CANC-62",
    source=f"{CANCEL}; {UNCANCEL}",
    on="asyncio",
    expect=[
        "enter m",
        "cancel True",
        "cancel True",
        "exit m with Cancelled",
        "cancelled",
        by_version({"3.10": "requests not counted", "3.11": "requests 2"}),
    ],
)
async def two_requests_before_delivery_are_one_exception(trace: Trace) -> None:
    """Cancelling a task again before the first request was delivered throws one exception, not two; both requests are
    counted.
    """

    async def work() -> None:
        async with Logged(trace, "m", suspends=3):
            waits.set()
            await asyncio.Event().wait()

    waits = asyncio.Event()
    task = asyncio.create_task(work())
    await waits.wait()
    trace("cancel", task.cancel())
    trace("cancel", task.cancel())
    await asyncio.wait([task])
    trace(end(task))
    trace(requests(task))


@clause(
    "CANC-63",
    source=TASK,
    on="asyncio",
    expect=[
        f"{wait}: exit m with Cancelled, cancelled"
        for wait in [
            "future",
            "sleep",
            "event",
            "condition",
            "lock",
            "semaphore",
            "queue",
            "put",
            "task",
            "gather",
            "wait",
            "wait_for",
            "shield",
            "thread",
        ]
    ],
)
async def every_wait_of_asyncio_can_be_cancelled(trace: Trace) -> None:
    """`task.cancel()` ends every kind of wait of asyncio, and reaches the exit of the manager around it."""
    loop = asyncio.get_running_loop()
    lock, condition, full = asyncio.Lock(), asyncio.Condition(), asyncio.Queue[int](1)
    thread_may_end = threading.Event()
    full.put_nowait(1)
    await lock.acquire()
    await condition.acquire()

    async def ever() -> None:
        await asyncio.Event().wait()

    waits = {
        "future": lambda: loop.create_future(),
        "sleep": lambda: asyncio.sleep(3600),
        "event": lambda: asyncio.Event().wait(),
        "condition": lambda: condition.wait(),
        "lock": lambda: lock.acquire(),
        "semaphore": lambda: asyncio.Semaphore(0).acquire(),
        "queue": lambda: asyncio.Queue[int]().get(),
        "put": lambda: full.put(2),
        "task": lambda: asyncio.create_task(ever()),
        "gather": lambda: asyncio.gather(ever(), ever()),
        "wait": lambda: asyncio.wait([loop.create_future()]),
        "wait_for": lambda: asyncio.wait_for(ever(), 3600),
        "shield": lambda: asyncio.shield(loop.create_future()),
        "thread": lambda: loop.run_in_executor(None, thread_may_end.wait),
    }

    async def work(lines: Trace, wait: Callable[[], Any], started: asyncio.Event) -> None:
        async with LoggedExit(lines, "m"):
            started.set()
            await wait()

    for name, wait in waits.items():
        lines = Trace()
        task = await cancel_task_amid(partial(work, lines, wait))
        trace(f"{name}:", ", ".join([*lines.lines, end(task)]))
    thread_may_end.set()


@clause(
    "CANC-64",
    source=SCOPES,
    expect=[
        f"{wait}: exit m with Cancelled, caught True"
        for wait in [
            "checkpoint",
            "sleep",
            "for ever",
            "event",
            "condition",
            "lock",
            "semaphore",
            "limiter",
            "receive",
            "send",
            "thread",
        ]
    ],
)
async def every_wait_of_anyio_can_be_cancelled(trace: Trace) -> None:
    """A cancelled scope ends every kind of wait, and reaches the exit of the manager around it."""
    lock, condition, limiter, thread_may_end = (
        anyio.Lock(),
        anyio.Condition(),
        anyio.CapacityLimiter(1),
        threading.Event(),
    )
    full, receive = anyio.create_memory_object_stream[int](0)

    async def wait_for_notice() -> None:
        async with condition:
            await condition.wait()

    waits: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "checkpoint": checkpoint,
        "sleep": lambda: anyio.sleep(3600),
        "for ever": anyio.sleep_forever,
        "event": lambda: anyio.Event().wait(),
        "condition": wait_for_notice,
        "lock": lock.acquire,
        "semaphore": lambda: anyio.Semaphore(0).acquire(),
        "limiter": limiter.acquire,
        "receive": receive.receive,
        "send": lambda: full.send(1),
        "thread": lambda: anyio.to_thread.run_sync(thread_may_end.wait, abandon_on_cancel=True),
    }
    await lock.acquire()
    await limiter.acquire_on_behalf_of(object())

    async def work(lines: Trace, wait: Callable[[], Any], started: anyio.Event) -> None:
        async with LoggedExit(lines, "m"):
            started.set()
            while True:  # one checkpoint may be over before the cancellation
                await wait()

    for name, wait in waits.items():
        lines = Trace()
        scope = await cancel_scope_amid(partial(work, lines, wait))
        trace(f"{name}:", ", ".join([*lines.lines, f"caught {scope.cancelled_caught}"]))
    thread_may_end.set()
    full.close()
    receive.close()


@clause(
    "CANC-20",
    source=f"{SCOPES}; PEP 492",
    expect=["exit waits", "exit sees Cancelled", "exit b with Cancelled", "exit a with Cancelled"],
)
async def only_the_suspended_exit_is_interrupted(trace: Trace) -> None:
    """Of nested managers only the exit that is suspended has the cancellation thrown into it; the others get it as
    their argument, inside out.
    """

    async def work(waits: anyio.Event) -> None:
        async with LoggedExit(trace, "a"), LoggedExit(trace, "b"), Waits(trace, waits, at="exit"):
            pass

    await cancel_scope_amid(work)


@clause(
    "CANC-32",
    source=TASK,
    on="asyncio",
    expect=["enter parent", "enter child", "exit child with Cancelled", "exit parent with Cancelled", "cancelled"],
)
async def cancelling_goes_inward_first(trace: Trace) -> None:
    """Cancelling a task that awaits another one cancels that one first: the child's exit runs before the parent's."""

    async def child(waits: asyncio.Event) -> None:
        async with Logged(trace, "child", suspends=2):
            waits.set()
            await asyncio.Event().wait()

    async def parent(waits: asyncio.Event) -> None:
        async with Logged(trace, "parent"):
            await asyncio.create_task(child(waits))

    trace(end(await cancel_task_amid(parent)))


@clause(
    "CANC-31",
    source="library/asyncio-task.html#asyncio.gather",
    on="asyncio",
    expect=["exit a with Cancelled", "exit b with Cancelled", "exit parent with Cancelled", "cancelled"],
)
async def cancelling_gather_cancels_all_children(trace: Trace) -> None:
    """Cancelling a task that awaits `gather()` cancels every child, whose exits all run before the parent's."""

    async def child(name: str, waits: asyncio.Event) -> None:
        async with LoggedExit(trace, name):
            waits.set()
            await asyncio.Event().wait()

    async def parent(waits: asyncio.Event) -> None:
        async with LoggedExit(trace, "parent"):
            a_waits = asyncio.Event()
            await asyncio.gather(child("a", a_waits), child("b", waits))

    trace(end(await cancel_task_amid(parent)))


@clause(
    "CANC-65",
    source="library/asyncio-task.html#awaitables; library/asyncio-task.html#asyncio.Task.cancelled",
    on="asyncio",
    expect=[
        "enter m",
        "exit m with Cancelled",
        "awaiter sees Cancelled",
        by_version({"3.10": "requests not counted", "3.11": "requests 0"}),
        "child cancelled",
    ],
)
async def awaiting_a_cancelled_task(trace: Trace) -> None:
    """Whoever awaits a task that was cancelled sees the cancellation, but was not cancelled itself."""

    async def child() -> None:
        async with Logged(trace, "m"):
            asyncio.current_task().cancel()
            await asyncio.sleep(0)
            trace("not reached")

    task = asyncio.create_task(child())
    try:
        await task
    except BaseException as error:
        trace("awaiter sees", error)
    await asyncio.sleep(0)
    trace(requests(asyncio.current_task()))
    trace("child", end(task))


@clause(
    "CANC-66",
    source="library/asyncio-future.html#asyncio.Future.cancel",
    on="asyncio",
    expect=[
        "cancel True",
        "exit m with Cancelled",
        "goes on",
        by_version({"3.10": "requests not counted", "3.11": "requests 0"}),
        "returned None",
    ],
)
async def a_cancelled_future_does_not_cancel_its_waiter(trace: Trace) -> None:
    """Cancelling the future that a task awaits raises the cancellation there; a manager may suppress it, as nobody
    asked the task to end.
    """

    async def work() -> None:
        async with LoggedExit(trace, "m", suppress=True):
            waits.set()
            await future
        await asyncio.sleep(0)
        trace("goes on")

    waits, future = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(work())
    await waits.wait()
    trace("cancel", future.cancel())
    await asyncio.wait([task])
    trace(requests(task))
    trace(end(task))


@clause(
    "CANC-67",
    source=CANCEL,
    level="should",
    on="asyncio",
    expect=["cancel True", "exit m with Cancelled", "cancelled", "future has 1"],
)
async def cancelled_between_result_and_wake_up(trace: Trace) -> None:
    """A task that is cancelled after what it awaits was done, but before it ran again, is still cancelled at that
    await.
    """

    async def work() -> None:
        async with LoggedExit(trace, "m"):
            waits.set()
            trace("result", await future)

    waits, future = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(work())
    await waits.wait()
    future.set_result(1)
    trace("cancel", task.cancel())
    await asyncio.wait([task])
    trace(end(task))
    trace("future has", future.result())


@clause(
    "CANC-68",
    source="library/asyncio-dev.html#asyncio-multithreading",
    on="asyncio",
    expect=["enter m", "exit m with Cancelled", "cancelled"],
)
async def cancelled_from_another_thread(trace: Trace) -> None:
    """`loop.call_soon_threadsafe(task.cancel)` in a thread wakes a loop that sleeps, and cancels."""

    async def work() -> None:
        async with Logged(trace, "m", suspends=1):
            thread.start()
            await asyncio.Event().wait()

    def cancel() -> None:
        time.sleep(0.02)  # until the loop sleeps in its selector: no event can tell that it does
        asyncio_loop.call_soon_threadsafe(task.cancel)

    asyncio_loop, thread = asyncio.get_running_loop(), threading.Thread(target=cancel)
    task = asyncio.create_task(work())
    await asyncio.wait([task])
    thread.join()
    trace(end(task))


@clause(
    "CANC-69",
    source=CANCEL,
    on="asyncio",
    expect=["cancelled exits of entered: 100 of 100", "untouched exits: 100", "cancelled 100", "returned 100"],
)
async def cancelling_some_of_many(trace: Trace) -> None:
    """Of two hundred tasks in managers exactly those that were cancelled leave with the cancellation, each once."""

    async def work() -> None:
        async with Logged(lines, "m", suspends=1):
            await release.wait()

    lines, release = Trace(), asyncio.Event()
    tasks = [asyncio.create_task(work()) for _ in range(200)]
    while lines.lines.count("enter m") < 200:
        await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    release.set()
    await asyncio.wait(tasks)
    trace(f"cancelled exits of entered: {lines.lines.count('exit m with Cancelled')} of 100")
    trace(f"untouched exits: {lines.lines.count('exit m')}")
    trace(f"cancelled {sum(task.cancelled() for task in tasks[::2])}")
    trace(f"returned {sum(not task.cancelled() for task in tasks[1::2])}")


@clause(
    "CANC-70",
    source=f"{SCOPES}; library/contextvars.html#asyncio-support",
    expect=["exit in the context of work", "its own variable work"],
)
async def exit_keeps_the_context(trace: Trace) -> None:
    """An exit that a cancellation causes runs in the context of its task, whoever cancelled and from wherever."""
    variable = contextvars.ContextVar("variable", default="outside")

    class Manager:
        async def __aenter__(self) -> None:
            variable.set("work")

        async def __aexit__(self, *args: object) -> None:
            trace("exit in the context of", variable.get())
            with anyio.CancelScope(shield=True):
                await checkpoint()
            trace("its own variable", variable.get())

    async def work(waits: anyio.Event) -> None:
        async with Manager():
            waits.set()
            await anyio.Event().wait()

    variable.set("canceller")
    await cancel_scope_amid(work)


# How often: edge and level


@clause(
    "CANC-05",
    source=f"{TASK}; anyio cancellation.html",
    on="asyncio",
    expect=["exit with Cancelled", "slept", "slept", "slept", "cancelled"],
)
async def a_task_is_cancelled_once(trace: Trace) -> None:
    """After `task.cancel()` was raised once, the awaits of an exit work as ever."""

    class SleepyExit:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, kind: object, error: BaseException, traceback: object) -> None:
            trace("exit with", error)
            await asyncio.sleep(0)
            trace("slept")
            await asyncio.sleep(0.001)
            trace("slept")
            await asyncio.create_task(asyncio.sleep(0))
            trace("slept")

    async def work(waits: asyncio.Event) -> None:
        async with SleepyExit():
            waits.set()
            await asyncio.Event().wait()

    trace(end(await cancel_task_amid(work)))


@clause(
    "CANC-06",
    source=SCOPES,
    expect=["exit with Cancelled", "await: Cancelled", "await: Cancelled", "await: Cancelled", "caught True"],
)
async def a_scope_cancels_every_await(trace: Trace) -> None:
    """Inside a cancelled scope every await of an exit raises again."""

    class SleepyExit:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, kind: object, error: BaseException, traceback: object) -> None:
            trace("exit with", error)
            for wait in (checkpoint, anyio.sleep_forever, anyio.Event().wait):
                try:
                    await wait()
                except BaseException as again:
                    trace("await:", again)

    async def work(waits: anyio.Event) -> None:
        async with SleepyExit():
            waits.set()
            await anyio.Event().wait()

    scope = await cancel_scope_amid(work)
    trace("caught", scope.cancelled_caught)


@clause(
    "CANC-11",
    source=f"{CANCEL}; {UNCANCEL}",
    on="asyncio",
    expect=[
        "exit waits with Cancelled",
        "cancel True",
        "exit sees Cancelled",
        "cancelled",
        by_version({"3.10": "requests not counted", "3.11": "requests 2"}),
    ],
)
async def a_second_cancel_interrupts_the_exit(trace: Trace) -> None:
    """A second `task.cancel()`, while the exit that the first one caused is suspended, is raised in that exit."""

    async def work() -> None:
        async with Waits(trace, exiting, at="exit"):
            waits.set()
            await asyncio.Event().wait()

    waits, exiting = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(work())
    await waits.wait()
    task.cancel()
    await exiting.wait()
    trace("cancel", task.cancel())
    await asyncio.wait([task])
    trace(end(task))
    trace(requests(task))


@clause(
    "CANC-35",
    source=CANCEL,
    level="should",
    on="asyncio",
    expect=["enter m", "exit m", "cancel False", "cancel False", "returned 7"],
)
async def cancelling_what_is_done(trace: Trace) -> None:
    """`cancel()` of a finished task changes nothing and returns False."""

    async def work() -> int:
        async with Logged(trace, "m", suspends=1):
            return 7

    task = asyncio.create_task(work())
    await asyncio.wait([task])
    trace("cancel", task.cancel())
    await asyncio.sleep(0)
    trace("cancel", task.cancel())
    trace(end(task))


@clause(
    "CANC-09",
    source=CANCEL,
    level="should",
    on="asyncio",
    expect=by_loop(asyncio=["cancelled"], trio=[], eager=["enter m", "exit m with Cancelled", "cancelled"]),
)
async def a_task_cancelled_before_it_started(trace: Trace) -> None:
    """A task that is cancelled before its first step never starts, so nothing is entered; an eager task has started
    already.
    """

    async def work() -> None:
        async with Logged(trace, "m"):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    task.cancel()
    await asyncio.wait([task])
    trace(end(task))


@clause(
    "CANC-10",
    source="anyio cancellation.html; trio reference-core.html#checkpoints",
    expect=["enter m", "body", "exit m with Cancelled", "caught True"],
)
async def a_child_cancelled_before_it_started(trace: Trace) -> None:
    """A child of a task group whose scope is cancelled before its first step still runs up to its first await."""

    async def child() -> None:
        async with Logged(trace, "m"):
            trace("body")
            await checkpoint()
            trace("not reached")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(child)
        tasks.cancel_scope.cancel()
    trace("caught", tasks.cancel_scope.cancelled_caught)


@clause("CANC-29", source=SCOPES, expect=["enter m", "exit m with Cancelled", "caught True"])
async def a_scope_cancelled_before_it_is_entered(trace: Trace) -> None:
    """A scope that was cancelled before it is entered cancels at the first await inside."""
    scope = anyio.CancelScope()
    scope.cancel()
    with scope:
        async with Logged(trace, "m"):
            await checkpoint()
            trace("not reached")
    trace("caught", scope.cancelled_caught)


@clause("CANC-24", source=SCOPES, expect=["exit m", "after", "called True", "caught False"])
async def cancelling_ones_scope_without_another_await(trace: Trace) -> None:
    """Who cancels its own scope and awaits nothing more exits normally and goes on; the scope has caught nothing."""
    with anyio.CancelScope() as scope:
        async with LoggedExit(trace, "m"):
            scope.cancel()
        trace("after")
    trace("called", scope.cancel_called)
    trace("caught", scope.cancelled_caught)


@clause("CANC-71", source=CANCEL, level="should", on="asyncio", expect=["cancel True", "exit m", "after", "cancelled"])
async def cancelling_oneself_without_another_await(trace: Trace) -> None:
    """A task that cancels itself and awaits nothing more runs to its end and exits normally, but ends as cancelled; its
    result is lost.
    """

    async def work() -> str:
        async with LoggedExit(trace, "m"):
            trace("cancel", asyncio.current_task().cancel())
        trace("after")
        return "lost"

    task = asyncio.create_task(work())
    await asyncio.wait([task])
    trace(end(task))


@clause("CANC-25", source=CANCEL, on="asyncio", expect=["exit waits", "exit sees Cancelled", "cancelled"])
async def cancelling_oneself_before_an_exit_that_awaits(trace: Trace) -> None:
    """A task that cancels itself in the body enters the exit normally, and is cancelled at the exit's first await."""

    async def work() -> None:
        async with Waits(trace, asyncio.Event(), at="exit"):
            asyncio.current_task().cancel()

    task = asyncio.create_task(work())
    await asyncio.wait([task])
    trace(end(task))


@clause(
    "CANC-26",
    source="library/asyncio-sync.html#asyncio.Lock; anyio synchronization.html; trio reference-core.html#checkpoints",
    level="should",
    expect=["anyio: Cancelled", by_loop(asyncio=["asyncio: acquired", "cancelled"], trio="trio: Cancelled")],
)
async def entering_a_free_lock_when_cancelled(trace: Trace) -> None:
    """Entering a free lock of anyio or trio is a checkpoint and so raises a pending cancellation; asyncio's does not
    suspend, and is acquired.
    """

    async def enter(name: str, lock: Any) -> None:
        try:
            async with lock:
                trace(f"{name}: acquired")
        except BaseException as error:
            trace(f"{name}:", error)
            raise

    async def enter_natively() -> None:
        asyncio.current_task().cancel()
        await enter("asyncio", asyncio.Lock())

    with anyio.CancelScope() as scope:
        scope.cancel()
        await enter("anyio", anyio.Lock())
    if in_asyncio():
        task = asyncio.create_task(enter_natively())
        await asyncio.wait([task])
        trace(end(task))
    else:
        import trio

        with trio.CancelScope() as native:
            native.cancel()
            await enter("trio", trio.Lock())


# What an exit may make of it


@clause(
    "CANC-07",
    source=TASK,
    on="asyncio",
    expect=[
        "enter m",
        "exit m with Cancelled",
        "goes on",
        "returned 7",
        by_version({"3.10": "requests not counted", "3.11": "requests 1"}),
    ],
)
async def an_exit_may_swallow_a_tasks_cancellation(trace: Trace) -> None:
    """An exit that returns true on `task.cancel()` swallows it: the task goes on and returns, though the request stays
    counted.
    """

    async def work(waits: asyncio.Event) -> int:
        async with Logged(trace, "m", suppress=True):
            waits.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        trace("goes on")
        return 7

    task = await cancel_task_amid(work)
    trace(end(task))
    trace(requests(task))


@clause(
    "CANC-08", source=SCOPES, expect=["enter m", "exit m with Cancelled", "goes on", "await: Cancelled", "caught True"]
)
async def an_exit_only_delays_a_scopes_cancellation(trace: Trace) -> None:
    """An exit that returns true on a scope's cancellation only delays it: the next await inside the scope raises
    again.
    """

    async def work(waits: anyio.Event) -> None:
        async with Logged(trace, "m", suppress=True):
            waits.set()
            await anyio.Event().wait()
        trace("goes on")
        try:
            await checkpoint()
        except BaseException as error:
            trace("await:", error)
            raise

    scope = await cancel_scope_amid(work)
    trace("caught", scope.cancelled_caught)


@clause("CANC-33", source=TASK, on="asyncio", expect=["enter m", "body sees Cancelled", "exit m", "returned 7"])
async def a_cancellation_caught_in_the_body(trace: Trace) -> None:
    """A cancellation that the body catches and keeps is unknown to the exit."""

    async def work(waits: asyncio.Event) -> int:
        async with Logged(trace, "m", suspends=1):
            try:
                waits.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                trace("body sees", error)
        return 7

    trace(end(await cancel_task_amid(work)))


@clause(
    "CANC-23",
    source=TASK,
    on="asyncio",
    expect=["enter m", "exit m with Cancelled", "failed with ValueError('v') <- Cancelled"],
)
async def an_exit_may_turn_a_tasks_cancellation_into_an_error(trace: Trace) -> None:
    """If an exit raises something else on `task.cancel()` the task fails with that, the cancellation as context."""

    async def work(waits: asyncio.Event) -> None:
        async with Logged(trace, "m", fails_exit=ValueError("v")):
            waits.set()
            await asyncio.Event().wait()

    trace(end(await cancel_task_amid(work)))


@clause(
    "CANC-30",
    source=SCOPES,
    expect=["enter m", "exit m with Cancelled", "left by ValueError('v') <- Cancelled", "caught False"],
)
async def an_exit_may_turn_a_scopes_cancellation_into_an_error(trace: Trace) -> None:
    """If an exit raises something else on a scope's cancellation, that leaves the scope, the cancellation as context;
    the scope has caught nothing.
    """
    scope = anyio.CancelScope()
    try:
        with scope:
            async with Logged(trace, "m", fails_exit=ValueError("v")):
                scope.cancel()
                await checkpoint()
    except ValueError as error:
        trace("left by", chain(error))
    trace("caught", scope.cancelled_caught)


@clause(
    "CANC-21",
    source="trio#455",
    level="informational",
    expect=["exit waits with ValueError('v')", "exit sees Cancelled", "caught True, and no error"],
)
async def an_error_is_lost_when_its_exit_is_cancelled(trace: Trace) -> None:
    """If a scope cancels the exit that handles an error of the body, the scope catches the cancellation and the error
    is gone without a trace.
    """

    async def work(waits: anyio.Event) -> None:
        async with Waits(trace, waits, at="exit"):
            raise ValueError("v")

    scope = await cancel_scope_amid(work)
    trace("caught", f"{scope.cancelled_caught}, and no error")


@clause(
    "CANC-22",
    source=TASK,
    on="asyncio",
    expect=[
        "exit waits with ValueError('v')",
        "exit sees Cancelled",
        "left by Cancelled <- ValueError('v')",
        "cancelled",
    ],
)
async def an_error_is_context_when_its_exit_is_cancelled(trace: Trace) -> None:
    """If a task is cancelled in the exit that handles an error of the body, the task ends cancelled and the error is
    only the context.
    """

    async def work(waits: asyncio.Event) -> None:
        try:
            async with Waits(trace, waits, at="exit"):
                raise ValueError("v")
        except BaseException as error:
            trace("left by", chain(error))
            raise

    trace(end(await cancel_task_amid(work)))


@clause(
    "CANC-27",
    source="library/asyncio-exceptions.html#asyncio.CancelledError; trio reference-core.html#trio.Cancelled",
    expect=by_loop(asyncio=["enter m", "exit m with Cancelled", "cancelled"], trio="TypeError"),
)
async def raising_a_cancellation_by_hand(trace: Trace) -> None:
    """A task of asyncio that raises `CancelledError` itself ends as cancelled; a `Cancelled` of trio cannot be made by
    hand.
    """

    async def work() -> None:
        async with Logged(trace, "m", suspends=1):
            raise asyncio.CancelledError

    if in_asyncio():
        task = asyncio.create_task(work())
        await asyncio.wait([task])
        trace(end(task))
    else:
        import trio

        try:
            trio.Cancelled()
        except TypeError as error:
            trace(type(error))


@clause(
    "CANC-73",
    source="Lib/asyncio/tasks.py",
    level="should",
    on="asyncio",
    expect=["exit m with Abandoned", "cancelled"],
)
async def a_kind_of_cancellation(trace: Trace) -> None:
    """A task that raises an instance of a subclass of `CancelledError` ends as cancelled, too."""

    class Abandoned(asyncio.CancelledError):
        pass

    async def work() -> None:
        try:
            raise Abandoned
        except asyncio.CancelledError as error:
            trace("exit m with", type(error))
            raise

    task = asyncio.create_task(work())
    await asyncio.wait([task])
    trace(end(task))


@clause(
    "CANC-19",
    source=CANCEL,
    on="asyncio",
    expect=["exit with ('why',)", by_version({"3.10": "awaiter sees ()", "3.11": "awaiter sees ('why',)"})],
)
async def the_message_of_a_cancellation(trace: Trace) -> None:
    """The message given to `task.cancel()` reaches the exit; from Python 3.11 on also whoever awaits the task."""

    class Manager:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, kind: object, error: BaseException, traceback: object) -> None:
            trace("exit with", error.args)

    async def work() -> None:
        async with Manager():
            waits.set()
            await asyncio.Event().wait()

    waits = asyncio.Event()
    task = asyncio.create_task(work())
    await waits.wait()
    task.cancel("why")
    try:
        await task
    except asyncio.CancelledError as error:
        trace("awaiter sees", error.args)


@clause(
    "CANC-12",
    source=UNCANCEL,
    versions=">=3.11",
    on="asyncio",
    expect=["exit sees 2", "uncancel 1", "uncancel 0", "uncancel 0", "cancelling 0", "returned 7"],
)
async def uncancelling(trace: Trace) -> None:
    """Each `cancel()` is counted by `cancelling()`; `uncancel()` takes one back and says how many are left, never less
    than none.
    """

    class Uncancels:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, *args: object) -> bool:
            task = asyncio.current_task()
            trace("exit sees", task.cancelling())
            for _ in range(3):
                trace("uncancel", task.uncancel())
            return True

    async def work() -> int:
        async with Uncancels():
            waits.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        trace("cancelling", asyncio.current_task().cancelling())
        return 7

    waits = asyncio.Event()
    task = asyncio.create_task(work())
    await waits.wait()
    task.cancel()
    task.cancel()
    await asyncio.wait([task])
    trace(end(task))


@clause(
    "CANC-13",
    source=f"{UNCANCEL}; gh-116720",
    versions=">=3.11",
    on="asyncio",
    expect=by_version(
        {
            "3.11": ["uncancel 0", "exit m with Cancelled", "cancelled"],
            "3.13": ["uncancel 0", "slept", "exit m", "returned None"],
        }
    ),
)
async def uncancelling_before_delivery(trace: Trace) -> None:
    """From Python 3.13 on `uncancel()` to none takes back a cancellation that was not yet delivered; before, it is
    delivered all the same.
    """

    async def work() -> None:
        async with LoggedExit(trace, "m"):
            task = asyncio.current_task()
            task.cancel()
            trace("uncancel", task.uncancel())
            await asyncio.sleep(0)
            trace("slept")

    task = asyncio.create_task(work())
    await asyncio.wait([task])
    trace(end(task))


# Shielding


@clause(
    "CANC-14",
    source="library/asyncio-task.html#asyncio.shield",
    on="asyncio",
    expect=["cleanup begins", "exit sees Cancelled", "cancelled", "cleanup ends"],
)
async def an_asyncio_shield_protects_only_what_is_inside(trace: Trace) -> None:
    """If a task is cancelled in an exit that awaits `asyncio.shield(cleanup())`, the exit is interrupted at once and
    the cleanup goes on alone.
    """

    async def cleanup() -> None:
        trace("cleanup begins")
        exiting.set()
        await release.wait()
        trace("cleanup ends")

    class Manager:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, *args: object) -> None:
            nonlocal inner
            inner = asyncio.create_task(cleanup())
            try:
                await asyncio.shield(inner)
            except BaseException as error:
                trace("exit sees", error)
                raise

    async def work() -> None:
        async with Manager():
            pass

    inner: asyncio.Task[None]
    exiting, release = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(work())
    await exiting.wait()
    task.cancel()
    await asyncio.wait([task])
    trace(end(task))
    release.set()
    await inner


@clause(
    "CANC-15",
    source=SHIELDING,
    expect=["exit with Cancelled", "cleaned up", "after the shield Cancelled", "caught True"],
)
async def a_shielded_scope_lets_an_exit_clean_up(trace: Trace) -> None:
    """Inside a shielded scope an exit may await although it is cancelled outside; the first await after the shield
    raises again.
    """

    class Manager:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, kind: object, error: BaseException, traceback: object) -> None:
            trace("exit with", error)
            with anyio.CancelScope(shield=True):
                await checkpoint()
                await anyio.sleep(0.001)
                trace("cleaned up")
            try:
                await checkpoint()
            except BaseException as again:
                trace("after the shield", again)

    async def work(waits: anyio.Event) -> None:
        async with Manager():
            waits.set()
            await anyio.Event().wait()

    scope = await cancel_scope_amid(work)
    trace("caught", scope.cancelled_caught)


@clause(
    "CANC-16",
    source="anyio cancellation.html",
    on="asyncio",
    expect=["exit m with Cancelled", "shield caught False", "cancelled"],
)
async def a_shield_does_not_stop_a_tasks_cancellation(trace: Trace) -> None:
    """`task.cancel()` of asyncio knows nothing of anyio's shields and goes through them."""

    async def work(waits: asyncio.Event) -> None:
        shield = anyio.CancelScope(shield=True)
        try:
            with shield:
                async with LoggedExit(trace, "m"):
                    waits.set()
                    await anyio.Event().wait()
        finally:
            trace("shield caught", shield.cancelled_caught)

    trace(end(await cancel_task_amid(work)))


@clause(
    "CANC-17",
    source=SHIELDING,
    expect=["exit with Cancelled", "cleanup sees Cancelled", "shield caught True", "exit goes on", "caught True"],
)
async def a_shield_with_a_deadline_bounds_the_cleanup(trace: Trace) -> None:
    """A shielded scope whose own deadline passes cancels the cleanup inside it, catches that, and the exit goes on."""

    class Manager:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, kind: object, error: BaseException, traceback: object) -> None:
            trace("exit with", error)
            with anyio.CancelScope(deadline=-math.inf, shield=True) as shield:
                try:
                    await anyio.Event().wait()
                except BaseException as expired:
                    trace("cleanup sees", expired)
                    raise
            trace("shield caught", shield.cancelled_caught)
            trace("exit goes on")

    async def work(waits: anyio.Event) -> None:
        async with Manager():
            waits.set()
            await anyio.Event().wait()

    scope = await cancel_scope_amid(work)
    trace("caught", scope.cancelled_caught)


@clause(
    "CANC-18", source=SHIELDING, expect=["shielded", "exit m with Cancelled", "inner caught False", "outer caught True"]
)
async def taking_the_shield_away(trace: Trace) -> None:
    """When the shield of a scope is taken away, a cancellation outside takes effect at the next await inside."""
    with anyio.CancelScope() as outer:
        try:
            with anyio.CancelScope(shield=True) as inner:
                async with LoggedExit(trace, "m"):
                    outer.cancel()
                    await checkpoint()
                    trace("shielded")
                    inner.shield = False
                    await anyio.Event().wait()
        finally:
            trace("inner caught", inner.cancelled_caught)
    trace("outer caught", outer.cancelled_caught)


# Whose cancellation it is


@clause(
    "CANC-28",
    source=SCOPES,
    expect=["exit m with Cancelled", "inner called False caught False", "outer called True caught True"],
)
async def a_scope_catches_only_its_own_cancellation(trace: Trace) -> None:
    """The cancellation of an outer scope passes through the inner one."""
    with anyio.CancelScope() as outer:
        with anyio.CancelScope() as inner:
            async with LoggedExit(trace, "m"):
                outer.cancel()
                await checkpoint()
        trace("not reached")
    trace("inner called", inner.cancel_called, "caught", inner.cancelled_caught)
    trace("outer called", outer.cancel_called, "caught", outer.cancelled_caught)


@clause(
    "CANC-72",
    source=SCOPES,
    expect=[
        "exit m with Cancelled",
        "inner called True caught True",
        "goes on",
        "exit n",
        "outer called False caught False",
    ],
)
async def an_inner_scope_ends_only_itself(trace: Trace) -> None:
    """The cancellation of an inner scope ends with it: what follows in the outer scope awaits as ever."""
    with anyio.CancelScope() as outer:
        async with LoggedExit(trace, "n"):
            with anyio.CancelScope() as inner:
                async with LoggedExit(trace, "m"):
                    inner.cancel()
                    await checkpoint()
            trace("inner called", inner.cancel_called, "caught", inner.cancelled_caught)
            for _ in range(3):
                await checkpoint()
            trace("goes on")
    trace("outer called", outer.cancel_called, "caught", outer.cancelled_caught)


@clause(
    "CANC-34",
    source="anyio tasks.html; trio reference-core.html#trio.Nursery",
    expect=["exit a with Cancelled", "left by ExceptionGroup[ValueError('v')]"],
)
async def a_failing_sibling_cancels_the_others(trace: Trace) -> None:
    """When a task of a group fails, the other tasks and the body are cancelled, and their exits run before the group
    raises.
    """

    async def waiting() -> None:
        async with LoggedExit(trace, "a"):
            waits.set()
            await anyio.Event().wait()

    async def failing() -> None:
        await waits.wait()
        raise ValueError("v")

    waits = anyio.Event()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waiting)
            tasks.start_soon(failing)
            await anyio.Event().wait()
    except BaseExceptionGroup as error:
        trace("left by", error)


@clause(
    "CANC-75",
    source=f"{CANCEL}; library/asyncio-task.html#asyncio.Task.cancelling",
    versions=">=3.11",
    on="asyncio",
    expect=["exit inner with Cancelled", "requests 1", "exit outer with Cancelled"],
)
async def the_awaited_task_is_cancelled_first(trace: Trace) -> None:
    """Cancelling a task that awaits another one cancels the other; the request is counted by the one that was asked."""

    async def inner() -> None:
        async with LoggedExit(trace, "inner"):
            waits.set()
            await asyncio.Event().wait()

    async def outer() -> None:
        async with LoggedExit(trace, "outer"):
            task = asyncio.create_task(inner())
            try:
                await task
            finally:
                if sys.version_info >= (3, 11):
                    trace("requests", asyncio.current_task().cancelling())  # type: ignore[union-attr] # it runs this

    waits = asyncio.Event()
    task = asyncio.create_task(outer())
    await waits.wait()
    task.cancel()
    await asyncio.wait([task])
