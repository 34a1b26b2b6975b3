"""Combining: several managers in one `async with` statement."""

import traceback
from collections.abc import Sequence

from anyio.lowlevel import checkpoint

from asyncwith import Logged, Trace, by_version, chain, clause

ASYNC_WITH = "reference/compound_stmts.html#async-with"
WITH = "reference/compound_stmts.html#with"


@clause(
    "COMB-01",
    source=WITH,
    expect=["expression a", "enter a", "expression b", "enter b", "body", "exit b", "exit a"],
)
async def several_items_are_nested(trace: Trace) -> None:
    """`async with A, B` is `async with A:` around `async with B:`: B's expression is evaluated when A is entered, B
    exits first.
    """

    def manager(name: str) -> Logged:
        trace("expression", name)
        return Logged(trace, name, suspends=1)

    async with manager("a"), manager("b"):
        trace("body")


@clause(
    "COMB-02",
    source=WITH,
    expect=[
        "enter a",
        "exit a with OSError('expression')",
        "after, bound: {}",
        "enter a",
        "enter b",
        "exit a with OSError('enter')",
        "after, bound: {}",
    ],
)
async def second_item_fails(trace: Trace) -> None:
    """If the second expression or enter fails, the first manager exits with the error and may suppress it; the body is
    skipped.
    """

    def failing() -> Logged:
        raise OSError("expression")

    for second in (failing, lambda: Logged(trace, "b", fails_enter=OSError("enter"), suspends=1)):
        targets: dict[str, object] = {}
        async with Logged(trace, "a", suppress=True, suspends=1), second() as targets["b"]:
            trace("body")
        trace("after, bound:", targets)


@clause("COMB-03", source=WITH, expect=["enter a", "enter b of a", "body with a, b of a", "exit b of a", "exit a"])
async def later_items_use_earlier_targets(trace: Trace) -> None:
    """The target of one item is bound before the expression of the next is evaluated."""
    async with Logged(trace, "a", gives="a") as first, Logged(trace, f"b of {first}", gives=f"b of {first}") as second:
        trace(f"body with {first}, {second}")


@clause(
    "COMB-04",
    source=f"whatsnew/3.10.html#parenthesized-context-managers; {ASYNC_WITH}",
    expect=["enter a", "enter b", "enter c", "body 1 3", "exit c", "exit b", "exit a", "enter d", "body 4", "exit d"],
)
async def parentheses_around_the_items(trace: Trace) -> None:
    """The items may stand in parentheses, with a comma after the last, with and without targets."""
    async with (
        Logged(trace, "a", gives=1, suspends=1) as first,
        Logged(trace, "b", suspends=1),
        Logged(trace, "c", gives=3, suspends=1) as third,
    ):
        trace("body", first, third)
    async with (
        Logged(trace, "d", gives=4, suspends=1) as fourth,
    ):
        trace("body", fourth)


@clause(
    "COMB-05",
    source=WITH,
    expect=[
        "enter a",
        "enter b",
        "two items",
        "exit b",
        "exit a",
        by_version({"3.10": "AttributeError", "3.11": "TypeError"}),
        by_version({"3.10": "AttributeError", "3.11": "TypeError"}),
    ],
)
async def items_or_a_tuple(trace: Trace) -> None:
    """`async with (A, B):` has two items; with `as` behind the parentheses, or nothing in them, it is a tuple and no
    manager.
    """
    async with Logged(trace, "a", suspends=1), Logged(trace, "b", suspends=1):
        trace("two items")
    try:
        async with (Logged(trace, "a"), Logged(trace, "b")) as pair:
            trace("body with", pair)
    except (AttributeError, TypeError) as error:
        trace(type(error))
    try:
        async with ():
            trace("body")
    except (AttributeError, TypeError) as error:
        trace(type(error))


@clause(
    "COMB-06",
    source="PEP 806; PEP 492",
    expect=[
        "enter a",
        by_version({"3.10": "exit a with AttributeError", "3.11": "exit a with TypeError"}),
        by_version({"3.10": "caught AttributeError", "3.11": "caught TypeError"}),
    ],
)
async def synchronous_manager_among_the_items(trace: Trace) -> None:
    """Every item must be an asynchronous manager: a synchronous one fails when its turn comes, and those before it
    exit.
    """

    class Synchronous:
        def __enter__(self) -> None:
            trace("enter synchronous")

        def __exit__(self, *details: object) -> None:
            trace("exit synchronous")

    class First:
        async def __aenter__(self) -> None:
            await checkpoint()
            trace("enter a")

        async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
            await checkpoint()
            trace("exit a with", kind)

    try:
        async with First(), Synchronous():
            trace("body")
    except (AttributeError, TypeError) as error:
        trace("caught", type(error))


