"""The commands. Each one reads its words, calls one function of the engine and says what came out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from asyncwith.clauses import load_chapters
from asyncwith.conforming import Request, conform
from asyncwith.hosts import loop_status
from asyncwith.libraries import ASKED, builtin_libraries
from asyncwith.loops import find_loop, known_loops
from asyncwith.rooms import room
from asyncwith.running import (
    against_run,
    bench_run,
    compare_runs,
    count_run,
    newest_run,
    report_runs,
    run_all,
    run_of_bench,
    run_programs,
    tell_outdated,
    trace_run,
)
from asyncwith.statistics import MARGIN
from asyncwith.terminal import answer, note, print_conformed, progress_bar, say, sentence, table
from asyncwith.untested import read_untested

__all__ = ["asyncwith"]


INTERRUPTED = 130  # the exit code


class Percent(click.ParamType[float]):
    """A positive percentage, with its sign or without: `1%`, `0.5`."""

    name = "percent"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the percentage as a fraction."""
        try:
            percent = float(str(value).removesuffix("%"))
        except ValueError:
            percent = math.nan
        if not 0 < percent < 100:  # noqa: PLR2004 - per cent
            self.fail(f"{value!r} is not a percentage like 1%", param, ctx)
        return percent / 100


LOOP = click.option(
    "--loop",
    "loops",
    multiple=True,
    metavar="LOOP",
    help="An id (see `asyncwith loops`), or NAME=MODULE:FACTORY for a loop of your own. Repeatable.",
)
FILE = click.Path(path_type=Path, dir_okay=False, writable=True)
OLD_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
PERCENT = Percent()
LIBRARIES = "libraries"  # the question about other implementations of contextlib
FOLDER = click.Path(path_type=Path, file_okay=False)
OLD_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@contextmanager
def _gone_on_with() -> Iterator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        note("asyncwith: interrupted; the same command goes on")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="asyncwith", message="%(prog)s %(version)s")
def asyncwith() -> None:
    """Do Python's asynchronous context managers hold on every event loop, and what do they cost?

    Exit codes: 0 all well; 1 a proven failure or regression; 2 a usage or input error; 3 nothing was judged or measured, or
    the controls void the result.
    """


@asyncwith.command("conform")
@click.option(
    "-k",
    "keyword",
    default="",
    metavar="EXPRESSION",
    help="Only checks that match: clause ids, chapters, loops, levels; with and, or, not.",
)
@LOOP
@click.option(
    "--library",
    "libraries",
    multiple=True,
    metavar="LIBRARY",
    help="Judge another implementation of contextlib: an id (see `asyncwith libraries`), a module or a PATH.py. Repeatable.",
)
@click.option("-o", "--output", type=FOLDER, help="Write the run into this directory, for `asyncwith report`.")
@click.option("--resume", is_flag=True, help="Go on with the run in --output that was interrupted.")
@click.option("--junit-xml", type=FILE, metavar="FILE", help="Write the verdicts as JUnit XML.")
@click.option(
    "--departures",
    multiple=True,
    type=OLD_FILE,
    metavar="FILE",
    help="Known deviations of your own loop or library (TOML). Repeatable.",
)
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Checks performed at once (default: one per processor)."
)
@click.option(
    "--limit", type=click.FloatRange(min=0.1), metavar="SECONDS", help="How long a check may take (default: 5)."
)
@click.option(
    "--programs",
    type=click.IntRange(1),
    metavar="N",
    help="Instead of clauses, run N random programs on each loop and judge them by the executable specification.",
)
@click.option("--seed", type=int, default=0, metavar="S", help="Which programs: the same number, the same ones.")
def conform_command(
    keyword: str,
    loops: Sequence[str],
    libraries: Sequence[str],
    output: Path | None,
    resume: bool,
    junit_xml: Path | None,
    departures: Sequence[Path],
    jobs: int | None,
    limit: float | None,
    programs: int | None,
    seed: int,
) -> int:
    """Judge every promise on every loop.

    Each clause is one scenario, the same on all loops; its trace is compared with what the clause asks for.
    """
    if programs is not None:
        if keyword or departures or junit_xml or resume or limit or len(libraries) > 1:
            raise click.UsageError("--programs goes with --loop, one --library, --seed, --jobs and --output only")
        return run_programs(loops, libraries[0] if libraries else "contextlib", programs, seed, jobs, output)
    if seed:
        raise click.UsageError("--seed goes with --programs")
    if resume and output is None:
        raise click.UsageError("--resume needs --output, the directory of the run to go on with")
    request = Request(keyword, loops, libraries, departures, jobs, limit, junit_xml, None, resume)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        request = request.into(output)
    tell_outdated(loops)
    with progress_bar("conform") as bar:
        conformed = conform(request, bar.tally)
    print_conformed(answer(), conformed)
    say(f"{sentence(conformed)}.")
    if conformed.interrupted:
        again = f"; go on with: asyncwith conform --resume -o {output} …" if output else ""
        note(f"asyncwith: interrupted{again}")
        return INTERRUPTED
    return conformed.tally.exit_code()


