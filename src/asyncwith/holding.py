"""Which constructs hold on which loop: only what holds is timed.

The bench room says in `constructs.toml` by which clauses each construct is judged. They are judged in a process of the Python
that measures, before it does; where the run has verdicts of the same clauses, loops and versions already, those count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asyncwith.arms import load_questions
from asyncwith.block_process import Held
from asyncwith.blocks import replace_file
from asyncwith.clauses import Clause, load_chapters
from asyncwith.departures import Departure, departing, read_room
from asyncwith.errors import AsyncwithError, InputError, UsageError
from asyncwith.hosts import NO_LOOP, Check
from asyncwith.interpreters import Interpreter
from asyncwith.judging import Judging, edition
from asyncwith.libraries import Library, find_library
from asyncwith.loops import UNKNOWN, Loop, find_loop
from asyncwith.outcomes import Judged, finished_checks
from asyncwith.provenance import provenance
from asyncwith.rooms import room
from asyncwith.verdicts import Outcome, Verdict

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Holding", "hold"]

LIMIT = 3.0  # seconds for a check; the longest of them takes a tenth of one
PATIENCE = 300.0  # seconds for all of them, in which even a loop that hangs in every construct is through
LONGEST_REASON = 300  # characters
MOST_LOST = 3  # constructs that a loop may hang or crash in, each of which takes seconds
SAME_PYTHON = ("python", "implementation", "build", "gil", "jit")


@dataclass(frozen=True)
class Holding:
    """What is asked of the process that judges, and the file for its answer."""

    room: str
    questions: list[str]
    loops: list[str]
    outcomes: str
    answer: str


def hold(python: Interpreter, folder: Path, questions: Sequence[str], loops: Sequence[str], run: Path) -> Held:
    """Return which constructs of these questions hold on each loop of `python`.

    Verdicts that `run` holds count. Raises `UsageError` or `InputError` for what is asked wrongly; what cannot be judged for any
    other reason may be timed, and says so.
    """
    asked = _constructs(folder, questions)
    if not asked or not loops:
        return {}
    with tempfile.TemporaryDirectory(prefix="asyncwith-") as scratch:
        answer, errors = Path(scratch, "answer"), Path(scratch, "errors")
        job = Holding(str(folder), list(questions), list(loops), str(run / "outcomes.jsonl"), str(answer))
        command = python.command("asyncwith.holding", json.dumps(asdict(job)))
        with errors.open("wb") as stderr:
            try:
                subprocess.run(  # noqa: S603 - the Python that measures
                    command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, timeout=PATIENCE, check=False
                )
                said: dict[str, Any] = json.loads(answer.read_bytes())
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                why = errors.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
                why = f"not judged: {why or type(error).__name__}"[:LONGEST_REASON]
                return {name: {find_loop(spec).id: (True, why) for spec in loops} for name in asked}
    if "problem" in said:
        raise (UsageError if said["usage"] else InputError)(said["problem"])
    return {name: {loop: (bool(may), str(why)) for loop, (may, why) in by.items()} for name, by in said["held"].items()}


def main() -> None:
    """Judge what the first argument asks for, and write the answer to its file."""
    job = Holding(**json.loads(sys.argv[1]))
    sys.path.append(os.getcwd())  # noqa: PTH109 - people name modules of the folder they are in; last, so that it shadows nothing
    answer: dict[str, Any]
    try:
        answer = {"held": _judge(job)}
    except AsyncwithError as error:
        answer = {"problem": str(error), "usage": isinstance(error, UsageError)}
    replace_file(Path(job.answer), json.dumps(answer))


def _constructs(folder: Path, questions: Sequence[str]) -> list[str]:
    """Return the names of the constructs that the arms of these questions ask for."""
    asked = (arm.holds for question in load_questions(folder, questions) for arm in question.arms)
    return list(dict.fromkeys(name for holds in asked for name in holds))


def _judge(job: Holding) -> Held:
    conformance = room("conformance")
    clauses = load_chapters(conformance)
    wanted = {
        name: _clauses(Path(job.room) / "constructs.toml", name, clauses)
        for name in _constructs(Path(job.room), job.questions)
    }
    libraries = {library: find_library(library) for its in wanted.values() for _, library in its}
    parts: list[Loop | Library] = [*map(find_loop, job.loops), *libraries.values()]
    here = {each.id: each.version() for each in parts if not each.absence()}
    known = _known(Path(job.outcomes), conformance, here)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        by_loop = list(threads.map(lambda spec: _judge_on(spec, wanted, libraries, clauses, known), job.loops))
    return {name: {loop: held[name] for loop, held in by_loop} for name in wanted}


def _clauses(path: Path, name: str, clauses: Mapping[str, Clause]) -> list[tuple[Clause, str]]:
    """Return the clauses of a construct, each with the library that it is about."""
    construct, _, library = name.partition(" of ")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    ids = table.get(construct)
    if ids is None:
        known = ", ".join(table)
        raise InputError(f"{path}: there is no construct {construct!r}, which an arm names", f"known are {known}")
    if not isinstance(ids, list) or not ids:
        raise InputError(f"{path}: {construct}: is no list of clauses")
    for id_ in ids:
        if id_ not in clauses:
            raise InputError(f"{path}: {construct}: there is no clause {id_}", "asyncwith clauses lists them")
    found = [clauses[id_] for id_ in ids]
    return [(clause, library if library and "library" in clause.wants else "contextlib") for clause in found]


def _known(path: Path, conformance: Path, here: Mapping[str, str]) -> dict[Check, Verdict]:
    """Return the verdicts of the run that are of these clauses, this Python, and the versions of loops and libraries `here`.

    What tells no version may be another one than it was then, and is judged again.
    """
    if not path.exists():
        return {}
    header, verdicts = finished_checks(path)
    origin, ours = header.get("provenance"), provenance()
    if header.get("edition") != edition(conformance) or not isinstance(origin, dict):
        return {}
    if any(origin.get(key) != ours[key] for key in SAME_PYTHON) or origin.get("packages") != ours["packages"]:
        return {}
    there = [each for each in (header.get("loops"), header.get("libraries")) if isinstance(each, dict)]
    versions = {id_: version for each in there for id_, version in each.items()}
    same = {id_ for id_, version in here.items() if version != UNKNOWN and version == versions.get(id_)}
    return {check: verdict for check, verdict in verdicts.items() if {check.loop, check.library} <= same}


def _judge_on(
    spec: str,
    wanted: Mapping[str, Sequence[tuple[Clause, str]]],
    libraries: Mapping[str, Library],
    clauses: Mapping[str, Clause],
    known: Mapping[Check, Verdict],
) -> tuple[str, dict[str, tuple[bool, str]]]:
    """Return the id of a loop, and what came of each construct on it; the first failure of a construct settles it."""
    loop = find_loop(spec)
    checks = {
        name: [
            Check(clause.id, loop.id if clause.per_loop else NO_LOOP, libraries[library].id) for clause, library in its
        ]
        for name, its in wanted.items()
    }
    missing = {check: clauses[check.clause] for its in checks.values() for check in its if check not in known}
    if not missing:
        departures = read_room(room("conformance") / "departures")
        return loop.id, _sums(checks, loop.id, lambda check: _as_known(check, known[check], clauses, departures))
    judging = Judging(room("conformance"), loops=[spec], libraries=sorted(libraries))
    judging.read_departures((), clauses)

    def judged(check: Check) -> Judged:
        if check in missing:
            return judging.judged(check)
        return _as_known(check, known[check], clauses, judging.departures)

    with judging.performing(missing, jobs=1, limit=LIMIT, ahead=False, outcomes=None, resume=False):
        return loop.id, _sums(checks, loop.id, judged)


def _as_known(check: Check, verdict: Verdict, clauses: Mapping[str, Clause], departures: Sequence[Departure]) -> Judged:
    departure = departing(departures, check.clause, check.loop, check.library)
    return Judged(check, verdict, clauses[check.clause].level, departure)


def _sums(
    checks: Mapping[str, Sequence[Check]], loop: str, judge: Callable[[Check], Judged]
) -> dict[str, tuple[bool, str]]:
    """Return what came of each construct; a loop that takes process after process down is not asked for ever."""
    found: dict[str, tuple[bool, str]] = {}
    lost: list[Judged] = []

    def judged(check: Check) -> Judged:
        result = judge(check)
        if result.verdict.outcome in (Outcome.CRASHED, Outcome.TIMED_OUT):
            lost.append(result)
        return result

    # Each library has processes of its own, so what is about one of them comes together; what is about none comes first.
    for name, its in sorted(checks.items(), key=lambda item: item[0].partition(" of ")[2]):
        if len(lost) < MOST_LOST:
            found[name] = _summed(name, loop, map(judged, its))
        else:
            found[name] = False, f"{name}: not judged: {loop} did not survive {MOST_LOST} constructs before"
    return found


def _summed(name: str, loop: str, results: Iterable[Judged]) -> tuple[bool, str]:
    """Return whether a construct may be timed, and why, in words."""
    held, but, reason = 0, [], ""
    for judged in results:
        clause, verdict = judged.check.clause, judged.verdict
        if verdict.outcome is Outcome.NOT_RUN:
            reason = verdict.reason
        elif not verdict.outcome.is_failure:
            held += 1
        elif judged.fails:
            return False, f"{clause} {verdict.outcome.value} on {loop}: {verdict.reason}"[:LONGEST_REASON]
        else:
            but.append(f"{clause} ({'a known departure' if judged.known else judged.level})")
    if not held and not but:
        return True, f"{name}: not judged: {reason}"[:LONGEST_REASON]
    words = f"{held} clause holds" if held == 1 else f"{held} clauses hold"
    return True, f"{name}: {words}" + (f", but for {', '.join(but)}" if but else "")


if __name__ == "__main__":
    main()
