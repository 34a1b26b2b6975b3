"""Reading `instructions.json` and `memory.json`: witnesses beside the times, each checked as it comes in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from asyncwith.errors import InputError
from asyncwith.report.headers import check_format
from asyncwith.report.model import Address, Witness
from asyncwith.report.places import Place, parse

__all__ = ["read_instructions", "read_memory"]


def read_instructions(path: Path) -> Mapping[Address, Witness]:
    """Return the instructions that were counted, by what they are of; none if there is no such file."""
    return {
        _address(cell): Witness(
            cell["instructions"].number(), cell.optional("ratio", Place.number), agrees=cell["agree"].flag()
        )
        for cell in _cells(path)
        if cell["instructions"].value is not None
    }


def read_memory(path: Path) -> Mapping[Address, Witness]:
    """Return the bytes that were traced, likewise. What leaks does not agree."""
    return {
        _address(cell): Witness(
            cell["peak"].number(), cell.optional("ratio", Place.number), agrees=not cell["leaks"].flag()
        )
        for cell in _cells(path)
        if cell["peak"].value is not None
    }


def _cells(path: Path) -> list[Place]:
    if not path.exists():
        return []
    try:
        place = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    check_format(place)
    return list(place["cells"])


def _address(cell: Place) -> Address:
    return cell["question"].name(), cell["arm"].name(), cell.optional("size", Place.count), cell["loop"].name()
