"""Protocols: what counts as an asynchronous context manager, and what the abstract class gives to its subclasses."""

import asyncio
import sys
import typing
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import anyio

from asyncwith import Names, Trace, by_version, clause

ABSTRACT = "library/contextlib.html#contextlib.AbstractAsyncContextManager"
TESTS = "Lib/test/test_contextlib_async.py"


class Structural:
    """An asynchronous context manager by its methods alone."""

    async def __aenter__(self) -> None:
        """Do nothing."""

    async def __aexit__(self, *details: object) -> None:
        """Do nothing."""


class Refusing(Structural):
    """A class that takes back what its parent offers."""

    __aexit__ = None


def serves(library: Names, kind: type) -> str:
    """Return which of the two statements managers of `kind` serve."""
    asynchronous = issubclass(kind, library.AbstractAsyncContextManager)
    synchronous = issubclass(kind, library.AbstractContextManager)
    return " ".join(["asynchronous"] * asynchronous + ["synchronous"] * synchronous) or "neither"


@clause(
    "ABC-01",
    source=f"{ABSTRACT}; {TESTS}",
    expect=["bound the manager: True", "exit gives None", "caught ValueError('v')"],
)
async def what_the_abstract_class_gives(trace: Trace, library: Names) -> None:
    """The abstract class has an enter that gives the manager itself, and an exit, for `super()`, that does nothing."""

    class Manager(library.AbstractAsyncContextManager):
        async def __aexit__(self, *details: object) -> object:
            given = await super().__aexit__(*details)
            trace("exit gives", given)
            return given

    manager = Manager()
    try:
        async with manager as bound:
            trace("bound the manager:", bound is manager)
            raise ValueError("v")
    except ValueError as error:
        trace("caught", error)


@clause("ABC-02", source=TESTS, expect=["TypeError about __aexit__: True", "TypeError about __aexit__: True", "made"])
def exit_is_abstract(trace: Trace, library: Names) -> None:
    """A subclass without an `__aexit__` of its own cannot be instantiated, and nor can the abstract class."""

    class Incomplete(library.AbstractAsyncContextManager):
        pass

    class Complete(library.AbstractAsyncContextManager):
        async def __aexit__(self, *details: object) -> None:
            """Do nothing."""

    for kind in (library.AbstractAsyncContextManager, Incomplete):
        try:
            kind()
        except TypeError as error:
            trace("TypeError about __aexit__:", "__aexit__" in str(error))
    Complete()
    trace("made")


@clause(
    "ABC-03",
    source=f"{ABSTRACT}; {TESTS}",
    expect=[
        "both: True",
        "both, inherited: True",
        "values of no use: True",
        "only enter: False",
        "only exit: False",
        "none: False",
    ],
)
def methods_make_the_subclass(trace: Trace, library: Names) -> None:
    """A class counts as a subclass exactly if both names are found on it or its parents, whatever their values are."""
    abstract = library.AbstractAsyncContextManager
    trace("both:", issubclass(Structural, abstract))
    trace("both, inherited:", issubclass(type("Child", (Structural,), {}), abstract))
    trace("values of no use:", issubclass(type("Useless", (), {"__aenter__": 5, "__aexit__": 5}), abstract))
    trace("only enter:", issubclass(type("OnlyEnter", (), {"__aenter__": Structural.__aenter__}), abstract))
    trace("only exit:", issubclass(type("OnlyExit", (), {"__aexit__": Structural.__aexit__}), abstract))
    trace("none:", issubclass(object, abstract))


@clause("ABC-04", source="bpo-30266; bpo-25958", expect=["exit: False", "enter: False"])
def none_takes_a_method_back(trace: Trace, library: Names) -> None:
    """A class that sets either name to None does not count, though its parent does."""
    trace("exit:", issubclass(Refusing, library.AbstractAsyncContextManager))
    trace("enter:", issubclass(type("N", (Structural,), {"__aenter__": None}), library.AbstractAsyncContextManager))


@clause(
    "ABC-05", source="Lib/contextlib.py", level="should", expect=["abstract: True", "child: False", "own child: True"]
)
def children_are_nominal(trace: Trace, library: Names) -> None:
    """Only the abstract class itself looks at the methods; its subclasses are ordinary abstract classes."""

    class Child(library.AbstractAsyncContextManager):
        pass

    trace("abstract:", issubclass(Structural, library.AbstractAsyncContextManager))
    trace("child:", issubclass(Structural, Child))
    trace("own child:", issubclass(type("OwnChild", (Child,), {}), Child))


@clause("ABC-06", source="reference/datamodel.html#special-method-lookup", expect=["False", "True"])
def instance_attributes_do_not_count(trace: Trace, library: Names) -> None:
    """Methods that only the instance has do not make it an instance of the abstract class."""
    trace(isinstance(SimpleNamespace(__aenter__=print, __aexit__=print), library.AbstractAsyncContextManager))
    trace(isinstance(Structural(), library.AbstractAsyncContextManager))


