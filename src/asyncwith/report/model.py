"""What a report is about, as data: runs, the clauses and verdicts of each, and what was measured.

Nothing here reads or draws. `read_runs` in `runs` makes these from files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from asyncwith.costs import Growth, Term
from asyncwith.memory import Slope
from asyncwith.verdicts import Outcome, Verdict

__all__ = [
    "Address",
    "Cell",
    "Check",
    "Conformance",
    "Control",
    "Costs",
    "Departure",
    "Finished",
    "Judged",
    "Model",
    "Promise",
    "Provenance",
    "Question",
    "Run",
    "Witness",
]

NO_LOOP = "python"  # the loop of checks that need none


@dataclass(frozen=True)
class Provenance:
    """Where and with what a run was made."""

    asyncwith: str
    created: str
    python: str
    implementation: str
    build: str
    gil: bool
    jit: bool
    platform: str
    machine: str
    cpu: str
    cores: int | None
    packages: Mapping[str, str]


@dataclass(frozen=True)
class Promise:
    """A clause as a file of results tells of it."""

    id: str
    chapter: str
    claim: str
    source: str
    links: tuple[tuple[str, str], ...]
    level: str
    versions: str
    on: str | None
    name: str
    line: int
    code: str


class Check(NamedTuple):
    """One clause on one loop with one library, by name."""

    clause: str
    loop: str
    library: str


@dataclass(frozen=True, slots=True)
class Departure:
    """A deviation that was known before the run."""

    why: str
    link: str
    versions: str
    releases: str
    since: str
    stale: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What came out of a check."""

    verdict: Verdict
    departure: Departure | None

    def state(self, level: str) -> str:
        """Return the outcome, or the word for one that is no failure, or that is one although it looks well.

        `departs` is a known deviation, `stale` one that is not seen any more, `noted` one from a clause that is informational.
        """
        if self.departure is not None and self.verdict.outcome is not Outcome.NOT_RUN:
            return "departs" if self.verdict.outcome.is_failure else "stale"
        return "noted" if self.verdict.outcome.is_failure and level == "informational" else self.verdict.outcome.value


@dataclass(frozen=True)
class Finished:
    """The counts that a run writes when it ends by itself."""

    declared: int
    started: int
    finished: int
    seconds: float


@dataclass(frozen=True)
class Conformance:
    """All verdicts of a run, and what was to be judged."""

    edition: str
    provenance: Provenance
    loops: Mapping[str, str]
    absent: Mapping[str, str]
    libraries: Mapping[str, str]
    promises: Mapping[str, Promise]
    checks: tuple[Check, ...]
    verdicts: Mapping[Check, Judged]
    finished: Finished | None

    @property
    def lost(self) -> str:
        """What is missing, as a sentence, or nothing."""
        declared, judged = len(self.checks), len(self.verdicts)
        if self.finished is None:
            return f"The run was stopped before its end: of {declared} declared checks, {judged} were judged."
        counts = self.finished
        if not counts.declared == counts.started == counts.finished == declared == judged:
            return (
                f"The run lost checks: {counts.declared} were declared, {counts.started} started and {counts.finished} "
                f"finished; the file holds {judged} verdicts."
            )
        return ""

    def state(self, check: Check) -> str:
        """Return how `check` ended: a `Judged.state`, `no verdict` if it was lost, nothing if it was not declared."""
        if check in self.verdicts:
            return self.verdicts[check].state(self.promises[check.clause].level)
        return "no verdict" if check in self.declared else ""

    @cached_property
    def declared(self) -> frozenset[Check]:
        """The checks as a set."""
        return frozenset(self.checks)


@dataclass(frozen=True, slots=True)
class Control:
    """A ratio that is known to be 1, as it was measured."""

    name: str
    question: str
    arm: str
    size: int | None
    ratio: float
    low: float
    high: float
    held: bool
    why: str
    kind: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One arm on one loop: what it costs, its `ratio` to the reference loop, and `of_floor`, to the floor arm."""

    arm: str
    size: int | None
    loop: str
    seconds: Interval | None
    cpu_seconds: float | None
    ratio: Interval | None
    of_floor: Interval | None
    verdict: str
    agree: bool
    control: bool
    not_timed: str
    held: str
    values: tuple[float, ...]
    ratios: tuple[float, ...]
    command: str


@dataclass(frozen=True)
class Question:
    """One table of costs."""

    name: str
    asks: str
    of: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Costs:
    """All that a run measured."""

    provenance: Provenance
    reference: str
    loops: Mapping[str, str]
    confidence: float
    margin: float
    until: float
    blocks: int
    seconds: float
    holds: bool
    controls: tuple[Control, ...]
    questions: tuple[Question, ...]
    turns: int
    terms: tuple[Term, ...]
    growth: tuple[Growth, ...]


Address = tuple[str, str, int | None, str]  # of a figure: question, arm, size and loop


@dataclass(frozen=True, slots=True)
class Witness:
    """What was counted or traced of an arm on a loop, and its ratio to the reference loop.

    `agrees` is false where it contradicts the time, or where memory stays behind.
    """

    figure: float
    ratio: float | None
    agrees: bool


@dataclass(frozen=True)
class Run:
    """One directory of results. Either half may be missing, not both."""

    name: str
    label: str
    conformance: Conformance | None
    costs: Costs | None
    instructions: Mapping[Address, Witness] = field(default_factory=dict)
    memory: Mapping[Address, Witness] = field(default_factory=dict)
    slopes: tuple[Slope, ...] = ()

    @property
    def provenance(self) -> Provenance:
        """Where the run was made; both halves agree on it."""
        half = self.conformance or self.costs
        assert half is not None  # noqa: S101 - see the class
        return half.provenance


@dataclass(frozen=True)
class Model:
    """Everything that a report shows."""

    runs: tuple[Run, ...]

    @cached_property
    def promises(self) -> dict[str, Promise]:
        """Every clause of any run by id, by chapter as its file has them; where editions differ, as the first run has it."""
        found: dict[str, Promise] = {}
        for run in self.runs:
            if run.conformance is not None:
                found = {**run.conformance.promises, **found}
        return dict(sorted(found.items(), key=lambda each: (each[1].chapter, each[1].line, each[0])))