@clause(
    "COMB-07",
    source=WITH,
    expect=[
        "enter a",
        "enter b",
        "enter c",
        "exit c with ValueError('v')",
        "exit b with ValueError('v')",
        "exit a with OSError('o')",
        "caught OSError('o') <- ValueError('v')",
    ],
)
async def replaced_error_reaches_the_outer_items(trace: Trace) -> None:
    """What the exit of one item raises is what the exits of the items before it get."""
    try:
        async with (
            Logged(trace, "a", suspends=1),
            Logged(trace, "b", fails_exit=OSError("o"), suspends=1),
            Logged(trace, "c", suspends=1),
        ):
            raise ValueError("v")
    except OSError as error:
        trace("caught", chain(error))


@clause(
    "COMB-08",
    source="gh-116767",
    level="should",
    expect=[
        "20 items: compiled",
        "21 items: too many statically nested blocks",
        "20 statements: compiled",
        "21 statements: too many statically nested blocks",
    ],
)
def static_depth(trace: Trace) -> None:
    """Items count as nested blocks; more than twenty of those, in one statement or in several, are a SyntaxError."""

    def try_to_compile(what: str, lines: Sequence[str]) -> None:
        try:
            compile("\n".join(["async def f():", *lines]), "<scenario>", "exec")
        except SyntaxError as error:
            trace(f"{what}:", error.msg)
        else:
            trace(f"{what}: compiled")

    for number in (20, 21):
        try_to_compile(f"{number} items", [f" async with {', '.join(['a'] * number)}: pass"])
    for number in (20, 21):
        statements = [" " * (depth + 1) + "async with a:" for depth in range(number)]
        try_to_compile(f"{number} statements", [*statements, " " * (number + 1) + "pass"])


@clause(
    "COMB-10",
    source="whatsnew/3.13.html; gh-93883",
    level="should",
    expect=by_version(
        {
            "3.10": ["enter: async with (", "exit: async with ("],
            "3.13": ["enter: refusing,", "exit: leaving,"],
        }
    ),
)
async def line_of_the_failing_item(trace: Trace) -> None:
    """Over several lines the traceback points at the item whose enter or exit failed; before 3.13, at the statement."""
    quiet = Logged(Trace(), "quiet", suspends=1)
    refusing = Logged(Trace(), "refusing", fails_enter=OSError(), suspends=1)
    leaving = Logged(Trace(), "leaving", fails_exit=OSError(), suspends=1)
    try:
        async with (
            quiet,
            refusing,
        ):
            pass
    except OSError as error:
        trace("enter:", traceback.extract_tb(error.__traceback__)[0].line or "")
    try:
        async with (
            quiet,
            leaving,
        ):
            pass
    except OSError as error:
        trace("exit:", traceback.extract_tb(error.__traceback__)[0].line or "")


@clause(
    "COMB-60",
    source=WITH,
    expect=[
        "enter a",
        "enter b",
        "exit b with ValueError('v')",
        "exit a",
        "after",
    ],
)
async def inner_item_suppresses(trace: Trace) -> None:
    """If the exit of a later item suppresses the body's error, the items before it exit as after a good body."""
    async with Logged(trace, "a", suspends=1), Logged(trace, "b", suppress=True, suspends=1):
        raise ValueError("v")
    trace("after")


@clause(
    "COMB-61",
    source=WITH,
    expect=[
        "enter a",
        "enter b",
        "exit b with ValueError('not enough values to unpack (expected 1, got 0)')",
        "exit a with ValueError('not enough values to unpack (expected 1, got 0)')",
        "caught ValueError('not enough values to unpack (expected 1, got 0)')",
    ],
)
async def binding_fails_in_the_second_item(trace: Trace) -> None:
    """If the target of the second item cannot be bound, that item exits with the error, and then the first."""
    targets: dict[int, object] = {}
    try:
        async with Logged(trace, "a", suspends=1), Logged(trace, "b", gives=(), suspends=1) as (targets[0],):
            trace("body")
    except ValueError as error:
        trace("caught", error)


@clause("COMB-62", source=WITH, expect=["enter a", "enter b", "returned 1", "exit b", "exit a", "result 1"])
async def returning_through_all_items(trace: Trace) -> None:
    """A `return` evaluates its value first and then leaves through the exits of all items, last to first."""

    async def leave() -> str:
        async with Logged(trace, "a", suspends=1), Logged(trace, "b", suspends=1):
            for number in range(2):
                if number:
                    trace("returned", number)
                    return f"result {number}"
        return "never"

    trace(await leave())
