"""From blocks to what they say. A pure function of the set of blocks: their order and their file names play no part."""

from __future__ import annotations

import math
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, median
from typing import Literal

from asyncwith.blocks import Block, Record, Slice, read_blocks
from asyncwith.cost_model import cost_model
from asyncwith.costs import Cell, Control, Costs, QuestionCosts
from asyncwith.errors import InputError
from asyncwith.growth import growth
from asyncwith.statistics import CONFIDENCE, MARGIN, Interval, Word, holm, interval, p_same, word

__all__ = ["derive", "derive_from"]

SMALLEST = 1e-12  # seconds; what is left of an arm that costs no more than the empty loop, so that it has a logarithm


def derive(directory: Path, *, until: float = 0.01) -> Costs:
    """Return what the blocks of a run say. Raises `InputError` if there are none or they do not belong together."""
    blocks = read_blocks(directory / "blocks")
    if not blocks:
        raise InputError(f"{directory / 'blocks'}: there are no blocks", "asyncwith bench makes some")
    return derive_from(blocks, until=until)


def derive_from(blocks: Sequence[Block], *, until: float = 0.01) -> Costs:
    """Return what `blocks` say; `until` is the half-width aimed at. A loop that failed in one block is not timed at all."""
    blocks = sorted(blocks, key=lambda block: block.id)
    loops: dict[str, str] = {}
    not_timed: dict[str, str] = {}
    asks: dict[str, str] = {}
    for block in blocks:
        loops |= block.loops
        not_timed |= block.not_timed
        asks |= block.asks
    order = list(dict.fromkeys([blocks[0].reference, *loops, *not_timed]))
    answers = [_Answer(blocks, name, order, not_timed) for name in sorted(asks)]
    controls = [control for answer in answers for control in answer.controls]
    timed = [loop for loop in order if loop not in not_timed]
    return Costs(
        provenance=dict(blocks[0].provenance),
        reference=blocks[0].reference,
        loops={loop: loops[loop] for loop in timed},
        confidence=CONFIDENCE,
        margin=MARGIN,
        until=until,
        blocks=len(blocks),
        seconds=round(sum(block.seconds for block in blocks), 3),
        holds=all(control.held for control in controls),
        controls=tuple(controls),
        questions=tuple(answer.table(asks[answer.name]) for answer in answers),
        terms=cost_model(blocks, timed, {control.question for control in controls if not control.held}),
        growth=growth(blocks, timed),
    )


@dataclass
class _Samples:
    """One arm on one loop: a number per block in each list. Of all but `cpu` and `operations` it is the logarithm."""

    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    cpu_ratios: list[float] = field(default_factory=list)
    of_floor: list[float] = field(default_factory=list)
    operations: list[int] = field(default_factory=list)


