"""Reading `instructions.json` and `memory.json`: witnesses beside the times, each checked as it comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from asyncwith.errors import InputError
from asyncwith.memory import Slope
from asyncwith.report.headers import check_format
from asyncwith.report.model import Address, Witness
from asyncwith.report.places import Place, parse

__all__ = ["read_instructions", "read_memory", "read_slopes"]


def read_instructions(path: Path) -> Mapping[Address, Witness]:
    """Return the instructions that were counted, by what they are of; none if there is no such file."""
    return {
        _address(cell): Witness(
            cell["instructions"].number(), cell.optional("ratio", Place.number), agrees=cell["agree"].flag()
        )
        for cell in _listed(path, "cells")
        if cell["instructions"].value is not None
    }


def read_memory(path: Path) -> Mapping[Address, Witness]:
    """Return the bytes that were traced, likewise. What leaks does not agree."""
    return {
        _address(cell): Witness(
            cell["peak"].number(), cell.optional("ratio", Place.number), agrees=not cell["leaks"].flag()
        )
        for cell in _listed(path, "cells")
        if cell["peak"].value is not None
    }


def read_slopes(path: Path) -> tuple[Slope, ...]:
    """Return what one more manager adds to the bytes of each arm that was traced at two sizes."""
    return tuple(
        Slope(
            question=each["question"].name(),
            arm=each["arm"].name(),
            loop=each["loop"].name(),
            smallest=each["smallest"].count(),
            largest=each["largest"].count(),
            each=each["each"].number(),
            ratio=each.optional("ratio", Place.number),
        )
        for each in _listed(path, "slopes")
    )


def _listed(path: Path, key: str) -> Iterable[Place]:
    """Return the elements of a list of the file, if there is such a file."""
    if not path.exists():
        return ()
    try:
        place = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    check_format(place)
    return place[key]


def _address(cell: Place) -> Address:
    return cell["question"].name(), cell["arm"].name(), cell.optional("size", Place.count), cell["loop"].name()
