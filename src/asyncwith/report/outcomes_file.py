"""Reading `outcomes.jsonl`: a declaration, then a verdict per line, then the counts, if the run lived to write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from asyncwith.errors import InputError
from asyncwith.report.headers import check_format, read_provenance
from asyncwith.report.model import Check, Conformance, Departure, Finished, Judged, Promise
from asyncwith.report.places import Place, parse
from asyncwith.verdicts import Outcome, Verdict

__all__ = ["read_outcomes"]

T = TypeVar("T")
OUTCOMES = {each.value: each for each in Outcome}
CLAUSE_ID = r"[A-Z]+-\d{2,3}"  # becomes a file name: nothing else may get through


def read_outcomes(path: Path) -> Conformance:
    """Return the verdicts in the file `path`."""
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path}, line 1: nothing was declared", "the run was stopped before it began; run it again")
    declared = _declaration(first)
    checks = {check: check for check in declared.checks}
    verdicts: dict[Check, Judged] = {}
    shared: dict[Any, Any] = {}  # of a million verdicts most say the same: it is kept once
    finished = None
    for line in lines:
        if finished is not None:
            line.fail("nothing after the counts")
        if line["kind"].one_of("verdict", "finished") == "finished":
            counts = [line[key].count() for key in ("declared", "started", "finished")]
            finished = Finished(counts[0], counts[1], counts[2], line["seconds"].number())
            continue
        check = Check(line["clause"].name(), line["loop"].name(), line["library"].name())
        if check not in checks or check in verdicts:
            line.fail("the one verdict of a declared check")
        verdicts[checks[check]] = _judged(line, shared)
    return Conformance(
        declared.edition,
        declared.provenance,
        declared.loops,
        declared.absent,
        declared.libraries,
        declared.promises,
        declared.checks,
        verdicts,
        finished,
    )


def _lines(path: Path) -> Iterator[Place]:
    """Yield the lines of `path`, without the last one if a kill left it half written."""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    yield parse(raw, f"{path}, line {number}")
                except InputError:
                    if raw.endswith(b"\n") or number == 1:
                        raise
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _declaration(line: Place) -> Conformance:
    line["kind"].one_of("declared")
    check_format(line)
    promises = {}
    for permanent_id, each in line["clauses"].items():
        Place(permanent_id, each.where).name(CLAUSE_ID)
        promises[permanent_id] = Promise(
            id=permanent_id,
            chapter=each["chapter"].name(),
            claim=each["claim"].text(),
            source=each["source"].text(),
            links=tuple((words.text(), address.text()) for words, address in map(_pair, each["links"])),
            level=each["level"].one_of("must", "should", "informational"),
            versions=each["versions"].text(),
            on=each.optional("on", Place.name),
            name=each["name"].name(),
            line=each["line"].count(),
            code=each["code"].text(),
        )
    checks = []
    for each in line["checks"]:
        named = each.names()
        if len(named) != 3 or named[0] not in promises:  # noqa: PLR2004 - clause, loop, library
            each.fail("a declared clause, a loop and a library")
        checks.append(Check(*named))
    if len(set(checks)) != len(checks):
        line["checks"].fail("every check once")
    return Conformance(
        edition=line["edition"].name(),
        provenance=read_provenance(line["provenance"]),
        loops={name: each.text() for name, each in line["loops"].items()},
        absent={name: each.text() for name, each in line["absent"].items()},
        libraries={name: each.text() for name, each in line["libraries"].items()},
        promises=promises,
        checks=tuple(checks),
        verdicts={},
        finished=None,
    )


def _pair(place: Place) -> list[Place]:
    both = list(place)
    if len(both) != 2:  # noqa: PLR2004 - words and address
        place.fail("the words of a link and its address")
    return both


def _judged(line: Place, shared: dict[Any, Any]) -> Judged:
    def once(value: T) -> T:
        found: T = shared.setdefault(value, value)
        return found

    verdict = Verdict(
        outcome=OUTCOMES[line["outcome"].one_of(*OUTCOMES)],
        reason=once(line["reason"].text()),
        expected=once(line["expected"].lines()),
        trace=once(line["trace"].lines()),
        difference=line.optional("difference", Place.count),
        details=once(line["details"].text()),
        seconds=line["seconds"].number(),
    )
    return Judged(verdict, once(line.optional("departure", _departure)))


def _departure(place: Place) -> Departure:
    return Departure(
        why=place["why"].text(),
        link=place["link"].text(),
        versions=place["versions"].text(),
        releases=place.optional("releases", Place.text) or "",
        since=place["since"].text(),
        stale=place["stale"].flag(),
    )
