"""Decorators: managers that wrap every call of a function, through `AsyncContextDecorator` and `ContextDecorator`."""

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Names, Trace, by_version, chain, clause

ASYNC_DECORATOR = "library/contextlib.html#contextlib.AsyncContextDecorator"
DECORATOR = "library/contextlib.html#contextlib.ContextDecorator"
TESTS = "Lib/test/test_contextlib_async.py"


def decorator(trace: Trace, library: Names, *, suppress: bool = False) -> Any:
    """Return a new decorator that traces `enter` and `exit`, or `exit with <exception>`."""

    class Decorator(library.AsyncContextDecorator):
        async def __aenter__(self) -> None:
            await checkpoint()
            trace("enter")

        async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
            await checkpoint()
            trace("exit", *(() if error is None else ("with", chain(error))))
            return suppress

    return Decorator()


@clause(
    "DEC-01",
    source=f"{ASYNC_DECORATOR}; library/functools.html#functools.wraps",
    expect=[
        "name: function",
        "doc: Of the function.",
        "attribute: kept",
        "__wrapped__ is the function: True",
        "coroutine function: True",
        "called",
        "enter",
        "body 1 (2,) {'self': 3}",
        "exit",
        "result given",
        "enter",
        "body 1 () {'func': 4}",
        "exit",
        "result given",
    ],
)
async def each_call_is_wrapped(trace: Trace, library: Names) -> None:
    """Each awaited call of a decorated coroutine function runs inside the manager; arguments, result and metadata are
    kept.
    """

    async def function(first: int, /, *args: int, **kwargs: int) -> str:
        """Of the function."""
        await checkpoint()
        trace("body", first, args, kwargs)
        return "given"

    function.attribute = "kept"
    decorated = decorator(trace, library)(function)
    trace("name:", decorated.__name__)
    trace("doc:", decorated.__doc__)
    trace("attribute:", decorated.attribute)
    trace("__wrapped__ is the function:", decorated.__wrapped__ is function)
    trace("coroutine function:", inspect.iscoroutinefunction(decorated))
    call = decorated(1, 2, self=3)
    trace("called")
    trace("result", await call)
    trace("result", await decorated(1, func=4))


@clause("DEC-02", source=ASYNC_DECORATOR, expect=["enter", "exit with ValueError('v')", "result None"])
async def suppressed_error(trace: Trace, library: Names) -> None:
    """A call whose error the manager suppresses returns None."""

    @decorator(trace, library, suppress=True)
    async def function() -> str:
        await checkpoint()
        raise ValueError("v")

    trace("result", await function())


@clause(
    "DEC-03",
    source="Lib/contextlib.py",
    level="should",
    expect=["enter", "enter", "enter", "exit", "exit", "exit", "used: 1", "used at once: 5"],
)
async def one_manager_for_all_calls(trace: Trace, library: Names) -> None:
    """All calls of a decorated function share the one manager, also those that are nested or run at the same time."""

    class Decorator(library.AsyncContextDecorator):
        async def __aenter__(self) -> None:
            used.add(self)
            trace("enter")

        async def __aexit__(self, *details: object) -> None:
            trace("exit")

    async def recurse(depth: int) -> None:
        await checkpoint()
        if depth:
            await recursive(depth - 1)

    async def meet() -> None:
        nonlocal met
        met += 1
        if met == 5:
            all_met.set()
        await all_met.wait()

    used: set[object] = set()
    recursive = Decorator()(recurse)
    await recursive(2)
    trace("used:", len(used))
    met, all_met = 0, anyio.Event()
    meeting = decorator(Trace(), library)(meet)
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(meeting)
    trace("used at once:", met)


@clause(
    "DEC-04",
    source=TESTS,
    expect=["enter (1,) {'b': 2}", "body a", "exit", "enter (1,) {'b': 2}", "body b", "exit"],
)
async def generator_started_for_each_call(trace: Trace, library: Names) -> None:
    """A generator-based manager used as a decorator starts its generator anew for each call, with the arguments it was
    made with.
    """

    @library.asynccontextmanager
    async def manager(*args: int, **kwargs: int) -> AsyncIterator[None]:
        await checkpoint()
        trace("enter", args, kwargs)
        yield
        trace("exit")

    @manager(1, b=2)
    async def function(text: str) -> None:
        await checkpoint()
        trace("body", text)

    await function("a")
    await function("b")


