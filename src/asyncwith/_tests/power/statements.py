"""Faulty statements: what `async with` might do wrong, put in the place of every `async with` of the chapters.

The statement cannot be exchanged in a running Python, so chapters are compiled with its expansion in its place (PEP 492 gives
one), and a fault is one line of that expansion that reads otherwise. The expansion without fault is the control: a clause that
notices even that, by the bytecode or by what is alive, is not judged by these faults.
"""

# ruff: noqa: B905, BLE001, C901, E501, ISC004, PLW0108, TRY301 - lines of code inside of strings

from __future__ import annotations

import ast
import builtins
import contextvars
import importlib.machinery
import itertools
import sys
import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any

__all__ = ["COMPILER_FAULTS", "STATEMENT_FAULTS", "seed"]

EXPANSION = """
ENTER, EXIT = statement.look_up(MANAGER)
VALUE = await statement.call(ENTER)
FAILED = False
try:
    try:
        TARGET = VALUE
        VALUE = None
        BODY
    except:
        FAILED = True
        if not await statement.call(EXIT, *statement.error()):
            raise
finally:
    if not FAILED:
        await statement.call(EXIT, None, None, None)
    ENTER = EXIT = None
"""

# What is wrong: the lines of the expansion that read otherwise.
STATEMENT_FAULTS: dict[str, tuple[tuple[str, str], ...]] = {
    "control": (),
    "both methods are looked up on the instance": (("statement.look_up(", "statement.look_up_on_instance("),),
    "both methods are looked up with getattr on the class": (("statement.look_up(", "statement.look_up_on_class("),),
    "exit is looked up after enter": (
        ("ENTER, EXIT = statement.look_up(MANAGER)", "HELD = MANAGER\nENTER = statement.special(HELD, '__aenter__')"),
        ("FAILED = False", "FAILED = False\nEXIT = statement.special(HELD, '__aexit__')"),
    ),
    "exit is looked up when it is needed": (
        ("ENTER, EXIT = statement.look_up(MANAGER)", "HELD = MANAGER\nENTER, EXIT = statement.look_up(HELD)"),
        ("        FAILED = True", "        FAILED = True\n        EXIT = statement.special(HELD, '__aexit__')"),
        ("    if not FAILED:", "    if not FAILED:\n        EXIT = statement.special(HELD, '__aexit__')"),
    ),
    "a synchronous manager is entered too": (("statement.look_up(", "statement.look_up_either("),),
    "an object without the methods is entered as if it had some": (("statement.look_up(", "statement.look_up_lax("),),
    "a missing method is another error": (("statement.look_up(", "statement.look_up_misnamed("),),
    "what a descriptor raises is told as a missing method": (("statement.look_up(", "statement.look_up_hiding("),),
    "the expression is evaluated twice": (("look_up(MANAGER)", "look_up((MANAGER, MANAGER)[1])"),),
    "an expression that raises is passed over": (
        (
            "ENTER, EXIT = statement.look_up(MANAGER)",
            "try:\n    HELD = MANAGER\nexcept Exception:\n    HELD = statement.Nothing()\nENTER, EXIT = statement.look_up(HELD)",
        ),
    ),
    "enter is called twice": (
        ("VALUE = await statement.call(ENTER)", "await statement.call(ENTER)\nVALUE = await statement.call(ENTER)"),
    ),
    "enter is not awaited": (("VALUE = await statement.call(ENTER)", "VALUE = ENTER()"),),
    "the manager is bound instead of what enter gives": (
        ("ENTER, EXIT = statement.look_up(MANAGER)", "HELD = MANAGER\nENTER, EXIT = statement.look_up(HELD)"),
        ("        TARGET = VALUE", "        TARGET = HELD"),
    ),
    "an enter that fails is exited": (
        (
            "VALUE = await statement.call(ENTER)",
            "try:\n    VALUE = await statement.call(ENTER)\nexcept:\n    await statement.call(EXIT, *statement.error())\n    raise",
        ),
    ),
    "an enter that fails is ignored": (
        (
            "VALUE = await statement.call(ENTER)",
            "try:\n    VALUE = await statement.call(ENTER)\nexcept Exception:\n    VALUE = None",
        ),
    ),
    "an enter that is cancelled is exited": (
        (
            "VALUE = await statement.call(ENTER)",
            "try:\n    VALUE = await statement.call(ENTER)\nexcept BaseException as error:\n"
            "    if not isinstance(error, Exception):\n        await statement.call(EXIT, *statement.error())\n    raise",
        ),
    ),
    "the body is outside when the target is bound": (
        ("FAILED = False", "FAILED = False\nTARGET = VALUE"),
        ("        TARGET = VALUE\n", ""),
    ),
    "the target is unbound afterwards": (("    ENTER = EXIT = None", "    ENTER = EXIT = None\n    TARGET = None"),),
    "exit is not called after a good body": (
        ("        await statement.call(EXIT, None, None, None)", "        pass"),
    ),
    "exit is not called after return, break and continue": (
        ("FAILED = False", "FAILED = True"),
        ("        BODY\n", "        BODY\n        FAILED = False\n"),
    ),
    "exit is not called for what is no Exception": (("    except:\n", "    except Exception:\n"),
        ("    if not FAILED:", "    if not FAILED and statement.error() == (None, None, None):")),
    "exit is called as after a good body for what is no Exception": (("    except:\n", "    except Exception:\n"),),
    "exit is not called when a generator is closed": (
        ("        if not await statement.call(EXIT, *", "        if isinstance(statement.error()[1], GeneratorExit) or not await statement.call(EXIT, *"),
    ),
    "exit is told nothing of a cancellation": (
        ("statement.error()", "statement.error_unless_cancelled()"),
    ),
    "exit is called as after a good body although it failed": (("*statement.error()", "None, None, None"),),
    "exit gets the error without its traceback": (("*statement.error()", "*statement.error()[:2], None"),),
    "exit gets an instance in place of the class": (("*statement.error()", "statement.error()[1], *statement.error()[1:]"),),
    "exit gets a class in place of the error": (("*statement.error()", "*statement.error()[:1] * 2, statement.error()[2]"),),
    "exit gets a copy of the error": (("*statement.error()", "*statement.error_copied()"),),
    "exit gets one None after a good body": (("(EXIT, None, None, None)", "(EXIT, None)"),),
    "exit gets zeros after a good body": (("(EXIT, None, None, None)", "(EXIT, 0, 0, 0)"),),
    "exit is called twice after a good body": (
        (
            "        await statement.call(EXIT, None, None, None)",
            "        await statement.call(EXIT, None, None, None)\n        await statement.call(EXIT, None, None, None)",
        ),
    ),
    "exit is called twice after an error": (
        ("        FAILED = True", "        FAILED = True\n        await statement.call(EXIT, *statement.error())"),
    ),
    "exit is called again with the error that it raised": (
        (
            "        await statement.call(EXIT, None, None, None)",
            "        try:\n            await statement.call(EXIT, None, None, None)\n        except:\n"
            "            if not await statement.call(EXIT, *statement.error()):\n                raise",
        ),
    ),
    "exit is called as after a good body when it has suppressed": (("        FAILED = True\n", ""),),
    "exit is not awaited": (("await statement.call(EXIT", "statement.call_only(EXIT"),),
    "exit need not be awaitable": (("await statement.call(EXIT", "await statement.call_lax(EXIT"),),
    "enter need not be awaitable": (("await statement.call(ENTER", "await statement.call_lax(ENTER"),),
    "the error is not being handled while exit runs": (
        (
            "    except:\n        FAILED = True\n        if not await statement.call(EXIT, *statement.error()):\n            raise\n",
            "    except BaseException as error:\n        FAILED = error\n    if FAILED and not await statement.call("
            "EXIT, type(FAILED), FAILED, FAILED.__traceback__):\n        raise FAILED\n",
        ),
    ),
    "nothing is suppressed": (("        if not await statement.call(EXIT, *statement.error()):\n            raise",
                               "        await statement.call(EXIT, *statement.error())\n        raise"),),
    "everything is suppressed": (("            raise\n", "            pass\n"),),
    "only True itself suppresses": (("if not await statement.call(EXIT", "if True is not await statement.call(EXIT"),),
    "anything but None suppresses": (("if not await statement.call(EXIT", "if None is await statement.call(EXIT"),),
    "what is no Exception cannot be suppressed": (
        ("        if not await statement.call(EXIT, *statement.error()):",
         "        if not await statement.call(EXIT, *statement.error()) or not isinstance(statement.error()[1], Exception):"),
    ),
    "the truth of exit is asked for after a good body": (
        ("        await statement.call(EXIT, None, None, None)", "        bool(await statement.call(EXIT, None, None, None))"),
    ),
    "the truth of exit is asked for twice": (
        ("        if not await statement.call(EXIT, *statement.error()):",
         "        VALUE = await statement.call(EXIT, *statement.error())\n        if not VALUE or not VALUE:"),
    ),
    "the body's error comes out wrapped": (("            raise\n", "            raise RuntimeError('wrapped') from statement.error()[1]\n"),),
    "the body's error comes out as another object": (("            raise\n", "            raise statement.error_copied()[1] from None\n"),),
    "the body's error loses its context": (("            raise\n", "            statement.error()[1].__context__ = None\n            raise\n"),),
    "an error of exit loses the body's error": (
        (
            "        if not await statement.call(EXIT, *statement.error()):",
            "        try:\n            VALUE = await statement.call(EXIT, *statement.error())\n        except BaseException as error:\n"
            "            error.__context__ = None\n            raise\n        if not VALUE:",
        ),
    ),
    "an error of exit has the body's error as cause": (
        (
            "        if not await statement.call(EXIT, *statement.error()):",
            "        FAILED = statement.error()[1]\n        try:\n            VALUE = await statement.call(EXIT, *statement.error())\n"
            "        except BaseException as error:\n            if error is not FAILED:\n                error.__cause__ = FAILED\n"
            "            raise\n        if not VALUE:",
        ),
    ),
    "an error of exit is dropped for the body's": (
        (
            "        if not await statement.call(EXIT, *statement.error()):",
            "        try:\n            VALUE = await statement.call(EXIT, *statement.error())\n        except Exception:\n"
            "            VALUE = False\n        if not VALUE:",
        ),
    ),
    "an error of exit is dropped after a good body": (
        (
            "        await statement.call(EXIT, None, None, None)",
            "        try:\n            await statement.call(EXIT, None, None, None)\n        except Exception:\n            pass",
        ),
    ),
    "a return value is lost": (("    ENTER = EXIT = None", "    ENTER = EXIT = None\n    if statement.error()[1] is None and LAST:\n        return"),),
    "the manager is kept alive": (
        ("ENTER, EXIT = statement.look_up(MANAGER)", "HELD = MANAGER\nstatement.kept.append(HELD)\nENTER, EXIT = statement.look_up(HELD)"),
    ),
    "what enter gives is kept alive": (("        VALUE = None\n", "        statement.kept.append(VALUE)\n"),),
    "the body's error is kept alive": (("        FAILED = True", "        FAILED = True\n        statement.kept.append(statement.error()[1])"),),
    "enter runs in a copy of the context": (("await statement.call(ENTER", "await statement.call_apart(ENTER"),),
    "exit runs in a copy of the context": (("await statement.call(EXIT", "await statement.call_apart(EXIT"),),
    "enter lets the loop run before": (("VALUE = await", "await statement.let_run()\nVALUE = await"),),
    "enter lets the loop run after": (("FAILED = False", "FAILED = False\nawait statement.let_run()"),),
    "exit lets the loop run before": (("        await statement.call(EXIT", "        await statement.let_run()\n        await statement.call(EXIT"),),
    "exit lets the loop run after": (("    ENTER = EXIT = None", "    ENTER = EXIT = None\n    await statement.let_run()"),),
}  # fmt: skip

