"""Refusing: what `async with` and the exit stack say of objects that are no managers, and of managers that are none
in the end.
"""

from __future__ import annotations

import re
from typing import Any

from anyio.lowlevel import checkpoint

from asyncwith import Logged, Names, Trace, by_version, chain, clause

ASYNC_WITH = "reference/compound_stmts.html#async-with"
SPECIAL_LOOKUP = "reference/datamodel.html#special-lookup"
NO_PROTOCOL = "object does not support the asynchronous context manager protocol"


async def no_enter(self: object) -> None:
    """Stand in where only the exit matters."""


async def no_exit(*args: object) -> None:
    """Stand in where only the enter matters."""


@clause(
    "LOOK-06",
    source="whatsnew/3.11.html#other-language-changes; bpo-12022",
    expect=by_version({"3.10": "AttributeError", "3.11": "TypeError"}),
)
async def other_objects_are_refused(trace: Trace) -> None:
    """An object without the protocol is refused: by AttributeError in Python 3.10, by TypeError from 3.11 on."""
    try:
        async with object():  # type: ignore[attr-defined]
            trace("body")
    except (AttributeError, TypeError) as error:
        trace(type(error))


@clause(
    "LOOK-07",
    source="bpo-12022",
    level="should",
    expect=by_version(
        {
            "3.10": ["__aenter__", "__aexit__", "__aenter__"],
            "3.11": [
                f"'object' {NO_PROTOCOL}",
                f"'OnlyEnter' {NO_PROTOCOL} (missed __aexit__ method)",
                f"'OnlyExit' {NO_PROTOCOL}",
            ],
            "3.14": [
                f"'object' {NO_PROTOCOL} (missed __aexit__ method)",
                f"'OnlyEnter' {NO_PROTOCOL} (missed __aexit__ method)",
                f"'OnlyExit' {NO_PROTOCOL} (missed __aenter__ method)",
            ],
        }
    ),
)
async def the_refusal_says_what_is_missing(trace: Trace) -> None:
    """The message names the class and, as far as it goes, the method that is missing."""

    class OnlyEnter:
        __aenter__ = no_enter

    class OnlyExit:
        __aexit__ = no_exit

    kinds: list[Any] = [object, OnlyEnter, OnlyExit]
    for kind in kinds:
        try:
            async with kind():
                trace("body")
        except (AttributeError, TypeError) as error:
            trace(re.sub(r"'\S*\b(\w+)'", r"'\1'", str(error)))  # newer Pythons write the whole qualified name


@clause(
    "LOOK-11",
    source=ASYNC_WITH,
    expect=["refused", "refused"],
)
async def half_a_manager_is_refused_before_enter(trace: Trace) -> None:
    """A missing exit is found before enter is called, so nothing was acquired; a missing enter calls no exit."""

    class OnlyEnter:
        async def __aenter__(self) -> None:
            trace("enter")

    class OnlyExit:
        async def __aexit__(self, *exc: object) -> bool:
            trace("exit")
            return True

    kinds: list[Any] = [OnlyEnter, OnlyExit]
    for kind in kinds:
        try:
            async with kind():
                trace("body")
        except (AttributeError, TypeError):
            trace("refused")


@clause(
    "LOOK-10",
    source="reference/compound_stmts.html#with; bpo-12022",
    expect=by_version({"3.10": ["AttributeError", "AttributeError"], "3.11": ["TypeError", "TypeError"]}),
)
async def the_two_protocols_are_apart(trace: Trace) -> None:
    """A manager of the one kind does not do for the statement of the other: nothing is entered."""

    class Plain:
        def __enter__(self) -> None:
            trace("enter")

        def __exit__(self, *exc: object) -> None:
            trace("exit")

    try:
        async with Plain():  # type: ignore[attr-defined]
            trace("body")
    except (AttributeError, TypeError) as error:
        trace(type(error))
    try:
        with Logged(trace, "m"):  # type: ignore[attr-defined]
            trace("body")
    except (AttributeError, TypeError) as error:
        trace(type(error))


