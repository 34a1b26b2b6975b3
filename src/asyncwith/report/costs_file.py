"""Reading `costs.json`: every figure that the costs pages show, checked as it comes in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from asyncwith.costs import Estimate, Growth, Owner, Term
from asyncwith.errors import InputError
from asyncwith.report.headers import check_format, read_provenance
from asyncwith.report.model import Cell, Control, Costs, Interval, Question
from asyncwith.report.places import Place, parse
from asyncwith.statistics import Word

__all__ = ["read_costs"]

QUESTION = r"[a-z][a-z0-9_]{0,60}"  # becomes a file name, as it already is that of a program
VERDICTS = ("faster", "slower", "equivalent", "unproven", "reference")


def read_costs(path: Path) -> Costs:
    """Return what the file `path` measured."""
    try:
        place = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    check_format(place)
    questions = tuple(map(_question, place["questions"]))
    if len({each.name for each in questions}) != len(questions):
        place["questions"].fail("every question once")
    loops = {name: each.text() for name, each in place["loops"].items()}
    timed = {cell.loop for question in questions for cell in question.cells if not cell.not_timed}
    if not timed <= set(loops):
        place["loops"].fail("every loop that the figures are of")
    terms = tuple(map(_term, place["terms"]))
    if any([estimate.loop for estimate in term.estimates] != list(loops) for term in terms):
        place["terms"].fail("an estimate for each of the loops, in their order")
    return Costs(
        provenance=read_provenance(place["provenance"]),
        reference=place["reference"].name(),
        loops=loops,
        confidence=place["confidence"].number(),
        margin=place["margin"].number(),
        until=place["until"].number(),
        blocks=place["blocks"].count(),
        seconds=place["seconds"].number(),
        holds=place["holds"].flag(),
        controls=tuple(map(_control, place["controls"])),
        questions=questions,
        turns=place["turns"].count(),
        terms=terms,
        growth=tuple(map(_growth, place["growth"])),
    )


def _control(place: Place) -> Control:
    ratio = _interval(place, "ratio", "low", "high", above_zero=True)
    if ratio is None:
        place["ratio"].fail("a number")
    return Control(
        name=place["name"].name(),
        question=place["question"].name(),
        arm=place["arm"].name(),
        size=place.optional("size", Place.count),
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        held=place["held"].flag(),
        why=place["why"].text(),
        kind=place["kind"].name(),
    )


def _question(place: Place) -> Question:
    cells = tuple(map(_cell, place["cells"]))
    if len({(cell.arm, cell.size, cell.loop) for cell in cells}) != len(cells):
        place["cells"].fail("every arm once per size and loop")
    return Question(place["name"].name(QUESTION), place["asks"].text(), place["of"].name(), cells)


def _cell(place: Place) -> Cell:
    cell = Cell(
        arm=place["arm"].name(),
        size=place.optional("size", Place.count),
        loop=place["loop"].name(),
        seconds=_interval(place, "seconds", "low", "high"),
        cpu_seconds=place.optional("cpu_seconds", Place.number),
        ratio=_interval(place, "ratio", "ratio_low", "ratio_high", above_zero=True),
        of_floor=_interval(place, "of_floor", "of_floor_low", "of_floor_high"),
        verdict=place["verdict"].one_of(*VERDICTS),
        agree=place["agree"].flag(),
        control=place["control"].flag(),
        not_timed=place.optional("not_timed", Place.text) or "",
        held=place["held"].text(),
        values=place["values"].numbers(),
        ratios=place["ratios"].numbers(),
        command=place["command"].text(),
    )
    if not cell.not_timed and cell.seconds is None:
        place["seconds"].fail("a number, or the reason in 'not_timed'")
    return cell


def _term(place: Place) -> Term:
    owner = place["owner"].one_of("loop", "construct", "unproven")
    estimates = tuple(map(_estimate, place["estimates"]))
    return Term(place["name"].name(), place["formula"].name(), cast("Owner", owner), estimates)


def _estimate(place: Place) -> Estimate:
    absent = place["absent"].text()
    cost = _interval(place, "seconds", "low", "high")
    ratio = _interval(place, "ratio", "ratio_low", "ratio_high", above_zero=True)
    if cost is None:
        if not absent:
            place["seconds"].fail("a number, or the reason in 'absent'")
        return Estimate(place["loop"].name(), absent)
    verdict = cast("Word", place["verdict"].one_of(*VERDICTS))
    its = Estimate(place["loop"].name(), seconds=cost.value, low=cost.low, high=cost.high, verdict=verdict)
    if ratio is None:
        return its
    return replace(its, ratio=ratio.value, ratio_low=ratio.low, ratio_high=ratio.high)


def _growth(place: Place) -> Growth:
    power = _interval(place, "power", "low", "high")
    if power is None:
        place["power"].fail("a number")
    return Growth(
        question=place["question"].name(),
        arm=place["arm"].name(),
        loop=place["loop"].name(),
        smallest=place["smallest"].count(),
        largest=place["largest"].count(),
        power=power.value,
        low=power.low,
        high=power.high,
        faster=place["faster"].flag(),
    )


def _interval(place: Place, value: str, low: str, high: str, *, above_zero: bool = False) -> Interval | None:
    """Return the figure under the key `value` with its interval, or None where there is none."""
    if place[value].value is None:
        return None
    found = Interval(place[value].number(), place[low].number(), place[high].number())
    if not found.low <= found.value <= found.high:
        place[low].fail(f"an interval that holds {found.value}, which ends at {found.high}")
    if above_zero and found.low <= 0:
        place[low].fail("a ratio above zero")
    return found
