"""Faulty asynchronous generators: each that a chapter defines is wrapped in one that does a thing wrong.

As with the statement, the wrapper without fault is the control; clauses that notice even that are not judged by these faults.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib.machinery
import sys
from collections.abc import AsyncGenerator, Callable
from typing import Any

from asyncwith._tests.power.statements import call_apart

__all__ = ["GENERATOR_FAULTS", "seed"]

_kept: list[object] = []


class Generator(AsyncGenerator[Any, Any]):
    """An asynchronous generator around the real one."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._started = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __anext__(self) -> Any:
        return self.asend(None)

    def asend(self, value: Any) -> Any:
        """Let the real one go on."""
        self._started = True
        return self._real.asend(value)

    def athrow(self, *error: Any) -> Any:
        """Throw into the real one."""
        return self._real.athrow(*error)

    def aclose(self) -> Any:
        """Close the real one."""
        return self._real.aclose()


async def _nothing() -> None:
    """Do nothing."""


class ClosedNever(Generator):
    """aclose() does nothing."""

    def aclose(self) -> Any:
        return _nothing()


class ClosedByIteration(Generator):
    """aclose() lets the generator go on to its end instead of raising in it."""

    async def aclose(self) -> None:
        try:
            while True:
                await self._real.asend(None)
        except StopAsyncIteration:
            return


class ClosedWhenUnstarted(Generator):
    """aclose() starts a generator that was not started."""

    async def aclose(self) -> None:
        if not self._started:
            await self._real.asend(None)
        await self._real.aclose()


class ClosedThoughItYields(Generator):
    """A generator that yields when it is closed is no error."""

    async def aclose(self) -> None:
        try:
            await self._real.aclose()
        except RuntimeError:
            return


class ThrownIntoTheEnded(Generator):
    """athrow() into a generator that has ended raises."""

    async def athrow(self, *error: Any) -> Any:
        if self._real.ag_frame is None:
            raise error[0]
        return await self._real.athrow(*error)


class ThrownWithOneArgument(Generator):
    """athrow() takes the exception alone."""

    def athrow(self, error: Any) -> Any:  # type: ignore[override] # that is the fault
        return self._real.athrow(error)


class _Again:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __await__(self) -> Any:
        return self.make().__await__()


class AwaitedAgain(Generator):
    """What asend(), athrow() and aclose() return can be awaited again, and need not be."""

    def asend(self, value: Any) -> Any:
        return _Again(lambda: Generator.asend(self, value))

    def athrow(self, *error: Any) -> Any:
        return _Again(lambda: self._real.athrow(*error))

    def aclose(self) -> Any:
        return _Again(self._real.aclose)


class ContextOfItsOwn(Generator):
    """A generator runs in a copy of the context."""

    async def asend(self, value: Any) -> Any:
        return await call_apart(self._real.asend, value)


class DroppedInVain(Generator):
    """A generator that is dropped is kept by somebody."""

    def __init__(self, real: Any) -> None:
        super().__init__(real)
        _kept.append(real)


class EndedAfterOne(Generator):
    """A generator ends after its second value."""

    async def asend(self, value: Any) -> Any:
        self._count = getattr(self, "_count", 0) + 1
        if self._count > 2:
            await self._real.aclose()
        return await self._real.asend(value)


class ValuesLost(Generator):
    """asend() sends None."""

    def asend(self, value: Any) -> Any:
        return super().asend(None)


_kinds: dict[str, type[Generator]] = {
    "no fault": Generator,
    "aclose does nothing": ClosedNever,
    "aclose iterates to the end": ClosedByIteration,
    "aclose starts what was not started": ClosedWhenUnstarted,
    "aclose overlooks a yield": ClosedThoughItYields,
    "athrow raises after the end": ThrownIntoTheEnded,
    "athrow takes one argument": ThrownWithOneArgument,
    "steps can be awaited again": AwaitedAgain,
    "generators have contexts of their own": ContextOfItsOwn,
    "dropped generators are kept": DroppedInVain,
    "generators end too early": EndedAfterOne,
    "sent values are lost": ValuesLost,
}
GENERATOR_FAULTS = tuple(_kinds)


def seed(fault: str) -> None:
    """From now on, wrap what the asynchronous generator functions of chapters return."""
    kind = _kinds[fault]

    def wrapping(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def make(*args: Any, **kwargs: Any) -> Any:
            return kind(function(*args, **kwargs))

        return make

    def source_to_code(self: Any, data: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        tree = ast.parse(data)
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef) and _yields(node):
                node.decorator_list.append(ast.copy_location(ast.Name("_wrapping", ast.Load()), node))
        return compile(tree, path, "exec", dont_inherit=True)

    sys.dont_write_bytecode = True
    importlib.machinery.SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign]
    builtins._wrapping = wrapping  # type: ignore[attr-defined] # what the chapters then call


def _yields(node: ast.AST) -> bool:
    """Tell whether a function has a `yield` of its own."""
    others = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, others)]
    return any(isinstance(child, ast.Yield) or _yields(child) for child in inner)
