"""Pictures of ratios with their intervals: loops beside the reference loop, and forms beside the floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from asyncwith.report.canvas import colour, new_canvas, short
from asyncwith.report.model import Cell, Costs, Interval, Question
from asyncwith.report.svg import BAND, SOFT
from asyncwith.report.words import half_width, times

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_floor", "draw_ratios"]

LETTER = 0.0105  # of the width, for one letter of a label
ROW = 0.2  # inches for one loop of one arm
MOST_ROWS = 60  # a taller picture is not looked at; the table has every figure
DRAWABLE = (1e-6, 1e6)  # beyond them only the table can tell
TICKS_NEAR = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20, 50)
TICKS_FAR = tuple(10.0**power for power in (*range(-6, -1), *range(2, 7)))


@dataclass(frozen=True)
class _Mark:
    """One ratio to draw."""

    row: str
    loop: str
    ratio: Interval
    hollow: bool
    note: str


def draw_ratios(question: Question, costs: Costs, name: str) -> Markup | None:
    """Draw what every arm costs on each loop as a ratio to the reference loop; a mark is full where a difference is proven."""
    marks = [
        _Mark(
            _row(cell),
            cell.loop,
            cell.ratio,
            cell.verdict not in ("faster", "slower"),
            _note(cell, cell.ratio, cell.verdict),
        )
        for cell in question.cells
        if cell.loop != costs.reference and not cell.not_timed and cell.ratio
    ]
    axis = f"time on the loop ÷ time on {costs.reference}   (left of 1: faster)"
    return _draw(marks, costs, name, f"{question.name}: time relative to {costs.reference}", axis, costs.margin)


def draw_floor(question: Question, costs: Costs, name: str) -> Markup | None:
    """Draw what every form costs as a multiple of the floor arm on the same loop."""
    marks = [
        _Mark(_row(cell), cell.loop, cell.of_floor, hollow=False, note=_note(cell, cell.of_floor, "of the floor"))
        for cell in question.cells
        if not cell.not_timed and cell.of_floor
    ]
    title = f"{question.name}: what each form costs relative to its floor"
    return _draw(marks, costs, name, title, "time ÷ time of the floor on the same loop", 0)


def _row(cell: Cell) -> str:
    arm = short(cell.arm, 34)
    return arm if cell.size is None else f"{arm}, {cell.size:,}"


def _note(cell: Cell, ratio: Interval, words: str) -> str:
    return f"{_row(cell)}, {cell.loop}: {times(ratio.value)} {half_width(ratio)} {words}"


def _draw(marks: Sequence[_Mark], costs: Costs, name: str, title: str, axis: str, margin: float) -> Markup | None:
    marks = [mark for mark in marks if DRAWABLE[0] < mark.ratio.low and mark.ratio.high < DRAWABLE[1]]
    series = {loop: at for at, loop in enumerate(costs.loops) if any(mark.loop == loop for mark in marks)}
    rows = list(dict.fromkeys(mark.row for mark in marks))[: MOST_ROWS // max(1, len(series))]
    if not rows:
        return None
    marks = [mark for mark in marks if mark.row in rows]
    height = ROW * max(len(series), 2) * len(rows) + 1.0
    with new_canvas(name, height) as canvas:
        panel = canvas.figure.subplots()
        left = 0.04 + LETTER * max(map(len, rows))
        canvas.figure.subplots_adjust(left=left, right=0.98, top=1 - 0.45 / height, bottom=0.55 / height)
        _scale(panel, min(1 / 1.1, *(mark.ratio.low for mark in marks)), max(1.1, *(mark.ratio.high for mark in marks)))
        if margin:
            panel.axvspan(1 - margin, 1 + margin, color=BAND, linewidth=0)
        panel.axvline(1, color=SOFT, linewidth=1)
        for mark in marks:
            number = series[mark.loop]
            y = rows.index(mark.row) + ((list(series).index(mark.loop) + 0.5) / len(series) - 0.5) * 0.8
            ends = [mark.ratio.low, mark.ratio.high]
            panel.plot(ends, [y, y], color=colour(number), linewidth=1.6, solid_capstyle="butt")
            canvas.mark(panel, (mark.ratio.value, y), number, mark.note, hollow=mark.hollow)
        panel.set_yticks(range(len(rows)), rows)
        panel.set_ylim(len(rows) - 0.45, -0.55)
        panel.set_xlabel(axis)
        canvas.legend(series)
        return canvas.finish(title, "; ".join(canvas.notes.values()) + ".")


def _scale(panel: Axes, low: float, high: float) -> None:
    """Give the axis of ratios ticks that a person would choose, no two of them so near that their labels touch."""
    span = math.log(high / low) * 1.1
    kept = [1.0]
    for tick in sorted((*TICKS_NEAR, *TICKS_FAR), key=lambda tick: abs(math.log(tick))):
        if low / 1.02 <= tick <= high * 1.02 and min(abs(math.log(tick / other)) for other in kept) > span / 11:
            kept.append(tick)
    panel.set_xscale("log")
    panel.set_xlim(low * math.exp(-span * 0.04), high * math.exp(span * 0.04))
    panel.set_xticks(kept, [f"{tick:g}×" for tick in kept])
    panel.minorticks_off()
    panel.grid(visible=True, axis="x")
