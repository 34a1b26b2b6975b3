"""A fault, and what becomes of the clauses where it is seeded.

Faults come in by the doors that everybody has: a faulty loop by `--loop`, a faulty library by `--library`. What has no door
(the statement itself, parts of asyncio, anyio and trio) is seeded by a room of its own, whose first file spoils the process
before the chapters are loaded.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from asyncwith.clauses import Clause
from asyncwith.hosts import NO_LOOP, Check, Hosts
from asyncwith.verdicts import Outcome, Verdict

__all__ = ["CONTROL", "Fault", "Finding", "judge", "seeded_room"]

CONTROL = "control"  # the name of what is seeded in the same way and has no fault
UNSTARTED = "the loop could not be started"
HANGS_UNTIL_KNOWN = 3  # a fault that made so many clauses hang need not be tried on all others


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where it is seeded, and on which loops the clauses are to see it."""

    kind: str
    name: str
    room: Path
    loops: tuple[str, ...] = ("asyncio",)
    library: str = "contextlib"
    specs: Mapping[str, str] = field(default_factory=dict)
    hidden: str = ""  # the loop that it is compared with, where the faulty one has a name of its own
    fatal: bool = False  # whether it may be that nothing starts, which no run overlooks

    def checks(self, clauses: Mapping[str, Clause]) -> list[Check]:
        """Return the checks in which the fault might show."""
        found = []
        for loop in self.loops:
            for clause in clauses.values():
                if clause.per_loop != (loop != NO_LOOP):
                    continue
                if self.library != "contextlib" and "library" not in clause.wants:
                    continue
                found.append(Check(clause.id, loop, self.library))
        return found


@dataclass(frozen=True)
class Finding:
    """What became of the clauses under one fault: those whose check failed, and how many were judged."""

    fault: Fault
    failed: Mapping[str, Verdict]
    judged: int
    weighty: Collection[str]

    @property
    def caught(self) -> bool:
        """Whether a run would have ended with exit code 1: a clause failed that is not merely informational."""
        return not self.mislaid and any(id_ in self.weighty for id_ in self.failed)

    @property
    def mislaid(self) -> bool:
        """Whether not the clauses failed but the seeding: most faults leave the loop able to start."""
        return self.unstarted is not None and not self.fault.fatal

    @property
    def gross(self) -> bool:
        """Whether the fault spoils so much that its being caught says little about a single clause."""
        return len(self.failed) > self.judged / 2 or self.unstarted is not None

    @property
    def unstarted(self) -> Verdict | None:
        """The verdict that says that no process could be started, or None."""
        return next((each for each in self.failed.values() if each.reason.startswith(UNSTARTED)), None)


def seeded_room(folder: Path, chapters: Path, text: str) -> Path:
    """Make a room in `folder` with the chapters of `chapters` and, before them, a file with the `text` that seeds a fault."""
    folder.mkdir()
    for chapter in chapters.glob("test_*.py"):
        (folder / chapter.name).symlink_to(chapter.resolve())
    (folder / "test_000.py").write_text(text, encoding="utf-8")
    return folder


def judge(
    faults: Sequence[Fault],
    clauses: Mapping[str, Clause],
    *,
    but: Collection[tuple[str, str]] = (),
    jobs: int,
    limit: float,
    until_caught: bool = False,
) -> Iterator[Finding]:
    """Yield what became of each fault; `but` are clauses with loops that fail without any fault.

    `until_caught` looks no further when a fault is caught, which tells no more about the other clauses.
    """
    weighty = {clause.id for clause in clauses.values() if clause.level != "informational"}
    # Faults that stand side by side are caught by the same clauses, so these come first.
    turn, catchers = itertools.count(1), dict[str, int]()
    for batch in _batches(faults):
        specs = {id_: spec for fault in batch for id_, spec in fault.specs.items()}
        with Hosts(batch[0].room, specs, jobs=jobs, limit=limit) as hosts:
            for fault in batch:
                checks = [each for each in fault.checks(clauses) if (each.clause, fault.hidden or each.loop) not in but]
                if until_caught:
                    checks.sort(key=lambda check: (fault.loops.index(check.loop), -catchers.get(check.clause, 0)))
                failed, judged = _perform(hosts, checks, weighty, until_caught=until_caught)
                catchers.update(dict.fromkeys(failed, next(turn)))
                yield Finding(fault, failed, judged, weighty)


def _batches(faults: Sequence[Fault]) -> Iterator[list[Fault]]:
    """Yield faults that can be served by the same processes, not too many, as processes grow with every library."""
    batch: list[Fault] = []
    for fault in faults:
        if batch and (fault.room != batch[0].room or len(batch) == 60):
            yield batch
            batch = []
        batch.append(fault)
    if batch:
        yield batch


def _perform(
    hosts: Hosts, checks: Sequence[Check], weighty: Collection[str], *, until_caught: bool
) -> tuple[dict[str, Verdict], int]:
    futures: list[tuple[Check, Future[Verdict]]] = [(check, hosts.submit(check)) for check in checks]
    failed: dict[str, Verdict] = {}
    judged = hangs = 0
    for check, future in futures:
        if future.cancelled():
            continue
        verdict = future.result()
        judged += verdict.outcome is not Outcome.NOT_RUN
        hangs += verdict.outcome is Outcome.TIMED_OUT
        if verdict.outcome.is_failure:
            failed.setdefault(check.clause, verdict)
        if hangs >= HANGS_UNTIL_KNOWN or (until_caught and verdict.outcome.is_failure and check.clause in weighty):
            for _, rest in futures:
                rest.cancel()
    return failed, judged
