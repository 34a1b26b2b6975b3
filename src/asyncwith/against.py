"""Measuring two Pythons against each other: in each turn a block of both, in random order, each in a process of its own.

What the machine does in a turn hits both, and the comparison is made turn by turn. Everything is on disk as two runs, `base`
and `new`, in one directory, so whoever is killed goes on; a turn of which one half is missing does not count.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asyncwith.blocks import Block
from asyncwith.comparing import LEAST, compare_blocks, turn_of
from asyncwith.comparison import Comparison
from asyncwith.errors import UsageError
from asyncwith.interpreters import OURS, Interpreter
from asyncwith.measuring import Measurement, NothingMeasuredError, Plan, Progress, Report
from asyncwith.rooms import room

__all__ = ["SIDES", "measure_against"]

SIDES = ("base", "new")  # the directories of the two runs


def measure_against(
    base: Interpreter,
    questions: Sequence[str],
    loops: Sequence[str],
    directory: Path,
    plan: Plan,
    *,
    fail_on: float,
    progress: Report = lambda _: None,
    folder: Path | None = None,
) -> Comparison:
    """Measure `questions` with `base` and with the Python that runs us, which is NEW, and compare them.

    A turn takes as long as a block of `plan`. Blocks that `directory` already holds count. Raises `UsageError` if they are of
    other environments, and whatever `asyncwith.measuring.measure` raises.
    """
    half = replace(plan, block=plan.block / 2)
    old, new = sides = [
        _measurement(folder or room("bench"), questions, loops, directory / name, half, python)
        for name, python in zip(SIDES, (base, OURS), strict=True)
    ]
    while True:
        turns = _by_turn(old).keys() & _by_turn(new).keys()
        seconds = sum(_by_turn(side)[turn].seconds for side in sides for turn in turns)
        comparison = None
        if len(turns) >= max(LEAST, plan.least):
            comparison = compare_blocks(old.blocks(), new.blocks(), fail_on=fail_on)
        half_width = None if comparison is None else comparison.half_width
        progress(Progress(len(turns), plan.least, seconds, plan.seconds, half_width))
        if comparison is not None and plan.at_end(len(turns), seconds, half_width):
            return comparison
        _take_turn(sides)


def _measurement(
    folder: Path, questions: Sequence[str], loops: Sequence[str], run: Path, plan: Plan, python: Interpreter
) -> Measurement:
    made = Measurement(folder, questions, loops, run / "blocks", plan, lambda _: None, python)
    for block in made.found:
        prefix = block.conditions.get("prefix")
        if prefix != made.there.prefix:
            raise UsageError(f"{run} was measured in {prefix}, and not in {made.there.prefix}", "name a new directory")
    return made


def _by_turn(side: Measurement) -> dict[str, Block]:
    return {turn: block for block in side.blocks() if (turn := turn_of(block)) is not None}


def _take_turn(sides: Sequence[Measurement]) -> None:
    turn = secrets.token_hex(4)
    for side in secrets.SystemRandom().sample(sides, len(sides)):
        try:
            side.add_block(turn)
        except NothingMeasuredError as error:
            raise NothingMeasuredError(f"{side.python.path}: {error.message}", error.hint) from None
