"""The implementations of the contextlib names under test, and the door for anybody else's.

A scenario takes every such name from its `library` argument, so the same scenario judges them all. What a library lacks,
a name or a method of one, is not held against it: the checks that ask for it are not run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from inspect import getattr_static
from pathlib import Path
from typing import Any, NoReturn

from asyncwith.errors import InputError, UsageError
from asyncwith.loops import UNKNOWN, load
from asyncwith.trace import describe

__all__ = [
    "ASKED",
    "Library",
    "MissingName",
    "Names",
    "builtin_libraries",
    "find_library",
    "libraries_to_time",
    "register_library",
]

ASKED = "ASYNCWITH_LIBRARIES"  # the environment variable that hands `bench --library` on to all processes that measure
TIMED = ("asynccontextmanager", "aclosing", "AsyncExitStack")


class MissingName(BaseException):
    """The library under test lacks what a scenario asks for, so its clause cannot be judged.

    Not an `Exception`: no scenario may catch it.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


@dataclass(frozen=True)
class Library:
    """One implementation: its spoken id, the module (or `path.py`) that holds it, and the names it spells differently.

    `spelt` maps contextlib's names to the library's, methods as `Class.method` on either side. What stands on the right no
    longer means what contextlib means by that word, unless it stands on the left as well. What is `adapted` got the names
    from us, and is judged but not timed: the adapter would be timed with it.
    """

    id: str
    target: str
    package: str | None = None
    spelt: Mapping[str, str] = field(default_factory=dict)
    adapted: bool = False

    def called(self, name: str) -> str | None:
        """Return what the library would call contextlib's `name`, or None if that word means another thing there."""
        if name in self.spelt:
            return self.spelt[name]
        owner, dot, member = name.rpartition(".")
        own = f"{self.called(owner)}.{member}" if dot else name
        return None if own in self.spelt.values() else own

    def load(self) -> Names:
        """Import the library and return its names."""
        return Names(self, load(self.target))

    @property
    def spec(self) -> str:
        """The words by which `find_library` finds it in any process."""
        known = self.id in BUILTIN or self.id in _entry_points() or self.id == self.target
        return self.id if known else f"{self.id}={self.target}"

    def version(self) -> str:
        """Return the version of what provides the library; a file has none but what is in it."""
        if self.package is not None:
            return version(self.package)
        if self.target.endswith(".py"):
            return "of content " + hashlib.sha256(Path(self.target).read_bytes()).hexdigest()[:8]
        return "of Python " + sys.version.partition(" ")[0] if self.target == "contextlib" else UNKNOWN

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
        self.missing: str | None = None  # what a scenario asked for in vain, and why if there is more to say

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._module is contextlib:
            return getattr(contextlib, name)  # which must have it: what a Python lacks its clauses do not ask for
        own = self._library.called(name)
        if own is None or not hasattr(self._module, own):
            self.lack(name)
        found = self._fitted(name, getattr(self._module, own))
        setattr(self, name, found)  # a scenario that asks twice gets the same class
        return found

    def get(self, name: str) -> Any:
        """Return what the library has by contextlib's `name`, or None."""
        try:
            return getattr(self, name)
        except MissingName:
            return None

    def lack(self, name: str) -> NoReturn:
        """Note that the library has no `name`, and raise `MissingName`."""
        self.missing = name
        if self._library.called(name) is None:
            word = name.rpartition(".")[2]
            meant = next(standard for standard, own in self._library.spelt.items() if own.rpartition(".")[2] == word)
            self.missing += f" (what it calls so is {meant})"
        raise MissingName(name, self.missing)

    def _fitted(self, name: str, found: Any) -> Any:
        """Return a class with contextlib's public methods under contextlib's names: itself, or a subclass if it differs."""
        standard = vars(contextlib).get(name)
        if not (isinstance(found, type) and isinstance(standard, type)):
            return found
        members: dict[str, Any] = {}
        for member in dir(standard):
            if member.startswith("_"):
                continue
            own = (self._library.called(f"{name}.{member}") or "").rpartition(".")[2]
            if not own or not hasattr(found, own):
                members[member] = _Lacking(self, f"{name}.{member}")
            elif own != member:
                members[member] = getattr_static(found, own)
        if not members:
            return found
        return type(found)(found.__name__, (found,), {"__slots__": (), "__module__": found.__module__, **members})


