"""Exploring: draw programs, run them on a loop, judge them by the specification, and shrink what differs.

Everything is told by a seed and a number: program number 17 of seed 1 is the same in every process. `progress` hears each
number before that program is run. So when a process hangs or dies, who watches it knows in which program, can see by running
that one alone whether it is to blame (`first=17, n=1`), and goes on with number 18 in another process.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice
from random import Random

from asyncwith.libraries import MissingName, Names
from asyncwith.loops import Loop
from asyncwith.programs.interpreter import LIBRARY_NAMES, Compiled
from asyncwith.programs.language import Block, Injection, Program, in_form, of_kind
from asyncwith.programs.render import source
from asyncwith.programs.shrink import shrunk
from asyncwith.programs.specification import ENDLESS, Delivery, Run, specified
from asyncwith.programs.strategy import RECIPES, Recipe, draw

__all__ = ["Counterexample", "Exploration", "explore", "recipes_for"]

TREES_AT_ONCE = 50  # that run in one start of the loop
POINTS = 6  # at which a program is injected something: its first awaits
PATIENCE = 1.0  # seconds spent on shrinking one; a tenth is usual


@dataclass(frozen=True)
class Counterexample:
    """A program that did not do what the specification says: `number` is the one drawn, `program` what is left of it."""

    number: int
    program: Program
    expected: tuple[str, ...]
    observed: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the program and both traces, to be read."""
        injection = self.program.injection
        hit = f" with {injection.kind} at await {injection.at}" if injection.kind != "nothing" else ""
        shown = [f"program {self.number} in short{hit}:", *source(self.program).splitlines()]
        return [*shown, "expected:", *self.expected, "saw:", *self.observed]


@dataclass(frozen=True)
class Exploration:
    """How many programs ran, how many of them did as contextlib's exit stack is known to do, and which did anything else.

    `left_out` counts those that were not run for want of a name, by that name.
    """

    programs: int
    departed: int
    left_out: dict[str, int]
    counterexamples: tuple[Counterexample, ...]
    seconds: float


def recipes_for(loop: Loop | None) -> list[str]:
    """Return the names of the recipes whose programs can run on `loop`, or (None) outside any loop."""

    def suits(recipe: Recipe) -> bool:
        if sys.version_info < recipe.since or recipe.by_hand != (loop is None):
            return False
        return recipe.injection != "edge" or (loop is not None and loop.family == "asyncio")

    return [name for name, recipe in RECIPES.items() if suits(recipe)]


def explore(  # noqa: PLR0913 - four that say what to explore, and how by name
    loop: Loop | None,
    library: Names,
    n: int,
    seed: int | str,
    *,
    recipes: Sequence[str] = (),
    strictly: bool = False,
    enough: int = 3,
    first: int = 0,
    seconds: float | None = None,
    progress: Callable[[int], object] | None = None,
) -> Exploration:
    """Run at least `n` programs on `loop` (None: those that are driven by hand), or as many as `seconds` allow.

    `recipes` says of what kinds (all that suit the loop). With `strictly`, what contextlib's exit stack is known to do
    otherwise is a counterexample too; after `enough` of them the rest would only repeat them. `first` is the number to begin
    with. Raises `MissingName` if the library lacks what all of them need.
    """
    started = time.monotonic()
    _require_any_name(library)
    kinds = [RECIPES[name] for name in recipes or recipes_for(loop)]
    judge = _Judge(loop, library, strictly=strictly)
    found: list[Counterexample] = []
    trees = ((number, *_drawn(kinds, seed, number)) for number in count(first))
    while judge.ran < n and len(found) < enough and (seconds is None or time.monotonic() - started < seconds):
        before = judge.ran
        found += judge.batch(islice(trees, TREES_AT_ONCE), n, enough - len(found), progress)
        if judge.ran == before:
            if judge.left_out:
                library.lack(next(iter(judge.left_out)))
            raise RuntimeError("the loop ended without having run a program")
    ran, departed = judge.ran, judge.departed
    short = {each.program: each for each in map(judge.shrink, found[:enough])}  # often several are one in the end
    return Exploration(ran, departed, dict(judge.left_out), tuple(short.values()), time.monotonic() - started)


