"""Instructions, the witness that noise cannot reach: what valgrind counts of each arm on each loop, once and for all.

One process per loop counts arm after arm; each count is filed as soon as it is known, so that whoever is killed goes on
where it was. Counts leave out what the kernel does, so they stand beside times and not instead of them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from asyncwith.arms import Arm, Question, label, load_questions
from asyncwith.blocks import Block, read_blocks, replace_file
from asyncwith.counting_process import PATIENCE, CountingJob, operations_of
from asyncwith.deriving import derive_from
from asyncwith.errors import InputError, UsageError
from asyncwith.loops import Loop, find_loop
from asyncwith.measuring import DISTORTING
from asyncwith.provenance import provenance
from asyncwith.rooms import room
from asyncwith.statistics import MARGIN, Interval

__all__ = ["Count", "Counted", "CountedCell", "count", "read_counts", "write_counted"]

FORMAT = 1
ORIGIN = ("python", "implementation", "build", "gil", "jit", "machine", "cpu")
SILENCE = 2 * PATIENCE  # seconds; the process that forks starts slowly, but not so slowly

Address = tuple[str, int]  # a question, and the place of an arm in it
EMPTY: Address = ("", 0)  # that of the empty loop
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Count:
    """One arm on one loop: the instructions of so many `operations` (`once`) and of two times as many (`twice`).

    Both have the same extra. `empty` is what a turn of the empty loop takes, `origin` all that must be equal where counts
    stand together.
    """

    question: str
    name: str
    size: int | None
    place: int
    loop: str
    operations: int
    once: int
    twice: int
    empty: float
    origin: Mapping[str, str]

    @property
    def instructions(self) -> float:
        """Instructions of one operation, or of one manager where there is a size, without the empty loop."""
        return (slope(self.once, self.twice, self.operations) - self.empty) / (self.size or 1)


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
    work = _Work(folder or room("bench"), questions, loops, directory, progress)
    for loop, spec in work.specs.items():
        work.count_on(loop, spec)
    return work.counted()


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


class _Work:
    """One counting: what is asked, what is known, and why the rest is not."""

    def __init__(
        self, folder: Path, questions: Sequence[str], specs: Sequence[str], directory: Path, report: Report
    ) -> None:
        self.valgrind = valgrind_version()
        self.folder, self.directory, self.report = folder, directory / "instructions", report
        self.provenance = provenance()
        self.questions = load_questions(folder, questions)
        found = [find_loop(spec) for spec in specs]
        self.loops = {loop.id: loop for loop in found}
        self.specs = {loop.id: spec for loop, spec in zip(found, specs, strict=True)}
        if len(self.loops) < len(found):
            raise UsageError(f"of these loops two have the same name: {', '.join(specs)}")
        self.reference = found[0].id
        self.arms = {(arm.question, place): arm for each in self.questions for place, arm in enumerate(each.arms)}
        self.counts = {(each.loop, (each.question, each.place)): each for each in read_counts(self.directory)}
        self.reasons: dict[tuple[str, Address], str] = {}
        self._check_counts()
        self.wall = self._wall(read_blocks(directory / "blocks"), directory)
        self._tell()

    def origin(self, question: Question, loop: Loop) -> dict[str, str]:
        """Return all that decides over a count."""
        return {
            **{key: str(self.provenance[key]) for key in ORIGIN},
            "libc": _libc(),
            "valgrind": self.valgrind,
            "anyio": version("anyio"),
            f"the version of {loop.id}": loop.version(),
            f"the program of {question.name!r}": question.digest(),
        }

    def _check_counts(self) -> None:
        """Raise `InputError` if there are counts that do not belong to what would be counted now."""
        asked = {question.name: question for question in self.questions}
        for each in self.counts.values():
            now = {**{key: str(self.provenance[key]) for key in ORIGIN}, "libc": _libc(), "valgrind": self.valgrind}
            if each.question in asked and each.loop in self.loops and self.loops[each.loop].absence() is None:
                now = self.origin(asked[each.question], self.loops[each.loop])
            for key, value in now.items():
                if each.origin.get(key) != value:
                    raise InputError(
                        f"{self.directory}: there are counts of another origin: {key} is {each.origin.get(key)!r} there and "
                        f"{value!r} here",
                        "count into a new directory, or take these away",
                    )

    def _wall(self, blocks: Sequence[Block], directory: Path) -> dict[tuple[str, str], Interval]:
        """Return the ratios of wall time by label and loop. Raises `InputError` if they were measured on other ground."""
        if len(blocks) < 2:  # noqa: PLR2004 - an interval needs two
            return {}
        for key in ORIGIN:
            if blocks[0].provenance.get(key) != self.provenance[key]:
                raise InputError(
                    f"{directory}: {key} is {blocks[0].provenance.get(key)!r} in the blocks and {self.provenance[key]!r} here",
                    "count into a new directory",
                )
        costs = derive_from(blocks)
        if costs.reference != self.reference:
            raise InputError(
                f"{directory}: times are compared with {costs.reference}, counts with {self.reference}",
                "count into a new directory, or name the same loop first",
            )
        return {
            (label(question.name, cell.arm, cell.size), cell.loop): Interval(
                cell.ratio, cell.ratio_low, cell.ratio_high
            )
            for question in costs.questions
            for cell in question.cells
            if cell.ratio is not None and cell.ratio_low is not None and cell.ratio_high is not None
        }

    def count_on(self, loop: str, spec: str) -> None:
        """Count what is missing on a loop. Whatever the loop does, only its own cells are lost."""
        missing = [address for address in self.arms if (loop, address) not in self.counts]
        reason = self.loops[loop].absence()
        if missing and reason is None:
            done = [address for address in self.arms if address not in missing]
            job = CountingJob(str(self.folder), [each.name for each in self.questions], spec, done)
            reason = self._perform(job, self.loops[loop])
        for address in missing:
            if (loop, address) not in self.counts:
                self.reasons.setdefault((loop, address), reason or "it took its process down, or too long")
        self._tell()

    def _perform(self, job: CountingJob, loop: Loop) -> str | None:
        """Run one counting process and file what it counts; return what went wrong with the whole of it."""
        origins = {question.name: self.origin(question, loop) for question in self.questions}
        empty = 0.0
        with tempfile.TemporaryDirectory(prefix="asyncwith-") as name:
            scratch = Path(name)
            process = _start(job, scratch)
            try:
                for word in _words(process, scratch):
                    address = (word["question"], word["place"])
                    if "error" in word:
                        self.reasons[loop.id, address] = word["error"]
                        continue
                    start, middle, end = (_take(scratch / str(reading)) for reading in word["readings"])
                    once, twice = middle - start, end - middle
                    if address == EMPTY:
                        empty = slope(once, twice, operations_of(None))
                    else:
                        arm = self.arms[address]
                        self._file(arm, address, loop.id, (once, twice), empty, origins[arm.question])
                        self._tell()
            except TimeoutError as error:
                return str(error)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.returncode == 0:
                return None
            last = (scratch / "errors").read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
            return last or f"the process ended with code {process.returncode}"

    def _file(
        self,
        arm: Arm,
        address: Address,
        loop: str,
        counted: tuple[int, int],
        empty: float,
        origin: Mapping[str, str],
    ) -> None:
        its = Count(
            arm.question, arm.name, arm.size, address[1], loop, operations_of(arm.size), *counted, empty, origin
        )
        path = self.directory / f"{arm.question}-{address[1]:02}-{quote(loop, safe='+')}.json"
        replace_file(path, json.dumps({"format": FORMAT, **asdict(its)}, indent=1) + "\n")
        self.counts[loop, address] = its

    def _tell(self) -> None:
        known = {*self.counts, *self.reasons}
        wanted = [(loop, address) for loop in self.loops for address in self.arms]
        self.report(sum(each in known for each in wanted), len(wanted))

    def counted(self) -> Counted:
        """Return the cells: of what was asked now, and of what the directory had before."""
        loops = list(dict.fromkeys([*self.loops, *(loop for loop, _ in self.counts)]))
        names = {address: (each.name, each.size) for (_, address), each in self.counts.items()}
        names |= {address: (arm.name, arm.size) for address, arm in self.arms.items()}
        return Counted(
            provenance=self.provenance,
            valgrind=self.valgrind,
            libc=_libc(),
            reference=self.reference,
            loops=tuple(loops),
            cells=tuple(self._cell(loop, address, *names[address]) for address in sorted(names) for loop in loops),
        )

    def _cell(self, loop: str, address: Address, name: str, size: int | None) -> CountedCell:
        its = self.counts.get((loop, address))
        if its is None:
            reason = self.reasons.get((loop, address), "not asked for")
            return CountedCell(address[0], name, size, loop, reason)
        base = self.counts.get((self.reference, address))
        ratio = None if base is None else its.instructions / base.instructions
        wall = self.wall.get((label(address[0], name, size), loop))
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


def _start(job: CountingJob, scratch: Path) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in DISTORTING}
    # Where a name lies in a dictionary decides over instructions, and so does whether a function was linked before.
    environment |= {"PYTHONHASHSEED": "0", "LD_BIND_NOW": "1"}
    files = str(scratch).replace("%", "%%") + "/%p"
    command = ["valgrind", "-q", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={files}"]
    command += [sys.executable, "-m", "asyncwith.counting_process", json.dumps(asdict(job))]
    with (scratch / "words").open("wb") as words, (scratch / "errors").open("wb") as errors:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=errors,
            env=environment,
            start_new_session=True,  # so that its forks end with it
        )


def _words(process: subprocess.Popen[bytes], scratch: Path) -> Iterator[dict[str, Any]]:
    """Yield what a counting process says, until it ends. Raises `TimeoutError` if it falls silent."""
    with (scratch / "words").open("rb") as said:
        heard, unfinished = time.monotonic(), b""
        while True:
            ended = process.poll() is not None
            *lines, unfinished = (unfinished + said.read()).split(b"\n")
            yield from map(json.loads, lines)
            if ended:
                return
            if lines:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE:
                raise TimeoutError(f"nothing came back for {SILENCE} seconds")
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)


def _take(path: Path) -> int:
    found = total(path.read_text(encoding="utf-8", errors="replace"))
    path.unlink()  # a third of a megabyte each
    return found


def _libc() -> str:
    return " ".join(platform.libc_ver()).strip() or platform.platform()


def read_counts(folder: Path) -> list[Count]:
    """Return the counts in a folder. Raises `InputError` for a file that is none."""
    return [_read_count(path) for path in sorted(folder.glob("*.json"))]


def _read_count(path: Path) -> Count:
    try:
        match json.loads(path.read_bytes()):
            case {
                "format": 1,
                "question": str() as question,
                "name": str() as name,
                "size": (None | int()) as size,
                "place": int() as place,
                "loop": str() as loop,
                "operations": int() as operations,
                "once": int() as once,
                "twice": int() as twice,
                "empty": float() as empty,
                "origin": dict() as origin,
            } if operations > 0 and 0 <= empty < (twice - once) / operations and (size is None or size > 0):
                return Count(question, name, size, place, loop, operations, once, twice, empty, origin)
    except (OSError, ValueError, RecursionError, OverflowError) as error:
        raise InputError(f"{path}: {error}", "this is no count that asyncwith wrote; take it away") from None
    raise InputError(f"{path}: is no count of instructions", "asyncwith did not write it so; take it away")


def write_counted(counted: Counted, directory: Path) -> Path:
    """Write `instructions.json` into the directory of a run."""
    path = directory / "instructions.json"
    replace_file(path, json.dumps({"format": FORMAT, **asdict(counted)}, indent=1, allow_nan=False) + "\n")
    return path
