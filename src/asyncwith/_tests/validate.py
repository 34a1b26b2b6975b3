"""Do the intervals keep their promise on this machine? Real measurement, repeated until its errors can be counted.

    python -m asyncwith._tests.validate DIRECTORY --minutes 15

Three loops are measured that are asyncio's own: the reference, its identical twin, and one that does a little more work in each
pass, and so in each suspension. Short blocks are collected, each a fresh process, and then taken together in two ways. Disjoint
handfuls of consecutive ones are runs of their own: in how many of them is the twin called faster or slower? And as many as a run
of two minutes has, drawn at random without putting back: how often are the twin and the slowed loop called slower? Such draws
overlap, so these shares are estimates of one truth and no independent trials; but each block is a tenth as long as that of a
real run and tells less.

Last, widths: this machine's loops, as pyperf measures them one after the other, and in blocks for the same wall time.

All blocks are kept in DIRECTORY, so the same command goes on after an interruption, and with more minutes takes more.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import pyperf

from asyncwith.arms import load_questions
from asyncwith.blocks import Block, replace_file
from asyncwith.costs import Costs
from asyncwith.deriving import derive_from
from asyncwith.errors import AsyncwithError
from asyncwith.loops import builtin_loops, find_loop
from asyncwith.measuring import NORMAL, QUICK, Measurement, Plan
from asyncwith.slices import Slicer
from asyncwith.statistics import interval_between
from asyncwith.terminal import answer, progress_bar, say, table

__all__ = ["Power", "false_verdicts", "main", "power"]

SUSPENDING = "class that suspends"
PROGRAM = f"""
from asyncwith import Question, Suspend

validating = Question("validating", "Do the intervals keep their promise?")


class Slotted:
    __slots__ = ()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *details: object) -> None:
        pass


async def nothing() -> None:
    pass


@validating.arm("try/finally", floor=True, control=True)
async def _() -> None:
    await nothing()
    try:
        pass
    finally:
        await nothing()


@validating.arm("class", control=True)
async def _() -> None:
    async with Slotted():
        pass


@validating.arm("{SUSPENDING}")
async def _(suspend: Suspend) -> None:
    async with Slotted():
        await suspend()


if __name__ == "__main__":
    validating.main()
"""
# The loops share their classes: a subclass is no identical twin, for the interpreter specialises code for one class at a time.
LOOPS = """
import asyncio
import selectors
from itertools import repeat


class Selector(selectors.DefaultSelector):
    def __init__(self, work):
        super().__init__()
        self.work = work

    def select(self, timeout=None):
        for _ in repeat(None, self.work):
            pass
        return super().select(timeout)


def reference():
    return asyncio.SelectorEventLoop(Selector(0))


def twin():
    return asyncio.SelectorEventLoop(Selector(0))


def slowed():
    return asyncio.SelectorEventLoop(Selector({work}))
