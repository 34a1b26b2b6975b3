"""What all pictures of the report share: their size, style and colours, marks with tooltips, a legend, and their end as SVG.

matplotlib is imported here and nowhere else, and only when there is something to draw.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from asyncwith.report.svg import INK, RULE, SERIES, inline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Canvas", "colour", "new_canvas", "short", "ticks_between"]

WIDTH = 7.6  # inches, at 72 units each; the page scales it
MOST_TICKS = 6
MARKERS = "osD^vP"  # as many as there are colours, so that neither tells alone
STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # an arm may be called `$`
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "xtick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0,
}


@dataclass(frozen=True)
class Canvas:
    """A figure to draw on, and the tooltips of the marks in it."""

    figure: Figure
    name: str
    notes: dict[str, str] = field(default_factory=dict)

    def mark(self, panel: Axes, at: tuple[float, float], series: int, note: str, *, hollow: bool = False) -> None:
        """Draw one figure as a mark of its series, which tells `note` when it is pointed at."""
        gid = f"mark-{len(self.notes)}"
        self.notes[gid] = note
        look = _look(series) | ({"markerfacecolor": "none"} if hollow else {})
        panel.plot([at[0]], [at[1]], gid=gid, markersize=5.5, **look)

    def legend(self, series: Mapping[str, int]) -> None:
        """Tell above the picture which mark is which loop."""
        from matplotlib.lines import Line2D  # noqa: PLC0415 - as in `new_canvas`

        handles = [Line2D([], [], **_look(number)) for number in series.values()]
        labels = [short(loop, 24) for loop in series]
        across = min(4, len(labels))
        self.figure.legend(handles, labels, loc="upper left", bbox_to_anchor=(0, 1), ncols=across, handletextpad=0.1)

    def finish(self, title: str, description: str) -> Markup:
        """Return the picture as an element of a page."""
        buffer = io.StringIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a name may hold letters that the font here lacks; the reader's has them
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        element = inline(buffer.getvalue(), name=self.name, title=title, description=description, notes=self.notes)
        return Markup(element)  # noqa: S704 - names went through the XML writer


@contextmanager
def new_canvas(name: str, height: float) -> Iterator[Canvas]:
    """Give a canvas of `height` inches in our style, without changing that of a program that draws pictures of its own."""
    import matplotlib as mpl  # noqa: PLC0415 - half a second that a report without costs need not pay
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        yield Canvas(Figure(figsize=(WIDTH, height)), name)


def colour(series: int) -> str:
    """Return the colour of a series."""
    return SERIES[series % len(SERIES)]


def _look(series: int) -> dict[str, Any]:
    return {"color": colour(series), "marker": MARKERS[series % len(MARKERS)], "linestyle": "none"}


def short(text: str, longest: int) -> str:
    """Return `text`, cut if it is longer than there is room for."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def ticks_between(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of every power of ten between the bounds, or as many of the powers as there is room for."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [step * 10.0**power for power in powers for step in (1, 2, 5) if low <= step * 10.0**power <= high]
    coarse = [10.0**power for power in powers if low <= 10.0**power <= high]
    return fine if len(fine) <= MOST_TICKS else coarse[:: len(coarse) // MOST_TICKS + 1]