@asyncwith.command("bench")
@click.argument("questions", nargs=-1, metavar="[QUESTION]…")
@LOOP
@click.option(
    "--library",
    "libraries",
    multiple=True,
    metavar="LIBRARY",
    help="Time this module or PATH.py beside contextlib (question `libraries`). Repeatable.",
)
@click.option(
    "--quick", "plan", flag_value="quick", help="Look at sizes up to 100 only, for about three quarters of a minute."
)
@click.option("--rigorous", "plan", flag_value="rigorous", help="Go on for half an hour, for intervals of ±0.5 %.")
@click.option("--until", type=PERCENT, metavar="PERCENT", help="Stop when every interval is this narrow (default: 1%).")
@click.option(
    "--counter",
    type=click.Choice(["time", "instructions", "memory"]),
    default="time",
    help="Count instructions with valgrind instead (without QUESTION: of `entering` and `suspending`), or trace the bytes in use "
    "and what leaks (of `entering`, `stacking` and `sharing`).",
)
@click.option(
    "--against",
    metavar="PYTHON",
    help="Compare this Python, which is NEW, with another, BASE: its path, the folder of its environment, or a command.",
)
@click.option(
    "--fail-on", type=PERCENT, metavar="PERCENT", help="With --against: what is slower by more fails (default: 2%)."
)
@click.option(
    "-o",
    "--output",
    type=FOLDER,
    help="Write blocks, costs and pyperf files into this directory, and go on with what it holds (default: one below "
    "asyncwith-runs, which is gone on with if the same command was interrupted).",
)
@click.option("--resume", is_flag=True, help="Go on with what was interrupted, or fail if nothing was.")
def bench_command(
    questions: Sequence[str],
    loops: Sequence[str],
    libraries: Sequence[str],
    plan: str | None,
    until: float | None,
    counter: str,
    against: str | None,
    fail_on: float | None,
    output: Path | None,
    resume: bool,
) -> int:
    """Measure what entering and leaving costs, and the ratios between loops.

    The first loop is the one that others are compared with. Without QUESTION all are asked; with --library, `libraries`. A
    construct that fails its clauses on a loop is not timed there. With --against two Pythons are measured in turns, and the
    exit code is that of `compare`.
    """
    if libraries:
        if questions and LIBRARIES not in questions:
            raise click.UsageError(f"--library is about the question `{LIBRARIES}`: ask that one")
        questions = questions or [LIBRARIES]
        os.environ[ASKED] = os.pathsep.join(libraries)
    if fail_on is not None and against is None:
        raise click.UsageError("--fail-on needs --against, the Python to compare with")
    if counter != "time" and against is not None:
        raise click.UsageError("--against is about time: count into two directories and `asyncwith compare` them")
    if counter != "time" and (plan or until):
        raise click.UsageError("--quick, --rigorous and --until are about time: counts are exact at once")
    asked = {
        "questions": list(questions),
        "loops": list(loops),
        "libraries": list(libraries),
        "plan": [plan, until],
        "counter": counter,
        "against": against,
    }
    with _gone_on_with(), run_of_bench(output, asked, resume=resume) as run:
        if counter == "instructions":
            return count_run(questions, loops, run)
        if counter == "memory":
            return trace_run(questions, loops, run)
        if against is not None:
            return against_run(
                against, questions, loops, plan or "normal", until, run, fail_on=MARGIN if fail_on is None else fail_on
            )
        return bench_run(questions, loops, plan or "normal", until, run)
    return INTERRUPTED


