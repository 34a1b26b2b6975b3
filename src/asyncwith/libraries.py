"""The implementations of the contextlib names under test, and the door for anybody else's.

A scenario takes every such name from its `library` argument, so the same scenario judges them all.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

from asyncwith.errors import UsageError
from asyncwith.loops import load

__all__ = ["Library", "MissingName", "Names", "builtin_libraries", "find_library", "register_library"]


class MissingName(BaseException):
    """The library under test has no such name, so the clause cannot be judged. Not an `Exception`: no scenario may catch it."""


@dataclass(frozen=True)
class Library:
    """One implementation: its spoken id, the module (or `path.py`) that holds it, and the names it spells differently."""

    id: str
    target: str
    package: str | None = None
    spelt: Mapping[str, str] = field(default_factory=dict)  # contextlib's name → the library's own

    def load(self) -> Names:
        """Import the library and return its names."""
        return Names(self, load(self.target))

    def version(self) -> str:
        """Return the version of what provides the library."""
        if self.package is not None:
            return version(self.package)
        return "of Python " + sys.version.partition(" ")[0] if self.target == "contextlib" else "version unknown"

    def absence(self) -> str | None:
        """Return why the library cannot be had here, or None."""
        if self.package is not None:
            try:
                version(self.package)
            except PackageNotFoundError:
                return f"{self.package} is not installed: pip install {self.package}"
        return None


class Names:
    """The library as a scenario sees it: contextlib's names, whatever the library calls them."""

    def __init__(self, library: Library, module: Any) -> None:
        self._library = library
        self._module = module
        self.missing: str | None = None  # the name that a scenario asked for in vain

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._module, self._library.spelt.get(name, name))
        except AttributeError:
            if name.startswith("__"):
                raise
            self.missing = name
            raise MissingName(name) from None


_registry: dict[str, Library] = {}


def register_library(library: Library) -> None:
    """Make `library` known by its id. Packages do it with an entry point of the group `asyncwith.libraries`."""
    _registry[library.id] = library


register_library(Library("contextlib", "contextlib"))
register_library(Library("contextlib2", "contextlib2", package="contextlib2"))
register_library(
    Library(
        "asyncstdlib",
        "asyncstdlib.contextlib",
        package="asyncstdlib",
        spelt={"asynccontextmanager": "contextmanager", "aclosing": "closing", "AsyncExitStack": "ExitStack", "AsyncContextDecorator": "ContextDecorator"},
    )
)
register_library(Library("aiotools", "aiotools", package="aiotools"))

BUILTIN = tuple(_registry)


def builtin_libraries() -> list[Library]:
    """Return the libraries that are known by id without any plugin."""
    return [_registry[id_] for id_ in BUILTIN]


@cache
def _entry_points() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group="asyncwith.libraries")}


def find_library(spec: str) -> Library:
    """Return the library that `spec` names: an id, a module, or a path that ends in `.py`; `name=` may stand before either."""
    if spec in _registry:
        return _registry[spec]
    if spec in _entry_points():
        found = load(_entry_points()[spec])
        register_library(found if isinstance(found, Library) else Library(spec, _entry_points()[spec]))
        return _registry[spec]
    name, given, target = spec.partition("=")
    if not (target if given else name):
        msg = f"--library {spec!r} names nothing"
        raise UsageError(msg, "say --library MODULE, --library PATH.py or --library NAME=MODULE")
    return Library(name, target if given else name)
