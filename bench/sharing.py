"""What does a manager cost in 1 to 100,000 tasks at once: one for each task, or one that all of them want? Figures are per task.

Each task holds its manager while it suspends once. On asyncio and its kin `asyncio.gather` runs the tasks, on trio a nursery;
what an arm calls `own` is of the same library.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import trio

from asyncwith import Question, Suspend

sharing = Question("sharing", "What does a manager cost by task, of one to 100,000 at once?", holds=("class",))

SIZES = (1, 10, 100, 1_000, 10_000, 100_000)
WANTING = (1, 100, 1_000)
PLACES = 2  # of a semaphore: not one, or it were a lock


class Slotted:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


@asynccontextmanager
async def decorated() -> AsyncGenerator[None]:
    yield


async def enter() -> None:
    pass


async def leave() -> None:
    pass


async def hold_nothing(suspend: Suspend) -> None:
    await suspend()


async def hold_class(suspend: Suspend) -> None:
    async with Slotted():
        await suspend()


async def hold_generator(suspend: Suspend) -> None:
    async with decorated():
        await suspend()


async def hold(lock: AbstractAsyncContextManager[object], suspend: Suspend) -> None:
    async with lock:
        await suspend()


class Meeting:
    """A condition that all wait for until the last one has come."""

    __slots__ = ("condition", "missing")

    def __init__(self, condition: asyncio.Condition | anyio.Condition | trio.Condition, n: int) -> None:
        self.condition = condition
        self.missing = n


async def meet(meeting: Meeting) -> None:
    async with meeting.condition:
        meeting.missing -= 1
        if meeting.missing:
            await meeting.condition.wait()
        else:
            meeting.condition.notify_all()


async def in_nursery(n: int, function: Callable[..., Awaitable[object]], *args: object) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(n):
            nursery.start_soon(function, *args)


@sharing.arm("try/finally", floor=True, control=True, sizes=(1,))
async def _() -> None:
    await enter()
    try:
        pass
    finally:
        await leave()


async def nothing_on_trio(n: int, suspend: Suspend) -> None:
    await in_nursery(n, hold_nothing, suspend)


@sharing.arm("no manager", sizes=SIZES[:-1], trio=nothing_on_trio)
async def _(n: int, suspend: Suspend) -> None:
    await asyncio.gather(*(hold_nothing(suspend) for _ in range(n)))


async def class_on_trio(n: int, suspend: Suspend) -> None:
    await in_nursery(n, hold_class, suspend)


@sharing.arm("class", sizes=SIZES, trio=class_on_trio)
async def _(n: int, suspend: Suspend) -> None:
    await asyncio.gather(*(hold_class(suspend) for _ in range(n)))


async def generator_on_trio(n: int, suspend: Suspend) -> None:
    await in_nursery(n, hold_generator, suspend)


@sharing.arm("@asynccontextmanager", sizes=SIZES[:-1], trio=generator_on_trio, holds=("@asynccontextmanager",))
async def _(n: int, suspend: Suspend) -> None:
    await asyncio.gather(*(hold_generator(suspend) for _ in range(n)))


async def lock_on_trio(n: int, suspend: Suspend) -> None:
    await in_nursery(n, hold, trio.Lock(), suspend)


@sharing.arm("own lock", sizes=WANTING, trio=lock_on_trio, holds=("lock",))
async def _(n: int, suspend: Suspend) -> None:
    lock = asyncio.Lock()
    await asyncio.gather(*(hold(lock, suspend) for _ in range(n)))


async def anyio_lock_on_trio(n: int, suspend: Suspend) -> None:
    await in_nursery(n, hold, anyio.Lock(), suspend)


@sharing.arm("anyio.Lock", sizes=WANTING, trio=anyio_lock_on_trio, holds=("lock",))
async def _(n: int, suspend: Suspend) -> None:
    lock = anyio.Lock()
    await asyncio.gather(*(hold(lock, suspend) for _ in range(n)))


async def semaphore_on_trio(n: int, suspend: Suspend) -> None:
    await in_nursery(n, hold, trio.Semaphore(PLACES), suspend)


@sharing.arm("own semaphore", sizes=WANTING, trio=semaphore_on_trio, holds=("lock",))
async def _(n: int, suspend: Suspend) -> None:
    semaphore = asyncio.Semaphore(PLACES)
    await asyncio.gather(*(hold(semaphore, suspend) for _ in range(n)))


async def anyio_semaphore_on_trio(n: int, suspend: Suspend) -> None:
    await in_nursery(n, hold, anyio.Semaphore(PLACES), suspend)


@sharing.arm("anyio.Semaphore", sizes=WANTING, trio=anyio_semaphore_on_trio, holds=("lock",))
async def _(n: int, suspend: Suspend) -> None:
    semaphore = anyio.Semaphore(PLACES)
    await asyncio.gather(*(hold(semaphore, suspend) for _ in range(n)))


async def limiter_on_trio(n: int, suspend: Suspend) -> None:
    await in_nursery(n, hold, anyio.CapacityLimiter(PLACES), suspend)


@sharing.arm("anyio.CapacityLimiter", sizes=WANTING, trio=limiter_on_trio, holds=("lock",))
async def _(n: int, suspend: Suspend) -> None:
    limiter = anyio.CapacityLimiter(PLACES)
    await asyncio.gather(*(hold(limiter, suspend) for _ in range(n)))


async def condition_on_trio(n: int) -> None:
    await in_nursery(n, meet, Meeting(trio.Condition(), n))


@sharing.arm("own condition", sizes=WANTING, trio=condition_on_trio, holds=("lock",))
async def _(n: int) -> None:
    meeting = Meeting(asyncio.Condition(), n)
    await asyncio.gather(*(meet(meeting) for _ in range(n)))


async def anyio_condition_on_trio(n: int) -> None:
    await in_nursery(n, meet, Meeting(anyio.Condition(), n))


@sharing.arm("anyio.Condition", sizes=WANTING, trio=anyio_condition_on_trio, holds=("lock",))
async def _(n: int) -> None:
    meeting = Meeting(anyio.Condition(), n)
    await asyncio.gather(*(meet(meeting) for _ in range(n)))


if __name__ == "__main__":
    sharing.main()