# These do not change one line of one item, but what stands around it.
ITEM_FAULTS = (
    "several items are entered last first",
    "all expressions are evaluated before the first enter",
    "all targets are bound after the last enter",
    "several items are exited first first",
    "only the first of several items is exited",
)
for name in ITEM_FAULTS:
    STATEMENT_FAULTS[name] = ()

# And these are of the compiler, which leaves the statement as it is. The first is the control.
COMPILER_FAULTS = (
    "nothing is wrong",
    "nothing is refused",
    "everything is refused",
    "refusals say nothing",
    "the line of the statement is one too many",
    "the lines of the body are one too many",
    EXPANDED := "the statement is compiled to its expansion",  # which shows in bytecode, line numbers and tracebacks
)

MOST_ITEMS = 5  # more would be too many nested blocks for the compiler when expanded; such a statement stays as it is


def seed(fault: str) -> None:
    """From now on, compile chapters, and what they compile themselves, with `fault`."""
    compiler = builtins.compile

    def faulty_compile(source: Any, filename: Any, mode: str, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
        try:
            good = compiler(source, filename, mode, flags, *args, **kwargs)
            if fault == "everything is refused" and mode == "exec" and not flags & ast.PyCF_ONLY_AST:
                raise SyntaxError("invalid syntax", (str(filename), 1, 1, "", 1, 1))
        except SyntaxError as error:
            if fault == "nothing is refused":
                return compiler("pass", filename, mode, flags, *args, **kwargs)
            if fault == "refusals say nothing":
                error.msg = "no"
            raise
        if flags & ast.PyCF_ONLY_AST or mode != "exec" or isinstance(source, ast.AST):
            return good
        return compiler(expand(source, fault), filename, mode, flags, *args, **kwargs)

    def source_to_code(self: Any, data: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        return compiler(expand(data, fault), path, "exec", dont_inherit=True, optimize=-1)

    sys.dont_write_bytecode = True
    builtins.compile = faulty_compile
    importlib.machinery.SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign]
    builtins.statement = sys.modules[__name__]  # type: ignore[attr-defined] # what the expansions call


def expand(source: str | bytes, fault: str) -> ast.Module:
    """Return the syntax tree of `source` in which every `async with` is expanded with `fault`, or told at a wrong line."""
    tree = ast.parse(source)
    if fault == EXPANDED:
        fault = "control"
    if fault not in COMPILER_FAULTS:
        return ast.fix_missing_locations(_Expander(fault).visit(tree))
    if "one too many" in fault:
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncWith):
                _move_down(node, body=fault == "the lines of the body are one too many")
    return tree


