"""Measuring ends with what could be measured: whatever a loop does, whenever it is killed, whatever lies in the directory."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from asyncwith import measuring
from asyncwith.block_process import LEAST_ROUNDS, Job
from asyncwith.blocks import read_blocks
from asyncwith.deriving import derive
from asyncwith.errors import InputError, UsageError
from asyncwith.measuring import NothingMeasuredError, Plan, measure

SHORT = Plan(least=2, seconds=0, block=0)

PROGRAM = """
from asyncwith import Question, Suspend

tiny = Question("tiny", "What does little cost?")

@tiny.arm("floor", floor=True, control=True)
async def _() -> None:
    [].append(None)

@tiny.arm("suspending", sizes=(1, 1000))
async def _(suspend: Suspend, n: int) -> None:
    await suspend()
"""
FAULTY = """
import asyncio, os, signal, time

def raises():
    raise OSError("no such loop")

def hangs():
    time.sleep(1000)

def exits():
    os._exit(0)

def crashes():
    os.kill(os.getpid(), signal.SIGKILL)

def is_killed_once():
    if not os.path.exists(__file__ + ".killed"):
        open(__file__ + ".killed", "w").close()
        crashes()
    return asyncio.SelectorEventLoop()

class Late(asyncio.SelectorEventLoop):
    "Loses its result after it has run a few times."
    runs = 0
    def run_until_complete(self, future):
        Late.runs += 1
        found = super().run_until_complete(future)
        return found if Late.runs < 20 else None
