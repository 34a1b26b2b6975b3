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

from asyncwith.blocks import ALONE, Block, Record, check_origin, read_blocks
from asyncwith.controls import Known, family, known, known_between, ratios_alone
from asyncwith.cost_model import cost_model
from asyncwith.costs import Cell, Control, Costs, QuestionCosts
from asyncwith.errors import InputError
from asyncwith.growth import growth
from asyncwith.rounds import Rounds, drift, paired
from asyncwith.statistics import CONFIDENCE, MARGIN, Interval, Word, holm, interval, p_same, word

__all__ = ["derive", "derive_from"]


def derive(directory: Path, *, until: float = 0.01) -> Costs:
    """Return what the blocks of a run say. Raises `InputError` if there are none or they do not belong together."""
    blocks, alone = read_blocks(directory / "blocks"), read_blocks(directory / ALONE)
    if not blocks:
        raise InputError(f"{directory / 'blocks'}: there are no blocks", "asyncwith bench makes some")
    check_origin([*blocks, *alone], directory)
    return derive_from(blocks, alone=alone, until=until)


def derive_from(blocks: Sequence[Block], *, alone: Sequence[Block] = (), until: float = 0.01) -> Costs:
    """Return what `blocks` say, and whether those in which a loop was `alone` agree; `until` is the half-width aimed at.

    A loop that failed in one block is not timed at all, and an arm whose constructs failed in one, not on that loop.
    """
    blocks = sorted(blocks, key=lambda block: block.id)
    loops: dict[str, str] = {}
    not_timed: dict[str, str] = {}
    asks: dict[str, str] = {}
    for block in blocks:
        loops |= block.loops
        not_timed |= block.not_timed
        asks |= block.asks
    order = list(dict.fromkeys([blocks[0].reference, *loops, *not_timed]))
    crosschecks = ratios_alone(alone, order[0])
    answers = [_Answer(blocks, name, order, not_timed, crosschecks) for name in sorted(asks)]
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
        seconds=round(sum(block.seconds for block in (*blocks, *alone)), 3),
        holds=all(control.held for control in controls),
        controls=tuple(controls),
        questions=tuple(answer.table(asks[answer.name]) for answer in answers),
        turns=len({block.alone for block in alone}),
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
    drifts: list[float] = field(default_factory=list)
    operations: list[int] = field(default_factory=list)


