"""The model as a reader looks at it: columns, states and their signs, the matrix of clauses and its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asyncwith.report.model import NO_LOOP, Check, Conformance, Judged, Model, Promise, Run

__all__ = ["STATES", "Column", "Entry", "Row", "State", "View", "columns_of", "failures_of", "rows_of", "tally"]


@dataclass(frozen=True)
class State:
    """How a state is shown: a sign and a word, so that colour is never alone, and what it means."""

    sign: str
    tone: str
    meaning: str


STATES = {
    "passed": State("✓", "good", "The trace is the one that the clause asks for, and nothing was left behind."),
    "failed": State("✗", "bad", "The trace is another one. The first line that differs is marked."),
    "crashed": State("‼", "bad", "The process ended before the scenario did."),
    "timed out": State("◷", "bad", "The scenario did not end within its time limit."),
    "leaked": State("↓", "bad", "The trace is right, but tasks, warnings, descriptors or threads were left behind."),
    "flaky": State("≈", "bad", "Repeated, the same check came out differently."),
    "departs": State(
        "△", "known", "Not passed, as was known before the run: the deviation is written down with a link. No failure."
    ),
    "noted": State(
        "◇", "known", "An informational clause came out otherwise than it says. Nobody promised it: no failure."
    ),
    "stale": State(
        "▲", "bad", "A deviation is written down, but the check passed. The record is out of date; that fails the run."
    ),
    "not run": State("\N{EN DASH}", "quiet", "Says nothing about this loop, Python or library; the reason is given."),
    "no verdict": State("?", "bad", "Declared, but the run ended before it was judged."),
}
SILENT = ("", "not run", "no verdict")


@dataclass(frozen=True)
class Column:
    """One loop with one library in one run."""

    at: int
    run: Run
    conformance: Conformance
    loop: str
    library: str
    version: str

    @property
    def title(self) -> str:
        """The loop by its id, or in words if there is none."""
        return "no loop" if self.loop == NO_LOOP else self.loop

    @property
    def heading(self) -> str:
        """The title, with the library where that is not the usual one."""
        return self.title if self.library == "contextlib" else f"{self.title} with {self.library}"

    @property
    def name(self) -> str:
        """All that tells this column from any other."""
        return f"{self.run.label}, {self.title}, {self.library}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One place of the matrix. `state` is empty where the check was not declared."""

    column: Column
    state: str
    judged: Judged | None

    @property
    def reason(self) -> str:
        """Why the state is what it is."""
        if self.judged is None:
            return "" if self.state else "There is no such check."
        if self.judged.departure is not None and self.state != "not run":
            recorded = self.judged.departure.why
            return f"It passed, but a departure is on record: {recorded}" if self.state == "stale" else recorded
        return self.judged.verdict.reason


@dataclass(frozen=True, slots=True)
class Row:
    """One clause on all columns."""

    promise: Promise
    entries: tuple[Entry, ...]
    differs: bool

    @property
    def reasons(self) -> list[tuple[str, str, list[str]]]:
        """What is to be said beside the signs: state and reason, and the loops that share them."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for entry in self.entries:
            if entry.reason and entry.state and entry.state != "passed":
                found.setdefault((entry.state, entry.reason), {})[entry.column.title] = None
        if not any(entry.state for entry in self.entries):
            return [("not run", "No check covers this clause.", ["all loops"])]
        return [(state, reason, list(titles)) for (state, reason), titles in found.items()]


class View:
    """A model with its matrix, which is made once for all that look at it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.columns = columns_of(model)
        self.rows = rows_of(model, self.columns)


def columns_of(model: Model) -> list[Column]:
    """Return the columns of all runs: loops in the order in which the run names them, checks without a loop last."""
    columns: list[Column] = []
    for run in model.runs:
        conformance = run.conformance
        if conformance is None:
            continue
        pairs = dict.fromkeys((check.loop, check.library) for check in conformance.checks)
        order = list(dict.fromkeys([*conformance.loops, *(loop for loop, _ in pairs)]))
        for loop, library in sorted(pairs, key=lambda pair: (pair[0] == NO_LOOP, order.index(pair[0]))):
            version = f"Python {run.provenance.python}" if loop == NO_LOOP else conformance.loops.get(loop, "")
            columns.append(Column(len(columns), run, conformance, loop, library, version))
    return columns


def rows_of(model: Model, columns: Sequence[Column]) -> list[Row]:
    """Return the matrix: every clause of every run, also those that no check covers."""
    rows = []
    for promise in model.promises.values():
        entries = []
        for column in columns:
            check = Check(promise.id, column.loop, column.library)
            entries.append(Entry(column, column.conformance.state(check), column.conformance.verdicts.get(check)))
        rows.append(Row(promise, tuple(entries), _differs(entries)))
    return rows


def _differs(entries: Iterable[Entry]) -> bool:
    """Tell whether two loops of one run, with the same library, came out differently or left another trace."""
    seen: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}
    for entry in entries:
        if entry.judged is None or entry.state in SILENT:
            continue
        outcome = (entry.state, entry.judged.verdict.trace)
        if seen.setdefault((entry.column.run.name, entry.column.library), outcome) != outcome:
            return True
    return False


def tally(rows: Iterable[Row], column: Column) -> Counter[str]:
    """Count the states of `rows` in one column."""
    return Counter(row.entries[column.at].state for row in rows if row.entries[column.at].state)


def failures_of(rows: Iterable[Row], column: Column) -> list[Row]:
    """Return the rows that fail the run in `column`: broken promises that nobody knew of, and stale departures."""
    return [row for row in rows if (state := row.entries[column.at].state) and STATES[state].tone == "bad"]