@clause("ABC-07", source="library/abc.html#abc.ABCMeta.register", expect=["False", "registered: True", "True", "True"])
def registered_classes(trace: Trace, library: Names) -> None:
    """A class can be registered as a virtual subclass."""

    class Virtual:
        pass

    trace(issubclass(Virtual, library.AbstractAsyncContextManager))
    trace("registered:", library.AbstractAsyncContextManager.register(Virtual) is Virtual)
    trace(issubclass(Virtual, library.AbstractAsyncContextManager))
    trace(isinstance(Virtual(), library.AbstractAsyncContextManager))


@clause(
    "ABC-08",
    source="PEP 585",
    expect=["AbstractAsyncContextManager (int,)", "AbstractAsyncContextManager (int, bool)", "Manager (str,)"],
)
def abstract_class_is_generic(trace: Trace, library: Names) -> None:
    """The abstract class and its subclasses can be subscripted for annotations, with one argument or with two."""

    class Manager(library.AbstractAsyncContextManager):
        pass

    abstract = library.AbstractAsyncContextManager
    for alias in (abstract[int], abstract[int, bool], Manager[str]):
        names = ", ".join(argument.__name__ for argument in typing.get_args(alias))
        trace(typing.get_origin(alias), f"({names}{',' if ',' not in names else ''})")


@clause(
    "ABC-09",
    source="gh-118660; library/typing.html#typing.AsyncContextManager",
    expect=by_version(
        {
            "3.10": ["(<class 'int'>,)", "TypeError"],
            "3.13": ["(<class 'int'>, bool | None)", "(<class 'int'>, <class 'bool'>)"],
        }
    ),
)
def typing_alias(trace: Trace) -> None:
    """`typing.AsyncContextManager` takes the type of the exit's result as second argument since 3.13, `bool | None` by
    default.
    """
    generic: Any = typing.AsyncContextManager
    trace(typing.get_args(generic[int]))
    try:
        trace(typing.get_args(generic[int, bool]))
    except TypeError as error:
        trace(type(error))


@clause("ABC-10", source=f"gh-105726; {TESTS}", versions=">=3.13", expect=["slots ()", "has a __dict__: False"])
def abstract_class_has_no_dict(trace: Trace, library: Names) -> None:
    """The abstract class has empty `__slots__`, so that slotted subclasses have no `__dict__`."""

    class Slotted(library.AbstractAsyncContextManager):
        __slots__ = ()

        async def __aexit__(self, *details: object) -> None:
            """Do nothing."""

    trace("slots", library.AbstractAsyncContextManager.__slots__)
    trace("has a __dict__:", hasattr(Slotted(), "__dict__"))


@clause("ABC-11", source="library/typing.html#typing.runtime_checkable", expect=["True", "False", "False"])
def runtime_protocol(trace: Trace) -> None:
    """A runtime-checkable protocol of both methods accepts the same classes, and refuses those that set one to None."""

    @typing.runtime_checkable
    class Manager(typing.Protocol):
        async def __aenter__(self) -> object: ...

        async def __aexit__(self, *details: object) -> object: ...

    trace(isinstance(Structural(), Manager))
    trace(isinstance(Refusing(), Manager))
    trace(isinstance(object(), Manager))


@clause(
    "ABC-12",
    source="library/contextlib.html",
    expect=[
        "AsyncExitStack: asynchronous",
        "aclosing: asynchronous",
        "AbstractAsyncContextManager: asynchronous",
        "nullcontext: asynchronous synchronous",
        "ExitStack: synchronous",
        "closing: synchronous",
        "suppress: synchronous",
        "redirect_stdout: synchronous",
        "AbstractContextManager: synchronous",
        "AsyncContextDecorator: neither",
    ],
)
def kinds_of_the_library(trace: Trace, library: Names) -> None:
    """Each of contextlib's managers serves one of the two statements, only `nullcontext` both."""
    for name in (
        "AsyncExitStack",
        "aclosing",
        "AbstractAsyncContextManager",
        "nullcontext",
        "ExitStack",
        "closing",
        "suppress",
        "redirect_stdout",
        "AbstractContextManager",
        "AsyncContextDecorator",
    ):
        trace(f"{name}:", serves(library, getattr(library, name)))


@clause(
    "ABC-13",
    source="library/asyncio-sync.html; library/asyncio-task.html",
    expect=[
        "Lock: asynchronous",
        "Semaphore: asynchronous",
        "BoundedSemaphore: asynchronous",
        "Condition: asynchronous",
        "Server: asynchronous",
        "Event: neither",
        "Queue: neither",
        "Task: neither",
        by_version(
            {
                "3.10": [],
                "3.11": [
                    "TaskGroup: asynchronous",
                    "Timeout: asynchronous",
                    "Barrier: asynchronous",
                    "Runner: synchronous",
                ],
            }
        ),
    ],
)
def kinds_of_asyncio(trace: Trace, library: Names) -> None:
    """asyncio's locks, servers, groups and timeouts serve `async with`, its runner serves `with`, events neither."""
    names = ["Lock", "Semaphore", "BoundedSemaphore", "Condition", "Server", "Event", "Queue", "Task"]
    if sys.version_info >= (3, 11):
        names += ["TaskGroup", "Timeout", "Barrier", "Runner"]
    for name in names:
        trace(f"{name}:", serves(library, getattr(asyncio, name)))


