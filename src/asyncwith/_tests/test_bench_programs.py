"""Each bench program is a pyperf program of its own."""

import json
import subprocess
import sys

import pytest

from asyncwith.rooms import room

LITTLE = ("-p", "1", "-n", "1", "-w", "0", "-l", "10", "-q")
PROGRAMS = sorted(room("bench").glob("*.py"))


TINY = """
from asyncwith import Question, Suspend

tiny = Question("tiny", "What does little cost?")

@tiny.arm("suspending", sizes=(2,))
async def _(suspend: Suspend, n: int) -> None:
    for _ in range(n):
        await suspend()

if __name__ == "__main__":
    tiny.main()
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "tiny.py"
    path.write_text(TINY)
    return path


def run(*command, **options):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, **options)


def test_a_program_measures_on_the_loop_that_was_chosen_and_says_so(program, tmp_path):
    # The workers are other processes with another environment: they have to be told of the loop too.
    output = tmp_path / "t.json"
    done = run(program, "--loop", "trio", *LITTLE, "-o", output, timeout=60)
    assert done.returncode == 0, done.stderr
    data = json.loads(output.read_text())
    known = data["metadata"]
    assert (known["loop"], known["tags"], known["inner_loops"]) == ("trio", ["tiny"], 2)
    assert (known["name"], known["description"]) == ("tiny: suspending × 2", "What does little cost?")


def test_a_loop_of_the_users_own_is_found_in_the_current_folder(program, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import asyncio\ndef factory():\n    open('called', 'w')\n    return asyncio.new_event_loop()\n"
    )
    done = run(program, "--loop", "my=mine:factory", *LITTLE, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "called").exists()


@pytest.mark.parametrize(
    ("loop", "complaint"),
    [
        ("nix", "error: there is no loop 'nix' here"),
        ("my=nix:factory", "error: my does not run: "),
        ("my=asyncio:nix", "error: my does not run: "),
    ],
)
def test_a_loop_that_cannot_be_had_is_one_clear_line(program, loop, complaint):
    done = run(program, "--loop", loop, timeout=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith(complaint)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_ends_by_asking_its_question(program):
    assert program.read_text().endswith(f'if __name__ == "__main__":\n    {program.stem}.main()\n')