class _Answer:
    """One question: the samples of all blocks, and what follows from them."""

    def __init__(
        self,
        blocks: Sequence[Block],
        name: str,
        loops: Sequence[str],
        not_timed: Mapping[str, str],
        alone: Mapping[tuple[str, str], Sequence[float]],
    ) -> None:
        self.name = name
        self.loops = loops
        self.not_timed = not_timed
        self.alone = alone
        self.held: dict[tuple[str, str], str] = {}
        self.broken: set[tuple[str, str]] = set()  # where constructs of the arm do not hold
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
        rounds = Rounds(block)
        floor: Record | None = None
        for record in sorted(records, key=lambda record: record.place):
            floor = record if record.floor else floor
            self.arms.setdefault(record.label, record)
            self._note_held(block, record)
            reference = record.slices.get(self.reference, [])
            reference_logs = rounds.logs(record, reference)
            if reference:
                self.again[record.label].append(paired(rounds.logs(record, record.again), reference_logs))
            for loop, slices in record.slices.items():
                logs, its = rounds.logs(record, slices), self.samples[record.label, loop]
                its.seconds.append(median(logs))
                its.operations.append(sum(operations for operations, _, _ in slices))
                its.cpu.append(rounds.cpu(record, slices))
                if reference:
                    its.ratios.append(paired(logs, reference_logs))
                    its.drifts.append(drift(logs, reference_logs))
                    its.cpu_ratios.append(math.log(its.cpu[-1] / rounds.cpu(record, reference)))
                if floor is not None and loop in floor.slices:
                    its.of_floor.append(paired(logs, rounds.logs(floor, floor.slices[loop])))

    def _note_held(self, block: Block, record: Record) -> None:
        for loop, said in record.held.items():
            key = record.label, loop
            if loop in block.loops and loop not in record.slices:
                self.broken.add(key)
                self.held[key] = said
            elif key not in self.broken:
                self.held[key] = said

    def _controls(self) -> list[Control]:
        fixed: list[Known] = []
        drifting: list[Known] = []
        alone: list[Known] = []
        for label, arm in self.arms.items():
            if label in self.again:
                fixed += known("itself", f"{self.reference} against itself", arm, self.again[label])
            for loop in self.loops[1:]:
                if not self._compared(label, loop):
                    continue
                its = self.samples[label, loop]
                half = len(its.ratios) // 2
                first, last = its.ratios[:half], its.ratios[-half:]
                if arm.control:
                    fixed += known("never suspends", f"{loop} on what never suspends", arm, its.ratios)
                drifting += known("drift", f"{loop} from the first half of each block to the second", arm, its.drifts)
                drifting += known_between("drift", f"{loop} from the first blocks to the last", arm, first, last)
                ratios = self.alone.get((label, loop), [])
                alone += known_between("alone", f"{loop} with a process of its own", arm, its.ratios, ratios)
        return [*family(fixed), *family(drifting), *family(alone)]

    def _timed(self, label: str, loop: str) -> bool:
        sound = loop not in self.not_timed and (label, loop) not in self.broken
        return sound and len(self.samples[label, loop].seconds) > 1

    def _compared(self, label: str, loop: str) -> bool:
        return self._timed(label, loop) and self._timed(label, self.reference)

    def table(self, asks: str) -> QuestionCosts:
        """Return the table. Where a control is broken nothing is proven, whatever the intervals say."""
        compared = [(label, loop) for label in self.arms for loop in self.loops[1:] if self._compared(label, loop)]
        corrected = dict(zip(compared, holm([p_same(self.samples[key].ratios) for key in compared]), strict=True))
        sized = any(arm.size is not None for arm in self.arms.values())
        return QuestionCosts(
            name=self.name,
            asks=asks,
            of="seconds per unit of size" if sized else "seconds per operation",
            cells=tuple(
                self._cell(label, loop, corrected.get((label, loop))) for label in self.arms for loop in self.loops
            ),
        )

    def _cell(self, label: str, loop: str, corrected: float | None) -> Cell:
        arm, its = self.arms[label], self.samples[label, loop]
        specs = [self.specs.get(each, each) for each in dict.fromkeys([self.reference, loop])]
        command = shlex.join(["asyncwith", "bench", self.name, *(part for spec in specs for part in ("--loop", spec))])
        cell = Cell(arm=arm.name, size=arm.size, loop=loop, control=arm.control, command=command)
        held = self.held.get((label, loop), "")
        if not self._timed(label, loop):
            why = held if (label, loop) in self.broken else "fewer than two blocks have it"
            return replace(cell, not_timed=self.not_timed.get(loop, why))
        seconds = interval(its.seconds)
        cell = replace(
            cell,
            held=held,
            seconds=seconds.middle,
            low=seconds.low,
            high=seconds.high,
            cpu_seconds=fmean(its.cpu),
            values=tuple(map(math.exp, its.seconds)),
            operations=tuple(its.operations),
        )
        if self._compared(label, loop):
            ratio = interval(its.ratios)
            proven = not (ratio.low <= 1 <= ratio.high or ratio.within(MARGIN))  # to differ by more than nothing
            agree = not proven or math.log(ratio.middle) * fmean(its.cpu_ratios) > 0
            cell = replace(
                cell,
                ratio=ratio.middle,
                ratio_low=ratio.low,
                ratio_high=ratio.high,
                verdict=self._verdict(arm, ratio, corrected, agree=agree),
                agree=agree,
                ratios=tuple(map(math.exp, its.ratios)),
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
