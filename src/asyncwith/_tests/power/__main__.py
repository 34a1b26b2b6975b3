"""Seed all faults and tell which are caught: `python -m asyncwith._tests.power [KIND…] [-k TEXT]`."""

# ruff: noqa: T201 - a command speaks to who called it

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from asyncwith._tests.power.catalogue import KINDS, catalogue, survivors
from asyncwith._tests.power.faults import Finding, judge
from asyncwith.clauses import Clause, load_chapters
from asyncwith.rooms import room

# So many that survivors, most of them the same program or an internal affair, are told but not listed with reasons.
UNLISTED = ("mutated", "mutated-part")


def main(words: Sequence[str] | None = None) -> int:
    """Judge all faults asked for; return 1 if one survives that is not listed, or one is caught that is."""
    parser = argparse.ArgumentParser(prog="python -m asyncwith._tests.power", description=__doc__)
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)} (default: all but {' and '.join(UNLISTED)})"
    )
    parser.add_argument("-k", default="", metavar="TEXT", help="only faults with this in their name")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only one fault of so many (default: 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument(
        "--limit", type=float, default=3.0, metavar="SECONDS", help="how long a check may take (default: 3)"
    )
    parser.add_argument(
        "--until-caught",
        action="store_true",
        help="look no further when a fault is caught: as good for the figure, but tells nothing about single clauses",
    )
    parser.add_argument("-v", action="store_true", help="tell each fault and the clauses that catch it")
    asked = parser.parse_args(words)
    if unknown := {*asked.kinds} - {*KINDS}:
        parser.error(f"there is no kind {', '.join(sorted(unknown))}; known are {', '.join(KINDS)}")
    findings: list[Finding] = []
    unsound: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        chapters = Path(folder, "chapters")  # a copy, so that nobody edits them under our feet
        shutil.copytree(room("conformance"), chapters, ignore=shutil.ignore_patterns("__pycache__"))
        clauses = load_chapters(chapters)
        for kind in asked.kinds or [kind for kind in KINDS if kind not in UNLISTED]:
            control, *faults = catalogue(kind, chapters, Path(folder))
            (base,) = judge([control], clauses, jobs=asked.jobs, limit=asked.limit)
            print(
                f"{kind}: without any fault {_words(base.failed)} of {base.judged} checks do not pass and are left out"
            )
            if base.unstarted is not None:
                print(f"{kind}: cannot be judged: {base.unstarted.details}")
                return 1
            unsound |= {*base.failed} if kind == "library" else set()
            but = {(id_, control.hidden or loop) for id_ in base.failed for loop in control.loops}
            chosen = [each for each in faults if asked.k in each.name][:: asked.every]
            for finding in judge(
                chosen, clauses, but=but, jobs=asked.jobs, limit=asked.limit, until_caught=asked.until_caught
            ):
                findings.append(finding)
                if asked.v:
                    _tell(finding)
    wrong = _compare(findings)
    if not (asked.k or asked.until_caught or asked.kinds or asked.every > 1):
        _matrix(findings, clauses, unsound)
    _table(findings)
    print(f"{wrong} faults are not as listed")
    return 1 if wrong else 0


def _words(ids: Iterable[str]) -> str:
    ids = sorted(ids)
    return f"{len(ids)} ({', '.join(ids)})" if ids else "none"


def _tell(finding: Finding) -> None:
    gross = ", gross" if finding.gross else ""
    print(f"  {finding.fault.name}: {_words(finding.failed)} of {finding.judged}{gross}", flush=True)


def _compare(findings: Iterable[Finding]) -> int:
    """Print every survivor with its reason; return how many faults are not as they should be."""
    listed = {(each.kind, each.name): each.why for each in survivors()}
    wrong = 0
    for finding in findings:
        fault = finding.fault
        why = listed.get((fault.kind, fault.name))
        if finding.mislaid:
            wrong += 1
            print(f"NOT SEEDED: {fault.kind}: {fault.name}: {finding.unstarted and finding.unstarted.details}")
            continue
        if finding.caught and why is None:
            continue
        if finding.caught:
            wrong += 1
            print(f"LISTED AS SURVIVOR, BUT CAUGHT by {_words(finding.failed)}: {fault.kind}: {fault.name}")
        elif why is None and fault.kind in UNLISTED:
            print(f"survivor: {fault.kind}: {fault.name}: so many that none is listed with a reason")
        elif why is None:
            wrong += 1
            noticed = f" (noticed by informational clauses only: {_words(finding.failed)})" if finding.failed else ""
            print(f"SURVIVOR WITHOUT A REASON{noticed}: {fault.kind}: {fault.name}")
        else:
            print(f"survivor: {fault.kind}: {fault.name}: {why}")
    return wrong


def _table(findings: Sequence[Finding]) -> None:
    """Print how many faults of each kind are caught, as a table for `conformance/README.md`."""
    python = ".".join(map(str, sys.version_info[:2]))
    print(f"| what is wrong | seeded | caught on Python {python} |\n| --- | ---: | ---: |")
    for kind, what in KINDS.items():
        caught = [finding.caught for finding in findings if finding.fault.kind == kind]
        if caught:
            print(f"| {what} | {len(caught)} | {sum(caught)} |")
    print(f"| all | {len(findings)} | {sum(finding.caught for finding in findings)} |", flush=True)


def _matrix(findings: Iterable[Finding], clauses: dict[str, Clause], unsound: Collection[str]) -> None:
    """Print which clauses no fault has failed; what spoils nearly everything does not count.

    Those that are `unsound` fail on this Python without any fault: they catch a real one (`conformance/departures`).
    """
    failed = Counter(id_ for finding in findings if not finding.gross for id_ in finding.failed)
    here = [id_ for id_, clause in clauses.items() if clause.inapplicable(None) is None]
    real = [id_ for id_ in here if not failed[id_] and id_ in unsound]
    never = [id_ for id_ in here if not failed[id_] and id_ not in unsound]
    print(f"of {len(here)} clauses {len(here) - len(never) - len(real)} have caught a fault that was seeded")
    print(f"a real fault of this Python catch besides: {_words(real)}")
    print(f"none has been caught by: {_words(never)}")


if __name__ == "__main__":
    sys.exit(main())
