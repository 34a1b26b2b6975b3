"""Smaller programs: whatever can be left out of a counterexample is left out.

Hypothesis shrinks what it has drawn itself, in one process, by running it again and again; here the tree is at hand, and a
whole round of candidates runs in one start of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import count, islice
from typing import Any

from asyncwith.programs.language import (
    Await,
    Block,
    Injection,
    Loop,
    Manager,
    Program,
    Raise,
    Set,
    Try,
    With,
    rewritten,
)

__all__ = ["shrunk", "smaller"]

ROUND = 40  # candidates that are tried in one start of the loop
SIMPLEST: dict[type, dict[str, object]] = {
    Await: {"times": 1},
    Raise: {"how": ""},
    Set: {"value": 1},
    Loop: {"turns": 1},
    Try: {"catches": "BaseException"},
    With: {"form": "nested"},
    Manager: {"kind": "class", "returns": "None"},
    Injection: {"kind": "nothing", "at": 0},
}


def smaller(node: Any) -> Iterator[Any]:
    """Yield what `node` becomes when one thing is left out of it or made simpler, the most first."""
    if isinstance(node, tuple):
        for at, each in enumerate(node):
            before, after = node[:at], node[at + 1 :]
            yield before + after
            if not isinstance(each, Manager):
                yield from (before + block + after for block in _blocks(each))
            yield from ((*before, less, *after) for less in smaller(each))
        return
    for name, simplest in SIMPLEST.get(type(node), {}).items():
        if getattr(node, name) != simplest:
            yield replace(node, **{name: simplest})
    for each in fields(node):
        value = getattr(node, each.name)
        if isinstance(value, tuple | Injection):
            yield from (
                replace(node, **{each.name: less}) for less in smaller(value) if less or each.name != "managers"
            )


def _blocks(node: Any) -> list[Block]:
    """Return the blocks that may stand in the place of a statement: those that it, or its managers, are made of."""
    parts = [getattr(node, each.name) for each in fields(node) if each.name != "managers"]
    inner = [block for manager in getattr(node, "managers", ()) for block in _blocks(manager)]
    return [part for part in parts if isinstance(part, tuple)] + inner


def shrunk(program: Program, first_failing: Callable[[list[Program]], Program | None]) -> Program:
    """Return a program that fails and of which nothing can be left out; `first_failing` finds one among candidates."""
    candidates = smaller(program)
    while batch := list(islice(candidates, ROUND)):
        failing = first_failing(batch)
        if failing is not None:
            program = failing
            candidates = smaller(program)
    return first_failing([renamed(program)]) or program


def renamed(program: Program) -> Program:
    """Return the program with managers called A, B, C…, so that two that are the same look the same."""
    names = (chr(ord("A") + number) for number in count())
    same: Program = rewritten(
        program, lambda node: replace(node, name=next(names)) if isinstance(node, Manager) else node
    )
    return same
