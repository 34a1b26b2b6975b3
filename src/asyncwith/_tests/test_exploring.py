"""`asyncwith conform --programs`: what differs is shown as a file that runs alone, what hangs or dies is told by its number."""

import re
import subprocess
import sys

import pytest

from asyncwith.exploring import explore_all
from asyncwith.libraries import Library
from asyncwith.loops import find_loop
from asyncwith.programs import alone
from asyncwith.programs.language import Log, Manager, Program, With

FAULTY = """
import asyncio, os
from contextlib import *
from contextlib import AsyncExitStack as Sound

class AsyncExitStack(Sound):
    async def __aexit__(self, *details):
        await super().__aexit__(*details)
        return True

class Dies(asyncio.SelectorEventLoop):
    left = 500
    def call_soon(self, *args, **options):
        Dies.left -= 1
        if not Dies.left:
            os._exit(0)
        return super().call_soon(*args, **options)

class Stops(asyncio.SelectorEventLoop):
    def run_until_complete(self, future):
        os._exit(3)
"""


@pytest.fixture
def faulty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "faulty.py"
    path.write_text(FAULTY)
    return path


def explore(loop, library="contextlib"):
    (found,) = explore_all([loop], str(library), 300, 1, jobs=1, progress=lambda *_: None)
    return found


def test_a_sound_loop_and_library_do_as_specified():
    found = explore("asyncio")
    assert found.programs >= 300
    assert found.findings == []


def test_a_loop_that_dies_is_told_by_the_number_of_the_program(faulty):
    found = explore(f"dies={faulty}:Dies")
    assert found.programs > 0
    assert (
        found.findings[0].story
        == f"program {found.findings[0].number} takes its process down: the process exited with code 0"
    )


def test_a_loop_that_runs_nothing_is_told_once(faulty):
    (finding,) = explore(f"stops={faulty}:Stops").findings
    assert finding.story.startswith("no program ran: the process exited with code 3")


def test_a_library_that_cannot_be_imported_is_told(tmp_path):
    library = tmp_path / "raises.py"
    library.write_text("raise OSError('no such device')")
    (finding,) = explore("asyncio", library).findings
    assert finding.story.startswith(f"the library {library} cannot be imported: OSError('no such device')")


def test_programs_that_need_what_a_library_lacks_are_left_out(tmp_path):
    library = tmp_path / "half.py"
    library.write_text("from contextlib import asynccontextmanager")
    found = explore("asyncio", library)
    assert found.programs >= 300
    assert found.findings == []
    assert re.fullmatch(r"\d+ left out: the library has no AsyncExitStack", found.reason)


def test_a_library_without_any_name_has_no_programs(tmp_path):
    library = tmp_path / "empty.py"
    library.write_text("")
    found = explore("asyncio", library)
    assert (found.programs, found.findings) == (0, [])
    assert found.reason == "the library has no AsyncExitStack"


def test_a_library_with_words_of_its_own_is_shown_in_them(tmp_path):
    path = tmp_path / "piles.py"
    path.write_text(
        "from contextlib import *\nclass Pile(AsyncExitStack):\n    enter = AsyncExitStack.enter_async_context\n"
    )
    spelt = {"AsyncExitStack": "Pile", "AsyncExitStack.enter_async_context": "Pile.enter"}
    program = Program((With((Manager("A"),), (Log("body"),), form="stack"),))
    expected = ["enter A", "body", "exit A", "returned None"]
    alone_file = tmp_path / "alone.py"
    alone_file.write_text(alone(program, find_loop("asyncio"), Library("piles", str(path), spelt=spelt), expected))
    assert ".enter(A())" in alone_file.read_text()
    assert subprocess.run([sys.executable, alone_file], capture_output=True, check=False).returncode == 0


def test_a_counterexample_runs_alone_and_shows_the_fault(faulty, tmp_path):
    finding = explore("asyncio", faulty).findings[0]
    alone = tmp_path / "alone.py"
    alone.write_text(finding.file)
    assert subprocess.run([sys.executable, alone], capture_output=True, check=False).returncode == 1


def test_an_interruption_ends_all_loops_at_once():
    def interrupt(loop, _):
        if loop == "asyncio":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explore_all(["asyncio", "asyncio+debug"], "contextlib", 10**9, 1, jobs=2, progress=interrupt)


def test_the_command_ends_with_a_sentence_and_the_exit_code(faulty, tmp_path):
    words = [sys.executable, "-m", "asyncwith", "conform", "--programs", "50", "--loop", "asyncio"]
    sound = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (sound.returncode, sound.stderr) == (0, "")
    assert "none did what the specification does not say" in sound.stdout
    found = subprocess.run([*words, "--library", faulty, "-o", "found"], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert list((tmp_path / "found").glob("asyncio-0-*.py"))
