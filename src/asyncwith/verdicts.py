"""Outcomes and verdicts: what was seen of a check, judged against what its clause asks for."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncwith.expectations import AnyOrder, Expected, difference

__all__ = ["Outcome", "Verdict", "judge", "lines_of"]


class Outcome(str, enum.Enum):
    """How a check ended. Only `passed` is good, only `not run` says nothing; each other one comes with its reason."""

    PASSED = "passed"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    LEAKED = "leaked"
    FLAKY = "flaky"
    NOT_RUN = "not run"

    @property
    def is_failure(self) -> bool:
        """Whether a `must` or `should` clause with this outcome fails the run."""
        return self not in (Outcome.PASSED, Outcome.NOT_RUN)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check with its evidence.

    `expected` is the trace as lines to show, `trace` what was seen, `difference` the index of the first line of `trace` that is
    not as expected (which may be one past its end), `details` a traceback or the last words of a process, `seconds` the duration.
    """

    outcome: Outcome
    reason: str = ""
    expected: tuple[str, ...] = ()
    trace: tuple[str, ...] = ()
    difference: int | None = None
    details: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain data; `from_json` reads it back."""
        return {
            "outcome": self.outcome.value,
            "reason": self.reason,
            "expected": list(self.expected),
            "trace": list(self.trace),
            "difference": self.difference,
            "details": self.details,
            "seconds": round(self.seconds, 6),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Verdict:
        """Return the verdict that `to_json` wrote; KeyError, TypeError or ValueError if it did not."""
        return cls(
            outcome=Outcome(data["outcome"]),
            reason=str(data["reason"]),
            expected=tuple(map(str, data["expected"])),
            trace=tuple(map(str, data["trace"])),
            difference=None if data["difference"] is None else int(data["difference"]),
            details=str(data["details"]),
            seconds=float(data["seconds"]),
        )


def lines_of(expected: Expected) -> tuple[str, ...]:
    """Return an expectation as lines to show; those in any order carry a mark."""
    shown: list[str] = []
    for wanted in expected:
        if isinstance(wanted, AnyOrder):
            shown += [f"{line}  (in any order)" for line in wanted.lines]
        else:
            shown.append(wanted)
    return tuple(shown)


def judge(
    expected: Expected, trace: Sequence[str], *, leaks: Sequence[str] = (), details: str = "", seconds: float = 0.0
) -> Verdict:
    """Compare what was seen with what was expected; a scenario that did all it should may still have leaked."""
    at = difference(expected, trace)
    shown = lines_of(expected)
    if at is not None:
        seen = repr(trace[at]) if at < len(trace) else "the end of the trace"
        wanted = repr(shown[at]) if at < len(shown) else "the end of the trace"
        outcome, reason = Outcome.FAILED, f"line {at + 1}: expected {wanted}, saw {seen}"
    elif leaks:
        outcome, reason = Outcome.LEAKED, "; ".join(leaks)
    else:
        outcome, reason = Outcome.PASSED, ""
    return Verdict(outcome, reason, shown, tuple(trace), at, details if outcome.is_failure else "", seconds)