@asyncwith.command("compare")
@click.argument("base", type=OLD_FOLDER)
@click.argument("new", type=OLD_FOLDER)
@click.option(
    "--fail-on", type=PERCENT, default="2%", metavar="PERCENT", help="What is slower by more fails (default: 2%)."
)
def compare_command(base: Path, new: Path, fail_on: float) -> int:
    """Tell what is faster, slower or equivalent in the run NEW than in the run BASE, and which verdicts changed.

    Both are directories that `bench -o` or `run` wrote on one machine; instructions that were counted in both are compared as
    well. The exit code is 1 if an arm is proven to be slower, or to take more instructions, by more than --fail-on, or a check
    fails that passed before; 3 if nothing could be compared or a control is broken.
    """
    return compare_runs(base, new, fail_on)


@asyncwith.command("report")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path, file_okay=False), metavar="[RUN]…")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where to put it (default: `report` in the run, or standard output).",
)
@click.option("--single-file", is_flag=True, help="Write one file instead of a directory.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md"]),
    default="html",
    help="A site, or Markdown for the summary of a CI job.",
)
def report_command(runs: Sequence[Path], output: Path | None, single_file: bool, form: str) -> int:
    """Turn runs into pages that work from a file, offline.

    Several runs stand side by side. Without RUN it is the newest one below `asyncwith-runs`.
    """
    if single_file and form == "md":
        raise click.UsageError("--single-file is about pages: Markdown is one file anyway")
    return report_runs(runs or [newest_run()], output, single_file=single_file, form=form)


@asyncwith.command("run")
@LOOP
@click.option(
    "-o", "--output", type=FOLDER, help="The directory of the run (default: a new one below `asyncwith-runs`)."
)
def run_command(loops: Sequence[str], output: Path | None) -> int:
    """Judge every promise, measure quickly, and build the page: the main job.

    Takes about a minute and a half. A run that was interrupted is gone on with.
    """
    with _gone_on_with():
        return run_all(loops, output)
    return INTERRUPTED


@asyncwith.command("loops")
@LOOP
def loops_command(loops: Sequence[str]) -> int:
    """List the loops that are here, and why one is not.

    Each one is started once, in a process of its own.
    """
    tell_outdated(loops or known_loops())
    rows, broken = [], False
    for spec in loops or known_loops():
        loop = find_loop(spec)
        problem = loop.absence()
        if problem is None:
            status = loop_status(room("conformance"), spec)
            problem, version = status.problem, status.version
            broken |= bool(problem)
        rows.append(
            [
                loop.id,
                "" if problem else version,
                loop.family + ("-like" if loop.family == "asyncio" else ""),
                f"not here: {problem}" if problem else "runs",
            ]
        )
    answer().print(table(["loop", "version", "family", ""], rows))
    return 1 if broken else 0


@asyncwith.command("libraries")
def libraries_command() -> None:
    """List the implementations of contextlib that are known by name."""
    rows = []
    for library in builtin_libraries():
        problem = library.absence()
        rows.append([library.id, "" if problem else library.version(), f"not here: {problem}" if problem else "here"])
    answer().print(table(["library", "version", ""], rows))


@asyncwith.command("clauses")
@click.option("-k", "keyword", default="", metavar="TEXT", help="Only clauses with this text in id, chapter or claim.")
def clauses_command(keyword: str) -> int:
    """List all clauses: id, chapter, level, Pythons, claim. At the end stands what has none, and why."""
    found = [
        each
        for each in load_chapters(room("conformance")).values()
        if keyword.lower() in f"{each.id} {each.chapter} {each.claim}".lower()
    ]
    rows = [[each.id, each.chapter, each.level, each.versions, each.claim] for each in found]
    answer().print(table(["id", "chapter", "level", "Python", "claim"], rows))
    if not keyword:
        say("\nPromised, but no scenario can judge it:")
        for each in read_untested(room("conformance")):
            say(f"- {each.claim} {each.why}")
    note(f"{len(found)} clauses")
    return 0 if found else 3
