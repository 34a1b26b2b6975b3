"""Measuring: blocks one after another, each in a process of its own, until the intervals are narrow enough.

This side only decides, starts, watches and files. It never runs a loop, so no loop can take it down; and whenever it is
killed, all blocks but the one in flight are on disk and count when the command is given again.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from asyncwith.arms import load_questions
from asyncwith.block_process import Held, Job
from asyncwith.blocks import ALONE, Block, check_origin, read_block, read_blocks
from asyncwith.costs import Costs
from asyncwith.deriving import derive_from
from asyncwith.errors import AsyncwithError, UsageError
from asyncwith.holding import hold
from asyncwith.interpreters import OURS, Interpreter
from asyncwith.loops import find_loop
from asyncwith.rooms import room

__all__ = [
    "NORMAL",
    "QUICK",
    "RIGOROUS",
    "Measurement",
    "NothingMeasuredError",
    "Plan",
    "Progress",
    "Report",
    "measure",
]

PATIENCE = 30.0  # seconds without a new slice until a loop is said to hang; 100,000 tasks take one or two, or ten if it is busy
LOOKS = (
    2  # blocks between two looks at the intervals: a schedule fixed beforehand, so that stopping is no search for luck
)
DISTORTING = (
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONMALLOC",
    "PYTHONTRACEMALLOC",
)  # each slows loops by its own measure


@dataclass(frozen=True)
class Plan:
    """How long to measure: at least `least` blocks, then until every interval is within ± `until` or `seconds` are spent.

    `block` is how long one block takes. `largest` leaves out arms of bigger size, which a quick look cannot afford. `turns` is
    how often each loop is measured in a process of its own as well, to see that sharing one does not move the ratios.
    """

    least: int
    seconds: float
    block: float
    until: float = 0.01
    largest: int = sys.maxsize
    turns: int = 0

    def at_end(self, blocks: int, seconds: float, half_width: float | None) -> bool:
        """Tell whether to stop after so many blocks in so many seconds."""
        if blocks < self.least:
            return False
        at_look = (blocks - self.least) % LOOKS == 0
        precise = half_width is not None and half_width <= self.until
        return seconds + self.block > self.seconds or (at_look and precise)


# Many short blocks tell more than few long ones: where a process happens to lie in memory moves its ratios by 1 to 3 %.
QUICK = Plan(least=8, seconds=45, block=3.0, largest=100)
NORMAL = Plan(least=12, seconds=300, block=5.0, turns=6)
RIGOROUS = Plan(least=24, seconds=1_800, block=8.0, until=0.005, turns=12)


@dataclass(frozen=True)
class Progress:
    """How far a measurement is. `half_width` is that of the widest interval, None while that is not known."""

    blocks: int
    least: int
    seconds: float
    of_seconds: float
    half_width: float | None


Report = Callable[[Progress], None]


class NothingMeasuredError(AsyncwithError):
    """No block could be measured, so there is nothing to conclude from."""

    exit_code = 3


def measure(
    questions: Sequence[str],
    loops: Sequence[str],
    directory: Path,
    plan: Plan = QUICK,
    *,
    progress: Report = lambda _: None,
    folder: Path | None = None,
) -> Costs:
    """Measure `questions` (all if empty) on `loops`, the first of which is the reference, and return what they cost.

    Blocks that `directory` already holds count. `folder` is the bench room unless told otherwise. Raises `InputError` if
    there are blocks of another origin, and `NothingMeasuredError` if not even the reference loop can be timed.
    """
    work = Measurement(folder or room("bench"), questions, loops, directory / "blocks", plan, progress)
    while not work.enough():
        if work.wants_turn():
            work.add_turn()
        else:
            work.add_block()
    return derive_from(work.blocks(), alone=work.blocks_alone(), until=plan.until)


class Measurement:
    """One measurement: what is asked of which Python, the blocks that are there, and what became of the loops."""

    def __init__(
        self,
        folder: Path,
        questions: Sequence[str],
        specs: Sequence[str],
        blocks: Path,
        plan: Plan,
        report: Report,
        python: Interpreter = OURS,
    ) -> None:
        asked = load_questions(folder, questions)
        self.folder, self.specs, self.directory, self.plan, self.report = folder, specs, blocks, plan, report
        self.questions = [question.name for question in asked]
        self.there = python.survey(folder, self.questions, specs)
        self.python = Interpreter(self.there.executable)  # the one itself, and no script that looks for it each time
        self.labels = [label for label, size in self.there.arms if (size or 1) <= plan.largest]
        loops = [find_loop(spec) for spec in specs]
        self.loops = [loop.id for loop in loops]
        if len(set(self.loops)) < len(self.loops):
            raise UsageError(f"of these loops two have the same name: {', '.join(self.loops)}")
        self.found = read_blocks(blocks)
        self.alone = read_blocks(blocks.with_name(ALONE))
        check_origin([*self.found, *self.alone], blocks.parent)
        self.held: Held | None = None  # not judged yet
        self.ends: Counter[str] = Counter()  # how often a process died or fell silent while the loop ran
        self.not_timed = dict(self.there.absences)
        for block in self.found:
            self.not_timed |= block.not_timed

    def blocks(self) -> list[Block]:
        """Return the blocks that answer what is asked; the directory may hold others."""
        return [block for block in self.found if block.covers(self.labels, self.loops)]

    def blocks_alone(self) -> list[Block]:
        """Return those of them in which one loop had the process for itself."""
        return [block for block in self.alone if block.covers(self.labels, [block.reference])]

    def enough(self) -> bool:
        """Tell whether to stop, and report how far we are."""
        blocks = self.blocks()
        costs = derive_from(blocks) if len(blocks) > 1 else None
        half_width = None if costs is None else costs.half_width
        self._tell(half_width)
        return self.plan.at_end(len(blocks), self._spent(), None if self.wants_turn() else half_width)

    def wants_turn(self) -> bool:
        """Tell whether the loops are to be measured one by one now: after every second block, so that both see the same times."""
        present = {find_loop(spec).id for spec in self._present()}
        turns: dict[str | None, set[str]] = defaultdict(set)
        for block in self.blocks_alone():
            turns[block.alone].add(block.reference)
        whole = sum(loops >= present for loops in turns.values())
        return len(present) > 1 and whole < min(self.plan.turns, len(self.blocks()) // 2)

    def add_block(self, turn: str | None = None) -> None:
        """Measure one more block and file it, or learn that a loop takes the process down; twice, and it is out."""
        self._measure(self.specs, self.plan.block, self.directory, turn=turn)

    def add_turn(self) -> None:
        """Measure each loop in a process of its own, in random order; all of them take about as long as one block."""
        turn, present = secrets.token_hex(8), self._present()
        for spec in secrets.SystemRandom().sample(present, len(present)):
            self._measure([spec], self.plan.block / len(present), self.directory.with_name(ALONE), alone=turn)

    def _present(self) -> list[str]:
        return [spec for loop, spec in zip(self.loops, self.specs, strict=True) if loop not in self.not_timed]

    def _measure(
        self,
        specs: Sequence[str],
        seconds: float,
        directory: Path,
        *,
        turn: str | None = None,
        alone: str | None = None,
    ) -> None:
        reference = self.loops[0]
        if reference in self.not_timed:
            raise NothingMeasuredError(self.not_timed[reference])
        if self.held is None:
            self.held = hold(self.python, self.folder, self.questions, self._present(), self.directory.parent)
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="asyncwith-") as scratch:
            word, errors = Path(scratch, "word"), Path(scratch, "errors")
            word.touch()
            id_ = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
            job = Job(
                id=id_,
                room=str(self.folder),
                questions=self.questions,
                loops=list(specs),
                not_timed=self.not_timed,
                held=self.held,
                largest=self.plan.largest,
                started=time.monotonic(),
                seconds=seconds,
                seed=secrets.randbits(32),
                hash_seed=secrets.randbits(32),
                padding=secrets.randbelow(4096),
                block=str(directory / f"{id_}.unfiled"),
                word=str(word),
                code=version("asyncwith"),
                turn=turn,
                alone=alone,
            )
            end = self._watch(job, word, errors)
            if end is None:
                self._file(Path(job.block))
                return
            loop = word.read_text(encoding="utf-8").partition("\n")[0].partition(" ")[2]
            last = errors.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        self.ends[loop] += 1
        if self.ends[loop] == 1:
            return  # somebody else may have ended it
        if loop not in self.loops[1:]:
            raise NothingMeasuredError(last or f"{reference}: {end}")
        self.not_timed[loop] = end

    def _file(self, unfiled: Path) -> None:
        block = read_block(unfiled)
        check_origin([*self.found, *self.alone, block], self.directory.parent)
        unfiled.replace(unfiled.with_suffix(".json"))
        (self.alone if block.alone else self.found).append(block)
        self.not_timed |= block.not_timed

    def _watch(self, job: Job, word: Path, errors: Path) -> str | None:
        """Run the process of a block; return None if it ended well, and what happened to it if not."""
        environment = {name: value for name, value in os.environ.items() if name not in DISTORTING}
        environment |= {"PYTHONHASHSEED": str(job.hash_seed), "ASYNCWITH_PADDING": "x" * job.padding}
        command = self.python.command("asyncwith.block_process", json.dumps(asdict(job)))
        with errors.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, env=environment
            )
        started = silent_since = time.monotonic()
        said = b""
        try:
            while process.poll() is None:
                now = time.monotonic()
                self._tell(None, now - started)
                if (says := word.read_bytes()) != said:
                    said, silent_since = says, now
                elif now - silent_since > PATIENCE:
                    return f"nothing came back for {PATIENCE:.0f} seconds"
                with suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)
        finally:
            process.kill()
            process.wait()
        if process.returncode == 0 and Path(job.block).exists():
            return None
        return f"the process ended with {_status(process.returncode)}"

    def _tell(self, half_width: float | None, in_flight: float = 0.0) -> None:
        blocks = self.blocks()
        spent = self._spent() + in_flight
        self.report(Progress(len(blocks), self.plan.least, spent, self.plan.seconds, half_width))

    def _spent(self) -> float:
        return sum(block.seconds for block in (*self.blocks(), *self.blocks_alone()))


def _status(code: int) -> str:
    """Return an exit code in words: on POSIX a negative one is a signal."""
    try:
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"
