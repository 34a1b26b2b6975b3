"""What a program does, by the rules of the language: no event loop, no contextlib and no exception is used to tell.

The rules: each coroutine knows which exceptions it is handling, and the innermost of them is looked for in it and then in
those that await it (`Run.handled`); what is raised gets that one as its context (`link`); `async with` is fifteen lines
(`Run.statement`); an exit stack is specified as nesting. From outside come an exception that a loop *sends* into a coroutine,
which then raises it like any other (trio); one that is *thrown* in, and passes frame by frame through all the coroutines
that are awaiting (asyncio, uvloop); and closing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from asyncwith.programs import language as lang
from asyncwith.programs.departure import Endless, contextlib_stack
from asyncwith.programs.language import ERRORS, RETURNS, Block, Manager, Program
from asyncwith.programs.model import Error, Frame, Jump, link

__all__ = ["ENDLESS", "Delivery", "Run", "specified"]

Delivery = Literal["send", "throw"]
ENDLESS = "never ends"  # the last line of a program that hangs for ever; only contextlib's own stack makes one


def specified(program: Program, delivery: Delivery, *, stacks: Literal["nested", "contextlib"] = "nested") -> Run:
    """Return the run of `program` on a loop that injects exceptions by `delivery`: its `lines` end with the outcome.

    `stacks="contextlib"` tells what contextlib's `AsyncExitStack` makes of it, which is not always the same as nesting.
    """
    run = Run(program, delivery, stacks)
    run.finish()
    return run


class Run:
    """One run of one program: `lines` is its trace, `awaits` how often it was suspended."""

    def __init__(self, program: Program, delivery: Delivery, stacks: str) -> None:
        self.program = program
        self.delivery = delivery
        self.stacks = stacks
        self.lines: list[str] = []
        self.errors = {name: Error(kind, name) for name, kind in ERRORS.items()}
        self.frames: list[Frame] = []
        self.given: list[Error] = []  # what `raise given` means, innermost last
        self.variable = 0
        self.awaits = 0
        self.scopes = ["quiet"]  # around the program and in it, innermost last: "quiet", "cancelled" or "shield"
        self.closing = False

    def finish(self) -> None:
        """Run the program to its end."""
        try:
            jump = self.call(lambda: self.block(self.program.body))
        except Endless:
            self.log(ENDLESS)
            return
        if jump is not None and jump.kind == "raise" and not (self.closing and jump.value.kind == "GeneratorExit"):
            self.log("raised", str(jump.value))
        else:
            self.log("closed" if self.closing else f"returned {jump.value if jump else None}")

    def log(self, *words: str) -> None:
        """Write a line."""
        self.lines.append(" ".join(words))

    # -- exceptions and coroutines

    def handled(self) -> Error | None:
        """Return the exception being handled. Who was resumed by a throw does not see the awaiter's (gh-108668)."""
        for frame in reversed(self.frames):
            if frame.handling:
                return frame.handling[-1]
            if frame.thrown:
                break
        return None

    def raised(self, error: Error) -> Jump:
        """Raise `error` in the current frame."""
        link(error, self.handled())
        return Jump("raise", error)

    def handling(self, error: Error, run: Callable[[], Jump | None]) -> Jump | None:
        """Run something while `error` is being handled."""
        self.frames[-1].handling.append(error)
        jump = run()
        self.frames[-1].handling.pop()
        return jump

    def call(self, run: Callable[[], Jump | None], kind: str = "coroutine") -> Jump | None:
        """Run a coroutine or an asynchronous generator that the current one awaits."""
        frame = Frame()
        self.frames.append(frame)
        jump = run()
        self.frames.pop()
        error = jump.value if jump is not None and jump.kind == "raise" else None
        if error is not None and (
            error.kind == "StopIteration" or (error.kind, kind) == ("StopAsyncIteration", "async generator")
        ):
            cause, error = error, Error("RuntimeError", f"{kind} raised {error.kind}")  # PEP 479
            error.__cause__ = error.__context__ = cause
            error.__suppress_context__ = True
        if frame.thrown and self.frames:
            if self.closing and (error is None or error.kind == "GeneratorExit"):
                error = Error("GeneratorExit")  # each coroutine is closed by one of its own
            if error is not None:
                self.pass_on(error)
        return Jump("raise", error) if error is not None else jump

    def pass_on(self, error: Error) -> None:
        """Throw `error` into the current frame, which links it to what that frame itself is handling."""
        handling = self.frames[-1].handling
        link(error, handling[-1] if handling else None)

    def suspend(self) -> Jump | None:
        """Let the loop run once, and be hit by what the program's injection says."""
        injection, number = self.program.injection, self.awaits
        if self.closing:
            return None
        self.awaits += 1
        for frame in self.frames:
            frame.thrown = False
        kind = injection.kind if number == injection.at else "nothing"
        if kind == "level":
            self.scopes[0] = "cancelled"
        if kind == "throw":
            error = self.errors[injection.error]
        elif kind == "close":
            self.closing = True
            error = Error("GeneratorExit")
        elif kind == "edge" or self.is_cancelled():
            error = Error("Cancelled")
        else:
            return None
        if self.delivery == "send":
            return self.raised(error)
        for frame in self.frames:
            frame.thrown = True
        self.pass_on(error)
        return Jump("raise", error)

    def is_cancelled(self) -> bool:
        """Tell whether an await is cancelled here. A shield keeps off what is around it."""
        return next((scope for scope in reversed(self.scopes) if scope != "quiet"), "quiet") == "cancelled"

    # -- statements

    def block(self, statements: Block) -> Jump | None:
        """Do the statements up to the first that jumps."""
        for statement in statements:
            jump = self.step(statement)
            if jump is not None:
                return jump
        return None

    def step(self, statement: lang.Statement) -> Jump | None:  # noqa: C901, PLR0911, PLR0912 - one case per node
        """Do one statement."""
        match statement:
            case lang.Log(text):
                self.log(text)
            case lang.See():
                self.log("handling", repr(self.handled()))
            case lang.Set(value):
                self.variable = value
            case lang.Get():
                self.log("variable", str(self.variable))
            case lang.Await(times):
                return next(filter(None, (self.suspend() for _ in range(times))), None)
            case lang.Raise():
                return self.throw(statement)
            case lang.Return(value):
                return Jump("return", value)
            case lang.Break():
                return Jump("break")
            case lang.Continue():
                return Jump("continue")
            case lang.Loop(turns, body):
                for _ in range(turns):
                    jump = self.block(body)
                    if jump is not None and jump.kind != "continue":
                        return jump if jump.kind != "break" else None
            case lang.Call(body):
                jump = self.call(lambda: self.block(body))
                if jump is not None and jump.kind == "raise":
                    return jump
                self.log("inner gave", repr(jump.value if jump else None))
            case lang.Shield(body):
                self.scopes.append("shield")
                jump = self.block(body)
                self.scopes.pop()
                return jump
            case lang.Timeout(body, fails):
                return self.statement(
                    lambda: self.scopes.append("cancelled"),
                    lambda: self.block(body),
                    lambda error: self.time_out(error, fails=fails),
                )
            case lang.Group(body, child):
                return self.group(body, child)
            case lang.Try():
                return self.attempt(statement)
            case lang.With(managers, body, "stack") if self.stacks == "contextlib":
                return contextlib_stack(self, managers, body)
            case lang.With(managers, body, "stack"):
                return self.nested(managers, body)
            case lang.With(managers, body):  # a synchronous manager can only stand on a stack
                return self.nested(
                    [replace(each, kind="class") if each.kind == "sync" else each for each in managers], body
                )
        return None

    def throw(self, statement: lang.Raise) -> Jump:
        """Do what `raise` does."""
        if not statement.error:
            none = Error("RuntimeError", "No active exception to reraise")
            return Jump("raise", self.handled() or none)
        error = self.given[-1] if statement.error == "given" else self.errors[statement.error]
        if statement.how:
            error.__cause__ = self.given[-1] if statement.how == "from given" else None
            error.__suppress_context__ = True
        return self.raised(error)

    def attempt(self, statement: lang.Try) -> Jump | None:
        """Do what `try` does."""
        jump = self.block(statement.body)
        if jump is not None and jump.kind == "raise" and statement.catches and jump.value.is_a(statement.catches):
            self.log("caught", str(jump.value))
            self.given.append(jump.value)
            jump = self.handling(jump.value, lambda: self.block(statement.handler))
            self.given.pop()
        if not statement.final:
            return jump
        if jump is not None and jump.kind == "raise":
            return self.handling(jump.value, lambda: self.block(statement.final)) or jump
        return self.block(statement.final) or jump

    def time_out(self, error: Error | None, *, fails: bool) -> Jump | None:
        """Leave a cancelled scope: it catches its own cancellation, unless a scope around it is cancelled as well."""
        self.scopes.pop()
        if error is None or error.kind != "Cancelled" or self.is_cancelled():
            return None
        return self.raised(Error("TimeoutError")) if fails else Jump("return", value=True)

    def group(self, body: Block, child: Block) -> Jump | None:
        """Run the body, then (unless it failed) the child, and raise what either raised in a group."""
        variable = self.variable
        jump = self.block(body)
        if jump is not None and jump.kind == "raise":
            return self.handling(jump.value, lambda: self.raise_group(jump.value))
        frames, self.frames = self.frames, []  # nobody awaits the child, and its context is a copy from before the body
        self.variable, variable = variable, self.variable
        ended = self.call(lambda: self.block(child))
        self.frames, self.variable = frames, variable
        return self.raise_group(ended.value) if ended is not None and ended.kind == "raise" else jump

    def raise_group(self, error: Error) -> Jump:
        """Raise a group with `error`. Trio's has no context, that of anyio on asyncio hides the one it has."""
        group = Error("ExceptionGroup" if error.is_a("Exception") else "BaseExceptionGroup", errors=(error,))
        if self.delivery == "send":
            return Jump("raise", group)
        group.__suppress_context__ = True
        return self.raised(group)

    # -- managers

    def statement(
        self,
        enter: Callable[[], Jump | None],
        body: Callable[[], Jump | None],
        exit_: Callable[[Error | None], Jump | None],
    ) -> Jump | None:
        """Do what `async with` does."""
        jump = enter()
        if jump is not None:
            return jump
        jump = body()
        if jump is not None and jump.kind == "raise":
            error = jump.value
            left = self.handling(error, lambda: exit_(error))
            if left is not None and left.kind == "return" and left.value:
                return None
        else:
            left = exit_(None)
        return left if left is not None and left.kind == "raise" else jump

    def nested(self, managers: Sequence[Manager], body: Block) -> Jump | None:
        """Do what `async with` over several managers does."""
        if not managers:
            return self.block(body)
        manager, *others = managers
        return self.statement(
            lambda: self.enter(manager),
            lambda: self.nested(others, body),
            lambda error: self.exit(manager, error),
        )

    def enter(self, manager: Manager) -> Jump | None:
        """Return what entering raises, if it does."""

        def run() -> Jump | None:
            self.log("enter", manager.name)
            return self.block(manager.enter)

        return run() if manager.kind == "sync" else self.call(run, frame_of(manager))

    def exit(self, manager: Manager, error: Error | None) -> Jump | None:
        """Return what the exit raises or (as a return) whether it suppresses."""
        if manager.kind == "sync":
            return self.leave(manager, error)
        if manager.kind == "generator" and error is not None:
            return self.call(lambda: self.throw_into_generator(manager, error))
        return self.call(lambda: self.leave(manager, error), frame_of(manager))

    def leave(self, manager: Manager, error: Error | None) -> Jump | None:
        """Do what the manager has to do when it is left."""
        if error is None or manager.kind == "callback":
            self.log("exit", manager.name)
            return self.block(manager.leave)
        self.log("exit", manager.name, "with", str(error))
        self.given.append(error)
        jump = self.block(manager.caught)
        self.given.pop()
        return jump or Jump("return", RETURNS[manager.returns])

    def throw_into_generator(self, manager: Manager, error: Error) -> Jump | None:
        """Do what the exit of an `asynccontextmanager` does: the generator sees `error` raised by its `yield`."""

        def generator() -> Jump | None:
            jump = self.handling(error, lambda: self.leave(manager, error))
            return Jump("raise", error) if jump == Jump("return", value=False) else jump

        jump = self.call(generator, "async generator")
        if jump is None or jump.kind != "raise":
            return jump
        wrapped = jump.value.kind == "RuntimeError" and error.kind in ("StopIteration", "StopAsyncIteration")
        came_back = jump.value is error or (wrapped and jump.value.__cause__ is error)
        return Jump("return", value=False) if came_back else jump


def frame_of(manager: Manager) -> str:
    return "async generator" if manager.kind == "generator" else "coroutine"
