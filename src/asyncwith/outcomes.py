"""The journal of a conformance run: one JSON document a line, whole lines only, so that a killed run can be resumed.

A header declares all checks, a line follows for each as it ends, a footer closes. What breaks this grammar is an
`InputError`; a missing footer or a half-written last line is the mark of a run that was killed, and legal.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncwith.departures import Departure
from asyncwith.errors import InputError
from asyncwith.hosts import Check
from asyncwith.verdicts import Outcome, Verdict

__all__ = ["FORMAT", "Journal", "Judged", "Tally", "finished_checks"]

FORMAT = 1
WEIGHTY = ("must", "should")  # levels whose failures fail the run
NOTED = "noted"  # how the failure of any other is counted


@dataclass(frozen=True)
class Judged:
    """A check with its verdict, its clause's level and the departure that was expected of it, if any."""

    check: Check
    verdict: Verdict
    level: str
    departure: Departure | None = None

    @property
    def stale(self) -> bool:
        """Whether a departure was written down that no longer departs."""
        passed = self.verdict.outcome is Outcome.PASSED
        return self.departure is not None and not self.departure.sometimes and passed

    @property
    def known(self) -> bool:
        """Whether this is a deviation that was written down before."""
        return self.departure is not None and self.verdict.outcome.is_failure

    @property
    def fails(self) -> bool:
        """Whether this check alone makes the run exit with 1."""
        return self.stale or (self.verdict.outcome.is_failure and not self.known and self.level in WEIGHTY)

    def to_json(self) -> dict[str, Any]:
        """Return the line of the journal."""
        departure = self.departure and {**self.departure.to_json(), "stale": self.stale}
        check = {"clause": self.check.clause, "loop": self.check.loop, "library": self.check.library}
        return {"kind": "verdict", **check, **self.verdict.to_json(), "departure": departure}


@dataclass
class Tally:
    """How many checks were declared, started and finished, and how they ended."""

    declared: int = 0
    started: int = 0
    finished: int = 0
    judged: int = 0  # those with an outcome other than not run
    failing: list[Judged] = field(default_factory=list)
    known: list[Judged] = field(default_factory=list)
    outcomes: dict[str, Counter[str]] = field(
        default_factory=dict
    )  # by loop; what fails no run is counted as known or noted
    reasons: Counter[str] = field(default_factory=Counter)  # why checks were not run

    def add(self, judged: Judged) -> None:
        """Count one more finished check."""
        outcome = judged.verdict.outcome
        self.finished += 1
        self.judged += outcome is not Outcome.NOT_RUN
        word = "known" if judged.known else outcome.value if judged.fails or not outcome.is_failure else NOTED
        self.outcomes.setdefault(judged.check.loop, Counter())[word] += 1
        if outcome is Outcome.NOT_RUN:
            self.reasons[judged.verdict.reason] += 1
        if judged.fails:
            self.failing.append(judged)
        elif judged.known:
            self.known.append(judged)

    def exit_code(self) -> int:
        """Return the exit code of the run: 1 if a check fails or was lost, 3 if none was judged, else 0."""
        if self.failing or not self.declared == self.started == self.finished:
            return 1
        return 0 if self.judged else 3


class Journal:
    """Appends to one journal file; safe to call from several threads."""

    def __init__(self, path: Path, header: dict[str, Any], *, resume: bool) -> None:
        """Start the file anew with `header`, or go on with a run of the same header."""
        self._lock = threading.Lock()
        if resume and path.exists():
            _cut_half_line(path)
            self._file = path.open("ab", buffering=0)
        else:
            self._file = path.open("wb", buffering=0)
            self._write({"kind": "declared", "format": FORMAT, **header})

    def add(self, judged: Judged) -> None:
        """Write one line."""
        self._write(judged.to_json())

    def finish(self, tally: Tally, seconds: float) -> None:
        """Write the footer and close."""
        counts = {"declared": tally.declared, "started": tally.started, "finished": tally.finished}
        self._write({"kind": "finished", **counts, "seconds": round(seconds, 3)})
        self._file.close()

    def _write(self, document: dict[str, Any]) -> None:
        line = json.dumps(document).encode() + b"\n"
        with self._lock:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _cut_half_line(path: Path) -> None:
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines(keepends=True)
    if lines and b'"kind": "finished"' in lines[-1]:
        whole = b"".join(lines[:-1])
    if whole != content:
        path.write_bytes(whole)


def finished_checks(path: Path) -> tuple[dict[str, Any], dict[Check, Verdict]]:
    """Return the header of a journal and the verdicts in it, for a run that goes on.

    Raises `InputError` with the line at fault if the file is not a journal.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    lines = text.split("\n")[:-1]  # what follows the last line end was being written when the run was killed
    documents = [_document(path, number, line) for number, line in enumerate(lines, 1)]
    if not documents or documents[0].get("kind") != "declared" or documents[0].get("format") != FORMAT:
        raise InputError(f"{path}:1: is not the journal of a conformance run")
    found = {}
    for number, document in enumerate(documents[1:], 2):
        if document.get("kind") == "verdict":
            try:
                check = Check(str(document["clause"]), str(document["loop"]), str(document["library"]))
                found[check] = Verdict.from_json(document)
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(f"{path}:{number}: is not a verdict: {error!r}") from None
    return documents[0], found


def _document(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}:{number}: is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}:{number}: expected an object, saw {type(document).__name__}")
    return document
