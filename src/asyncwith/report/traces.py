"""Traces side by side: lines that belong together share a row, and the first difference is marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from asyncwith.report.views import Entry
from asyncwith.verdicts import Verdict

__all__ = ["Comparison", "Line", "compare", "group"]

MOST_COMPARED = 300  # lines; aligning grows with the square, and nobody reads on


@dataclass(frozen=True)
class Line:
    """One cell of the comparison. `kind` is `same`, `other`, `first` for the first difference, or `gap`."""

    text: str
    kind: str


GAP = Line("", "gap")


@dataclass(frozen=True)
class Comparison:
    """All checks that expected the same trace: the distinct traces they left, aligned with it."""

    columns: tuple[tuple[Entry, ...], ...]
    rows: tuple[tuple[str | None, tuple[Line, ...]], ...]


def group(entries: Sequence[Entry]) -> list[Comparison]:
    """Return one comparison per distinct expectation; loops that left the same trace share a column."""
    expectations: dict[tuple[str, ...], dict[tuple[tuple[str, ...], int | None], list[Entry]]] = {}
    for entry in entries:
        if entry.judged is not None and (entry.judged.verdict.expected or entry.judged.verdict.trace):
            verdict = entry.judged.verdict
            traces = expectations.setdefault(verdict.expected, {})
            traces.setdefault((verdict.trace, verdict.difference), []).append(entry)
    return [
        Comparison(
            tuple(map(tuple, traces.values())), compare(expected, [_verdict(each[0]) for each in traces.values()])
        )
        for expected, traces in expectations.items()
    ]


def _verdict(entry: Entry) -> Verdict:
    assert entry.judged is not None  # noqa: S101 - `group` takes no others
    return entry.judged.verdict


def compare(expected: Sequence[str], verdicts: Sequence[Verdict]) -> tuple[tuple[str | None, tuple[Line, ...]], ...]:
    """Return rows of the expected line (None between two of them) and the line of each verdict's trace."""
    expected = expected[:MOST_COMPARED]
    aligned = [_align(expected, verdict) for verdict in verdicts]
    rows: list[tuple[str | None, tuple[Line, ...]]] = []
    for at in range(len(expected) + 1):
        inserted = [between[at] for _, between in aligned]
        rows += [(None, lines) for lines in zip_longest(*inserted, fillvalue=GAP)]
        if at < len(expected):
            rows.append((expected[at], tuple(beside[at] for beside, _ in aligned)))
    return tuple(rows)


def _align(expected: Sequence[str], verdict: Verdict) -> tuple[list[Line], list[list[Line]]]:
    """Return the line beside each expected one, and the lines between them."""
    trace = verdict.trace[:MOST_COMPARED]
    beside = [GAP] * len(expected)
    between: list[list[Line]] = [[] for _ in range(len(expected) + 1)]
    if verdict.difference is None and len(trace) == len(expected):  # as expected, though perhaps in another order
        return [Line(line, "same") for line in trace], between
    for kind, low, high, start, stop in SequenceMatcher(None, expected, trace, autojunk=False).get_opcodes():
        for nth in range(stop - start):
            at = start + nth
            line = Line(trace[at], "first" if at == verdict.difference else "same" if kind == "equal" else "other")
            if low + nth < high:
                beside[low + nth] = line
            else:
                between[high].append(line)
    if verdict.difference is not None and verdict.difference >= len(trace):
        end = Line("(the trace ends)", "first")
        if verdict.difference < len(expected) and beside[verdict.difference].kind == "gap":
            beside[verdict.difference] = end
        else:
            between[-1].append(end)
    return beside, between
