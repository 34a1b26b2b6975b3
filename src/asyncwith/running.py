"""What `bench`, `report` and `run` do, one step after the other, with a bar for each and a sentence at the end."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from asyncwith.against import SIDES, measure_against
from asyncwith.arms import load_questions
from asyncwith.comparing import compare
from asyncwith.conforming import Conformed, Request, conform
from asyncwith.costs import Costs, write_costs
from asyncwith.counters import count, write_counted
from asyncwith.deriving import derive
from asyncwith.errors import UsageError
from asyncwith.exploring import explore_all
from asyncwith.interpreters import find_interpreter
from asyncwith.judging import edition
from asyncwith.loops import builtin_loops, find_loop
from asyncwith.measuring import NORMAL, QUICK, RIGOROUS, NothingMeasuredError, Plan, Progress, measure
from asyncwith.memory import trace_memory, write_traced
from asyncwith.outdated import outdated
from asyncwith.provenance import provenance
from asyncwith.pyperf_files import write_pyperf_files
from asyncwith.rooms import room
from asyncwith.run_directory import DEFAULT_PARENT, open_run
from asyncwith.terminal import (
    Bar,
    answer,
    controls,
    note,
    print_comparison,
    print_conformed,
    print_costs,
    print_counted,
    print_explored,
    print_traced,
    progress_bar,
    say,
    sentence,
)

__all__ = [
    "against_run",
    "bench_run",
    "compare_runs",
    "count_run",
    "newest_run",
    "report_runs",
    "run_all",
    "run_of_bench",
    "run_programs",
    "tell_outdated",
    "trace_run",
]

PLANS = {"quick": QUICK, "normal": NORMAL, "rigorous": RIGOROUS}
COUNTED = ("entering", "suspending")  # the forms and the loop; bigger arms take valgrind minutes
TRACED = ("entering", "stacking", "sharing")  # what a form holds, one more manager, one more task
PROVEN_FAILURE, NOTHING = 1, 3  # exit codes


@contextmanager
def run_of_bench(output: Path | None, asked: dict[str, Any], *, resume: bool) -> Iterator[Path]:
    """Yield the directory to measure into: `output`, or one below `asyncwith-runs` that is gone on with if it is interrupted.

    `asked` tells what must be the same then. Raises `UsageError` if there is nothing to `resume`.
    """
    if output is not None:
        if resume and not (output.is_dir() and any(output.iterdir())):
            raise UsageError(f"{output} holds nothing to go on with", "leave out --resume to begin")
        yield output
        return
    code = {question.name: question.digest() for question in load_questions(room("bench"), asked["questions"])}
    with open_run(None, {**asked, "code": code, "packages": provenance()["packages"]}, resume=resume) as run:
        if run.resumed:
            note(f"Going on with the measurement in {run.path}, which was interrupted.")
        yield run.path
        run.finish()


def bench_run(questions: Sequence[str], loops: Sequence[str], plan: str, until: float | None, run: Path) -> int:
    """Measure into the directory `run`, print the tables, and return the exit code."""
    costs = _measure(questions, loops, _plan(plan, until), run)
    print_costs(answer(), costs)
    say(f"\nThe figures are in {run}; `asyncwith report {run}` makes a page of them.")
    return 0 if costs.holds else NOTHING


def against_run(
    python: str,
    questions: Sequence[str],
    loops: Sequence[str],
    plan: str,
    until: float | None,
    run: Path,
    *,
    fail_on: float,
) -> int:
    """Measure another Python and this one in turns into the directory `run`, print the tables, and return the exit code."""
    chosen = _plan(plan, until)
    with progress_bar("bench") as bar:
        comparison = measure_against(
            find_interpreter(python),
            questions,
            _specs(loops),
            run,
            chosen,
            fail_on=fail_on,
            progress=lambda state: _show(bar, state, "turns"),
        )
    runs = [run / side for side in SIDES]
    for each in runs:
        _write(derive(each, until=chosen.until), each)
    print_comparison(answer(), comparison)
    base, new = runs
    say(f"\nThe runs are {base} and {new}; `asyncwith compare {base} {new}` says this again.")
    return comparison.exit_code()


def count_run(questions: Sequence[str], loops: Sequence[str], run: Path) -> int:
    """Count instructions into the directory `run`, print the tables, and return the exit code."""
    with progress_bar("count") as bar:
        counted = count(
            questions or COUNTED,
            _specs(loops),
            run,
            progress=lambda done, of: bar.update(done, of, f"{done} of {of} arms"),
        )
    write_counted(counted, run)
    print_counted(answer(), counted)
    say(f"\nThe counts are in {run / 'instructions.json'}.")
    return 0 if any(cell.ratio is not None for cell in counted.cells) else NOTHING


def trace_run(questions: Sequence[str], loops: Sequence[str], run: Path) -> int:
    """Trace memory into the directory `run`, print the tables, and return the exit code."""
    with progress_bar("trace") as bar:
        traced = trace_memory(
            questions or TRACED,
            _specs(loops),
            run,
            progress=lambda done, of: bar.update(done, of, f"{done} of {of} arms"),
        )
    write_traced(traced, run)
    print_traced(answer(), traced)
    say(f"\nThe figures are in {run / 'memory.json'}.")
    if any(cell.leaks for cell in traced.cells):
        return PROVEN_FAILURE
    return 0 if any(cell.peak is not None for cell in traced.cells) else NOTHING


def _specs(loops: Sequence[str]) -> list[str]:
    return list(loops) or [loop.id for loop in builtin_loops() if loop.absence() is None and not loop.eager]


def _measure(questions: Sequence[str], loops: Sequence[str], plan: Plan, run: Path) -> Costs:
    with progress_bar("bench") as bar:
        costs = measure(questions, _specs(loops), run, plan, progress=lambda state: _show(bar, state, "blocks"))
    _write(costs, run)
    return costs


def _plan(name: str, until: float | None) -> Plan:
    return PLANS[name] if until is None else replace(PLANS[name], until=until)


def _show(bar: Bar, state: Progress, what: str) -> None:
    width = "" if state.half_width is None else f", widest interval ±{state.half_width:.1%}"
    bar.update(state.seconds, state.of_seconds, f"{state.blocks} {what}{width}")


def _write(costs: Costs, run: Path) -> None:
    write_costs(costs, run)
    write_pyperf_files(costs, run)


def compare_runs(base: Path, new: Path, fail_on: float) -> int:
    """Compare two runs, print the tables, and return the exit code."""
    comparison = compare(base, new, fail_on=fail_on)
    print_comparison(answer(), comparison)
    return comparison.exit_code()


def run_programs(loops: Sequence[str], library: str, n: int, seed: int, jobs: int | None, output: Path | None) -> int:
    """Run random programs on each loop, print what was found, and return the exit code.

    With `output`, each finding becomes a file in it that runs alone.
    """
    done: Counter[str] = Counter()
    with progress_bar("programs") as bar:

        def show(loop: str, number: int) -> None:
            done[loop] = number
            bar.update(
                sum(done.values()), n * max(1, len(done)), ", ".join(f"{name} {at:,}" for name, at in done.items())
            )

        explored = explore_all(loops, library, n, seed, jobs=jobs or os.cpu_count() or 1, progress=show)
    for each in explored:
        for finding in each.findings:
            say(f"{each.loop}: {finding.story}\n")
            if output is not None and finding.file:
                output.mkdir(parents=True, exist_ok=True)
                path = output / f"{re.sub('[^a-z0-9]+', '-', each.loop.lower())}-{seed}-{finding.number}.py"
                path.write_text(finding.file, encoding="utf-8")
                say(f"runs alone: python {path}\n")
    print_explored(answer(), explored)
    ran, found = sum(each.programs for each in explored), sum(len(each.findings) for each in explored)
    say(f"{ran:,} programs of seed {seed} ran; {found or 'none'} did what the specification does not say.")
    return PROVEN_FAILURE if found else 0 if ran else NOTHING


def newest_run() -> Path:
    """Return the newest run below `asyncwith-runs` that has something to report; `UsageError` if there is none."""
    found = {path.parent for name in ("outcomes.jsonl", "costs.json") for path in DEFAULT_PARENT.glob(f"*/{name}")}
    if not found:
        raise UsageError(f"there is no run below {DEFAULT_PARENT}", "name one, or make one with `asyncwith run`")
    return max(found)


def report_runs(runs: Sequence[Path], output: Path | None, *, single_file: bool, form: str) -> int:
    """Write the report on `runs` and say where it is."""
    if form == "md":
        # The report loads what draws, half a second that the other commands need not wait for.
        from asyncwith.report import View, read_runs, summary_markdown  # noqa: PLC0415

        text = summary_markdown(View(read_runs(runs)))
        if output is None:
            say(text.rstrip())
        else:
            output.write_text(text, encoding="utf-8")
        return 0
    place = output or (runs[0] / ("report.html" if single_file else "report"))
    say(f"The page is {build_page(runs, place, single_file=single_file).as_uri()}")
    return 0


def build_page(runs: Sequence[Path], place: Path, *, single_file: bool) -> Path:
    """Build the report at `place`, say what stands at its top, and return the page to open."""
    from asyncwith.report import View, build, headlines, read_runs  # noqa: PLC0415 - see report_runs

    view = View(read_runs(runs))
    for headline in headlines(view):
        say(headline)
    with progress_bar("report") as bar:
        return build(
            view,
            place,
            single_file=single_file,
            progress=lambda done, of: bar.update(done, of, f"{done} of {of} pages"),
        )


def run_all(loops: Sequence[str], output: Path | None) -> int:
    """Judge, measure quickly and report; return the exit code of the worst."""
    # Whatever would make the results of before and after an interruption two different things.
    asked = {"loops": list(loops), "edition": edition(room("conformance")), "packages": provenance()["packages"]}
    with open_run(output, asked) as run:
        if run.resumed:
            note(f"Going on with the run in {run.path}, which was interrupted.")
        conformed = _conform(loops, run.path)
        if conformed.interrupted:
            note("asyncwith: interrupted; the same command goes on")
            return 130
        reference = [] if not loops or "asyncio" in loops else ["asyncio"]
        try:
            costs: Costs | None = _measure([], [*reference, *loops], QUICK, run.path)
        except NothingMeasuredError as error:
            costs = None
            note(f"asyncwith: nothing was measured: {error}")
        page = build_page([run.path], run.path / "report", single_file=False)
        measured = (
            "nothing was measured" if costs is None else f"{costs.blocks} blocks were measured, {controls(costs)}"
        )
        say(f"\n{sentence(conformed)}; {measured}; the page is {page.as_uri()}")
        run.finish()
        code = conformed.tally.exit_code()
        return code or (0 if costs is not None and costs.holds else NOTHING)


def tell_outdated(loops: Sequence[str]) -> None:
    """Say which packages are too old for what stands on them. Raises `UsageError` for a loop that nobody knows."""
    found = [find_loop(spec) for spec in loops] or builtin_loops()
    for line in outdated(["anyio", *(loop.package for loop in found if loop.package)]):
        note(line)


def _conform(loops: Sequence[str], run: Path) -> Conformed:
    tell_outdated(loops)
    request = Request(loops=loops, resume=True).into(run)
    with progress_bar("conform") as bar:
        conformed = conform(request, bar.tally)
    print_conformed(answer(), conformed)
    return conformed
