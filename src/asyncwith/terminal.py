"""What the commands show in a terminal: progress on the standard error, answers on the standard output."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from asyncwith.comparison import Comparison
from asyncwith.conforming import Conformed
from asyncwith.costs import Cell, Costs, Estimate, QuestionCosts
from asyncwith.counters import Counted, CountedCell
from asyncwith.explain import common_causes
from asyncwith.exploring import Explored
from asyncwith.growth import faster_than_size
from asyncwith.hosts import NO_LOOP
from asyncwith.memory import Traced, TracedCell
from asyncwith.outcomes import Tally
from asyncwith.statistics import Interval

__all__ = [
    "Bar",
    "answer",
    "controls",
    "crosscheck",
    "duration",
    "note",
    "print_comparison",
    "print_conformed",
    "print_costs",
    "print_counted",
    "print_explored",
    "print_traced",
    "progress_bar",
    "say",
    "sentence",
    "table",
]

OUTCOMES = ("passed", "failed", "crashed", "timed out", "leaked", "flaky", "known", "noted", "not run")
WIDEST = 1_000  # characters of a table that goes into a file, so that none of its lines is broken
NARROWEST = (
    80  # likewise of one that is shown: a narrower terminal breaks its lines, where the table would leave out figures
)
STORIES_SHOWN = 20
CAUSES_SHOWN = 3
REASONS_SHOWN = 4


def answer() -> Console:
    """Return the console of the standard output; lines are as long as they are, so that they can be pasted."""
    console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDEST)
    console.width = max(console.width, NARROWEST)
    return console


def say(text: str) -> None:
    """Print one line on the standard output."""
    answer().print(Text(text))


def note(text: str) -> None:
    """Print one line on the standard error: about the run, not of its results."""
    Console(file=sys.stderr, soft_wrap=True, highlight=False).print(Text(text))


class Bar:
    """One progress bar; nothing is drawn where nobody looks."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=None, said="")

    def update(self, done: float, total: float, said: str) -> None:
        """Show that `done` of `total` is done, and a few words."""
        self._progress.update(self._task, completed=done, total=total, said=said)

    def tally(self, total: int, tally: Tally) -> None:
        """Show the state of a conformance run."""
        failing = f", [red]{len(tally.failing)} failing[/]" if tally.failing else ""
        self.update(tally.finished, total, f"{tally.finished} of {total} checks{failing}")


