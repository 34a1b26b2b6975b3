"""Clauses: one promise each, declared by decorating the scenario that keeps or breaks it."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from asyncwith.errors import AsyncwithError, InputError
from asyncwith.expectations import Expectation, Expected, UnknownCase, resolve
from asyncwith.loops import Loop
from asyncwith.trace import describe

__all__ = ["Clause", "Level", "clause", "links", "load_chapter", "load_chapters"]

Level = Literal["must", "should", "informational"]
Scenario = Callable[..., Awaitable[None]] | Callable[..., None]
LEAVABLE = ("tasks", "warnings", "reports", "descriptors", "threads", "process")
GIVEN = ("trace", "library", "loop")  # what a scenario may take
PERMANENT_ID = re.compile(r"[A-Z]+-\d{2,3}")


@dataclass(frozen=True)
class Clause:
    """One promise, and the scenario by which it is judged.

    A coroutine scenario runs inside each loop. A plain function with a `loop` argument starts the loop itself; a plain
    function without one needs no loop and is judged once per Python.
    """

    id: str
    claim: str
    source: str
    level: Level
    versions: str
    on: Literal["asyncio", "trio"] | None
    posix: bool
    expect: Expectation
    leaves: Collection[str]
    scenario: Scenario
    chapter: str
    line: int

    @property
    def place(self) -> str:
        """File and line of the scenario, and the id: how messages begin."""
        return f"{self.scenario.__code__.co_filename}:{self.line}: clause {self.id}"

    @property
    def wants(self) -> frozenset[str]:
        """The names of the scenario's arguments: `trace`, and what it needs of `library` and `loop`."""
        return frozenset(inspect.signature(self.scenario).parameters)

    @property
    def in_loop(self) -> bool:
        """Whether the scenario runs inside the loop."""
        return inspect.iscoroutinefunction(self.scenario)

    @property
    def per_loop(self) -> bool:
        """Whether the clause is judged on each loop, or once without any."""
        return self.in_loop or "loop" in self.wants

    def code(self) -> str:
        """Return the source text of the scenario, decorator included."""
        return textwrap.dedent(inspect.getsource(self.scenario))

    def expected(self, loop: Loop | None) -> Expected:
        """Return the trace that the clause asks for on `loop` and the running Python.

        Raises `InputError` if it does not say.
        """
        try:
            lines = resolve(self.expect, loop, sys.version_info[:3])
        except UnknownCase as error:
            raise InputError(f"{self.place}: {error}") from None
        if not lines:
            where = "outside any loop" if loop is None else f"on {loop.id}"
            raise InputError(f"{self.place}: nothing is expected {where}, so the clause cannot fail")
        return lines

    def inapplicable(self, loop: Loop | None) -> str | None:
        """Return why the clause says nothing about `loop` and the running Python, or None if it does."""
        release = ".".join(map(str, sys.version_info[:3]))
        if not SpecifierSet(self.versions).contains(release):
            return f"the clause is about Python {self.versions}, this is {release}"
        if self.posix and os.name != "posix":
            return "the clause is about what only POSIX systems have"
        if self.on is not None and loop is not None and loop.family != self.on:
            return f"the clause is about loops of {self.on}'s family"
        return None


def clause(
    permanent_id: str,
    *,
    source: str,
    expect: Expectation,
    level: Level = "must",
    versions: str = ">=3.10",
    on: Literal["asyncio", "trio"] | None = None,
    posix: bool = False,
    leaves: Collection[str] = (),
) -> Callable[[Scenario], Clause]:
    """Declare a clause; the decorated function is its scenario and the function's docstring its claim.

    `source` names where the promise is made (see `links`). `expect` is the trace that keeps it. `versions` are the Pythons
    that it speaks of, `on` the one family of loops where it speaks of only one; `posix` says that it needs such a system.
    `leaves` names what the scenario leaves behind on purpose and must not be called a leak: `tasks`, `warnings`, `reports`,
    `descriptors`, `threads`, `process`.
    """

    def declare(scenario: Scenario) -> Clause:
        place = f"{scenario.__code__.co_filename}:{scenario.__code__.co_firstlineno}"
        if not PERMANENT_ID.fullmatch(permanent_id):
            raise InputError(f"{place}: {permanent_id!r} is not a clause id like 'STACK-07'")
        if not scenario.__doc__:
            raise InputError(
                f"{place}: clause {permanent_id} has no claim", "the docstring of the scenario is the claim"
            )
        taken = scenario.__globals__.get(scenario.__name__)
        if isinstance(taken, Clause):
            raise InputError(
                f"{place}: clause {permanent_id}: the name {scenario.__name__} is taken by clause {taken.id}",
                "a module keeps the last of two only",
            )
        links(source)
        _check_words(f"{place}: clause {permanent_id}", "level", [level], get_args(Level))
        _check_words(f"{place}: clause {permanent_id}", "on", [on], ["asyncio", "trio", None])
        _check_words(f"{place}: clause {permanent_id}", "leaves", leaves, LEAVABLE)
        _check_words(f"{place}: clause {permanent_id}", "argument", inspect.signature(scenario).parameters, GIVEN)
        try:
            SpecifierSet(versions)
        except InvalidSpecifier:
            raise InputError(f"{place}: clause {permanent_id}: versions {versions!r} is not like '>=3.11'") from None
        return Clause(
            id=permanent_id,
            claim=" ".join(scenario.__doc__.split()),
            source=source,
            level=level,
            versions=versions,
            on=on,
            posix=posix,
            expect=expect,
            leaves=leaves,
            scenario=scenario,
            chapter=Path(scenario.__code__.co_filename).stem.removeprefix("test_"),
            line=scenario.__code__.co_firstlineno,
        )

    return declare


