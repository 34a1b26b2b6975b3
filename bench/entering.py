"""What does each form of manager cost around an empty body? Nothing in here suspends unless a loop makes it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, nullcontext

from asyncwith import Question

entering = Question("entering", "What does each form cost around an empty body?", holds=("class",))


class Plain:
    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


class Slotted:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


class Synchronous:
    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *details: object) -> None:
        pass


@asynccontextmanager
async def decorated() -> AsyncGenerator[None]:
    yield


async def generator() -> AsyncGenerator[None]:
    yield


async def enter() -> None:
    pass


async def leave() -> None:
    pass


@entering.arm("try/finally", floor=True, control=True)
async def _() -> None:
    await enter()
    try:
        pass
    finally:
        await leave()


@entering.arm("class", control=True)
async def _() -> None:
    async with Plain():
        pass


@entering.arm("slotted class", control=True)
async def _() -> None:
    async with Slotted():
        pass


@entering.arm("synchronous with", control=True, holds=())
async def _() -> None:
    with Synchronous():
        pass


@entering.arm("nullcontext", control=True, holds=("nullcontext",))
async def _() -> None:
    async with nullcontext():
        pass


@entering.arm("exit stack", control=True, holds=("class", "exit stack"))
async def _() -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Slotted())


@entering.arm("exit stack, callback", control=True, holds=("exit stack",))
async def _() -> None:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(leave)


# Asynchronous generators call hooks that each loop installs in its own way, so these two are no controls.
@entering.arm("@asynccontextmanager", holds=("@asynccontextmanager",))
async def _() -> None:
    async with decorated():
        pass


@entering.arm("aclosing a generator", holds=("aclosing",))
async def _() -> None:
    async with aclosing(generator()):
        pass


if __name__ == "__main__":
    entering.main()
