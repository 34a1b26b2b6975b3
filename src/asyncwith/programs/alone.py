"""A counterexample as a short Python file that runs alone, to be shown to those whose loop, library or Python it is about."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from pathlib import Path

from asyncwith import trace
from asyncwith.libraries import Library
from asyncwith.loops import Loop
from asyncwith.programs.interpreter import LIBRARY_NAMES, STACK_METHODS
from asyncwith.programs.language import ERRORS, Injection, Program
from asyncwith.programs.render import source

__all__ = ["alone"]


def alone(program: Program, loop: Loop | None, library: Library, expected: Sequence[str], *, spec: str = "") -> str:
    """Return a Python file that runs `program` and exits with 1 if the trace is not as `expected`.

    It needs nothing of this package where `loop` is built in (None: the program is driven by hand); `spec` is how to find
    another one.
    """
    text = source(program)
    for method in STACK_METHODS:
        own = library.called(f"AsyncExitStack.{method}") or method
        text = text.replace(f".{method}(", f".{own.rpartition('.')[2]}(")
    hit = HITS[program.injection.kind].format(error=program.injection.error)
    start = "main()" if loop is None else STARTS.get(loop.id) or FOREIGN.format(spec or loop.id)
    return FILE.format(
        where=f"{loop.id if loop else 'no loop'}, {library.id}, Python {sys.version.partition(' ')[0]}",
        imports="\n".join([*(BY_HAND_IMPORTS if loop is None else LOOP_IMPORTS), *_library(library, text)]),
        expected="\n".join(expected),
        errors="".join(
            f'    "{name}": {kind}("{name}"),\n' for name, kind in ERRORS.items() if f'errors["{name}"]' in text + hit
        ),
        longest=trace.LONGEST_CHAIN,
        chain="\n\n".join(inspect.getsource(each) for each in (trace.chain, trace._chain)),  # noqa: SLF001 - our own
        driver=(BY_HAND if loop is None else IN_LOOP).format(number=_number(program.injection), hit=hit),
        program=text,
        start=start,
    )


def _number(injection: Injection) -> int:
    """Return the number, counted from 1, of the await in which something is injected; 0 if nothing is."""
    return 0 if injection.kind == "nothing" else injection.at + 1


def _library(library: Library, text: str) -> list[str]:
    names = {name: library.called(name) for name in LIBRARY_NAMES if name in text}
    if not library.target.endswith(".py"):
        return [f"from {library.target} import {own} as {name}" for name, own in names.items()]
    load = ["import runpy", "", f"library = runpy.run_path({str(Path(library.target).resolve())!r})"] if names else []
    return [*load, *(f'{name} = library["{own}"]' for name, own in names.items())]


HITS = {
    "nothing": "pass",
    "edge": "asyncio.current_task().cancel()",
    "level": "scope.cancel()",
    "throw": 'running.throw(errors["{error}"])',
    "close": 'closing = True\n        running.close()\n        log("closed")\n        return',
}
STARTS = {
    "asyncio": "anyio.run(main)",
    "uvloop": 'anyio.run(main, backend_options={"use_uvloop": True})',
    "trio": 'anyio.run(main, backend="trio")',
}
FOREIGN = "from asyncwith.loops import find_loop\n\nfind_loop({!r}).run(main)"
LOOP_IMPORTS = (
    "import asyncio",
    "",
    "import anyio",
    "from anyio import CancelScope, create_task_group, fail_after, move_on_after",
    "from anyio.lowlevel import checkpoint",
)
BY_HAND_IMPORTS = ("import types",)

FILE = '''\
"""A program that does not do what the rules of the language say: seen on {where}."""
import contextvars
import math
import sys
{imports}

EXPECTED = """\\
{expected}
"""
errors = {{
{errors}}}
variable = contextvars.ContextVar("variable", default=0)
trace = []
awaits = 0


{program}

def log(*words):
    print(*words)
    trace.append(" ".join(map(str, words)))


{driver}

def describe(error):
    if type(error).__name__ in ("Cancelled", "CancelledError"):
        return "Cancelled"
    return f"{{type(error).__name__}}({{', '.join(map(repr, error.args))}})" if error else "None"


LONGEST_CHAIN = {longest}


{chain}

{start}
sys.exit(trace != EXPECTED.splitlines() and "expected was:\\n" + EXPECTED)
'''

IN_LOOP = """\
async def pause():
    global awaits
    awaits += 1
    if awaits == {number}:
        {hit}
    await checkpoint()


async def main():
    global scope
    with CancelScope() as scope:
        try:
            log("returned", await program())
        except BaseException as error:
            log("raised", chain(error))
"""

BY_HAND = """\
closing = False


@types.coroutine
def pause():
    global awaits
    if not closing:
        awaits += 1
        yield


def main():
    global closing
    running = program()
    try:
        while awaits != {number}:
            running.send(None)
        {hit}
        while True:
            running.send(None)
    except StopIteration as stop:
        log("returned", stop.value)
    except BaseException as error:
        log("raised", chain(error))
"""
