"""What a set of blocks says of each cell, block by block: what one operation takes in the fastest of its slices.

Of the rounds of a block the fastest tenth counts. Within a round the noise of two loops cancels, whatever it is; between blocks
it does not, and what others do on the machine only ever adds time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from asyncwith.arms import label
from asyncwith.blocks import Block, Slice
from asyncwith.costs import Cell
from asyncwith.deriving import derive_from

__all__ = ["Figure", "Figures", "Run", "beside"]

SMALLEST = 1e-3  # ns; what is left of an arm that costs no more than the empty loop, so that it has a logarithm


@dataclass(frozen=True)
class Figure:
    """What one operation took in one block, or its ratio to the yardstick, as logarithms."""

    wall: float
    cpu: float


Figures = dict[str, Figure]  # by block, or by turn


class Run:
    """One set of blocks by id, or by turn, and its cells by name."""

    def __init__(self, blocks: Mapping[str, Block]) -> None:
        self.costs = derive_from([*blocks.values()])
        self.origin = self.costs.provenance
        self.versions = dict(self.origin["packages"])
        self.digests: dict[str, str] = {}
        for block in blocks.values():
            self.versions |= block.loops
            self.digests |= block.digests
        self.blocks = [
            (key, block, {record.label: record for record in block.records}) for key, block in blocks.items()
        ]
        self.cells: dict[tuple[str, str, str], Cell] = {
            (question.name, label(question.name, cell.arm, cell.size), cell.loop): cell
            for question in self.costs.questions
            for cell in question.cells
        }
        self.arms = {arm for _, arm, _ in self.cells}

    @property
    def name(self) -> str:
        """Return which Python it is a run of, and in which environment if it is known."""
        prefixes = dict.fromkeys(block.conditions.get("prefix") for _, block, _ in self.blocks)
        places = "".join(f" in {prefix}" for prefix in prefixes if isinstance(prefix, str))
        return f"{self.origin['implementation']} {self.origin['python']}{places}"

    def yardstick(self, question: str) -> str | None:
        """Return the label of the floor of a question if it never reaches the loop."""
        floors = (
            name
            for _, _, records in self.blocks
            for name, record in records.items()
            if record.question == question and record.floor and record.control
        )
        return next(floors, None)

    def rounds(self, arm: str) -> dict[str, int]:
        """Return how many rounds of an arm each block has that has it."""
        return {
            key: max(map(len, records[arm].slices.values()), default=0)
            for key, _, records in self.blocks
            if arm in records
        }

    def figures(self, arm: str, loops: Iterable[str], rounds: Mapping[str, int]) -> Figures:
        """Return what one operation takes in each block or turn, in so many rounds of it, on all of these loops together."""
        figures = {}
        for key, block, records in self.blocks:
            first = slice(rounds.get(key, 0))
            slices = [each for loop in loops if arm in records for each in records[arm].slices.get(loop, [])[first]]
            if slices:
                wall = _fastest(slices) - _fastest(block.nothing[first])
                cpu = _cpu(slices) - _cpu(block.nothing)
                figures[key] = Figure(math.log(max(wall, SMALLEST)), math.log(max(cpu, SMALLEST)))
        return figures


def _fastest(slices: Sequence[Slice]) -> float:
    """Return in how many nanoseconds an operation is done in the fastest tenth of the slices."""
    spent = [wall / operations for operations, wall, _ in slices]
    return quantiles(spent, n=10, method="inclusive")[0] if len(spent) > 1 else spent[0]


def _cpu(slices: Sequence[Slice]) -> float:
    """Return the nanoseconds of CPU time of an operation. Summed, because some systems count it in ticks of 15 ms."""
    return sum(cpu for _, _, cpu in slices) / sum(operations for operations, _, _ in slices)


def beside(figures: Figures, yardstick: Figures) -> Figures:
    """Return the ratios to the yardstick, block by block, or of NEW to BASE, turn by turn."""
    return {
        key: Figure(figure.wall - yardstick[key].wall, figure.cpu - yardstick[key].cpu)
        for key, figure in figures.items()
        if key in yardstick
    }
