"""What a scenario should leave in its trace, where the promise depends on the Python or on the loop.

An expectation is a list of lines. In place of a line, or of the whole list, may stand

- `by_version({"3.10": …, "3.13.1": …})`: what holds from that release on,
- `by_loop(asyncio=…, trio=…)`: what each family of loops promises,
- `any_order("a", "b")`: lines whose order nobody promises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from asyncwith.loops import Loop
from asyncwith.trace import describe

__all__ = [
    "AnyOrder",
    "Expectation",
    "Expected",
    "UnknownCase",
    "any_order",
    "by_loop",
    "by_version",
    "difference",
    "resolve",
]


@dataclass(frozen=True)
class AnyOrder:
    """Lines that must all be there, next to each other, in whatever order."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class ByVersion:
    cases: tuple[tuple[tuple[int, ...], Expectation], ...]  # oldest release first


@dataclass(frozen=True)
class ByLoop:
    cases: Mapping[str, Expectation]


class UnknownCase(Exception):
    """An expectation does not say what holds on the Python at hand, or is none; the message says which."""


Expectation: TypeAlias = "str | AnyOrder | ByVersion | ByLoop | Sequence[Expectation]"
Expected: TypeAlias = "list[str | AnyOrder]"


def any_order(*lines: str) -> AnyOrder:
    """Return an expectation of `lines` next to each other in any order."""
    return AnyOrder(lines)


def by_version(cases: Mapping[str, Expectation]) -> ByVersion:
    """Return an expectation that takes the case of the newest release in `cases` that is not newer than the running Python."""
    return ByVersion(tuple(sorted((tuple(map(int, release.split("."))), case) for release, case in cases.items())))


def by_loop(*, asyncio: Expectation, trio: Expectation, eager: Expectation | None = None) -> ByLoop:
    """Return an expectation for each family of loops; `eager` is for asyncio loops that start tasks eagerly."""
    return ByLoop({"asyncio": asyncio, "trio": trio, "eager": asyncio if eager is None else eager})


def resolve(expectation: Expectation, loop: Loop | None, version: tuple[int, ...]) -> Expected:
    """Return the lines that `expectation` asks for on `loop` (None: outside any loop) and Python `version`.

    Raises `UnknownCase` if it does not say.
    """
    return list(_lines(expectation, loop, version))


def _lines(expectation: Expectation, loop: Loop | None, version: tuple[int, ...]) -> Iterator[str | AnyOrder]:
    if isinstance(expectation, str | AnyOrder):
        yield expectation
    elif isinstance(expectation, ByVersion):
        held = [case for release, case in expectation.cases if release <= version]
        if not held:
            known = ", ".join(".".join(map(str, release)) for release, _ in expectation.cases)
            raise UnknownCase(
                f"by_version has no case for Python {'.'.join(map(str, version))}, only from {known or 'nothing'} on"
            )
        yield from _lines(held[-1], loop, version)
    elif isinstance(expectation, ByLoop):
        kind = "asyncio" if loop is None else "eager" if loop.eager else loop.family
        yield from _lines(expectation.cases[kind], loop, version)
    elif isinstance(expectation, Sequence):
        for part in expectation:
            yield from _lines(part, loop, version)
    else:
        raise UnknownCase(f"expect is a line or a list of lines, not {describe(expectation)}")


def difference(expected: Expected, observed: Sequence[str]) -> int | None:
    """Return the index of the first line of `observed` that `expected` does not allow; None if they agree."""
    at = 0
    for wanted in expected:
        lines = wanted.lines if isinstance(wanted, AnyOrder) else (wanted,)
        missing = Counter(lines)
        for _ in lines:
            if at >= len(observed) or not missing[observed[at]]:
                return at
            missing[observed[at]] -= 1
            at += 1
    return None if at == len(observed) else at
