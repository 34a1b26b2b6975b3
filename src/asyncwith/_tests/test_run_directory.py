"""A run finds its directory again after an interruption, and nothing that is finished or foreign is written over."""

import pytest

from asyncwith.errors import InputError, UsageError
from asyncwith.run_directory import DEFAULT_PARENT, open_run

ASKED = {"loops": ["asyncio"]}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_name_a_run_gets_a_directory_of_its_own():
    run = open_run(None, ASKED)
    assert run.path.parent == DEFAULT_PARENT
    assert not run.resumed


def test_an_interrupted_run_of_the_same_is_gone_on_with():
    first = open_run(None, ASKED)
    first.lock.release()  # as the end of its process does
    again = open_run(None, ASKED)
    assert (again.path, again.resumed) == (first.path, True)


def test_an_interrupted_run_of_something_else_is_left_alone(tmp_path):
    open_run(tmp_path / "a", ASKED)
    with pytest.raises(UsageError, match="interrupted run of something else"):
        open_run(tmp_path / "a", {"loops": []})
    assert open_run(None, ASKED).path != open_run(None, {"loops": []}).path


def test_a_run_that_is_going_on_is_left_alone(tmp_path):
    going_on = open_run(None, ASKED)
    assert open_run(None, ASKED).path != going_on.path
    with pytest.raises(UsageError, match="holds a run that is going on"):
        open_run(going_on.path, ASKED)


def test_a_finished_run_is_not_written_over(tmp_path):
    open_run(tmp_path / "a", ASKED).finish()
    with pytest.raises(UsageError, match="holds a finished run"):
        open_run(tmp_path / "a", ASKED)


def test_a_directory_that_is_no_run_is_not_written_into(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").touch()
    with pytest.raises(UsageError, match="is not empty, and not a run"):
        open_run(tmp_path / "a", ASKED)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "started"}', "null"])
def test_a_broken_mark_is_told(tmp_path, text):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json: is not the mark of a run"):
        open_run(tmp_path / "a", ASKED)