@contextmanager
def progress_bar(name: str) -> Iterator[Bar]:
    """Show a bar while the body runs."""
    console = Console(file=sys.stderr)  # bound now: pytest moves the streams about
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bar(progress, name)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> Table:
    """Return a plain table; with `numbers` all columns but the first stand to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="right" if numbers and number else "left", no_wrap=number == 0)
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def print_conformed(console: Console, conformed: Conformed) -> None:
    """Print the stories of what failed, the counts by loop, and the reasons of what was not run."""
    tally = conformed.tally
    for story in conformed.stories[:STORIES_SHOWN]:
        console.print(Text(story + "\n"))
    if len(conformed.stories) > STORIES_SHOWN:
        more = [f"… and {len(conformed.stories) - STORIES_SHOWN} more that fail"]
        causes = common_causes(tally.failing)[:CAUSES_SHOWN]
        more += [f"{count} of all that fail end with {cause}" for cause, count in causes]
        console.print(Text("\n".join(more) + "\n"))
    words = [word for word in OUTCOMES if any(counts[word] for counts in tally.outcomes.values())]
    rows = [
        [_loop_words(loop), *(str(counts[word] or "·") for word in words)] for loop, counts in tally.outcomes.items()
    ]
    console.print(table(["loop", *words], rows, numbers=True))
    for reason, count in tally.reasons.most_common(REASONS_SHOWN):
        console.print(Text(f"{count} not run: {reason}"), style="dim")
    for reason in conformed.absent.values():
        console.print(Text(f"not here: {reason}"), style="dim")
    console.print()


def print_explored(console: Console, explored: Sequence[Explored]) -> None:
    """Print how many programs ran on each loop, how many departed as is known, and what was found."""
    rows = []
    for each in explored:
        rate = f"{each.programs / each.seconds:,.0f}" if each.seconds else "·"
        counts = [f"{each.programs:,}", str(each.departed or "·"), str(len(each.findings) or "·"), rate]
        rows.append([_loop_words(each.loop), *counts, each.reason])
    console.print(table(["loop", "programs", "known", "found", "a second", ""], rows, numbers=True))
    console.print()


def _loop_words(loop: str) -> str:
    return "outside any loop" if loop == NO_LOOP else loop


def sentence(conformed: Conformed) -> str:
    """Return what came of a conformance run in one sentence."""
    tally = conformed.tally
    if not tally.judged:
        return "Nothing was judged"
    loops = ", ".join(conformed.loops)
    lost = tally.declared - tally.finished
    parts = [
        f"{_count(len(tally.failing), 'check')} of {tally.declared:,} on {loops} {'fails' if len(tally.failing) == 1 else 'fail'}"
    ]
    if tally.failing:
        first = tally.failing[0].check
        more = f" and {len(tally.failing) - 1} more" if len(tally.failing) > 1 else ""
        parts[0] += f" ({first.clause} on {_loop_words(first.loop)}{more})"
    else:
        parts = [
            f"All {tally.judged:,} checks that were judged on {loops} hold"
            + (f", but for {len(tally.known)} known departures" if tally.known else "")
        ]
    if lost:
        parts.append(f"{_count(lost, 'check')} {'was' if lost == 1 else 'were'} lost")
    return "; ".join(parts) + f" ({conformed.seconds:.1f} s)"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def print_costs(console: Console, costs: Costs) -> None:
    """Print a table per question, and whether the controls held."""
    for question in costs.questions:
        console.print(Text(f"{question.name}: {question.asks}"), style="bold")
        reference, *others = costs.loops
        floors = any(cell.of_floor is not None for cell in question.cells)
        headers = ["", f"{reference}, × floor" if floors else reference, *others]
        console.print(table(headers, _rows(question, costs), numbers=True))
        console.print()
    _print_terms(console, costs)
    for said in faster_than_size(costs.growth):
        console.print(Text(said))
    cells = [cell for question in costs.questions for cell in question.cells]
    reasons = Counter((cell.loop, cell.not_timed) for cell in cells if cell.not_timed)
    for (loop, reason), arms in reasons.most_common(REASONS_SHOWN):
        console.print(Text(f"{_count(arms, 'arm')} not timed on {loop}: {reason}"))
    broken = [control for control in costs.controls if not control.held]
    for control in broken[:REASONS_SHOWN]:
        console.print(Text(f"control broken: {control.name}, {control.question}, {control.arm}: {control.why}"))
    measured = f"{costs.blocks} blocks in {costs.seconds:.0f} s, {controls(costs)}, {crosscheck(costs)}."
    console.print(Text(measured), style="dim")


def _print_terms(console: Console, costs: Costs) -> None:
    """Print the cost model, if any of it is there, and what the rest lacks."""
    there = [term for term in costs.terms if not all(each.absent for each in term.estimates)]
    if not there:
        return
    console.print(Text("cost model: what each building block costs, and what that belongs to"), style="bold")
    rows = [[term.name, *map(_estimate, term.estimates), term.owner] for term in there]
    console.print(table(["", *costs.loops, "of"], rows, numbers=True))
    for term in costs.terms:
        for reason in dict.fromkeys(each.absent for each in term.estimates if each.absent):
            console.print(Text(f"{term.name}: {reason}"), style="dim")
    console.print()


def _estimate(estimate: Estimate) -> str:
    if estimate.seconds is None or estimate.low is None or estimate.high is None:
        return "·"
    width = (estimate.high - estimate.low) / 2 / (abs(estimate.seconds) or 1)
    ratio = f" ×{estimate.ratio:.2f}" if estimate.verdict in ("faster", "slower") else ""
    return f"{duration(estimate.seconds)} ±{width:.0%}{ratio}"


def controls(costs: Costs) -> str:
    """Say whether the controls held."""
    broken = sum(not control.held for control in costs.controls)
    return f"{broken} of {len(costs.controls)} controls are broken" if broken else "all controls held"


def crosscheck(costs: Costs) -> str:
    """Say whether the ratios are the same where each loop has a process of its own."""
    alone = [control for control in costs.controls if control.kind == "alone"]
    if not alone:
        return "loops were not measured in processes of their own"
    width = median(Interval(control.ratio, control.low, control.high).half_width for control in alone)
    moved = sum(not control.held for control in alone)
    agreed = f"moved {moved} of {_count(len(alone), 'ratio')}" if moved else f"moved no ratio of {len(alone)} for sure"
    return f"a process for each loop {agreed} (±{width:.0%}, {_count(costs.turns, 'turn')})"


def _rows(question: QuestionCosts, costs: Costs) -> list[list[str]]:
    cells: dict[tuple[str, int | None], dict[str, Cell]] = {}
    for cell in question.cells:
        cells.setdefault((cell.arm, cell.size), {})[cell.loop] = cell
    rows = []
    for (arm, size), by_loop in cells.items():
        name = arm if size is None else f"{arm}, {size:,}"
        rows.append([name, *(_cell(by_loop[loop]) if loop in by_loop else "" for loop in costs.loops)])
    return rows


def _cell(cell: Cell) -> str:
    if cell.not_timed is not None or cell.seconds is None:
        return "not timed"
    if cell.verdict == "reference" and cell.of_floor not in (None, 1):
        return f"{duration(cell.seconds)} ×{cell.of_floor:.2f}"
    if cell.ratio is None or cell.verdict == "reference":
        return duration(cell.seconds)
    return f"{cell.ratio:.3f} ±{cell.half_width:.1%} {cell.verdict}"


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print a table per question of how NEW compares with BASE, what the figures rest on, and the sentences."""
    for question in dict.fromkeys(change.question for change in comparison.changes):
        rows = [change.row() for change in comparison.changes if change.question == question]
        console.print(table([question, "loop", "NEW / BASE", "", "", f"of {comparison.reference}"], rows))
        console.print()
    for said in [*comparison.notes(), *comparison.sentences()]:
        console.print(Text(said))


