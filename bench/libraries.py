"""What do other libraries take for what contextlib does? Each arm stands beside contextlib's own on the same loop.

Only what is a library's own is timed: aiotools hands on contextlib's, but for an `aclosing` that older ones have. Libraries that
`asyncwith bench --library` names stand beside those that are known.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib.metadata import version
from typing import Any

import anyio

from asyncwith import Library, Question, libraries_to_time

here, left_out = libraries_to_time()

versions = [f"{each.id} {each.version()}" for each in here]
libraries = Question(
    "libraries",
    f"What do {', '.join(versions)} and anyio {version('anyio')} take for what contextlib does?"
    + "".join(f" (Not here: {each}.)" for each in left_out),
)


def own(name: str) -> Iterator[tuple[Library, Any]]:
    """Yield each library that has a `name` of its own, with that; contextlib comes first, the floor of those that follow."""
    for each in here:
        found = each.load().get(name)
        if each.id == "contextlib" or found not in (None, vars(contextlib)[name]):
            yield each, found


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


@libraries.arm("try/finally", floor=True, control=True)
async def _() -> None:
    await enter()
    try:
        pass
    finally:
        await leave()


for library, decorator in own("asynccontextmanager"):

    @libraries.arm(
        f"@asynccontextmanager of {library.id}",
        floor=library.id == "contextlib",
        holds=(f"@asynccontextmanager of {library.spec}",),
        given={"decorated": decorator(generator)},
    )
    async def _(decorated: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        async with decorated():
            pass


@libraries.arm("AsyncContextManagerMixin of anyio", holds=("@asynccontextmanager",))
async def _() -> None:
    async with Mixed():
        pass


for library, closing in own("aclosing"):

    @libraries.arm(
        f"aclosing of {library.id}",
        floor=library.id == "contextlib",
        holds=(f"aclosing of {library.spec}",),
        given={"aclosing": closing},
    )
    async def _(aclosing: Callable[[object], AbstractAsyncContextManager[object]]) -> None:
        async with aclosing(generator()):
            pass


for library, stack_class in own("AsyncExitStack"):

    @libraries.arm(
        f"exit stack of {library.id}",
        control=True,
        floor=library.id == "contextlib",
        holds=(f"exit stack of {library.spec}",),
        given={"stack_class": stack_class},
    )
    async def _(stack_class: type[AsyncExitStack]) -> None:
        async with stack_class() as stack:
            await stack.enter_async_context(Slotted())


if __name__ == "__main__":
    libraries.main()
