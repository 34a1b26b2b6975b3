"""Slices: an arm on a loop for a millisecond or two, timed inside the running coroutine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asyncwith.loops import Loop
from asyncwith.timed import Timed, suspension, time_nothing

__all__ = ["LoopLost", "Slicer"]

ENOUGH = 200_000  # ns; an operation that took so long in all can be counted on: the clock's own 50 ns are 0.03 % of it
MOST_OPERATIONS = 1 << 30  # a clock that stands still must not make us count for ever


class LoopLost(Exception):
    """The loop did not give back what its coroutine returned, so nothing it reports can be believed."""


class Slicer:
    """Starts one loop, anew for each slice, and times arms in it."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._suspend = suspension(loop)

    def check(self) -> None:
        """Run nothing in the loop. Raises `LoopLost`, or whatever a loop that cannot run raises."""
        self.slice(time_nothing, 1, None)

    def slice(self, timed: Timed, operations: int, size: int | None) -> tuple[int, int]:
        """Return the nanoseconds of wall and thread CPU time that `operations` of an arm take, the start of the loop excluded."""

        async def main() -> tuple[int, int]:
            await self._suspend()  # whatever a new loop puts off to its first pass is done here
            return await timed(operations, self._suspend, size)

        return self._run(main)

    def operations_in(self, nanoseconds: int, timed: Timed, size: int | None) -> int:
        """Return how many operations of an arm fill so much time, at least one; this warms the arm up as well."""

        async def main() -> tuple[int, int]:
            operations = 1
            while True:
                wall, _ = await timed(operations, self._suspend, size)
                if wall >= ENOUGH or operations >= MOST_OPERATIONS:
                    return operations, wall
                operations *= 2

        operations, wall = self._run(main)
        return max(1, round(operations * nanoseconds / max(wall, 1)))

    def _run(self, main: Callable[[], Awaitable[tuple[int, int]]]) -> tuple[int, int]:
        back: object = self.loop.run(main)
        match back:
            case (int() as first, int() as second):
                return first, second
        msg = "the loop did not give back the result of its main coroutine"
        raise LoopLost(msg)
