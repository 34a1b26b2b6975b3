"""Comparing two runs: what became slower, by how much, and how sure that is. A pure function of two sets of blocks.

Seconds of two runs cannot be compared as they stand: between the runs the machine changes its pace by more than most
regressions cost, and no interval over the blocks of either run knows of it. What can be compared is an arm beside its
yardstick: the floor of its question, timed in the same rounds of the same blocks. A floor that is a control never reaches the
loop and uses no library, so with the same build of Python nothing but the machine moves it, on whatever loop it runs. A ratio
to the reference loop would cancel the machine still better, and hide all that became slower on every loop at once.

Another Python moves the floor as well, which is then part of the answer. There, and where a question has no such floor, seconds
are compared; the drift of the machine in between is in them, and the result says so.

Of the rounds of a block the fastest tenth counts. Within a round the noise of two loops cancels, whatever it is; here it does
not, and what others do on the machine only ever adds time. With that, and with the floors of all loops taken together, intervals
on a machine with three times the load it can bear were a third as wide as by medians beside the floor of the same loop.

The two sets of blocks are no pairs, therefore the intervals are Welch's, over blocks. All cells stand in one table and decide
on one exit code, therefore Holm's correction is for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from asyncwith.arms import label
from asyncwith.blocks import Block, Slice, read_blocks
from asyncwith.changed_verdicts import ChangedVerdicts, compare_verdicts
from asyncwith.costs import Cell
from asyncwith.deriving import derive_from
from asyncwith.errors import InputError, UsageError
from asyncwith.statistics import (
    CONFIDENCE,
    MARGIN,
    Interval,
    Word,
    holm,
    interval_between,
    p_beyond,
    p_same_between,
    word,
)

__all__ = ["Change", "Comparison", "compare", "compare_blocks"]

SAME_MACHINE = ("machine", "cpu", "cores", "jit", "gil")  # what no comparison of times survives a difference in
SAME_PYTHON = ("implementation", "python", "build")
SMALLEST = 1e-3  # ns; what is left of an arm that costs no more than the empty loop, so that it has a logarithm
CERTAINTY = 0.999  # of "faster" and "slower": a gate is asked daily, and one false alarm in twenty gets it ignored
LEAST = 2  # blocks, or there is no interval


@dataclass(frozen=True)
class Change:
    """One arm on one loop in both runs. `ratio` is NEW / BASE; `regression` tells whether it is proven beyond the limit."""

    question: str
    arm: str
    size: int | None
    loop: str
    ratio: Interval
    verdict: Word
    regression: bool

    def row(self) -> list[str]:
        """Return the row of the table: arm, loop, ratio, half the width of its interval, verdict."""
        name = self.arm if self.size is None else f"{self.arm}, {self.size:,}"
        return [name, self.loop, f"{self.ratio.middle:.3f}", f"±{self.ratio.half_width:.1%}", self.verdict]

    def sentence(self) -> str:
        """Say it: `entering: class on uvloop is 3.1 % slower (2.4 to 3.8 %)`."""
        name = f"{label(self.question, self.arm, self.size)} on {self.loop}"
        percents = [100 * (each - 1) for each in (self.ratio.middle, self.ratio.low, self.ratio.high)]
        if self.verdict == "faster":
            middle, high, low = (-each for each in percents)
        else:
            middle, low, high = percents
        if self.verdict in ("faster", "slower"):
            return f"{name} is {middle:.1f} % {self.verdict} ({low:.1f} to {high:.1f} %)"
        return f"{name} is {self.verdict} ({low:+.1f} to {high:+.1f} %)"


@dataclass(frozen=True)
class Comparison:
    """All that two runs say of each other.

    `differences` are those of the grounds they were measured on. `pace` is what the machine itself changed by where that was
    taken out, `by_seconds` are the questions where it could not be. `not_compared` and `void` have the reasons.
    """

    fail_on: float
    differences: tuple[str, ...]
    pace: tuple[float, ...]
    by_seconds: tuple[str, ...]
    changes: tuple[Change, ...]
    not_compared: tuple[str, ...]
    void: tuple[str, ...]
    verdicts: ChangedVerdicts

    def exit_code(self) -> int:
        """Return 1 if something is proven to be worse, 3 if nothing was compared or a control is broken, else 0."""
        if self.verdicts.regressions or any(change.regression for change in self.changes):
            return 1
        return 3 if self.void or not self.changes else 0

    def notes(self) -> list[str]:
        """Say what the figures rest on, and what they leave out."""
        said = [f"BASE and NEW differ in {', '.join(self.differences)}"] if self.differences else []
        if self.pace:
            changed = " to ".join(
                dict.fromkeys(f"{100 * (each - 1):+.1f}" for each in (min(self.pace), max(self.pace)))
            )
            said.append(
                f"the pace of the machine, which is the time of the floors, changed by {changed} %; the ratios leave it out"
            )
        if self.by_seconds:
            said.append(
                f"{', '.join(self.by_seconds)}: seconds are compared, and what the machine did between the runs is in them"
            )
        missing = [*self.not_compared, *self.verdicts.notes]
        return [*said, *(f"void: {each}" for each in self.void), *(f"not compared: {each}" for each in missing)]

    def sentences(self) -> list[str]:
        """Say what changed, the worst first, and end with the sum."""
        said = [change.sentence() for change in self.verdicts.changes]
        slower = [change for change in self.changes if change.verdict == "slower"]
        faster = [change for change in self.changes if change.verdict == "faster"]
        said += [change.sentence() for change in sorted(slower, key=lambda each: -each.ratio.middle)]
        said += [change.sentence() for change in sorted(faster, key=lambda each: each.ratio.middle)]
        return [*said, self._sum(len(slower), len(faster))]

    def _sum(self, slower: int, faster: int) -> str:
        if not self.changes:
            return "Nothing could be compared"
        beyond = sum(change.regression for change in self.changes)
        same = sum(change.verdict == "equivalent" for change in self.changes)
        unproven = len(self.changes) - slower - faster - same
        return (
            f"Of {len(self.changes)} cells {slower} slower, {beyond} of them by more than {100 * self.fail_on:g} % for sure, "
            f"{faster} faster, {same} equivalent, {unproven} unproven"
        )


def compare(base: Path, new: Path, *, fail_on: float = MARGIN) -> Comparison:
    """Compare the runs in two directories. What is slower by more than `fail_on` is a regression.

    Raises `InputError` if one of them cannot be read, and `UsageError` if they are no runs of one machine.
    """
    found = []
    for directory in (base, new):
        blocks = read_blocks(directory / "blocks")
        if not blocks:
            raise InputError(f"{directory / 'blocks'}: there are no blocks", "`asyncwith bench -o RUN` makes some")
        found.append(blocks)
    return compare_blocks(*found, fail_on=fail_on, verdicts=compare_verdicts(base, new))


def compare_blocks(
    base: Sequence[Block],
    new: Sequence[Block],
    *,
    fail_on: float = MARGIN,
    verdicts: ChangedVerdicts = ChangedVerdicts(),  # noqa: B008 - it is frozen
) -> Comparison:
    """Compare two sets of blocks, each of one origin; a cell is one arm on one loop that both have timed."""
    _check_machine(base[0].provenance, new[0].provenance)
    return _Comparing(_Run(base), _Run(new)).result(fail_on, verdicts)


def _check_machine(base: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    differing = [
        f"{key} is {base.get(key)!r} in BASE and {new.get(key)!r} in NEW"
        for key in SAME_MACHINE
        if base.get(key) != new.get(key) or base.get(key) is None
    ]
    if differing:
        raise UsageError(
            f"these runs cannot be compared: {'; '.join(differing)}", "measure both on one machine, in one state"
        )


@dataclass(frozen=True)
class _Figure:
    """What one operation took in one block, or its ratio to the yardstick, as logarithms."""

    wall: float
    cpu: float


Figures = dict[str, _Figure]  # by block


class _Run:
    """One set of blocks, and its cells by name."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.costs = derive_from(blocks)
        self.origin = blocks[0].provenance
        self.versions = dict(self.origin["packages"])
        self.digests: dict[str, str] = {}
        for block in blocks:
            self.versions |= block.loops
            self.digests |= block.digests
        self.blocks = [(block, {record.label: record for record in block.records}) for block in blocks]
        self.cells: dict[tuple[str, str, str], Cell] = {
            (question.name, label(question.name, cell.arm, cell.size), cell.loop): cell
            for question in self.costs.questions
            for cell in question.cells
        }

    def yardstick(self, question: str) -> str | None:
        """Return the label of the floor of a question if it never reaches the loop."""
        floors = (
            name
            for _, records in self.blocks
            for name, record in records.items()
            if record.question == question and record.floor and record.control
        )
        return next(floors, None)

    def fewest_rounds(self) -> int:
        """Return how many rounds even the shortest block has."""
        return min((len(record.again) for _, records in self.blocks for record in records.values()), default=1)

    def figures(self, arm: str, loops: Iterable[str], rounds: int) -> Figures:
        """Return what one operation takes in each block, on all of these loops taken together."""
        figures = {}
        for block, records in self.blocks:
            record = records.get(arm)
            timed = [] if record is None else [loop for loop in loops if loop in record.slices]
            if record is not None and timed:
                slices = [each for loop in timed for each in record.slices[loop][:rounds]]
                wall = _fastest(slices) - _fastest(block.nothing[:rounds])
                cpu = _cpu(slices) - _cpu(block.nothing)
                figures[block.id] = _Figure(math.log(max(wall, SMALLEST)), math.log(max(cpu, SMALLEST)))
        return figures


