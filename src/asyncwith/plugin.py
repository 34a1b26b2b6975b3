"""The pytest plugin that runs the conformance room: clauses become items, one for each loop and library.

Items are performed by `asyncwith.judging`, all of them started when the session begins; an item only waits for its verdict.
So pytest selects, orders, reports and writes JUnit XML as it always does, and never runs a stranger's code itself.
The room's `pytest.ini` loads the plugin; it is not loaded into other people's projects.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from asyncwith.clauses import Clause, load_chapter
from asyncwith.errors import AsyncwithError, InputError
from asyncwith.explain import explain
from asyncwith.hosts import Check
from asyncwith.judging import Judging
from asyncwith.outcomes import Judged
from asyncwith.outdated import outdated
from asyncwith.verdicts import Outcome

__all__ = ["Conformance", "conformance"]

DEFAULT_LIMIT = 5.0  # seconds; a check takes milliseconds, so this is a hang even on a loaded machine


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `asyncwith conform` hands on."""
    add = parser.getgroup("asyncwith", "conformance of async context managers").addoption
    add("--loop", action="append", metavar="LOOP", help="judge this loop: an id, or NAME=MODULE:FACTORY (repeatable)")
    add(
        "--library",
        action="append",
        metavar="LIBRARY",
        help="judge this contextlib: an id, module or PATH.py (repeatable)",
    )
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="checks performed at once")
    add("--limit", type=float, default=DEFAULT_LIMIT, metavar="SECONDS", help="how long a check may take")
    add("--departures", action="append", type=Path, default=[], metavar="FILE", help="known deviations (repeatable)")
    add("--outcomes", type=Path, metavar="FILE", help="write the journal of the run here, as JSON lines")
    add("--resume", action="store_true", help="go on with the run whose journal --outcomes names")


def pytest_configure(config: pytest.Config) -> None:
    """Set up the run; a wrong word is told before anything is collected."""
    try:
        config.pluginmanager.register(Conformance(config), "asyncwith-conformance")
    except AsyncwithError as error:
        raise pytest.UsageError(str(error)) from None


def conformance(config: pytest.Config) -> Conformance:
    """Return the conformance run that belongs to `config`."""
    found = config.pluginmanager.get_plugin("asyncwith-conformance")
    assert isinstance(found, Conformance)  # noqa: S101 - registered by pytest_configure
    return found


class CheckFailed(Exception):
    """A check whose verdict is told in words."""


class CheckItem(pytest.Item):
    """One check as pytest sees it."""

    def __init__(self, *, clause: Clause, check: Check, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clause = clause
        self.check = check
        self.judged: Judged | None = None
        self.extra_keyword_matches |= {clause.scenario.__name__, clause.chapter, clause.level, check.library}
        self.user_properties.append(("clause", clause.id))

    def runtest(self) -> None:
        """Wait for the verdict and say it in pytest's words."""
        judging = conformance(self.config).judging
        self.judged = judged = judging.judged(self.check)
        self.user_properties.append(("outcome", judged.verdict.outcome.value))
        if judged.verdict.outcome is Outcome.NOT_RUN:
            pytest.skip(judged.verdict.reason)
        if judged.fails:
            raise CheckFailed(explain(self.clause, judged, judging.again(self.check), judging.departures))
        if judged.known and judged.departure is not None:
            pytest.xfail(f"known: {judged.departure.why} {judged.departure.link}".rstrip())
        if judged.verdict.outcome.is_failure:
            pytest.xfail(f"{self.clause.level}: {judged.verdict.reason}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the story of the verdict; a traceback into this plugin would help nobody."""
        if isinstance(excinfo.value, CheckFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the place of the scenario."""
        return self.path, self.clause.line - 1, self.name


class Chapter(pytest.File):
    """One file of the room, read as the processes read it that perform its checks."""

    def collect(self) -> list[CheckItem]:
        """Return the checks of its clauses."""
        state = conformance(self.config)
        try:
            return [item for clause in load_chapter(self.path) for item in state.items_of(clause, self)]
        except AsyncwithError as error:
            raise self.CollectError(str(error)) from None


class Conformance:
    """The plugin of one session: collects clauses and hands them to the run that it holds."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.clauses: dict[str, Clause] = {}
        option = config.option
        self.judging = Judging(config.rootpath, loops=option.loop or (), libraries=option.library or ())

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> Chapter:
        """Collect clauses, and nothing that pytest would call a test."""
        return Chapter.from_parent(parent, path=module_path)

    def items_of(self, clause: Clause, chapter: Chapter) -> list[CheckItem]:
        """Return the checks of a clause. `InputError` if its id is taken, or it does not say what it expects here."""
        taken = self.clauses.setdefault(clause.id, clause)
        if taken is not clause:
            raise InputError(f"{clause.place}: the id is taken by {taken.chapter}, line {taken.line}")
        items = []
        for check in self.judging.checks_of(clause):
            words = check.loop if check.library == "contextlib" else f"{check.loop}-{check.library}"
            items.append(CheckItem.from_parent(chapter, name=f"{clause.id}[{words}]", clause=clause, check=check))
        return items

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the checks of one loop with one library together: they share a process."""
        loops = {loop.id: number for number, loop in enumerate(self.judging.loops)}
        libraries = {library.id: number for number, library in enumerate(self.judging.libraries)}

        def place(item: pytest.Item) -> tuple[int, int]:
            if not isinstance(item, CheckItem):
                return -1, -1
            return loops.get(item.check.loop, -1), libraries.get(item.check.library, -1)

        items.sort(key=place)

    def pytest_collection_finish(self) -> None:
        """Read the departures, which may only name clauses that there are."""
        try:
            self.judging.read_departures(self.config.option.departures, self.clauses)
        except AsyncwithError as error:
            raise pytest.UsageError(str(error)) from None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Perform the checks while the items wait for them."""
        option = self.config.option
        if option.collectonly or session.testsfailed:
            return (yield)
        in_worker = hasattr(self.config, "workerinput")  # of pytest-xdist, which learns its items only in turn
        if in_worker and option.outcomes is not None:
            raise pytest.UsageError("--outcomes needs one pytest process; --jobs performs checks side by side")
        try:
            with self.judging.performing(
                {item.check: item.clause for item in session.items if isinstance(item, CheckItem)},
                jobs=1 if in_worker else max(1, option.jobs),
                limit=option.limit,
                ahead=not in_worker,
                outcomes=option.outcomes,
                resume=option.resume,
            ):
                return (yield)
        except AsyncwithError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give a check the duration of its scenario, not of waiting for it."""
    report = yield
    if isinstance(item, CheckItem) and call.when == "call" and item.judged is not None:
        report.duration = item.judged.verdict.seconds
    return report


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which loops are judged."""
    judging = conformance(config).judging
    loops = ", ".join(f"{loop.id} {loop.version()}" for loop in judging.loops if loop.id not in judging.absent)
    absent = [f"not here: {reason}" for reason in judging.absent.values()]
    return [
        f"loops: {loops or 'none'}",
        *absent,
        *outdated(["anyio", *(loop.package for loop in judging.loops if loop.package)]),
    ]


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Say failures by their outcome: crashed, timed out, leaked, flaky."""
    outcome = dict(getattr(report, "user_properties", ())).get("outcome")
    if report.when == "call" and report.failed and isinstance(outcome, str):
        return "failed", "F", outcome.upper()
    return None