"""


@pytest.fixture
def folder(tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    (room / "tiny.py").write_text(PROGRAM)
    (tmp_path / "faulty.py").write_text(FAULTY)
    return room


def cells(costs):
    return {(cell.arm, cell.size, cell.loop): cell for question in costs.questions for cell in question.cells}


def test_an_arm_whose_operation_is_long_takes_no_more_than_its_share_of_a_block(folder, tmp_path):
    slow = '@tiny.arm("slow")\nasync def _() -> None:\n    time.sleep(0.05)\n'
    (folder / "tiny.py").write_text("import time\n" + PROGRAM + slow)
    measure([], ["asyncio"], tmp_path / "run", replace(SHORT, block=0.1), folder=folder)
    for block in read_blocks(tmp_path / "run" / "blocks"):
        rounds = {record.name: len(record.again) for record in block.records}
        assert rounds["slow"] == 1
        assert rounds["floor"] == len(block.nothing) >= LEAST_ROUNDS


def test_every_arm_is_measured_on_every_loop_in_processes_of_their_own(folder, tmp_path):
    progress = []
    plan = Plan(least=2, seconds=0, block=0, largest=10)
    costs = measure([], ["asyncio", "trio"], tmp_path / "run", plan, progress=progress.append, folder=folder)
    wanted = [("floor", None), ("suspending", 1)]
    assert [*cells(costs)] == [(*arm, loop) for arm in wanted for loop in ("asyncio", "trio")]
    assert all(cell.not_timed is None and cell.seconds > 0 for cell in cells(costs).values())
    assert (costs.blocks, progress[-1].blocks, progress[0].half_width) == (2, 2, None)
    first, second = (block.conditions for block in read_blocks(tmp_path / "run" / "blocks"))
    assert all(first[key] != second[key] for key in ("seed", "hash_seed"))
    assert derive(tmp_path / "run") == costs


def test_each_loop_is_measured_in_a_process_of_its_own_as_well(folder, tmp_path):
    plan = Plan(least=3, seconds=0, block=0, largest=10, turns=1)
    costs = measure([], ["asyncio", "trio"], tmp_path, plan, folder=folder)
    alone = read_blocks(tmp_path / "alone")
    assert sorted((block.reference, [*block.loops]) for block in alone) == [
        ("asyncio", ["asyncio"]),
        ("trio", ["trio"]),
    ]
    assert len({block.alone for block in alone}) == 1
    assert derive(tmp_path) == costs
    (tmp_path / "alone" / f"{alone[0].id}.json").unlink()  # as if it had been killed in between: half a turn is none
    measure([], ["asyncio", "trio"], tmp_path, replace(plan, least=4), folder=folder)
    assert len(read_blocks(tmp_path / "alone")) == 3


def test_blocks_that_are_there_count(folder, tmp_path):
    first = measure([], ["asyncio"], tmp_path, SHORT, folder=folder)
    assert measure([], ["asyncio"], tmp_path, SHORT, folder=folder) == first
    assert len(list((tmp_path / "blocks").glob("*.json"))) == 2


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("raises", "OSError('no such loop')"),
        ("nix", "nix"),
        ("exits", "the process ended with exit code 0"),
        ("crashes", "the process ended with SIGKILL"),
        ("hangs", "nothing came back for 3 seconds"),
        ("Late", "the loop did not give back the result of its main coroutine"),
    ],
)
def test_a_loop_that_cannot_be_timed_is_named_with_the_reason_and_the_others_are_timed(
    folder, tmp_path, monkeypatch, factory, reason
):
    monkeypatch.setattr(measuring, "PATIENCE", 3.0)
    mine = f"mine={tmp_path / 'faulty.py'}:{factory}"
    costs = measure([], ["asyncio", mine], tmp_path / "run", SHORT, folder=folder)
    found = cells(costs)
    assert reason in found["suspending", 1, "mine"].not_timed
    assert found["suspending", 1, "asyncio"].not_timed is None
    assert list(costs.loops) == ["asyncio"]


def test_a_block_whose_process_was_killed_by_somebody_else_is_measured_again(folder, tmp_path):
    mine = f"mine={tmp_path / 'faulty.py'}:is_killed_once"
    costs = measure([], ["asyncio", mine], tmp_path / "run", SHORT, folder=folder)
    assert list(costs.loops) == ["asyncio", "mine"]


def test_a_reference_loop_that_does_not_run_is_the_end(folder, tmp_path):
    with pytest.raises(NothingMeasuredError, match=r"mine.*no such loop") as raised:
        measure([], [f"mine={tmp_path / 'faulty.py'}:raises", "asyncio"], tmp_path / "run", SHORT, folder=folder)
    assert raised.value.exit_code == 3


def test_two_loops_of_one_name_are_a_usage_error(folder, tmp_path):
    with pytest.raises(UsageError, match="same name"):
        measure([], ["asyncio", "asyncio=a:b"], tmp_path, SHORT, folder=folder)


def test_a_killed_measurement_goes_on_with_all_but_the_block_in_flight(folder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from asyncwith.measuring import Plan, measure;"
        "measure([], ['asyncio'], Path(sys.argv[1]), Plan(1000, 1e6, 0.3), folder=Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path / "run", folder])
    blocks = tmp_path / "run" / "blocks"
    deadline = time.monotonic() + 60
    while len(list(blocks.glob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = {block.id for block in read_blocks(blocks)}
    (blocks / "half.unfiled").write_text('{"format"')
    costs = measure([], ["asyncio"], tmp_path / "run", Plan(len(whole) + 1, 0, 0), folder=folder)
    assert whole < {block.id for block in read_blocks(blocks)}
    assert costs.blocks == len(whole) + 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no alarm")
def test_a_loop_that_hangs_does_not_outlive_a_killed_parent(folder, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "deaf.py").write_text(
        "import asyncio, time\nits = __import__('__main__')\n"
        "def hangs():\n"
        "    if its.DEAF == 1:\n"
        "        with open('pipe', 'w', buffering=1) as pipe:\n"
        "            time.sleep(20)\n"
        "            pipe.write('woke')\n"
        "    its.DEAF = 1\n"
        "    return asyncio.new_event_loop()\n"
    )
    code = (
        "import sys; from pathlib import Path; from asyncwith.measuring import measure;"
        "measure([], ['asyncio', 'deaf=deaf:hangs'], Path('run'), folder=Path(sys.argv[1]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, folder], cwd=tmp_path)
    with (tmp_path / "pipe").open() as pipe:
        parent.kill()
        parent.wait()
        assert pipe.read() == ""  # ends when the process does


def test_the_process_of_a_block_ends_when_nobody_waits_for_it(folder, tmp_path):
    (word := tmp_path / "word").touch()
    job = Job(
        "id",
        str(folder),
        [],
        ["asyncio"],
        {},
        {},
        1,
        time.monotonic(),
        1000,
        1,
        1,
        1,
        str(tmp_path / "block"),
        str(word),
    )
    command = [sys.executable, "-m", "asyncwith.block_process", json.dumps(asdict(job))]
    code = (
        f"import os, subprocess, time; subprocess.Popen({command!r}, close_fds=False)\n"
        f"while not os.path.getsize({str(word)!r}): time.sleep(0.01)"
    )
    read, write = os.pipe()
    subprocess.run([sys.executable, "-c", code], check=True, pass_fds=[write])
    os.close(write)
    assert os.read(read, 1) == b""  # the end of the file: nobody holds the other end of the pipe any more
    os.close(read)


def test_blocks_of_another_program_are_refused_and_nothing_is_filed(folder, tmp_path):
    measure([], ["asyncio"], tmp_path, SHORT, folder=folder)
    (folder / "other.py").write_text(PROGRAM.replace("tiny", "other"))
    measure(["other"], ["asyncio"], tmp_path, SHORT, folder=folder)  # another question may lie beside it
    files = {path.name for path in (tmp_path / "blocks").glob("*.json")}
    for block in (tmp_path / "blocks").glob("*.json"):
        data = json.loads(block.read_text())
        data["digests"] = dict.fromkeys(data["digests"], "of an older program")
        block.write_text(json.dumps(data))
    with pytest.raises(InputError, match="blocks of different origin lie together"):
        measure([], ["asyncio"], tmp_path, Plan(100, 0, 0), folder=folder)
    assert {path.name for path in (tmp_path / "blocks").glob("*.json")} == files


def test_a_bad_block_is_an_input_error_that_names_the_file(folder, tmp_path):
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks" / "bad.json").write_text("{}")
    with pytest.raises(InputError, match=r"bad\.json: format: missing"):
        measure([], ["asyncio"], tmp_path, SHORT, folder=folder)
