"""What do other libraries take for what contextlib does? Each arm stands beside contextlib's own on the same loop.

Only what is a library's own is timed: aiotools hands on contextlib's, but for an `aclosing` that older ones have.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import AsyncGenerator
from importlib.metadata import version
from typing import Any

import anyio

from asyncwith import Question

left_out: list[str] = []


def find(name: str) -> Any:
    """Return a module, or None where it cannot be imported."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - one that breaks on this Python takes no other with it
        left_out.append(f"{name}: {error}")
        return None


aiotools, asyncstdlib, contextlib2 = find("aiotools"), find("asyncstdlib.contextlib"), find("contextlib2")
if aiotools and aiotools.aclosing is contextlib.aclosing:
    left_out.append(f"aiotools: all that {version('aiotools')} has of this is contextlib's")
    aiotools = None

here = {"aiotools": aiotools, "anyio": anyio, "asyncstdlib": asyncstdlib, "contextlib2": contextlib2}

libraries = Question(
    "libraries",
    f"What do {', '.join(f'{name} {version(name)}' for name in here if here[name])} take for what contextlib does?"
    + "".join(f" (Not here: {each}.)" for each in left_out),
)


class Slotted:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


async def generator() -> AsyncGenerator[None]:
    yield


async def enter() -> None:
    pass


async def leave() -> None:
    pass


class Mixed(anyio.AsyncContextManagerMixin):
    @contextlib.asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[None]:
        yield


decorated = contextlib.asynccontextmanager(generator)


@libraries.arm("try/finally", floor=True, control=True)
async def _() -> None:
    await enter()
    try:
        pass
    finally:
        await leave()


@libraries.arm("@asynccontextmanager of contextlib", floor=True, holds=("@asynccontextmanager",))
async def _() -> None:
    async with decorated():
        pass


@libraries.arm("AsyncContextManagerMixin of anyio", holds=("@asynccontextmanager",))
async def _() -> None:
    async with Mixed():
        pass


if asyncstdlib:
    decorated_by_asyncstdlib = asyncstdlib.contextmanager(generator)

    @libraries.arm("@asynccontextmanager of asyncstdlib", holds=("@asynccontextmanager of asyncstdlib",))
    async def _() -> None:
        async with decorated_by_asyncstdlib():
            pass


if contextlib2:
    decorated_by_contextlib2 = contextlib2.asynccontextmanager(generator)

    @libraries.arm("@asynccontextmanager of contextlib2", holds=("@asynccontextmanager of contextlib2",))
    async def _() -> None:
        async with decorated_by_contextlib2():
            pass


@libraries.arm("aclosing of contextlib", floor=True, holds=("aclosing",))
async def _() -> None:
    async with contextlib.aclosing(generator()):
        pass


if aiotools:

    @libraries.arm("aclosing of aiotools", holds=("aclosing of aiotools",))
    async def _() -> None:
        async with aiotools.aclosing(generator()):
            pass


if asyncstdlib:

    @libraries.arm("aclosing of asyncstdlib", holds=("aclosing of asyncstdlib",))
    async def _() -> None:
        async with asyncstdlib.closing(generator()):
            pass


if contextlib2:

    @libraries.arm("aclosing of contextlib2", holds=("aclosing of contextlib2",))
    async def _() -> None:
        async with contextlib2.aclosing(generator()):
            pass


@libraries.arm("exit stack of contextlib", floor=True, control=True, holds=("exit stack",))
async def _() -> None:
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(Slotted())


if asyncstdlib:

    @libraries.arm("exit stack of asyncstdlib", control=True, holds=("exit stack of asyncstdlib",))
    async def _() -> None:
        async with asyncstdlib.ExitStack() as stack:
            await stack.enter_context(Slotted())


if contextlib2:

    @libraries.arm("exit stack of contextlib2", control=True, holds=("exit stack of contextlib2",))
    async def _() -> None:
        async with contextlib2.AsyncExitStack() as stack:
            await stack.enter_async_context(Slotted())


if __name__ == "__main__":
    libraries.main()