def _move_down(node: ast.AsyncWith, *, body: bool) -> None:
    """Let the statement, or its body, seem to stand one line further down."""
    if body:
        for inner in node.body:
            ast.increment_lineno(inner)
    else:
        for item in node.items:
            ast.increment_lineno(item.context_expr)
        node.lineno += 1
        node.end_lineno = max(node.lineno, node.end_lineno or 0)


class _Expander(ast.NodeTransformer):
    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.template = EXPANSION
        for before, after in STATEMENT_FAULTS[fault]:
            if before not in self.template:
                msg = f"{fault!r}: the expansion has no {before!r}"
                raise ValueError(msg)
            self.template = self.template.replace(before, after)
        self.numbers = itertools.count()

    def visit_AsyncWith(self, node: ast.AsyncWith) -> Any:
        self.generic_visit(node)
        if len(node.items) > MOST_ITEMS:
            return node
        items, before = list(node.items), []
        several = len(items) > 1
        if several and self.fault == "several items are entered last first":
            items.reverse()
        if several and self.fault == "all expressions are evaluated before the first enter":
            names = [f"_held{next(self.numbers)}" for _ in items]
            before = [ast.parse(f"{name} = MANAGER").body[0] for name in names]
            for assignment, item, name in zip(before, items, names):
                assignment.value = item.context_expr  # type: ignore[attr-defined]
                item.context_expr = ast.Name(name, ast.Load())
        body: list[ast.stmt] = node.body
        if several and self.fault == "all targets are bound after the last enter":
            names = [f"_held{next(self.numbers)}" for _ in items]
            bindings: list[ast.stmt] = []
            for item, name in zip(items, names):
                if item.optional_vars is not None:
                    bindings.append(ast.Assign([item.optional_vars], ast.Name(name, ast.Load())))
                item.optional_vars = ast.Name(name, ast.Store())
            body = [*bindings, *body]
        marks = [f"_async_with_{next(self.numbers)}_" for _ in items]
        exits = list(marks)
        if several and self.fault == "several items are exited first first":
            exits.reverse()
        for number in reversed(range(len(items))):
            lost = several and number and self.fault == "only the first of several items is exited"
            body = self._expand(items[number], body, marks[number], exits[number], lost=bool(lost))
        expanded = [*before, *body]
        for each in expanded:
            for part in ast.walk(each):
                if isinstance(part, ast.stmt | ast.expr | ast.excepthandler) and not hasattr(part, "lineno"):
                    ast.copy_location(part, node)
        return expanded

    def _expand(self, item: ast.withitem, body: list[ast.stmt], mark: str, exit_: str, *, lost: bool) -> list[ast.stmt]:
        tree = ast.parse(self.template)
        for part in ast.walk(tree):
            for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
                if hasattr(part, name):
                    delattr(part, name)
        return _Filler(item, body, mark, exit_, lost=lost).visit(tree).body