@clause(
    "LOOK-09",
    source="whatsnew/3.14.html#improved-error-messages; gh-128398",
    level="should",
    expect=by_version(
        {"3.10": ["async with: no hint", "with: no hint"], "3.14": ["async with: use 'with'", "with: use 'async with'"]}
    ),
)
async def the_refusal_hints_at_the_other_statement(trace: Trace) -> None:
    """From Python 3.14 on `async with` on a plain manager asks whether `with` was meant, and `with` on an asynchronous
    one whether `async with` was.
    """

    class Plain:
        def __enter__(self) -> None:
            trace("enter")

        def __exit__(self, *exc: object) -> None:
            trace("exit")

    def hint(error: Exception) -> str:
        return str(error).partition("Did you mean to ")[2].rstrip("?") or "no hint"

    try:
        async with Plain():  # type: ignore[attr-defined]
            trace("body")
    except (AttributeError, TypeError) as error:
        trace("async with:", hint(error))
    try:
        with Logged(trace, "m"):  # type: ignore[attr-defined]
            trace("body")
    except (AttributeError, TypeError) as error:
        trace("with:", hint(error))


@clause("LOOK-03", source=SPECIAL_LOOKUP, expect=by_version({"3.10": "AttributeError", "3.11": "TypeError"}))
async def dynamic_attributes_make_no_manager(trace: Trace) -> None:
    """A proxy that forwards every attribute by `__getattr__` alone is not a manager, although it shows the methods."""

    class Proxy:
        def __getattr__(self, name: str) -> Any:
            return getattr(Logged(trace, "m"), name)

    try:
        async with Proxy():  # type: ignore[attr-defined]
            trace("body")
    except (AttributeError, TypeError) as error:
        trace(type(error))


@clause("LOOK-69", source=SPECIAL_LOOKUP, expect=by_version({"3.10": "AttributeError", "3.11": "TypeError"}))
async def methods_of_the_class_are_for_its_instances(trace: Trace) -> None:
    """Methods of a class make managers of its instances, but not of the class: its call was forgotten."""
    try:
        async with Logged:  # type: ignore[attr-defined]
            trace("body")
    except (AttributeError, TypeError) as error:
        trace(type(error))


def managing_class(trace: Trace) -> Any:
    """Make a class that is a manager by its metaclass."""

    class Meta(type):
        async def __aenter__(cls, *args: object) -> type:
            await checkpoint()
            trace("enter", cls, *args)
            return cls

        async def __aexit__(cls, *args: object) -> None:
            trace("exit", cls, *args)

    class Resource(metaclass=Meta):
        def __repr__(self) -> str:
            return "an instance"

    return Resource


@clause("LOOK-66", source=SPECIAL_LOOKUP, expect=by_version({"3.10": "AttributeError", "3.11": "TypeError"}))
async def methods_of_the_metaclass_are_for_the_class(trace: Trace) -> None:
    """Methods of a metaclass make a manager of the class, but not of its instances."""
    try:
        async with managing_class(trace)():
            trace("body")
    except (AttributeError, TypeError) as error:
        trace(type(error))


@clause(
    "LOOK-68",
    source=SPECIAL_LOOKUP,
    level="should",
    expect=by_version({"3.10": "AttributeError", "3.11": "TypeError"}),
)
async def a_stack_refuses_instances_of_a_class_that_is_a_manager(trace: Trace, library: Names) -> None:
    """The exit stack, too, finds no manager in an instance whose class alone, by its metaclass, is one."""
    try:
        async with library.AsyncExitStack() as stack:
            await stack.enter_async_context(managing_class(trace)())
    except (AttributeError, TypeError) as error:
        trace(type(error))


@clause(
    "LOOK-18",
    source="library/contextlib.html#contextlib.AsyncExitStack.enter_async_context; bpo-44471",
    expect=[
        by_version({"3.10": ["AttributeError"] * 3, "3.11": ["TypeError"] * 3}),
        "the stack lives on",
        "enter m",
        "exit m",
    ],
)
async def a_stack_refuses_other_objects(trace: Trace, library: Names) -> None:
    """`enter_async_context` refuses what is not a manager before it enters anything, by the same exceptions as the
    statement, and the stack is as it was.
    """

    class OnlyEnter:
        async def __aenter__(self) -> None:
            trace("enter")

    class OnlyExit:
        __aexit__ = no_exit

    async with library.AsyncExitStack() as stack:
        for kind in (object, OnlyEnter, OnlyExit):
            try:
                await stack.enter_async_context(kind())
            except (AttributeError, TypeError) as error:
                trace(type(error))
        trace("the stack lives on")
        await stack.enter_async_context(Logged(trace, "m", suspends=1))


