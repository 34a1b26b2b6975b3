"""What does it cost when a manager or its body suspends, so that the loop runs others and comes back?"""

from __future__ import annotations

from asyncwith import Question, Suspend

suspending = Question("suspending", "What does it cost when enter, body or exit suspend?", holds=("suspension",))

MORE = (2, 4, 8)  # how often; from these follows what one more suspension costs


class Slotted:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


class InEnter:
    __slots__ = ("suspend",)

    def __init__(self, suspend: Suspend) -> None:
        self.suspend = suspend

    async def __aenter__(self) -> None:
        await self.suspend()

    async def __aexit__(self, *details: object) -> None:
        pass


class InExit:
    __slots__ = ("suspend",)

    def __init__(self, suspend: Suspend) -> None:
        self.suspend = suspend

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        await self.suspend()


class InBoth:
    __slots__ = ("suspend",)

    def __init__(self, suspend: Suspend) -> None:
        self.suspend = suspend

    async def __aenter__(self) -> None:
        await self.suspend()

    async def __aexit__(self, *details: object) -> None:
        await self.suspend()


class OftenInEnter:
    __slots__ = ("suspend", "times")

    def __init__(self, suspend: Suspend, times: int) -> None:
        self.suspend = suspend
        self.times = times

    async def __aenter__(self) -> None:
        for _ in range(self.times):
            await self.suspend()

    async def __aexit__(self, *details: object) -> None:
        pass


class OftenInExit:
    __slots__ = ("suspend", "times")

    def __init__(self, suspend: Suspend, times: int) -> None:
        self.suspend = suspend
        self.times = times

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        for _ in range(self.times):
            await self.suspend()


async def enter() -> None:
    pass


async def leave() -> None:
    pass


@suspending.arm("try/finally", floor=True, control=True)
async def _() -> None:
    await enter()
    try:
        pass
    finally:
        await leave()


@suspending.arm("nowhere", control=True, holds=("class",))
async def _() -> None:
    async with Slotted():
        pass


@suspending.arm("in enter")
async def _(suspend: Suspend) -> None:
    async with InEnter(suspend):
        pass


@suspending.arm("in exit")
async def _(suspend: Suspend) -> None:
    async with InExit(suspend):
        pass


@suspending.arm("in enter and exit")
async def _(suspend: Suspend) -> None:
    async with InBoth(suspend):
        pass


@suspending.arm("in enter", sizes=MORE)
async def _(suspend: Suspend, n: int) -> None:
    async with OftenInEnter(suspend, n):
        pass


@suspending.arm("in exit", sizes=MORE)
async def _(suspend: Suspend, n: int) -> None:
    async with OftenInExit(suspend, n):
        pass


@suspending.arm("in the body", sizes=(1, *MORE))
async def _(suspend: Suspend, n: int) -> None:
    async with Slotted():
        for _ in range(n):
            await suspend()


if __name__ == "__main__":
    suspending.main()
