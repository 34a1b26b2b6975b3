"""What does it cost to leave by an exception: one that propagates, is suppressed, or is replaced by another; or by a group?"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from asyncwith import Question

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

raising = Question("raising", "What does it cost to leave by an exception?", holds=("exception",))


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


@asynccontextmanager
async def replaces() -> AsyncGenerator[None]:
    try:
        yield
    except ValueError:
        raise KeyError from None


@asynccontextmanager
async def suppresses_groups() -> AsyncGenerator[None]:
    try:
        yield
    except ExceptionGroup:
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


@raising.arm("exit stack, propagated", control=True, holds=("exception", "exit stack"))
async def _() -> None:
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(Propagates())
            raise ValueError
    except ValueError:
        pass


@raising.arm("exit stack, suppressed", control=True, holds=("exception", "exit stack"))
async def _() -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Suppresses())
        raise ValueError


@raising.arm("exit stack, replaced", control=True, holds=("exception", "exit stack"))
async def _() -> None:
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(Replaces())
            raise ValueError
    except KeyError:
        pass


# Asynchronous generators call hooks that each loop installs in its own way, so these are no controls.
@raising.arm("@asynccontextmanager, propagated", holds=("@asynccontextmanager",))
async def _() -> None:
    try:
        async with propagates():
            raise ValueError
    except ValueError:
        pass


@raising.arm("@asynccontextmanager, suppressed", holds=("@asynccontextmanager",))
async def _() -> None:
    async with suppresses():
        raise ValueError


@raising.arm("@asynccontextmanager, replaced", holds=("@asynccontextmanager",))
async def _() -> None:
    try:
        async with replaces():
            raise ValueError
    except KeyError:
        pass


@raising.arm("try/finally, group propagated", floor=True, control=True)
async def _() -> None:
    try:
        await enter()
        try:
            raise ExceptionGroup("two", [ValueError(), KeyError()])
        finally:
            await leave()
    except ExceptionGroup:
        pass


@raising.arm("class, group propagated", control=True)
async def _() -> None:
    try:
        async with Propagates():
            raise ExceptionGroup("two", [ValueError(), KeyError()])
    except ExceptionGroup:
        pass


@raising.arm("class, group suppressed", control=True)
async def _() -> None:
    async with Suppresses():
        raise ExceptionGroup("two", [ValueError(), KeyError()])


@raising.arm("exit stack, group propagated", control=True, holds=("exception", "exit stack"))
async def _() -> None:
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(Propagates())
            raise ExceptionGroup("two", [ValueError(), KeyError()])
    except ExceptionGroup:
        pass


@raising.arm("@asynccontextmanager, group propagated", holds=("@asynccontextmanager",))
async def _() -> None:
    try:
        async with propagates():
            raise ExceptionGroup("two", [ValueError(), KeyError()])
    except ExceptionGroup:
        pass


@raising.arm("@asynccontextmanager, group suppressed", holds=("@asynccontextmanager",))
async def _() -> None:
    async with suppresses_groups():
        raise ExceptionGroup("two", [ValueError(), KeyError()])


if __name__ == "__main__":
    raising.main()
