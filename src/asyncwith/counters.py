"""Instructions, the witness that noise cannot reach: what valgrind counts of each arm on each loop, once and for all.

One process per loop counts arm after arm. Counts leave out what the kernel does, so they stand beside times and not instead
of them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asyncwith.arms import label
from asyncwith.blocks import Block, read_blocks, replace_file
from asyncwith.child import Child
from asyncwith.counting_process import PATIENCE, operations_of
from asyncwith.deriving import derive_from
from asyncwith.errors import InputError, UsageError
from asyncwith.journal import ORIGIN, Address, Entry, Journal, Refused, Report, read_entries
from asyncwith.measuring import DISTORTING
from asyncwith.rooms import room
from asyncwith.statistics import MARGIN, Interval

__all__ = ["Count", "Counted", "CountedCell", "count", "read_counts", "write_counted"]

FORMAT = 1
SILENCE = 2 * PATIENCE  # seconds; the process that forks starts slowly, but not so slowly
PAGE = 4096  # bytes


@dataclass(frozen=True)
class Count(Entry):
    """The instructions of so many `operations` (`once`) and of two times as many (`twice`); both have the same extra.

    `empty` has the instructions of as many turns of the empty loop.
    """

    NAMES = ("operations", "once", "twice", "empty")

    @property
    def instructions(self) -> float:
        """Instructions of one operation, or of one manager where there is a size, without the empty loop."""
        its = self.figures
        return (slope(its["once"], its["twice"], its["operations"]) - its["empty"] / operations_of(None)) / (
            self.size or 1
        )

    def sound(self) -> bool:
        """Whether an operation takes instructions, and the empty loop does not take them all."""
        return self.figures["operations"] > 0 and self.figures["empty"] >= 0 and self.instructions > 0


@dataclass(frozen=True)
class CountedCell:
    """One arm on one loop. `ratio` is to the reference loop, and so is `wall_ratio`, if the run has times as well.

    `agree` is false where both are farther from 1 than the margin, in opposite directions. A cell with `not_counted` has no
    figures.
    """

    question: str
    arm: str
    size: int | None
    loop: str
    not_counted: str | None = None
    instructions: float | None = None
    ratio: float | None = None
    wall_ratio: float | None = None
    agree: bool = True


@dataclass(frozen=True)
class Counted:
    """All counts of a run, and where they come from."""

    provenance: dict[str, Any]
    valgrind: str
    libc: str
    reference: str
    loops: tuple[str, ...]
    cells: tuple[CountedCell, ...]


def slope(once: int, twice: int, operations: int) -> float:
    """Return what one more operation takes; whatever is the same for many and for few drops out."""
    return (twice - once) / operations


def total(cachegrind: str) -> int:
    """Return how many instructions a file of cachegrind's tells of. Raises `ValueError` if it is no such file."""
    events = re.search(r"^events: Ir$", cachegrind, re.MULTILINE)
    summary = re.search(r"^summary: (\d+)$", cachegrind, re.MULTILINE)
    if events is None or summary is None:
        raise ValueError("cachegrind wrote no count of instructions")
    return int(summary[1])


def count(
    questions: Sequence[str],
    loops: Sequence[str],
    directory: Path,
    *,
    progress: Report = lambda done, of: None,  # noqa: ARG005 - nobody looks
    folder: Path | None = None,
) -> Counted:
    """Count the arms of `questions` (all if empty) on `loops`, the first of which is the reference.

    Counts that `directory` already holds are taken as they are. Raises `UsageError` without valgrind, and `InputError` if
    there are counts or times of another origin.
    """
    valgrind = valgrind_version()
    ground = {"libc": _libc(), "valgrind": valgrind}
    journal = Journal(
        Count, folder or room("bench"), questions, loops, directory / "instructions", progress, ground=ground
    )
    wall = _wall(read_blocks(directory / "blocks"), journal, directory)
    with tempfile.TemporaryDirectory(prefix="asyncwith-") as scratch:
        counter = _Counter(journal, Path(scratch))
        journal.fill(counter.start, counter.ask)
    return Counted(
        provenance=journal.provenance,
        valgrind=valgrind,
        libc=_libc(),
        reference=journal.reference,
        loops=tuple(journal.columns()),
        cells=tuple(
            _cell(journal, loop, address, name, size, wall)
            for address, name, size in journal.rows()
            for loop in journal.columns()
        ),
    )


