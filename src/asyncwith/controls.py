"""Controls: ratios that are known, and what was seen of them. Where one is broken, its question proves nothing.

Four kinds. The reference loop differs from itself by nothing. What never suspends costs the same on every loop. A ratio is the
same at the end of a block as at its beginning, and in the last blocks as in the first. And it is the same where each loop has a
process of its own: loops that share one share its caches, its allocator and its specialised bytecode.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import fmean, median

from asyncwith.blocks import Block, Record
from asyncwith.costs import Control, ControlKind
from asyncwith.rounds import Rounds
from asyncwith.statistics import CONFIDENCE, MARGIN, Interval, interval, interval_between

__all__ = ["Known", "family", "known", "known_between", "ratios_alone"]

LEAST = 2  # blocks, or there is no interval

Known = tuple[ControlKind, str, Record, Callable[..., Interval]]  # with a name, and the ratio with a given `confidence`


def known(kind: ControlKind, name: str, arm: Record, ratios: Sequence[float]) -> Iterable[Known]:
    """Yield a ratio that is known to be 1, if there are enough blocks."""
    if len(ratios) >= LEAST:
        yield kind, name, arm, partial(interval, ratios)


def known_between(
    kind: ControlKind, name: str, arm: Record, some: Sequence[float], others: Sequence[float]
) -> Iterable[Known]:
    """Yield the ratio of the `others` to `some`, two sets of blocks in which it is the same, if there are enough."""
    if min(len(some), len(others)) >= LEAST:
        yield kind, name, arm, partial(interval_between, some, others)


def family(controls: Sequence[Known]) -> list[Control]:
    """Judge controls; intervals are so wide that luck breaks one of a sound family in 5 % of cases and not in more."""
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(controls))
    return [_control(kind, name, arm, ratio(confidence=confidence)) for kind, name, arm, ratio in controls]


def _control(kind: ControlKind, name: str, arm: Record, ratio: Interval) -> Control:
    held = not ratio.beyond(MARGIN)
    why = "" if held else f"{ratio.low:.3f} to {ratio.high:.3f}, where nothing can differ by more than {MARGIN:.0%}"
    return Control(name, arm.question, arm.name, arm.size, ratio.middle, ratio.low, ratio.high, held, why, kind)


def ratios_alone(blocks: Iterable[Block], reference: str) -> dict[tuple[str, str], list[float]]:
    """Return by arm and loop the logarithm of the ratio in each turn in which both loops had a process of their own.

    Between two processes the pace of the machine changes. What never suspends tells by how much, and that is left out.
    """
    turns: dict[str, dict[str, Block]] = defaultdict(dict)
    for block in sorted(blocks, key=lambda block: block.id):
        turns[block.alone or ""][block.reference] = block
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for turn in turns.values():
        its = {loop: _levels(block, loop) for loop, block in turn.items()}
        base = its.pop(reference, {})
        for loop, levels in its.items():
            ratios = {label: level - base[label][0] for label, (level, _) in levels.items() if label in base}
            for label, ratio in ratios.items():
                pace = [ratios[other] for other in ratios if other != label and levels[other][1]]
                found[label, loop].append(ratio - (fmean(pace) if pace else 0.0))
    return found


def _levels(block: Block, loop: str) -> dict[str, tuple[float, bool]]:
    """Return by arm the logarithm of what it took, and whether it never suspends."""
    rounds = Rounds(block)
    return {
        record.label: (median(rounds.logs(record, [*record.slices[loop], *record.again])), record.control)
        for record in block.records
        if loop in record.slices
    }
