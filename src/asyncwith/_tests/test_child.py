"""What becomes of child processes, and of what they leave running."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from asyncwith.child import Child, Lost
from asyncwith.verdicts import Outcome

PROGRAM = """
import os, signal, subprocess, sys, time

def main():
    {}
"""
pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are of POSIX")


@pytest.fixture
def pid_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "pid"


def lost(folder: Path, *statements: str) -> Lost:
    (folder / "child_under_test.py").write_text(PROGRAM.format("\n    ".join(statements)))
    child = Child("child_under_test", sys.executable, str(folder / "pid"))
    try:
        with pytest.raises(Lost) as caught:
            child.answer(10.0)
    finally:
        child.close()
    return caught.value


def test_an_exit_code_is_told(pid_file: Path) -> None:
    assert lost(pid_file.parent, "os._exit(7)").reason == "the process exited with code 7"


def test_a_signal_is_told_by_name(pid_file: Path) -> None:
    assert lost(pid_file.parent, "os.kill(os.getpid(), signal.SIGSEGV)").reason == "the process was killed by SIGSEGV"


def test_a_process_that_closes_its_pipe_and_stays_is_ended(pid_file: Path) -> None:
    its = lost(pid_file.parent, "os.close(1)", "time.sleep(60)")
    assert (its.outcome, its.reason) == (Outcome.CRASHED, "the process closed its pipe")


def test_what_a_dead_process_started_is_ended_as_well(pid_file: Path) -> None:
    lost(
        pid_file.parent,
        "child = subprocess.Popen([sys.argv[1], '-c', 'import time; time.sleep(60)'], stdout=2)",
        "open(sys.argv[2], 'w').write(str(child.pid))",
        "os._exit(0)",
    )
    assert not runs(int(pid_file.read_text()))


def test_a_process_that_cannot_be_started_at_first_is_tried_again(
    pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [OSError(errno.EAGAIN, "not now"), OSError(errno.ENOMEM, "nor now")]
    popen = subprocess.Popen

    def refusing(*args: Any, **kwargs: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return popen(*args, **kwargs)

    monkeypatch.setattr(subprocess, "Popen", refusing)
    assert lost(pid_file.parent, "os._exit(7)").reason == "the process exited with code 7"
    assert not refusals


def runs(pid: int) -> bool:
    """Tell whether a process still runs a moment later; one that nobody has reaped does not."""
    for _ in range(100):
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return False
        except FileNotFoundError:
            return False
        time.sleep(0.02)
    return True
