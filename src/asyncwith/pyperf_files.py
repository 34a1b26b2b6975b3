"""The figures as pyperf files, one per Python and loop, for `python -m pyperf compare_to`, `stats`, `hist` and `check`.

pyperf takes the values of a benchmark for independent and calls every difference of unequally many values significant. So
there is one value per process, and in all files of a run the same number of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyperf

from asyncwith.arms import label
from asyncwith.costs import Cell, Costs
from asyncwith.pyperf_program import metadata

__all__ = ["write_pyperf_files"]


def write_pyperf_files(costs: Costs, directory: Path) -> list[Path]:
    """Write `bench/<python>-<loop>.json` into the directory of a run, with the same benchmarks in each, and return the paths."""
    tables = {question.name: _complete_rows(question.cells, set(costs.loops)) for question in costs.questions}
    written = []
    for loop in costs.loops:
        benchmarks = [_benchmark(costs, name, row[loop], least) for name, rows in tables.items() for row, least in rows]
        if benchmarks:
            path = directory / "bench" / _file_name(costs.provenance, loop)
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".tmp")
            pyperf.BenchmarkSuite(benchmarks).dump(str(unfinished), replace=True)
            unfinished.replace(path)
            written.append(path)
    return written


def _complete_rows(cells: tuple[Cell, ...], loops: set[str]) -> list[tuple[dict[str, Cell], int]]:
    """Return by arm the cells that were timed on all loops, and how many values each of them has to give."""
    rows: dict[tuple[str, int | None], dict[str, Cell]] = {}
    for cell in cells:
        if cell.not_timed is None:
            rows.setdefault((cell.arm, cell.size), {})[cell.loop] = cell
    return [(row, min(len(cell.values) for cell in row.values())) for row in rows.values() if row.keys() == loops]


def _benchmark(costs: Costs, question: str, cell: Cell, least: int) -> pyperf.Benchmark:
    known = costs.provenance
    about = {
        **metadata(known, question, cell.loop, costs.loops[cell.loop]),
        "name": label(question, cell.arm, cell.size),
        "unit": "second",
        "inner_loops": cell.size or 1,
        "python_version": known["python"],
        "python_implementation": str(known["implementation"]).lower(),
        "cpu_model_name": known["cpu"],
        "platform": known["platform"],
        "description": "one value per block: the median of its slices",
    }
    blocks = list(zip(cell.values, cell.operations, strict=True))[:least]
    return pyperf.Benchmark(
        [pyperf.Run([value], metadata={**about, "loops": loops}, collect_metadata=False) for value, loops in blocks]
    )


def _file_name(provenance: Mapping[str, Any], loop: str) -> str:
    minor = ".".join(str(provenance["python"]).split(".")[:2])
    return re.sub(r"[^\w.+-]", "_", f"{provenance['implementation']}{minor}-{loop}".lower()) + ".json"
