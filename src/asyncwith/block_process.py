"""The child process that measures one block: every arm on every loop, in slices of a third of a millisecond, in random order.

Two slices that are compared lie a few milliseconds apart, so that a noisy machine disturbs both. The first loop is the
reference; it runs twice in each turn, and what the two runs differ by is noise that nobody can deny.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from asyncwith.arms import Arm, load_questions
from asyncwith.blocks import Block, Record, Slice, replace_file
from asyncwith.loops import find_loop
from asyncwith.provenance import provenance
from asyncwith.slices import Slicer, switches
from asyncwith.timed import Timed, time_nothing
from asyncwith.trace import describe

__all__ = ["Held", "Job", "main"]

SLICE = 300_000  # ns; long beside the clock, short beside a scheduler's turn (3 ms); longer ones were not more precise
JITTER = 0.2  # a fixed length could beat in time with the scheduler's tick
DEEPEST = 64  # frames of C of some 100 bytes: up to a page and a half of stack, after which layouts repeat
LEAST_ROUNDS = 5  # a median of fewer is an average
SHARE = 2  # times what each arm would have of a block if all had the same: more than that nobody waits for
LONGEST_REASON = 500  # characters
DEAF = 60  # seconds without a new slice until the system ends us; by then whoever waits has done so

T = TypeVar("T")
Held = dict[
    str, dict[str, tuple[bool, str]]
]  # by construct and loop: whether it may be timed, and what came of judging it


@dataclass(frozen=True)
class Job:
    """What a block process is asked to do. `largest` leaves out bigger sizes, `not_timed` is known before, and so is `held`.

    `started` is a reading of the monotonic clock, which all processes share, so that starting up counts as well. `code` is the
    version of our own code. Blocks of one `turn` were measured right after each other, to be compared; so were those of one
    turn `alone`, in which each loop has a block of its own.
    """

    id: str
    room: str
    questions: list[str]
    loops: list[str]
    not_timed: dict[str, str]
    held: Held
    largest: int
    started: float
    seconds: float
    seed: int
    hash_seed: int
    padding: int
    block: str
    word: str
    code: str | None = None
    turn: str | None = None
    alone: str | None = None


def main() -> None:
    """Measure the block that the first argument asks for, and write it to its file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked decides; and the loops find one handler less to change
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    job = Job(**json.loads(sys.argv[1]))
    chance = random.Random(job.seed)  # noqa: S311 - an order, not a secret
    questions = load_questions(Path(job.room), job.questions)
    crew = _Crew(job)
    nothing = _Measured(time_nothing, None, list(crew.slicers))
    measured = {
        (question.name, place): _Measured(arm.timed, arm.size, crew.sound(arm))
        for question in questions
        for place, arm in enumerate(question.arms)
        if (arm.size or 1) <= job.largest
    }
    turns = [nothing, *measured.values()]
    chance.shuffle(turns)
    for each in turns:
        each.calibrate(crew)
    gc.collect()
    gc.freeze()  # collections inside slices look at what the slices make, not at what we loaded
    before = switches()
    share = SHARE * job.seconds / len(turns)
    while len(nothing.again) < LEAST_ROUNDS or time.monotonic() - job.started < job.seconds:
        turns = [each for each in turns if not each.long or each.seconds <= share]
        chance.shuffle(turns)
        for each in turns:
            each.turn(crew, chance)
    seconds = time.monotonic() - job.started
    conditions = {
        "turn": job.turn,
        "alone": job.alone,
        "prefix": sys.prefix,
        "seed": job.seed,
        "hash_seed": job.hash_seed,
        "padding": job.padding,
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else [],
        "switches": switches() - before,
    }
    records = []
    for question in questions:
        for place, arm in enumerate(question.arms):
            if (question.name, place) in measured:
                its = measured[question.name, place]
                records.append(
                    Record(
                        question=question.name,
                        name=arm.name,
                        size=arm.size,
                        place=place,
                        control=arm.control,
                        floor=arm.floor,
                        slices={loop: slices for loop, slices in its.slices.items() if loop in crew.slicers},
                        again=its.again,
                        held=crew.held(arm),
                    )
                )
    block = Block(
        id=job.id,
        provenance=provenance(job.code),
        conditions=conditions,
        reference=crew.reference,
        loops={id_: slicer.loop.version() for id_, slicer in crew.slicers.items()},
        specs=crew.specs,
        not_timed=crew.not_timed,
        asks={question.name: question.asks for question in questions},
        digests={question.name: question.digest() for question in questions},
        seconds=seconds,
        nothing=nothing.again,
        records=records,
    )
    replace_file(Path(job.block), json.dumps(block.to_json()))


