"""What happened in a scenario, in order, written so that two loops can be compared line by line.

A trace is lines of text. Whatever differs between two runs without meaning anything is taken out here: memory
addresses, the class and message of a cancellation, which each loop spells its own way.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

__all__ = ["Trace", "chain", "describe", "is_cancellation", "printable"]

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")
LONGEST_CHAIN = 20  # a faulty library can make a chain that never ends
LONGEST_TRACE = 10_000  # a faulty loop can call a scenario's code for ever
LONGEST_LINE = 4000  # characters; an error can carry megabytes


class Trace:
    """A list of lines that is called to add one: `trace("body", value)` appends `body <value>`.

    `tell` is called with each line as it is written, for whoever has to know how far a scenario came that never ends.
    """

    def __init__(self, tell: Callable[[str], object] | None = None) -> None:
        self.lines: list[str] = []
        self._tell = tell

    def __call__(self, *parts: object) -> None:
        """Append one line: strings as they are, anything else as `describe` shows it."""
        if len(self.lines) == LONGEST_TRACE:
            return
        line = printable(" ".join(part if isinstance(part, str) else describe(part) for part in parts), LONGEST_LINE)
        self.lines.append(line)
        if self._tell is not None:
            self._tell(line)


def printable(text: str, longest: int) -> str:
    """Return `text` as it can be written into any file, cut to its first `longest` characters."""
    short = text if len(text) <= longest else text[:longest] + "…"
    return short.encode(errors="backslashreplace").decode()


def is_cancellation(error: BaseException | None) -> bool:
    """Tell whether `error` is how a loop cancels: `asyncio.CancelledError` or `trio.Cancelled`, not a subclass."""
    kind = type(error)
    return kind.__name__ in ("CancelledError", "Cancelled") and kind.__module__.partition(".")[0] in ("asyncio", "trio")


def describe(value: object) -> str:
    """Return `value` on one line: `ValueError('v')`, `ExceptionGroup[KeyError('k')]`, `Cancelled`, or its `repr`.

    What cannot be shown is told by its class and why: `<T: RecursionError>`.
    """
    try:
        return _describe(value)
    except Exception as error:  # noqa: BLE001 - a stranger's `__repr__` may raise anything
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _describe(value: object) -> str:
    if issubclass(type(value), BaseExceptionGroup):  # not isinstance, which asks the value for its class
        inside = ", ".join(map(describe, value.exceptions))  # type: ignore[attr-defined] # its type says so
        return f"{type(value).__name__}[{inside}]"
    if issubclass(type(value), BaseException):
        if is_cancellation(value):  # type: ignore[arg-type] # its type says so
            return "Cancelled"
        text = f"{type(value).__name__}({', '.join(map(repr, value.args))})"  # type: ignore[attr-defined] # its type says so
    elif isinstance(value, type):
        text = value.__qualname__.rpartition(".")[2]
    else:
        text = repr(value)
    return ADDRESS.sub("0x…", text).replace("\n", "\\n")


def chain(error: BaseException | None) -> str:
    """Return `error` with all that it carries: `A <- B` by context, `A <= B` by cause, `A </ B` where `from None` hides B.

    A cause that is not also the context is followed by the context in brackets: `A <= B [<- C]`, `A <= B [<- None]`.
    """
    return _chain(error, ())


def _chain(error: BaseException | None, above: tuple[int, ...]) -> str:
    if error is None:
        return "None"
    if id(error) in above or len(above) == LONGEST_CHAIN:
        return "… without end"
    above = (*above, id(error))
    cause, context = error.__cause__, error.__context__
    text = describe(error)
    if cause is not None:
        text += f" <= {_chain(cause, above)}"
        if context is not cause:
            text += f" [<- {_chain(context, above)}]"
    elif context is not None:
        text += f" {'</' if error.__suppress_context__ else '<-'} {_chain(context, above)}"
    return text
