"""Memory: the bytes that one operation of each arm has in use at its peak, what one more manager adds, and what stays.

One process per loop traces arm after arm. Seen is what Python's own allocators give out, which is all that Python objects
and libraries written in Cython take. Of what C libraries get from the system by themselves only that is seen which stays, where
the system's allocator tells; of the stacks of C nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asyncwith.blocks import replace_file
from asyncwith.child import Child
from asyncwith.journal import Address, Entry, Journal, Refused, Report, read_entries
from asyncwith.measuring import DISTORTING
from asyncwith.memory_process import PATIENCE, UNSEEN, turns_of
from asyncwith.rooms import room

__all__ = ["Footprint", "Slope", "Traced", "TracedCell", "read_footprints", "trace_memory", "write_traced"]

FORMAT = 1
LEAK = 8  # bytes for each operation or manager; no object takes less than 16, and now and then something grows by a few


@dataclass(frozen=True)
class Footprint(Entry):
    """One operation's `peak` beyond what was in use before, and that of a turn of the `empty` loop, in bytes.

    What stays in use is of so many `turns`: of Python's allocators, and of the system's if that is not `UNSEEN`.
    """

    NAMES = ("peak", "empty", "turns", "stays", "stays_native")

    @property
    def peak(self) -> int:
        """Bytes that one operation has in use at its peak, without the empty loop."""
        return self.figures["peak"] - self.figures["empty"]

    @property
    def stays(self) -> float:
        """Bytes that each operation leaves in use, or each manager where there is a size; nothing, normally."""
        return self._each("stays")

    @property
    def stays_native(self) -> float | None:
        """Likewise of the system's allocator, from which C libraries take and Python takes large objects, if it tells."""
        return None if self.figures["stays_native"] == UNSEEN else self._each("stays_native")

    def _each(self, name: str) -> float:
        return self.figures[name] / self.figures["turns"] / (self.size or 1)

    def sound(self) -> bool:
        """Whether there is a peak, and something was done to see what stays."""
        its = self.figures
        return its["peak"] >= 0 and its["turns"] > 0 and its["stays"] >= 0 and its["stays_native"] >= UNSEEN


@dataclass(frozen=True)
class TracedCell:
    """One arm on one loop. `peak` is in bytes of one operation, or of one manager where there is a size; so is what stays.

    `ratio` is that of the peak to the reference loop's. `leaks` is true where what stays is no rounding. A cell with
    `not_traced` has no figures.
    """

    question: str
    arm: str
    size: int | None
    loop: str
    not_traced: str | None = None
    peak: float | None = None
    ratio: float | None = None
    stays: float | None = None
    stays_native: float | None = None
    leaks: bool = False

    def leak(self) -> str:
        """Say what leaks. Where Python's allocators show a leak, the system's have the records of `tracemalloc` on it too."""
        if self.stays is not None and self.stays >= LEAK:
            return f"{self.stays:,.0f} bytes"
        return f"{self.stays_native or 0:,.0f} bytes of the system's allocator"


@dataclass(frozen=True)
class Slope:
    """What one more manager adds to the peak of an arm, in bytes, from its `smallest` size to its `largest`.

    `ratio` is to the reference loop.
    """

    question: str
    arm: str
    loop: str
    smallest: int
    largest: int
    each: float
    ratio: float | None


@dataclass(frozen=True)
class Traced:
    """All that was traced in a run, and where it comes from."""

    provenance: dict[str, Any]
    reference: str
    loops: tuple[str, ...]
    cells: tuple[TracedCell, ...]
    slopes: tuple[Slope, ...]


def trace_memory(
    questions: Sequence[str],
    loops: Sequence[str],
    directory: Path,
    *,
    progress: Report = lambda done, of: None,  # noqa: ARG005 - nobody looks
    folder: Path | None = None,
) -> Traced:
    """Trace the arms of `questions` (all if empty) on `loops`, the first of which is the reference.

    Footprints that `directory` already holds are taken as they are. Raises `InputError` if some are of another origin.
    """
    journal = Journal(Footprint, folder or room("bench"), questions, loops, directory / "memory", progress)
    tracer = _Tracer(journal)
    journal.fill(tracer.start, tracer.ask)
    return Traced(
        provenance=journal.provenance,
        reference=journal.reference,
        loops=tuple(journal.columns()),
        cells=tuple(
            _cell(journal, loop, address, name, size)
            for address, name, size in journal.rows()
            for loop in journal.columns()
        ),
        slopes=tuple(_slopes(list(journal.entries.values()), journal.reference)),
    )


class _Tracer:
    """Starts processes that trace, and takes the empty loop off what they say."""

    def __init__(self, journal: Journal[Footprint]) -> None:
        self.journal = journal
        self.empty = 0

    def start(self, loop: str) -> Child:
        environment = {name: value for name, value in os.environ.items() if name not in DISTORTING}
        return Child(
            "asyncwith.memory_process",
            self.journal.specs[loop],
            str(self.journal.folder),
            *(question.name for question in self.journal.questions),
            environment=environment | {"PYTHONHASHSEED": "0"},  # how full a table is may depend on it
        )

    def ask(self, child: Child, address: Address | None) -> dict[str, int]:
        child.ask({"arm": address})
        word = child.answer(2 * PATIENCE)
        if "error" in word:
            raise Refused(word["error"])
        if address is None:
            self.empty = word["peak"]
        size = self.journal.arms[address].size if address else None
        return {**word, "empty": self.empty, "turns": turns_of(size)}


def _cell(journal: Journal[Footprint], loop: str, address: Address, name: str, size: int | None) -> TracedCell:
    its = journal.entries.get((loop, address))
    if its is None:
        return TracedCell(address[0], name, size, loop, journal.reason(loop, address))
    base = journal.entries.get((journal.reference, address))
    return TracedCell(
        question=address[0],
        arm=name,
        size=size,
        loop=loop,
        peak=its.peak / (size or 1),
        ratio=its.peak / base.peak if base is not None and base.peak > 0 else None,
        stays=its.stays,
        stays_native=its.stays_native,
        leaks=max(its.stays, its.stays_native or 0) >= LEAK,
    )


def _slopes(footprints: Sequence[Footprint], reference: str) -> list[Slope]:
    """Return what one more manager adds, of each arm that has two sizes; whatever is the same for few and many drops out."""
    sized: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for its in sorted(footprints, key=lambda its: its.address):
        if its.size is not None:
            sized.setdefault((its.question, its.name, its.loop), []).append((its.size, its.peak))
    ends = {key: (min(found), max(found)) for key, found in sized.items() if len(found) > 1}
    each = {key: (high[1] - low[1]) / (high[0] - low[0]) for key, (low, high) in ends.items()}
    made = []
    for (question, arm, loop), (low, high) in ends.items():
        base = each.get((question, arm, reference), 0.0)
        ratio = each[question, arm, loop] / base if base > 0 else None
        made.append(Slope(question, arm, loop, low[0], high[0], each[question, arm, loop], ratio))
    return made


def read_footprints(folder: Path) -> list[Footprint]:
    """Return the footprints in a folder. Raises `InputError` for a file that is none."""
    return read_entries(folder, Footprint)


def write_traced(traced: Traced, directory: Path) -> Path:
    """Write `memory.json` into the directory of a run."""
    path = directory / "memory.json"
    replace_file(path, json.dumps({"format": FORMAT, **asdict(traced)}, indent=1, allow_nan=False) + "\n")
    return path
