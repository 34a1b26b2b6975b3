"""Figures that no noise reaches, and so need no blocks: each is filed once, for one arm on one loop, as soon as it is known.

Whoever is killed goes on where it was, and figures of different origin never stand together. What the figures are of, and how
a process comes by them, is the matter of `counters` and of `memory`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar
from urllib.parse import quote

from asyncwith.arms import Question, load_questions
from asyncwith.block_process import Held
from asyncwith.blocks import replace_file
from asyncwith.child import Child, Lost
from asyncwith.errors import InputError, UsageError
from asyncwith.holding import hold
from asyncwith.interpreters import OURS
from asyncwith.loops import Loop, find_loop
from asyncwith.provenance import provenance

__all__ = ["ORIGIN", "Address", "Entry", "Journal", "Refused", "Report", "read_entries"]

FORMAT = 2
LONGEST_FILE = 1 << 16  # bytes of a file that are looked at; it has one thousand
LARGEST = 10_000  # managers or tasks; ten times as many take a minute each and say the same about one more
ORIGIN = ("python", "implementation", "build", "gil", "jit", "machine", "cpu")

Address = tuple[str, int]  # a question, and the place of an arm in it
Figures = Mapping[str, int]
Report = Callable[[int, int], None]  # how many arms are done, and of how many


class Refused(Exception):
    """A process that goes on says why it has no figures."""


@dataclass(frozen=True)
class Entry(ABC):
    """One arm on one loop: its figures by name, and `origin`, all that must be equal where entries stand together."""

    NAMES: ClassVar[tuple[str, ...]]  # of the figures

    question: str
    name: str
    size: int | None
    place: int
    loop: str
    figures: Figures
    origin: Mapping[str, str]

    @property
    def address(self) -> Address:
        """Where the arm stands."""
        return self.question, self.place

    @abstractmethod
    def sound(self) -> bool:
        """Whether the figures can be what they are said to be."""


E = TypeVar("E", bound=Entry)


def read_entries(folder: Path, kind: type[E]) -> list[E]:
    """Return the entries in a folder. Raises `InputError` for a file that is none."""
    found: dict[tuple[str, Address], E] = {}
    for path in sorted(folder.glob("*.json")):
        each = _read_entry(path, kind)
        if found.setdefault((each.loop, each.address), each) != each:
            raise InputError(f"{path}: tells of the same arm and loop as another file, but differs", "take one away")
    return list(found.values())


def _read_entry(path: Path, kind: type[E]) -> E:
    if not path.is_file():  # to open a pipe would wait for somebody to write into it
        raise InputError(f"{path}: is no file", "asyncwith did not write it so; take it away")
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_FILE)
        match json.loads(text):
            case {
                "format": 2,
                "question": str() as question,
                "name": str() as name,
                "size": (None | int()) as size,
                "place": int() as place,
                "loop": str() as loop,
                "figures": dict() as figures,
                "origin": dict() as origin,
            } if (
                (size is None or size > 0)
                and set(figures) == set(kind.NAMES)
                and all(type(value) is int and abs(value) < 1 << 62 for value in figures.values())
                and all(isinstance(value, str) for value in origin.values())
            ):
                entry = kind(question, name, size, place, loop, figures, origin)
                if entry.sound():
                    return entry
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: {error}", "asyncwith did not write it so; take it away") from None
    raise InputError(
        f"{path}: has not the figures {', '.join(kind.NAMES)}", "asyncwith did not write it so; take it away"
    )


class Journal(Generic[E]):
    """What is asked, what is known, and why the rest is not.

    `entries` and `reasons` are by loop and address. The first loop is the `reference`.
    """

    def __init__(
        self,
        kind: type[E],
        folder: Path,
        questions: Sequence[str],
        specs: Sequence[str],
        directory: Path,
        report: Report,
        *,
        ground: Mapping[str, str] | None = None,
    ) -> None:
        """Ask all arms but the largest. `ground` is what else must be equal where entries stand together."""
        self.kind, self.folder, self.directory, self.report = kind, folder, directory, report
        self.provenance = provenance()
        self.ground = {**{key: str(self.provenance[key]) for key in ORIGIN}, **(ground or {})}
        self.questions = load_questions(folder, questions)
        found = [find_loop(spec) for spec in specs]
        self.loops = {loop.id: loop for loop in found}
        self.specs = {loop.id: spec for loop, spec in zip(found, specs, strict=True)}
        if len(self.loops) < len(found):
            raise UsageError(f"of these loops two have the same name: {', '.join(specs)}")
        self.reference = found[0].id
        self.arms = {
            (question.name, place): arm
            for question in self.questions
            for place, arm in enumerate(question.arms)
            if (arm.size or 1) <= LARGEST
        }
        self.entries = {(each.loop, each.address): each for each in read_entries(directory, kind)}
        self.reasons: dict[tuple[str, Address], str] = {}
        self._check_origin()
        self._tell()

    def fill(self, start: Callable[[str], Child], ask: Callable[[Child, Address | None], Figures]) -> None:
        """Ask for what is missing, loop after loop.

        `start` starts a process for the loop of that name. It is asked for the empty loop first (None), whose figures `ask`
        keeps to itself. Whatever a loop does, only its own cells are lost; an arm with constructs that do not hold on it is not
        asked for.
        """
        held = self._held()
        for name, loop in self.loops.items():
            reason = loop.absence()
            missing = self._missing(name, held)
            while missing and reason is None:
                with closing(start(name)) as child:
                    reason = self._ask(child, name, missing, ask)
            for address in missing:
                self.reasons[name, address] = str(reason)
            self._tell()

    def _held(self) -> Held:
        """Return what may be asked of which loop, if anything is missing."""
        present = [name for name, loop in self.loops.items() if loop.absence() is None]
        if all((name, address) in self.entries for name in present for address in self.arms):
            return {}
        questions, specs = [question.name for question in self.questions], [self.specs[name] for name in present]
        return hold(OURS, self.folder, questions, specs, self.directory.parent)

    def _missing(self, loop: str, held: Held) -> list[Address]:
        """Return what is to be asked of a loop, and note why the rest of what it lacks is not."""
        missing = []
        for address, arm in self.arms.items():
            if (loop, address) not in self.entries:
                its = [held[name][loop] for name in arm.holds if loop in held.get(name, {})]
                broken = [why for may, why in its if not may]
                if broken:
                    self.reasons[loop, address] = broken[0]
                else:
                    missing.append(address)
        return missing

    def _ask(
        self, child: Child, loop: str, missing: list[Address], ask: Callable[[Child, Address | None], Figures]
    ) -> str | None:
        """Ask one process until it is lost, and strike what it answered. Return what speaks against starting another."""
        try:
            ask(child, None)
        except (Refused, Lost) as error:
            return str(error)
        while missing:
            address = missing.pop(0)
            try:
                self._file(address, loop, ask(child, address))
            except Refused as error:
                self.reasons[loop, address] = str(error)
            except Lost as lost:
                self.reasons[loop, address] = str(lost)
                break
            finally:
                self._tell()
        return None

    def _file(self, address: Address, loop: str, figures: Figures) -> None:
        arm = self.arms[address]
        question = next(each for each in self.questions if each.name == arm.question)
        origin = self._origin(question, self.loops[loop])
        entry = self.kind(arm.question, arm.name, arm.size, address[1], loop, figures, origin)
        if not entry.sound():
            raise Refused(f"the figures contradict each other: {figures}")
        path = self.directory / f"{arm.question}-{address[1]:02}-{quote(loop, safe='+')}.json"
        replace_file(path, json.dumps({"format": FORMAT, **asdict(entry)}, indent=1) + "\n")
        self.entries[loop, address] = entry

    def _origin(self, question: Question, loop: Loop) -> dict[str, str]:
        """Return all that decides over a figure."""
        return {
            **self.ground,
            "anyio": self.provenance["packages"]["anyio"],
            f"the version of {loop.id}": loop.version(),
            f"the program of {question.name!r}": question.digest(),
        }

    def _check_origin(self) -> None:
        """Raise `InputError` if there are entries that do not belong to what would be filed now."""
        asked = {question.name: question for question in self.questions}
        for each in self.entries.values():
            now = self.ground
            if each.question in asked and each.loop in self.loops and self.loops[each.loop].absence() is None:
                now = self._origin(asked[each.question], self.loops[each.loop])
            for key, value in now.items():
                if each.origin.get(key) != value:
                    raise InputError(
                        f"{self.directory}: there are figures of another origin: {key} is {each.origin.get(key)!r} there and "
                        f"{value!r} here",
                        "name a new directory, or take these away",
                    )

    def _tell(self) -> None:
        known = {*self.entries, *self.reasons}
        wanted = [(loop, address) for loop in self.loops for address in self.arms]
        self.report(sum(each in known for each in wanted), len(wanted))

    def rows(self) -> list[tuple[Address, str, int | None]]:
        """Return address, name and size of each arm: of what was asked now, and of what the directory had before."""
        known = {each.address: (each.name, each.size) for each in self.entries.values()}
        known |= {address: (arm.name, arm.size) for address, arm in self.arms.items()}
        return [(address, *known[address]) for address in sorted(known)]

    def columns(self) -> list[str]:
        """Return the loops, of what was asked now and of what the directory had before."""
        return list(dict.fromkeys([*self.loops, *(loop for loop, _ in self.entries)]))

    def reason(self, loop: str, address: Address) -> str:
        """Return why there is no entry."""
        return self.reasons.get((loop, address), "not asked for")
