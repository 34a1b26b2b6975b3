"""What does one more manager cost on an `AsyncExitStack` that holds 1 to 100,000 of them? All figures are per manager."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from asyncwith import Question, Suspend

stacking = Question(
    "stacking",
    "What does each manager on an exit stack cost, from one to 100,000 of them?",
    holds=("class", "exit stack"),
)

SIZES = (1, 10, 100, 1_000, 10_000, 100_000)


class Slotted:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


class Failing:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        raise ValueError


class Suspending:
    __slots__ = ("suspend",)

    def __init__(self, suspend: Suspend) -> None:
        self.suspend = suspend

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        await self.suspend()


@asynccontextmanager
async def decorated() -> AsyncGenerator[None]:
    yield


async def enter() -> None:
    pass


async def leave() -> None:
    pass


@stacking.arm("try/finally", floor=True, control=True, sizes=(1,))
async def _() -> None:
    await enter()
    try:
        pass
    finally:
        await leave()


@stacking.arm("slotted class", control=True, sizes=SIZES)
async def _(n: int) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(n):
            await stack.enter_async_context(Slotted())


@stacking.arm("callback", control=True, sizes=SIZES)
async def _(n: int) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(n):
            stack.push_async_callback(leave)


@stacking.arm("@asynccontextmanager", sizes=SIZES, holds=("@asynccontextmanager", "exit stack"))
async def _(n: int) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(n):
            await stack.enter_async_context(decorated())


# Each exit gets the exception of the one before and raises another, so that in the end all are one chain.
@stacking.arm("class that raises in exit", control=True, sizes=SIZES, holds=("exception", "exit stack"))
async def _(n: int) -> None:
    try:
        async with AsyncExitStack() as stack:
            for _ in range(n):
                await stack.enter_async_context(Failing())
    except ValueError:
        pass


@stacking.arm("class that suspends in exit", sizes=SIZES[:-1], holds=("suspension", "exit stack"))
async def _(n: int, suspend: Suspend) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(n):
            await stack.enter_async_context(Suspending(suspend))


if __name__ == "__main__":
    stacking.main()
