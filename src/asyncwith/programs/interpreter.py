"""Programs run for real: compiled to the statements that a person would write, with a given library, in a running loop.

Isolation: many programs run one after the other in one start of a loop. Each run has its own errors and its own value of the
context variable; one that is cancelled runs in a task or a scope of its own, so that no cancellation outlives it.
"""

from __future__ import annotations

import asyncio
import builtins
import math
import sys
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith.libraries import Names
from asyncwith.programs.language import ERRORS, Block, Injection, Program
from asyncwith.programs.render import source
from asyncwith.trace import chain, describe

__all__ = ["Compiled"]

LIBRARY_NAMES = ("asynccontextmanager", "AsyncExitStack")  # what programs take from the library under test
STACK_METHODS = ("enter_async_context", "enter_context", "push_async_exit", "push_async_callback")

variable: ContextVar[int] = ContextVar("variable")


class Compiled:
    """A program's body, compiled against the names of `library`. Raises `MissingName` if it lacks one that the body uses."""

    def __init__(self, body: Block, library: Names) -> None:
        text = source(Program(body))
        self._code = compile(text, "<program>", "exec")
        self.stacks = "AsyncExitStack" in text
        self._names = {name: getattr(library, name) for name in LIBRARY_NAMES if name in text}
        for method in STACK_METHODS:
            if f".{method}(" in text and not hasattr(self._names["AsyncExitStack"], method):
                library.lack(f"AsyncExitStack.{method}")

    async def run(self, injection: Injection) -> list[str]:
        """Return the trace of one run in the running loop, with the outcome as last line."""
        run = _Run(injection, checkpoint)
        outcome = run.outcome(self._start(run))
        if injection.kind == "edge":
            run.inject = _cancel_current_task
            await asyncio.ensure_future(outcome)
        elif injection.kind == "level":
            with anyio.CancelScope() as scope:
                run.inject = scope.cancel
                await outcome
        else:
            await outcome
        return run.lines

    def drive(self, injection: Injection) -> list[str]:
        """Return the trace of one run outside any loop: the coroutine is sent into, thrown into and closed by hand."""
        run = _Run(injection, _yield)
        running = self._start(run)
        hit: list[bool] = []
        run.inject = lambda: hit.append(True)
        try:
            while True:
                if not hit:
                    running.send(None)
                elif injection.kind == "close":
                    run.closing = True
                    running.close()
                    run.log("closed")
                    return run.lines
                else:
                    hit.clear()
                    running.throw(run.errors[injection.error])
        except StopIteration as stop:
            run.log("returned", stop.value)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
            run.log("raised", chain(error))
        return run.lines

    def _start(self, run: _Run) -> Coroutine[Any, Any, object]:
        names = {**self._names, **run.names()}
        exec(self._code, names)  # noqa: S102 - our own code
        return names["program"]()  # type: ignore[no-any-return]


class _Run:
    """What one run of a program uses: its trace, its errors, and the pause at which it is injected something."""

    def __init__(self, injection: Injection, suspend: Callable[[], Awaitable[None]]) -> None:
        self.lines: list[str] = []
        self.errors: dict[str, BaseException] = {name: getattr(builtins, kind)(name) for name, kind in ERRORS.items()}
        self.inject: Callable[[], object] = lambda: None
        self.closing = False
        self._at = injection.at if injection.kind != "nothing" else -1
        self._suspend = suspend
        self._awaits = 0

    def names(self) -> dict[str, object]:
        return {
            "log": self.log,
            "pause": self.pause,
            "errors": self.errors,
            "variable": variable,
            "chain": chain,
            "describe": describe,
            "sys": sys,
            "math": math,
            "CancelScope": anyio.CancelScope,
            "create_task_group": anyio.create_task_group,
            "fail_after": anyio.fail_after,
            "move_on_after": anyio.move_on_after,
            "__name__": "program",
        }

    def log(self, *words: object) -> None:
        self.lines.append(" ".join(map(str, words)))

    async def pause(self) -> None:
        if self.closing:  # who is being closed must not suspend again
            return
        number = self._awaits
        self._awaits += 1
        if number == self._at:
            self.inject()
        await self._suspend()

    async def outcome(self, running: Coroutine[Any, Any, object]) -> None:
        variable.set(0)
        try:
            self.log("returned", await running)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
            self.log("raised", chain(error))


def _cancel_current_task() -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - only asked for inside one
    task.cancel()


@types.coroutine
def _yield() -> Generator[None, None, None]:
    yield
