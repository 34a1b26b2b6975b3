"""Random programs, drawn from a `random.Random`: a seeded one, or Hypothesis's own, which can then vary and shrink them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from asyncwith.programs.language import (
    RETURNS,
    Await,
    Block,
    Break,
    Call,
    Continue,
    Form,
    Get,
    Group,
    InjectionKind,
    Kind,
    Log,
    Loop,
    Manager,
    Raise,
    Return,
    See,
    Set,
    Shield,
    Statement,
    Timeout,
    Try,
    With,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["RECIPES", "Recipe", "draw", "programs"]

ORDINARY, STOPS = "vwkrbg", "sa"
CAUGHT = ("Exception", "BaseException", "ValueError", "LookupError")
DEEPEST = 3  # blocks in each other; a manager's own blocks are only one deep
EVENTFUL, SUSPENDING = 0.1, 0.4  # how many managers do more on entering than they should, and how many await there


@dataclass(frozen=True)
class Recipe:
    """What programs are made of, what is done to them, and the first Python on which that can be specified."""

    forms: tuple[Form, ...]
    kinds: tuple[Kind, ...] = ("class",)
    injection: InjectionKind = "nothing"
    variables: bool = False
    timeouts: bool = False  # and shields
    groups: bool = False
    stops: bool = True  # errors that end iterations, which a generator may not raise
    everyway: bool = False  # each program is run in all forms and with all kinds
    since: tuple[int, int] = (3, 10)

    @property
    def by_hand(self) -> bool:
        """Whether the programs are driven by hand, outside any loop."""
        return self.injection in ("throw", "close")


STATEMENTS: tuple[Form, ...] = ("nested", "combined")
ANY_FORM: tuple[Form, ...] = ("nested", "combined", "stack", "stack")
TOLD: tuple[Kind, ...] = ("class", "generator")
ANY_KIND: tuple[Kind, ...] = ("class", "generator", "pushed", "callback", "sync")

RECIPES = {
    "statements": Recipe(STATEMENTS),
    "generators": Recipe(STATEMENTS, TOLD),
    "stacks": Recipe(ANY_FORM, ANY_KIND),
    "forms": Recipe(STATEMENTS, TOLD, stops=False, everyway=True),
    "variables": Recipe(ANY_FORM, ANY_KIND, variables=True),
    "edge": Recipe(STATEMENTS, TOLD, "edge"),
    "edge on stacks": Recipe(ANY_FORM, ANY_KIND, "edge"),
    "timeouts": Recipe(STATEMENTS, TOLD, timeouts=True),
    "groups": Recipe(STATEMENTS, TOLD, variables=True, groups=True),
    "groups on stacks": Recipe(ANY_FORM, ANY_KIND, groups=True),
    "level": Recipe(STATEMENTS, TOLD, "level", timeouts=True),
    "level on stacks": Recipe(ANY_FORM, ANY_KIND, "level", timeouts=True),
    "throw": Recipe(STATEMENTS, TOLD, "throw"),
    "throw on stacks": Recipe(ANY_FORM, ANY_KIND, "throw"),
    "close": Recipe(STATEMENTS, ("class",), "close"),
    "close on stacks": Recipe(ANY_FORM, ("class", "pushed", "callback", "sync"), "close"),
    # Before 3.13 a generator that is suspended itself is not closed with the coroutine that awaits it (gh-117714).
    "close generators": Recipe(ANY_FORM, ANY_KIND, "close", since=(3, 13)),
}


@dataclass(frozen=True)
class Place:
    """Where a block stands, and so what may be written there."""

    depth: int = 0
    in_loop: bool = False
    in_function: bool = True  # `return` makes sense
    given: bool = False  # there is an exception for `raise given`
    awaits: bool = True
    stops: bool = True  # StopIteration may be raised

    def inside(self, **changes: bool) -> Place:
        return Place(**{**vars(self), "depth": self.depth + 1, **changes})


def draw(random: Random, recipe: Recipe) -> Block:
    """Return the body of a program: at least one `async with`, and whatever else."""
    drawer = _Drawer(random, recipe)
    place = Place()
    last = (Get(),) if recipe.variables else ()
    return (*drawer.block(place, 0, 1), drawer.with_(place), *last, *drawer.block(place, 0, 2))


def programs(recipe: Recipe) -> SearchStrategy[Block]:
    """Return the Hypothesis strategy of the same programs."""
    from hypothesis import strategies as st  # noqa: PLC0415 - only who asks for it pays for the import

    return st.randoms(use_true_random=False).map(lambda random: draw(random, recipe))


class _Drawer:
    def __init__(self, random: Random, recipe: Recipe) -> None:
        self.random = random
        self.recipe = recipe
        self.managers = 0
        self.lines = 0

    def block(self, place: Place, least: int, most: int) -> Block:
        statements: list[Statement] = []
        for _ in range(self.random.randint(least, most)):
            statements.append(self.statement(place))
            if isinstance(statements[-1], Raise | Return | Break | Continue):
                break
        return tuple(statements)

    def statement(self, place: Place) -> Statement:
        choices: list[tuple[int, str]] = [(3, "log"), (5, "raise_"), (1, "see")]
        if place.awaits:
            choices.append((4, "await_"))
        if place.in_function:
            choices.append((1, "return_"))
        if place.in_loop:
            choices.append((2, "leave_loop"))
        if self.recipe.variables:
            choices += [(8, "set"), (8, "get")]
        if place.depth < DEEPEST:
            choices.append((2, "try_"))
            if place.awaits:
                choices += [(2, "with_"), (1, "call"), (1, "loop")]
                if self.recipe.groups:
                    choices.append((3, "group"))
                if self.recipe.timeouts:
                    choices += [(1, "shield"), (3, "timeout")]
        weights, names = zip(*choices, strict=True)
        made: Statement = getattr(self, self.random.choices(names, weights)[0])(place)
        return made

    def log(self, _: Place) -> Statement:
        self.lines += 1
        return Log(f"line {self.lines}")

    def see(self, _: Place) -> Statement:
        return See()

    def await_(self, _: Place) -> Statement:
        return Await(self.random.choice((1, 1, 2)))

    def set(self, _: Place) -> Statement:
        return Set(self.random.randint(1, 9))

    def get(self, _: Place) -> Statement:
        return Get()

    def raise_(self, place: Place) -> Statement:
        errors = [*ORDINARY, *(STOPS if place.stops and self.recipe.stops else ())]
        if not place.given:
            return Raise(self.random.choice(errors), self.random.choice(("", "", "", "from None")))
        error = self.random.choice([*errors, *["given", ""] * 3])
        return Raise(error, self.random.choice(("", "", "from None", "from given")) if error else "")

    def return_(self, _: Place) -> Statement:
        return Return(self.random.randint(1, 9))

    def leave_loop(self, _: Place) -> Statement:
        return self.random.choice((Break(), Continue()))

    def loop(self, place: Place) -> Statement:
        return Loop(self.random.choice((1, 2, 2, 3)), self.block(place.inside(in_loop=True), 1, 2))

    def call(self, place: Place) -> Statement:
        return Call(self.block(place.inside(in_loop=False, in_function=True, stops=True), 1, 3))

    def shield(self, place: Place) -> Statement:
        return Shield(self.block(place.inside(), 1, 2))

    def timeout(self, place: Place) -> Statement:
        return Timeout(self.block(place.inside(), 1, 3), self.random.choice((False, True)))

    def group(self, place: Place) -> Statement:
        body = self.block(place.inside(awaits=False), 0, 1)
        return Group(body, self.block(place.inside(in_loop=False, in_function=True), 1, 2))

    def try_(self, place: Place) -> Statement:
        body = self.block(place.inside(), 1, 2)
        catches = self.random.choice(("", *CAUGHT))
        handler = self.block(place.inside(given=True), 0, 2) if catches else ()
        final = self.block(place.inside(in_loop=False, in_function=False), 0, 1)
        return Try(body, catches, handler, final)

    def with_(self, place: Place) -> Statement:
        managers = tuple(self.manager(place) for _ in range(self.random.choice((1, 1, 2, 2, 3))))
        return With(managers, self.block(place.inside(), 1, 3), self.random.choice(self.recipe.forms))

    def manager(self, place: Place) -> Manager:
        kind = self.random.choice(self.recipe.kinds)
        sync = kind == "sync"
        inside = place.inside(in_loop=False, in_function=False, awaits=not sync, stops=not sync)
        inside = Place(**{**vars(inside), "depth": max(inside.depth, DEEPEST - 1)})
        self.managers += 1
        name = chr(ord("A") + (self.managers - 1) % 26) + "2" * ((self.managers - 1) // 26)
        return Manager(
            name,
            kind,
            enter=self.quiet(inside, kind),
            leave=self.block(inside, 0, 2),
            caught=self.block(inside.inside(given=not sync), 0, 2) if kind != "callback" else (),
            returns=self.random.choice([*RETURNS]) if kind != "callback" else "None",
        )

    def quiet(self, place: Place, kind: Kind) -> Block:
        """Return what a manager does on entering, which mostly succeeds.

        A generator must not swallow being closed there: it would be abandoned at its `yield`.
        """
        if self.random.random() < EVENTFUL and not (kind == "generator" and self.recipe.injection == "close"):
            return self.block(place, 1, 1)
        return (Await(self.random.choice((1, 2))),) if place.awaits and self.random.random() < SUSPENDING else ()
