"""What do the parts cost of which every manager is made? No manager does less, and no loop takes part."""

from __future__ import annotations

from asyncwith import Question

floors = Question("floors", "What do the parts cost of which every manager is made?")


class Synchronous:
    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *details: object) -> None:
        pass


class Slotted:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


def function() -> None:
    pass


async def coroutine() -> None:
    pass


@floors.arm("coroutine", floor=True, control=True)
async def _() -> None:
    await coroutine()


@floors.arm("function", control=True)
async def _() -> None:
    function()


@floors.arm("two coroutines", control=True)
async def _() -> None:
    await coroutine()
    await coroutine()


@floors.arm("try/finally", control=True)
async def _() -> None:
    await coroutine()
    try:
        pass
    finally:
        await coroutine()


@floors.arm("synchronous with", control=True)
async def _() -> None:
    with Synchronous():
        pass


@floors.arm("class", control=True, holds=("class",))
async def _() -> None:
    async with Slotted():
        pass


if __name__ == "__main__":
    floors.main()
