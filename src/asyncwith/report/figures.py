"""The pictures of the costs pages, drawn by matplotlib, which is imported here only and only when there are costs."""

from __future__ import annotations

import functools
import io
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from asyncwith.report.model import Cell, Costs, Interval, Question
from asyncwith.report.svg import BAND, INK, RULE, SERIES, SOFT, inline
from asyncwith.report.words import duration, half_width, times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_floor", "draw_ratios", "draw_scaling", "growth"]

MARKERS = "osD^vP"  # as many as there are colours, so that neither tells alone
WIDTH = 7.6  # inches, at 72 units each; the page scales it
LETTER = 0.0105  # of the width, for one letter of a label
ROW = 0.2  # inches for one loop of one arm
MOST_ROWS = 60  # a taller picture is not looked at; the table has every figure
MOST_TICKS = 6
DRAWABLE = (1e-6, 1e6)  # ratios; beyond them only the table can tell
TICKS = (
    *(10.0**e for e in range(-6, -1)),
    0.02,
    0.05,
    0.1,
    0.2,
    0.3,
    0.5,
    0.7,
    0.8,
    0.9,
    1,
    1.1,
    1.25,
    1.5,
    2,
    3,
    5,
    10,
    20,
    50,
)
TICKS_BEYOND = tuple(10.0**e for e in range(2, 7))
STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # an arm may be called `$`
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "xtick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


Draw = Callable[[Question, Costs, str], "Markup | None"]


def _styled(draw: Draw) -> Draw:
    """Draw in our style, without changing that of a program which draws pictures of its own."""

    @functools.wraps(draw)
    def styled(question: Question, costs: Costs, name: str) -> Markup | None:
        import matplotlib as mpl  # noqa: PLC0415 - half a second that a report without costs need not pay

        with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
            return draw(question, costs, name)

    return styled


@_styled
def draw_ratios(question: Question, costs: Costs, name: str) -> Markup | None:
    """Draw what every arm costs on each loop as a ratio to the reference loop, with intervals."""
    loops = [loop for loop in costs.loops if loop != costs.reference]
    marks = [(cell, cell.ratio) for cell in question.cells if cell.loop in loops and not cell.not_timed]
    return _forest(
        marks,
        loops,
        name=name,
        axis=f"time on the loop ÷ time on {costs.reference}   (left of 1: faster)",
        title=f"{question.name}: time relative to {costs.reference}",
        margin=costs.margin,
        costs=costs,
    )


@_styled
def draw_floor(question: Question, costs: Costs, name: str) -> Markup | None:
    """Draw what every form costs as a multiple of the floor arm on the same loop."""
    marks = [(cell, cell.of_floor) for cell in question.cells if not cell.not_timed]
    return _forest(
        marks,
        list(costs.loops),
        name=name,
        axis="time ÷ time of the floor on the same loop",
        title=f"{question.name}: what each form costs relative to its floor",
        margin=None,
        costs=costs,
    )


