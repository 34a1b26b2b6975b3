"""Blocks on disk: what one process measured, one JSON file each, and their grammar.

A block counts only when it is whole: it is written under another name, flushed and renamed. What a set of blocks says
does not depend on their order or their file names, nor on how often one of them is there. Files are read as if a stranger
had written them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from asyncwith.arms import label
from asyncwith.errors import InputError

__all__ = ["ALONE", "Block", "Record", "Slice", "check_origin", "read_block", "read_blocks", "replace_file"]

FORMAT = 2
ALONE = "alone"  # the folder beside that of the blocks, for those of one loop each
LARGEST = 64 << 20  # bytes; the blocks of the longest plan have less than 2 MB
LONGEST = 10_000  # characters of a text
Slice = tuple[int, int, int]  # operations, nanoseconds of wall time, nanoseconds of CPU time
T = TypeVar("T")


@dataclass(frozen=True)
class Record:
    """The slices of one arm: round after round on each loop, and `again` on the reference loop.

    `held` tells by loop what came of judging the constructs of the arm. Where they do not hold there are no slices.
    """

    question: str
    name: str
    size: int | None
    place: int  # among the arms of its question
    control: bool
    floor: bool
    slices: Mapping[str, list[Slice]]
    again: list[Slice]
    held: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The label of the arm."""
        return label(self.question, self.name, self.size)


@dataclass(frozen=True)
class Block:
    """What one process measured, and under what conditions.

    `asks` and `digests` tell by question what it asks and which code answered. `loops` has the versions of the loops that were
    timed, `not_timed` the reasons for those that were not, `specs` the words by which all of them were asked for. `nothing`
    are the slices of the empty loop.
    """

    id: str
    provenance: Mapping[str, Any]
    conditions: Mapping[str, Any]
    reference: str
    loops: Mapping[str, str]
    specs: Mapping[str, str]
    not_timed: Mapping[str, str]
    asks: Mapping[str, str]
    digests: Mapping[str, str]
    seconds: float
    nothing: list[Slice]
    records: list[Record]

    @property
    def alone(self) -> str | None:
        """The turn in which each loop had a block of its own, if this is such a one."""
        turn: str | None = self.conditions.get("alone")
        return turn

    def covers(self, labels: Iterable[str], loops: Iterable[str]) -> bool:
        """Whether each of these arms was timed on each of these loops, or the loop could not be timed."""
        have = {record.label: {*record.slices, *record.held, *self.not_timed} for record in self.records}
        wanted = set(loops)
        return all(wanted <= have.get(each, set()) for each in labels)

    def to_json(self) -> dict[str, Any]:
        """Return the block as plain data, which `read_block` reads back."""
        return {"format": FORMAT, **vars(self), "records": [vars(record) for record in self.records]}


