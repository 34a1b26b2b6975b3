"""Every error this project raises for a person to read: what happened, where, and what to type next.

They are caught in one place, the command line, which prints them on one line and exits with their exit code.
"""

from __future__ import annotations

__all__ = ["AsyncwithError", "InputError", "UsageError"]


class AsyncwithError(Exception):
    """Base of the tree.

    Not a frozen dataclass, although it is data: `contextlib` assigns `__traceback__` to what passes through it (clause ACM-32).
    """

    exit_code = 2  # a usage or input error, unless a class says otherwise

    def __init__(self, message: str, hint: str = "") -> None:
        """`message` says what was seen, `hint` what to do about it."""
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(AsyncwithError):
    """The command was given words it cannot use: an unknown loop, a module that is not there."""


class InputError(AsyncwithError):
    """A file is not what it should be. The message names the file and the place in it."""
