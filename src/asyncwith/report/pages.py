"""Which pages a report has, and what each is filled with. How they look is in the templates of the room `reports`."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from asyncwith.report.model import NO_LOOP, Cell, Costs, Model, Promise, Question, Run
from asyncwith.report.ratios import draw_floor, draw_ratios
from asyncwith.report.scaling import draw_scaling, growth
from asyncwith.report.strips import strip
from asyncwith.report.traces import group
from asyncwith.report.views import STATES, Column, Row, columns_of, rows_of, tally
from asyncwith.report.words import VERDICTS, sentences

__all__ = ["Page", "data_files", "pages_of"]


@dataclass(frozen=True)
class Page:
    """One page: where it lies (without `.html`), what it is called, and how to fill it."""

    path: str
    title: str
    template: str
    fill: Callable[[], dict[str, Any]]
    scripts: tuple[str, ...] = ()


def pages_of(model: Model) -> list[Page]:
    """Return all pages of the report on `model`, the first page first."""
    columns = columns_of(model)
    rows = rows_of(model, columns)
    chapters: dict[str, list[Row]] = {}
    for row in rows:
        chapters.setdefault(row.promise.chapter, []).append(row)
    shared = {"model": model, "columns": columns, "rows": rows, "chapters": chapters}
    pages = [
        Page("index", "Overview", "index", partial(_overview, shared)),
        Page("matrix", "Clauses", "matrix", lambda: shared, ("matrix.js",)),
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
    table = {chapter: [tally(mine, column) for column in columns] for chapter, mine in chapters.items()}
    totals = [tally(rows, column) for column in columns]
    return shared | {
        "sentences": sentences(model, rows, columns),
        "table": table,
        "totals": totals,
        "present": sum(totals, Counter()),
    }


def _clause(row: Row, *, many: bool) -> dict[str, Any]:
    judged = [entry for entry in row.entries if entry.state]
    return {
        "row": row,
        "promise": row.promise,
        "entries": judged,
        "comparisons": group(judged),
        "command": _command,
        "many": many,
    }


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
            questions.setdefault(question.name, []).append(_question(at, run, run.costs, question))
    return {"model": model, "questions": questions, "cell_id": _cell_id}


def _question(at: int, run: Run, costs: Costs, question: Question) -> dict[str, Any]:
    """Return a question of one run: its pictures, its cells by form and size, and how the forms grow."""
    forms: dict[tuple[str, int | None], list[Cell]] = {}
    for cell in question.cells:
        forms.setdefault((cell.arm, cell.size), []).append(cell)
    drawings = {"ratios": draw_ratios, "floor": draw_floor, "scaling": draw_scaling}
    return {
        "run": run,
        "at": at,
        "question": question,
        "pictures": [draw(question, costs, f"{question.name}-{at}-{kind}") for kind, draw in drawings.items()],
        "forms": list(forms.values()),
        "growth": growth(question),
        "failed": [control for control in costs.controls if control.question == question.name and not control.held],
    }


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
    return {"name": name, "found": found, "strip": strip, "cell_id": _cell_id, "many": len(model.runs) > 1}


def data_files(model: Model) -> Iterator[tuple[str, str]]:
    """Yield the files for programs: their paths and their JSON text."""
    outcomes = {"format": 1, "runs": [_outcomes(run) for run in model.runs if run.conformance]}
    costs = {"format": 1, "runs": [{"name": run.name, **asdict(run.costs)} for run in model.runs if run.costs]}
    for name, data in (("outcomes", outcomes), ("costs", costs)):
        yield f"data/{name}.json", json.dumps(data, ensure_ascii=False, indent=1, default=dict) + "\n"


def _outcomes(run: Run) -> dict[str, Any]:
    conformance = run.conformance
    assert conformance is not None  # noqa: S101 - the caller asks only for those
    verdicts = []
    for check in conformance.checks:
        judged = conformance.verdicts.get(check)
        verdict = judged.verdict.to_json() if judged else {}
        departure = asdict(judged.departure) if judged and judged.departure else None
        verdicts.append({**check._asdict(), "state": conformance.state(check), **verdict, "departure": departure})
    return {
        "name": run.name,
        "edition": conformance.edition,
        "provenance": asdict(conformance.provenance),
        "loops": conformance.loops,
        "absent": conformance.absent,
        "libraries": conformance.libraries,
        "finished": conformance.finished and asdict(conformance.finished),
        "clauses": {each: asdict(promise) for each, promise in conformance.promises.items()},
        "verdicts": verdicts,
    }
