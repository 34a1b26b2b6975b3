"""The pytest plugin that runs the conformance room: clauses become items, one for each loop and library.

Items are performed by `asyncwith.hosts`, all of them started when the session begins; an item only waits for its verdict.
So pytest selects, orders, reports and writes JUnit XML as it always does, and never runs a stranger's code itself.
The room's `pytest.ini` loads the plugin; it is not loaded into other people's projects.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from asyncwith.clauses import Clause, links, load_chapters
from asyncwith.departures import Departure, check_ids, departing, read_departures, read_room
from asyncwith.errors import AsyncwithError
from asyncwith.explain import again, explain
from asyncwith.hosts import NO_LOOP, Check, Hosts, loop_status
from asyncwith.libraries import Library, find_library
from asyncwith.loops import Loop, builtin_loops, find_loop
from asyncwith.outcomes import Journal, Judged, Tally, finished_checks
from asyncwith.provenance import provenance
from asyncwith.verdicts import Outcome, Verdict

__all__ = ["Conformance", "conformance"]

DEFAULT_LIMIT = 5.0  # seconds; a check takes milliseconds, so this is a hang even on a loaded machine


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("asyncwith", "conformance of async context managers")
    group.addoption(
        "--loop",
        action="append",
        metavar="LOOP",
        help="judge this loop: an id, or NAME=MODULE:FACTORY (repeatable; default: all built-in loops)",
    )
    group.addoption(
        "--library",
        action="append",
        metavar="LIBRARY",
        help="judge this implementation of contextlib: an id, a module or a PATH.py (repeatable; default: contextlib)",
    )
    group.addoption(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="checks performed at once (default: one per processor)",
    )
    group.addoption(
        "--limit",
        type=float,
        default=DEFAULT_LIMIT,
        metavar="SECONDS",
        help=f"how long a check may take (default: {DEFAULT_LIMIT:g})",
    )
    group.addoption(
        "--departures",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="known deviations of your own loop or library (repeatable)",
    )
    group.addoption("--outcomes", type=Path, metavar="FILE", help="write the journal of the run here, as JSON lines")
    group.addoption("--resume", action="store_true", help="go on with the run whose journal --outcomes names")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.collectonly and config.option.help:
        return
    try:
        config.pluginmanager.register(Conformance(config), "asyncwith-conformance")
    except AsyncwithError as error:
        raise pytest.UsageError(str(error)) from None


def conformance(config: pytest.Config) -> Conformance:
    """Return the state of the conformance run that belongs to `config`."""
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
        self.extra_keyword_matches |= {clause.scenario.__name__, clause.chapter, clause.level, check.library}
        self.user_properties.append(("clause", clause.id))

    def runtest(self) -> None:
        """Wait for the verdict and say it in pytest's words."""
        state = conformance(self.config)
        judged = state.judged(self)
        self.user_properties.append(("outcome", judged.verdict.outcome.value))
        if judged.verdict.outcome is Outcome.NOT_RUN:
            pytest.skip(judged.verdict.reason)
        if judged.known:
            assert judged.departure is not None  # noqa: S101 - that is what known means
            pytest.xfail(f"known: {judged.departure.why} {judged.departure.link}".rstrip())
        story = explain(self.clause, judged, state.again(judged))
        if judged.fails:
            raise CheckFailed(story)
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


