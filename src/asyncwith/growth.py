"""Which arms grow faster than their size: the power of the size that fits their whole cost. A pure function of the blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from asyncwith.blocks import Block
from asyncwith.costs import Growth
from asyncwith.rounds import Rounds
from asyncwith.statistics import CONFIDENCE, mean_interval, slope

__all__ = ["FASTER_THAN_LINEAR", "faster_than_size", "growth"]

# Caches alone make each of ten times as many managers dearer, by a tenth or so: powers of 1.04 to 1.08 were measured where the
# code is linear to the instruction. What needs n·log(n) has 1.15 between a hundred and ten thousand.
FASTER_THAN_LINEAR = 1.1


def growth(blocks: Sequence[Block], loops: Sequence[str]) -> tuple[Growth, ...]:
    """Return the power for each arm that was timed at three sizes or more.

    It is that of the larger half of the sizes, where what is paid once no longer hides it, and of CPU time: on a busy machine the
    wall time of what takes long has the turns of others in it. Each interval is so wide that luck calls one of all arms faster
    than linear in 5 % of cases and not in more.
    """
    costs: dict[tuple[str, str], list[dict[int | None, float]]] = {}
    for block in blocks:
        its: dict[tuple[str, str], dict[int | None, float]] = {}
        rounds = Rounds(block)
        for record in block.records:
            for loop, slices in record.slices.items():
                arm = f"{record.question}: {record.name}"
                its.setdefault((arm, loop), {})[record.size] = rounds.cpu(record, slices)
        for key, by_size in its.items():
            costs.setdefault(key, []).append(by_size)
    powers = {key: found for key, each in costs.items() if key[1] in loops and (found := _powers(each))}
    return tuple(
        _growth(arm, loop, sizes, of_blocks, 1 - (1 - CONFIDENCE) / len(powers))
        for (arm, loop), (sizes, of_blocks) in powers.items()
    )


def faster_than_size(growths: Iterable[Growth]) -> list[str]:
    """Return a sentence for each arm that is proven to grow faster than its size."""
    found: dict[tuple[str, str, int, int], list[str]] = {}
    for each in growths:
        if each.faster:
            width = (each.high - each.low) / 2
            found.setdefault((each.question, each.arm, each.smallest, each.largest), []).append(
                f"{each.power:.2f} ± {width:.2f} on {each.loop}"
            )
    return [
        f"{question}: {arm} grows faster than its size: from {smallest:,} to {largest:,} with the power {', '.join(powers)}"
        for (question, arm, smallest, largest), powers in found.items()
    ]


def _powers(costs: Sequence[Mapping[int | None, float]]) -> tuple[list[int], list[float]] | None:
    """Return the larger half of the sizes that all blocks have, and the power in each block; None if these are too few."""
    sizes = sorted(size for size in costs[0] if size and all(each.get(size, 0.0) > 0 for each in costs))
    if len(sizes) < 3 or len(costs) < 2:  # noqa: PLR2004 - two points always lie on a line, and one block has no interval
        return None
    larger = sizes[(len(sizes) - 1) // 2 :]
    logs = [math.log(size) for size in larger]
    return larger, [1 + slope(logs, [math.log(each[size]) for size in larger]) for each in costs]


def _growth(arm: str, loop: str, sizes: Sequence[int], powers: Sequence[float], confidence: float) -> Growth:
    question, _, name = arm.partition(": ")
    its = mean_interval(powers, confidence)
    return Growth(
        question=question,
        arm=name,
        loop=loop,
        smallest=sizes[0],
        largest=sizes[-1],
        power=its.middle,
        low=its.low,
        high=its.high,
        faster=its.low > FASTER_THAN_LINEAR,
    )
