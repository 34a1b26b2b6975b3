"""From the body of an arm to the coroutine that times it.

A function call per operation would cost as much as the `async with` under test, so an arm is not called: its body is
lifted out of the source and compiled into a loop between two readings of the clocks, as if somebody had written that loop
by hand. Line numbers stay those of the program, so that tracebacks and profilers show the arm.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from functools import cache, partial
from itertools import repeat
from time import perf_counter_ns, thread_time_ns
from types import FunctionType, MappingProxyType
from typing import Any, cast

from asyncwith.errors import InputError
from asyncwith.loops import Loop

__all__ = ["Suspend", "Timed", "compile_timed", "parsed", "suspension", "time_nothing"]

Body = Callable[..., Any]
Suspend = Callable[[], Awaitable[object]]
Clock = Callable[[], int]
TimedCoroutine = Callable[..., Awaitable[tuple[int, int]]]  # of operations, suspend, n: wall, CPU
GIVEN = {"n", "suspend"}  # what any arm may ask for: its size, and how the loop suspends

# Thread time costs a system call, so it is read outside of the wall time.
TEMPLATE = """
async def timed(operations, suspend, n, *, repeat=None, wall=None, cpu=None):
    cpu_start = cpu()
    wall_start = wall()
    for turn in repeat(None, operations):
        pass
    wall_spent = wall() - wall_start
    return wall_spent, cpu() - cpu_start
"""
NOTHING: Mapping[str, object] = MappingProxyType({})
TOOLS = {"@repeat": repeat, "@wall": perf_counter_ns, "@cpu": thread_time_ns}


class Timed:
    """What is timed of an arm: the same body on every loop, unless trio has one of its own.

    `given` are objects that a body may ask for by name beside those that any arm may have.
    """

    def __init__(self, body: Body, trio: Body | None = None, given: Mapping[str, object] = NOTHING) -> None:
        common = compile_timed(body, given)
        self.coroutines = {"asyncio": common, "trio": common if trio is None else compile_timed(trio, given)}

    def __call__(
        self, operations: int, loop: Loop, n: int | None, *, wall: Clock = perf_counter_ns
    ) -> Awaitable[tuple[int, int]]:
        """Perform the arm so many times in `loop`, which runs; return the nanoseconds of wall and of this thread's CPU time.

        Whatever else is to be read right before the first operation and right after the last can stand in the place of `wall`.
        """
        return self.coroutines[loop.family](operations, suspension(loop), n, **{"@wall": wall})


def suspension(loop: Loop) -> Suspend:
    """Return how `loop` is told to let others run and come back: its own documented way, and nothing of anyio.

    Both do the same by their documentation: one pass of the scheduler, in which a cancellation may arrive. Going through
    anyio would add its bookkeeping to one and not to the other. No Python function stands in between: `partial` is C.
    """
    if loop.family == "trio":
        from trio.lowlevel import checkpoint  # noqa: PLC0415 - importing asyncwith imports no loop library

        return checkpoint
    import asyncio  # noqa: PLC0415 - as above

    return partial(asyncio.sleep, 0)


class _Unspeakable(ast.NodeTransformer):
    """Give the template's names a form that no program can write, so that no arm can touch them; put all on one line."""

    def __init__(self, line: int) -> None:
        self.line = line

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, ast.Name):
            node.id = f"@{node.id}"
        elif isinstance(node, ast.arg) and node.arg not in GIVEN:
            node.arg = f"@{node.arg}"
        if isinstance(node, ast.expr | ast.stmt | ast.arg):
            node.lineno = node.end_lineno = self.line
        return node


def compile_timed(function: Body, given: Mapping[str, object] = NOTHING) -> TimedCoroutine:
    """Return the coroutine function that times the body of `function`, which may ask for what is `given` by name.

    Raises `InputError` for a body that cannot stand in a loop between two clocks.
    """
    definition = _definition(function, GIVEN | given.keys())
    tree = _Unspeakable(definition.lineno).visit(ast.parse(TEMPLATE))
    outer = cast("ast.AsyncFunctionDef", cast("ast.Module", tree).body[0])
    outer.name = definition.name
    loop = next(node for node in outer.body if isinstance(node, ast.For))
    loop.body = definition.body
    outer.args.kwonlyargs += [ast.arg(name, lineno=definition.lineno, col_offset=0) for name in given]
    outer.args.kw_defaults += [None] * len(given)
    made: dict[str, Any] = {}
    code = compile(cast("ast.Module", tree), function.__code__.co_filename, "exec", dont_inherit=True)
    exec(code, function.__globals__, made)  # noqa: S102 - the program's own text among the program's own names
    timed = made[definition.name]
    timed.__kwdefaults__ = {**TOOLS, **given}
    return cast("TimedCoroutine", timed)


def _definition(function: Body, given: Collection[str]) -> ast.AsyncFunctionDef:
    """Return the parsed definition of `function`, if its body can be lifted out."""
    if not isinstance(function, FunctionType):
        raise InputError(f"{function!r} cannot be an arm", "decorate an `async def`")
    code = function.__code__
    place = f"{code.co_filename}:{code.co_firstlineno}"
    for node in ast.walk(parsed(code.co_filename)):
        if isinstance(node, ast.AsyncFunctionDef):
            first = node.decorator_list[0] if node.decorator_list else node
            if first.lineno == code.co_firstlineno and node.name == code.co_name:
                break
    else:
        raise InputError(f"{place}: there is no `async def` to take the body of an arm from")
    if code.co_freevars:
        raise InputError(
            f"{place}: the arm uses {', '.join(code.co_freevars)} of the function around it",
            "an arm may use names of its module only",
        )
    asked = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    if unknown := asked.difference(given):
        known = " and ".join(f"`{name}`" for name in sorted(given))
        raise InputError(f"{place}: an arm is given {known}, not {', '.join(sorted(unknown))}")
    for bad in _leaving(node.body):
        raise InputError(
            f"{code.co_filename}:{bad.lineno}: `{ast.unparse(bad)}` would leave the timed loop",
            "the body of an arm runs to its end each time",
        )
    return node


@cache
def parsed(filename: str) -> ast.Module:
    """Return the source of a loaded module as a tree."""
    return ast.parse("".join(linecache.getlines(filename)))


def _leaving(nodes: Iterable[ast.AST]) -> Iterator[ast.Return | ast.Yield | ast.YieldFrom]:
    """Yield whatever in the body would end the timed loop early or make a generator of the coroutine."""
    for node in nodes:
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _leaving(ast.iter_child_nodes(node))


async def _nothing() -> None:
    pass


time_nothing = Timed(_nothing)  # what the loop around an arm costs by itself
