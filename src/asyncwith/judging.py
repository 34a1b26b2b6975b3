"""A conformance run without pytest: which checks there are, performing them all, and what is known when each one ends."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from asyncwith.clauses import Clause, links, load_chapters
from asyncwith.departures import Departure, check_ids, check_releases, departing, read_departures, read_room
from asyncwith.errors import UsageError
from asyncwith.explain import again
from asyncwith.hosts import NO_LOOP, Check, Hosts, loop_status
from asyncwith.libraries import Library, find_library
from asyncwith.loops import Loop, builtin_loops, find_loop
from asyncwith.outcomes import Journal, Judged, Tally, finished_checks
from asyncwith.provenance import provenance
from asyncwith.verdicts import Outcome, Verdict, lines_of

__all__ = ["Judging"]

SAME_RUN = ("edition", "loops", "libraries", "checks")  # what must not change between a run and its resumption


class Judging:
    """What is judged (`loops`, `libraries`), what came out so far (`tally`), and who hears of each check (`listeners`)."""

    def __init__(self, folder: Path, *, loops: Sequence[str], libraries: Sequence[str]) -> None:
        """Look up what is asked for by its words; nothing asked means the built-in loops, and contextlib.

        Raises `UsageError` for what is not there.
        """
        self.folder = folder
        self.specs: dict[str, str] = {}  # by which words a loop or library is found that is not found by its id
        self.loops = [self._loop(spec) for spec in dict.fromkeys(loops)] or builtin_loops()
        self.libraries = [self._library(spec) for spec in dict.fromkeys(libraries or ["contextlib"])]
        for kind, parts in (("loops", self.loops), ("libraries", self.libraries)):
            named = [part.id for part in parts]
            if len({*named}) < len(named):
                raise UsageError(f"two {kind} have one name: {', '.join(named)}", "give one of them another by NAME=…")
        self.absent = {loop.id: reason for loop in self.loops if (reason := loop.absence())}
        if not loops:
            self.loops = [loop for loop in self.loops if loop.id not in self.absent]
        self.departures: list[Departure] = []
        self.tally = Tally()
        self.listeners: list[Callable[[Judged], None]] = []
        self._clauses: Mapping[Check, Clause] = {}
        self._hosts: Hosts | None = None
        self._journal: Journal | None = None
        self._futures: dict[Check, Future[Verdict]] = {}
        self._before: dict[Check, Verdict] = {}  # from the run that is resumed
        self._unwritten: OSError | None = None  # why the journal ends before the run does
        self._lock = threading.Lock()

    def _loop(self, spec: str) -> Loop:
        loop = find_loop(spec)
        if "=" in spec:
            self.specs[loop.id] = spec
            status = loop_status(self.folder, spec)
            if not status.known:
                raise UsageError(f"--loop {spec}: {status.problem}")
        return loop

    def _library(self, spec: str) -> Library:
        library = find_library(spec)
        if library.id != spec:
            self.specs[library.id] = spec
        if library.target.endswith(".py"):
            if not Path(library.target).is_file():
                raise UsageError(f"--library {spec}: there is no file {library.target}")
        elif library.absence() is None and find_spec(library.target.partition(".")[0]) is None:
            raise UsageError(f"--library {spec}: there is no module {library.target}")
        return library

    def checks_of(self, clause: Clause) -> list[Check]:
        """Return the checks by which `clause` is judged in this run. `InputError` if it does not say what it expects there."""
        for loop in self.loops if clause.per_loop else [None]:
            if clause.inapplicable(loop) is None:
                clause.expected(loop)
        loops = [loop.id for loop in self.loops] if clause.per_loop else [NO_LOOP]
        libraries = [library.id for library in self.libraries]
        if "library" not in clause.wants:  # it says nothing about libraries: judge it once, or not at all
            libraries = [library for library in libraries if library == "contextlib"]
        return [Check(clause.id, loop, library) for library in libraries for loop in loops]

    def read_departures(self, own: Sequence[Path], clauses: Mapping[str, Clause]) -> None:
        """Read the room's departures and the user's `own`; `clauses` are those at hand. `InputError` if one is wrong."""
        self.departures = [each for path in own for each in read_departures(path)]
        self.departures += read_room(self.folder / "departures")
        elsewhere = [each for each in self.departures if each.clause not in clauses]
        if elsewhere:  # in a chapter that was not asked for, or nowhere
            check_ids(elsewhere, load_chapters(self.folder))
        here = [loop.id.partition("+")[0] for loop in self.loops if loop.id not in self.absent]
        check_releases(self.departures, [*here, *(each.id for each in self.libraries if each.absence() is None)])

    @contextmanager
    def performing(
        self,
        clauses: Mapping[Check, Clause],
        *,
        jobs: int,
        limit: float,
        ahead: bool,
        outcomes: Path | None,
        resume: bool,
    ) -> Iterator[None]:
        """Perform the checks of `clauses` while the body runs: all of them at once if `ahead`, else each when it is asked for.

        The journal goes to `outcomes`. Raises `UsageError` or `InputError` if that file cannot be gone on with.
        """
        started = time.monotonic()
        self._clauses = clauses
        self.tally.declared = len(clauses)
        if outcomes is not None:
            self._open_journal(outcomes, resume=resume)
        with Hosts(self.folder, self.specs, jobs=jobs, limit=limit) as self._hosts:
            if ahead:
                for check in clauses:
                    self._perform(check)
            yield
        try:
            if self._unwritten is not None:
                raise self._unwritten
            if self._journal is not None and self.tally.finished == self.tally.declared:
                self._journal.finish(self.tally, time.monotonic() - started)
        except OSError as error:
            raise UsageError(
                f"{outcomes}: cannot be written: {error.strerror}", "what was judged is not kept"
            ) from None

    def judged(self, check: Check) -> Judged:
        """Return what came of `check`, when it has."""
        if check not in self._futures:
            self._perform(check)
        return self._judge(check, self._futures[check].result())

    def again(self, check: Check) -> str:
        """Return the command that performs `check` again."""
        return again(check, self.specs.get(check.loop, check.loop), self.specs.get(check.library, check.library))

    def _perform(self, check: Check) -> None:
        assert self._hosts is not None  # noqa: S101 - opened by `performing`
        self.tally.started += 1
        known = self._before.get(check)
        reason = self._why_not(check)
        if known is None and reason is None:
            future = self._hosts.submit(check, departs=self._departure(check) is not None)
        else:
            future = Future()
            future.set_result(known or Verdict(Outcome.NOT_RUN, reason or ""))
        self._futures[check] = future
        future.add_done_callback(lambda done: self._note(check, done))

    def _loop_of(self, check: Check) -> Loop | None:
        return next((each for each in self.loops if each.id == check.loop), None)

    def _why_not(self, check: Check) -> str | None:
        """Return why no process need be asked about a check, or None."""
        library = next(each for each in self.libraries if each.id == check.library)
        return (
            self.absent.get(check.loop) or library.absence() or self._clauses[check].inapplicable(self._loop_of(check))
        )

    def _judge(self, check: Check, verdict: Verdict) -> Judged:
        clause = self._clauses[check]
        if verdict.outcome.is_failure and not verdict.expected:  # its process was lost before it could say
            verdict = replace(verdict, expected=lines_of(clause.expected(self._loop_of(check))))
        return Judged(check, verdict, clause.level, self._departure(check))

    def _departure(self, check: Check) -> Departure | None:
        return departing(self.departures, check.clause, check.loop, check.library)

    def _note(self, check: Check, done: Future[Verdict]) -> None:
        """Count and write down a check as it ends, in whatever thread it does."""
        if done.cancelled() or done.exception() is not None:
            return  # the run was interrupted; what is missing in the counts tells
        judged = self._judge(check, done.result())
        with self._lock:
            self.tally.add(judged)
            if self._journal is not None and self._unwritten is None and check not in self._before:
                try:
                    self._journal.add(judged)
                except OSError as error:
                    self._unwritten = error
            for listener in self.listeners:
                listener(judged)

    def _open_journal(self, path: Path, *, resume: bool) -> None:
        header = self._header()
        resume = resume and path.exists()
        if resume:
            before, self._before = finished_checks(path)
            if any(before.get(key) != header[key] for key in SAME_RUN):
                raise UsageError(
                    f"{path} is the journal of another run: other checks, clauses, loops or versions",
                    "leave out --resume to replace it",
                )
        try:
            self._journal = Journal(path, header, resume=resume)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from None

    def _header(self) -> dict[str, Any]:
        return {
            "edition": edition(self.folder),
            "provenance": provenance(),
            "loops": {loop.id: loop.version() for loop in self.loops if loop.id not in self.absent},
            "absent": self.absent,
            "libraries": {each.id: each.version() for each in self.libraries if each.absence() is None},
            "clauses": {clause.id: _described(clause) for clause in self._clauses.values()},
            "checks": [[check.clause, check.loop, check.library] for check in self._clauses],
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
        "links": [list(link) for link in links(clause.source)],
        "level": clause.level,
        "versions": clause.versions,
        "on": clause.on,
        "name": clause.scenario.__name__,
        "line": clause.line,
        "code": clause.code(),
    }
