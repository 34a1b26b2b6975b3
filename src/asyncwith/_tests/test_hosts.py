"""The processes that perform checks, and a run of the room with loops that do not survive it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from asyncwith._tests.power import destructive_loops, faulty_loops
from asyncwith._tests.test_child import runs
from asyncwith.hosts import NO_LOOP, Check, Hosts, loop_status
from asyncwith.rooms import room
from asyncwith.verdicts import Outcome

ROOM = room("conformance")
DESTRUCTIVE = destructive_loops.__file__
FAULTY = faulty_loops.__file__


def conform(folder: Path, *words: str, k: str = "PROT-01 or PROT-08") -> tuple[int, str, list[dict[str, Any]]]:
    """Run the room with `words`; return the exit code, what was printed, and the lines of the journal."""
    journal = folder / "outcomes.jsonl"
    command = [sys.executable, "-m", "pytest", str(ROOM), "-c", str(ROOM / "pytest.ini"), "--rootdir", str(ROOM)]
    done = subprocess.run(
        [*command, "-q", "-k", k, "--outcomes", str(journal), *words],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
    )
    lines = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    return done.returncode, done.stdout + done.stderr, lines


def outcomes(lines: Sequence[Mapping[str, Any]], loop: str) -> list[str]:
    """Return how the checks of one loop ended."""
    return [line["outcome"] for line in lines if line["kind"] == "verdict" and line["loop"] == loop]


def test_a_run_with_lost_processes_is_complete_and_fails(tmp_path: Path) -> None:
    """Loops that exit with success, kill themselves or lie do not shorten the run: all counts agree, the exit code is 1."""
    names = ("ExitsWithSuccess", "KillsItsGroup", "GivesNothing")
    loops = [word for name in names for word in ("--loop", f"{name}={DESTRUCTIVE}:{name}")]
    code, _, lines = conform(tmp_path, "--loop", "asyncio", *loops, "--limit", "1")
    assert code == 1
    assert outcomes(lines, "asyncio") == ["passed", "passed"]
    assert {*outcomes(lines, "ExitsWithSuccess"), *outcomes(lines, "KillsItsGroup")} == {"crashed"}
    assert set(outcomes(lines, "GivesNothing")) == {"failed"}
    footer = lines[-1]
    assert footer["kind"] == "finished"
    assert footer["declared"] == footer["started"] == footer["finished"] == 8


def test_a_loop_without_fault_passes_by_the_public_door(tmp_path: Path) -> None:
    """The door itself adds no failure: a loop that only inherits from asyncio's passes."""
    code, _, lines = conform(tmp_path, "--loop", f"mine={FAULTY}:Control")
    assert code == 0
    assert outcomes(lines, "mine") == ["passed", "passed"]


def test_an_unknown_module_is_a_usage_error(tmp_path: Path) -> None:
    """A loop that is nowhere is told in one line, with exit code 2 for pytest's usage errors, before any check."""
    code, said, lines = conform(tmp_path, "--loop", "mine=no_such_module:loop")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "there is no module 'no_such_module'" in said
    assert "Traceback" not in said
    assert not lines


@pytest.mark.parametrize("target", [f"{FAULTY}:NoSuchLoop", "no/such/file.py:loop", "NoTarget"])
def test_a_door_that_leads_nowhere_is_known_as_such(target: str) -> None:
    """A missing file or name is not a loop that fails: it is no loop."""
    status = loop_status(ROOM, f"mine={target}")
    assert not status.known
    assert status.problem


def test_a_module_that_exits_at_import_is_a_broken_loop(tmp_path: Path) -> None:
    """A loop whose module leaves the process is there, and cannot be started."""
    module = tmp_path / "leaves.py"
    module.write_text("import os\n\nos._exit(0)\n")
    status = loop_status(ROOM, f"mine={module}:loop")
    assert status.known
    assert status.problem == "the loop could not be started: the process exited with code 0"


def test_a_library_that_exits_at_import_costs_its_own_checks(tmp_path: Path) -> None:
    """So it is with a library, and the one beside it is judged as ever."""
    module = tmp_path / "leaves.py"
    module.write_text("import os\n\nos._exit(0)\n")
    with Hosts(ROOM, {"mine": f"mine={module}"}, jobs=1, limit=5) as hosts:
        mine, theirs = (hosts.submit(Check("ACM-02", "asyncio", each)) for each in ("mine", "contextlib"))
        assert mine.result().outcome is Outcome.CRASHED
        assert theirs.result().outcome is Outcome.PASSED


