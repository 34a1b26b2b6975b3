"""The child process that counts: it runs under valgrind, and each arm on the loop in a fork of it.

Valgrind tells what it counted only when a process ends. So the counter is read by forking: the copy has the count of the
original up to that moment, ends at once, and leaves it in a file that is named by its process id. The original does nothing
but fork, so an arm finds its memory as it did the last time: where objects lie decides over some instructions in a thousand.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from asyncwith.arms import load_questions
from asyncwith.loops import find_loop
from asyncwith.timed import Timed, suspension, time_nothing
from asyncwith.trace import describe

__all__ = ["PATIENCE", "CountingJob", "operations_of"]

OPERATIONS = 1_000  # of managers or suspensions; counts have no noise that more of them would average out
WARM = 200  # before; CPython 3.11 to 3.15 have specialised all they will by then
PATIENCE = 60  # seconds for an arm, which takes one or two
LONGEST_REASON = 500  # characters


@dataclass(frozen=True)
class CountingJob:
    """What a counting process is asked to do: the arms of `questions` on one loop, but for those that are `done`."""

    room: str
    questions: list[str]
    loop: str
    done: list[tuple[str, int]]


def operations_of(size: int | None) -> int:
    """Return how many operations of an arm are counted; then twice as many."""
    return max(1, OPERATIONS // (size or 1))


def main() -> None:
    """Count what the first argument asks for; one line of JSON on the standard output for each arm, first the empty loop."""
    job = CountingJob(**json.loads(sys.argv[1]))
    words = os.dup(1)
    os.dup2(2, 1)  # what a stranger's loop prints is none of our words
    counter = _Counter(job.loop, words)
    questions = load_questions(Path(job.room), job.questions)
    counter.perform(time_nothing, None)
    gc.collect()
    gc.freeze()
    done = {(question, place) for question, place in job.done}
    _fork(counter, ("", 0), time_nothing, None, skip=False)
    for question in questions:
        for place, arm in enumerate(question.arms):
            address = (question.name, place)
            _fork(counter, address, arm.timed, arm.size, skip=address in done)


def _fork(counter: _Counter, address: tuple[str, int], timed: Timed, size: int | None, *, skip: bool) -> None:
    """Count an arm in a fork. One that is skipped is forked as well: where the next one finds its memory depends on it."""
    process = os.fork()
    if process == 0:
        if not skip:
            counter.count(address, timed, size)
        os._exit(0)
    os.waitpid(process, 0)


class _Counter:
    """Performs arms on one loop and reads the counter in between."""

    def __init__(self, spec: str, words: int) -> None:
        self.loop = find_loop(spec)
        self.words = words

    def count(self, address: tuple[str, int], timed: Timed, size: int | None) -> None:
        """Perform an arm and leave word of where its counts are, or why there are none."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE)
        word: dict[str, object] = {"question": address[0], "place": address[1]}
        try:
            word["readings"] = self.perform(timed, size)
        except BaseException as error:  # noqa: BLE001 - a stranger's loop may raise anything, SystemExit too
            word["error"] = describe(error)[:LONGEST_REASON]
        os.write(self.words, json.dumps(word).encode() + b"\n")

    def perform(self, timed: Timed, size: int | None) -> list[int]:
        """Return the three readings: before so many operations, after them, and after twice as many more."""
        operations = operations_of(size)
        readings: list[int] = []

        async def main() -> None:
            await suspension(self.loop)()
            await timed(max(1, WARM // (size or 1)), self.loop, size)
            readings.append(_reading())
            await timed(operations, self.loop, size)
            readings.append(_reading())
            await timed(2 * operations, self.loop, size)
            readings.append(_reading())

        self.loop.run(main)
        return readings


def _reading() -> int:
    """Read the counter; return the process id that names the file it is in."""
    process = os.fork()
    if process == 0:
        os._exit(0)
    os.waitpid(process, 0)
    return process


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # threads that a loop forgot must not keep a process that is done
