"""Exceptions as data: what the specification raises, and how one comes to be the context of another."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from typing import Any, cast

from asyncwith.trace import chain

__all__ = ["Error", "Frame", "Jump", "link"]


class Error:
    """An exception as the specification sees it; its `str` is its chain, as `trace.chain` shows that of a real one."""

    def __init__(self, kind: str, *args: str, errors: tuple[Error, ...] = ()) -> None:
        self.kind = kind
        self.args = args
        self.errors = errors
        self.__cause__: Error | None = None
        self.__context__: Error | None = None
        self.__suppress_context__ = False

    def __str__(self) -> str:
        return chain(cast("BaseException", self))

    def __repr__(self) -> str:
        if self.errors:
            return f"{self.kind}[{', '.join(map(repr, self.errors))}]"
        return self.kind if self.kind == "Cancelled" else f"{self.kind}({', '.join(map(repr, self.args))})"

    def is_a(self, kind: str) -> bool:
        """Tell whether `except kind` catches it."""
        own = "Exception" if self.kind == "ExceptionGroup" else self.kind  # not built in before 3.11
        return issubclass(getattr(builtins, own, BaseException), getattr(builtins, kind))


@dataclass
class Frame:
    """One coroutine or generator: what it is handling, innermost last, and whether a throw has resumed it."""

    handling: list[Error] = field(default_factory=list)
    thrown: bool = False


@dataclass(frozen=True)
class Jump:
    """Anything but going on with the next statement: `raise`, `return`, `break`, `continue`."""

    kind: str
    value: Any = None


def link(error: Error, handled: Error | None) -> None:
    """Make `handled` the context of `error`, which is being raised.

    The chain of `handled` is cut where `error` already is in it, so that no ring comes of it.
    """
    if handled is None or handled is error:
        return
    at, seen = handled, [handled]
    while at.__context__ is not None and at.__context__ not in seen:
        if at.__context__ is error:
            at.__context__ = None
            break
        at = at.__context__
        seen.append(at)
    error.__context__ = handled
