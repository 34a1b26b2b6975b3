"""Reading runs: directories with `outcomes.jsonl`, `costs.json` or both become a `Model`, or an `InputError` says why.

A run that was killed is legal: its last line may be half written and its end may be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asyncwith.errors import InputError
from asyncwith.report.costs_file import read_costs
from asyncwith.report.model import Model, Run
from asyncwith.report.outcomes_file import read_outcomes
from asyncwith.report.witness_files import read_instructions, read_memory, read_slopes

__all__ = ["read_runs"]

FILES = ("outcomes.jsonl", "costs.json", "instructions.json", "memory.json")


def read_runs(paths: Sequence[Path]) -> Model:
    """Return the runs in the directories `paths`, in that order."""
    if not paths:
        raise InputError("there is no run to report on", "name at least one directory that `asyncwith run` has made")
    runs = [_read_run(path) for path in paths]
    names, labels = Counter(run.name for run in runs), Counter(run.label for run in runs)
    told_apart = []
    for at, run in enumerate(runs, start=1):
        name = run.name if names[run.name] == 1 else f"{run.name} ({at})"
        told_apart.append(
            replace(run, name=name, label=run.label if labels[run.label] == 1 else f"{run.label} · {name}")
        )
    return Model(tuple(told_apart))


def _read_run(path: Path) -> Run:
    outcomes, costs, instructions, memory = (path / name for name in FILES)
    for file in outcomes, costs, instructions, memory:
        if file.exists() and not file.is_file():
            raise InputError(f"{file}: is no file", "asyncwith did not write it so; take it away")
    conformance = read_outcomes(outcomes) if outcomes.exists() else None
    measured = read_costs(costs) if costs.exists() else None
    half = conformance or measured
    if half is None:
        raise InputError(f"{path} is not a run: it has neither {outcomes.name} nor {costs.name}")
    where = half.provenance
    if measured is not None and (measured.provenance.python, measured.provenance.machine) != (
        where.python,
        where.machine,
    ):
        there = measured.provenance
        here = f"{outcomes.name} by {where.python} on {where.machine}"
        raise InputError(
            f"{costs}: made by Python {there.python} on {there.machine}, but {here}",
            "a run is of one Python on one machine",
        )
    return Run(
        name=path.resolve().name or "run",
        label=f"{where.implementation} {where.python}",
        conformance=conformance,
        costs=measured,
        instructions=read_instructions(instructions),
        memory=read_memory(memory),
        slopes=read_slopes(memory),
    )
