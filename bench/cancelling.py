"""What does it cost to leave by cancellation, and to be ready for it: timeouts, scopes, tasks cancelled inside a manager?

Whatever is entered here suspends at least once: a scope that is left before the loop has run leaves it a timer to clear away.
`asyncio.timeout` came with Python 3.11.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import anyio
import trio

from asyncwith import Question, Suspend

cancelling = Question(
    "cancelling", "What does it cost to leave by cancellation, and to be ready for it?", holds=("cancellation",)
)

LONG = 3600.0  # seconds that nobody waits


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


async def suspend_for_ever(suspend: Suspend) -> NoReturn:
    while True:
        await suspend()


async def hold_class(wait: Callable[[], Awaitable[object]]) -> None:
    async with Slotted():
        await wait()


async def hold_generator(wait: Callable[[], Awaitable[object]]) -> None:
    async with decorated():
        await wait()


async def wait_on_asyncio() -> None:
    await asyncio.get_running_loop().create_future()


@cancelling.arm("try/finally", floor=True, control=True)
async def _() -> None:
    await enter()
    try:
        pass
    finally:
        await leave()


@cancelling.arm("a suspension", floor=True)
async def _(suspend: Suspend) -> None:
    await suspend()


if sys.version_info >= (3, 11):

    async def fail_after(suspend: Suspend) -> None:
        with trio.fail_after(LONG):
            await suspend()

    @cancelling.arm("own timeout", trio=fail_after, holds=("timeout",))
    async def _(suspend: Suspend) -> None:
        async with asyncio.timeout(LONG):
            await suspend()

    async def fail_at_once(suspend: Suspend) -> None:
        try:
            with trio.fail_after(0):
                await suspend_for_ever(suspend)
        except trio.TooSlowError:
            pass

    @cancelling.arm("own timeout, passed", trio=fail_at_once, holds=("timeout",))
    async def _(suspend: Suspend) -> None:
        try:
            async with asyncio.timeout(0):
                await suspend_for_ever(suspend)
        except TimeoutError:
            pass


@cancelling.arm("anyio.fail_after", holds=("timeout",))
async def _(suspend: Suspend) -> None:
    with anyio.fail_after(LONG):
        await suspend()


@cancelling.arm("anyio.fail_after, passed", holds=("timeout",))
async def _(suspend: Suspend) -> None:
    try:
        with anyio.fail_after(0):
            await suspend_for_ever(suspend)
    except TimeoutError:
        pass


@cancelling.arm("anyio.move_on_after", holds=("timeout",))
async def _(suspend: Suspend) -> None:
    with anyio.move_on_after(LONG):
        await suspend()


@cancelling.arm("anyio.move_on_after, passed", holds=("timeout",))
async def _(suspend: Suspend) -> None:
    with anyio.move_on_after(0):
        await suspend_for_ever(suspend)


@cancelling.arm("anyio.CancelScope")
async def _(suspend: Suspend) -> None:
    with anyio.CancelScope():
        await suspend()


@cancelling.arm("anyio.CancelScope, cancelled")
async def _(suspend: Suspend) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await suspend_for_ever(suspend)


@cancelling.arm("anyio.CancelScope round a class, cancelled")
async def _(suspend: Suspend) -> None:
    with anyio.CancelScope() as scope:
        async with Slotted():
            scope.cancel()
            await suspend_for_ever(suspend)


@cancelling.arm("anyio.CancelScope round @asynccontextmanager, cancelled")
async def _(suspend: Suspend) -> None:
    with anyio.CancelScope() as scope:
        async with decorated():
            scope.cancel()
            await suspend_for_ever(suspend)


async def let_task_end(suspend: Suspend) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold_class, suspend)
        await suspend()


@cancelling.arm("task in a class", floor=True, trio=let_task_end)
async def _(suspend: Suspend) -> None:
    task = asyncio.create_task(hold_class(suspend))
    await suspend()
    await task


async def cancel_task_in_class(suspend: Suspend) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold_class, trio.sleep_forever)
        await suspend()
        nursery.cancel_scope.cancel()


@cancelling.arm("task in a class, cancelled", trio=cancel_task_in_class)
async def _(suspend: Suspend) -> None:
    task = asyncio.create_task(hold_class(wait_on_asyncio))
    await suspend()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


async def cancel_task_in_generator(suspend: Suspend) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold_generator, trio.sleep_forever)
        await suspend()
        nursery.cancel_scope.cancel()


@cancelling.arm("task in @asynccontextmanager, cancelled", trio=cancel_task_in_generator)
async def _(suspend: Suspend) -> None:
    task = asyncio.create_task(hold_generator(wait_on_asyncio))
    await suspend()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


if __name__ == "__main__":
    cancelling.main()