@clause("DEC-05", source="Lib/contextlib.py", level="informational", expect=["body", "AttributeError"])
async def manager_entered_by_hand(trace: Trace, library: Names) -> None:
    """Once a generator-based manager was entered by hand, the functions that it decorates can no longer be called."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        yield

    async def function() -> None:
        trace("function")

    made = manager()
    decorated = made(function)
    async with made:
        trace("body")
    try:
        await decorated()
    except AttributeError as error:
        trace(type(error))


@clause(
    "DEC-06",
    source=TESTS,
    expect=["enter", "level 2", "enter", "level 1", "enter", "level 0", "exit", "exit", "exit"],
)
async def recursive_function(trace: Trace, library: Names) -> None:
    """A recursive function decorated with a generator-based manager holds one manager per level."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        trace("enter")
        yield
        trace("exit")

    @manager()
    async def recurse(level: int) -> None:
        await checkpoint()
        trace("level", level)
        if level:
            await recurse(level - 1)

    await recurse(2)


@clause(
    "DEC-07",
    source=TESTS,
    expect=[
        "enter",
        "method of instance 1",
        "exit",
        "enter",
        "class method of Owner 2",
        "exit",
        "enter",
        "static method 3",
        "exit",
    ],
)
async def decorated_methods(trace: Trace, library: Names) -> None:
    """Decorated methods get their instance or class, under `classmethod` and `staticmethod` too."""

    class Owner:
        name = "instance"

        @decorator(trace, library)
        async def method(self, number: int) -> None:
            trace("method of", self.name, number)

        @classmethod
        @decorator(trace, library)
        async def class_method(cls, number: int) -> None:
            trace("class method of", cls, number)

        @staticmethod
        @decorator(trace, library)
        async def static_method(number: int) -> None:
            trace("static method", number)

    await Owner().method(1)
    await Owner.class_method(2)
    await Owner.static_method(3)


@clause(
    "DEC-08",
    source="gh-125862",
    expect=[
        "enter",
        "body",
        by_version(
            {
                "3.10": ["exit with TypeError(\"object int can't be used in 'await' expression\")", "TypeError"],
                "3.14": ["exit with TypeError(\"'int' object can't be awaited\")", "TypeError"],
                "3.15": ["exit", "result 5"],
            }
        ),
    ],
)
async def plain_function(trace: Trace, library: Names) -> None:
    """Awaiting a decorated plain function gives its result since 3.15; before, the missing awaitable is a TypeError
    inside.
    """

    @decorator(trace, library)
    def function() -> int:
        trace("body")
        return 5

    try:
        trace("result", await function())
    except TypeError as error:
        trace(type(error))


@clause(
    "DEC-10",
    source="library/inspect.html#inspect.iscoroutinefunction",
    expect=["enter", "body 1 2", "exit", "result 3"],
)
async def partial_function(trace: Trace, library: Names) -> None:
    """A `functools.partial` of a coroutine function is awaited inside the manager like the function itself."""

    async def function(first: int, second: int) -> int:
        await checkpoint()
        trace("body", first, second)
        return first + second

    trace("result", await decorator(trace, library)(functools.partial(function, 1))(2))


@clause(
    "DEC-11",
    source=f"gh-125862; {TESTS}",
    versions=">=3.15",
    expect=["asynchronous generator function: True", "called", "enter", "item 1 2", "item 2 2", "end", "exit"],
)
async def asynchronous_generator_function(trace: Trace, library: Names) -> None:
    """A decorated asynchronous generator function keeps the manager open while it is iterated over."""

    @decorator(trace, library)
    async def generate(first: int, *, of: int) -> AsyncIterator[str]:
        for number in range(first, of + 1):
            await checkpoint()
            yield f"{number} {of}"
        trace("end")

    trace("asynchronous generator function:", inspect.isasyncgenfunction(generate))
    generator = generate(1, of=2)
    trace("called")
    async for item in generator:
        trace("item", item)


@clause(
    "DEC-12",
    source=f"gh-125862; {TESTS}",
    versions=">=3.15",
    expect=["asynchronous generator function: True", "called", "enter", "item 1 2", "item 2 2", "end", "exit"],
)
async def plain_generator_function(trace: Trace, library: Names) -> None:
    """A decorated plain generator function becomes an asynchronous one that keeps the manager open while it is iterated
    over.
    """

    @decorator(trace, library)
    def generate(first: int, *, of: int) -> Iterator[str]:
        for number in range(first, of + 1):
            yield f"{number} {of}"
        trace("end")

    trace("asynchronous generator function:", inspect.isasyncgenfunction(generate))
    generator: Any = generate(1, of=2)
    trace("called")
    async for item in generator:
        trace("item", item)


