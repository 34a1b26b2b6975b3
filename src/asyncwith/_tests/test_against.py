"""Two Pythons are measured in turns by the same code, and compared by what both have."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from asyncwith._tests.synthetic_blocks import make_block
from asyncwith.against import measure_against
from asyncwith.arms import load_questions
from asyncwith.blocks import read_blocks, replace_file
from asyncwith.comparing import compare
from asyncwith.errors import UsageError
from asyncwith.interpreters import OURS, Interpreter, find_interpreter
from asyncwith.lending import LEND
from asyncwith.measuring import NothingMeasuredError, Plan

SHORT = Plan(least=2, seconds=0, block=0)

# In the other environment one arm does a hundred times the work, one is missing and one is new.
PROGRAM = """
import sys
from asyncwith import Question

tiny = Question("tiny", "What does little cost?")
OTHER = {other!r} in sys.prefix
WORK = range(2_000 if OTHER else 20)

@tiny.arm("floor", floor=True, control=True)
async def _() -> None:
    [].append(None)

@tiny.arm("works")
async def _() -> None:
    for _ in WORK:
        pass

if OTHER:
    @tiny.arm("only in BASE")
    async def _() -> None:
        [].append(None)
else:
    @tiny.arm("only in NEW")
    async def _() -> None:
        [].append(None)