@_styled
def draw_scaling(question: Question, costs: Costs, name: str) -> Markup | None:
    """Draw the arms that were measured at several sizes: seconds per unit against size, both logarithmic."""
    sized = [cell for cell in question.cells if cell.size and cell.seconds is not None and cell.seconds.value > 0]
    arms = [
        arm for arm in dict.fromkeys(cell.arm for cell in sized) if len({c.size for c in sized if c.arm == arm}) > 1
    ]
    if not arms:
        return None
    across = min(3, len(arms))
    down = -(-len(arms) // across)
    notes: dict[str, str] = {}
    figure = _figure(2.4 * down + 0.7)
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    top = 0.6 / (2.4 * down + 0.7)
    figure.subplots_adjust(left=0.11, right=0.98, top=1 - top, bottom=0.55 / (2.4 * down + 0.7), hspace=0.3, wspace=0.1)
    low, high = (bound * edge for bound, edge in zip(_bounds(sized), (1 / 1.6, 1.6), strict=True))
    ticks = _decimal_ticks(low, high)
    for at, panel in enumerate(panels.flat):
        if at >= len(arms):
            panel.set_visible(False)
            continue
        panel.set(xscale="log", yscale="log")
        panel.set_title(_short(arms[at], 32), loc="left", fontsize=10, color=INK)
        panel.grid(visible=True, color=RULE, linewidth=0.6)
        panel.minorticks_off()
        panel.tick_params(length=0)
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        panel.set_ylim(low, high)
        panel.set_yticks(ticks, [duration(tick) for tick in ticks])
        for series, loop in enumerate(costs.loops):
            line = sorted((c for c in sized if c.arm == arms[at] and c.loop == loop), key=lambda c: c.size or 0)
            xs, ys = [c.size or 0 for c in line], [c.seconds.value for c in line if c.seconds]
            look = _look(series)
            panel.plot(xs, ys, color=look["color"], linewidth=1.4)
            for cell, x, y in zip(line, xs, ys, strict=True):
                gid = f"mark-{at}-{series}-{x}"
                notes[gid] = f"{cell.arm}, {x:,}, {loop}: {duration(y)} {question.of}"
                panel.plot([x], [y], gid=gid, linestyle="none", markersize=5, **look)
    _legend(figure, list(costs.loops))
    for panel in panels[-1]:
        panel.set_xlabel("size")
    title = f"{question.name}: {question.of} against size"
    return _finish(figure, name, title, _scaling_words(question), notes)


def _bounds(cells: Iterable[Cell]) -> tuple[float, float]:
    values = [cell.seconds.value for cell in cells if cell.seconds]
    return min(values), max(values)


def _decimal_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of every power of ten between the bounds, or as many of the powers as there is room for."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [step * 10.0**power for power in powers for step in (1, 2, 5) if low <= step * 10.0**power <= high]
    coarse = [10.0**power for power in powers if low <= 10.0**power <= high]
    return fine if len(fine) <= MOST_TICKS else coarse[:: len(coarse) // MOST_TICKS + 1]


def growth(question: Question) -> dict[str, dict[str, float]]:
    """Return by arm and loop the exponent of size with which the *whole* time grows: 1 is linear."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for cell in question.cells:
        if cell.size and cell.seconds and cell.seconds.value > 0:
            point = (math.log(cell.size), math.log(cell.seconds.value * cell.size))
            points.setdefault((cell.arm, cell.loop), []).append(point)
    found: dict[str, dict[str, float]] = {}
    for (arm, loop), line in points.items():
        if len(line) > 2:  # noqa: PLR2004 - two points always lie on a line
            mean_x, mean_y = (sum(values) / len(line) for values in zip(*line, strict=True))
            across = sum((x - mean_x) ** 2 for x, _ in line)
            found.setdefault(arm, {})[loop] = sum((x - mean_x) * (y - mean_y) for x, y in line) / across
    return found


def _forest(
    marks: Iterable[tuple[Cell, Interval | None]],
    loops: Sequence[str],
    *,
    name: str,
    axis: str,
    title: str,
    margin: float | None,
    costs: Costs,
) -> Markup | None:
    shown = [(cell, each) for cell, each in marks if each and DRAWABLE[0] < each.low and each.high < DRAWABLE[1]]
    rows = list(dict.fromkeys(_row(cell) for cell, _ in shown))[: MOST_ROWS // max(1, len(loops))]
    if not rows:
        return None
    step = ROW * max(len(loops), 2)
    height = step * len(rows) + 1.0
    notes: dict[str, str] = {}
    figure = _figure(height)
    panel = figure.subplots()
    figure.subplots_adjust(
        left=0.04 + LETTER * max(map(len, rows)), right=0.98, top=1 - 0.45 / height, bottom=0.55 / height
    )
    panel.set_xscale("log")
    told = []
    for cell, each in shown:
        if _row(cell) not in rows:
            continue
        series, nth = list(costs.loops).index(cell.loop), loops.index(cell.loop)
        y = rows.index(_row(cell)) + ((nth + 0.5) / len(loops) - 0.5) * 0.8
        look, gid = _look(series), f"mark-{len(notes)}"
        if margin is not None and cell.verdict in ("equivalent", "unproven"):
            look["markerfacecolor"] = "none"
        panel.plot([each.low, each.high], [y, y], color=look["color"], linewidth=1.6, solid_capstyle="butt")
        panel.plot([each.value], [y], gid=gid, linestyle="none", markersize=5.5, **look)
        words = f" {cell.verdict}" if margin is not None else ""
        notes[gid] = f"{_row(cell)}, {cell.loop}: {times(each.value)} {half_width(each)}{words}"
        told.append(notes[gid])
    low = min(1 / 1.1, *(each.low for _, each in shown))
    high = max(1.1, *(each.high for _, each in shown))
    _scale(panel, low, high, axis)
    if margin is not None:
        panel.axvspan(1 - margin, 1 + margin, color=BAND, linewidth=0)
    panel.axvline(1, color=SOFT, linewidth=1)
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - 0.45, -0.55)
    panel.tick_params(axis="y", length=0)
    _legend(figure, loops, costs)
    return _finish(figure, name, title, "; ".join(told) + ".", notes)


def _scale(panel: Axes, low: float, high: float, label: str) -> None:
    """Give the axis of ratios ticks that a person would choose, no two of them so near that their labels touch."""
    span = math.log(high / low) * 1.1
    panel.set_xlim(low * math.exp(-span * 0.04), high * math.exp(span * 0.04))
    kept: list[float] = [1.0]
    for tick in sorted((*TICKS, *TICKS_BEYOND), key=lambda tick: abs(math.log(tick))):
        if low / 1.02 <= tick <= high * 1.02 and min(abs(math.log(tick / other)) for other in kept) > span / 11:
            kept.append(tick)
    panel.set_xticks(kept, [f"{tick:g}×" for tick in kept])
    panel.minorticks_off()
    panel.tick_params(axis="x", length=0)
    panel.grid(visible=True, axis="x", color=RULE, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.set_xlabel(label, fontsize=10)


def _figure(height: float) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - as in `_styled`

    return Figure(figsize=(WIDTH, height))


def _look(series: int) -> dict[str, Any]:
    return {"color": SERIES[series % len(SERIES)], "marker": MARKERS[series % len(MARKERS)]}


def _legend(figure: Figure, loops: Sequence[str], costs: Costs | None = None) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - as in `_styled`

    order = list(costs.loops) if costs else list(loops)
    handles = [Line2D([], [], linestyle="none", **_look(order.index(loop))) for loop in loops]
    labels = [_short(loop, 24) for loop in loops]
    figure.legend(handles, labels, loc="upper left", ncols=min(4, len(loops)), bbox_to_anchor=(0, 1), handletextpad=0.1)


def _finish(figure: Figure, name: str, title: str, description: str, notes: Mapping[str, str]) -> Markup:
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # a name may hold letters that the font at hand lacks; the reader's will have them
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return Markup(inline(buffer.getvalue(), name=name, title=title, description=description, notes=notes))  # noqa: S704


def _scaling_words(question: Question) -> str:
    grown = ((arm, loop, power) for arm, powers in growth(question).items() for loop, power in powers.items())
    return "; ".join(
        f"{arm} on {loop}: the whole grows as size to the power of {power:.2f}" for arm, loop, power in grown
    )


def _row(cell: Cell) -> str:
    arm = _short(cell.arm, 34)
    return arm if cell.size is None else f"{arm}, {cell.size:,}"


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
