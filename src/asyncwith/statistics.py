"""The arithmetic of verdicts: intervals over blocks, tests corrected for their number, and the words for what they prove.

All ratios are handled as logarithms, so that 2× faster and 2× slower are equally far from the same. The unit of replication
is the block: slices of one process share its memory layout and its hash seed and are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

__all__ = [
    "CERTAINTY",
    "CONFIDENCE",
    "MARGIN",
    "Interval",
    "Word",
    "holm",
    "interval",
    "interval_between",
    "mean_interval",
    "p_beyond",
    "p_same",
    "p_same_between",
    "slope",
    "word",
]

CONFIDENCE = 0.95
CERTAINTY = (
    0.999  # of "faster" and "slower": with one false word in twenty tables nobody would believe the other nineteen
)
MARGIN = (
    0.02  # ratios nearer to 1 than this are the same for every use we know; memory layout alone moves a figure by 1 %
)
SPREADLESS = 1e-30  # a variance that is nothing but rounding; its square would be no float any more

Word = Literal["faster", "slower", "equivalent", "unproven"]


@dataclass(frozen=True)
class Interval:
    """A ratio or a duration, and between what it lies with the confidence asked for."""

    middle: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the width as a fraction: 0.01 is ±1 %."""
        return math.sqrt(self.high / self.low) - 1 if self.low > 0 else math.inf

    def within(self, margin: float) -> bool:
        """Whether all of it is nearer to 1 than `margin`, in either direction."""
        return self.low >= 1 / (1 + margin) and self.high <= 1 + margin

    def beyond(self, margin: float) -> bool:
        """Whether all of it is farther from 1 than `margin`."""
        return self.low > 1 + margin or self.high < 1 / (1 + margin)


def interval(logarithms: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the geometric mean of what the logarithms are of, with Student's interval. Two blocks are the least."""
    its = mean_interval(logarithms, confidence)
    return Interval(_exp(its.middle), _exp(its.low), _exp(its.high))


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of `values`, which may be negative, with Student's interval. Two blocks are the least."""
    middle = fmean(values)
    reach = _quantile(len(values) - 1, (1 + confidence) / 2) * stdev(values) / math.sqrt(len(values))
    return Interval(middle, middle - reach, middle + reach)


def _exp(value: float) -> float:
    return math.exp(
        max(-700.0, min(value, 700.0))
    )  # two blocks that contradict each other reach farther than a float does


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the slope of the straight line nearest to the points."""
    middle_x, middle_y = fmean(xs), fmean(ys)
    spread = sum((x - middle_x) ** 2 for x in xs)
    return sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / spread


def p_same(logarithms: Sequence[float]) -> float:
    """Return how probable a mean so far from 0 is if the true ratio is 1, by Student's test over blocks."""
    middle, spread = fmean(logarithms), stdev(logarithms)
    if spread == 0:
        return 1.0 if middle == 0 else 0.0
    return 2 * _share_below(len(logarithms) - 1, -abs(middle) / (spread / math.sqrt(len(logarithms))))


def interval_between(base: Sequence[float], new: Sequence[float], *, confidence: float = CONFIDENCE) -> Interval:
    """Return the ratio of `new` to `base`, two sets of blocks that are no pairs, with Welch's interval."""
    middle, error, freedom = _welch(base, new)
    reach = _quantile(freedom, (1 + confidence) / 2) * error
    return Interval(_exp(middle), _exp(middle - reach), _exp(middle + reach))


def p_same_between(base: Sequence[float], new: Sequence[float]) -> float:
    """Return how probable so great a difference of two sets of blocks is if their true ratio is 1, by Welch's test."""
    middle, error, freedom = _welch(base, new)
    return min(1.0, 2 * _upper_tail(abs(middle), error, freedom))


def p_beyond(base: Sequence[float], new: Sequence[float], ratio: float) -> float:
    """Return how probable a ratio of `new` to `base` so far above `ratio` is if the true one is no greater than that."""
    middle, error, freedom = _welch(base, new)
    return _upper_tail(middle - math.log(ratio), error, freedom)


def _welch(base: Sequence[float], new: Sequence[float]) -> tuple[float, float, float]:
    """Return the difference of the means, its standard error and the degrees of freedom."""
    parts = [(stdev(logarithms) ** 2 / len(logarithms), len(logarithms) - 1) for logarithms in (base, new)]
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / free for part, free in parts) if variance > SPREADLESS else 1.0
    return fmean(new) - fmean(base), math.sqrt(variance), freedom


def _upper_tail(distance: float, error: float, freedom: float) -> float:
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return _share_below(freedom, -distance / error)


def holm(probabilities: Sequence[float]) -> list[float]:
    """Return the probabilities corrected by Holm's method for being so many, in the order given."""
    corrected = [0.0] * len(probabilities)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(probabilities)), key=probabilities.__getitem__)):
        highest = max(highest, min(1.0, (len(probabilities) - rank) * probabilities[index]))
        corrected[index] = highest
    return corrected


def word(ratio: Interval, corrected: float, *, confidence: float = CERTAINTY, margin: float = MARGIN) -> Word:
    """Return what is proven of a ratio of durations; a difference too small to matter is called equivalent."""
    if ratio.within(margin):
        return "equivalent"
    if corrected >= 1 - confidence:
        return "unproven"
    return "faster" if ratio.middle < 1 else "slower"


def _quantile(freedom: float, share: float) -> float:
    """Return the point of Student's distribution below which `share` of it lies."""
    from scipy.special import stdtrit  # noqa: PLC0415 - half of the time that any command takes to start

    return float(stdtrit(freedom, share))


def _share_below(freedom: float, point: float) -> float:
    """Return which share of Student's distribution lies below `point`."""
    from scipy.special import stdtr  # noqa: PLC0415 - see _quantile

    return float(stdtr(freedom, point))
