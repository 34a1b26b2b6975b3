"""The child process that traces memory: one loop, one arm after another, each by itself in a new run of the loop.

`tracemalloc` sees each byte that Python's allocators give out, and nothing else. Before each reading all garbage is collected,
which also empties CPython's free lists: what an operation holds, it then has to ask for.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import json
import os
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

from asyncwith.arms import load_questions
from asyncwith.host import take_over_streams
from asyncwith.loops import Loop, find_loop
from asyncwith.timed import Timed, suspension, time_nothing
from asyncwith.trace import describe

__all__ = ["PATIENCE", "UNSEEN", "main", "turns_of"]

TURNS = 500  # of managers or tasks, between two looks at what stays
LOOKS = 3  # at the peak of one operation; the least one has no table of the loop in it that happened to double
SERIES = 4  # of so many; what grows once, as a table that doubles, does not grow in each
PASSES = 3  # of the loop before a reading: what was put off to the next one is done, and what that put off as well
UNSEEN = -1  # where the system's allocator does not tell
PATIENCE = 60  # seconds for an arm, which takes two at most
LONGEST_REASON = 500  # characters


def turns_of(size: int | None) -> int:
    """Return how many operations of an arm lie between two looks at what stays."""
    return max(1, TURNS // (size or 1))


def main() -> None:
    """Trace what is asked for, until the asking side closes the pipe. Arguments: the loop, the bench room, the questions."""
    asks, answers = take_over_streams()
    sys.path.append(os.getcwd())  # noqa: PTH109 - people name modules of the folder they are in
    spec, folder, *names = sys.argv[1:]
    loop = find_loop(spec)
    arms = {question.name: question.arms for question in load_questions(Path(folder), names)}
    tracemalloc.start()
    _traced(loop, time_nothing, None)  # what only the first run of a loop in a process makes is no matter of any arm
    for line in asks:
        address = json.loads(line)["arm"]
        arm = arms[address[0]][address[1]] if address else None
        word = _traced(loop, arm.timed if arm else time_nothing, arm.size if arm else None)
        answers.write(json.dumps(word) + "\n")
    os._exit(0)  # threads that a loop forgot must not keep a process that is done


def _traced(loop: Loop, timed: Timed, size: int | None) -> dict[str, Any]:
    """Perform an arm and return its figures, or why there are none."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)  # even if whoever asks is gone
    try:
        return _perform(loop, timed, size)
    except BaseException as error:  # noqa: BLE001 - a stranger's loop may raise anything, SystemExit too
        return {"error": describe(error)[:LONGEST_REASON]}
    finally:
        faulthandler.cancel_dump_traceback_later()


def _perform(loop: Loop, timed: Timed, size: int | None) -> dict[str, int]:
    """Return what one operation has in use at its peak, and by how much each series of them grows what stays, at least."""
    turns = turns_of(size)
    looks: list[tuple[int, int]] = []  # bytes at the peak since the look before, and in use now
    stayed: list[tuple[int, int]] = []  # bytes in use by Python, and of the system's allocator

    def look() -> int:
        _, peak = tracemalloc.get_traced_memory()
        gc.collect()
        looks.append((peak, tracemalloc.get_traced_memory()[0]))
        tracemalloc.reset_peak()
        return 0

    async def rest() -> tuple[int, int]:
        for _ in range(PASSES):
            await suspension(loop)()
        gc.collect()
        return tracemalloc.get_traced_memory()[0], _allocated()

    async def operations() -> None:
        await timed(turns, loop, size)
        for _ in range(LOOKS):
            await rest()
            await timed(1, loop, size, wall=look)
        stayed.append(await rest())
        for _ in range(SERIES):
            await timed(turns, loop, size)
            stayed.append(await rest())

    loop.run(operations)
    peaks = [peak - before for (_, before), (peak, _) in zip(looks[::2], looks[1::2], strict=True)]
    python, native = (min(after - before for before, after in pairwise(each)) for each in zip(*stayed, strict=True))
    return {"peak": min(peaks), "stays": max(0, python), "stays_native": max(0, native) if MALLINFO else UNSEEN}


class _Mallinfo(ctypes.Structure):
    """What glibc tells of its allocator."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
            *("uordblks", "fordblks", "keepcost"),
        )
    ]


MALLINFO = None if sys.platform == "win32" else getattr(ctypes.CDLL(None), "mallinfo2", None)
if MALLINFO is not None:
    MALLINFO.restype = _Mallinfo


def _allocated() -> int:
    """Return how many bytes of the system's allocator are in use: by C libraries, and by Python for what is large."""
    if MALLINFO is None:
        return 0
    told = MALLINFO()
    return int(told.uordblks + told.hblkhd)  # in blocks of its arenas, and in pages of their own