def replace_file(path: Path, text: str) -> None:
    """Write a file so that whoever looks sees the old one or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_blocks(folder: Path) -> list[Block]:
    """Return the blocks of a folder, each once, in an order of their own. Raises `InputError` if they do not belong together."""
    blocks: dict[str, Block] = {}
    for path in sorted(folder.glob("*.json")):
        block = read_block(path)
        if blocks.setdefault(block.id, block) != block:
            _fail(path, "id", "two different blocks have the same id")
    ordered = [blocks[id_] for id_ in sorted(blocks)]
    check_origin(ordered, folder)
    return ordered


def check_origin(blocks: Iterable[Block], folder: Path) -> None:
    """Raise `InputError` if blocks were not measured by the same code on the same ground."""
    seen: dict[str, tuple[object, str]] = {}
    for block in blocks:
        for key, value in _fingerprint(block).items():
            other, id_ = seen.setdefault(key, (value, block.id))
            if other != value:
                raise InputError(
                    f"{folder}: blocks of different origin lie together: {key} is {other!r} in {id_} and {value!r} in {block.id}",
                    "measure into a new directory, or take one sort of blocks away",
                )


def _fingerprint(block: Block) -> dict[str, Any]:
    """Return all that must be equal; of loops and questions only those that two blocks share are compared."""
    keys = ("python", "implementation", "build", "gil", "jit", "machine", "cpu")
    return {
        **{key: block.provenance.get(key) for key in keys},
        **({} if block.alone else {"the reference loop": block.reference}),
        "anyio": block.provenance["packages"].get("anyio"),
        **{f"the version of {loop}": version for loop, version in block.loops.items()},
        **{f"the program of {question!r}": digest for question, digest in block.digests.items()},
    }


def _fail(path: Path, place: str, what: str) -> NoReturn:
    raise InputError(f"{path}: {place}: {what}", "this is no block that asyncwith wrote; take it away")


def read_block(path: Path) -> Block:
    """Read one block. Raises `InputError` with the file and the place in it if it is not what we write."""
    try:
        if not path.is_file():
            _fail(path, "all of it", "no file")  # to open a pipe would wait for somebody to write into it
        if path.stat().st_size > LARGEST:
            _fail(path, "all of it", f"more than {LARGEST >> 20} MB")
        data = json.loads(path.read_bytes(), parse_constant=lambda name: _fail(path, "a number", name))
    except (OSError, ValueError, RecursionError) as error:
        _fail(path, "all of it", str(error) or type(error).__name__)
    return _Reader(path).block(data)


class _Reader:
    """Checks plain data against the grammar of a block, and says where it breaks it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def block(self, data: Any) -> Block:
        if (written := self.get(data, "format", int, "")) != FORMAT:
            raise InputError(
                f"{self.path}: format: {written}, which another version of asyncwith wrote; this one reads {FORMAT}",
                "measure into a new directory, or take the blocks of that version away",
            )
        provenance = self.get(data, "provenance", dict, "")
        self.texts(provenance, "packages", "provenance.")
        conditions = self.get(data, "conditions", dict, "")
        for turn in {"alone", "turn"} & conditions.keys():
            if conditions[turn] is not None:
                self.get(conditions, turn, str, "conditions.")
        loops = self.texts(data, "loops", "")
        asks = self.texts(data, "asks", "")
        digests = self.texts(data, "digests", "")
        reference = self.get(data, "reference", str, "")
        if reference not in loops:
            _fail(self.path, "loops", "the reference loop is missing")
        records = [
            self.record(item, loops.keys(), reference, f"records[{index}].")
            for index, item in enumerate(self.get(data, "records", list, ""))
        ]
        for record in records:
            if record.question not in asks or record.question not in digests:
                _fail(self.path, "asks", f"the question {record.question!r} is missing")
        if len({record.label for record in records}) != len(records):
            _fail(self.path, "records", "an arm is there twice")
        return Block(
            id=self.get(data, "id", str, ""),
            provenance=provenance,
            conditions=conditions,
            reference=reference,
            loops=loops,
            specs=self.texts(data, "specs", ""),
            not_timed=self.texts(data, "not_timed", ""),
            asks=asks,
            digests=digests,
            seconds=self.get(data, "seconds", float, ""),
            nothing=self.slices(data, "nothing", ""),
            records=records,
        )

    def record(self, data: Any, loops: Iterable[str], reference: str, place: str) -> Record:
        timed = self.get(data, "slices", dict, place)
        slices = {loop: self.slices(timed, loop, place + "slices.") for loop in timed}
        again = self.slices(data, "again", place) if reference in slices else []
        held = self.texts(data, "held", place)
        if not slices.keys() <= set(loops) <= slices.keys() | held.keys():
            _fail(self.path, place + "slices", "not the loops of the block")
        if len({len(each) for each in (*slices.values(), again) if each}) > 1:
            _fail(self.path, place + "slices", "not the same number of rounds on each loop")
        size = None if isinstance(data, dict) and data.get("size", 0) is None else self.get(data, "size", int, place)
        if size is not None and not 1 <= size <= 1 << 40:
            _fail(self.path, place + "size", "out of range")
        return Record(
            question=self.get(data, "question", str, place),
            name=self.get(data, "name", str, place),
            size=size,
            place=self.get(data, "place", int, place),
            control=self.get(data, "control", bool, place),
            floor=self.get(data, "floor", bool, place),
            slices=slices,
            again=again,
            held=held,
        )

    def slices(self, data: Any, key: str, place: str) -> list[Slice]:
        found = []
        for index, item in enumerate(self.get(data, key, list, place)):
            match item:
                case [int() as operations, int() as wall, int() as cpu] if (
                    bool not in map(type, item)
                    and 1 <= operations < 1 << 62
                    and 0 <= wall < 1 << 62
                    and 0 <= cpu < 1 << 62
                ):
                    found.append((operations, wall, cpu))
                case _:
                    _fail(self.path, f"{place}{key}[{index}]", "not [operations, wall, cpu]")
        if not found:
            _fail(self.path, place + key, "empty")
        return found

    def texts(self, data: Any, key: str, place: str) -> dict[str, str]:
        found = self.get(data, key, dict, place)
        return {name: self.get(found, name, str, f"{place}{key}.") for name in found}

    def get(self, data: Any, key: str, kind: type[T], place: str) -> T:
        if not isinstance(data, dict):
            _fail(self.path, place.rstrip(".") or "all of it", "not an object")
        if key not in data:
            _fail(self.path, place + key, "missing")
        value = data[key]
        if kind is float and type(value) is int and abs(value) < 1 << 62:
            value = float(value)
        if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
            _fail(self.path, place + key, f"not of type {kind.__name__}")
        if isinstance(value, str) and len(value) > LONGEST:
            _fail(self.path, place + key, "too long")
        return value
