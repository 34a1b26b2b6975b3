"""The language of random programs: a small tree of frozen data, with a JSON form.

A program says what happens; how its managers are written (`Manager.kind`) and how they are put together (`With.form`) is
part of it, but means nothing: `in_form` and `of_kind` write the same program differently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias, get_args

__all__ = [
    "ERRORS",
    "INJECTIONS",
    "RETURNS",
    "Await",
    "Block",
    "Break",
    "Call",
    "Continue",
    "Form",
    "Get",
    "Group",
    "Injection",
    "InjectionKind",
    "Kind",
    "Log",
    "Loop",
    "Manager",
    "Program",
    "Raise",
    "Return",
    "See",
    "Set",
    "Shield",
    "Statement",
    "Timeout",
    "Try",
    "With",
    "from_json",
    "in_form",
    "of_kind",
    "rewritten",
    "to_json",
    "walk",
]

# The errors that a program can raise, by name. Each name is one object: raised twice, it is the same object twice.
ERRORS = {
    "v": "ValueError",
    "w": "ValueError",
    "k": "KeyError",
    "r": "RuntimeError",
    "b": "BaseException",
    "g": "GeneratorExit",
    "s": "StopIteration",
    "a": "StopAsyncIteration",
}
RETURNS = {"None": False, "0": False, "True": True, "'yes'": True}  # what an exit may return, and whether it suppresses

Form = Literal["nested", "combined", "stack"]
Kind = Literal["class", "generator", "pushed", "callback", "sync"]
InjectionKind = Literal["nothing", "edge", "level", "throw", "close"]
INJECTIONS: tuple[InjectionKind, ...] = get_args(InjectionKind)


@dataclass(frozen=True)
class Log:
    """Write a line."""

    text: str


@dataclass(frozen=True)
class Await:
    """Let the loop run, so many times."""

    times: int = 1


@dataclass(frozen=True)
class Raise:
    """`raise`: an error of `ERRORS`, the one that was `given` to the nearest handler or exit, or (`""`) the one being handled."""

    error: str = ""
    how: Literal["", "from given", "from None"] = ""


@dataclass(frozen=True)
class See:
    """Write which exception is being handled, as `sys.exc_info` sees it."""


@dataclass(frozen=True)
class Set:
    """Set the context variable."""

    value: int


@dataclass(frozen=True)
class Get:
    """Write the value of the context variable."""


@dataclass(frozen=True)
class Return:
    """`return` from the program or the nearest inner coroutine."""

    value: int


@dataclass(frozen=True)
class Break:
    """`break`."""


@dataclass(frozen=True)
class Continue:
    """`continue`."""


@dataclass(frozen=True)
class Loop:
    """`for` with a fixed number of turns."""

    turns: int
    body: Block


@dataclass(frozen=True)
class Call:
    """Await an inner coroutine and write what it returned."""

    body: Block


@dataclass(frozen=True)
class Shield:
    """Run the body where no cancel scope around it cancels."""

    body: Block


@dataclass(frozen=True)
class Timeout:
    """Run the body under a deadline that has passed, so its first await is cancelled; `fails` with a TimeoutError or moves on."""

    body: Block
    fails: bool = False


@dataclass(frozen=True)
class Group:
    """A task group with one child, which awaits once before it does anything; the body does not await at all.

    So no line depends on who is scheduled first: the body comes first, and where it fails the child does nothing.
    """

    body: Block
    child: Block = ()


@dataclass(frozen=True)
class Try:
    """`try` with an `except` clause (unless `catches` is empty) and a `finally` clause (unless `final` is)."""

    body: Block
    catches: str = ""
    handler: Block = ()
    final: Block = ()


@dataclass(frozen=True)
class Manager:
    """What a manager does: on entering, on normal exit (`leave`), on exceptional exit (`caught`, then it `returns`).

    A `callback` is told nothing of an exception: it does `leave` in any case and suppresses nothing.
    """

    name: str
    kind: Kind = "class"
    enter: Block = ()
    leave: Block = ()
    caught: Block = ()
    returns: str = "None"


@dataclass(frozen=True)
class With:
    """`async with` over managers, as nested statements, as one combined statement, or on an exit stack."""

    managers: tuple[Manager, ...]
    body: Block
    form: Form = "nested"


Simple: TypeAlias = "Log | Await | Raise | See | Set | Get | Return | Break | Continue"
Compound: TypeAlias = "Loop | Call | Shield | Timeout | Group | Try | With"
Statement: TypeAlias = "Simple | Compound"
Block: TypeAlias = "tuple[Statement, ...]"


@dataclass(frozen=True)
class Injection:
    """What hits the program from outside while it is suspended in its await number `at`, counted from 0.

    `edge` is asyncio's own cancellation of a task, `level` a cancelled scope around the program, `throw` and `close` are done
    to a coroutine that is driven by hand; `throw` throws the `error` of that name.
    """

    kind: InjectionKind = "nothing"
    at: int = 0
    error: str = "v"


@dataclass(frozen=True)
class Program:
    """A coroutine function, and what is done to it."""

    body: Block
    injection: Injection = Injection()


NODES = {
    node.__name__: node
    for node in (
        *(Log, Await, Raise, See, Set, Get, Return, Break, Continue, Loop, Call, Shield, Timeout, Group, Try, With),
        *(Manager, Injection, Program),
    )
}


def to_json(node: Any) -> Any:
    """Return a program, or any part of one, as plain data: a list whose first item names the node; `from_json` reads it back."""
    if isinstance(node, tuple):
        return [to_json(each) for each in node]
    if type(node).__name__ in NODES:
        return {"node": type(node).__name__, **{each.name: to_json(getattr(node, each.name)) for each in fields(node)}}
    return node


def from_json(data: Any) -> Any:
    """Return what `to_json` was given; KeyError or TypeError if the data are something else."""
    if isinstance(data, list):
        return tuple(map(from_json, data))
    if isinstance(data, dict):
        return NODES[data["node"]](**{name: from_json(value) for name, value in data.items() if name != "node"})
    return data


def walk(node: Any) -> list[Any]:
    """Return all nodes of a tree, parents first."""
    if isinstance(node, tuple):
        return [found for each in node for found in walk(each)]
    if type(node).__name__ in NODES:
        return [node, *(found for each in fields(node) for found in walk(getattr(node, each.name)))]
    return []


def rewritten(node: Any, change: Callable[[Any], Any]) -> Any:
    """Return a tree with `change` applied to each node, children first."""
    if isinstance(node, tuple):
        return tuple(rewritten(each, change) for each in node)
    if type(node).__name__ in NODES:
        parts = {each.name: rewritten(getattr(node, each.name), change) for each in fields(node)}
        return change(type(node)(**parts))
    return node


def in_form(body: Block, form: Form) -> Block:
    """Return a program's body with every `async with` in one form."""
    changed: Block = rewritten(body, lambda node: replace(node, form=form) if isinstance(node, With) else node)
    return changed


def of_kind(body: Block, kind: Kind) -> Block:
    """Return a program's body with every manager written in one way."""
    changed: Block = rewritten(body, lambda node: replace(node, kind=kind) if isinstance(node, Manager) else node)
    return changed
