"""Concurrency: locks and their kin as managers, who gets them in which order, and what cancellation does to them.

A task that sets an event and then asks for a lock does both in one step. So whoever waited for the event knows that the
task now waits for the lock; the scenarios below rely on that instead of on time.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Loop, Names, Trace, any_order, by_loop, by_version, clause, describe

SYNC = "library/asyncio-sync.html"
LOCK = "library/asyncio-sync.html#asyncio.Lock"
SEMAPHORE = "library/asyncio-sync.html#asyncio.Semaphore"
CONDITION = "library/asyncio-sync.html#asyncio.Condition"
TRIO = "trio reference-core.html"
ANYIO = "anyio synchronization.html"


def native() -> Any:
    """Return the module with the running loop's own locks: asyncio or trio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import trio

        return trio
    return asyncio


@clause(
    "CONC-01",
    source=f"{LOCK}; {TRIO}; {ANYIO}",
    expect=[
        *["own Lock: bound None, held True", "after: held False", "after an error: held False"],
        *["own Condition: bound None, held True", "after: held False", "after an error: held False"],
        *["anyio's Lock: bound None, held True", "after: held False", "after an error: held False"],
        *["anyio's Condition: bound None, held True", "after: held False", "after an error: held False"],
    ],
)
async def a_lock_is_held_in_the_body(trace: Trace) -> None:
    """`async with` holds a lock during the body and gives it back however the body ends; `as` binds None."""
    own = native()
    for name, lock in (
        ("own Lock", own.Lock()),
        ("own Condition", own.Condition()),
        ("anyio's Lock", anyio.Lock()),
        ("anyio's Condition", anyio.Condition()),
    ):
        async with lock as value:
            trace(f"{name}: bound {value}, held", lock.locked())
        trace("after: held", lock.locked())
        try:
            async with lock:
                await checkpoint()
                raise ValueError("v")
        except ValueError:
            trace("after an error: held", lock.locked())


@clause(
    "CONC-02",
    source=f"{SEMAPHORE}; {TRIO}; {ANYIO}",
    level="should",
    expect=["own Semaphore: None", "anyio's Semaphore: itself"],
)
async def what_a_semaphore_binds(trace: Trace) -> None:
    """`as` binds None with the semaphores of asyncio and trio, and the semaphore itself with anyio's."""
    for name, semaphore in ("own Semaphore", native().Semaphore(1)), ("anyio's Semaphore", anyio.Semaphore(1)):
        async with semaphore as value:
            trace(f"{name}:", "itself" if value is semaphore else value)


@clause("CONC-03", source=f"{LOCK}; {TRIO}; {ANYIO}", expect=["own Lock: 0 1 2 3 4 5", "anyio's Lock: 0 1 2 3 4 5"])
async def waiters_come_in_turn(trace: Trace) -> None:
    """Tasks that wait for a lock get it in the order in which they began to wait."""
    for name, lock in ("own Lock", native().Lock()), ("anyio's Lock", anyio.Lock()):
        order: list[str] = []

        async def wait(number: int, waiting: anyio.Event, lock: anyio.Lock = lock, order: list[str] = order) -> None:
            waiting.set()
            async with lock:
                await checkpoint()
                order.append(str(number))

        async with anyio.create_task_group() as group, lock:
            for number in range(6):
                waiting = anyio.Event()
                group.start_soon(wait, number, waiting)
                await waiting.wait()
        trace(f"{name}:", *order)


@clause(
    "CONC-04",
    source=f"{LOCK}; {TRIO}; {ANYIO}",
    expect=[
        "own Lock: second has it",
        "held at the end: False",
        "anyio's Lock: second has it",
        "held at the end: False",
    ],
)
async def a_cancelled_waiter_leaves_the_queue(trace: Trace) -> None:
    """A task that is cancelled while it waits for a lock never gets it, and the next one is served instead."""

    async def wait(name: str, lock: anyio.Lock, scope: anyio.CancelScope, waiting: anyio.Event) -> None:
        with scope:
            waiting.set()
            async with lock:
                trace(name, "has it")

    for name, lock in ("own Lock:", native().Lock()), ("anyio's Lock:", anyio.Lock()):
        scopes = [anyio.CancelScope(), anyio.CancelScope()]
        async with anyio.create_task_group() as group:
            async with lock:
                for number, scope in zip(("first", "second"), scopes, strict=True):
                    waiting = anyio.Event()
                    group.start_soon(wait, f"{name} {number}", lock, scope, waiting)
                    await waiting.wait()
                scopes[0].cancel()
                await checkpoint()
        trace("held at the end:", lock.locked())


@clause(
    "CONC-05",
    source="bpo-27585; anyio#1145",
    expect=[
        "own Lock: second has it",
        "held at the end: False",
        "anyio's Lock: second has it",
        "held at the end: False",
    ],
)
async def a_waiter_cancelled_as_it_is_woken_passes_the_lock_on(trace: Trace) -> None:
    """If the next waiter is cancelled in the moment in which the lock is released for it, the one behind it gets
    the lock.
    """

    async def wait(name: str, lock: anyio.Lock, scope: anyio.CancelScope, waiting: anyio.Event) -> None:
        with scope:
            waiting.set()
            async with lock:
                await checkpoint()
                trace(name, "has it")

    for name, lock in ("own Lock:", native().Lock()), ("anyio's Lock:", anyio.Lock()):
        scopes = [anyio.CancelScope(), anyio.CancelScope()]
        async with anyio.create_task_group() as group:
            await lock.acquire()
            for number, scope in zip(("first", "second"), scopes, strict=True):
                waiting = anyio.Event()
                group.start_soon(wait, f"{name} {number}", lock, scope, waiting)
                await waiting.wait()
            lock.release()
            scopes[0].cancel()
        trace("held at the end:", lock.locked())