@clause(
    "DEC-13",
    source=f"{DECORATOR}; {TESTS}",
    versions=">=3.15",
    expect=[
        "enter",
        "got 1",
        "sent None",
        "got 2",
        "generator ends with GeneratorExit()",
        "exit with ValueError('v')",
        "caught ValueError('v')",
    ],
)
async def sending_and_throwing(trace: Trace, library: Names) -> None:
    """Values sent and errors thrown into the decorated generator are not handed on: it is closed, and the manager gets
    the error.
    """

    @decorator(trace, library)
    async def generate() -> AsyncGenerator[int, str]:
        try:
            trace("sent", (yield 1))
            yield 2
        except BaseException as error:
            trace("generator ends with", error)
            raise

    generator = generate()
    trace("got", await generator.__anext__())
    trace("got", await generator.asend("value"))
    try:
        await generator.athrow(ValueError("v"))
    except ValueError as error:
        trace("caught", error)


@clause(
    "DEC-14",
    source=TESTS,
    versions=">=3.15",
    expect=[
        "enter",
        "asynchronous generator ends",
        "exit with GeneratorExit()",
        "closed",
        "enter",
        "generator ends",
        "exit with GeneratorExit()",
        "closed",
    ],
)
async def closing_early(trace: Trace, library: Names) -> None:
    """Closing a decorated generator early ends the wrapped one before the manager exits, which gets GeneratorExit."""

    @decorator(trace, library)
    async def generate_asynchronously() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await checkpoint()
            trace("asynchronous generator ends")

    @decorator(trace, library)
    def generate() -> Iterator[int]:
        try:
            yield 1
        finally:
            trace("generator ends")

    for function in (generate_asynchronously, generate):
        generator = function()
        await generator.__anext__()
        await generator.aclose()
        trace("closed")


@clause(
    "DEC-15",
    source="gh-125862; bpo-37398",
    expect=by_version(
        {
            "3.10": [
                "enter",
                "exit",
                "coroutine runs",
                "enter",
                "exit",
                "generator runs",
                "enter",
                "exit",
                "generator runs",
            ],
            "3.15": [
                "enter",
                "coroutine runs",
                "exit",
                "enter",
                "generator runs",
                "exit",
                "enter",
                "generator runs",
                "exit",
            ],
        }
    ),
)
async def synchronous_decorator(trace: Trace, library: Names) -> None:
    """A synchronous manager that decorates a coroutine or generator function covers its run since 3.15; before, only
    the call.
    """

    class Decorator(library.ContextDecorator):
        def __enter__(self) -> None:
            trace("enter")

        def __exit__(self, *details: object) -> None:
            trace("exit")

    @Decorator()
    async def coroutine() -> None:
        await checkpoint()
        trace("coroutine runs")

    @Decorator()
    async def generate_asynchronously() -> AsyncIterator[int]:
        await checkpoint()
        trace("generator runs")
        yield 1

    @Decorator()
    def generate() -> Iterator[int]:
        trace("generator runs")
        yield 1

    await coroutine()
    async for _ in generate_asynchronously():
        pass
    for _ in generate():
        pass


@clause(
    "DEC-60",
    source=ASYNC_DECORATOR,
    expect=["enter", "exit with ValueError('v')", "caught ValueError('v') the raised object: True"],
)
async def propagated_error(trace: Trace, library: Names) -> None:
    """An error of the function reaches the manager and then the caller as the same object."""

    @decorator(trace, library)
    async def function() -> None:
        await checkpoint()
        raise raised

    raised = ValueError("v")
    try:
        await function()
    except ValueError as error:
        trace("caught", chain(error), "the raised object:", error is raised)


@clause(
    "DEC-61",
    source="Lib/contextlib.py",
    level="should",
    expect=["made 1", "enter 1", "body", "exit 1", "made 2", "enter 2", "body", "exit 2"],
)
async def recreated_for_each_call(trace: Trace, library: Names) -> None:
    """A subclass may give each call a manager of its own: `_recreate_cm` is asked once per call."""

    class Decorator(library.AsyncContextDecorator):
        number = 0

        def _recreate_cm(self) -> "Decorator":
            self.number += 1
            made = Decorator()
            made.number = self.number
            trace("made", made.number)
            return made

        async def __aenter__(self) -> None:
            trace("enter", self.number)

        async def __aexit__(self, *details: object) -> None:
            trace("exit", self.number)

    @Decorator()
    async def function() -> None:
        await checkpoint()
        trace("body")

    await function()
    await function()


