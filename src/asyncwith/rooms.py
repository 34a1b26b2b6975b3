"""Where the rooms are: beside `src` in a checkout, inside the package in a wheel."""

from __future__ import annotations

from pathlib import Path

__all__ = ["room"]


def room(name: str) -> Path:
    """Return the folder of the room `name` (`bench`, `conformance` or `reports`)."""
    package = Path(__file__).parent
    inside, beside = package / name, package.parent.parent / name
    if inside.is_dir():
        return inside
    if beside.is_dir():
        return beside
    raise FileNotFoundError(f"the room {name!r} is neither in {package} nor beside it: this installation is incomplete")