@clause(
    "CONC-06",
    source=LOCK,
    on="asyncio",
    level="should",
    expect=["outer", "still waiting: True", "held at the end: False"],
)
async def a_lock_of_asyncio_cannot_be_taken_twice(trace: Trace) -> None:
    """A task that asks again for the `asyncio.Lock` that it holds waits for itself; cancelled, it gives the lock
    back.
    """
    lock = asyncio.Lock()

    async def take_twice() -> None:
        async with lock:
            trace("outer")
            async with lock:
                trace("not reached")

    task = asyncio.create_task(take_twice())
    for _ in range(10):
        await asyncio.sleep(0)
    trace("still waiting:", not task.done())
    task.cancel()
    await asyncio.wait([task])
    trace("held at the end:", lock.locked())


@clause(
    "CONC-60",
    source=f"{TRIO}; {ANYIO}",
    expect=[
        by_loop(asyncio=[], trio=["outer", "trio's Lock: RuntimeError", "held at the end: False"]),
        *["outer", "anyio's Lock: RuntimeError", "held at the end: False"],
    ],
)
async def taking_a_lock_twice_is_an_error(trace: Trace) -> None:
    """A task that asks again for a lock of trio or anyio that it holds gets RuntimeError instead of waiting for
    itself.
    """
    own = native()
    locks = [("anyio's Lock:", anyio.Lock())]
    for name, lock in locks if own is asyncio else [("trio's Lock:", own.Lock()), *locks]:
        try:
            async with lock:
                trace("outer")
                async with lock:
                    trace("not reached")
        except RuntimeError as error:
            trace(name, type(error))
        trace("held at the end:", lock.locked())


@clause(
    "CONC-07",
    source=f"{LOCK}; {TRIO}; {ANYIO}",
    level="should",
    expect=[
        by_loop(asyncio="own Lock: released by another task", trio="own Lock: RuntimeError"),
        "anyio's Lock: RuntimeError",
    ],
)
async def who_may_release_a_lock(trace: Trace) -> None:
    """Any task may release an `asyncio.Lock`; locks of trio and anyio may be released only by the task that holds
    them.
    """

    async def release(name: str, lock: anyio.Lock) -> None:
        try:
            lock.release()
            trace(name, "released by another task")
        except RuntimeError as error:
            trace(name, type(error))

    for name, lock in ("own Lock:", native().Lock()), ("anyio's Lock:", anyio.Lock()):
        await lock.acquire()
        async with anyio.create_task_group() as group:
            group.start_soon(release, name, lock)
        if lock.locked():
            lock.release()


@clause(
    "CONC-08",
    source=f"{LOCK}; {TRIO}; {ANYIO}",
    expect=["own Lock: body done", "own Lock: RuntimeError", "anyio's Lock: body done", "anyio's Lock: RuntimeError"],
)
async def exit_releases_what_the_body_released(trace: Trace) -> None:
    """If the body released the lock already, the exit finds nothing to release and raises RuntimeError."""
    for name, lock in ("own Lock:", native().Lock()), ("anyio's Lock:", anyio.Lock()):
        try:
            async with lock:
                lock.release()
                trace(name, "body done")
        except RuntimeError as error:
            trace(name, type(error))


@clause(
    "CONC-09",
    source="bpo-45997",
    expect=[
        f"{kind}: waiter, then releaser" for kind in ("own Lock", "own Semaphore", "anyio's Lock", "anyio's Semaphore")
    ],
)
async def nobody_jumps_the_queue(trace: Trace) -> None:
    """A task that releases a lock or a semaphore and asks for it again at once comes behind those who waited
    already.
    """
    own = native()
    for name, lock in (
        ("own Lock", own.Lock()),
        ("own Semaphore", own.Semaphore(1)),
        ("anyio's Lock", anyio.Lock()),
        ("anyio's Semaphore", anyio.Semaphore(1)),
    ):
        order: list[str] = []
        waiting = anyio.Event()

        async def wait(lock: Any = lock, order: list[str] = order, waiting: anyio.Event = waiting) -> None:
            waiting.set()
            async with lock:
                order.append("waiter")

        async with anyio.create_task_group() as group:
            async with lock:
                group.start_soon(wait)
                await waiting.wait()
            async with lock:
                order.append("releaser")
        trace(f"{name}:", ", then ".join(order))


@clause(
    "CONC-10", source="Lib/asyncio/locks.py", on="asyncio", level="should", expect=["in Lock", "in Semaphore", "other"]
)
async def a_free_lock_of_asyncio_does_not_suspend(trace: Trace) -> None:
    """Taking and giving back a lock or semaphore of asyncio that nobody holds lets no other task run."""
    events, other = asyncio.get_running_loop(), asyncio.Event()
    events.call_soon(lambda: (trace("other"), other.set()))
    async with asyncio.Lock():
        trace("in Lock")
    async with asyncio.Semaphore(1):
        trace("in Semaphore")
    await other.wait()