"""
BLOCK = 0.6  # seconds; half of it goes for starting, the rest for some fifty rounds
TWO_MINUTES = round(120 / NORMAL.block)  # blocks of a run of two minutes
DRAWS = 100
COLLECTING = 0.8  # of the time; the rest is for the widths
WORKER = 0.9  # seconds that a worker of pyperf takes
FALSE, PROVEN, NARROWER = 0.05, 0.95, 8.0  # what is promised


@dataclass(frozen=True)
class Power:
    """How often the slowed loop, and how often its identical twin was called slower, or faster, in so many draws."""

    draws: int
    slowed: int
    twin: int


def main() -> None:
    """Validate, say the figures, and exit with 1 if one of them is not what was promised."""
    parser = argparse.ArgumentParser(
        prog="python -m asyncwith._tests.validate", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--slowdown", type=float, default=3.0, metavar="PERCENT")
    asked = parser.parse_args()
    seconds = 60 * asked.minutes
    room = asked.directory.resolve() / "room"
    _prepare(room, asked.slowdown / 100)
    loops = [f"{name}={room.parent / 'loops.py'}:{name}" for name in ("reference", "twin", "slowed")]
    blocks = _collect(room, loops, asked.directory / "repeats", Plan(2, seconds * COLLECTING, BLOCK), "repeats")
    kept = [_say_false_verdicts(blocks), _say_power(blocks), _say_widths(room, asked.directory / "widths", seconds)]
    sys.exit(0 if all(kept) else 1)


def _prepare(room: Path, slowdown: float) -> None:
    """Write the bench program and the loops, once: how much work makes a suspension dearer by `slowdown` is found by timing."""
    loops = room.parent / "loops.py"
    if loops.exists():
        return
    replace_file(room / "validating.py", PROGRAM)
    trial = room.parent / "trial.py"
    replace_file(trial, LOOPS.format(work=1000))
    arm = next(arm for arm in load_questions(room)[0].arms if arm.name == SUSPENDING)
    slicers = [Slicer(find_loop(f"{name}={trial}:{name}")) for name in ("reference", "slowed")]
    times = [[slicer.slice(arm.timed, 100, None)[0] / 100 for slicer in slicers] for _ in range(400)]
    plain, laden = map(min, zip(*times, strict=True))  # what others do on the machine only ever adds time
    replace_file(loops, LOOPS.format(work=max(1, round(slowdown * plain / ((laden - plain) / 1000)))))


def _collect(room: Path, loops: Sequence[str], run: Path, plan: Plan, name: str) -> list[Block]:
    """Return the blocks of a run, after as many more as the time allows."""
    work = Measurement(room, [], loops, run / "blocks", plan, lambda _: None)
    with progress_bar(name) as bar:
        while (spent := sum(block.seconds for block in work.found)) + plan.block <= plan.seconds:
            bar.update(spent, plan.seconds, f"{len(work.found)} blocks")
            work.add_block()
    return work.found


def false_verdicts(blocks: Sequence[Block], size: int = QUICK.least) -> tuple[int, int, int]:
    """Return how many disjoint runs of `size` blocks there are, how many call the twin different, and how many are void."""
    runs = [derive_from(blocks[at : at + size]) for at in range(0, len(blocks) - size + 1, size)]
    return len(runs), sum(any(_different(costs, "twin")) for costs in runs), sum(not costs.holds for costs in runs)


def power(blocks: Sequence[Block], size: int = TWO_MINUTES, draws: int = DRAWS, arm: str = SUSPENDING) -> Power:
    """Return how often the slowed loop is found to be slower by `size` blocks drawn at random."""
    chance = random.Random(20)  # the same draws each time
    slowed = twin = 0
    for _ in range(draws):
        costs = derive_from(chance.sample(blocks, size))
        slowed += _verdicts(costs, "slowed")[arm] == "slower"
        twin += any(_different(costs, "twin"))
    return Power(draws, slowed, twin)


def _verdicts(costs: Costs, loop: str) -> dict[str, str]:
    return {cell.arm: cell.verdict for cell in costs.questions[0].cells if cell.loop == loop}


def _different(costs: Costs, loop: str) -> Iterable[bool]:
    return (verdict in ("faster", "slower") for verdict in _verdicts(costs, loop).values())


def _say_false_verdicts(blocks: Sequence[Block]) -> bool:
    runs, false, void = false_verdicts(sorted(blocks, key=lambda block: block.id))
    share = false / max(1, runs)
    say(
        f"\nOf {runs} disjoint runs of {QUICK.least} blocks {false} call the identical twin faster or slower ({share:.1%});"
    )
    say(f"in {void} a control is broken.")
    return runs > 0 and share <= FALSE


def _say_power(blocks: Sequence[Block]) -> bool:
    if len(blocks) < 2 * TWO_MINUTES:
        say(f"{len(blocks)} blocks are too few to draw {TWO_MINUTES} from.")
        return False
    truth = {cell.loop: cell for cell in derive_from(blocks).questions[0].cells if cell.arm == SUSPENDING}["slowed"]
    assert truth.ratio is not None
    found = power(blocks)
    say(f"By all {len(blocks)} blocks together the slowed loop takes ×{truth.ratio:.4f} ±{truth.half_width:.2%}.")
    say(
        f"Of {found.draws} draws of {TWO_MINUTES} blocks {found.slowed} call it slower, "
        f"and {found.twin} the identical twin faster or slower."
    )
    return found.slowed >= PROVEN * found.draws and not found.twin


def _say_widths(room: Path, run: Path, seconds: float) -> bool:
    loops = [loop.id for loop in builtin_loops() if loop.absence() is None and not loop.eager]
    values, spent = _sequential(room, loops, run, seconds * (1 - COLLECTING) / 2)
    blocks = _collect(room, loops, run, Plan(2, max(spent, 2 * NORMAL.block), NORMAL.block), "widths")
    rows, narrower = [], []
    for cell in derive_from(blocks).questions[0].cells:
        if cell.loop != loops[0]:
            label = f"validating: {cell.arm}"
            ours, theirs = (
                cell.half_width,
                interval_between(values[loops[0]][label], values[cell.loop][label]).half_width,
            )
            narrower.append(math.log(theirs / ours))
            rows.append([cell.arm, cell.loop, f"±{ours:.2%}", f"±{theirs:.2%}", f"{theirs / ours:.1f}"])
    say(f"\nHalf-widths after {spent:.0f} s, {len(blocks)} blocks beside files that pyperf made one after the other:\n")
    answer().print(table(["", "loop", "blocks", "pyperf", "times as wide"], rows))
    mean = math.exp(fmean(narrower)) if narrower else 0.0
    say(f"\nIn the geometric mean pyperf's are {mean:.1f} times as wide.")
    return mean >= NARROWER


def _sequential(
    room: Path, loops: Sequence[str], run: Path, seconds: float
) -> tuple[dict[str, dict[str, list[float]]], float]:
    """Return by loop and arm the logarithm of the mean of each process of pyperf, and the seconds that all took together."""
    arms = len(load_questions(room)[0].arms)
    processes = max(2, round(seconds / len(loops) / arms / WORKER))
    found, spent = {}, 0.0
    for loop in loops:
        path, took = run / "pyperf" / f"{loop}.json", run / "pyperf" / f"{loop}.seconds"
        if not took.exists():
            started = time.monotonic()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            program = [sys.executable, str(room / "validating.py")]
            subprocess.run([*program, "--loop", loop, "-q", "-p", str(processes), "-o", str(path)], check=True)
            replace_file(took, json.dumps(time.monotonic() - started))
        spent += json.loads(took.read_text(encoding="utf-8"))
        found[loop] = {
            benchmark.get_name(): [math.log(fmean(each.values)) for each in benchmark.get_runs() if each.values]
            for benchmark in pyperf.BenchmarkSuite.load(str(path)).get_benchmarks()
        }
    return found, spent


if __name__ == "__main__":
    try:
        main()
    except AsyncwithError as error:
        sys.exit(f"validate: {error}")
