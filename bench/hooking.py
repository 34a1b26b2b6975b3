"""What do the hooks cost by which a loop watches asynchronous generators? Both arms do the same steps, in another order."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from sys import get_asyncgen_hooks, set_asyncgen_hooks

from asyncwith import Question

hooking = Question(
    "hooking", "What do the loop's hooks cost each asynchronous generator?", holds=("@asynccontextmanager",)
)


@asynccontextmanager
async def decorated() -> AsyncGenerator[None]:
    yield


# A generator takes the hooks that are set when it is first advanced. Without any, no loop takes part in it.
@hooking.arm("no hooks", floor=True, control=True)
async def _() -> None:
    hooks = get_asyncgen_hooks()
    set_asyncgen_hooks(None, None)
    async with decorated():
        pass
    set_asyncgen_hooks(*hooks)


@hooking.arm("hooks of the loop")
async def _() -> None:
    hooks = get_asyncgen_hooks()
    set_asyncgen_hooks(None, None)
    set_asyncgen_hooks(*hooks)
    async with decorated():
        pass


if __name__ == "__main__":
    hooking.main()