@clause(
    "DEC-62",
    source=f"gh-125862; {TESTS}",
    versions=">=3.15",
    expect=[
        "enter",
        "exit with ValueError('v')",
        "caught ValueError('v')",
        "enter",
        "exit with ValueError('v')",
        "caught ValueError('v')",
    ],
)
async def failing_generator(trace: Trace, library: Names) -> None:
    """An error of a decorated generator, asynchronous or not, reaches the manager and then the iteration."""

    @decorator(trace, library)
    async def generate_asynchronously() -> AsyncIterator[int]:
        yield 1
        raise ValueError("v")

    @decorator(trace, library)
    def generate() -> Iterator[int]:
        yield 1
        raise ValueError("v")

    for function in (generate_asynchronously, generate):
        try:
            async for _ in function():
                pass
        except ValueError as error:
            trace("caught", chain(error))


@clause(
    "DEC-63",
    source="library/functools.html#functools.wraps",
    versions=">=3.15",
    expect=["coroutine", "generate_asynchronously", "generate", "plain"],
)
async def metadata_of_every_kind(trace: Trace, library: Names) -> None:
    """Whatever kind of function is decorated, its name and itself can be found on the result."""

    async def coroutine() -> None:
        """Never called."""

    async def generate_asynchronously() -> AsyncIterator[int]:
        yield 1

    def generate() -> Iterator[int]:
        yield 1

    def plain() -> None:
        """Never called."""

    functions: tuple[Callable[[], Any], ...] = (coroutine, generate_asynchronously, generate, plain)
    for function in functions:
        decorated = decorator(trace, library)(function)
        trace(decorated.__name__ if decorated.__wrapped__ is function else "not found")


@clause(
    "DEC-64",
    source="gh-125862",
    level="should",
    expect=by_version(
        {
            "3.10": ["enter", "body (1,) {'b': 2}", "waiting", "exit", "result 3"],
            "3.15": ["enter", "body (1,) {'b': 2}", "exit", "waiting", "result 3"],
        }
    ),
)
async def plain_function_that_returns_an_awaitable(trace: Trace, library: Names) -> None:
    """What a plain function returns is awaited inside the manager before 3.15; since then it is given back as it is."""

    async def wait() -> int:
        await checkpoint()
        trace("waiting")
        return 3

    @decorator(trace, library)
    def function(*args: int, **kwargs: int) -> Awaitable[int]:
        trace("body", args, kwargs)
        return wait()

    result = await function(1, b=2)
    trace("result", await result if inspect.isawaitable(result) else result)


@clause("DEC-65", source=ASYNC_DECORATOR, expect=["0", "''", "[]", "False", "None"])
async def results_that_are_false(trace: Trace, library: Names) -> None:
    """What a decorated function returns comes back as it is, also if it is false."""

    @decorator(Trace(), library)
    async def function(result: object) -> object:
        await checkpoint()
        return result

    for result in 0, "", [], False, None:
        trace(repr(await function(result)))


@clause(
    "DEC-66",
    source=f"gh-125862; {TESTS}",
    level="informational",
    versions="<3.15",
    expect=[
        "called",
        "iterated: TypeError",
        "enter",
        by_version(
            {
                "3.10": """exit with TypeError("object async_generator can't be used in 'await' expression")""",
                "3.14": """exit with TypeError("'async_generator' object can't be awaited")""",
            }
        ),
        "awaited: TypeError",
        "run: False",
    ],
)
async def asynchronous_generator_function_before(trace: Trace, library: Names) -> None:
    """Before Python 3.15 a decorated asynchronous generator function gives a coroutine, which cannot be iterated over, and
    awaited tries to await the generator in vain.
    """
    ran = False

    @decorator(trace, library)
    async def generate() -> AsyncIterator[int]:
        nonlocal ran
        ran = True
        yield 1

    coroutine = generate()
    trace("called")
    try:
        async for _ in coroutine:
            pass
    except TypeError as error:
        trace("iterated:", type(error))
    try:
        await coroutine
    except TypeError as error:
        trace("awaited:", type(error))
    trace("run:", ran)


@clause(
    "DEC-67",
    source="Lib/contextlib.py",
    level="should",
    expect=["work", "function.<locals>.work", "Do it.", "{'mark': 1}", "True"],
)
def what_a_decorated_function_says_of_itself(trace: Trace, library: Names) -> None:
    """A decorated function has name, place, docstring and attributes of the one that it wraps, and leads to it."""

    class Manager(library.AsyncContextDecorator):  # type: ignore[misc] # any library's
        async def __aexit__(self, *details: object) -> None:
            """Do nothing."""

    def function() -> Any:
        async def work() -> None:
            """Do it."""

        work.mark = 1  # type: ignore[attr-defined] # functions take any
        return work

    plain = function()
    decorated = Manager()(plain)
    trace(decorated.__name__)
    trace(decorated.__qualname__.partition(".<locals>.")[2])
    trace(decorated.__doc__)
    trace({name: value for name, value in vars(decorated).items() if name == "mark"})
    trace(decorated.__wrapped__ is plain)
