"""Loops that hang, crash, lie and exit cost their own checks only, and every check gets its verdict in bounded time."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from asyncwith import hosts
from asyncwith._tests.power import destructive_loops
from asyncwith.hosts import Check, Hosts
from asyncwith.rooms import room
from asyncwith.verdicts import Outcome, Verdict

CLAUSE = "PROT-08"
LATE, EARLY = destructive_loops.LATE, destructive_loops.EARLY
ILL_MANNERED = ("EatsInput", "ForksAndGoesOn", "PrintsMuch", "PrintsOnTheWire")  # may pass all the same
HANGING = {"HangsInSleep", "HoldsTheLock", "IgnoresSignals", "NeverEnds", "Spins", "SpinsInC", "StopsItself"}
EXITING = {
    "Aborts": "SIGABRT",
    "ExitsFromThread": "code 1",
    "ExitsWithSuccess": "code 0",
    "Forks": "code 0; another one holds its pipe",
    "KillsItself": "SIGKILL",
    "KillsItsGroup": "SIGKILL",
    "Segfaults": "SIGSEGV",
}


@pytest.fixture(scope="module")
def verdicts() -> Mapping[str, list[Verdict]]:
    """Perform one clause on all destructive loops and, after each of them, on asyncio, in one and the same run."""
    specs = {name: f"{name}={destructive_loops.__file__}:{name}" for name in [*LATE, *EARLY]}
    started = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hosts, "START_LIMIT", 5.0)  # thirty are for machines that are busy with something else
        with Hosts(room("conformance"), specs, jobs=4, limit=1.0) as running:
            futures = [
                (loop, running.submit(Check(CLAUSE, loop, "contextlib")))
                for name in specs
                for loop in (name, "asyncio")
            ]
            found: dict[str, list[Verdict]] = {}
            for loop, future in futures:
                found.setdefault(loop, []).append(future.result(timeout=120))
    found["seconds"] = [Verdict(Outcome.PASSED, seconds=time.monotonic() - started)]
    return found


def test_asyncio_beside_them_passes_every_time(verdicts: Mapping[str, list[Verdict]]) -> None:
    """No verdict on asyncio is bent by whatever was judged before it or beside it."""
    assert [Outcome.PASSED] * len([*LATE, *EARLY]) == [verdict.outcome for verdict in verdicts["asyncio"]]


@pytest.mark.parametrize("name", sorted({*LATE} - {*ILL_MANNERED}))
def test_what_strikes_in_a_check_fails_that_check(name: str, verdicts: Mapping[str, list[Verdict]]) -> None:
    """A loop that hangs is timed out, one that goes is crashed and said how, and none is passed."""
    (verdict,) = verdicts[name]
    assert verdict.outcome.is_failure
    assert verdict.reason
    if name in HANGING:
        assert verdict.outcome is Outcome.TIMED_OUT
    if name in EXITING:
        assert verdict.outcome is Outcome.CRASHED
        assert EXITING[name] in verdict.reason


@pytest.mark.parametrize("name", EARLY)
def test_what_cannot_start_fails_its_checks(name: str, verdicts: Mapping[str, list[Verdict]]) -> None:
    """A loop that strikes before it ever ran fails its checks with the reason; it is not left out."""
    (verdict,) = verdicts[name]
    assert verdict.outcome.is_failure
    assert verdict.reason.startswith("the loop could not be started: ")


def test_bad_manners_cost_at_most_the_own_check(verdicts: Mapping[str, list[Verdict]]) -> None:
    """A loop that floods the streams, reads the input or forks may pass, and has a verdict in any case."""
    assert all(len(verdicts[name]) == 1 for name in ILL_MANNERED)
    assert verdicts["PrintsMuch"][0].outcome is Outcome.PASSED
    assert verdicts["EatsInput"][0].outcome is Outcome.PASSED


def test_it_ends(verdicts: Mapping[str, list[Verdict]]) -> None:
    """The whole takes about its limits added up, not for ever."""
    assert verdicts["seconds"][0].seconds < 180
