"""Which pages a report has, and what each is filled with. How they look is in the templates of the room `reports`."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

from markupsafe import Markup

from asyncwith.costs import Growth
from asyncwith.memory import Slope
from asyncwith.report.building_blocks import building_blocks, draw_terms
from asyncwith.report.model import NO_LOOP, Address, Cell, Costs, Model, Promise, Question, Run, Witness
from asyncwith.report.ratios import draw_floor, draw_ratios
from asyncwith.report.scaling import draw_scaling
from asyncwith.report.strips import figures, strip
from asyncwith.report.traces import group
from asyncwith.report.views import STATES, Column, Entry, Row, View, tally
from asyncwith.report.words import VERDICTS, duration, sentences
from asyncwith.rooms import room
from asyncwith.untested import read_untested

__all__ = ["Page", "pages_of"]

# What a reader can still take in, and what keeps the first page below 150 KB whatever it reports on. The rest is counted there
# and stands in the matrix, in the tables or in the data.
MOST_SENTENCES = 60
MOST_COLUMNS = 12
MOST_LISTED = 60
MOST_DRAWN = 40
T = TypeVar("T", Growth, Slope)


@dataclass(frozen=True)
class Page:
    """One page: where it lies (without `.html`), what it is called, and how to fill it."""

    path: str
    title: str
    template: str
    fill: Callable[[], dict[str, Any]]
    scripts: tuple[str, ...] = ()


def pages_of(view: View) -> list[Page]:
    """Return all pages of the report, the first page first."""
    model, columns, rows = view.model, view.columns, view.rows
    chapters: dict[str, list[Row]] = {}
    for row in rows:
        chapters.setdefault(row.promise.chapter, []).append(row)
    shared = {"model": model, "columns": columns, "rows": rows, "chapters": chapters}
    pages = [
        Page("index", "Overview", "index", partial(_overview, shared)),
        Page(
            "matrix",
            "Clauses",
            "matrix",
            lambda: shared | {"untested": read_untested(room("conformance"))},
            ("matrix.js",),
        ),
        Page("costs", "Costs", "costs", partial(_costs, model)),
        Page("reading", "How to read this", "reading", lambda: {"states": STATES, "verdicts": VERDICTS}),
        Page("data", "Data", "data", lambda: {"model": model}),
    ]
    pages += [
        Page(f"clauses/{row.promise.id}", row.promise.id, "clause", partial(_clause, row, many=len(model.runs) > 1))
        for row in rows
    ]
    for name in dict.fromkeys(question.name for run in model.runs if run.costs for question in run.costs.questions):
        pages.append(Page(f"cells/{name}", f"{name}: every figure", "cells", partial(_cells, model, name)))
    return pages


def _overview(shared: dict[str, Any]) -> dict[str, Any]:
    model, columns, rows, chapters = (shared[key] for key in ("model", "columns", "rows", "chapters"))
    said = sentences(model, rows, columns)
    foremost = said if len(said) <= MOST_SENTENCES else sorted(said, key=lambda sentence: sentence.tone != "bad")
    shown = columns[:MOST_COLUMNS]
    totals = [tally(rows, column) for column in shown]
    return shared | {
        "columns": shown,
        "runs": model.runs[:MOST_COLUMNS],
        "sentences": foremost[:MOST_SENTENCES],
        "unsaid": len(said[MOST_SENTENCES:]),
        "unshown": len(columns[MOST_COLUMNS:]),
        "table": {chapter: [tally(mine, column) for column in shown] for chapter, mine in chapters.items()},
        "totals": totals,
        "present": sum(totals, Counter()),
    }


def _clause(row: Row, *, many: bool) -> dict[str, Any]:
    judged = [entry for entry in row.entries if entry.state]
    listed = judged if len(judged) <= MOST_LISTED else sorted(judged, key=_is_quiet)[:MOST_LISTED]
    return {
        "row": row,
        "promise": row.promise,
        "entries": listed,
        "unlisted": Counter(entry.state for entry in judged) - Counter(entry.state for entry in listed),
        "comparisons": group(judged),
        "command": _command,
        "many": many,
    }


def _is_quiet(entry: Entry) -> bool:
    return STATES[entry.state].tone in ("good", "quiet")


def _command(promise: Promise, column: Column) -> str:
    """Return what to type to perform one check again."""
    words = promise.id if column.loop == NO_LOOP else f"{promise.id} and {column.loop}"
    words += "".join(
        f" and not {other}" for other in column.conformance.loops if column.loop in other and column.loop != other
    )
    library = "" if column.library == "contextlib" else f" --library {shlex.quote(column.library)}"
    return f"asyncwith conform -k {shlex.quote(words)}{library}"


def _costs(model: Model) -> dict[str, Any]:
    questions: dict[str, list[dict[str, Any]]] = {}
    for at, run in enumerate(model.runs):
        for question in run.costs.questions if run.costs else ():
            assert run.costs is not None  # noqa: S101 - as the line above says
            drawn = sum(map(len, questions.values())) < MOST_DRAWN
            questions.setdefault(question.name, []).append(_question(at, run, run.costs, question, drawn=drawn))
    models = [
        {
            "run": run,
            "buildings": building_blocks(run.costs, run.instructions),
            "picture": draw_terms(run.costs, f"terms-{at}") if at < MOST_DRAWN else None,
        }
        for at, run in enumerate(model.runs)
        if run.costs and run.costs.terms
    ]
    return {"model": model, "questions": questions, "models": models, "cell_id": _cell_id}


def _question(at: int, run: Run, costs: Costs, question: Question, *, drawn: bool) -> dict[str, Any]:
    """Return a question of one run: its pictures, its cells by form and size, and how the forms grow."""
    forms: dict[tuple[str, int | None], list[Cell]] = {}
    for cell in question.cells:
        forms.setdefault((cell.arm, cell.size), []).append(cell)
    drawings = {"ratios": draw_ratios, "floor": draw_floor, "scaling": draw_scaling}
    return {
        "run": run,
        "at": at,
        "question": question,
        "pictures": [draw(question, costs, f"{question.name}-{at}-{kind}") for kind, draw in drawings.items() if drawn],
        "drawn": drawn,
        "forms": list(forms.values()),
        "growth": _by_arm(costs.growth, question),
        "slopes": _by_arm(run.slopes, question),
        "cpu_ratio": {
            (cell.arm, cell.size, cell.loop): _cpu_ratio(cell, mine[0]) for mine in forms.values() for cell in mine
        },
        "instructions": _of(run.instructions, question),
        "memory": _of(run.memory, question),
        "failed": [control for control in costs.controls if control.question == question.name and not control.held],
    }


def _by_arm(found: Iterable[T], question: Question) -> list[list[T]]:
    """Return what is of one question, arm by arm."""
    by_arm: dict[str, list[T]] = {}
    for each in found:
        if each.question == question.name:
            by_arm.setdefault(each.arm, []).append(each)
    return list(by_arm.values())


def _cpu_ratio(cell: Cell, reference: Cell) -> float | None:
    """Return the ratio in CPU time to the reference loop, which stands first among the cells of a form."""
    if cell is reference or not cell.cpu_seconds or not reference.cpu_seconds:
        return None
    return cell.cpu_seconds / reference.cpu_seconds


def _of(witnesses: Mapping[Address, Witness], question: Question) -> dict[tuple[str, int | None, str], Witness]:
    """Return what witnesses say of one question, by arm, size and loop."""
    return {address[1:]: witness for address, witness in witnesses.items() if address[0] == question.name}


def _cell_id(at: int, cell: Cell) -> str:
    """Return the address of a cell in the page of its question."""
    size = "" if cell.size is None else f"-{cell.size}"
    return f"{cell.arm}{size}-{cell.loop}{f'-{at + 1}' if at else ''}".replace(" ", "-")


def _cells(model: Model, name: str) -> dict[str, Any]:
    found = [
        (at, run, question)
        for at, run in enumerate(model.runs)
        if run.costs
        for question in run.costs.questions
        if question.name == name
    ]
    return {
        "name": name,
        "found": found,
        "strip": strip,
        "figures": figures,
        "numbers": _numbers,
        "duration": duration,
        "cell_id": _cell_id,
        "many": len(model.runs) > 1,
    }


@cache
def _numbers(count: int) -> Markup:
    """Return the heads of the columns of a table of so many blocks."""
    heads = "".join(f'<th scope="col">{number}</th>' for number in range(1, count + 1))
    return Markup(heads)  # noqa: S704 - numbers