class _Crew:
    """The loops of a block that run, and what became of the others."""

    def __init__(self, job: Job) -> None:
        loops = [find_loop(spec) for spec in job.loops]
        self.reference = loops[0].id
        self.specs = {loop.id: spec for loop, spec in zip(loops, job.loops, strict=True)}
        self.slicers = {loop.id: Slicer(loop) for loop in loops if loop.id not in job.not_timed}
        self.not_timed = dict(job.not_timed)
        self._held = job.held
        self._word = os.open(job.word, os.O_WRONLY)
        self._said = 0
        self._parent = os.getppid()
        for loop in list(self.slicers):
            self.attempt(loop, Slicer.check)

    def attempt(self, loop: str, act: Callable[[Slicer], T]) -> T | None:
        """Do something on a loop, if it still runs. A loop that fails leaves the crew, and None comes back."""
        if loop not in self.slicers:
            return None
        self._say(loop)
        try:
            return act(self.slicers[loop])
        except BaseException as error:  # noqa: BLE001 - a stranger's loop may raise anything, SystemExit too
            del self.slicers[loop]
            self.not_timed[loop] = describe(error)[:LONGEST_REASON]
        if loop == self.reference:
            sys.exit(f"the reference loop {loop} does not run: {self.not_timed[loop]}")
        return None

    def sound(self, arm: Arm) -> list[str]:
        """Return the loops that run on which all constructs of an arm hold."""
        return [loop for loop in self.slicers if all(self._held[name][loop][0] for name in arm.holds)]

    def held(self, arm: Arm) -> dict[str, str]:
        """Return by loop what came of judging the constructs of an arm: the first that does not hold, or each of them."""
        said = {loop: [self._held[name][loop] for name in arm.holds] for loop in self.slicers if arm.holds}
        return {
            loop: next((why for may, why in its if not may), "; ".join(why for _, why in its))[:LONGEST_REASON]
            for loop, its in said.items()
        }

    def _say(self, loop: str) -> None:
        """Leave word of what runs now, for the parent to read when this process falls silent or dies."""
        if os.getppid() != self._parent:
            os._exit(1)  # nobody waits for the block any more
        if hasattr(signal, "alarm"):
            signal.alarm(DEAF)  # not even a loop that hangs outlives a killed parent for long
        self._said += 1
        os.lseek(self._word, 0, os.SEEK_SET)
        os.write(self._word, f"{self._said} {loop}\n".encode())


class _Measured:
    """One arm: how many operations fill a slice on each of its loops, and its slices so far."""

    def __init__(self, timed: Timed, size: int | None, loops: list[str]) -> None:
        self.timed = timed
        self.size = size
        self.operations: dict[str, int] = {}
        self.slices: dict[str, list[Slice]] = {loop: [] for loop in loops}
        self.again: list[Slice] = []  # the second run on the reference loop
        self.seconds = 0.0  # that all of them took

    @property
    def long(self) -> bool:
        """Whether one operation takes longer than a slice. Such an arm has the first rounds only, as many as its share allows."""
        return 1 in self.operations.values()

    def calibrate(self, crew: _Crew) -> None:
        """Find how many operations fill a slice on each loop, which warms the arm up as well."""
        for loop in self.slices:
            found = crew.attempt(loop, lambda slicer: slicer.operations_in(SLICE, self.timed, self.size))
            self.operations[loop] = found or 1

    def turn(self, crew: _Crew, chance: random.Random) -> None:
        """Add a slice on each loop, and the second one on the reference loop, in random order."""
        runs = [(loop, slices) for loop, slices in self.slices.items() if loop in crew.slicers]
        if crew.reference in self.slices:
            runs.append((crew.reference, self.again))
        chance.shuffle(runs)
        started = time.monotonic()
        for loop, slices in runs:
            operations = max(1, round(self.operations[loop] * chance.uniform(1 - JITTER, 1 + JITTER)))
            depth = chance.randrange(DEEPEST)
            spent = crew.attempt(
                loop, partial(Slicer.slice, timed=self.timed, operations=operations, size=self.size, depth=depth)
            )
            if spent is not None:
                slices.append((operations, *spent))
        self.seconds += time.monotonic() - started


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # threads that a loop forgot must not keep a process that is done