@clause(
    "ABC-14",
    source="trio reference-core.html; anyio synchronization.html",
    on="trio",
    expect=[
        "trio.Lock: asynchronous",
        "trio.Semaphore: asynchronous",
        "trio.CapacityLimiter: asynchronous",
        "trio.Condition: asynchronous",
        "trio.CancelScope: synchronous",
        "anyio.Lock: asynchronous",
        "anyio.Semaphore: asynchronous",
        "anyio.CapacityLimiter: asynchronous",
        "anyio.Condition: asynchronous",
        "anyio.CancelScope: synchronous",
    ],
)
async def kinds_of_trio_and_anyio(trace: Trace, library: Names) -> None:
    """The locks of trio and anyio serve `async with`; their cancel scopes serve `with` only."""
    import trio

    for module in (trio, anyio):
        for name in ("Lock", "Semaphore", "CapacityLimiter", "Condition", "CancelScope"):
            trace(f"{module.__name__}.{name}:", serves(library, getattr(module, name)))


@clause(
    "ABC-15",
    source="Lib/contextlib.py",
    level="should",
    expect=["manager: asynchronous", "decorator: True", "manager of @contextmanager: synchronous"],
)
def generator_based_managers(trace: Trace, library: Names) -> None:
    """What `@asynccontextmanager` makes serves `async with` and decorates functions, but does not serve `with`."""

    async def manager() -> AsyncIterator[None]:
        yield

    def synchronous_manager() -> Iterator[None]:
        yield

    made = library.asynccontextmanager(manager)()
    trace("manager:", serves(library, type(made)))
    trace("decorator:", isinstance(made, library.AsyncContextDecorator))
    trace("manager of @contextmanager:", serves(library, type(library.contextmanager(synchronous_manager)())))


@clause(
    "ABC-60",
    source="Lib/contextlib.py",
    level="should",
    expect=[
        "AsyncExitStack: asynchronous",
        "generic: True",
        "aclosing: asynchronous",
        "generic: True",
        "nullcontext: asynchronous synchronous",
        "generic: True",
        "generator-based manager: asynchronous",
        "generic: True",
    ],
)
def parents_of_the_managers(trace: Trace, library: Names) -> None:
    """contextlib's managers are of the abstract classes, and can be subscripted as these can."""

    async def manager() -> AsyncIterator[None]:
        yield

    def show(name: str, kind: Any) -> None:
        asynchronous = issubclass(kind, library.AbstractAsyncContextManager)
        synchronous = issubclass(kind, library.AbstractContextManager)
        trace(f"{name}:", " ".join(["asynchronous"] * asynchronous + ["synchronous"] * synchronous))
        trace("generic:", typing.get_origin(kind[int]) is kind)

    for name in ("AsyncExitStack", "aclosing", "nullcontext"):
        show(name, getattr(library, name))
    show("generator-based manager", type(library.asynccontextmanager(manager)()))


@clause("ABC-61", source=ABSTRACT, expect=["the class: False", "an instance: False"])
def methods_of_a_metaclass(trace: Trace, library: Names) -> None:
    """A class that is itself a manager, by the methods of its metaclass, is not one of managers: its instances are none."""

    class Meta(type):
        async def __aenter__(cls) -> None:
            """Do nothing."""

        async def __aexit__(cls, *details: object) -> None:
            """Do nothing."""

    class Resource(metaclass=Meta):
        pass

    trace("the class:", issubclass(Resource, library.AbstractAsyncContextManager))
    trace("an instance:", isinstance(Resource(), library.AbstractAsyncContextManager))


@clause(
    "ABC-62",
    source="reference/datamodel.html#object.__hash__",
    level="should",
    expect=[
        f"{name}: true, in a set of its own"
        for name in ("AsyncExitStack", "aclosing", "nullcontext", "generator-based")
    ],
)
def managers_are_objects_like_any(trace: Trace, library: Names) -> None:
    """A manager is true, can be in a set, and equals itself only."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        yield

    makers = {
        "AsyncExitStack": library.AsyncExitStack,
        "aclosing": lambda: library.aclosing(None),
        "nullcontext": library.nullcontext,
        "generator-based": manager,
    }
    for name, make in makers.items():
        pair = (make(), make())
        alike = pair[0] == pair[1] or len({*pair}) < 2
        trace(f"{name}:", f"{'true' if all(pair) else 'false'},", "like another" if alike else "in a set of its own")
