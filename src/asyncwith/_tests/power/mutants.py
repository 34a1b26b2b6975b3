"""Mutations of Python's own modules, and those of the asynchronous half of `contextlib.py`: one small thing changed in each.

The mutations are found, not listed: every place in the source where an operator can be turned round, a statement, an await, an
argument, a handler or a decorator left out, a result lost. So they are others on every Python.
"""

# ruff: noqa: B905, C901, RUF007 - each function lists cases

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

__all__ = ["Mutant", "mutants", "mutations", "original"]

HALF = (
    "AbstractAsyncContextManager",
    "AsyncContextDecorator",
    "_GeneratorContextManagerBase",
    "_AsyncGeneratorContextManager",
    "asynccontextmanager",
    "aclosing",
    "nullcontext",
    "_BaseExitStack",
    "AsyncExitStack",
)
SYNCHRONOUS = ("__enter__", "__exit__")  # of nullcontext; the other half
TURNED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
SWAPPED_NAMES = {
    "pop": "popleft",
    "append": "appendleft",
    "__context__": "__cause__",
    "__cause__": "__context__",
    "__aenter__": "__aexit__",
    "__aexit__": "__aenter__",
    "athrow": "asend",
    "aclose": "__anext__",
    "exc_info": "exception",
}

Slot = tuple[ast.AST, str, "int | None"]  # where a node hangs: its parent, the field, the index in it


@dataclass(frozen=True)
class Mutant:
    """One faulty library. Its name tells the place and the change, and is the same on every Python that has that line."""

    name: str
    line: int
    source: str


def original() -> str:
    """Return `contextlib.py` as this module writes it when it changes nothing: the control."""
    return "\n".join(map(ast.unparse, ast.parse(inspect.getsource(contextlib)).body))


def mutants() -> Iterator[Mutant]:
    """Yield every mutant of the asynchronous half of contextlib, top to bottom."""
    body = ast.parse(inspect.getsource(contextlib)).body
    control = [ast.unparse(top) for top in body]
    for index, mutant in mutations(body, HALF, but=SYNCHRONOUS):
        source = "\n".join([*control[:index], mutant.source, *control[index + 1 :]])
        yield Mutant(mutant.name, mutant.line, source)


def mutations(
    body: list[ast.stmt], names: Collection[str], *, but: Collection[str] = ()
) -> Iterator[tuple[int, Mutant]]:
    """Yield the mutations of those classes and functions of `body` that are in `names`: where it stands in the body, and
    the mutant, whose source is that of the one class or function. Functions that are called as in `but` stay as they are.
    """
    seen: Counter[str] = Counter()
    for index, top in enumerate(body):
        if not isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or top.name not in names:
            continue
        control = ast.unparse(top)
        for place, slot, node in _walk((ast.Module(body, []), "body", index), top, "", but):
            for after in _changes(node, slot):
                changed = _with(body, index, slot, after)
                if changed == control or not _compiles(changed):
                    continue
                name = f"{place}: {_short(node)} → {_short(after)}"
                seen[name] += 1
                if seen[name] > 1:
                    name += f" (no. {seen[name]})"
                yield index, Mutant(name, getattr(node, "lineno", 0), changed)


def _walk(slot: Slot, node: ast.AST, place: str, but: Collection[str]) -> Iterator[tuple[str, Slot, ast.AST]]:
    """Yield `node` and every node below it that may be changed, with the qualified name around it and where it hangs."""
    yield place or "module", slot, node
    if isinstance(node, ast.Raise):  # how an error is worded is free; that it is raised is not
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        place = f"{place}.{node.name}" if place else node.name
    for name, value in ast.iter_fields(node):
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(child, ast.AST) or name in ("annotation", "returns", "ctx"):
                continue
            if isinstance(child, ast.FunctionDef) and child.name in but:
                continue
            yield from _walk((node, name, index), child, place, but)


def _compiles(source: str) -> bool:
    try:
        compile(source, "contextlib.py", "exec")
    except SyntaxError:  # an `await` in what is no longer a coroutine function
        return False
    return True


def _changes(node: ast.AST, slot: Slot) -> Iterator[ast.AST]:
    """Yield what may stand in the place of `node`."""
    for change in CHANGES:
        yield from change(node, slot)


def _turn(node: ast.AST, _: Slot) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare | ast.BoolOp):
        operator = node.ops[0] if isinstance(node, ast.Compare) else node.op
        if type(operator) in TURNED:
            turned = copy.deepcopy(node)
            new = TURNED[type(operator)]()
            if isinstance(turned, ast.Compare):
                turned.ops[0] = new  # type: ignore[call-overload] # an operator for an operator
            else:
                turned.op = new  # type: ignore[assignment] # the same
            yield turned
    if isinstance(node, ast.BoolOp):
        yield from node.values
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


def _decide(node: ast.AST, _: Slot) -> Iterator[ast.AST]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        tests: list[ast.expr] = [ast.Constant(value=False)]
        if not isinstance(node, ast.While):
            tests += [ast.Constant(value=True), ast.UnaryOp(ast.Not(), node.test)]
        for test in tests:
            changed = copy.copy(node)
            changed.test = test
            yield changed


