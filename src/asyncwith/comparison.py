"""What two runs say of each other: each cell's change, what stands in the way, the sentences for it and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from asyncwith.arms import label
from asyncwith.changed_counts import ChangedCounts
from asyncwith.changed_verdicts import ChangedVerdicts
from asyncwith.statistics import Interval, Word

__all__ = ["Change", "Comparison"]

SHOWN = 20  # sentences of a kind; the tables have the rest


@dataclass(frozen=True)
class Change:
    """One arm on one loop in both runs. `ratio` is NEW / BASE; `regression` tells whether it is proven beyond the limit.

    `of_reference` are its ratios to the reference loop within each run, BASE and NEW; on that loop itself there are none.
    """

    question: str
    arm: str
    size: int | None
    loop: str
    ratio: Interval
    verdict: Word
    regression: bool
    of_reference: tuple[Interval, Interval] | None = None

    def row(self) -> list[str]:
        """Return the row of the table: arm, loop, NEW / BASE, half the width of its interval, verdict, ratios of loops."""
        name = self.arm if self.size is None else f"{self.arm}, {self.size:,}"
        within = " → ".join(f"{each.middle:.3f} ±{each.half_width:.1%}" for each in self.of_reference or ())
        return [name, self.loop, f"{self.ratio.middle:.3f}", f"±{self.ratio.half_width:.1%}", self.verdict, within]

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

    `differences` are those of the grounds they were measured on, `turns` how often both, of these `names`, were measured right
    after each other. Without turns, `pace` is what the machine itself changed by where that was taken out, and `by_seconds` are
    the questions where it could not be. `not_compared` and `void` have the reasons.
    """

    fail_on: float
    reference: str = ""
    differences: tuple[str, ...] = ()
    turns: int = 0
    names: tuple[str, str] = ("", "")
    pace: tuple[float, ...] = ()
    by_seconds: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    not_compared: tuple[str, ...] = ()
    void: tuple[str, ...] = ()
    counts: ChangedCounts = field(default_factory=ChangedCounts)
    verdicts: ChangedVerdicts = field(default_factory=ChangedVerdicts)

    @property
    def half_width(self) -> float:
        """Half the width of the widest interval."""
        return max((change.ratio.half_width for change in self.changes), default=0.0)

    def exit_code(self) -> int:
        """Return 1 if something is proven to be worse, 3 if nothing was compared or a control is broken, else 0."""
        if (
            self.verdicts.regressions
            or self.counts.regressions(self.fail_on)
            or any(change.regression for change in self.changes)
        ):
            return 1
        return 3 if self.void or not (self.changes or self.counts.compared) else 0

    def notes(self) -> list[str]:
        """Say what the figures rest on, and what they leave out."""
        said = [f"BASE and NEW differ in {', '.join(self.differences)}"] if self.differences else []
        if self.turns:
            said.insert(0, f"BASE is {self.names[0]}, NEW is {self.names[1]}; they were measured in {self.turns} turns")
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
        missing = [*self.not_compared, *self.counts.notes, *self.verdicts.notes]
        return [*said, *(f"void: {each}" for each in self.void), *(f"not compared: {each}" for each in missing)]

    def sentences(self) -> list[str]:
        """Say what changed, the worst first, and end with the sum."""
        slower = [change for change in self.changes if change.verdict == "slower"]
        faster = [change for change in self.changes if change.verdict == "faster"]
        said = [
            *_most([change.sentence() for change in self.verdicts.changes], "verdicts changed"),
            *_most([change.sentence() for change in self.counts.changes], "counts of instructions changed"),
            *_most(
                [each.sentence() for each in sorted(slower, key=lambda each: -each.ratio.middle)], "cells are slower"
            ),
            *_most(
                [each.sentence() for each in sorted(faster, key=lambda each: each.ratio.middle)], "cells are faster"
            ),
        ]
        sums = [self._sum(len(slower), len(faster))] if self.changes else []
        if self.counts.compared:
            sums.append(self.counts.sum(self.fail_on))
        return [*said, *(sums or ["Nothing could be compared"])]

    def _sum(self, slower: int, faster: int) -> str:
        beyond = sum(change.regression for change in self.changes)
        same = sum(change.verdict == "equivalent" for change in self.changes)
        unproven = len(self.changes) - slower - faster - same
        return (
            f"Of {len(self.changes)} cells {slower} slower, {beyond} of them by more than {100 * self.fail_on:g} % for sure, "
            f"{faster} faster, {same} equivalent, {unproven} unproven"
        )


def _most(sentences: Sequence[str], what: str) -> list[str]:
    """Return the sentences, or the first of them and how many more there are."""
    more = len(sentences) - SHOWN
    return [*sentences[:SHOWN], *([f"… and {more} more {what}"] if more > 0 else [])]
