"""Looking up: where `async with` and the exit stack find `__aenter__` and `__aexit__`, and when.

Objects that are refused are the chapter after this one.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from anyio.lowlevel import checkpoint

from asyncwith import Logged, Names, Trace, by_version, clause

ASYNC_WITH = "reference/compound_stmts.html#async-with"
SPECIAL_LOOKUP = "reference/datamodel.html#special-lookup"


@clause("LOOK-01", source=SPECIAL_LOOKUP, expect=["enter m", "body", "exit m"])
async def instance_attributes_are_ignored(trace: Trace) -> None:
    """Both methods are looked up on the type of the manager: attributes of the instance by these names do not count."""

    async def fake(*args: object) -> None:
        trace("the instance's own")

    manager = Logged(trace, "m", suspends=1)
    vars(manager).update(__aenter__=fake, __aexit__=fake)
    async with manager:
        trace("body")


@clause("LOOK-02", source=SPECIAL_LOOKUP, expect=["enter", "body", "exit", "instance hook for x", "type hook for x"])
async def attribute_hooks_are_bypassed(trace: Trace) -> None:
    """The lookup asks neither `__getattribute__` nor `__getattr__` of the manager, nor `__getattribute__` of its
    metaclass.
    """

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            trace("type hook for", name)
            return super().__getattribute__(name)

    class Manager(metaclass=Meta):
        async def __aenter__(self) -> None:
            trace("enter")

        async def __aexit__(self, *exc: object) -> None:
            trace("exit")

        def __getattribute__(self, name: str) -> Any:
            trace("instance hook for", name)

        def __getattr__(self, name: str) -> Any:
            trace("instance hook for", name)

    manager = Manager()
    async with manager:
        trace("body")
    for has_hooks in (manager, Manager):  # the hooks do work when they are asked
        getattr(has_hooks, "x", None)


def described(trace: Trace) -> list[Any]:
    """Make a manager by each kind of descriptor. Its methods write how many arguments they were called with."""

    async def enter(*args: object) -> None:
        await checkpoint()
        trace("enter of", len(args))

    async def leave(*args: object) -> None:
        await checkpoint()
        trace("exit of", len(args))

    class Static:
        __aenter__ = staticmethod(enter)
        __aexit__ = staticmethod(leave)

    class Class:
        __aenter__: Any = classmethod(enter)
        __aexit__: Any = classmethod(leave)

    class Property:
        @property
        def __aenter__(self) -> Any:
            return enter

        @property
        def __aexit__(self) -> Any:
            return leave

    class Slot:
        __slots__ = ("__aenter__", "__aexit__")

        def __init__(self) -> None:
            self.__aenter__ = enter
            self.__aexit__ = leave

    return [Static(), Class(), Property(), Slot()]


DESCRIBED = [
    *("Static", "enter of 0", "exit of 3"),
    *("Class", "enter of 1", "exit of 4"),
    *("Property", "enter of 0", "exit of 3"),
    *("Slot", "enter of 0", "exit of 3"),
]


@clause("LOOK-04", source=SPECIAL_LOOKUP, expect=DESCRIBED)
async def descriptors_are_honoured(trace: Trace) -> None:
    """Static methods, class methods, properties and slots are looked up as attributes are, and the result is called."""
    for manager in described(trace):
        trace(type(manager))
        async with manager:
            pass


@clause("LOOK-60", source=SPECIAL_LOOKUP, expect=["enter of 0", "exit of 3"])
async def callables_that_are_no_descriptors_get_no_manager(trace: Trace) -> None:
    """A callable object in the class body is called as it is: it is not bound, so it does not receive the manager."""

    class Method:
        def __init__(self, name: str) -> None:
            self.name = name

        async def __call__(self, *args: object) -> None:
            await checkpoint()
            trace(self.name, "of", len(args))

    class Manager:
        __aenter__ = Method("enter")
        __aexit__ = Method("exit")

    async with Manager():
        pass


@clause(
    "LOOK-05",
    source="whatsnew/3.14.html#functools",
    expect=["enter m", by_version({"3.10": "exit of 3", "3.14": "exit of 4"})],
)
async def partial_becomes_a_method(trace: Trace) -> None:
    """`functools.partial` in a class body receives the manager from Python 3.14 on, and before that does not."""

    async def leave(*args: object) -> None:
        trace("exit of", len(args))

    class Manager(Logged):
        __aexit__ = functools.partial(leave)

    async with Manager(trace, "m"):
        pass


@clause("LOOK-16", source=SPECIAL_LOOKUP, expect=["not yet", "enter", "body", "exit"])
async def methods_may_come_later(trace: Trace) -> None:
    """Methods that a class is given after its instance was made, and even after it was refused, are found."""

    class Late:
        pass

    async def enter(self: Late) -> None:
        trace("enter")

    async def leave(self: Late, *exc: object) -> None:
        trace("exit")

    manager: Any = Late()
    for _ in range(2):
        try:
            async with manager:
                trace("body")
        except (AttributeError, TypeError):
            trace("not yet")
            Late.__aenter__, Late.__aexit__ = enter, leave  # type: ignore[attr-defined]


@clause("LOOK-61", source=SPECIAL_LOOKUP, expect=["enter child", "enter m", "body", "exit m", "exit child"])
async def methods_are_inherited(trace: Trace) -> None:
    """Methods are found in the order of the bases, and may hand on to the next by `super()`."""

    class Child(Logged):
        async def __aenter__(self) -> object:
            trace("enter child")
            return await super().__aenter__()

    class Mixin:
        async def __aexit__(self, *exc: Any) -> object:
            result = await super().__aexit__(*exc)  # type: ignore[misc]
            trace("exit child")
            return result

    class Both(Mixin, Child):
        pass

    async with Both(trace, "m", suspends=1):
        trace("body")


@clause("LOOK-17", source=SPECIAL_LOOKUP, expect=["enter Resource", "body Resource", "exit Resource"])
async def a_class_can_be_a_manager(trace: Trace) -> None:
    """A class is itself a manager if its metaclass has the methods; those it has for its instances do not count."""

    class Meta(type):
        async def __aenter__(cls) -> type:
            await checkpoint()
            trace("enter", cls)
            return cls

        async def __aexit__(cls, *exc: object) -> None:
            trace("exit", cls)

    class Resource(Logged, metaclass=Meta):
        pass

    async with Resource as bound:
        trace("body", bound)


@clause("PROT-03", source=ASYNC_WITH, expect=["enter", "body", "first exit", "enter", "body", "third exit"])
async def exit_is_bound_at_entry(trace: Trace) -> None:
    """Exit is looked up before enter is called: giving the class another one during enter or the body changes the next
    statement, not this one.
    """

    def exit_called(name: str) -> Callable[..., Awaitable[None]]:
        async def leave(self: Manager, *exc: object) -> None:
            trace(name, "exit")

        return leave

    class Manager:
        async def __aenter__(self) -> None:
            trace("enter")
            await checkpoint()
            Manager.__aexit__ = exit_called("second")

        __aexit__ = exit_called("first")

    for _ in range(2):
        async with Manager():
            trace("body")
            Manager.__aexit__ = exit_called("third")


@clause(
    "LOOK-64",
    source="library/contextlib.html#contextlib.AsyncExitStack; reference/datamodel.html#special-lookup",
    expect=["enter m", "body", "exit m"],
)
async def a_stack_ignores_instance_attributes(trace: Trace, library: Names) -> None:
    """The exit stack looks both methods up on the type, as the statement does, not on the instance."""

    async def fake(*args: object) -> None:
        trace("the instance's own")

    manager = Logged(trace, "m", suspends=1)
    vars(manager).update(__aenter__=fake, __aexit__=fake)
    async with library.AsyncExitStack() as stack:
        await stack.enter_async_context(manager)
        trace("body")


@clause("LOOK-67", source=ASYNC_WITH, expect=["enter", "body", "first exit"])
async def a_stack_binds_exit_at_entry(trace: Trace, library: Names) -> None:
    """The exit stack calls the exit that the class had when the manager was entered, as the statement does."""

    class Manager:
        async def __aenter__(self) -> None:
            trace("enter")

        async def __aexit__(self, *exc: object) -> None:
            trace("first exit")

    async def second(self: Manager, *exc: object) -> None:
        trace("second exit")

    async with library.AsyncExitStack() as stack:
        await stack.enter_async_context(Manager())
        Manager.__aexit__ = second  # type: ignore[method-assign]
        trace("body")


@clause("LOOK-19", source="gh-144386", versions=">=3.15", expect=DESCRIBED)
async def a_stack_honours_descriptors(trace: Trace, library: Names) -> None:
    """From Python 3.15 on `enter_async_context` honours the descriptors that the statement honours."""
    for manager in described(trace):
        trace(type(manager))
        async with library.AsyncExitStack() as stack:
            await stack.enter_async_context(manager)


@clause(
    "LOOK-65",
    source="gh-144386",
    versions="<3.15",
    level="informational",
    expect=[
        *("Static", "enter of 1", "exit of 4"),
        *("Class", "enter of 2", "exit of 5"),
        *("Property", "TypeError"),
        *("Slot", "TypeError"),
    ],
)
async def a_stack_knows_only_functions(trace: Trace, library: Names) -> None:
    """Before Python 3.15 `enter_async_context` calls what it finds on the type with the manager as first argument,
    right for a function only: other descriptors, which the statement takes, get an argument too many or fail.
    """
    for manager in described(trace):
        trace(type(manager))
        try:
            async with library.AsyncExitStack() as stack:
                await stack.enter_async_context(manager)
        except TypeError as error:
            trace(type(error))


@clause(
    "LOOK-20",
    source="gh-144386",
    level="informational",
    expect=[
        by_version({"3.10": ["__aexit__", "__aenter__"], "3.11": ["__aenter__", "__aexit__"], "3.15": []}),
        "enter",
        "body",
        "exit",
    ],
)
async def a_stack_asks_the_metaclass(trace: Trace, library: Names) -> None:
    """Before Python 3.15 a metaclass with a `__getattribute__` notices the lookups of the exit stack; those of the
    statement it never notices.
    """

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            if name in ("__aenter__", "__aexit__"):
                trace(name)
            return super().__getattribute__(name)

    class Manager(metaclass=Meta):
        async def __aenter__(self) -> None:
            trace("enter")

        async def __aexit__(self, *exc: object) -> None:
            trace("exit")

    async with library.AsyncExitStack() as stack:
        await stack.enter_async_context(Manager())
        trace("body")


@clause(
    "LOOK-21",
    source="library/contextlib.html#contextlib.AsyncExitStack.push_async_exit; Lib/test/test_contextlib_async.py",
    level="should",
    expect=["called with None", "called with None"],
)
async def an_instance_with_an_exit_is_pushed_as_a_callback(trace: Trace, library: Names) -> None:
    """`push_async_exit` ignores an `__aexit__` of the instance: the object counts as a callback then, and is called."""

    class Callback:
        async def __call__(self, kind: object, error: object, traceback: object) -> None:
            await checkpoint()
            trace("called with", error)

    async with library.AsyncExitStack() as stack:
        callback: Any = Callback()
        callback.__aexit__ = functools.partial(trace, "the instance's own")
        stack.push_async_exit(callback)
        stack.push_async_exit(Callback())
