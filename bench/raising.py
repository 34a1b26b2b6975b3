"""What does it cost to leave by an exception: one that propagates, is suppressed, or is replaced by another?"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from asyncwith import Question

raising = Question("raising", "What does it cost to leave by an exception?")


class Propagates:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


class Suppresses:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> bool:
        return True


class Replaces:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        raise KeyError


@asynccontextmanager
async def propagates() -> AsyncGenerator[None]:
    yield


@asynccontextmanager
async def suppresses() -> AsyncGenerator[None]:
    try:
        yield
    except ValueError:
        pass


async def enter() -> None:
    pass


async def leave() -> None:
    pass


@raising.arm("try/finally, propagated", floor=True, control=True)
async def _() -> None:
    try:
        await enter()
        try:
            raise ValueError
        finally:
            await leave()
    except ValueError:
        pass


@raising.arm("class, propagated", control=True)
async def _() -> None:
    try:
        async with Propagates():
            raise ValueError
    except ValueError:
        pass


@raising.arm("class, suppressed", control=True)
async def _() -> None:
    async with Suppresses():
        raise ValueError


@raising.arm("class, replaced", control=True)
async def _() -> None:
    try:
        async with Replaces():
            raise ValueError
    except KeyError:
        pass


@raising.arm("exit stack, propagated", control=True)
async def _() -> None:
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(Propagates())
            raise ValueError
    except ValueError:
        pass


@raising.arm("exit stack, suppressed", control=True)
async def _() -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Suppresses())
        raise ValueError


# Asynchronous generators call hooks that each loop installs in its own way, so these two are no controls.
@raising.arm("@asynccontextmanager, propagated")
async def _() -> None:
    try:
        async with propagates():
            raise ValueError
    except ValueError:
        pass


@raising.arm("@asynccontextmanager, suppressed")
async def _() -> None:
    async with suppresses():
        raise ValueError


if __name__ == "__main__":
    raising.main()