def _constants(node: ast.AST, slot: Slot) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant) and slot[1] != "test":
        if isinstance(node.value, bool):
            yield ast.Constant(value=not node.value)
        elif isinstance(node.value, int):
            yield ast.Constant(value=node.value + 1)
        elif node.value is None:
            yield ast.Constant(value=True)


def _leave_out(node: ast.AST, slot: Slot) -> Iterator[ast.AST]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Delete | ast.Raise | ast.Return | ast.Nonlocal):
        yield ast.Pass()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and isinstance(slot[0], ast.ClassDef):
        # Without a public method a library has less, but nothing that is wrong.
        yield from [ast.Pass()] * node.name.startswith("_")
    if isinstance(node, ast.Raise) and node.cause is not None:
        yield ast.Raise(node.exc, None)
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield ast.Return(ast.Constant(value=None))
        yield ast.Return(ast.Constant(value=True))
    if isinstance(node, ast.Await):
        yield node.value
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for index in range(len(node.decorator_list)):
            yield _without(node, "decorator_list", index)
    if isinstance(node, ast.AsyncFunctionDef):
        yield ast.FunctionDef(**{name: getattr(node, name) for name in node._fields})
    if isinstance(node, ast.ClassDef):
        for index in range(len(node.bases)):
            yield _without(node, "bases", index)


def _arguments(node: ast.AST, _: Slot) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        for index, argument in enumerate(node.args):  # any other one that is missing is a TypeError at once
            if isinstance(argument, ast.Starred) or (
                isinstance(argument, ast.Constant) and index == len(node.args) - 1
            ):
                yield _without(node, "args", index)
        for index in range(len(node.keywords)):
            yield _without(node, "keywords", index)
        if len(node.args) > 1:
            changed = copy.copy(node)
            changed.args = [node.args[1], node.args[0], *node.args[2:]]
            yield changed
        if node.args and not isinstance(node.args[0], ast.Starred):
            yield node.args[0]  # f(x) → x
        if not node.args and not node.keywords:
            yield node.func  # f() → f
    if isinstance(node, ast.arguments):
        for index in range(len(node.defaults)):
            yield _without(node, "defaults", index)
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load):
        for index in range(len(node.elts)):
            changed_tuple = copy.copy(node)
            changed_tuple.elts = [*node.elts]
            changed_tuple.elts[index] = ast.Constant(value=None)
            yield changed_tuple


def _rename(node: ast.AST, _: Slot) -> Iterator[ast.AST]:
    if isinstance(node, ast.Attribute) and node.attr in SWAPPED_NAMES:
        yield ast.Attribute(node.value, SWAPPED_NAMES[node.attr], node.ctx)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in {"__aenter__", "__aexit__"}:
        changed = copy.copy(node)
        changed.name = SWAPPED_NAMES[node.name]
        yield changed


def _handle(node: ast.AST, _: Slot) -> Iterator[ast.AST]:
    if isinstance(node, ast.ExceptHandler):
        for kind in ("()", "BaseException", "Exception"):
            if ast.unparse(node.type or ast.Constant(value=None)) != kind:
                changed = copy.copy(node)
                changed.type = ast.parse(kind, mode="eval").body
                yield changed
        if not isinstance(node.body[0], ast.Pass):
            yield ast.ExceptHandler(node.type, node.name, [ast.Pass()])
            yield ast.ExceptHandler(node.type, node.name, [ast.Raise()])
    if isinstance(node, ast.Try):
        if node.finalbody:
            changed_try = copy.copy(node)
            changed_try.finalbody = [ast.Pass()]
            yield changed_try
        if node.orelse:
            changed_try = copy.copy(node)
            changed_try.orelse = []
            yield changed_try


CHANGES: tuple[Callable[[ast.AST, Slot], Iterator[ast.AST]], ...] = (
    _turn,
    _decide,
    _constants,
    _leave_out,
    _arguments,
    _rename,
    _handle,
)


def _without(node: ast.AST, field: str, index: int) -> ast.AST:
    changed = copy.copy(node)
    setattr(changed, field, [each for at, each in enumerate(getattr(node, field)) if at != index])
    return changed


def _with(body: list[ast.stmt], top: int, slot: Slot, after: ast.AST) -> str:
    """Return the source of one top-level statement with `after` in the place of what hangs in `slot`."""
    parent, field, index = slot
    place = getattr(parent, field)
    if index is None:
        setattr(parent, field, after)
    else:
        before, place[index] = place[index], after
    try:
        return ast.unparse(ast.fix_missing_locations(body[top]))
    finally:
        if index is None:
            setattr(parent, field, place)
        else:
            place[index] = before


def _short(node: ast.AST) -> str:
    """Return a node on one line: the head of a block, and what its body begins with."""
    if isinstance(node, ast.arguments):
        return f"({ast.unparse(node)})"
    lines = [line.strip() for line in ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).splitlines()]
    if isinstance(node, ast.Try):
        heads = ("try:", "except", "else:", "finally:")
        lines = [f"{line} {after}" for line, after in zip(lines, lines[1:]) if line.startswith(heads)]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        head = next(at for at, line in enumerate(lines) if line.startswith(("def ", "async def ", "class ")))
        return " ".join(lines[: head + 1])
    return " ".join(lines[:3])