class Conformance:
    """The state of one conformance run: what is judged, what is known to depart, and what came out so far."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        asked = config.getoption("--loop")
        self.specs: dict[str, str] = {}
        self.loops = [self._loop(spec) for spec in asked] if asked else builtin_loops()
        self.libraries = [self._library(spec) for spec in config.getoption("--library") or ["contextlib"]]
        self.absent = {loop.id: reason for loop in self.loops if (reason := loop.absence())}
        if not asked:
            self.loops = [loop for loop in self.loops if loop.id not in self.absent]
        self.clauses: dict[str, Clause] = {}
        self.departures: list[Departure] = []
        self.tally = Tally()
        self.listeners: list[Callable[[Judged], None]] = []
        self._hosts: Hosts | None = None
        self._journal: Journal | None = None
        self._futures: dict[Check, Future[Verdict]] = {}
        self._before: dict[Check, Verdict] = {}  # from the run that is resumed
        self._lock = threading.Lock()

    def _loop(self, spec: str) -> Loop:
        loop = find_loop(spec)
        if "=" in spec:
            self.specs[loop.id] = spec
            status = loop_status(self.config.rootpath, spec)
            if not status.known:
                raise pytest.UsageError(f"--loop {spec}: {status.problem}")
        return loop

    def _library(self, spec: str) -> Library:
        library = find_library(spec)
        if library.id != spec:
            self.specs[library.id] = spec
        if library.target.endswith(".py"):
            if not Path(library.target).is_file():
                raise pytest.UsageError(f"--library {spec}: there is no file {library.target}")
        elif library.absence() is None and find_spec(library.target.partition(".")[0]) is None:
            raise pytest.UsageError(f"--library {spec}: there is no module {library.target}")
        return library

    # Collecting

    def pytest_pycollect_makeitem(self, collector: pytest.Module, name: str, obj: object) -> list[CheckItem] | None:
        if not isinstance(obj, Clause):
            return None
        if self.clauses.setdefault(obj.id, obj) is not obj:
            raise collector.CollectError(
                f"the id {obj.id} is taken by {self.clauses[obj.id].chapter}, line {self.clauses[obj.id].line}"
            )
        loops = [loop.id for loop in self.loops] if obj.per_loop else [NO_LOOP]
        libraries = [library.id for library in self.libraries] if "library" in obj.wants else [self.libraries[0].id]
        if "library" not in obj.wants and "contextlib" not in (library.id for library in self.libraries):
            return []  # says nothing about a library
        items = []
        for library in libraries:
            for loop in loops:
                words = loop if library == "contextlib" else f"{loop}-{library}"
                items.append(
                    CheckItem.from_parent(
                        collector, name=f"{obj.id}[{words}]", clause=obj, check=Check(obj.id, loop, library)
                    )
                )
        return items

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the checks of one loop together: they share a process."""
        order = {loop.id: number for number, loop in enumerate(self.loops)}
        items.sort(key=lambda item: order.get(item.check.loop, -1) if isinstance(item, CheckItem) else -1)

    def pytest_collection_finish(self) -> None:
        try:
            own = [each for path in self.config.getoption("--departures") for each in read_departures(path)]
            self.departures = [*own, *read_room(self.config.rootpath / "departures")]
            elsewhere = [each for each in self.departures if each.clause not in self.clauses]
            if elsewhere:  # in a chapter that was not asked for, or nowhere
                check_ids(elsewhere, load_chapters(self.config.rootpath))
        except AsyncwithError as error:
            raise pytest.UsageError(str(error)) from None

    # Performing

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if self.config.option.collectonly or session.testsfailed:
            return (yield)
        items = [item for item in session.items if isinstance(item, CheckItem)]
        started = time.monotonic()
        self.tally.declared = len(items)
        self._open_journal(items)
        one_by_one = hasattr(self.config, "workerinput")  # a worker of pytest-xdist learns its items only in turn
        jobs = 1 if one_by_one else max(1, self.config.getoption("--jobs"))
        with Hosts(self.config.rootpath, self.specs, jobs=jobs, limit=self.config.getoption("--limit")) as self._hosts:
            if not one_by_one:
                for item in items:
                    self._perform(item)
            result = yield
        if self._journal is not None and self.tally.finished == self.tally.declared:
            self._journal.finish(self.tally, time.monotonic() - started)
        return result

    def judged(self, item: CheckItem) -> Judged:
        """Return what came of the check of `item`, when it has."""
        if item.check not in self._futures:
            self._perform(item)
        return self._judge(item, self._futures[item.check].result())

    def again(self, judged: Judged) -> str:
        """Return the command that performs a check again."""
        check = judged.check
        return again(judged, self.specs.get(check.loop, check.loop), self.specs.get(check.library, check.library))

    def _perform(self, item: CheckItem) -> None:
        assert self._hosts is not None  # noqa: S101 - opened by pytest_runtestloop
        self.tally.started += 1
        reason = self._why_not(item)
        known = self._before.get(item.check)
        if known is None and reason is None:
            future = self._hosts.submit(item.check)
        else:
            future = Future()
            future.set_result(known or Verdict(Outcome.NOT_RUN, reason or ""))
        future.add_done_callback(lambda done: self._note(item, done))
        self._futures[item.check] = future

    def _why_not(self, item: CheckItem) -> str | None:
        """Return why no process need be asked about a check, or None."""
        loop = next((each for each in self.loops if each.id == item.check.loop), None)
        library = next(each for each in self.libraries if each.id == item.check.library)
        return self.absent.get(item.check.loop) or library.absence() or item.clause.inapplicable(loop)

    def _judge(self, item: CheckItem, verdict: Verdict) -> Judged:
        check = item.check
        departure = departing(self.departures, check.clause, check.loop, check.library)
        return Judged(check, verdict, item.clause.level, departure)

    def _note(self, item: CheckItem, done: Future[Verdict]) -> None:
        """Count and write down a check as it ends, in whatever thread it does."""
        if done.cancelled() or done.exception() is not None:
            return  # the run was interrupted; what is missing in the counts tells
        judged = self._judge(item, done.result())
        with self._lock:
            self.tally.add(judged)
            if self._journal is not None and item.check not in self._before:
                self._journal.add(judged)
            for listener in self.listeners:
                listener(judged)

    # The journal

    def _open_journal(self, items: list[CheckItem]) -> None:
        path = self.config.getoption("--outcomes")
        if path is None:
            return
        if hasattr(self.config, "workerinput"):
            raise pytest.UsageError(
                "--outcomes needs one pytest process; --jobs runs checks side by side without pytest-xdist"
            )
        header = self._header(items)
        resume = self.config.getoption("--resume") and path.exists()
        try:
            if resume:
                before, self._before = finished_checks(path)
                if any(before.get(key) != header[key] for key in ("edition", "loops", "libraries", "checks")):
                    raise pytest.UsageError(
                        f"{path} is the journal of another run: other checks, clauses, loops or versions; leave out --resume to replace it"
                    )
            self._journal = Journal(path, header, resume=resume)
        except AsyncwithError as error:
            raise pytest.UsageError(str(error)) from None
        except OSError as error:
            raise pytest.UsageError(f"{path}: cannot be written: {error.strerror}") from None

    def _header(self, items: list[CheckItem]) -> dict[str, Any]:
        return {
            "edition": edition(self.config.rootpath),
            "provenance": provenance(),
            "loops": {loop.id: loop.version() for loop in self.loops if loop.id not in self.absent},
            "absent": self.absent,
            "libraries": {each.id: each.version() for each in self.libraries if each.absence() is None},
            "clauses": {item.clause.id: _described(item.clause) for item in items},
            "checks": [[item.check.clause, item.check.loop, item.check.library] for item in items],
        }


