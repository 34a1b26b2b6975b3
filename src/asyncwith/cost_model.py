"""The cost model: what each building block of a statement costs by itself, on each loop.

A pure function of the blocks. A building block is what one arm costs beyond another, or what one more unit of a sized arm costs.
Where an arm was not timed, the building blocks that need it are absent, with the reason, and the others are not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from asyncwith.blocks import Block
from asyncwith.costs import Estimate, Owner, Term
from asyncwith.rounds import Rounds
from asyncwith.statistics import holm, interval, mean_interval, p_same, slope, word

__all__ = ["CONTRASTS", "Contrast", "Figures", "MissingError", "cost_model", "figures_of"]

Figures = Mapping[str, Mapping[int | None, float]]  # "question: arm" to what one unit costs, by size


class MissingError(Exception):
    """An arm that a contrast needs is not there."""


@dataclass(frozen=True)
class Contrast:
    """How a term comes from arms: what `costs` costs beyond `without`.

    `entering: class` names an arm; `stacking: class × n` is one more unit of a sized arm, however many there are already.
    """

    name: str
    costs: str
    without: str = ""

    @property
    def labels(self) -> list[str]:
        """The arms as they are named here."""
        return [label for label in (self.costs, self.without) if label]

    @property
    def formula(self) -> str:
        """The contrast as a person would write it."""
        return " − ".join(self.labels)  # noqa: RUF001 - a minus

    def of(self, figures: Figures) -> float:
        """Return the term as these figures have it. Raises `MissingError`."""
        return _cost(figures, self.costs) - (_cost(figures, self.without) if self.without else 0.0)


CONTRASTS = (
    Contrast("awaiting a coroutine", "floors: coroutine"),
    Contrast("class manager", "entering: slotted class"),
    Contrast("one suspension", "suspending: in the body × n"),
    Contrast("@asynccontextmanager adds", "entering: @asynccontextmanager", "entering: slotted class"),
    Contrast("generator hooks add", "hooking: hooks of the loop", "hooking: no hooks"),
    Contrast("exit stack adds", "stacking: slotted class × n", "entering: slotted class"),
    Contrast("propagating adds", "raising: class, propagated", "entering: slotted class"),
    Contrast("suppressing adds", "raising: class, suppressed", "entering: slotted class"),
)


def _cost(figures: Figures, label: str) -> float:
    arm = label.removesuffix(" × n")
    by_size = figures.get(arm, {})
    if arm == label:
        if None not in by_size:
            raise MissingError(f"{arm} was not timed")
        return by_size[None]
    sizes = [size for size in by_size if size]
    if len(sizes) < 2:  # noqa: PLR2004 - a slope needs two
        raise MissingError(f"{arm} was not timed at two sizes")
    # A cost of a + b·n is a/n + b for each unit. On that line all sizes count alike; on the other only the largest would.
    inverses, shares = [1 / size for size in sizes], [by_size[size] for size in sizes]
    return fmean(shares) - slope(inverses, shares) * fmean(inverses)


def cost_model(blocks: Sequence[Block], loops: Sequence[str], void: Collection[str] = ()) -> tuple[Term, ...]:
    """Return each term on `loops`, the first of which is the reference.

    Nothing is proven about a term with an arm of one of the `void` questions: their controls are broken.
    """
    figures = [figures_of(block) for block in blocks]
    values = {
        (contrast, loop): _values(contrast, [each.get(loop, {}) for each in figures])
        for contrast in CONTRASTS
        for loop in loops
    }
    compared = {
        (contrast, loop): ratios
        for contrast, loop in values
        if loop != loops[0] and (ratios := _ratios(values[contrast, loop], values[contrast, loops[0]]))
    }
    corrected = dict(zip(compared, holm([p_same(each) for each in compared.values()]), strict=True))
    controls = {f"{record.question}: {record.name}" for block in blocks for record in block.records if record.control}
    found = []
    for contrast in CONTRASTS:
        believed = not any(label.partition(":")[0] in void for label in contrast.labels)
        never_suspends = all(label.removesuffix(" × n") in controls for label in contrast.labels)
        estimates = []
        for loop in loops:
            estimate = _estimate(loop, values[contrast, loop])
            if loop == loops[0] and not estimate.absent:
                estimate = replace(estimate, verdict="reference")
            elif (contrast, loop) in compared:
                ratio = interval(compared[contrast, loop])
                proven = word(ratio, corrected[contrast, loop])
                # What never reaches the loop owes it nothing: a difference is luck of the layout.
                verdict = proven if believed and (proven == "equivalent" or not never_suspends) else "unproven"
                estimate = replace(
                    estimate, ratio=ratio.middle, ratio_low=ratio.low, ratio_high=ratio.high, verdict=verdict
                )
            estimates.append(estimate)
        owner = _owner(estimates, never_suspends=never_suspends) if believed else "unproven"
        found.append(Term(contrast.name, contrast.formula, owner, tuple(estimates)))
    return tuple(found)


def figures_of(block: Block) -> dict[str, Figures]:
    """Return by loop what one unit of each arm costs in a block: seconds, the median over the rounds, without the empty loop."""
    rounds = Rounds(block)
    found: dict[str, dict[str, dict[int | None, float]]] = {}
    for record in block.records:
        arm = f"{record.question}: {record.name}"
        for loop, slices in record.slices.items():
            found.setdefault(loop, {}).setdefault(arm, {})[record.size] = math.exp(median(rounds.logs(record, slices)))
    return {loop: dict(by_arm) for loop, by_arm in found.items()}


def _values(contrast: Contrast, figures: Sequence[Figures]) -> list[float | str]:
    """Return the term in each block, or why it is not there."""
    found: list[float | str] = []
    for each in figures:
        try:
            found.append(contrast.of(each))
        except MissingError as error:
            found.append(str(error))
    return found


def _ratios(values: Sequence[float | str], reference: Sequence[float | str]) -> list[float]:
    """Return the logarithm of the ratio in each block; none where a term is so near to nothing that it is below it in one."""
    both = [
        (one, other)
        for one, other in zip(values, reference, strict=True)
        if isinstance(one, float) and isinstance(other, float)
    ]
    sound = len(both) > 1 and all(one > 0 and other > 0 for one, other in both)
    return [math.log(one / other) for one, other in both] if sound else []


def _estimate(loop: str, values: Sequence[float | str]) -> Estimate:
    numbers = [each for each in values if isinstance(each, float)]
    if len(numbers) < 2:  # noqa: PLR2004 - an interval needs two
        reasons = [each for each in values if isinstance(each, str)]
        return Estimate(loop, absent=reasons[-1] if reasons else "there are fewer than two blocks")
    cost = mean_interval(numbers)
    return Estimate(loop, seconds=cost.middle, low=cost.low, high=cost.high)


def _owner(estimates: Sequence[Estimate], *, never_suspends: bool) -> Owner:
    verdicts = {estimate.verdict for estimate in estimates if not estimate.absent} - {"reference"}
    if never_suspends or verdicts == {"equivalent"}:
        return "construct"
    return "loop" if verdicts & {"faster", "slower"} else "unproven"
