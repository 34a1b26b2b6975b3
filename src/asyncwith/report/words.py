"""Figures and verdicts in words: units, ratios and the sentences that an overview begins with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asyncwith.growth import faster_than_size
from asyncwith.report.model import NO_LOOP, Cell, Costs, Interval, Model, Question
from asyncwith.report.views import Column, Row, failures_of

__all__ = ["VERDICTS", "Sentence", "duration", "half_width", "listing", "sentences", "times"]

VERDICTS = {
    "faster": (
        "▼",
        "Takes less time: not within the margin, and not by chance, even counting how many figures the table has.",
    ),
    "slower": (
        "▲",
        "Takes more time: not within the margin, and not by chance, even counting how many figures the table has.",
    ),
    "equivalent": ("=", "The whole interval lies within the margin around 1: no difference that matters."),
    "unproven": (
        "~",
        "Neither proven to differ nor to be equal: too few blocks, a failed control, or wall and CPU time at odds.",
    ),
    "reference": ("●", "The loop that the others are compared with."),
}
MILLION = 1e6
UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
MOST_NAMED = 6  # clauses in a sentence; the page that the sentence leads to has them all


@dataclass(frozen=True)
class Sentence:
    """Something that matters, and the page with the evidence. `tone` is that of a state."""

    text: str
    page: str
    anchor: str
    tone: str


def duration(seconds: float) -> str:
    """Return `seconds` to three digits in the unit that suits it."""
    if abs(seconds) >= 1000:  # noqa: PLR2004 - three digits are not enough
        return f"{seconds:,.0f} s"
    unit, size = next((each for each in UNITS if abs(seconds) >= each[1]), UNITS[-1])
    return f"{seconds / size:#.3g}".rstrip(".") + f" {unit}"


def times(ratio: float) -> str:
    """Return a ratio of times as a person would write it: `1.75×`, `140×`."""
    return f"{ratio:.2f}×" if ratio < 10 else f"{ratio:,.0f}×" if ratio < MILLION else f"{ratio:.1e}×"  # noqa: PLR2004 - three digits


def half_width(interval: Interval) -> str:
    """Return how uncertain a ratio is: `±1.3 %`."""
    wide = (math.sqrt(interval.high / interval.low) - 1) * 100 if interval.low > 0 else math.inf
    return f"±{wide:.1f} %" if wide < 1000 else "± more than tenfold"  # noqa: PLR2004 - readable


def listing(words: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def sentences(model: Model, rows: Sequence[Row], columns: Sequence[Column]) -> list[Sentence]:
    """Return what matters of every run: broken promises, known departures, costs, controls."""
    found: list[Sentence] = []
    for run in model.runs:
        about = f"{run.label}: " if len(model.runs) > 1 else ""
        mine = [column for column in columns if column.run is run]
        if mine:
            found += _held(about, rows, mine)
        if run.costs is not None:
            found += _cost(about, run.costs)
    if len({column.loop for column in columns} - {NO_LOOP}) > 1:
        differing = sum(row.differs for row in rows)
        text = (
            f"{_count(differing, 'clause')} of {len(rows)} end differently, or leave another trace, from loop to loop."
        )
        found.append(Sentence(text, "matrix", "differs=yes", "quiet"))
    return found


def _held(about: str, rows: Sequence[Row], columns: Sequence[Column]) -> Iterable[Sentence]:
    whole = []
    for column in columns:
        failing = failures_of(rows, column)
        ids = [row.promise.id for row in failing]
        if failing:
            more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
            text = f"{about}{_spoken(column)} fails {_count(len(ids), 'check')}: {', '.join(ids[:MOST_NAMED])}{more}."
            yield Sentence(text, "matrix", f"column={column.at}&outcome=failure", "bad")
        elif any(row.entries[column.at].state in ("passed", "departs") for row in rows):
            whole.append(_spoken(column))
    if whole:
        keep = "keep" if len(whole) > 1 else "keeps"
        text = f"{about}{listing(whole)} {keep} every promise judged, known departures aside."
        yield Sentence(text, "matrix", "", "good")
    known = {_spoken(column): sum(row.entries[column.at].state == "departs" for row in rows) for column in columns}
    if any(known.values()):
        parts = [f"{name} in {_count(number, 'clause')}" for name, number in known.items() if number]
        yield Sentence(f"{about}Known departures: {listing(parts)}.", "matrix", "outcome=departs", "known")


def _spoken(column: Column) -> str:
    return column.heading if column.loop != NO_LOOP else "Python itself"


def _cost(about: str, costs: Costs) -> Iterable[Sentence]:
    alike: dict[str, list[str]] = {}
    for question in costs.questions:
        loops: dict[str, list[str]] = {}
        for loop in costs.loops:
            if loop != costs.reference:
                loops.setdefault(_compared(question, loop), []).append(loop)
        alike.setdefault("; ".join(f"{listing(names)} {words}" for words, names in loops.items() if words), []).append(
            question.name
        )
    for said, questions in alike.items():
        if said:
            text = f"{about}{listing(questions).capitalize()}, compared with {costs.reference}: {said}."
            yield Sentence(text, "costs", questions[0], "quiet")
    differing = [term.name for term in costs.terms if term.owner == "loop"]
    if differing:
        text = f"{about}Of the building blocks of a statement, loops are proven to differ in: {listing(differing)}."
        yield Sentence(text, "costs", "model", "quiet")
    for said in faster_than_size(costs.growth):
        yield Sentence(f"{about}{said[0].upper()}{said[1:]}.", "costs", said.partition(":")[0], "known")
    if not costs.holds:
        where = list(dict.fromkeys(control.question for control in costs.controls if not control.held))
        text = f"{about}Controls failed{' in ' if where else ''}{listing(where)}: the figures there prove nothing."
        yield Sentence(text, "costs", "controls", "bad")
    elif costs.controls:
        text = f"{about}All {_count(len(costs.controls), 'control')} of the cost figures held."
        yield Sentence(text, "costs", "controls", "good")


def _compared(question: Question, loop: str) -> str:
    """Return how `loop` compares with the reference in this question, or nothing if it was not timed."""
    cells = [c for c in question.cells if c.loop == loop and not c.control and not c.not_timed and c.ratio]
    words = {"faster": "faster", "slower": "slower", "equivalent": "the same", "unproven": "unproven"}
    parts: list[str] = []
    for verdict, word in words.items():
        alike = [cell for cell in cells if cell.verdict == verdict]
        if alike:
            by = f"{_extent(alike)} " if verdict in ("faster", "slower") else ""
            of = "" if parts else f" of {_count(len(cells), 'figure')}"
            parts.append(f"{by}{word}" if len(alike) == len(cells) else f"{by}{word} in {len(alike)}{of}")
    return ", ".join(parts)


def _extent(cells: Sequence[Cell]) -> str:
    """Return by how much, as factors above 1: one with its uncertainty, or the least and the greatest."""
    ratios = [cell.ratio for cell in cells if cell.ratio is not None]
    factors = sorted(max(each.value, 1 / each.value) for each in ratios)
    if len(ratios) == 1:
        return f"{times(factors[0])} ({half_width(ratios[0])})"
    return (
        times(factors[0])
        if times(factors[0]) == times(factors[-1])
        else f"{times(factors[0])[:-1]}\N{EN DASH}{times(factors[-1])}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