@dataclass(frozen=True)
class _Lacking:
    """A method that the library does not have: to ask for it, of the class or of an object, ends the scenario."""

    names: Names
    name: str

    def __get__(self, *_: object) -> NoReturn:
        self.names.lack(self.name)


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
        # Its names say no "async" because all of it is. Its stack documents `push` and `callback` as taking synchronous and
        # asynchronous exits alike, so they are both of contextlib's pairs; but entering is a coroutine for either kind of
        # manager, so nothing there is contextlib's synchronous `enter_context`.
        spelt={
            "AbstractAsyncContextManager": "AbstractContextManager",
            "asynccontextmanager": "contextmanager",
            "aclosing": "closing",
            "AsyncContextDecorator": "ContextDecorator",
            "AsyncExitStack": "ExitStack",
            "AsyncExitStack.enter_async_context": "ExitStack.enter_context",
            "AsyncExitStack.push": "ExitStack.push",
            "AsyncExitStack.push_async_exit": "ExitStack.push",
            "AsyncExitStack.callback": "ExitStack.callback",
            "AsyncExitStack.push_async_callback": "ExitStack.callback",
        },
    )
)
# Most of it is contextlib's own, under shorter names; `actxmgr` documents itself as the decorator.
register_library(Library("aiotools", "aiotools", package="aiotools", spelt={"asynccontextmanager": "actxmgr"}))
register_library(Library("anyio-mixins", "asyncwith.mixins", package="anyio", adapted=True))

BUILTIN = tuple(_registry)


def builtin_libraries() -> list[Library]:
    """Return the libraries that are known by id without any plugin."""
    return [_registry[id_] for id_ in BUILTIN]


def libraries_to_time() -> tuple[list[Library], list[str]]:
    """Return contextlib and all that have something of their own to time beside it; and which of the known have not, and why.

    Raises `InputError` for one that was asked for and cannot be imported.
    """
    here, left_out = [], []
    for library in builtin_libraries():
        if library.adapted:
            continue
        try:
            names = library.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - importing a stranger's library may raise anything
            left_out.append(f"{library.id}: {library.absence() or error}")
            continue
        if library.id == "contextlib" or any(names.get(name) not in (None, vars(contextlib)[name]) for name in TIMED):
            here.append(library)
        else:
            left_out.append(f"{library.id}: all that {library.version()} has of this is contextlib's")
    for spec in filter(None, os.environ.get(ASKED, "").split(os.pathsep)):
        library = find_library(spec)
        try:
            library.load()
        except UsageError as error:
            raise UsageError(f"--library {spec}: {error.message}", error.hint) from None
        except (Exception, SystemExit) as error:
            raise InputError(f"--library {spec}: cannot be imported: {describe(error)}") from error
        if library not in here:
            here.append(library)
    return here, left_out


@cache
def _entry_points() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group="asyncwith.libraries")}


def find_library(spec: str) -> Library:
    """Return the library that `spec` names: an id, a module, or a path that ends in `.py`; `name=` may stand before either.

    Nothing is imported but what an entry point names by `module:object`. Raises `UsageError` for what cannot be a library.
    """
    if spec in _registry:
        return _registry[spec]
    if spec in _entry_points():
        target = _entry_points()[spec]
        register_library(load(target) if ":" in target else Library(spec, target))
        return _registry[spec]
    name, given, target = spec.partition("=")
    if not given:
        target = name
    if not name or not (target.endswith(".py") or all(part.isidentifier() for part in target.split("."))):
        raise UsageError(
            f"--library {spec!r} names nothing", "say --library MODULE, --library PATH.py or --library NAME=MODULE"
        )
    return Library(name, target)
