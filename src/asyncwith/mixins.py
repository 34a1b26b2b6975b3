"""anyio's mixin for managers by the name of contextlib's decorator, so that the same clauses can judge what it does.

It has none of contextlib's names itself: one inherits from it, and writes the generator as a method.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio

__all__ = ["asynccontextmanager"]

if hasattr(anyio, "AsyncContextManagerMixin"):  # which came with anyio 4.10

    def asynccontextmanager(function: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., Any]:
        """Make of an asynchronous generator function one whose managers inherit all they do from anyio's mixin."""
        written = contextlib.asynccontextmanager(function)

        class Manager(anyio.AsyncContextManagerMixin):
            def __init__(self, manager: AbstractAsyncContextManager[Any]) -> None:
                self._manager = manager

            def __asynccontextmanager__(self) -> AbstractAsyncContextManager[Any]:
                return self._manager

        @functools.wraps(function)
        def make(*args: Any, **kwargs: Any) -> Manager:
            return Manager(written(*args, **kwargs))

        return make
