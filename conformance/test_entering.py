"""Entering: what an `async with` statement evaluates, awaits and binds, in which order, and where it may be written.

How the two methods are found is the chapter after this one, looking up.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import types
import weakref
from collections.abc import Generator
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Logged, Trace, any_order, by_version, chain, clause

ASYNC_WITH = "reference/compound_stmts.html#async-with"
ASSIGNMENT = "reference/simple_stmts.html#assignment-statements"


class Ticket:
    """An awaitable, but no coroutine: lets the loop run once, writes that it was awaited, and gives a value."""

    def __init__(self, trace: Trace, name: str, value: object) -> None:
        self.trace, self.name, self.value = trace, name, value

    def __await__(self) -> Generator[object, object, object]:
        yield from checkpoint().__await__()
        self.trace("awaited", self.name)
        return self.value

    def __repr__(self) -> str:
        return f"ticket {self.name}"


def compiled(source: str, flags: int = 0) -> str:
    """Tell what the compiler says to `source`: `accepted`, or the message of the SyntaxError."""
    try:
        compile(source, "<clause>", "exec", flags=flags)
    except SyntaxError as error:
        return f"SyntaxError: {error.msg}"
    return "accepted"


@clause(
    "PROT-01",
    source=ASYNC_WITH,
    expect=["evaluate", any_order("look up enter", "look up exit"), "enter", "bind", "body", "exit", "after"],
)
async def order_of_the_statement(trace: Trace) -> None:
    """The context expression is evaluated once, then each method is looked up once, then enter is awaited, the target
    bound, the body run and exit awaited.
    """

    class Method:
        def __init__(self, name: str) -> None:
            self.name = name

        def __get__(self, manager: object, kind: type) -> Any:
            trace("look up", self.name)
            return self.method

        async def method(self, *args: object) -> None:
            await checkpoint()
            trace(self.name)

    class Manager:
        __aenter__ = Method("enter")
        __aexit__ = Method("exit")

    class Target:
        def __setattr__(self, name: str, value: object) -> None:
            trace("bind")

    def expression() -> Manager:
        trace("evaluate")
        return Manager()

    async with expression() as Target().attribute:
        trace("body")
    trace("after")


@clause("PROT-60", source=ASYNC_WITH, expect=["connect", "enter m", "body 5", "exit m"])
async def the_context_expression_may_await(trace: Trace) -> None:
    """The context expression may itself await: its result, not the coroutine, is the manager."""

    async def connect() -> Logged:
        await checkpoint()
        trace("connect")
        return Logged(trace, "m", gives=5, suspends=1)

    async with await connect() as value:
        trace("body", value)


@clause("PROT-30", source="PEP 572", expect=["enter m", "body 5 True", "exit m"])
async def the_manager_can_be_named_by_the_walrus(trace: Trace) -> None:
    """`async with (m := …) as v` binds `m` to the manager and `v` to what enter gives."""
    made = Logged(trace, "m", gives=5)
    async with (manager := made) as value:
        trace("body", value, manager is made)


@clause("PROT-04", source=ASYNC_WITH, expect=["enter m", "body 5", "exit m"])
async def the_target_is_what_enter_gives(trace: Trace) -> None:
    """`as` binds the result of awaiting enter: neither the coroutine nor, unless enter says so, the manager."""
    async with Logged(trace, "m", gives=5, suspends=2) as value:
        trace("body", value)


@clause(
    "PROT-05",
    source=ASYNC_WITH,
    expect=["enter m", "body None", "exit m", "enter m", "body []", "exit m", "enter m", "body 5", "exit m"],
)
async def an_empty_result_is_bound_as_it_is(trace: Trace) -> None:
    """What enter gives is bound even if it is `None` or false; without `as` it is thrown away and binds nothing."""
    bound: list[object] = [5]
    async with Logged(trace, "m", gives=None) as bound[0]:
        trace("body", *bound)
    async with Logged(trace, "m", gives=[]) as bound[0]:
        trace("body", *bound)
    bound = [5]
    async with Logged(trace, "m", gives="lost"):
        trace("body", *bound)


@clause("PROT-61", source=ASYNC_WITH, expect=["enter a", "body", "exit a"])
async def exit_is_called_on_the_manager(trace: Trace) -> None:
    """What enter gives need not be the manager, and is never exited in its place."""
    async with Logged(trace, "a", gives=Logged(trace, "b")):
        trace("body")


@clause(
    "PROT-20", source="reference/datamodel.html#object.__aenter__", expect=["awaited enter", "body 5", "awaited exit"]
)
async def enter_and_exit_may_return_any_awaitable(trace: Trace) -> None:
    """Enter and exit need not be coroutine functions: an object with `__await__` will do, and so will a generator that
    is marked as a coroutine.
    """

    @types.coroutine
    def leave() -> Generator[object, object, bool]:
        yield from checkpoint().__await__()
        trace("awaited exit")
        return True

    class Manager:
        def __aenter__(self) -> Ticket:
            return Ticket(trace, "enter", 5)

        def __aexit__(self, *exc: object) -> Any:
            return leave()

    async with Manager() as value:
        trace("body", value)
        raise ValueError  # suppressed: what the generator returned is the result of exit


@clause(
    "PROT-62",
    source="library/asyncio-future.html#asyncio.Future; library/asyncio-task.html#asyncio.Task",
    on="asyncio",
    expect=["body 5", "exit in a task with ValueError('body')"],
)
async def enter_and_exit_may_return_futures(trace: Trace) -> None:
    """A future is a good result of enter, a task a good result of exit: each is waited for and its result taken."""

    async def leave(error: BaseException | None) -> bool:
        await checkpoint()
        trace("exit in a task with", error)
        return True

    class Manager:
        def __aenter__(self) -> asyncio.Future[int]:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[int] = loop.create_future()
            loop.call_soon(future.set_result, 5)
            return future

        def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> asyncio.Task[bool]:
            return asyncio.ensure_future(leave(error))

    async with Manager() as value:
        trace("body", value)
        raise ValueError("body")


@clause("PROT-63", source=ASYNC_WITH, expect=["enter m", "body ticket inner", "exit m"])
async def only_one_await_is_made_for_enter(trace: Trace) -> None:
    """If what enter gives is awaitable in its turn, it is bound as it is and not awaited."""
    async with Logged(trace, "m", gives=Ticket(trace, "inner", 5)) as value:
        trace("body", value)


@clause("PROT-07", source=ASYNC_WITH, expect=["enter m", "evaluate the target", "body {'k': 5}", "exit m"])
async def the_target_is_evaluated_after_enter(trace: Trace) -> None:
    """The parts of a target (here a subscript) are evaluated only when enter has finished."""
    found: dict[str, object] = {}

    def key() -> str:
        trace("evaluate the target")
        return "k"

    async with Logged(trace, "m", gives=5, suspends=1) as found[key()]:
        trace("body", found)


@clause("PROT-64", source=ASSIGNMENT, expect=["enter m", "set a 1", "set b [2, 3]", "set c 4", "body", "exit m"])
async def the_target_may_be_unpacked(trace: Trace) -> None:
    """The target may be nested and starred like that of any assignment, and is bound from left to right."""

    class Target:
        def __setattr__(self, name: str, value: object) -> None:
            trace("set", name, value)

    target = Target()
    async with Logged(trace, "m", gives=(1, (2, 3, 4)), suspends=1) as (target.a, [*target.b, target.c]):  # type: ignore[misc]
        trace("body")


@clause(
    "PROT-06",
    source="reference/compound_stmts.html#with",
    expect=[
        "enter m",
        "exit m with OSError('target')",
        "caught True",
        "enter m",
        "exit m with OSError('target')",
        "after",
    ],
)
async def a_target_that_fails_is_exited(trace: Trace) -> None:
    """Binding the target is protected already: if it fails, the body is skipped and exit receives the exception, which
    it may suppress.
    """
    error = OSError("target")

    class Target:
        def __setattr__(self, name: str, value: object) -> None:
            raise error

    try:
        async with Logged(trace, "m", suspends=1) as Target().attribute:
            trace("body")
    except OSError as caught:
        trace("caught", caught is error)
    async with Logged(trace, "m", suspends=1, suppress=True) as Target().attribute:
        trace("body")
    trace("after")


@clause(
    "PROT-65",
    source="reference/compound_stmts.html#with",
    expect=["enter m", "set a 1", "exit m with TypeError", "a 1"],
)
async def a_target_may_be_bound_in_part(trace: Trace) -> None:
    """When a target fails half way, what it has bound until then stays bound, and exit receives the exception."""

    class Half(Logged):
        async def __aexit__(self, kind: type | None, error: BaseException | None, traceback: object) -> bool:
            trace("exit m with", kind)
            return True

    class Target:
        def __setattr__(self, name: str, value: object) -> None:
            trace("set", name, value)
            super().__setattr__(name, value)

    target = Target()
    async with Half(trace, "m", gives=(1, None)) as (target.a, (target.b, target.c)):  # type: ignore[misc]
        trace("body")
    trace(*vars(target), *vars(target).values())


@clause("PROT-08", source=ASYNC_WITH, expect=["enter m", "caught True OSError('enter')"])
async def enter_that_fails_is_not_exited(trace: Trace) -> None:
    """If enter raises, neither the body nor exit runs (so exit cannot suppress), and the exception passes unchanged."""
    error = OSError("enter")
    try:
        async with Logged(trace, "m", fails_enter=error, suppress=True, suspends=1):
            trace("body")
    except OSError as caught:
        trace("caught", caught is error, chain(caught))


@clause("PROT-66", source=ASYNC_WITH, expect=["enter m", "value before", "target not evaluated"])
async def enter_that_fails_binds_nothing(trace: Trace) -> None:
    """If enter raises, the target keeps the value that it had, and its parts are not even evaluated."""
    evaluated = "target not evaluated"
    values: dict[str, object] = {"v": "before"}

    def key() -> str:
        nonlocal evaluated
        evaluated = "target evaluated"
        return "v"

    try:
        async with Logged(trace, "m", gives="after", fails_enter=OSError(), suspends=1) as values[key()]:
            pass
    except OSError:
        trace("value", values["v"])
        trace(evaluated)


@clause("PROT-67", source=ASYNC_WITH, expect=["caught ZeroDivisionError", "value before"])
async def an_expression_that_fails_enters_nothing(trace: Trace) -> None:
    """If the context expression raises, nothing is entered, bound or exited."""
    value: object = "before"
    try:
        async with Logged(trace, "m", gives=1 // 0) as value:
            trace("body")
    except ZeroDivisionError as error:
        trace("caught", type(error))
    trace("value", value)


@clause("PROT-21", source=ASYNC_WITH, expect=["enter m", "enter m", "body", "exit m", "exit m"])
async def one_manager_may_be_entered_twice(trace: Trace) -> None:
    """The statement does not mind that a manager is active already: that is for its class to allow or to forbid."""
    manager = Logged(trace, "m", suspends=1)
    async with manager, manager:
        trace("body")


@clause("PROT-68", source=ASYNC_WITH, expect=["alive in the body: True", "exit", "alive after: False"])
async def the_statement_keeps_the_manager_alive(trace: Trace) -> None:
    """A manager that nobody else refers to lives until its exit was awaited, and the statement keeps it no longer."""

    class Manager:
        async def __aenter__(self) -> weakref.ref[Manager]:
            return weakref.ref(self)

        async def __aexit__(self, *exc: object) -> None:
            await checkpoint()
            gc.collect()
            trace("exit" if alive() is self else "exit of a stranger")

    async with Manager() as alive:
        await checkpoint()
        gc.collect()
        trace("alive in the body:", alive() is not None)
    gc.collect()
    trace("alive after:", alive() is not None)


@clause(
    "PROT-19",
    source="PEP 492; reference/expressions.html#await",
    expect=["suspended in enter", "suspended in body", "suspended in exit", "finished", "no suspension, finished"],
)
def the_statement_adds_no_suspension(trace: Trace) -> None:
    """The statement suspends exactly where enter, the body and exit do, and nowhere else."""

    @types.coroutine
    def tick(place: str) -> Generator[str, None, None]:
        yield place

    class Manager:
        async def __aenter__(self) -> None:
            await tick("suspended in enter")

        async def __aexit__(self, *exc: object) -> None:
            await tick("suspended in exit")

    async def suspends() -> None:
        async with Manager():
            await tick("suspended in body")

    async def runs_through() -> None:
        async with Logged(Trace(), "m"):
            pass

    coroutine = suspends()
    try:
        while True:
            trace(coroutine.send(None))
    except StopIteration:
        trace("finished")
    try:
        runs_through().send(None)
    except StopIteration:
        trace("no suspension, finished")


@clause("PROT-69", source="PEP 492", expect=["enter m", "body", "exit m", "after", "the other task"])
async def a_manager_that_never_suspends_gives_no_turn(trace: Trace) -> None:
    """While a manager is entered and left without a suspension, no other task runs, however ready it is."""
    ready = anyio.Event()

    async def other() -> None:
        await ready.wait()
        trace("the other task")

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        ready.set()
        async with Logged(trace, "m"):
            trace("body")
        trace("after")


@clause(
    "PROT-70",
    source="PEP 492",
    expect=["enter m waits", "the other task", "enter m", "body", "exit m waits", "the other task", "exit m", "after"],
)
async def a_manager_that_suspends_gives_a_turn(trace: Trace) -> None:
    """While enter or exit wait, other tasks run; the statement goes on once the awaited thing has happened."""

    async def other(done: anyio.Event) -> None:
        await checkpoint()
        trace("the other task")
        done.set()

    async def wait(place: str) -> None:
        trace(place, "waits")
        done = anyio.Event()
        group.start_soon(other, done)
        await done.wait()
        trace(place)

    class Manager:
        async def __aenter__(self) -> None:
            await wait("enter m")

        async def __aexit__(self, *exc: object) -> None:
            await wait("exit m")

    async with anyio.create_task_group() as group:
        async with Manager():
            trace("body")
        trace("after")


OUTSIDE = "SyntaxError: 'async with' outside async function"


@clause(
    "PROT-22",
    source=f"{ASYNC_WITH}; bpo-33363",
    expect=[
        f"module {OUTSIDE}",
        f"function {OUTSIDE}",
        f"class {OUTSIDE}",
        f"inner function {OUTSIDE}",
        "coroutine accepted",
    ],
)
def only_coroutine_functions_may_say_async_with(trace: Trace) -> None:
    """`async with` is a syntax error outside the body of an `async def`: in a module, in a plain function, and in a
    class or a plain function that stands inside an `async def`.
    """
    trace("module", compiled("async with m: pass"))
    trace("function", compiled("def f():\n  async with m: pass"))
    trace("class", compiled("async def f():\n  class C:\n    async with m: pass"))
    trace("inner function", compiled("async def f():\n  def g():\n    async with m: pass"))
    trace("coroutine", compiled("async def f():\n  async with m: pass"))


@clause(
    "PROT-23",
    source="library/ast.html#ast.PyCF_ALLOW_TOP_LEVEL_AWAIT; bpo-34616",
    expect=["is a coroutine: True", "enter m", "body", "exit m", "is a coroutine: False"],
)
async def a_console_may_say_async_with_at_the_top(trace: Trace) -> None:
    """With `ast.PyCF_ALLOW_TOP_LEVEL_AWAIT` a module may contain `async with`; its code is a coroutine."""
    names = {"m": Logged(trace, "m", suspends=1), "trace": trace}
    code = compile("async with m: trace('body')", "<clause>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    trace("is a coroutine:", bool(code.co_flags & inspect.CO_COROUTINE))
    await eval(code, names)
    plain = compile("pass", "<clause>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    trace("is a coroutine:", bool(plain.co_flags & inspect.CO_COROUTINE))


@clause("PROT-24", source="PEP 806", expect=["SyntaxError: invalid syntax", "SyntaxError: invalid syntax"])
def one_statement_is_asynchronous_as_a_whole(trace: Trace) -> None:
    """`async` stands before `with` and speaks for every item: no item can be made asynchronous on its own."""
    trace(compiled("async def f():\n  with async m: pass"))
    trace(compiled("async def f():\n  with m, async n: pass"))


@clause(
    "PROT-25",
    source="reference/expressions.html#asynchronous-generator-functions",
    expect=["yield accepted", "yield from SyntaxError: 'yield from' inside async function"],
)
def a_generator_may_yield_inside(trace: Trace) -> None:
    """An asynchronous generator may `yield` inside `async with`, but not `yield from`."""
    trace("yield", compiled("async def f():\n  async with m: yield"))
    trace("yield from", compiled("async def f():\n  async with m: yield from n"))


@clause(
    "PROT-34",
    source=ASYNC_WITH,
    expect=[
        "bare",
        by_version(
            {"3.10": "SyntaxError: invalid syntax", "3.15": "SyntaxError: the last 'with' item has a trailing comma"}
        ),
        "in parentheses",
        "accepted",
    ],
)
def a_trailing_comma_needs_parentheses(trace: Trace) -> None:
    """A trailing comma after the items is a syntax error unless parentheses are around them."""
    trace("bare")
    trace(compiled("async def f():\n  async with m, : pass"))
    trace("in parentheses")
    trace(compiled("async def f():\n  async with (m, n as v,): pass"))


@clause(
    "PROT-71",
    source=ASSIGNMENT,
    expect=[
        "literal SyntaxError: cannot assign to literal",
        "call SyntaxError: cannot assign to function call",
        "await SyntaxError: cannot assign to await expression",
        "subscript of a call accepted",
    ],
)
def the_target_must_be_assignable(trace: Trace) -> None:
    """What stands after `as` must be something that can be assigned to."""
    trace("literal", compiled("async def f():\n  async with m as 5: pass"))
    trace("call", compiled("async def f():\n  async with m as f(): pass"))
    trace("await", compiled("async def f():\n  async with m as await n: pass"))
    trace("subscript of a call", compiled("async def f():\n  async with m as f()[0]: pass"))