@clause(
    "CONC-61",
    source=f"{TRIO}; {ANYIO}",
    expect=["anyio's Lock: Cancelled", "held: False", "anyio's Semaphore: Cancelled", "one can take it: True"],
)
async def a_free_lock_of_anyio_is_a_checkpoint(trace: Trace) -> None:
    """Taking a lock or semaphore of anyio is a checkpoint also when it is free: a cancelled task does not get it."""
    lock, semaphore = anyio.Lock(), anyio.Semaphore(1)
    for name, manager in ("anyio's Lock:", lock), ("anyio's Semaphore:", semaphore):
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                async with manager:
                    trace("not reached")
            except BaseException as error:
                trace(name, error)
                raise
        if manager is lock:
            trace("held:", lock.locked())
        else:
            trace("one can take it:", semaphore.value == 1)


@clause(
    "CONC-11",
    source=f"{SYNC}#asyncio.BoundedSemaphore; {ANYIO}",
    expect=[
        "own bounded: ValueError",
        "anyio's bounded: ValueError",
        "own unbounded: taken twice",
        "anyio's unbounded: taken twice",
    ],
)
async def a_bounded_semaphore_refuses_what_is_too_much(trace: Trace) -> None:
    """Releasing a bounded semaphore above its bound is a ValueError; one without a bound grows."""
    own = native()
    bounded = asyncio.BoundedSemaphore(1) if own is asyncio else own.Semaphore(1, max_value=1)
    for name, semaphore in ("own bounded:", bounded), ("anyio's bounded:", anyio.Semaphore(1, max_value=1)):
        async with semaphore:
            pass
        try:
            semaphore.release()
        except ValueError as error:
            trace(name, type(error))
    for name, semaphore in ("own unbounded:", own.Semaphore(1)), ("anyio's unbounded:", anyio.Semaphore(1)):
        semaphore.release()
        async with semaphore, semaphore:
            trace(name, "taken twice")


@clause(
    "CONC-12",
    source="gh-90155",
    on="asyncio",
    expect=["acquired: c d", "cancelled: a b", "a permit is left: True"],
)
async def cancelled_acquirers_lose_no_permits(trace: Trace) -> None:
    """Permits released just before the tasks that they were meant for are cancelled go to the next ones and are
    not lost.
    """
    semaphore = asyncio.Semaphore(0)
    acquired = []

    async def acquire(name: str) -> None:
        await semaphore.acquire()
        acquired.append(name)

    tasks = {name: asyncio.create_task(acquire(name)) for name in "abcd"}
    await asyncio.sleep(0)
    for _ in range(3):
        semaphore.release()
    tasks["a"].cancel()
    tasks["b"].cancel()
    await asyncio.wait(tasks.values())
    trace("acquired:", *acquired)
    trace("cancelled:", *(name for name, task in tasks.items() if task.cancelled()))
    trace("a permit is left:", not semaphore.locked())