def edition(folder: Path) -> str:
    """Return the edition of the clause set: it changes when any chapter does."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("test_*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def _described(clause: Clause) -> dict[str, Any]:
    return {
        "chapter": clause.chapter,
        "claim": clause.claim,
        "source": clause.source,
        "links": links(clause.source),
        "level": clause.level,
        "versions": clause.versions,
        "on": clause.on,
        "name": clause.scenario.__name__,
        "line": clause.line,
        "code": clause.code(),
    }


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give a check the duration of its scenario, not of waiting for it."""
    report = yield
    if isinstance(item, CheckItem) and call.when == "call":
        future = conformance(item.config)._futures.get(item.check)  # noqa: SLF001 - same module
        if future is not None and future.done() and not future.cancelled() and future.exception() is None:
            report.duration = future.result().seconds
    return report


def pytest_report_header(config: pytest.Config) -> list[str]:
    state = conformance(config)
    loops = ", ".join(f"{loop.id} {loop.version()}" for loop in state.loops if loop.id not in state.absent)
    return [f"loops: {loops or 'none'}", *(f"not here: {reason}" for reason in state.absent.values())]


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Say failures by their outcome: crashed, timed out, leaked, flaky."""
    outcome = dict(getattr(report, "user_properties", ())).get("outcome")
    if report.when == "call" and report.failed and isinstance(outcome, str):
        return "failed", "F", outcome.upper()
    return None
