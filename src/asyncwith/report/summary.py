"""The report in a few sentences for a terminal, and in a page of Markdown for the summary of a CI job."""

from __future__ import annotations

import re

from asyncwith.report.model import Costs
from asyncwith.report.views import STATES, View, failures_of, tally
from asyncwith.report.words import duration, sentences

__all__ = ["headlines", "summary_markdown"]

SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~<>@&-])")
MOST_FAILURES = 50  # a job summary is limited to a megabyte, and a reader to less


def headlines(view: View) -> list[str]:
    """Return the sentences that matter, as they stand at the top of the page."""
    return [sentence.text for sentence in sentences(view.model, view.rows, view.columns)]


def summary_markdown(view: View) -> str:
    """Return what matters of the runs, the counts per loop and the checks that failed, as GitHub shows Markdown."""
    model, columns, rows = view.model, view.columns, view.rows
    lines = ["## asyncwith", ""]
    lines += [
        f"> **{_plain(run.conformance.lost)}**\n" for run in model.runs if run.conformance and run.conformance.lost
    ]
    lines += [f"- {_plain(sentence.text)}" for sentence in sentences(model, rows, columns)]
    if columns:
        counts = [tally(rows, column) for column in columns]
        states = [state for state in STATES if any(count[state] for count in counts)]
        lines += ["", f"| loop | {' | '.join(f'{STATES[state].sign} {state}' for state in states)} |"]
        lines += [f"| --- |{' ---: |' * len(states)}"]
        for column, count in zip(columns, counts, strict=True):
            lines.append(f"| {_plain(column.name)} | {' | '.join(str(count[state]) for state in states)} |")
    for run in model.runs:
        if run.costs and any(not each.absent for term in run.costs.terms for each in term.estimates):
            lines += ["", *_terms(run.costs, run.label)]
    failures = [(row, column) for column in columns for row in failures_of(rows, column)]
    if failures:
        lines += ["", "| clause | loop | outcome | reason |", "| --- | --- | --- | --- |"]
    for row, column in failures[:MOST_FAILURES]:
        entry = row.entries[column.at]
        lines.append(f"| {row.promise.id} | {_plain(column.name)} | {entry.state} | {_plain(entry.reason[:300])} |")
    if len(failures) > MOST_FAILURES:
        lines.append(f"\n… and {len(failures) - MOST_FAILURES} more.")
    return "\n".join(lines) + "\n"


def _terms(costs: Costs, label: str) -> list[str]:
    """Return the cost model as a table."""
    lines = [
        f"| {_plain(label)}: building block | {' | '.join(map(_plain, costs.loops))} | belongs to |",
        f"| --- |{' ---: |' * len(costs.loops)} --- |",
    ]
    for term in costs.terms:
        if all(each.absent for each in term.estimates):
            continue
        estimates = [duration(each.seconds) if each.seconds is not None else "·" for each in term.estimates]
        lines.append(f"| {_plain(term.name)} | {' | '.join(estimates)} | {term.owner} |")
    return lines


def _plain(text: str) -> str:
    """Return `text` on one line and without meaning in Markdown or HTML."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))
