"""Where `bench` writes to when nobody names a directory, and what it goes on with."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from asyncwith.errors import UsageError
from asyncwith.running import newest_run, run_of_bench

ASKED: dict[str, Any] = {"questions": ["floors"], "loops": []}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def interrupted(asked: dict[str, Any] = ASKED) -> Path:
    """Return the directory of a measurement that somebody interrupts."""
    with pytest.raises(KeyboardInterrupt), run_of_bench(None, asked, resume=False) as run:
        raise KeyboardInterrupt
    return run


def finished(asked: dict[str, Any] = ASKED, *, resume: bool = False) -> Path:
    with run_of_bench(None, asked, resume=resume) as run:
        pass
    return run


def test_an_interrupted_measurement_is_gone_on_with_and_a_finished_one_is_not() -> None:
    first = interrupted()
    assert finished() == first != finished()


@pytest.mark.parametrize("other", [{"loops": ["trio"]}, {"questions": ["entering"]}])
def test_what_other_words_began_is_not_gone_on_with(other: dict[str, Any]) -> None:
    assert interrupted() != finished({**ASKED, **other})


def test_resume_goes_on_and_never_begins() -> None:
    with pytest.raises(UsageError, match="no interrupted run"):
        finished(resume=True)
    assert interrupted() == finished(resume=True)


def test_resume_wants_something_in_the_directory_that_is_named(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(UsageError, match="nothing to go on with"), run_of_bench(run, ASKED, resume=True):
        pass
    (run / "blocks").mkdir(parents=True)
    with run_of_bench(run, ASKED, resume=True) as same:
        assert same == run


def failed(*, after_a_block: bool) -> Path:
    """Return the directory of a measurement that fails for the words of whoever asked for it."""
    with suppress(UsageError), run_of_bench(None, ASKED, resume=False) as run:
        if after_a_block:
            (run / "blocks").mkdir()
        raise UsageError("there is no such loop")
    return run


def test_words_that_were_wrong_leave_no_directory_behind_unless_there_is_something_in_it() -> None:
    assert not failed(after_a_block=False).exists()
    assert failed(after_a_block=True).exists()


def test_the_newest_run_is_one_that_has_something_to_report() -> None:
    with pytest.raises(UsageError, match="asyncwith run"):
        newest_run()
    run = finished()
    (run / "costs.json").touch()
    finished()
    assert newest_run() == run


def test_no_words_at_all_are_answered_by_the_help() -> None:
    said = subprocess.run([sys.executable, "-m", "asyncwith"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (2, "")
    assert "\nCommands:\n" in said.stderr
