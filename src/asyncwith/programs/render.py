"""Programs as Python source: the statements that a person would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TypeAlias

from asyncwith.programs import language as lang
from asyncwith.programs.language import ERRORS, RETURNS, Block, Manager, Program

__all__ = ["source"]

Code: TypeAlias = "list[str | Code]"  # lines, and blocks that stand one step further in


def source(program: Program) -> str:
    """Return the coroutine function `program`, in terms of `log`, `pause`, `errors` and the other names of `interpreter`."""
    return _text(["async def program():", _Writer().block(program.body, ())])


def _text(code: Code, depth: int = 0) -> str:
    return "".join(_text(part, depth + 1) if isinstance(part, list) else f"{'    ' * depth}{part}\n" for part in code)


class _Writer:
    """Writes blocks; `given` are the names of the exceptions that were given to handlers and exits, innermost last."""

    def __init__(self) -> None:
        self.numbers = count(1)

    def block(self, statements: Block, given: tuple[str, ...]) -> Code:
        return self.lines(statements, given) or ["pass"]

    def lines(self, statements: Block, given: tuple[str, ...]) -> Code:
        return [part for each in statements for part in self.statement(each, given)]

    def statement(self, node: lang.Statement, given: tuple[str, ...]) -> Iterator[str | Code]:  # noqa: C901, PLR0912 - one case per node
        match node:
            case lang.Log(text):
                yield f'log("{text}")'
            case lang.See():
                yield 'log("handling", describe(sys.exc_info()[1]))'
            case lang.Set(value):
                yield f"variable.set({value})"
            case lang.Get():
                yield 'log("variable", variable.get())'
            case lang.Await(times):
                yield from ["await pause()"] * times
            case lang.Raise(error, how):
                name = f'errors["{error}"]' if error in ERRORS else given[-1] if error else ""
                cause = {"from given": f" from {given[-1] if given else ''}", "from None": " from None"}.get(how, "")
                yield f"raise {name}{cause}".rstrip()
            case lang.Return(value):
                yield f"return {value}"
            case lang.Break():
                yield "break"
            case lang.Continue():
                yield "continue"
            case lang.Loop(turns, body):
                yield f"for _ in range({turns}):"
                yield self.block(body, given)
            case lang.Call(body):
                name = f"inner{next(self.numbers)}"
                yield f"async def {name}():"
                yield self.block(body, given)
                yield f'log("inner gave", await {name}())'
            case lang.Shield(body):
                yield "with CancelScope(shield=True):"
                yield self.block(body, given)
            case lang.Timeout(body, fails):
                yield f"with {'fail_after' if fails else 'move_on_after'}(-math.inf):"
                yield self.block(body, given)
            case lang.Group(body, child):
                number = next(self.numbers)
                yield f"async def child{number}():"
                yield ["await pause()", *self.lines(child, given)]
                yield f"async with create_task_group() as group{number}:"
                yield [f"group{number}.start_soon(child{number})", *self.lines(body, given)]
            case lang.Try():
                yield from self.attempt(node, given)
            case lang.With(managers, body, form):
                for manager in managers:
                    yield from self.manager(manager, given, on_stack=form == "stack")
                yield from self.enter(managers, form, self.block(body, given))

    def attempt(self, node: lang.Try, given: tuple[str, ...]) -> Iterator[str | Code]:
        yield "try:"
        yield self.block(node.body, given)
        if node.catches:
            name = f"error{next(self.numbers)}"
            yield f"except {node.catches} as {name}:"
            yield [f'log("caught", chain({name}))', *self.lines(node.handler, (*given, name))]
        if node.final or not node.catches:
            yield "finally:"
            yield self.block(node.final, given)

    def enter(self, managers: Sequence[Manager], form: lang.Form, body: Code) -> Iterator[str | Code]:
        if form == "combined":
            yield f"async with {', '.join(f'{each.name}()' for each in managers)}:"
        elif form == "stack":
            stack = f"stack{next(self.numbers)}"
            yield f"async with AsyncExitStack() as {stack}:"
            yield [line for each in managers for line in _onto(stack, each)]
        else:
            for each in reversed(managers[1:]):
                body = [f"async with {each.name}():", body]
            yield f"async with {managers[0].name}():"
        yield body

    def manager(self, manager: Manager, given: tuple[str, ...], *, on_stack: bool) -> Iterator[str | Code]:
        name = manager.name
        error = f"error{next(self.numbers)}"
        enter: Code = [f'log("enter {name}")', *self.lines(manager.enter, given)]
        leave: Code = [f'log("exit {name}")', *self.lines(manager.leave, given)]
        caught: Code = [f'log("exit {name} with", chain({error}))', *self.lines(manager.caught, (*given, error))]
        if manager.kind == "generator":
            yield from ("@asynccontextmanager", f"async def {name}():")
            if not RETURNS[manager.returns]:
                caught.append("raise")
            yield [*enter, "try:", ["yield"], f"except BaseException as {error}:", caught, "else:", leave]
        elif manager.kind == "callback":
            yield f"class {name}:"
            yield ["async def __aenter__(self):", enter, "async def leave(self):", leave]
            yield ["async def __aexit__(self, *details):", ["await self.leave()"]]
        else:
            if manager.returns != "None":
                caught.append(f"return {manager.returns}")
            define = "def __{}__" if manager.kind == "sync" and on_stack else "async def __a{}__"
            yield f"class {name}:"
            yield [define.format("enter") + "(self):", enter]
            yield [define.format("exit") + f"(self, kind, {error}, traceback):"]
            yield [[f"if {error} is None:", leave, "else:", caught]]


def _onto(stack: str, manager: Manager) -> list[str]:
    name = manager.name
    if manager.kind == "sync":
        return [f"{stack}.enter_context({name}())"]
    if manager.kind not in ("pushed", "callback"):
        return [f"await {stack}.enter_async_context({name}())"]
    push = "push_async_exit({}.__aexit__)" if manager.kind == "pushed" else "push_async_callback({}.leave)"
    instance = name.lower()
    return [f"{instance} = {name}()", f"await {instance}.__aenter__()", f"{stack}.{push.format(instance)}"]
