"""Slices: an arm on a loop for a third of a millisecond, timed inside the running coroutine."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import chain
from typing import TypeVar

from asyncwith.loops import Loop
from asyncwith.timed import Timed, suspension, time_nothing

__all__ = ["LoopLostError", "Slicer", "deep", "switches"]

T = TypeVar("T")

ENOUGH = 100_000  # ns; the clock's own 50 ns are 0.05 % of it, good enough to count operations by
MOST_OPERATIONS = 1 << 30  # a clock that stands still must not make us count for ever
TRIES = 4  # on a machine so busy that the fourth is disturbed as well, the median over rounds has to do
LONG = 20_000_000  # ns; some turns of a scheduler, so that trying again would hardly find one undisturbed

if sys.platform == "win32":

    def switches() -> int:
        """Return 0: Windows does not tell."""
        return 0
else:
    import resource

    _WHOSE = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)

    def switches() -> int:
        """Return how often the system has taken the processor away from us."""
        return resource.getrusage(_WHOSE).ru_nivcsw


def deep(depth: int, function: Callable[[], T]) -> T:
    """Call `function` from so many frames of C deeper.

    Each loop calls our coroutine from a depth of its own. Where that puts the stack against the heap makes a short arm some
    percent faster or slower, which is luck of the layout and no property of the loop; so the depth is drawn anew each time.
    """
    calls: Iterator[T] = (call() for call in (function,))
    for _ in range(depth):
        calls = chain(calls)
    return next(calls)


class LoopLostError(Exception):
    """The loop did not give back what its coroutine returned, so nothing it reports can be believed."""


class Slicer:
    """Starts one loop, anew for each slice, and times arms in it."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def check(self) -> None:
        """Time nothing in the loop. Raises `LoopLostError`, or whatever a loop that cannot run raises."""
        self.slice(time_nothing, 1, None)

    def slice(self, timed: Timed, operations: int, size: int | None, *, depth: int = 0) -> tuple[int, int]:
        """Return the nanoseconds of wall and thread CPU time that so many operations of an arm take in the running loop.

        A tenth of them goes before, untimed: what a new loop puts off to its first pass, and what the arm before left in
        the processor's caches, is no cost of this arm. A slice in which the processor was taken away is repeated: that is
        the machine, and it would hit long slices more often than short ones. Where one operation is long, that has to do.
        """

        async def main() -> tuple[int, int]:
            await suspension(self.loop)()
            if operations >= 10:  # noqa: PLR2004 - or else a tenth is nothing
                await timed(operations // 10, self.loop, size)
            for _ in range(TRIES):
                before = switches()
                spent = await timed(operations, self.loop, size)
                if switches() == before or spent[0] > LONG:
                    break
            return spent

        return deep(depth, partial(self._run, main))

    def operations_in(self, nanoseconds: int, timed: Timed, size: int | None) -> int:
        """Return how many operations of an arm fill so much time, at least one; this warms the arm up as well."""

        async def main() -> tuple[int, int]:
            operations = 1
            while True:
                wall = sys.maxsize
                for _ in range(TRIES):  # what others disturb looks long, so what seems to be enough is tried again
                    wall = min(wall, (await timed(operations, self.loop, size))[0])
                    if not ENOUGH <= wall < LONG:
                        break
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
        raise LoopLostError("the loop did not give back the result of its main coroutine")