def test_a_library_that_lacks_a_name_is_not_run(tmp_path: Path) -> None:
    """What a library does not claim to have is not held against it."""
    module = tmp_path / "empty.py"
    module.write_text("")
    with Hosts(ROOM, {"mine": f"mine={module}"}, jobs=1, limit=5) as hosts:
        verdict = hosts.submit(Check("ACM-02", "asyncio", "mine")).result()
    assert verdict.outcome is Outcome.NOT_RUN
    assert verdict.reason == "mine has no asynccontextmanager"


@pytest.mark.parametrize(("departs", "times"), [(True, 1), (False, 2)])
def test_what_departs_as_is_known_is_performed_once(tmp_path: Path, *, departs: bool, times: int) -> None:
    """What fails otherwise is performed again, as it may be flaky."""
    module = tmp_path / "counts.py"
    module.write_text(
        "def asynccontextmanager(_):\n    open(__file__ + '.calls', 'a').write('.')\n    raise ValueError\n"
    )
    with Hosts(ROOM, {"mine": f"mine={module}"}, jobs=1, limit=5) as hosts:
        verdict = hosts.submit(Check("ACM-02", "asyncio", "mine"), departs=departs).result()
    assert verdict.outcome is Outcome.FAILED
    assert Path(f"{module}.calls").read_text() == "." * times


def test_a_process_that_got_away_holds_nobody_up(tmp_path: Path) -> None:
    """What leaves the session and holds the pipe open is not waited for, and on Linux ended when the run does."""
    module = tmp_path / "daemonizes.py"
    text = (
        "import os, time\nreads, writes = os.pipe()\npid = os.fork()\n"
        "if pid == 0:\n    os.setsid(), os.write(writes, b'!'), time.sleep(20), os._exit(0)\n"
        "os.read(reads, 1)\nopen(__file__ + '.pid', 'w').write(str(pid))\nfrom contextlib import *\n"
    )
    module.write_text(text)
    with Hosts(ROOM, {"mine": f"mine={module}"}, jobs=1, limit=5) as hosts:
        assert hosts.submit(Check("ACM-02", "asyncio", "mine")).result().outcome is Outcome.PASSED
        started = time.monotonic()
    assert time.monotonic() - started < 10
    if sys.platform == "linux":
        assert not runs(int(Path(f"{module}.pid").read_text()))


def test_a_system_that_gives_no_process_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be said then, which must not look as if nothing had been asked."""

    def no_child(*_: str, environment: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("asyncwith.hosts.Child", no_child)
    with Hosts(ROOM, {}, jobs=1, limit=5) as hosts:
        verdict = hosts.submit(Check("PROT-08", "asyncio", "contextlib")).result()
    assert verdict.outcome is Outcome.CRASHED
    assert verdict.reason == "no process could be started: [Errno 12] Cannot allocate memory"


def test_checks_without_a_loop_have_a_process_too() -> None:
    """What needs no loop is performed in a process that starts none."""
    with Hosts(ROOM, {}, jobs=1, limit=5) as hosts:
        assert hosts.submit(Check("PROT-22", NO_LOOP, "contextlib")).result().outcome is Outcome.PASSED


def test_closing_ends_what_still_runs() -> None:
    """A run that is given up leaves no process behind and does not wait for the limit."""
    with Hosts(ROOM, {"Spins": f"Spins={DESTRUCTIVE}:Spins"}, jobs=1, limit=600) as hosts:
        hosts.submit(Check("PROT-08", "Spins", "contextlib"))
        time.sleep(1)  # whether it starts or spins by now
    assert all(host._child._process.poll() is not None for host in hosts._open)


def test_closing_does_not_wait_for_what_starts(tmp_path: Path) -> None:
    """A library that hangs at import may do so for half a minute, but not when the run is given up."""
    module = tmp_path / "hangs.py"
    module.write_text("import pathlib, time\npathlib.Path(__file__).with_name('begun').touch()\ntime.sleep(60)\n")
    with Hosts(ROOM, {"mine": f"mine={module}"}, jobs=1, limit=5) as hosts:
        hosts.submit(Check("PROT-08", "asyncio", "mine"))
        while not (tmp_path / "begun").exists():
            time.sleep(0.05)
        started = time.monotonic()
    assert time.monotonic() - started < 10
