"""`asyncwith conform`: the conformance room under pytest, shielded from the settings and plugins of whoever calls.

The verdicts are those of `pytest conformance` in a checkout; only what is shown while they come differs.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from asyncwith.errors import UsageError
from asyncwith.explain import explain
from asyncwith.outcomes import Tally
from asyncwith.plugin import Conformance, conformance
from asyncwith.rooms import room

__all__ = ["Conformed", "Request", "conform"]

LONGEST_LIMIT = 86_400.0  # seconds: a day, beyond which clocks and threads know no limits


@dataclass(frozen=True)
class Request:
    """What to judge and where to write it; empty sequences mean the defaults of the plugin."""

    keyword: str = ""
    loops: Sequence[str] = ()
    libraries: Sequence[str] = ()
    departures: Sequence[Path] = ()
    jobs: int | None = None
    limit: float | None = None
    junit_xml: Path | None = None
    outcomes: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and not 0 < self.limit <= LONGEST_LIMIT:
            raise UsageError(f"--limit {self.limit}: expected seconds, {LONGEST_LIMIT:g} at most")

    def into(self, run: Path) -> Request:
        """Return the request with its results in the directory `run`."""
        return replace(self, outcomes=run / "outcomes.jsonl", junit_xml=self.junit_xml or run / "junit.xml")

    def arguments(self) -> list[str]:
        """Return the request as arguments of pytest."""
        folder = room("conformance")
        words = [str(folder), "-c", str(folder / "pytest.ini"), "--rootdir", str(folder), "-p", "no:terminal"]
        if self.keyword:
            words += ["-k", self.keyword]
        words += [f"--loop={spec}" for spec in self.loops]
        words += [f"--library={spec}" for spec in self.libraries]
        words += [f"--departures={path}" for path in self.departures]
        given = {
            "--jobs": self.jobs,
            "--limit": self.limit,
            "--junit-xml": self.junit_xml,
            "--outcomes": self.outcomes,
        }
        words += [f"{option}={value}" for option, value in given.items() if value is not None]
        return [*words, "--resume"] if self.resume else words


@dataclass(frozen=True)
class Conformed:
    """What came of a request: the counts, the story of each failure, the loops that are not here, the seconds it took."""

    tally: Tally
    stories: tuple[str, ...]
    loops: tuple[str, ...]
    absent: dict[str, str]
    seconds: float
    interrupted: bool = False


class _Reporter:
    """The pytest plugin that stands in for its terminal: hands on progress, keeps stories, lets no broken chapter pass."""

    def __init__(self, progress: Callable[[int, Tally], None]) -> None:
        self.progress = progress
        self.state: Conformance | None = None
        self.errors: list[str] = []
        self.lost: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        self.config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.state = conformance(session.config)
        tally = self.state.judging.tally
        self.state.judging.listeners.append(lambda _: self.progress(tally.declared, tally))
        self.progress(len(session.items), tally)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append(str(report.longrepr).strip().splitlines()[-1])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the traceback of a check that has no outcome: a fault of ours, which must not stay silent."""
        if report.failed and "outcome" not in dict(report.user_properties):
            self.lost.append(f"{report.nodeid} was lost\n{report.longreprtext}")

    def pytest_warning_recorded(self, warning_message: Any) -> None:
        """Swallow: the terminal is not here to print them, and scenarios keep their own."""


def conform(request: Request, progress: Callable[[int, Tally], None]) -> Conformed:
    """Perform `request`; `progress` hears the number of checks and the counts after each one, in any thread.

    Raises `UsageError` if the request cannot be understood.
    """
    if request.junit_xml is not None:
        _try_to_write(request.junit_xml)
    reporter = _Reporter(progress)
    started = time.monotonic()
    with _our_own_environment(), redirect_stderr(io.StringIO()) as said:
        code = pytest.main(request.arguments(), plugins=[reporter])
    state = reporter.state
    if reporter.errors:
        raise UsageError(f"the conformance room is broken: {'; '.join(reporter.errors)}")
    if code == pytest.ExitCode.INTERNAL_ERROR:
        raise RuntimeError(said.getvalue())
    if state is None or code == pytest.ExitCode.USAGE_ERROR:
        raise UsageError(said.getvalue().replace("ERROR: ", ""))
    judging = state.judging
    stories = [
        explain(state.clauses[each.check.clause], each, judging.again(each.check), judging.departures)
        for each in judging.tally.failing
    ]
    return Conformed(
        tally=judging.tally,
        stories=(*stories, *reporter.lost),
        loops=tuple(loop.id for loop in judging.loops if loop.id not in judging.absent),
        absent=judging.absent,
        seconds=time.monotonic() - started,
        interrupted=code == pytest.ExitCode.INTERRUPTED,
    )


def _try_to_write(path: Path) -> None:
    """Raise `UsageError` now if a file cannot be written when all has been judged; leave it as it was."""
    is_new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            end = file.tell()
            file.write("\n")
            file.flush()
            if path.is_file():  # and no device
                file.truncate(end)
        if is_new:
            path.unlink()
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


@contextmanager
def _our_own_environment() -> Iterator[None]:
    """Keep the caller's pytest options and whatever plugins are installed beside us away from the verdicts."""
    before = {name: os.environ.pop(name, None) for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
    before["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
