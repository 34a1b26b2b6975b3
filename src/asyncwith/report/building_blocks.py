"""The cost model on the page: its table, its picture, and the same terms in instructions where these were counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from asyncwith.cost_model import CONTRASTS, MissingError
from asyncwith.costs import Estimate, Term
from asyncwith.report.canvas import colour, new_canvas, short, ticks_between
from asyncwith.report.model import Address, Costs, Witness
from asyncwith.report.words import duration

__all__ = ["Building", "building_blocks", "draw_terms"]

ROW, AROUND = 0.24, 1.0  # inches for one loop of one term, and for what stands around them
DRAWABLE = (1e-12, 1e6)  # seconds; beyond them only the table can tell
LETTER = 0.0105  # of the width, for one letter of a name
LONGEST = 34  # letters


@dataclass(frozen=True)
class Building:
    """One term with its estimates, and by loop its instructions where they were counted."""

    term: Term
    instructions: Mapping[str, float]

    @property
    def absent(self) -> list[str]:
        """Why it has no figures, or none on some loops."""
        return list(dict.fromkeys(each.absent for each in self.term.estimates if each.absent))

    @property
    def is_there(self) -> bool:
        """Whether any loop has it."""
        return any(not each.absent for each in self.term.estimates)


def building_blocks(costs: Costs, instructions: Mapping[Address, Witness]) -> list[Building]:
    """Return the terms of a run in the order of the model."""
    figures: dict[str, dict[str, dict[int | None, float]]] = {}
    for (question, arm, size, loop), witness in instructions.items():
        figures.setdefault(loop, {}).setdefault(f"{question}: {arm}", {})[size] = witness.figure
    counted: dict[str, dict[str, float]] = {}
    for contrast in CONTRASTS:
        for loop, its in figures.items():
            try:
                counted.setdefault(contrast.name, {})[loop] = contrast.of(its)
            except MissingError:
                continue  # the table shows its place empty
    return [Building(term, counted.get(term.name, {})) for term in costs.terms]


def draw_terms(costs: Costs, name: str) -> Markup | None:
    """Draw each term on each loop on one scale of time; a mark is full where it is proven to differ from the reference."""
    rows = [term for term in costs.terms if any(_drawable(each) for each in term.estimates)]
    if not rows:
        return None
    series = {loop: at for at, loop in enumerate(costs.loops)}
    ends = [
        (each.seconds, each.low, each.high)
        for term in rows
        for each in term.estimates
        if each.seconds is not None and each.low is not None and each.high is not None and _drawable(each)
    ]
    # An interval that reaches below zero is cut at the edge, which lies below every figure.
    least = min(low if low > 0 else middle / 2 for middle, low, _ in ends) / 1.3
    most = max(high for _, _, high in ends) * 1.3
    height = ROW * max(2, len(series)) * len(rows) + AROUND
    with new_canvas(name, height) as canvas:
        panel = canvas.figure.subplots()
        left = 0.04 + LETTER * max(len(short(term.name, LONGEST)) for term in rows)
        canvas.figure.subplots_adjust(left=left, right=0.98, top=1 - 0.45 / height, bottom=0.55 / height)
        panel.set(xscale="log", xlim=(least, most), ylim=(len(rows) - 0.45, -0.55))
        panel.grid(visible=True, axis="x")
        panel.minorticks_off()
        ticks = ticks_between(least, most)
        panel.set_xticks(ticks, [duration(tick) for tick in ticks])
        for at, term in enumerate(rows):
            for each in term.estimates:
                if each.seconds is None or each.low is None or each.high is None or not _drawable(each):
                    continue
                number = series[each.loop]
                y = at + ((number + 0.5) / len(series) - 0.5) * 0.8
                panel.plot([max(each.low, least), each.high], [y, y], color=colour(number), linewidth=1.6)
                note = f"{term.name}, {each.loop}: {duration(each.seconds)} ({duration(each.low)} to {duration(each.high)})"
                canvas.mark(panel, (each.seconds, y), number, note, hollow=each.verdict not in ("faster", "slower"))
        panel.set_yticks(range(len(rows)), [f"{short(term.name, LONGEST)}\n{term.owner}" for term in rows])
        panel.set_xlabel("time of one")
        canvas.legend(series)
        return canvas.finish("what each building block costs", "; ".join(canvas.notes.values()) + ".")


def _drawable(estimate: Estimate) -> bool:
    return (
        estimate.seconds is not None
        and estimate.high is not None
        and DRAWABLE[0] < estimate.seconds < estimate.high < DRAWABLE[1]
    )
