"""The manager that most scenarios use: it writes what happens to it into the trace and does what it was told."""

from __future__ import annotations

from types import TracebackType

from asyncwith.trace import Trace

__all__ = ["Logged"]


class Logged:
    """An asynchronous context manager that traces `enter <name>` and `exit <name>`, or `exit <name> with <exception>`.

    `gives` is what `as` binds (the manager itself unless told otherwise). `fails_enter` and `fails_exit` are raised after
    their line is written, `suppress` is what the exit returns. With `suspends=n` enter and exit each let the loop run n
    times before they write their line.
    """

    def __init__(
        self,
        trace: Trace,
        name: str,
        *,
        gives: object = ...,
        fails_enter: BaseException | None = None,
        fails_exit: BaseException | None = None,
        suppress: object = False,
        suspends: int = 0,
    ) -> None:
        self.trace = trace
        self.name = name
        self.gives = self if gives is ... else gives
        self.fails_enter = fails_enter
        self.fails_exit = fails_exit
        self.suppress = suppress
        self.suspends = suspends

    async def __aenter__(self) -> object:
        await self._suspend()
        self.trace("enter", self.name)
        if self.fails_enter is not None:
            raise self.fails_enter
        return self.gives

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> object:
        await self._suspend()
        self.trace("exit", self.name, *(() if error is None else ("with", error)))
        if self.fails_exit is not None:
            raise self.fails_exit
        return self.suppress

    async def _suspend(self) -> None:
        if self.suspends:
            from anyio.lowlevel import checkpoint  # noqa: PLC0415 - importing asyncwith imports no loop library

            for _ in range(self.suspends):
                await checkpoint()