@clause(
    "CONC-13",
    source=f"{CONDITION}; {TRIO}; {ANYIO}",
    expect=[
        *["own: waiting, held False", "own: Cancelled in wait, held True", "own: afterwards, held False"],
        *["anyio's: waiting, held False", "anyio's: Cancelled in wait, held True", "anyio's: afterwards, held False"],
    ],
)
async def a_cancelled_wait_takes_the_lock_back(trace: Trace) -> None:
    """A task that is cancelled while it waits for a condition holds the lock again when the cancellation comes out."""

    async def wait(name: str, condition: Any, scope: anyio.CancelScope, waiting: anyio.Event) -> None:
        with scope:
            async with condition:
                waiting.set()
                try:
                    await condition.wait()
                except BaseException as error:
                    trace(name, error, f"in wait, held {condition.locked()}")
                    raise

    for name, condition in ("own:", native().Condition()), ("anyio's:", anyio.Condition()):
        scope, waiting = anyio.CancelScope(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(wait, name, condition, scope, waiting)
            await waiting.wait()
            trace(name, "waiting, held", condition.locked())
            scope.cancel()
        trace(name, "afterwards, held", condition.locked())


@clause(
    "CONC-15",
    source="gh-111693",
    on="asyncio",
    level="should",
    expect=["still waiting for the lock: True", by_version({"3.10": "()", "3.13": "('second',)"})],
)
async def the_last_cancellation_of_a_wait_comes_out(trace: Trace) -> None:
    """If a wait for a condition is cancelled once more while it takes the lock back, the later message comes out
    (3.13+).
    """
    condition, waiting = asyncio.Condition(), asyncio.Event()

    async def wait() -> None:
        async with condition:
            waiting.set()
            try:
                await condition.wait()
            except asyncio.CancelledError as error:
                trace(repr(error.args))
                raise

    task = asyncio.create_task(wait())
    await waiting.wait()
    async with condition:
        task.cancel("first")
        for _ in range(5):
            await asyncio.sleep(0)
        trace("still waiting for the lock:", not task.done())
        task.cancel("second")
        for _ in range(5):
            await asyncio.sleep(0)
    await asyncio.wait([task])


@clause(
    "CONC-16",
    source="library/asyncio-sync.html#asyncio.Barrier",
    on="asyncio",
    versions=">=3.11",
    expect=["waiting: 2", "places: 0 1 2", "broken: False", "once more: 0 1 2"],
)
async def a_barrier_binds_a_place(trace: Trace) -> None:
    """`async with barrier` waits until all parties are there and binds to each a place of its own; then it serves
    again.
    """
    barrier = asyncio.Barrier(3)

    async def party() -> int:
        async with barrier as place:
            return place

    early = [asyncio.create_task(party()) for _ in range(2)]
    for _ in range(5):
        await asyncio.sleep(0)
    trace("waiting:", barrier.n_waiting)
    trace("places:", *sorted(await asyncio.gather(*early, party())))
    trace("broken:", barrier.broken)
    trace("once more:", *sorted(await asyncio.gather(party(), party(), party())))


@clause(
    "CONC-17",
    source="bpo-34793",
    expect=[
        by_version({"3.10": f"{kind}: AttributeError", "3.11": f"{kind}: TypeError"})
        for kind in ("own Lock", "own Semaphore", "own Condition", "anyio's Lock", "anyio's Semaphore")
    ],
)
async def locks_are_no_plain_managers(trace: Trace) -> None:
    """A plain `with` refuses the locks of every loop."""
    own = native()
    for name, lock in (
        ("own Lock:", own.Lock()),
        ("own Semaphore:", own.Semaphore(1)),
        ("own Condition:", own.Condition()),
        ("anyio's Lock:", anyio.Lock()),
        ("anyio's Semaphore:", anyio.Semaphore(1)),
    ):
        try:
            with lock:
                trace("not reached")
        except (AttributeError, TypeError) as error:
            trace(name, type(error))


@clause(
    "CONC-18",
    source=f"{ANYIO}; {TRIO}",
    expect=["borrowed 1", "RuntimeError", "borrowed 1", "afterwards borrowed 0"],
)
async def a_task_borrows_one_token(trace: Trace) -> None:
    """A task can borrow one token of a capacity limiter, not a second; the exit gives it back."""
    limiter = anyio.CapacityLimiter(2)
    async with limiter:
        trace("borrowed", int(limiter.borrowed_tokens))
        try:
            async with limiter:
                trace("not reached")
        except RuntimeError as error:
            trace(type(error))
        trace("borrowed", int(limiter.borrowed_tokens))
    trace("afterwards borrowed", int(limiter.borrowed_tokens))


@clause(
    "CONC-19",
    source="Lib/asyncio/mixins.py",
    on="asyncio",
    level="should",
    expect=[
        "first run: both had it",
        "second run, free: had it",
        "second run, held: RuntimeError",
        "bound to another loop: True",
    ],
)
def a_lock_belongs_to_the_loop_that_waited_for_it(trace: Trace, loop: Loop) -> None:
    """Once a task had to wait for a lock of asyncio, the lock is bound to that loop: waiting in another is
    RuntimeError.
    """
    lock = asyncio.Lock()

    async def wait() -> None:
        async with lock:
            pass

    async def first() -> None:
        async with lock:
            task = asyncio.create_task(wait())
            await asyncio.sleep(0)
        await task
        trace("first run: both had it")

    async def second() -> None:
        await wait()
        trace("second run, free: had it")
        async with lock:
            try:
                await wait()
            except RuntimeError as error:
                trace("second run, held:", type(error))
                trace("bound to another loop:", "is bound to a different event loop" in str(error))

    loop.run(first)
    loop.run(second)


@clause(
    "CONC-20",
    source=f"{LOCK}; {TRIO}; {ANYIO}",
    expect=["own Lock: 100 turns, 1 at a time", "anyio's Lock: 100 turns, 1 at a time"],
)
async def one_at_a_time(trace: Trace) -> None:
    """Of a hundred tasks that share a lock no two are ever inside together, and all get their turn."""

    async def take(lock: anyio.Lock, inside: list[int]) -> None:
        async with lock:
            inside.append(inside[-1] + 1)
            await checkpoint()
            inside.append(inside[-1] - 1)

    for name, lock in ("own Lock:", native().Lock()), ("anyio's Lock:", anyio.Lock()):
        inside = [0]
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(take, lock, inside)
        trace(name, f"{len(inside) // 2} turns, {max(inside)} at a time")


@clause("CONC-21", source="PEP 492", expect=["20 tasks, 10 managers each: entered 200, left 200", "in order: True"])
async def nested_managers_of_many_tasks_stay_apart(trace: Trace) -> None:
    """Many tasks, each inside of many managers that suspend on enter and exit, leave all of them, each task its
    own in order.
    """
    entered: list[tuple[int, int]] = []
    left: list[tuple[int, int]] = []

    class Manager:
        def __init__(self, task: int, depth: int) -> None:
            self.key = task, depth

        async def __aenter__(self) -> None:
            await checkpoint()
            entered.append(self.key)

        async def __aexit__(self, *_: object) -> None:
            await checkpoint()
            left.append(self.key)

    async def nest(task: int, depth: int = 0) -> None:
        if depth < 10:
            async with Manager(task, depth):
                await nest(task, depth + 1)

    async with anyio.create_task_group() as group:
        for task in range(20):
            group.start_soon(nest, task)
    trace(f"20 tasks, 10 managers each: entered {len(entered)}, left {len(left)}")
    orders = [
        [key for key in entered if key[0] == task] == [key for key in reversed(left) if key[0] == task]
        for task in range(20)
    ]
    trace("in order:", all(orders))


@clause(
    "CONC-22",
    source="library/contextlib.html#single-use-reusable-and-reentrant-context-managers",
    level="informational",
    expect=["first: enter", "second: refused", "first: body", "first: exit"],
)
async def two_tasks_cannot_share_one_use(trace: Trace, library: Names) -> None:
    """If two tasks enter the same single-use manager, the second gets an error and the first does not notice."""
    entered, refused = anyio.Event(), anyio.Event()

    @library.asynccontextmanager
    async def single_use() -> AsyncGenerator[None, None]:
        await checkpoint()
        trace("first: enter")
        yield
        trace("first: exit")

    manager = single_use()

    async def second() -> None:
        await entered.wait()
        try:
            async with manager:
                trace("second: body")
        except Exception:  # nobody promises with which error
            trace("second: refused")
        refused.set()

    async with anyio.create_task_group() as group:
        group.start_soon(second)
        async with manager:
            entered.set()
            await refused.wait()
            trace("first: body")


@clause(
    "CONC-23",
    source=f"{LOCK}; {TRIO}; {ANYIO}",
    expect=[
        f"{kind}: free again"
        for kind in (
            "own Lock",
            "own Semaphore",
            "own Condition",
            "anyio's Lock",
            "anyio's Semaphore",
            "anyio's CapacityLimiter",
        )
    ],
)
async def a_cancelled_holder_gives_back(trace: Trace) -> None:
    """A task that is cancelled while it holds a lock, semaphore, condition or limiter gives it back: the next one
    gets it.
    """
    own = native()

    async def hold(lock: Any, scope: anyio.CancelScope, holding: anyio.Event) -> None:
        with scope:
            async with lock:
                holding.set()
                await anyio.Event().wait()

    for name, lock in (
        ("own Lock", own.Lock()),
        ("own Semaphore", own.Semaphore(1)),
        ("own Condition", own.Condition()),
        ("anyio's Lock", anyio.Lock()),
        ("anyio's Semaphore", anyio.Semaphore(1)),
        ("anyio's CapacityLimiter", anyio.CapacityLimiter(1)),
    ):
        scope, holding = anyio.CancelScope(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(hold, lock, scope, holding)
            await holding.wait()
            scope.cancel()
            async with lock:
                trace(f"{name}: free again")


@clause(
    "CONC-62", source=f"{SEMAPHORE}; {ANYIO}", expect=["own: 9 turns, 3 at a time", "anyio's: 9 turns, 3 at a time"]
)
async def as_many_as_there_are_permits(trace: Trace) -> None:
    """A semaphore of three lets three tasks in at a time, not fewer and not more."""

    async def take(semaphore: Any, inside: list[int], full: anyio.Event) -> None:
        async with semaphore:
            inside.append(inside[-1] + 1)
            if inside[-1] == 3:
                full.set()
            await full.wait()
            await checkpoint()
            inside.append(inside[-1] - 1)

    for name, semaphore in ("own:", native().Semaphore(3)), ("anyio's:", anyio.Semaphore(3)):
        inside, full = [0], anyio.Event()
        async with anyio.create_task_group() as group:
            for _ in range(9):
                group.start_soon(take, semaphore, inside, full)
        trace(name, f"{len(inside) // 2} turns, {max(inside)} at a time")


@clause(
    "CONC-63",
    source=f"{SYNC}#asyncio.Event; {TRIO}; {ANYIO}",
    expect=[
        *["own:", "nobody woke early", any_order("a woke", "b woke", "c woke"), "wait returns at once"],
        *["anyio's:", "nobody woke early", any_order("a woke", "b woke", "c woke"), "wait returns at once"],
    ],
)
async def an_event_wakes_everybody(trace: Trace) -> None:
    """Setting an event wakes all tasks that wait for it, once; later ones do not wait any more."""

    async def wait(name: str, event: Any, waiting: anyio.Event) -> None:
        waiting.set()
        await event.wait()
        trace(name, "woke")

    for name, event in ("own:", native().Event()), ("anyio's:", anyio.Event()):
        trace(name)
        async with anyio.create_task_group() as group:
            for task in "abc":
                waiting = anyio.Event()
                group.start_soon(wait, task, event, waiting)
                await waiting.wait()
            await checkpoint()
            trace("nobody woke early")
            event.set()
        await event.wait()
        trace("wait returns at once")


@clause(
    "CONC-64",
    source=f"{CONDITION}; {TRIO}; {ANYIO}",
    expect=[
        "own: notify(2) wakes 0 1",
        "own: notify_all() wakes 2 3",
        "anyio's: notify(2) wakes 0 1",
        "anyio's: notify_all() wakes 2 3",
    ],
)
async def a_condition_wakes_as_many_as_told(trace: Trace) -> None:
    """`notify(n)` wakes the n tasks that have waited longest, `notify_all()` all that still wait; each holds the
    lock then.
    """
    for name, condition in ("own:", native().Condition()), ("anyio's:", anyio.Condition()):
        woken: list[str] = []
        both, all_four = anyio.Event(), anyio.Event()

        async def wait(
            number: int,
            waiting: anyio.Event,
            condition: Any = condition,
            woken: list[str] = woken,
            events: dict[int, anyio.Event] = {2: both, 4: all_four},  # noqa: B006 - bound early, never changed
        ) -> None:
            async with condition:
                waiting.set()
                await condition.wait()
                woken.append(f"{number}" if condition.locked() else "without the lock")
            if len(woken) in events:
                events[len(woken)].set()

        async with anyio.create_task_group() as group:
            for number in range(4):
                waiting = anyio.Event()
                group.start_soon(wait, number, waiting)
                await waiting.wait()
            async with condition:
                condition.notify(2)
            await both.wait()
            await checkpoint()
            trace(name, "notify(2) wakes", *sorted(woken))
            async with condition:
                condition.notify_all()
            await all_four.wait()
            trace(name, "notify_all() wakes", *sorted(woken[2:]))


@clause(
    "CONC-65",
    source="library/asyncio-queue.html",
    on="asyncio",
    expect=["put 1", "put 2", "full: True", "got 1", "got 2", "put 3", "got 3", "empty: True"],
)
async def a_queue_keeps_the_order(trace: Trace) -> None:
    """Items leave a queue in the order of entering; a full queue makes the producer wait, an empty one the consumer."""
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)

    async def produce() -> None:
        for item in 1, 2, 3:
            await queue.put(item)
            trace("put", item)

    producer = asyncio.create_task(produce())
    for _ in range(5):
        await asyncio.sleep(0)
    trace("full:", queue.full())
    trace("got", await queue.get())
    trace("got", await queue.get())
    trace("got", await queue.get())
    await producer
    trace("empty:", queue.empty())


@clause(
    "CONC-66",
    source="library/asyncio-task.html#asyncio.gather",
    on="asyncio",
    expect=[
        *["done: c", "done: b", "done: a", "results: a b c"],
        *["raised: the same object True", "the other is done: False"],
        *["as results: slow ValueError('v')"],
    ],
)
async def gather_keeps_the_order(trace: Trace) -> None:
    """`gather` gives results in the order of its arguments, whichever is done first; it raises the first error as
    it is.
    """
    done = {name: asyncio.Event() for name in "abcd"}
    done["d"].set()
    failure = ValueError("v")

    async def after(other: str, name: str) -> str:
        await done[other].wait()
        trace("done:", name)
        done[name].set()
        return name

    async def fail() -> None:
        await asyncio.sleep(0)
        raise failure

    async def slow() -> str:
        await go_on.wait()
        return "slow"

    trace("results:", *await asyncio.gather(after("b", "a"), after("c", "b"), after("d", "c")))
    go_on = asyncio.Event()
    other = asyncio.create_task(slow())
    try:
        await asyncio.gather(other, fail())
    except ValueError as error:
        trace("raised: the same object", error is failure)
    trace("the other is done:", other.done())
    go_on.set()
    trace("as results:", *await asyncio.gather(other, fail(), return_exceptions=True))


@clause(
    "CONC-67",
    source="library/asyncio-future.html#asyncio.Future",
    on="asyncio",
    expect=[
        "waiting",
        "a got 7",
        "b got 7",
        "again: 7",
        "set twice: InvalidStateError",
        "raised: the same object True",
    ],
)
async def a_future_wakes_who_awaits_it(trace: Trace) -> None:
    """A future hands its result to all who await it, in their order, and at once to later ones; it can be set only
    once.
    """
    events = asyncio.get_running_loop()
    future = events.create_future()

    async def wait(name: str) -> None:
        trace(name, "got", await future)

    tasks = [asyncio.create_task(wait(name)) for name in "ab"]
    await asyncio.sleep(0)
    trace("waiting")
    future.set_result(7)
    await asyncio.wait(tasks)
    trace("again:", await future)
    try:
        future.set_result(8)
    except asyncio.InvalidStateError as error:
        trace("set twice:", type(error))
    failed, failure = events.create_future(), ValueError("v")
    failed.set_exception(failure)
    try:
        await failed
    except ValueError as error:
        trace("raised: the same object", error is failure)


@clause(
    "CONC-68",
    source="library/asyncio-task.html#asyncio.create_task",
    on="asyncio",
    level="should",
    expect=by_loop(
        asyncio=["created", "a 1", "b 1", "c 1", "a 2", "b 2", "c 2"],
        eager=["a 1", "b 1", "c 1", "created", "a 2", "b 2", "c 2"],
        trio=[],
    ),
)
async def tasks_take_turns(trace: Trace) -> None:
    """Tasks start in the order of their creation, at the next suspension, or at once if the loop starts them
    eagerly; tasks that do nothing but give way take turns.
    """

    async def steps(name: str) -> None:
        trace(name, 1)
        await asyncio.sleep(0)
        trace(name, 2)

    tasks = [asyncio.create_task(steps(name)) for name in "abc"]
    trace("created")
    await asyncio.wait(tasks)


@clause(
    "CONC-69",
    source="library/asyncio-task.html#asyncio.wait",
    on="asyncio",
    expect=["first done: a, pending: b", "then done: a b, pending: none"],
)
async def wait_tells_who_is_done(trace: Trace) -> None:
    """`asyncio.wait` returns when the first, or all, of its tasks are done, and tells which are done and which are
    not.
    """
    go_on = asyncio.Event()

    async def first() -> None:
        await asyncio.sleep(0)

    async def second() -> None:
        await go_on.wait()

    a, b = asyncio.create_task(first(), name="a"), asyncio.create_task(second(), name="b")

    def names(tasks: set[asyncio.Task[None]]) -> str:
        return " ".join(sorted(task.get_name() for task in tasks)) or "none"

    done, pending = await asyncio.wait([a, b], return_when=asyncio.FIRST_COMPLETED)
    trace(f"first done: {names(done)}, pending: {names(pending)}")
    go_on.set()
    done, pending = await asyncio.wait([a, b])
    trace(f"then done: {names(done)}, pending: {names(pending)}")


@clause(
    "CONC-70",
    source=ANYIO,
    on="asyncio",
    level="should",
    expect=[
        "a lock: True",
        "a semaphore: True",
        "a lock with fast_acquire: False",
        "a semaphore with fast_acquire: False",
    ],
)
async def a_free_lock_of_anyio_lets_others_run(trace: Trace) -> None:
    """Taking a free lock or semaphore of anyio lets run what is ready, unless it was made with `fast_acquire`."""
    for words, manager in (
        ("a lock:", anyio.Lock()),
        ("a semaphore:", anyio.Semaphore(1)),
        ("a lock with fast_acquire:", anyio.Lock(fast_acquire=True)),
        ("a semaphore with fast_acquire:", anyio.Semaphore(1, fast_acquire=True)),
    ):
        ran = asyncio.Event()
        asyncio.get_running_loop().call_soon(ran.set)
        async with manager:
            trace(words, ran.is_set())


@clause(
    "CONC-71",
    source="bpo-27585; gh-90155",
    on="asyncio",
    level="should",
    expect=[
        *["Lock: cancelled, then the second has it", "Lock: the first has it, then cancelled"],
        *["Semaphore: cancelled, then the second has it", "Semaphore: the first has it, then cancelled"],
    ],
)
async def tasks_cancelled_as_a_lock_of_asyncio_is_released(trace: Trace) -> None:
    """If `task.cancel()` hits the task for which a lock was just released, the one behind it gets the lock; if it hits
    the one behind, that ends cancelled and the first gets it.
    """

    async def wait(name: str, lock: asyncio.Lock | asyncio.Semaphore) -> str:
        async with lock:
            return f"the {name} has it"

    async def end(task: asyncio.Task[str]) -> str:
        try:
            return await task
        except asyncio.CancelledError:
            return "cancelled"

    for kind in asyncio.Lock, asyncio.Semaphore:
        for cancelled in range(2):
            lock = kind()
            await lock.acquire()
            tasks = [asyncio.create_task(wait(name, lock)) for name in ("first", "second")]
            for _ in range(3):
                await asyncio.sleep(0)
            lock.release()
            tasks[cancelled].cancel()
            trace(f"{kind.__name__}:", ", then ".join([await end(task) for task in tasks]))


@clause(
    "CONC-72",
    source=f"{CONDITION}.wait_for",
    on="asyncio",
    expect=["woken: []", "woken: [1]", "held True with the value [1, 2]"],
)
async def waiting_for_what_a_condition_is_about(trace: Trace) -> None:
    """`wait_for` of a condition waits again as long as its predicate is false, and gives the value that is true."""
    condition, items = asyncio.Condition(), list[int]()

    def enough() -> list[int] | None:
        trace("woken:", items) if len(items) < 2 else None
        return items if len(items) == 2 else None

    async def consume() -> None:
        async with condition:
            value = await condition.wait_for(enough)
            trace(f"held {condition.locked()} with the value", value)

    consumer = asyncio.create_task(consume())
    for item in 1, 2:
        for _ in range(10):
            await asyncio.sleep(0)
        async with condition:
            items.append(item)
            condition.notify()
    await consumer


@clause(
    "CONC-73",
    source="library/asyncio-sync.html#asyncio.Barrier.abort",
    on="asyncio",
    versions=">=3.11",
    expect=[
        *["abort: BrokenBarrierError BrokenBarrierError", "broken: True", "one more: BrokenBarrierError"],
        *["reset: BrokenBarrierError BrokenBarrierError", "broken: False", "once more: [0, 1, 2]"],
    ],
)
async def a_barrier_that_is_given_up(trace: Trace) -> None:
    """`abort()` and `reset()` of a barrier raise in all tasks that wait for it; only after the second it serves
    again.
    """
    barrier = asyncio.Barrier(3)

    async def party() -> str | int:
        try:
            async with barrier as place:
                return place
        except asyncio.BrokenBarrierError as error:
            return type(error).__name__

    for give_up in barrier.abort, barrier.reset:
        if give_up == barrier.reset:
            trace("one more:", await party())
            await barrier.reset()
        parties = [asyncio.create_task(party()) for _ in range(2)]
        for _ in range(5):
            await asyncio.sleep(0)
        await give_up()
        trace(f"{give_up.__name__}:", *[await each for each in parties])
        trace("broken:", barrier.broken)
    trace("once more:", sorted(map(int, await asyncio.gather(party(), party(), party()))))


@clause(
    "CONC-74",
    source="library/asyncio-queue.html#asyncio.Queue.shutdown",
    on="asyncio",
    versions=">=3.13",
    expect=[
        *["getters: QueueShutDown QueueShutDown", "putters: QueueShutDown QueueShutDown"],
        *["what it had: item, then QueueShutDown", "put: QueueShutDown"],
    ],
)
async def a_queue_that_is_shut_down(trace: Trace) -> None:
    """A queue that is shut down takes no more, gives what it has, and raises in all who wait for it."""

    async def end(waiting: Coroutine[Any, Any, object]) -> str:
        try:
            return str(await waiting)
        except asyncio.QueueShutDown as error:
            return type(error).__name__

    empty, full = asyncio.Queue[str](), asyncio.Queue[str](maxsize=1)
    full.put_nowait("item")
    getters = [asyncio.create_task(end(empty.get())) for _ in range(2)]
    putters = [asyncio.create_task(end(full.put("more"))) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    empty.shutdown()
    full.shutdown()
    trace("getters:", *[await each for each in getters])
    trace("putters:", *[await each for each in putters])
    trace(f"what it had: {await end(full.get())}, then", await end(full.get()))
    trace("put:", await end(empty.put("more")))


@clause(
    "CONC-75",
    source="library/asyncio-queue.html#priority-queue",
    on="asyncio",
    expect=["PriorityQueue: [1, 2, 3, 4]", "LifoQueue: [3, 1, 4, 2]"],
)
async def queues_of_another_order(trace: Trace) -> None:
    """A queue of priorities gives the least item first, one of the other end the last."""
    for kind in asyncio.PriorityQueue, asyncio.LifoQueue:
        queue = kind[int]()
        for item in 2, 4, 1, 3:
            await queue.put(item)
        trace(f"{kind.__name__}:", [await queue.get() for _ in range(4)])


@clause(
    "CONC-76",
    source="library/asyncio-future.html#asyncio.ensure_future; Lib/asyncio/tasks.py",
    on="asyncio",
    versions=">=3.11",
    level="should",
    expect=["wait for none: ValueError", "wait for a coroutine: TypeError", "a number as a task: TypeError"],
)
async def what_cannot_be_waited_for(trace: Trace) -> None:
    """`wait` refuses an empty set and coroutines, `ensure_future` what cannot be awaited."""

    async def nothing() -> None:
        pass

    coroutine: Any = nothing()
    number: Any = 3
    for name, refused in (
        ("wait for none:", asyncio.wait(set[asyncio.Task[None]]())),
        ("wait for a coroutine:", asyncio.wait([coroutine])),
    ):
        try:
            await refused
        except (TypeError, ValueError) as error:
            trace(name, type(error))
    coroutine.close()
    try:
        asyncio.ensure_future(number)
    except TypeError as error:
        trace("a number as a task:", type(error))


@clause(
    "CONC-77",
    source="library/asyncio-task.html#asyncio.gather",
    on="asyncio",
    expect=["the child goes on", "the task: cancelled"],
)
async def gather_that_is_cancelled_gives_no_results(trace: Trace) -> None:
    """A `gather` that was cancelled raises the cancellation, even if its children suppress theirs and errors are to be
    results.
    """
    started = asyncio.Event()

    async def stubborn() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            trace("the child goes on")
        return "result"

    async def gather() -> list[str | BaseException]:
        return await asyncio.gather(stubborn(), return_exceptions=True)

    task = asyncio.create_task(gather())
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    trace("the task:", "cancelled" if task.cancelled() else task.result())


@clause(
    "CONC-78",
    source=f"{TRIO}; {ANYIO}",
    expect=["anyio's: Cancelled, borrowed 0", by_loop(asyncio=[], trio=["trio's: Cancelled, borrowed 0"])],
)
async def a_free_limiter_is_a_checkpoint(trace: Trace) -> None:
    """Taking a token of a capacity limiter is a checkpoint also when one is free: a cancelled task does not get it."""
    limiters: dict[str, Any] = {"anyio's": anyio.CapacityLimiter(1)}
    if native() is not asyncio:
        limiters["trio's"] = native().CapacityLimiter(1)
    for name, limiter in limiters.items():
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                async with limiter:
                    trace("not reached")
            except BaseException as error:
                trace(f"{name}:", f"{describe(error)}, borrowed", limiter.borrowed_tokens)
                raise


@clause(
    "CONC-79",
    source="anyio synchronization.html",
    expect=[
        *["Lock: held True, then False", "Semaphore: held True, then False"],
        *["CapacityLimiter: held True, then False", "Condition: held True, then False"],
        *["Event: set False, then True", "waited"],
    ],
)
def locks_made_before_the_run(trace: Trace, loop: Loop) -> None:
    """Locks and events of anyio that were made outside of any loop serve the loop that runs later."""
    semaphore, limiter, event = anyio.Semaphore(1), anyio.CapacityLimiter(1), anyio.Event()
    locks: list[tuple[Any, Callable[[], bool]]] = [
        ((lock := anyio.Lock()), lock.locked),
        (semaphore, lambda: semaphore.value == 0),
        (limiter, lambda: limiter.borrowed_tokens == 1),
        ((condition := anyio.Condition()), condition.locked),
    ]
    names = ["Lock", "Semaphore", "CapacityLimiter", "Condition"]

    async def main() -> None:
        for name, (manager, held) in zip(names, locks, strict=True):
            async with manager:
                inside = held()
            trace(f"{name}: held {inside}, then", held())
        before = event.is_set()
        event.set()
        trace(f"Event: set {before}, then", event.is_set())
        await event.wait()
        trace("waited")

    loop.run(main)


@clause(
    "CONC-80",
    source=f"{CONDITION}.notify; {TRIO}; {ANYIO}",
    expect=["own: the second is woken", "anyio's: the second is woken"],
)
async def a_cancelled_waiter_takes_no_notification(trace: Trace) -> None:
    """A task that was cancelled while it waited for a condition does not count: `notify()` wakes the next one."""

    async def wait(name: str, condition: anyio.Condition, scope: anyio.CancelScope, waiting: anyio.Event) -> None:
        with scope:
            async with condition:
                waiting.set()
                await condition.wait()
                trace(name, "is woken")

    for name, condition in ("own:", native().Condition()), ("anyio's:", anyio.Condition()):
        scopes = [anyio.CancelScope(), anyio.CancelScope()]
        async with anyio.create_task_group() as group:
            for number, scope in zip(("first", "second"), scopes, strict=True):
                waiting = anyio.Event()
                group.start_soon(wait, f"{name} the {number}", condition, scope, waiting)
                await waiting.wait()
            scopes[0].cancel()
            for _ in range(5):
                await checkpoint()
            async with condition:
                condition.notify()


@clause(
    "CONC-81",
    source="trio#3035",
    on="trio",
    expect=["who waits: BrokenResourceError", "who comes later: BrokenResourceError"],
)
async def a_lock_whose_holder_has_ended(trace: Trace) -> None:
    """A lock of trio whose holder ended without releasing it is broken: nobody waits for it in vain."""
    import trio
    import trio.testing

    lock, ended = trio.Lock(), trio.Event()

    async def hold() -> None:
        await lock.acquire()
        await ended.wait()

    async def wait(name: str) -> None:
        try:
            async with lock:
                trace(name, "has it")
        except trio.BrokenResourceError as error:
            trace(name, type(error))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(wait, "who waits:")
        await trio.testing.wait_all_tasks_blocked()
        ended.set()
        await trio.testing.wait_all_tasks_blocked()
    await wait("who comes later:")
