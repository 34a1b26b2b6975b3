"""What the rounds of one block say: what an operation took in each, and how two things that ran in the same rounds compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from asyncwith.blocks import Block, Record, Slice

__all__ = ["Rounds", "drift", "paired"]

SMALLEST = 1e-12  # seconds; what is left of an arm that costs no more than the empty loop, so that it has a logarithm


class Rounds:
    """The rounds of a block, without what the empty loop takes."""

    def __init__(self, block: Block) -> None:
        self._wall = median(wall / operations for operations, wall, _ in block.nothing)
        self._cpu = _mean_cpu(block.nothing)

    def logs(self, record: Record, slices: Sequence[Slice]) -> list[float]:
        """Return the logarithm of the seconds per operation, or per manager, in each round."""
        return [_log(wall / operations - self._wall, record.size) for operations, wall, _ in slices]

    def cpu(self, record: Record, slices: Sequence[Slice]) -> float:
        """Return the CPU seconds of one operation, or manager."""
        return math.exp(_log(_mean_cpu(slices) - self._cpu, record.size))


def _mean_cpu(slices: Sequence[Slice]) -> float:
    """Return the CPU nanoseconds of one operation. Summed, because some systems count CPU time in ticks of 15 ms."""
    return sum(cpu for _, _, cpu in slices) / sum(operations for operations, _, _ in slices)


def _log(nanoseconds: float, size: int | None) -> float:
    return math.log(max(nanoseconds * 1e-9 / (size or 1), SMALLEST))


def paired(logs: Sequence[float], others: Sequence[float]) -> float:
    """Return the median over the rounds of the ratio within a round, as a logarithm."""
    return median(_ratios(logs, others))


def drift(logs: Sequence[float], others: Sequence[float]) -> float:
    """Return by how much that median differs between the second half of the rounds and the first."""
    ratios = _ratios(logs, others)
    half = (len(ratios) + 1) // 2
    return median(ratios[-half:]) - median(ratios[:half])


def _ratios(logs: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(logs, others, strict=False)]