def valgrind_version() -> str:
    """Return the version of valgrind. Raises `UsageError` where it cannot be had."""
    command = shutil.which("valgrind")
    if command is None:
        raise UsageError(
            "instructions are counted by valgrind, which is not installed",
            "install the package `valgrind` of your system",
        )
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found above
    if done.returncode != 0:
        raise UsageError(f"{command} does not run: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip().removeprefix("valgrind-")


class _Counter:
    """Starts processes that count, and takes what valgrind leaves in the folder `scratch`."""

    def __init__(self, journal: Journal[Count], scratch: Path) -> None:
        self.journal, self.scratch = journal, scratch
        self.empty = 0

    def start(self, loop: str) -> Child:
        environment = {name: value for name, value in os.environ.items() if name not in DISTORTING}
        # Where a name lies in a dictionary decides over instructions, and so does whether a function was linked before.
        environment |= {"PYTHONHASHSEED": "0", "LD_BIND_NOW": "1", "ASYNCWITH_PADDING": ""}
        # The stack begins behind the environment, and what copies to it does so by other instructions from another place.
        length = sum(len(os.fsencode(name + value)) + 2 for name, value in environment.items())
        environment["ASYNCWITH_PADDING"] = "x" * (-length % PAGE)
        files = str(self.scratch).replace("%", "%%") + "/%p"
        return Child(
            "asyncwith.counting_process",
            self.journal.specs[loop],
            str(self.journal.folder),
            *(question.name for question in self.journal.questions),
            under=["valgrind", "-q", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={files}"],
            environment=environment,
        )

    def ask(self, child: Child, address: Address | None) -> dict[str, int]:
        """Return what an arm takes, or note what the empty loop (None) takes."""
        child.ask({"arm": address})
        word = child.answer(SILENCE)
        if "error" in word:
            raise Refused(word["error"])
        start, middle, end = (_take(self.scratch / str(reading)) for reading in word["readings"])
        once, twice = middle - start, end - middle
        if address is None:
            self.empty = twice - once
        operations = operations_of(self.journal.arms[address].size if address else None)
        return {"operations": operations, "once": once, "twice": twice, "empty": self.empty}


def _wall(blocks: Sequence[Block], journal: Journal[Count], directory: Path) -> dict[tuple[str, str], Interval]:
    """Return the ratios of wall time by label and loop. Raises `InputError` if they were measured on other ground."""
    if len(blocks) < 2:  # noqa: PLR2004 - an interval needs two
        return {}
    for key in ORIGIN:
        if blocks[0].provenance.get(key) != journal.provenance[key]:
            raise InputError(
                f"{directory}: {key} is {blocks[0].provenance.get(key)!r} in the blocks and {journal.provenance[key]!r} here",
                "count into a new directory",
            )
    costs = derive_from(blocks)
    if costs.reference != journal.reference:
        raise InputError(
            f"{directory}: times are compared with {costs.reference}, counts with {journal.reference}",
            "count into a new directory, or name the same loop first",
        )
    return {
        (label(question.name, cell.arm, cell.size), cell.loop): Interval(cell.ratio, cell.ratio_low, cell.ratio_high)
        for question in costs.questions
        for cell in question.cells
        if cell.ratio is not None and cell.ratio_low is not None and cell.ratio_high is not None
    }


def _cell(
    journal: Journal[Count],
    loop: str,
    address: Address,
    name: str,
    size: int | None,
    ratios: Mapping[tuple[str, str], Interval],
) -> CountedCell:
    its = journal.entries.get((loop, address))
    if its is None:
        return CountedCell(address[0], name, size, loop, journal.reason(loop, address))
    base = journal.entries.get((journal.reference, address))
    ratio = None if base is None else its.instructions / base.instructions
    wall = ratios.get((label(address[0], name, size), loop))
    return CountedCell(
        question=address[0],
        arm=name,
        size=size,
        loop=loop,
        instructions=its.instructions,
        ratio=ratio,
        wall_ratio=None if wall is None else wall.middle,
        agree=ratio is None or wall is None or not contradicts(ratio, wall),
    )


def contradicts(ratio: float, wall: Interval) -> bool:
    """Whether counts say faster and times slower, or the other way round, and neither by so little that it is the same."""
    beyond = Interval(ratio, ratio, ratio).beyond(MARGIN) and wall.beyond(MARGIN)
    return beyond and (ratio > 1) is not (wall.middle > 1)


def _take(path: Path) -> int:
    found = total(path.read_text(encoding="utf-8", errors="replace"))
    path.unlink()  # a third of a megabyte each
    return found


def _libc() -> str:
    return " ".join(platform.libc_ver()).strip() or platform.platform()


def read_counts(folder: Path) -> list[Count]:
    """Return the counts in a folder. Raises `InputError` for a file that is none."""
    return read_entries(folder, Count)


def write_counted(counted: Counted, directory: Path) -> Path:
    """Write `instructions.json` into the directory of a run."""
    path = directory / "instructions.json"
    replace_file(path, json.dumps({"format": FORMAT, **asdict(counted)}, indent=1, allow_nan=False) + "\n")
    return path
