"""The picture of how the cost of a form grows with size."""

from __future__ import annotations

import math

from markupsafe import Markup

from asyncwith.report.canvas import colour, new_canvas, short, ticks_between
from asyncwith.report.model import Costs, Question
from asyncwith.report.words import duration

__all__ = ["draw_scaling"]

ACROSS, PANEL, AROUND = 3, 2.4, 0.7  # panels side by side; inches of one, and of what stands around them
Point = tuple[int, float]  # size and seconds per unit


def draw_scaling(question: Question, costs: Costs, name: str) -> Markup | None:
    """Draw seconds per unit against size, both logarithmic, one panel per form that was measured at several sizes."""
    arms = {arm: lines for arm, lines in _points(question).items() if any(len(line) > 1 for line in lines.values())}
    if not arms:
        return None
    across = min(ACROSS, len(arms))
    down = math.ceil(len(arms) / across)
    height = PANEL * down + AROUND
    every = [seconds for lines in arms.values() for line in lines.values() for _, seconds in line]
    low, high = min(every) / 1.6, max(every) * 1.6
    ticks = ticks_between(low, high)
    with new_canvas(name, height) as canvas:
        panels = canvas.figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        sides = {"left": 0.11, "right": 0.98, "top": 1 - 0.6 / height, "bottom": 0.55 / height}
        canvas.figure.subplots_adjust(**sides, hspace=0.3, wspace=0.1)
        for panel in panels.flat[len(arms) :]:
            panel.set_visible(False)
        for panel, (arm, lines) in zip(panels.flat, arms.items(), strict=False):
            panel.set(title=short(arm, 32), xscale="log", yscale="log", ylim=(low, high))
            panel.grid(visible=True)
            panel.minorticks_off()
            panel.xaxis.set_major_formatter(lambda size, _: f"{size:,.0f}")
            panel.set_yticks(ticks, [duration(tick) for tick in ticks])
            for series, loop in enumerate(costs.loops):
                line = lines.get(loop, [])
                panel.plot(
                    [size for size, _ in line], [seconds for _, seconds in line], color=colour(series), linewidth=1.4
                )
                for size, seconds in line:
                    note = f"{arm}, {size:,}, {loop}: {duration(seconds)}"
                    canvas.mark(panel, (size, seconds), series, note)
        for panel in panels.flat[len(arms) - across : len(arms)]:  # those with nothing below
            panel.set_xlabel("size")
            panel.tick_params(labelbottom=True)
        canvas.legend({loop: at for at, loop in enumerate(costs.loops)})
        grown = [each for each in costs.growth if each.question == question.name]
        words = [f"{each.arm} on {each.loop}: the whole grows with the power {each.power:.2f}" for each in grown]
        return canvas.finish(f"{question.name}: {question.of} against size", "; ".join(words) + ".")


def _points(question: Question) -> dict[str, dict[str, list[Point]]]:
    """Return by arm and loop what can stand on a logarithmic scale, in order of size."""
    found: dict[str, dict[str, list[Point]]] = {}
    for cell in sorted(question.cells, key=lambda cell: cell.size or 0):
        if cell.size and cell.seconds and cell.seconds.value > 0:
            found.setdefault(cell.arm, {}).setdefault(cell.loop, []).append((cell.size, cell.seconds.value))
    return found
