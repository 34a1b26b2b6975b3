"""A verdict in words that can be pasted into an issue: the promise, what was expected, what was seen, and how to see it again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import zip_longest

from asyncwith.clauses import Clause, links
from asyncwith.departures import Departure, departing
from asyncwith.hosts import NO_LOOP, Check
from asyncwith.loops import BUILTIN
from asyncwith.outcomes import Judged

__all__ = ["again", "common_causes", "explain"]

FRAME = re.compile(r'[ |]*File ".*", line \d+, in (.+)')
RAISED = re.compile(r"[ |]*((?:\w+\.)*[A-Z]\w*(?:: .*)?)")  # how a traceback ends, in a group too
WIDEST = 60  # columns for the expected side; longer lines push the other side away


def again(check: Check, loop_spec: str, library_spec: str) -> str:
    """Return the command that performs exactly this check again."""
    words = ["asyncwith conform", f"-k {check.clause}"]
    if check.loop != NO_LOOP:
        words.append(f"--loop {loop_spec}")
    if check.library != "contextlib":
        words.append(f"--library {library_spec}")
    return " ".join(words)


def explain(clause: Clause, judged: Judged, command: str, departures: Iterable[Departure] = ()) -> str:
    """Return the whole story of one check that did not pass, with what `departures` say of asyncio's own loop there."""
    verdict, check = judged.verdict, judged.check
    where = "outside any loop" if check.loop == NO_LOOP else f"on {check.loop}"
    library = "" if check.library == "contextlib" else f" with {check.library}"
    lines = [f"{check.clause} {where}{library}: {verdict.outcome.value}", f"  {clause.claim}", ""]
    if judged.stale:
        lines.append("  departs no longer: take it out of the departures")
    if verdict.reason:
        lines.append(f"  {verdict.reason}")
    likewise = None if check.loop in BUILTIN else departing(departures, check.clause, "asyncio", check.library)
    if verdict.outcome.is_failure and likewise is not None:
        lines.append(f"  asyncio of this Python does not do so either: {likewise.why} {likewise.link}".rstrip())
    if verdict.outcome.is_failure and (verdict.expected or verdict.trace):
        lines += ["", *_side_by_side(verdict.expected, verdict.trace, verdict.difference)]
    if verdict.details:
        lines += ["", *(f"  | {line}" for line in verdict.details.rstrip().splitlines())]
    lines += [
        "",
        f"  {clause.level}, promised by {', '.join(address for _, address in links(clause.source))}",
        f"  again: {command}",
    ]
    return "\n".join(lines)


def common_causes(failing: Iterable[Judged], least: int = 3) -> list[tuple[str, int]]:
    """Return the errors, each with the function that raised it, in which at least so many failures end, the most first."""
    counts = Counter(cause for each in failing if (cause := _cause(each.verdict.details)))
    return [(cause, count) for cause, count in counts.most_common() if count >= least]


def _cause(details: str) -> str | None:
    """Return the last error of the last traceback in `details`, or None if there is none."""
    function = cause = None
    for line in details.splitlines():
        if found := FRAME.fullmatch(line):
            function = found[1]
        elif function and (found := RAISED.fullmatch(line)):
            cause, function = f"{found[1]} in {function}", None
    return cause


def _side_by_side(expected: tuple[str, ...], trace: tuple[str, ...], difference: int | None) -> list[str]:
    width = min(WIDEST, max(map(len, (*expected, "expected"))))
    rows = [f"    {'expected'.ljust(width)}   seen"]
    for number, (wanted, seen) in enumerate(zip_longest(expected, trace, fillvalue="")):
        mark = ">" if number == difference else " "
        rows.append(f"  {mark} {wanted.ljust(width)}   {seen}")
    return rows