def _fastest(slices: Sequence[Slice]) -> float:
    """Return in how many nanoseconds an operation is done in the fastest tenth of the slices."""
    spent = [wall / operations for operations, wall, _ in slices]
    return quantiles(spent, n=10, method="inclusive")[0] if len(spent) > 1 else spent[0]


def _cpu(slices: Sequence[Slice]) -> float:
    """Return the nanoseconds of CPU time of an operation. Summed, because some systems count it in ticks of 15 ms."""
    return sum(cpu for _, _, cpu in slices) / sum(operations for operations, _, _ in slices)


def _beside(figures: Figures, yardstick: Figures) -> Figures:
    """Return the ratios to the yardstick, block by block."""
    return {
        id_: _Figure(figure.wall - yardstick[id_].wall, figure.cpu - yardstick[id_].cpu)
        for id_, figure in figures.items()
        if id_ in yardstick
    }


@dataclass(frozen=True)
class _Pair:
    """One cell in both runs."""

    question: str
    cell: Cell
    base: Figures
    new: Figures

    @property
    def wall(self) -> tuple[list[float], list[float]]:
        return [each.wall for each in self.base.values()], [each.wall for each in self.new.values()]

    @property
    def contradicted(self) -> bool:
        """Whether CPU time proves the opposite of wall time. That it proves nothing is well: who waits burns none."""
        wall = interval_between(*self.wall)
        cpu = interval_between([each.cpu for each in self.base.values()], [each.cpu for each in self.new.values()])
        return cpu.high < 1 if wall.middle > 1 else cpu.low > 1


