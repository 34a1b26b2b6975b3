"""The small picture of a cell: its blocks in the order in which they were measured, and the interval drawn from them.

Plain SVG, without the plotting library: there may be hundreds on a page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from asyncwith.report.model import Interval

__all__ = ["figures", "strip"]

WIDTH, HEIGHT, EDGE = 240, 44, 6


def strip(values: Sequence[float], interval: Interval | None, described: str) -> Markup:
    """Return dots for `values` from left to right, low ones below, with the interval as a band."""
    bounds = [*values, *((interval.low, interval.high) if interval else ())]
    if not values:
        return Markup("")
    low, high = min(bounds), max(bounds)
    span = high - low
    if not 0 < span < float("inf"):
        span = 1.0

    def y(value: float) -> float:
        return float(round(HEIGHT - EDGE - (value - low) / span * (HEIGHT - 2 * EDGE), 1))

    step = (WIDTH - 2 * EDGE) / len(values)
    drawn = "".join(
        f'<circle cx="{round(EDGE + (at + 0.5) * step, 1)}" cy="{y(value)}" r="2.5"/>'
        for at, value in enumerate(values)
    )
    if interval:
        thick = max(1.0, round(y(interval.low) - y(interval.high), 1))
        drawn = f'<rect x="0" y="{y(interval.high)}" width="{WIDTH}" height="{thick}"/>{drawn}'
    words = escape(described)
    frame = f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}"><title>{words}</title>'
    return Markup(f"{frame}{drawn}</svg>")  # noqa: S704 - numbers and escaped words


def figures(values: Sequence[float], in_words: Callable[[float], str]) -> Markup:
    """Return a number for each block as a row of a table."""
    cells = "".join(f'<td class="number">{escape(in_words(value))}</td>' for value in values)
    return Markup(cells)  # noqa: S704 - escaped
