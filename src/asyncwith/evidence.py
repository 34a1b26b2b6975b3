"""What two runs prove about one cell by one clock, according to whether they were measured apart or in turns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from asyncwith.statistics import Interval, interval, interval_between, p_beyond, p_same, p_same_between

__all__ = ["Apart", "Evidence", "InTurns"]


@dataclass(frozen=True)
class Apart:
    """One clock's evidence on a cell, from two runs at two times: the logarithms of its blocks in each."""

    base: Sequence[float]
    new: Sequence[float]

    def ratio(self) -> Interval:
        """Return NEW / BASE with its interval."""
        return interval_between(self.base, self.new)

    def p_same(self) -> float:
        """Return how probable a ratio so far from 1 is if the true one is 1."""
        return p_same_between(self.base, self.new)

    def p_beyond(self, ratio: float) -> float:
        """Return how probable a ratio so far above `ratio` is if the true one is no greater than that."""
        return p_beyond(self.base, self.new, ratio)


@dataclass(frozen=True)
class InTurns:
    """One clock's evidence on a cell, from blocks in turns: the logarithm of NEW / BASE in each turn."""

    ratios: Sequence[float]

    def ratio(self) -> Interval:
        """Return NEW / BASE with its interval."""
        return interval(self.ratios)

    def p_same(self) -> float:
        """Return how probable a ratio so far from 1 is if the true one is 1."""
        return p_same(self.ratios)

    def p_beyond(self, ratio: float) -> float:
        """Return how probable a ratio so far above `ratio` is if the true one is no greater than that."""
        above = [each - math.log(ratio) for each in self.ratios]
        half = p_same(above) / 2
        return half if fmean(above) > 0 else 1 - half


Evidence = Apart | InTurns