class _Filler(ast.NodeTransformer):
    """Put what one item and its body are in the places of an expansion."""

    def __init__(self, item: ast.withitem, body: list[ast.stmt], mark: str, exit_: str, *, lost: bool) -> None:
        self.item = item
        self.body = body
        self.mark = mark
        self.exit = exit_
        self.lost = lost

    def visit_Assign(self, node: ast.Assign) -> Any:
        if isinstance(node.targets[0], ast.Name) and node.targets[0].id == "TARGET":
            if self.item.optional_vars is None:
                return ast.Pass()
            self.generic_visit(node)
            node.targets = [self.item.optional_vars]
            return node
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id == "BODY":
            return self.body
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id == "MANAGER":
            return self.item.context_expr
        if node.id == "LAST":
            return ast.Constant(any(isinstance(part, ast.Return) for each in self.body for part in ast.walk(each)))
        if node.id == "EXIT" and isinstance(node.ctx, ast.Load):
            return (
                ast.parse("statement.nothing", mode="eval").body
                if self.lost
                else ast.Name(self.exit + "EXIT", node.ctx)
            )
        if node.id.isupper() and node.id != "TARGET":
            return ast.Name(self.mark + node.id, node.ctx)
        return node


# What the expansions call

kept: list[object] = []


def look_up(manager: object) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return both methods as the interpreter finds them, or raise what it raises."""
    missing: list[str] = []
    found = {}
    for name in LOOKED_UP:
        try:
            found[name] = special(manager, name)
        except LookupError:
            missing.append(name)
            break
    if missing:
        _refuse(manager)
    return found["__aenter__"], found["__aexit__"]


LOOKED_UP = ("__aenter__", "__aexit__") if sys.version_info < (3, 14) else ("__aexit__", "__aenter__")


def special(manager: object, name: str) -> Any:
    """Return the method `name` as the interpreter finds it: on the type, bound by the descriptor protocol alone."""
    kind = type(manager)
    for base in type.__dict__["__mro__"].__get__(kind):
        names = type.__dict__["__dict__"].__get__(base)
        if name in names:
            found = names[name]
            get = next((vars(each)["__get__"] for each in type(found).__mro__ if "__get__" in vars(each)), None)
            return found if get is None else get(found, manager, kind)
    raise LookupError(name)


def _refuse(manager: object) -> None:
    async def enter() -> None:
        async with manager:  # type: ignore[attr-defined]
            pass

    coroutine = enter()
    try:
        coroutine.send(None)
    finally:
        coroutine.close()


def look_up_on_instance(manager: Any) -> Any:
    """Look both methods up as attributes."""
    return manager.__aenter__, manager.__aexit__


def look_up_on_class(manager: Any) -> Any:
    """Look both methods up as attributes of the class, as contextlib does before 3.15."""
    enter, exit_ = type(manager).__aenter__, type(manager).__aexit__
    return (lambda: enter(manager)), (lambda *error: exit_(manager, *error))


def look_up_either(manager: Any) -> Any:
    """Take the synchronous methods where the others are missing."""
    if hasattr(type(manager), "__enter__") and not hasattr(type(manager), "__aenter__"):

        async def enter() -> Any:
            return manager.__enter__()

        async def exit_(*error: Any) -> Any:
            return manager.__exit__(*error)

        return enter, exit_
    return look_up(manager)


async def nothing(*_: object) -> Any:
    """Do nothing, in place of an exit."""


class Nothing:
    """A manager in place of one that could not be made."""

    __aenter__ = nothing
    __aexit__ = nothing


def look_up_lax(manager: Any) -> Any:
    """Find something in every object."""
    try:
        return look_up(manager)
    except (AttributeError, TypeError):
        return nothing, nothing


def look_up_misnamed(manager: Any) -> Any:
    """Raise another error where something is missing."""
    try:
        return look_up(manager)
    except (AttributeError, TypeError):
        raise RuntimeError("this is not a manager") from None


def look_up_hiding(manager: Any) -> Any:
    """Take the error of a descriptor for a missing method."""
    try:
        return special(manager, "__aenter__"), special(manager, "__aexit__")
    except LookupError:
        return look_up(manager)
    except Exception:
        raise TypeError("this is not a manager") from None


def error() -> tuple[Any, Any, Any]:
    """Return what an exit is given now."""
    return sys.exc_info()


def error_unless_cancelled() -> tuple[Any, Any, Any]:
    """Return what an exit is given now, and nothing in a cancellation."""
    found = sys.exc_info()
    return (None, None, None) if found[0].__name__ in ("CancelledError", "Cancelled") else found  # type: ignore[union-attr]


def error_copied() -> tuple[Any, Any, Any]:
    """Return what an exit is given now, with an equal error in place of the very one."""
    kind, value, traceback = error()
    other = kind.__new__(kind, *value.args)
    other.args = value.args
    return kind, other.with_traceback(traceback), traceback


def call(method: Callable[..., Any], *args: object) -> Any:
    """Return what `method` gives, if it can be awaited."""
    result = method(*args)
    kind = type(result)
    iterable = isinstance(result, types.GeneratorType) and result.gi_code.co_flags & 0x100
    if not hasattr(kind, "__await__") and not iterable:
        name = "__aexit__" if args else "__aenter__"
        given = f" from {name}"
        raise TypeError(f"'async with' received an object{given} that does not implement __await__: {kind.__name__}")
    return result


def call_only(method: Callable[..., Any], *args: object) -> Any:
    """Call and do not await; as `async with` in the hands of `with`."""
    result = call(method, *args)
    getattr(result, "close", lambda: None)()
    return result


def call_lax(method: Callable[..., Any], *args: object) -> Any:
    """Return what `method` gives to be awaited, whatever it is."""
    result = method(*args)

    async def itself() -> Any:
        return result

    return result if hasattr(type(result), "__await__") else itself()


@types.coroutine
def call_apart(method: Callable[..., Any], *args: object) -> Generator[Any, Any, Any]:
    """Call and await in a copy of the context."""
    context = contextvars.copy_context()
    coroutine = context.run(lambda: call(method, *args).__await__())
    step, given = (lambda value: coroutine.send(value)), None
    while True:
        try:
            wanted = context.run(step, given)
        except StopIteration as end:
            return end.value
        try:
            given = yield wanted
            step = lambda value: coroutine.send(value)  # noqa: E731
        except BaseException as thrown:
            step, given = (lambda value: coroutine.throw(value)), thrown


async def let_run() -> None:
    """Let the loop run; without a loop, do nothing."""
    from anyio.lowlevel import checkpoint  # noqa: PLC0415

    waiting: Awaitable[None] = checkpoint()
    await waiting