class _Comparing:
    """The comparison of two runs, question by question."""

    def __init__(self, base: _Run, new: _Run) -> None:
        self.base, self.new = base, new
        self.same_python = all(base.origin.get(key) == new.origin.get(key) for key in SAME_PYTHON)
        self.loops = [loop for loop in base.costs.loops if loop in new.costs.loops]
        # The fastest tenth of more rounds is faster, so all blocks must have equally many.
        self.rounds = min(base.fewest_rounds(), new.fewest_rounds())
        self.pace: list[float] = []
        self.by_seconds: list[str] = []
        self.not_compared: list[str] = []
        self.broken = {
            control.question: f"a control of {control.question} is broken in {name}: {control.name}, {control.arm}: {control.why}"
            for name, run in (("BASE", base), ("NEW", new))
            for control in run.costs.controls
            if not control.held
        }
        self.pairs = [pair for question in self._questions() for pair in self._pairs(question)]

    def result(self, fail_on: float, verdicts: ChangedVerdicts) -> Comparison:
        questions = {pair.question for pair in self.pairs}
        return Comparison(
            fail_on=fail_on,
            differences=self._differences(),
            pace=tuple(self.pace),
            by_seconds=tuple(self.by_seconds),
            changes=tuple(self._changes(fail_on)),
            not_compared=tuple(dict.fromkeys(self.not_compared)),
            void=tuple(why for question, why in self.broken.items() if question in questions),
            verdicts=verdicts,
        )

    def _differences(self) -> tuple[str, ...]:
        known = [
            {key: run.origin.get(key) for key in (*SAME_PYTHON, "platform")} | run.versions
            for run in (self.base, self.new)
        ]
        both = [(key, known[0].get(key), known[1].get(key)) for key in {**known[0], **known[1]}]
        return tuple(f"{key} ({old or 'none'} → {new or 'none'})" for key, old, new in both if old != new)

    def _questions(self) -> list[str]:
        """Return the questions that the same program asked in both runs."""
        common = []
        for question in sorted({*self.base.digests, *self.new.digests}):
            old, new = self.base.digests.get(question), self.new.digests.get(question)
            if old is None or new is None:
                self.not_compared.append(f"{question} was asked in {'NEW' if old is None else 'BASE'} only")
            elif old != new:
                self.not_compared.append(f"{question}: the code of its program is not the same in BASE and NEW")
            else:
                common.append(question)
        return common

    def _pairs(self, question: str) -> list[_Pair]:
        yardstick = self.base.yardstick(question) if self.same_python else None
        runs = self.base, self.new
        floors = [run.figures(yardstick, self.loops, self.rounds) for run in runs] if yardstick is not None else []
        pairs = []
        for key in {**self.base.cells, **self.new.cells}:
            _, arm, loop = key
            if key[0] != question or not self._timed(key) or arm == yardstick:
                continue
            figures = [run.figures(arm, [loop], self.rounds) for run in runs]
            if floors:
                figures = [_beside(each, floor) for each, floor in zip(figures, floors, strict=True)]
            if min(map(len, figures)) < LEAST:
                self.not_compared.append(f"{arm} on {loop} has its floor beside it in fewer than {LEAST} blocks")
            else:
                pairs.append(_Pair(question, self.base.cells[key], *figures))
        if pairs and floors:
            walls = ([each.wall for each in floor.values()] for floor in floors)
            self.pace.append(interval_between(*walls).middle)
        elif pairs:
            self.by_seconds.append(question)
        return pairs

    def _timed(self, key: tuple[str, str, str]) -> bool:
        """Whether both runs timed a cell; the reason why not is kept, once for all that share it."""
        _, arm, loop = key
        for name, run in (("BASE", self.base), ("NEW", self.new)):
            cell = run.cells.get(key)
            if cell is None:
                what = f"{arm} on {loop}" if loop in run.costs.loops else loop
                self.not_compared.append(f"{what} is not in {name}")
            elif cell.not_timed is not None:
                self.not_compared.append(f"{loop} was not timed in {name}: {cell.not_timed}")
            else:
                continue
            return False
        return True

    def _changes(self, fail_on: float) -> list[Change]:
        same = holm([p_same_between(*pair.wall) for pair in self.pairs])
        beyond = holm([p_beyond(*pair.wall, 1 + fail_on) for pair in self.pairs])
        return [self._change(*each, fail_on) for each in zip(self.pairs, same, beyond, strict=True)]

    def _change(self, pair: _Pair, same: float, beyond: float, fail_on: float) -> Change:
        ratio = interval_between(*pair.wall)
        # What is gated at 1 % must not be called equivalent at 1.5 %.
        verdict = word(ratio, same, confidence=CERTAINTY, margin=min(MARGIN, fail_on))
        if pair.question in self.broken or (verdict in ("faster", "slower") and pair.contradicted):
            verdict = "unproven"
        proven = verdict == "slower" and beyond < 1 - CONFIDENCE
        return Change(pair.question, pair.cell.arm, pair.cell.size, pair.cell.loop, ratio, verdict, proven)