class _Answer:
    """One question: the samples of all blocks, and what follows from them."""

    def __init__(self, blocks: Sequence[Block], name: str, loops: Sequence[str], not_timed: Mapping[str, str]) -> None:
        self.name = name
        self.loops = loops
        self.not_timed = not_timed
        self.reference = loops[0]
        self.arms: dict[str, Record] = {}
        self.samples: dict[tuple[str, str], _Samples] = defaultdict(_Samples)
        self.again: dict[str, list[float]] = defaultdict(list)
        self.specs: dict[str, str] = {}
        for block in blocks:
            self.specs |= block.specs
            self._add(block)
        self.arms = dict(sorted(self.arms.items(), key=lambda item: item[1].place))
        self.controls = self._controls()

    def _add(self, block: Block) -> None:
        records = [record for record in block.records if record.question == self.name]
        floor: Record | None = None
        for record in sorted(records, key=lambda record: record.place):
            floor = record if record.floor else floor
            self.arms.setdefault(record.label, record)
            reference = _logs(block, record, record.slices[self.reference])
            reference_cpu = _cpu(block, record, record.slices[self.reference])
            self.again[record.label].append(_paired(_logs(block, record, record.again), reference))
            for loop, slices in record.slices.items():
                logs, its = _logs(block, record, slices), self.samples[record.label, loop]
                its.seconds.append(median(logs))
                its.ratios.append(_paired(logs, reference))
                its.operations.append(sum(operations for operations, _, _ in slices))
                its.cpu.append(_cpu(block, record, slices))
                its.cpu_ratios.append(math.log(its.cpu[-1] / reference_cpu))
                if floor is not None and loop in floor.slices:
                    its.of_floor.append(_paired(logs, _logs(block, floor, floor.slices[loop])))

    def _controls(self) -> list[Control]:
        """Return all controls; each interval is so wide that luck breaks one of a sound table in 5 % of cases and not in more."""
        known = [(f"{self.reference} against itself", arm, self.again[label]) for label, arm in self.arms.items()]
        known += [
            (f"{loop} on what never suspends", arm, self.samples[label, loop].ratios)
            for label, arm in self.arms.items()
            for loop in self.loops[1:]
            if arm.control and self._timed(label, loop)
        ]
        known = [each for each in known if len(each[2]) > 1]
        return [_control(name, arm, interval(ratios, 1 - (1 - CONFIDENCE) / len(known))) for name, arm, ratios in known]

    def _timed(self, label: str, loop: str) -> bool:
        return loop not in self.not_timed and len(self.samples[label, loop].seconds) > 1

    def table(self, asks: str) -> QuestionCosts:
        """Return the table. Where a control is broken nothing is proven, whatever the intervals say."""
        compared = [(label, loop) for label in self.arms for loop in self.loops[1:] if self._timed(label, loop)]
        corrected = dict(zip(compared, holm([p_same(self.samples[key].ratios) for key in compared]), strict=True))
        sized = any(arm.size is not None for arm in self.arms.values())
        return QuestionCosts(
            name=self.name,
            asks=asks,
            of="seconds per manager" if sized else "seconds per operation",
            cells=tuple(
                self._cell(label, loop, corrected.get((label, loop))) for label in self.arms for loop in self.loops
            ),
        )

    def _cell(self, label: str, loop: str, corrected: float | None) -> Cell:
        arm, its = self.arms[label], self.samples[label, loop]
        specs = [self.specs.get(each, each) for each in dict.fromkeys([self.reference, loop])]
        command = shlex.join(["asyncwith", "bench", self.name, *(part for spec in specs for part in ("--loop", spec))])
        cell = Cell(arm=arm.name, size=arm.size, loop=loop, control=arm.control, command=command)
        if not self._timed(label, loop):
            return replace(cell, not_timed=self.not_timed.get(loop, "fewer than two blocks have it"))
        seconds, ratio = interval(its.seconds), interval(its.ratios)
        agree = ratio.low <= 1 <= ratio.high or math.log(ratio.middle) * fmean(its.cpu_ratios) > 0
        cell = replace(
            cell,
            seconds=seconds.middle,
            low=seconds.low,
            high=seconds.high,
            cpu_seconds=fmean(its.cpu),
            ratio=ratio.middle,
            ratio_low=ratio.low,
            ratio_high=ratio.high,
            verdict=self._verdict(arm, ratio, corrected, agree=agree),
            agree=agree,
            values=tuple(map(math.exp, its.seconds)),
            ratios=tuple(map(math.exp, its.ratios)),
            operations=tuple(its.operations),
        )
        if len(its.of_floor) < len(its.seconds):
            return cell  # the question has no floor
        floors = interval(its.of_floor)
        return replace(cell, of_floor=floors.middle, of_floor_low=floors.low, of_floor_high=floors.high)

    def _verdict(
        self, arm: Record, ratio: Interval, corrected: float | None, *, agree: bool
    ) -> Word | Literal["reference"]:
        if corrected is None:
            return "reference"
        if not agree or not all(control.held for control in self.controls):
            return "unproven"
        proven = word(ratio, corrected)
        # What never reaches the loop owes it nothing: a difference too small to break the control is luck of the layout.
        return "unproven" if arm.control and proven != "equivalent" else proven


def _control(name: str, arm: Record, ratio: Interval) -> Control:
    held = not ratio.beyond(MARGIN)
    why = "" if held else f"{ratio.low:.3f} to {ratio.high:.3f}, where nothing can differ by more than {MARGIN:.0%}"
    return Control(name, arm.question, arm.name, arm.size, ratio.middle, ratio.low, ratio.high, held, why)


def _logs(block: Block, record: Record, slices: Sequence[Slice]) -> list[float]:
    """Return the logarithm of the seconds per operation, or per manager, in each round."""
    nothing = median(wall / operations for operations, wall, _ in block.nothing)
    return [_log(wall / operations - nothing, record.size) for operations, wall, _ in slices]


def _cpu(block: Block, record: Record, slices: Sequence[Slice]) -> float:
    """Return the CPU seconds of one operation, or manager. Summed, because some systems count CPU time in ticks of 15 ms."""
    nothing = sum(cpu for _, _, cpu in block.nothing) / sum(operations for operations, _, _ in block.nothing)
    spent = sum(cpu for _, _, cpu in slices) / sum(operations for operations, _, _ in slices)
    return math.exp(_log(spent - nothing, record.size))


def _log(nanoseconds: float, size: int | None) -> float:
    return math.log(max(nanoseconds * 1e-9 / (size or 1), SMALLEST))


def _paired(logs: Sequence[float], others: Sequence[float]) -> float:
    """Return the median over the rounds of the ratio within a round, as a logarithm."""
    return median(one - other for one, other in zip(logs, others, strict=False))
