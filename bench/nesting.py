"""What does depth cost: nested statements, one combined statement, calls inside calls, one stack? All figures are per manager.

The compiler allows twenty blocks inside each other, so a statement ends at 16 managers; four calls share the 64 combined ones.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

from asyncwith import Question

nesting = Question("nesting", "What does each level of depth cost?", holds=("class",))

SIXTEEN = 16
DEPTHS = (1, 4, SIXTEEN, 64)


class Slotted:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


async def descend(depth: int) -> None:
    async with Slotted():
        if depth > 1:
            await descend(depth - 1)


async def descend_by_sixteen(depth: int) -> None:
    async with (
        Slotted(), Slotted(), Slotted(), Slotted(),
        Slotted(), Slotted(), Slotted(), Slotted(),
        Slotted(), Slotted(), Slotted(), Slotted(),
        Slotted(), Slotted(), Slotted(), Slotted(),
    ):  # fmt: skip
        if depth > SIXTEEN:
            await descend_by_sixteen(depth - SIXTEEN)


async def enter() -> None:
    pass


async def leave() -> None:
    pass


@nesting.arm("try/finally", floor=True, control=True, sizes=(1,))
async def _() -> None:
    await enter()
    try:
        pass
    finally:
        await leave()


@nesting.arm("nested", control=True, sizes=(1,))
async def _() -> None:
    async with Slotted():
        pass


@nesting.arm("nested", control=True, sizes=(4,))
async def _() -> None:
    async with Slotted():
        async with Slotted():
            async with Slotted():
                async with Slotted():
                    pass


@nesting.arm("nested", control=True, sizes=(8,))
async def _() -> None:
    async with Slotted():
        async with Slotted():
            async with Slotted():
                async with Slotted():
                    async with Slotted():
                        async with Slotted():
                            async with Slotted():
                                async with Slotted():
                                    pass


@nesting.arm("nested", control=True, sizes=(16,))
async def _() -> None:
    async with Slotted():
        async with Slotted():
            async with Slotted():
                async with Slotted():
                    async with Slotted():
                        async with Slotted():
                            async with Slotted():
                                async with Slotted():
                                    async with Slotted():
                                        async with Slotted():
                                            async with Slotted():
                                                async with Slotted():
                                                    async with Slotted():
                                                        async with Slotted():
                                                            async with Slotted():
                                                                async with Slotted():
                                                                    pass


@nesting.arm("combined", control=True, sizes=(4,), holds=("combined statement",))
async def _() -> None:
    async with Slotted(), Slotted(), Slotted(), Slotted():
        pass


@nesting.arm("combined", control=True, sizes=(16,), holds=("combined statement",))
async def _() -> None:
    async with (
        Slotted(), Slotted(), Slotted(), Slotted(),
        Slotted(), Slotted(), Slotted(), Slotted(),
        Slotted(), Slotted(), Slotted(), Slotted(),
        Slotted(), Slotted(), Slotted(), Slotted(),
    ):  # fmt: skip
        pass


@nesting.arm("combined", control=True, sizes=(64,), holds=("combined statement",))
async def _() -> None:
    await descend_by_sixteen(64)


@nesting.arm("calls", control=True, sizes=DEPTHS)
async def _(n: int) -> None:
    await descend(n)


@nesting.arm("exit stack", control=True, sizes=DEPTHS, holds=("class", "exit stack"))
async def _(n: int) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(n):
            await stack.enter_async_context(Slotted())


if __name__ == "__main__":
    nesting.main()
