"""The files for programs: all that the pages show as JSON, written piece by piece, a line for each verdict and each figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from json import JSONEncoder
from typing import Any

from asyncwith.report.model import Check, Conformance, Costs, Model, Question

__all__ = ["data_files"]


def data_files(model: Model) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the paths of the files and the pieces of their text."""
    judged = (_outcomes(run.name, run.conformance) for run in model.runs if run.conformance)
    yield "data/outcomes.json", _object({"format": 1}, "runs", judged)
    measured = (_figures(run.name, run.costs) for run in model.runs if run.costs)
    yield "data/costs.json", _object({"format": 1}, "runs", measured)


def _object(head: Mapping[str, Any], key: str, elements: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield an object that has what is in `head`, and under `key` a list of what the elements write."""
    yield f"{_json(head)[:-1]}, {_json(key)}: ["
    for at, pieces in enumerate(elements):
        yield ",\n" if at else "\n"
        yield from pieces
    yield "]}\n"


def _outcomes(name: str, conformance: Conformance) -> Iterator[str]:
    head = {
        "name": name,
        "edition": conformance.edition,
        "provenance": conformance.provenance,
        "loops": conformance.loops,
        "absent": conformance.absent,
        "libraries": conformance.libraries,
        "finished": conformance.finished,
        "clauses": conformance.promises,
    }
    return _object(head, "verdicts", ([_json(_verdict(conformance, check))] for check in conformance.checks))


def _verdict(conformance: Conformance, check: Check) -> dict[str, Any]:
    judged = conformance.verdicts.get(check)
    verdict = judged.verdict.to_json() if judged else {}
    departure = judged.departure if judged else None
    return {**check._asdict(), "state": conformance.state(check), **verdict, "departure": departure}


def _figures(name: str, costs: Costs) -> Iterator[str]:
    head = {"name": name, **{key: value for key, value in _plain(costs).items() if key != "questions"}}
    return _object(head, "questions", map(_question, costs.questions))


def _question(question: Question) -> Iterator[str]:
    head = {"name": question.name, "asks": question.asks, "of": question.of}
    return _object(head, "cells", ([_json(cell)] for cell in question.cells))


def _json(value: Any) -> str:
    return ENCODER.encode(value)


def _plain(value: Any) -> dict[str, Any]:
    """Return what JSON knows in the place of what it does not: our classes and other people's mappings."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return dict(value)


ENCODER = JSONEncoder(ensure_ascii=False, default=_plain)
