"""The one known departure that is specified: what contextlib's exit stack does where it should do as nested statements do.

It calls the exits in a loop. So while one runs, the error that another raised before is not being handled, as the language
would have it; instead its context is mended afterwards, as far as that can be told. Whatever else a stack does is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asyncwith.programs.language import Block, Manager
from asyncwith.programs.model import Error, Jump

if TYPE_CHECKING:
    from asyncwith.programs.specification import Run

__all__ = ["Endless", "contextlib_stack"]


class Endless(Exception):
    """The program hangs: a ring of contexts is followed."""


def contextlib_stack(run: Run, managers: Sequence[Manager], body: Block) -> Jump | None:
    """Do what `async with AsyncExitStack()` of contextlib does."""
    entered: list[Manager] = []

    def enter_all() -> Jump | None:
        for manager in managers:
            jump = run.enter(manager)
            if jump is not None:
                return jump
            entered.append(manager)
        return run.block(body)

    return run.statement(lambda: None, enter_all, lambda error: run.call(lambda: unwind(run, entered, error)))


def unwind(run: Run, entered: list[Manager], error: Error | None) -> Jump | None:
    """Call the exits one after the other, and mend the contexts afterwards as far as that can be done."""
    outer, current, suppressed, pending = run.handled(), error, False, False
    for manager in reversed(entered):
        jump = run.exit(manager, current)
        if jump is not None and jump.kind == "raise":
            mend(jump.value, current, outer)
            current, pending = jump.value, True
        elif jump is not None and jump.value:
            current, pending, suppressed = None, False, True
    if pending and current is not None:
        context = current.__context__
        run.raised(current)
        current.__context__ = context
        return Jump("raise", current)
    return Jump("return", error is not None and suppressed)


def mend(new: Error, old: Error | None, outer: Error | None) -> None:
    """Put `old` where the chain of `new` has `outer`; a chain that ends without stays as it is (gh-102201)."""
    seen = []
    while new.__context__ is not None and new.__context__ is not old:
        if new.__context__ is outer:
            new.__context__ = old
            return
        new = new.__context__
        if new in seen:
            raise Endless
        seen.append(new)