@clause(
    "LOOK-12",
    source=SPECIAL_LOOKUP,
    expect=[
        "__aenter__ OSError('descriptor') True",
        "__aenter__ AttributeError('descriptor') True",
        "__aexit__ OSError('descriptor') True",
        "__aexit__ AttributeError('descriptor') True",
    ],
)
async def a_failing_descriptor_is_heard(trace: Trace) -> None:
    """What a descriptor raises on lookup passes as it is, even an AttributeError: the method counts as broken, not as
    missing, and nothing is entered.
    """

    class Broken:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def __get__(self, manager: object, kind: type) -> object:
            raise self.error

    async def method(*args: object) -> None:
        trace("called")

    for name in ("__aenter__", "__aexit__"):
        for error in (OSError("descriptor"), AttributeError("descriptor")):
            manager: Any = type("Manager", (), {"__aenter__": method, "__aexit__": method, name: Broken(error)})()
            try:
                async with manager:
                    trace("body")
            except (AttributeError, OSError, TypeError) as caught:
                trace(name, chain(caught), caught is error)


@clause("LOOK-63", source=SPECIAL_LOOKUP, expect="TypeError(\"'NoneType' object is not callable\")")
async def an_enter_of_none_is_found_and_called(trace: Trace) -> None:
    """`__aenter__ = None` is found and called too: neither the body nor exit runs."""

    class Manager(Logged):
        __aenter__ = None  # type: ignore[assignment]

    try:
        async with Manager(trace, "m", suppress=True):  # type: ignore[misc]
            trace("body")
    except TypeError as error:
        trace(chain(error))


@clause(
    "LOOK-13",
    source=SPECIAL_LOOKUP,
    expect=["enter m", "body", "TypeError(\"'NoneType' object is not callable\") <- ValueError('body')"],
)
async def an_exit_of_none_is_found_and_called(trace: Trace) -> None:
    """`__aexit__ = None` is not the same as none at all: enter and the body run, and then `None` is called."""

    class Manager(Logged):
        __aexit__ = None  # type: ignore[assignment]

    try:
        async with Manager(trace, "m", suspends=1):  # type: ignore[misc]
            trace("body")
            raise ValueError("body")
    except TypeError as error:
        trace(chain(error))


@clause(
    "LOOK-14",
    source=f"{ASYNC_WITH}; bpo-29922",
    expect=[
        *("enter", "TypeError", "enter", "TypeError", "enter", "TypeError"),
        "without context: True",
        "'async with' received an object from __aenter__ that does not implement __await__: int",
    ],
)
async def enter_must_return_an_awaitable(trace: Trace) -> None:
    """If enter returns something that cannot be awaited (`None`, a plain generator, a number), that is a TypeError
    which says so; neither the body nor exit runs.
    """

    class Manager:
        def __init__(self, gives: object) -> None:
            self.gives = gives

        def __aenter__(self) -> Any:
            trace("enter")
            return self.gives

        async def __aexit__(self, *exc: object) -> bool:
            trace("exit")
            return True

    errors = []
    for gives in (None, (digit for digit in "123"), 5):
        try:
            async with Manager(gives):
                trace("body")
        except TypeError as error:
            errors.append(error)
            trace(type(error))
    trace("without context:", errors[-1].__context__ is None)
    trace(str(errors[-1]))


NOT_AWAITABLE = "TypeError(\"'async with' received an object from __aexit__ that does not implement __await__: bool\")"


@clause(
    "LOOK-15",
    source=f"{ASYNC_WITH}; bpo-29922",
    expect=["body", "exit", NOT_AWAITABLE, "body", "exit", f"{NOT_AWAITABLE} <- ValueError('body')"],
)
async def exit_must_return_an_awaitable(trace: Trace) -> None:
    """If exit returns something that cannot be awaited, that is a TypeError: an exit that says `True` without being
    asynchronous suppresses nothing.
    """

    class Manager:
        __aenter__ = no_enter

        def __aexit__(self, *exc: object) -> Any:
            trace("exit")
            return True

    for error in (None, ValueError("body")):
        try:
            async with Manager():
                trace("body")
                if error is not None:
                    raise error
        except TypeError as caught:
            trace(chain(caught))
