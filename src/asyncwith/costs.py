"""What things cost: the tables of the report, as plain data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from asyncwith.blocks import replace_file
from asyncwith.statistics import Interval, Word

__all__ = [
    "Cell",
    "Control",
    "ControlKind",
    "Costs",
    "Estimate",
    "Growth",
    "Owner",
    "QuestionCosts",
    "Term",
    "write_costs",
]

FORMAT = 1

Owner = Literal["loop", "construct", "unproven"]
ControlKind = Literal["itself", "never suspends", "drift", "alone"]


@dataclass(frozen=True)
class Control:
    """A ratio that is known to be 1, and what was seen of it: broken when it is proven to differ by more than the margin."""

    name: str
    question: str
    arm: str
    size: int | None
    ratio: float
    low: float
    high: float
    held: bool
    why: str
    kind: ControlKind


@dataclass(frozen=True)
class Cell:
    """One arm on one loop. Times are seconds per operation, or per unit of the size if there is one, without the empty loop.

    `ratio` is to the reference loop, `of_floor` to the last floor before it on the same loop; each comes with the bounds of
    its interval. `agree` is false where CPU time contradicts wall time. A cell with `not_timed` has no figures. `held` tells
    which clauses its constructs were judged by. The last three have an item per block: seconds, ratio, and how many operations
    these are of.
    """

    arm: str
    size: int | None
    loop: str
    control: bool
    command: str
    not_timed: str | None = None
    held: str = ""
    seconds: float | None = None
    low: float | None = None
    high: float | None = None
    cpu_seconds: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    verdict: Word | Literal["reference"] = "unproven"
    agree: bool = True
    of_floor: float | None = None
    of_floor_low: float | None = None
    of_floor_high: float | None = None
    values: tuple[float, ...] = ()
    ratios: tuple[float, ...] = ()
    operations: tuple[int, ...] = ()

    @property
    def half_width(self) -> float:
        """Half the width of the ratio's interval as a fraction; 0 where there is none."""
        if self.ratio is None or self.ratio_low is None or self.ratio_high is None:
            return 0.0
        return Interval(self.ratio, self.ratio_low, self.ratio_high).half_width


@dataclass(frozen=True)
class QuestionCosts:
    """The table that answers one question."""

    name: str
    asks: str
    of: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Estimate:
    """A term of the cost model on one loop: seconds with their interval, or in `absent` the reason why there are none.

    `ratio` is to the same term on the reference loop.
    """

    loop: str
    absent: str = ""
    seconds: float | None = None
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    verdict: Word | Literal["reference"] = "unproven"


@dataclass(frozen=True)
class Term:
    """One building block of what a statement costs, and how its figure comes from the arms.

    `owner` tells what the term belongs to: the loop if it is proven to differ between loops, the construct if that is proven to
    cost the same on all of them or never reaches any.
    """

    name: str
    formula: str
    owner: Owner
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class Growth:
    """With which power of the size the whole cost of an arm grows, between two sizes: 1 is linear.

    `faster` is true where the power is proven to be greater than caches would explain.
    """

    question: str
    arm: str
    loop: str
    smallest: int
    largest: int
    power: float
    low: float
    high: float
    faster: bool


@dataclass(frozen=True)
class Costs:
    """All that a set of blocks says. `holds` is false when a control is broken; its question then proves nothing.

    `turns` is how often each loop was measured in a process of its own.
    """

    provenance: dict[str, Any]
    reference: str
    loops: dict[str, str]
    confidence: float
    margin: float
    until: float
    blocks: int
    seconds: float
    holds: bool
    controls: tuple[Control, ...]
    questions: tuple[QuestionCosts, ...]
    turns: int = 0
    terms: tuple[Term, ...] = ()
    growth: tuple[Growth, ...] = ()

    @property
    def half_width(self) -> float:
        """Half the width of the widest interval of a ratio."""
        return max((cell.half_width for question in self.questions for cell in question.cells), default=0.0)


def write_costs(costs: Costs, directory: Path) -> Path:
    """Write `costs.json` into the directory of a run."""
    path = directory / "costs.json"
    replace_file(path, json.dumps({"format": FORMAT, **asdict(costs)}, indent=1, allow_nan=False) + "\n")
    return path
