"""Blocks as a machine with a known truth would have measured them."""

import random
from dataclasses import replace

from asyncwith.blocks import Block, Record

PROVENANCE = {
    "asyncwith": "0.1.0",
    "created": "2026-11-22T16:20:05+00:00",
    "python": "3.11.7",
    "implementation": "CPython",
    "build": "GCC",
    "gil": True,
    "jit": False,
    "platform": "Linux",
    "machine": "x86_64",
    "cpu": "a processor",
    "cores": 2,
    "packages": {"anyio": "4.16.0", "asyncwith": "0.1.0"},
}
VERSIONS = {"asyncio": "of Python 3.11.7", "uvloop": "0.23.0", "trio": "0.35.0", "twin": "1", "slowed": "1"}
NOTHING = 8  # ns that the empty loop costs


def make_block(
    number, *, ratios=None, cpu_ratios=None, noise=0.01, control=False, size=None, rounds=7, not_timed=None, **other
):
    """Return a block of one question with a floor of 100 ns and an arm of 200 ns on the reference loop.

    `ratios` are the true ones of the arm by loop, `noise` the deviation from block to block.
    """
    chance = random.Random(f"block {number}")
    ratios = {"asyncio": 1.0, **(ratios or {"uvloop": 1.0})}
    again = "asyncio"

    def slices(nanoseconds, loop=None):
        cpu = nanoseconds * (cpu_ratios or {}).get(loop, 1.0)
        found = []
        for _ in range(rounds):
            operations = chance.randrange(4000, 6000)
            found.append((operations, round(operations * (nanoseconds + NOTHING)), round(operations * (cpu + NOTHING))))
        return found

    def record(place, name, nanoseconds, truth, **more):
        moved = {loop: ratio * chance.lognormvariate(0, noise) for loop, ratio in truth.items()}
        timed = {loop: slices(nanoseconds * ratio, loop) for loop, ratio in moved.items()}
        its_again = slices(nanoseconds * moved[again] * chance.lognormvariate(0, noise))
        return Record("entering", name, place=place, slices=timed, again=its_again, **more)

    given = {
        "id": f"block-{number:03}",
        "provenance": PROVENANCE,
        "conditions": {"seed": number},
        "reference": "asyncio",
        "loops": {loop: VERSIONS[loop] for loop in ratios},
        "specs": {"uvloop": "uvloop", "trio": "trio=my trio:factory"},
        "not_timed": not_timed or {},
        "asks": {"entering": "What does it cost?"},
        "digests": {"entering": "0123456789ab"},
        "seconds": 3.0,
        "nothing": slices(0),
        "records": [
            record(0, "floor", 100, dict.fromkeys(ratios, 1.0), size=None, control=False, floor=True),
            record(1, "class", 200 * (size or 1), ratios, size=size, control=control, floor=False),
        ],
    }
    return Block(**{**given, **other})


def alone(block, loop, turn):
    """Return what a process with only this loop would have measured in a turn."""
    records = [replace(each, slices={loop: each.slices[loop]}, again=each.slices[loop]) for each in block.records]
    return replace(
        block,
        id=f"{block.id}-{turn}-{loop}",
        conditions={"alone": turn},
        reference=loop,
        loops={loop: VERSIONS[loop]},
        records=records,
    )


def slower(slices, factor):
    """Return slices that took longer by a factor."""
    return [(operations, round(wall * factor), round(cpu * factor)) for operations, wall, cpu in slices]
