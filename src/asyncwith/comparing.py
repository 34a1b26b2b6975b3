"""Comparing two runs: what became slower, by how much, and how sure that is. A pure function of two sets of blocks.

Seconds of two runs cannot be compared as they stand: between the runs the machine changes its pace by more than most
regressions cost, and no interval over the blocks of either run knows of it. What can be compared is an arm beside its
yardstick: the floor of its question, timed in the same rounds of the same blocks. A floor that is a control never reaches the
loop and uses no library, so with the same build of Python nothing but the machine moves it, on whatever loop it runs. A ratio
to the reference loop would cancel the machine still better, and hide all that became slower on every loop at once.

Another Python moves the floor as well, which is then part of the answer. There, and where a question has no such floor, seconds
are compared; the drift of the machine in between is in them, and the result says so.

With the fastest slices of each block, and with the floors of all loops taken together, intervals on a machine with three times
the load it can bear were a third as wide as by medians beside the floor of the same loop.

Such sets of blocks are no pairs, therefore the intervals are Welch's, over blocks. All cells stand in one table and decide on
one exit code, therefore Holm's correction is for all of them.

All that is otherwise where both were measured in turns, one block right after the other (`asyncwith.against`). What the machine
did then hit both, so seconds are compared turn by turn, whichever Pythons they are of, with Student's interval over turns. A
yardstick would add its own noise and take none away: with ten processes on two processors the spread between turns was the
same, and so it was with CPU time in place of wall time, because a slice that others interrupted is not among the fastest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asyncwith.blocks import Block, read_blocks
from asyncwith.changed_counts import compare_counts
from asyncwith.changed_verdicts import compare_verdicts
from asyncwith.comparison import Change, Comparison
from asyncwith.costs import Cell
from asyncwith.errors import InputError, UsageError
from asyncwith.evidence import Apart, Evidence, InTurns
from asyncwith.figures import Figures, Run, beside
from asyncwith.statistics import CONFIDENCE, MARGIN, Interval, holm, interval_between, word

__all__ = ["LEAST", "compare", "compare_blocks", "turn_of"]

SAME_MACHINE = ("machine", "cpu", "cores")  # what no comparison of times survives a difference in
SAME_STATE = ("jit", "gil")  # nor in these, unless they are what is compared, in turns
SAME_PYTHON = ("implementation", "python", "build")
CERTAINTY = 0.999  # of "faster" and "slower": a gate is asked daily, and one false alarm in twenty gets it ignored
LEAST = 2  # blocks, or there is no interval


def compare(base: Path, new: Path, *, fail_on: float = MARGIN) -> Comparison:
    """Compare the runs in two directories. What is slower by more than `fail_on` is a regression.

    Raises `InputError` if one of them cannot be read or holds nothing that was measured, and `UsageError` if they are no runs
    of one machine.
    """
    blocks, there = [], []
    for run in (base, new):
        blocks.append(read_blocks(run / "blocks"))
        there.append(bool(blocks[-1]))
        if not blocks[-1] and not (run / "instructions").is_dir():
            raise InputError(f"{run / 'blocks'}: there are no blocks", "`asyncwith bench -o RUN` makes some")
    counts, verdicts = compare_counts(base, new), compare_verdicts(base, new)
    if all(there):
        found = compare_blocks(*blocks, fail_on=fail_on)
    else:
        only = (f"times were measured in {'BASE' if there[0] else 'NEW'} only",) if any(there) else ()
        found = Comparison(fail_on, not_compared=only)
    return replace(found, counts=counts, verdicts=verdicts)


def compare_blocks(base: Sequence[Block], new: Sequence[Block], *, fail_on: float = MARGIN) -> Comparison:
    """Compare two sets of blocks, each of one origin; a cell is one arm on one loop that both have timed.

    Where both have blocks of the same turns, only these count.
    """
    old, found = ({turn: block for block in blocks if (turn := turn_of(block))} for blocks in (base, new))
    turns = [turn for turn in old if turn in found]
    _check_machine(base[0].provenance, new[0].provenance, in_turns=bool(turns))
    if turns:
        sides = [Run({turn: blocks[turn] for turn in turns}) for blocks in (old, found)]
    else:
        sides = [Run({block.id: block for block in blocks}) for blocks in (base, new)]
    return _Comparing(*sides, turns=len(turns)).result(fail_on)


def turn_of(block: Block) -> str | None:
    """Return the turn that a block was measured in, beside one of another Python; None if there was no such turn."""
    turn = block.conditions.get("turn")
    return turn if isinstance(turn, str) else None


def _check_machine(base: Mapping[str, Any], new: Mapping[str, Any], *, in_turns: bool) -> None:
    differing = [
        f"{key} is {base.get(key)!r} in BASE and {new.get(key)!r} in NEW"
        for key in (SAME_MACHINE if in_turns else (*SAME_MACHINE, *SAME_STATE))
        if base.get(key) != new.get(key) or base.get(key) is None
    ]
    if differing:
        raise UsageError(
            f"these runs cannot be compared: {'; '.join(differing)}", "measure both on one machine, in one state"
        )


@dataclass(frozen=True)
class _Pair:
    """One cell in both runs, and what each clock says of it."""

    question: str
    cell: Cell
    wall: Evidence
    cpu: Evidence
    of_reference: tuple[Interval, Interval] | None

    @property
    def contradicted(self) -> bool:
        """Whether CPU time proves the opposite of wall time. That it proves nothing is well: who waits burns none."""
        cpu = self.cpu.ratio()
        return cpu.high < 1 if self.wall.ratio().middle > 1 else cpu.low > 1


class _Comparing:
    """The comparison of two runs, question by question."""

    def __init__(self, base: Run, new: Run, *, turns: int) -> None:
        self.base, self.new, self.turns = base, new, turns
        self.same_python = all(base.origin.get(key) == new.origin.get(key) for key in SAME_PYTHON)
        self.loops = [loop for loop in base.costs.loops if loop in new.costs.loops]
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

    def result(self, fail_on: float) -> Comparison:
        questions = {pair.question for pair in self.pairs}
        return Comparison(
            fail_on=fail_on,
            reference=self.new.costs.reference,
            differences=self._differences(),
            turns=self.turns,
            names=(self.base.name, self.new.name),
            pace=tuple(self.pace),
            by_seconds=tuple(self.by_seconds),
            changes=tuple(self._changes(fail_on)),
            not_compared=tuple(dict.fromkeys(self.not_compared)),
            void=tuple(why for question, why in self.broken.items() if question in questions),
        )

    def _differences(self) -> tuple[str, ...]:
        keys = (*SAME_PYTHON, *SAME_STATE, "platform")
        known = [{key: run.origin.get(key) for key in keys} | run.versions for run in (self.base, self.new)]
        both = [(key, known[0].get(key), known[1].get(key)) for key in {**known[0], **known[1]}]
        # Another Python has another build, and asyncio is a part of it.
        told = {"build", "asyncio"} if known[0]["python"] != known[1]["python"] else set()
        return tuple(
            f"{key} ({'none' if old is None else old} → {'none' if new is None else new})"
            for key, old, new in both
            if old != new and key not in told
        )

    def _questions(self) -> list[str]:
        """Return the questions that the same program asked in both runs."""
        common = []
        for question in sorted({*self.base.digests, *self.new.digests}):
            old, new = self.base.digests.get(question), self.new.digests.get(question)
            if old is None or new is None:
                self.not_compared.append(f"{question} was asked in {'NEW' if old is None else 'BASE'} only")
            elif old != new:
                self.not_compared.append(
                    f"{question}: its program, or the libraries it asks about, are not the same in BASE and NEW"
                )
            else:
                common.append(question)
        return common

    def _pairs(self, question: str) -> list[_Pair]:
        yardstick = self.base.yardstick(question) if self.same_python and not self.turns else None
        floors = self._figures(yardstick, self.loops) if yardstick is not None else []
        pairs = []
        for key in {**self.base.cells, **self.new.cells}:
            _, arm, loop = key
            if key[0] != question or not self._timed(key) or arm == yardstick:
                continue
            figures = self._figures(arm, [loop])
            if floors:
                figures = [beside(each, floor) for each, floor in zip(figures, floors, strict=True)]
            clocks = self._clocks(*figures)
            if clocks is None:
                few = f"was timed by both in fewer than {LEAST} turns"
                few = few if self.turns else f"has its floor beside it in fewer than {LEAST} blocks"
                self.not_compared.append(f"{arm} on {loop} {few}")
            else:
                pairs.append(_Pair(question, self.base.cells[key], *clocks, self._of_reference(key)))
        if pairs and floors:
            walls = ([each.wall for each in floor.values()] for floor in floors)
            self.pace.append(interval_between(*walls).middle)
        elif pairs and not self.turns:
            self.by_seconds.append(question)
        return pairs

    def _clocks(self, base: Figures, new: Figures) -> tuple[Evidence, Evidence] | None:
        """Return what wall time and CPU time say of a cell, or None if it is too little."""
        if self.turns:
            ratios = [*beside(new, base).values()]
            if len(ratios) < LEAST:
                return None
            return InTurns([each.wall for each in ratios]), InTurns([each.cpu for each in ratios])
        if min(len(base), len(new)) < LEAST:
            return None
        old, found = base.values(), new.values()
        wall = Apart([each.wall for each in old], [each.wall for each in found])
        return wall, Apart([each.cpu for each in old], [each.cpu for each in found])

    def _of_reference(self, key: tuple[str, str, str]) -> tuple[Interval, Interval] | None:
        """Return the ratio to the reference loop within each run, where it is the same loop in both."""
        ratios = [
            Interval(cell.ratio, cell.ratio_low, cell.ratio_high)
            for run in (self.base, self.new)
            for cell in [run.cells[key]]
            if cell.ratio is not None and cell.ratio_low is not None and cell.ratio_high is not None
        ]
        references = {run.costs.reference for run in (self.base, self.new)}
        if len(ratios) < 2 or len(references) > 1 or key[2] in references:  # noqa: PLR2004 - BASE and NEW
            return None
        return ratios[0], ratios[1]

    def _figures(self, arm: str, loops: Sequence[str]) -> list[Figures]:
        """Return the figures of an arm in both runs. The fastest of more rounds is faster, so each is of equally many."""
        runs = self.base, self.new
        old, found = (run.rounds(arm) for run in runs)
        if self.turns:
            rounds = {turn: min(old[turn], found[turn]) for turn in old if turn in found}
        else:
            rounds = dict.fromkeys([*old, *found], min([*old.values(), *found.values()], default=0))
        return [run.figures(arm, loops, rounds) for run in runs]

    def _timed(self, key: tuple[str, str, str]) -> bool:
        """Whether both runs timed a cell; the reason why not is kept, once for all that share it."""
        _, arm, loop = key
        for name, run in (("BASE", self.base), ("NEW", self.new)):
            cell = run.cells.get(key)
            if cell is None:
                what = arm if arm not in run.arms else f"{arm} on {loop}" if loop in run.costs.loops else loop
                self.not_compared.append(f"{what} is not in {name}")
            elif cell.not_timed is not None:
                self.not_compared.append(f"{loop} was not timed in {name}: {cell.not_timed}")
            else:
                continue
            return False
        return True

    def _changes(self, fail_on: float) -> list[Change]:
        same = holm([pair.wall.p_same() for pair in self.pairs])
        beyond = holm([pair.wall.p_beyond(1 + fail_on) for pair in self.pairs])
        return [self._change(*each, fail_on) for each in zip(self.pairs, same, beyond, strict=True)]

    def _change(self, pair: _Pair, same: float, beyond: float, fail_on: float) -> Change:
        ratio = pair.wall.ratio()
        # What is gated at 1 % must not be called equivalent at 1.5 %.
        verdict = word(ratio, same, confidence=CERTAINTY, margin=min(MARGIN, fail_on))
        if pair.question in self.broken or (verdict in ("faster", "slower") and pair.contradicted):
            verdict = "unproven"
        proven = verdict == "slower" and beyond < 1 - CONFIDENCE
        return Change(
            question=pair.question,
            arm=pair.cell.arm,
            size=pair.cell.size,
            loop=pair.cell.loop,
            ratio=ratio,
            verdict=verdict,
            regression=proven,
            of_reference=pair.of_reference,
        )