def print_counted(console: Console, counted: Counted) -> None:
    """Print a table per question of instructions and their ratios, and why a cell has none."""
    figures = [
        (cell.question, _name(cell.arm, cell.size), cell.loop, _counted(cell, counted.reference))
        for cell in counted.cells
    ]
    _print_figures(console, "instructions", counted.loops, figures)
    for cell in counted.cells:
        if not cell.agree:
            said = f"×{cell.ratio:.3f} in instructions, ×{cell.wall_ratio:.3f} in time"
            console.print(Text(f"{cell.question}: {cell.arm} on {cell.loop}: counts contradict times: {said}"))
    for loop, reason in dict.fromkeys((cell.loop, cell.not_counted) for cell in counted.cells if cell.not_counted):
        console.print(Text(f"not counted on {loop}: {reason}"), style="dim")


def _counted(cell: CountedCell, reference: str) -> str:
    if cell.instructions is None:
        return "not counted"
    its = _beside(cell.instructions, None if cell.loop == reference else cell.ratio)
    return its if cell.agree else f"{its} (!)"


def print_traced(console: Console, traced: Traced) -> None:
    """Print a table per question of bytes and their ratios, what leaks, and why a cell has none."""
    figures = [
        (cell.question, _name(cell.arm, cell.size), cell.loop, _traced(cell, traced.reference)) for cell in traced.cells
    ]
    for slope in traced.slopes:
        ratio = None if slope.loop == traced.reference else slope.ratio
        figures.append((slope.question, f"{slope.arm}, one more", slope.loop, _beside(slope.each, ratio)))
    _print_figures(console, "bytes at the peak", traced.loops, figures)
    for cell in traced.cells:
        if cell.leaks:
            name = f"{cell.question}: {_name(cell.arm, cell.size)} on {cell.loop}"
            console.print(Text(f"{name}: leaks {cell.leak()} each time"))
    for loop, reason in dict.fromkeys((cell.loop, cell.not_traced) for cell in traced.cells if cell.not_traced):
        console.print(Text(f"not traced on {loop}: {reason}"), style="dim")


def _traced(cell: TracedCell, reference: str) -> str:
    if cell.peak is None:
        return "not traced"
    its = _beside(cell.peak, None if cell.loop == reference else cell.ratio)
    return f"{its} (!)" if cell.leaks else its


def _print_figures(
    console: Console, what: str, loops: Sequence[str], figures: Sequence[tuple[str, str, str, str]]
) -> None:
    """Print a table per question of figures, each with its question, the name of its row, and its loop."""
    rows: dict[str, dict[str, dict[str, str]]] = {}
    for question, name, loop, said in figures:
        rows.setdefault(question, {}).setdefault(name, {})[loop] = said
    for question, by_name in rows.items():
        console.print(Text(f"{question}: {what}"), style="bold")
        cells = [[name, *(by_loop.get(loop, "") for loop in loops)] for name, by_loop in by_name.items()]
        console.print(table(["", *loops], cells, numbers=True))
        console.print()


def _name(arm: str, size: int | None) -> str:
    return arm if size is None else f"{arm}, {size:,}"


def _beside(figure: float, ratio: float | None) -> str:
    return f"{figure:,.0f}" if ratio is None else f"{figure:,.0f} ×{ratio:.3f}"


def duration(seconds: float) -> str:
    """Return a short time in the unit that suits it: `85.2 ns`, `1.31 µs`."""
    for factor, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 1000:  # noqa: PLR2004 - a thousand of one unit is one of the next
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"