def _require_any_name(library: Names) -> None:
    """Raise `MissingName` if programs would use nothing of the library at all."""
    for name in LIBRARY_NAMES:
        try:
            getattr(library, name)
        except MissingName as missing:
            last = missing
        else:
            library.missing = None
            return
    raise last


def _drawn(kinds: Sequence[Recipe], seed: int | str, number: int) -> tuple[Block, Recipe]:
    recipe = kinds[number % len(kinds)]
    return draw(Random(f"{seed}:{number}"), recipe), recipe  # noqa: S311 - reproducible is what it must be


def _written(body: Block, recipe: Recipe) -> list[Block]:
    if not recipe.everyway:
        return [body]
    return [of_kind(in_form(body, form), kind) for form in recipe.forms for kind in recipe.kinds]


class _Judge:
    def __init__(self, loop: Loop | None, library: Names, *, strictly: bool) -> None:
        self.loop = loop
        self.library = library
        self.strictly = strictly
        self.delivery: Delivery = "send" if loop is not None and loop.family == "trio" else "throw"
        self.ran = 0
        self.departed = 0
        self.left_out: Counter[str] = Counter()

    def batch(
        self, trees: Iterator[tuple[int, Block, Recipe]], n: int, enough: int, progress: Callable[[int], object] | None
    ) -> list[Counterexample]:
        """Run programs in one start of the loop and return those that differ; stop at `n` in all, or at `enough` of them."""
        found: list[Counterexample] = []

        async def run() -> None:
            for number, body, recipe in trees:
                if progress is not None:
                    progress(number)
                for each in _written(body, recipe):
                    found.extend(await self.injected(number, each, recipe))
                if self.ran >= n or len(found) >= enough:
                    return

        self.start(run)
        return found

    async def injected(self, number: int, body: Block, recipe: Recipe) -> list[Counterexample]:
        """Run a program with an injection at each of its first awaits, and (the last time) at none."""
        found: list[Counterexample] = []
        try:
            compiled = Compiled(body, self.library)
        except MissingName as missing:
            self.left_out[missing.name] += 1
            self.library.missing = None  # the programs that do without are judged
            return []
        for at in range(POINTS if recipe.injection != "nothing" else 1):
            program = Program(body, Injection(recipe.injection, at, "vkb"[number % 3]))
            expected = specified(program, self.delivery)
            found += await self.compare(number, program, expected, compiled)
            if expected.awaits <= at:
                break
        return found

    async def compare(self, number: int, program: Program, expected: Run, compiled: Compiled) -> list[Counterexample]:
        """Run a program and return it as counterexample if it differs."""
        self.ran += 1
        known = specified(program, self.delivery, stacks="contextlib") if compiled.stacks else expected
        if known.lines[-1] == ENDLESS:  # to be believed: it would take this process with it
            self.departed += 1
            return []
        by_hand = self.loop is None
        observed = compiled.drive(program.injection) if by_hand else await compiled.run(program.injection)
        if observed == expected.lines:
            return []
        if observed == known.lines:
            self.departed += 1
            if not self.strictly:
                return []
        return [Counterexample(number, program, tuple(expected.lines), tuple(observed))]

    def start(self, run: Callable[[], Coroutine[object, object, None]]) -> None:
        """Run `run` in a new loop; by hand, where it never suspends, if there is none."""
        if self.loop is not None:
            self.loop.run(run)
            return
        with suppress(StopIteration):
            run().send(None)

    def shrink(self, found: Counterexample) -> Counterexample:
        """Return what is left of a counterexample when all that can be left out is."""
        until = time.monotonic() + PATIENCE
        smallest = found

        def first_failing(candidates: list[Program]) -> Program | None:
            nonlocal smallest
            failing: list[Counterexample] = []

            async def run() -> None:
                for each in candidates:
                    with suppress(SyntaxError, IndexError):  # leaving a part out may leave no program
                        compiled = Compiled(each.body, self.library)
                        expected = specified(each, self.delivery)
                        failing.extend(await self.compare(found.number, each, expected, compiled))
                    if failing:
                        return

            if time.monotonic() < until:
                with suppress(Exception):  # a faulty loop may fall over any of them
                    self.start(run)
            if not failing:
                return None
            smallest = failing[0]
            return smallest.program

        shrunk(found.program, first_failing)
        return smallest
