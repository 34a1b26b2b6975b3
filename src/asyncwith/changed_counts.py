"""Instructions of two runs. Counts know no noise but where objects lie in memory, so each difference beyond that is proven."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asyncwith.arms import label
from asyncwith.counters import Count, read_counts

__all__ = ["ChangedCount", "ChangedCounts", "compare_counts"]

# Counts of two runs differ by 0.03 % at most. Where an object lies in its arena may decide over ten times as much if one of the
# two Pythons lays them out anew.
LUCK = 0.003
SAME_COUNTER = ("machine", "cpu", "libc", "valgrind")  # another Python is what is compared


@dataclass(frozen=True)
class ChangedCount:
    """One arm on one loop that takes more or fewer instructions in NEW than in BASE, by more than luck."""

    label: str
    loop: str
    base: float
    new: float

    @property
    def ratio(self) -> float:
        """NEW / BASE."""
        return self.new / self.base

    def sentence(self) -> str:
        """Say it: `entering: class on uvloop takes 3.1 % more instructions (612 → 631)`."""
        percent = 100 * (self.ratio - 1)
        more = "more" if percent > 0 else "fewer"
        counts = f"{self.base:,.0f} → {self.new:,.0f}"
        return f"{self.label} on {self.loop} takes {abs(percent):.1f} % {more} instructions ({counts})"


@dataclass(frozen=True)
class ChangedCounts:
    """How many cells were counted in both runs, those that changed, the worst first, and why others were not compared."""

    compared: int = 0
    changes: tuple[ChangedCount, ...] = ()
    notes: tuple[str, ...] = ()

    def regressions(self, fail_on: float) -> int:
        """Return how many cells take more instructions by more than `fail_on`, whatever luck had part in it."""
        return sum(change.ratio > (1 + fail_on) * (1 + LUCK) for change in self.changes)

    def sum(self, fail_on: float) -> str:
        """Say how many changed."""
        more = sum(change.ratio > 1 for change in self.changes)
        fewer = len(self.changes) - more
        return (
            f"Of {self.compared} counts of instructions {more} are higher, {self.regressions(fail_on)} of them by more than "
            f"{100 * fail_on:g} % for sure, {fewer} lower, {self.compared - more - fewer} the same within {100 * LUCK:g} %"
        )


def compare_counts(base: Path, new: Path) -> ChangedCounts:
    """Compare what was counted into the directories of two runs. Raises `InputError` for a file that is no count."""
    old, found = (
        {(label(each.question, each.name, each.size), each.loop): each for each in read_counts(run / "instructions")}
        for run in (base, new)
    )
    if not (old and found):
        only = "BASE" if old else "NEW"
        return ChangedCounts(notes=(f"instructions were counted in {only} only",) if old or found else ())
    common = [key for key in found if key in old]
    reasons = {key: why for key in common if (why := _why_not(old[key], found[key])) is not None}
    notes = list(dict.fromkeys(reasons.values()))
    if alone := len(old.keys() ^ found.keys()):
        notes.append(f"instructions of {alone} cell{'' if alone == 1 else 's'} were counted in one run only")
    pairs = [ChangedCount(*key, old[key].instructions, found[key].instructions) for key in common if key not in reasons]
    changes = [each for each in pairs if not 1 / (1 + LUCK) <= each.ratio <= 1 + LUCK]
    return ChangedCounts(len(pairs), tuple(sorted(changes, key=lambda each: -each.ratio)), tuple(notes))


def _why_not(base: Count, new: Count) -> str | None:
    """Return what makes two counts differ that is neither Python, nor loop, nor library."""
    for key in (*SAME_COUNTER, f"the program of {new.question!r}"):
        old, found = base.origin.get(key), new.origin.get(key)
        if old != found or old is None:
            return f"instructions of {new.question}: {key} is {old!r} in BASE and {found!r} in NEW"
    return None