def _check_words(place: str, name: str, words: Iterable[str | None], known: Collection[str | None]) -> None:
    for word in words:
        if word not in known:
            raise InputError(f"{place}: {name} {word!r} is none of {', '.join(map(repr, known))}")


PYTHON_DOCS = "https://docs.python.org/3/"
LINKS: tuple[tuple[str, str], ...] = (
    (r"(?:library|reference|whatsnew|c-api|glossary|howto)/\S+", PYTHON_DOCS + r"\g<0>"),
    (r"PEP (\d+)", r"https://peps.python.org/pep-\1/"),
    (r"gh-(\d+)", r"https://github.com/python/cpython/issues/\1"),
    (r"bpo-(\d+)", r"https://bugs.python.org/issue\1"),
    (r"Lib/[\w/.]+\.py", r"https://github.com/python/cpython/blob/main/\g<0>"),
    (r"anyio#(\d+)", r"https://github.com/agronholm/anyio/issues/\1"),
    (r"trio#(\d+)", r"https://github.com/python-trio/trio/issues/\1"),
    (r"uvloop#(\d+)", r"https://github.com/MagicStack/uvloop/issues/\1"),
    (r"pypy#(\d+)", r"https://github.com/pypy/pypy/issues/\1"),
    (r"trio (\S+)", r"https://trio.readthedocs.io/en/stable/\1"),
    (r"anyio (\S+)", r"https://anyio.readthedocs.io/en/stable/\1"),
    (r"https://\S+", r"\g<0>"),
)


def links(source: str) -> list[tuple[str, str]]:
    """Return the sources of a clause, which `; ` separates, each with its address.

    Understood are pages of the Python documentation (`reference/compound_stmts.html#async-with`), `PEP 492`, `gh-95882`,
    `bpo-29692`, files of CPython (`Lib/contextlib.py`), `anyio#463`, `trio#455`, `uvloop#602`, pages of the trio and anyio
    documentation (`trio reference-core.html`) and whole addresses. Raises `InputError` for anything else.
    """
    found = []
    for part in source.split("; "):
        for pattern, address in LINKS:
            match = re.fullmatch(pattern, part)
            if match:
                found.append((part, match.expand(address)))
                break
        else:
            raise InputError(
                f"{part!r} is not a source that a reader could follow", "see asyncwith.clauses.links for the forms"
            )
    return found


def load_chapter(path: Path) -> list[Clause]:
    """Run one file of the conformance room and return its clauses, top to bottom.

    Raises `InputError` with the place in the file if that cannot be done.
    """
    name = f"asyncwith_chapter_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look a class's module up there
    try:
        spec.loader.exec_module(module)
    except (AsyncwithError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a chapter that exits must not end the run as if all were well
        what = f"SyntaxError: {error.msg}" if isinstance(error, SyntaxError) else describe(error)
        raise InputError(f"{_place_in(path, error)}: the chapter cannot be imported: {what}") from error
    return clauses_of(module)


def _place_in(path: Path, error: BaseException) -> str:
    """Return the line of the file in which `error` was raised, or led to it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    return f"{path}:{lines[-1]}" if lines else str(path)


def clauses_of(module: Any) -> list[Clause]:
    """Return the clauses that `module` declares, top to bottom."""
    return [value for value in vars(module).values() if isinstance(value, Clause)]


def load_chapters(folder: Path) -> dict[str, Clause]:
    """Return all clauses of the room by id. Raises `InputError` if two share one."""
    found: dict[str, Clause] = {}
    for path in sorted(folder.glob("test_*.py")):
        for each in load_chapter(path):
            if each.id in found:
                raise InputError(
                    f"{path}:{each.line}: the id {each.id} is taken by {found[each.id].chapter}, line {found[each.id].line}",
                    "ids are permanent and unique",
                )
            found[each.id] = each
    return found
