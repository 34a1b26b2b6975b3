"""Reading `costs.json`: every figure that the costs pages show, checked as it comes in."""

from __future__ import annotations

from pathlib import Path

from asyncwith.errors import InputError
from asyncwith.report.headers import check_format, read_provenance
from asyncwith.report.model import Cell, Control, Costs, Interval, Question
from asyncwith.report.places import Place, parse

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
        values=place["values"].numbers(),
        ratios=place["ratios"].numbers(),
        command=place["command"].text(),
    )
    if not cell.not_timed and cell.seconds is None:
        place["seconds"].fail("a number, or the reason in 'not_timed'")
    return cell


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