"""


@pytest.fixture
def other(tmp_path):
    """Return another environment of this Python: it has what we depend on, and an asyncwith that is not ours."""
    place = tmp_path / "other environment"
    venv.create(place, symlinks=os.name != "nt")
    scheme = "nt" if os.name == "nt" else "posix_prefix"
    packages = sysconfig.get_path("purelib", scheme, {"base": str(place)})
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    Path(packages, "asyncwith.py").write_text("raise ImportError('this is not the code that measures')")
    return place


@pytest.fixture
def folder(tmp_path, other):
    room = tmp_path / "room"
    room.mkdir()
    (room / "tiny.py").write_text(PROGRAM.format(other=other.name))
    return room


def against(python, folder, run, plan=SHORT, loops=("asyncio",)):
    return measure_against(find_interpreter(str(python)), [], loops, run, plan, fail_on=0.02, folder=folder)


def test_two_environments_are_measured_in_turns_by_our_code_and_compared(folder, other, tmp_path):
    comparison = against(other, folder, tmp_path / "run", replace(SHORT, least=4))
    verdicts = {(each.arm, each.loop): (each.verdict, each.regression) for each in comparison.changes}
    assert verdicts["works", "asyncio"] == ("faster", False)
    assert verdicts.keys() == {("floor", "asyncio"), ("works", "asyncio")}
    assert set(comparison.not_compared) == {"tiny: only in BASE is not in NEW", "tiny: only in NEW is not in BASE"}
    assert (comparison.turns, [other.name in name for name in comparison.names]) == (4, [True, False])
    base, new = (
        {block.conditions["turn"]: block for block in read_blocks(tmp_path / "run" / side / "blocks")}
        for side in ("base", "new")
    )
    assert base.keys() == new.keys()
    assert {block.conditions["prefix"] for block in new.values()} == {sys.prefix}
    assert {block.provenance["asyncwith"] for block in base.values()} == {new.popitem()[1].provenance["asyncwith"]}
    again = compare(tmp_path / "run" / "new", tmp_path / "run" / "base")
    assert (again.turns, again.exit_code()) == (4, 1)


def test_an_interrupted_measurement_goes_on_and_half_a_turn_does_not_count(folder, tmp_path):
    run = tmp_path / "run"
    against(sys.executable, folder, run)
    left = next(iter(sorted((run / "base" / "blocks").glob("*.json"))))
    left.unlink()
    assert against(sys.executable, folder, run).turns == 2
    assert [len(read_blocks(run / side / "blocks")) for side in ("base", "new")] == [2, 3]


def test_what_another_environment_measured_is_not_gone_on_with(folder, other, tmp_path):
    against(sys.executable, folder, tmp_path / "run")
    with pytest.raises(UsageError, match=r"base was measured in .*, and not in .*other environment"):
        against(other, folder, tmp_path / "run")


def test_blocks_that_were_not_measured_in_turns_are_not_gone_on_with(folder, tmp_path):
    block = make_block(1)
    replace_file(tmp_path / "run" / "new" / "blocks" / "a.json", json.dumps(block.to_json()))
    with pytest.raises(UsageError, match="new was measured in None"):
        against(sys.executable, folder, tmp_path / "run")


def test_a_reference_loop_that_does_not_run_tells_where(folder, tmp_path):
    (tmp_path / "faulty.py").write_text("def raises(): raise OSError('no such loop')")
    with pytest.raises(NothingMeasuredError, match=r".*python.*: .*no such loop"):
        against(sys.executable, folder, tmp_path / "run", loops=[f"mine={tmp_path / 'faulty.py'}:raises"])


def test_an_interpreter_is_named_by_its_path_its_environment_or_a_command(other, tmp_path, monkeypatch):
    by_folder = find_interpreter(str(other))
    assert Path(by_folder.path).parent.parent == other
    assert find_interpreter(by_folder.path) == by_folder
    monkeypatch.setenv("PATH", str(Path(by_folder.path).parent))
    assert find_interpreter("python").path.lower().removesuffix(".exe") == by_folder.path.lower().removesuffix(".exe")
    monkeypatch.chdir(tmp_path)
    assert find_interpreter(other.name) == by_folder


@pytest.mark.parametrize("name", ["no such python", "empty", __file__])
def test_what_is_no_interpreter_is_a_usage_error(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        UsageError, match=r"there is no .* \(name an interpreter, or the folder of a virtual environment"
    ):
        find_interpreter(name)


def test_an_environment_without_our_dependencies_is_told_what_to_install(tmp_path):
    venv.create(tmp_path / "bare", symlinks=os.name != "nt")
    python = find_interpreter(str(tmp_path / "bare"))
    with pytest.raises(UsageError, match=r"No module named .* \(type `.*bare.* -m pip install .*`"):
        python.survey(tmp_path, [], ["asyncio"])


@pytest.mark.skipif(os.name == "nt", reason="scripts start by their first line")
@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("echo no python here >&2; echo x >&2", "no python here"),
        ("exit 0", "it did not answer"),
        ("kill $$", "it did not answer"),
    ],
)
def test_a_program_that_is_no_python_is_a_usage_error(does, why, tmp_path):
    (tmp_path / "python").write_text(f"#!/bin/sh\n{does}\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(UsageError, match=f"cannot measure: {why}"):
        Interpreter(str(tmp_path / "python")).survey(tmp_path, [], ["asyncio"])


def test_an_old_python_says_that_it_is_too_old():
    code = "import sys; sys.version_info = (3, 9, 1)" + LEND
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (1, "it is Python 3.9, and asyncwith needs 3.10\n")


def test_a_survey_tells_what_the_interpreter_has(folder, other):
    ours = OURS.survey(folder, [], ["asyncio", "asyncio+eager"])
    assert [label for label, _ in ours.arms] == ["tiny: floor", "tiny: works", "tiny: only in NEW"]
    theirs = find_interpreter(str(other)).survey(folder, [], ["asyncio", "asyncio+eager"])
    assert [label for label, _ in theirs.arms] == ["tiny: floor", "tiny: works", "tiny: only in BASE"]
    assert (theirs.name, theirs.absences) == (ours.name, ours.absences)
    assert Path(theirs.prefix) == other


QUOTING = """
from asyncwith import Question

quoting = Question("quoting", "What does quoting cost?")  # a comment
one, two = (f"{', '.join(['#'])}", 2)

@quoting.arm("form")
async def _() -> None:
    pass
"""


def test_the_digest_of_a_program_is_the_same_on_every_python(tmp_path):
    """A parsed program is not: Python 3.10, 3.12 and 3.14 write this one down in three ways."""
    (tmp_path / "quoting.py").write_text(QUOTING)
    (question,) = load_questions(tmp_path)
    assert question.digest() == "a94704abbc41"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-on", "3%"], "--fail-on needs --against"),
        (["--against", "no such python"], "there is no Python 'no such python'"),
        (["--against", sys.executable, "--counter", "instructions"], "--against is about time"),
        (["--against", sys.executable, "nonsense"], "there is no question 'nonsense'"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(words, said):
    command = [sys.executable, "-m", "asyncwith", "bench", *words]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert said in found.stderr
