"""Verdicts of two conformance runs: which checks ended otherwise. Only runs of one edition are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncwith.errors import InputError
from asyncwith.hosts import Check
from asyncwith.outcomes import WEIGHTY, finished_checks
from asyncwith.verdicts import Outcome, Verdict

__all__ = ["ChangedVerdict", "ChangedVerdicts", "compare_verdicts"]


@dataclass(frozen=True)
class ChangedVerdict:
    """A check that ended otherwise in NEW than in BASE; a verdict that is missing was lost or not asked for."""

    check: Check
    level: str
    base: Verdict
    new: Verdict

    @property
    def regression(self) -> bool:
        """Whether a promise of weight held and does so no more."""
        return self.level in WEIGHTY and self.base.outcome is Outcome.PASSED and self.new.outcome.is_failure

    def sentence(self) -> str:
        """Say it: `ENT-01 on uvloop with contextlib: passed → failed (line 2: …)`."""
        why = f" ({self.new.reason})" if self.new.reason else ""
        check = f"{self.check.clause} on {self.check.loop} with {self.check.library}"
        return f"{check}: {self.base.outcome.value} → {self.new.outcome.value}{why}"


@dataclass(frozen=True)
class ChangedVerdicts:
    """All that changed, regressions first, and what stands in the way of comparing."""

    changes: tuple[ChangedVerdict, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def regressions(self) -> int:
        """How many promises were kept and are not any more."""
        return sum(change.regression for change in self.changes)


def compare_verdicts(base: Path, new: Path) -> ChangedVerdicts:
    """Compare the journals in the directories of two runs. Raises `InputError` if one is no journal."""
    journals = [directory / "outcomes.jsonl" for directory in (base, new)]
    there = [path.exists() for path in journals]
    if not all(there):
        only = "BASE" if there[0] else "NEW"
        return ChangedVerdicts(notes=(f"verdicts are in {only} only",) if any(there) else ())
    (old_header, old), (header, found) = (_read(path) for path in journals)
    if old_header.get("edition") != header.get("edition"):
        return ChangedVerdicts(notes=("verdicts are of two editions of the clauses",))
    changes = [
        ChangedVerdict(check, _level(journals[1], header, check), old[check], verdict)
        for check, verdict in found.items()
        if check in old and old[check].outcome is not verdict.outcome
    ]
    alone = len(old.keys() ^ found.keys())
    return ChangedVerdicts(
        changes=tuple(sorted(changes, key=lambda change: not change.regression)),
        notes=(f"{alone} checks have a verdict in one run only",) if alone else (),
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[Check, Verdict]]:
    try:
        return finished_checks(path)
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply for the journal of a conformance run") from None


def _level(path: Path, header: dict[str, Any], check: Check) -> str:
    try:
        return str(header["clauses"][check.clause]["level"])
    except (KeyError, TypeError):
        raise InputError(f"{path}:1: clauses: {check.clause!r} is not declared with its level") from None
