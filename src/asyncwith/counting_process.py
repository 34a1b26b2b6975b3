"""The child process that counts: it runs under valgrind, and each arm on the loop in a fork of it.

Valgrind tells what it counted only when a process ends. So the counter is read by forking: the copy has the count of the
original up to that moment, ends at once, and leaves it in a file that is named by its process id. The original does nothing
but fork, so an arm finds its memory as it did the last time.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import IO, Any

from asyncwith.arms import load_questions
from asyncwith.host import take_over_streams
from asyncwith.loops import Loop, find_loop
from asyncwith.timed import Timed, suspension, time_nothing
from asyncwith.trace import describe

__all__ = ["PATIENCE", "main", "operations_of"]

OPERATIONS = 1_000  # of managers or suspensions; counts have no noise that more of them would average out
WARM = 200  # before; CPython 3.11 to 3.15 have specialised all they will by then
PATIENCE = 60  # seconds for an arm, which takes one or two
LONGEST_REASON = 500  # characters
LARGEST_BLOCK = 512  # bytes; what is larger does not come from pools
BLOCKS = tuple(range(16, LARGEST_BLOCK + 1, 16))
IMAGINARY, COMPLEX, BYTES = 1j, 32, b"".__sizeof__()  # no free list has complex numbers or bytes in stock
NEIGHBOURS = 16  # blocks; even of the largest, a pool has room for so many
ATTEMPTS = 250  # another allocator may never give out neighbours
SPOKEN = 101  # exit code of a fork that left word; a loop may end the process with any of the usual ones


def operations_of(size: int | None) -> int:
    """Return how many operations of an arm are counted; then twice as many."""
    return max(1, OPERATIONS // (size or 1))


def main() -> None:
    """Count what is asked for, until the asking side closes the pipe. Arguments: the loop, the bench room, the questions."""
    asks, answers = take_over_streams()
    sys.path.append(os.getcwd())  # noqa: PTH109 - people name modules of the folder they are in
    spec, folder, *names = sys.argv[1:]
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(PATIENCE)  # not even a loop that hangs here outlives a killed parent for long
    try:
        loop = find_loop(spec)
        arms = {question.name: question.arms for question in load_questions(Path(folder), names)}
        _perform(loop, time_nothing, None)
    except BaseException as error:  # noqa: BLE001 - a stranger's loop may raise anything, SystemExit too
        _say(answers, {"error": describe(error)[:LONGEST_REASON]})
        os._exit(1)
    signal.alarm(0)
    gc.collect()
    gc.freeze()
    for line in asks:
        address = json.loads(line)["arm"]
        arm = arms[address[0]][address[1]] if address else None
        process = os.fork()
        if process == 0:
            signal.alarm(PATIENCE)
            _say(answers, _counted(loop, arm.timed if arm else time_nothing, arm.size if arm else None))
            os._exit(SPOKEN)
        _, status = os.waitpid(process, 0)
        if os.waitstatus_to_exitcode(status) != SPOKEN:
            _say(answers, {"error": "it took its process down, or too long"})
    os._exit(0)  # threads that a loop forgot must not keep a process that is done


def _say(answers: IO[str], word: dict[str, Any]) -> None:
    answers.write(json.dumps(word) + "\n")
    answers.flush()


def _counted(loop: Loop, timed: Timed, size: int | None) -> dict[str, Any]:
    """Perform an arm and tell where its counts are, or why there are none."""
    try:
        return {"readings": _perform(loop, timed, size)}
    except BaseException as error:  # noqa: BLE001 - as above
        return {"error": describe(error)[:LONGEST_REASON]}


def _perform(loop: Loop, timed: Timed, size: int | None) -> list[int]:
    """Return the three readings: before so many operations, after them, and after twice as many more."""
    operations = operations_of(size)
    readings: list[int] = []

    async def turns() -> None:
        await suspension(loop)()
        await timed(max(1, WARM // (size or 1)), loop, size)
        held = _settle()
        readings.append(_reading())
        await timed(operations, loop, size)
        readings.append(_reading())
        await timed(2 * operations, loop, size)
        readings.append(_reading())
        held.clear()

    loop.run(turns)
    return readings


def _settle() -> list[object]:
    """Bring the allocator into a state that is always the same; what comes back must be held for as long as it shall last.

    CPython's allocator cuts blocks of one size from pools. Where a pool happens to be one block short of full, an operation
    that takes and returns two goes over its edge and back each time, some 20 instructions: up to 0.5 % of a class manager,
    decided by the size of the environment. So holes are filled until blocks come one behind the other, and these are
    returned: a pool with room for what an operation takes. Whatever else is returned later may open a hole again, therefore
    nothing is made here but blocks of the very size, and by nothing that makes another: no iterator, no call, no number.
    """
    held: list[object] = [None] * LARGEST_BLOCK  # so long that it is none of these blocks itself
    place = 0
    while place < len(BLOCKS):
        size = BLOCKS[place]
        attempt = 0
        while attempt < ATTEMPTS:
            block = 0
            while block < NEIGHBOURS:
                held.append(
                    b"." * (size - BYTES) if size > COMPLEX else IMAGINARY * IMAGINARY if size == COMPLEX else object()
                )
                block += 1
            if id(held[-1]) - id(held[-NEIGHBOURS]) == (NEIGHBOURS - 1) * size:
                break
            attempt += 1
        block = 1  # one stays, or else the pool would be empty, and given back
        while block < NEIGHBOURS:
            held.pop()
            block += 1
        place += 1
    return held


def _reading() -> int:
    """Read the counter; return the process id that names the file it is in."""
    process = os.fork()
    if process == 0:
        os._exit(0)
    os.waitpid(process, 0)
    return process
