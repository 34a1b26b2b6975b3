"""Tracing memory: the bytes are those that were asked for, what leaks is said to, and a loop costs its own cells only."""

import json
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from asyncwith import memory
from asyncwith._tests.power import faulty_loops
from asyncwith.errors import InputError
from asyncwith.memory import Footprint, read_footprints, trace_memory, write_traced
from asyncwith.memory_process import MALLINFO, UNSEEN

BLOCK = 10_000  # bytes; what else an operation makes is little beside it
PROGRAM = f"""
import ctypes
from asyncwith import Question

malloc = ctypes.CDLL("ucrtbase" if ctypes.sizeof(ctypes.c_long) == 4 else None).malloc
malloc.restype = None
tiny = Question("tiny", "What does little hold?")
kept = []
dot = b"."

@tiny.arm("floor", floor=True, control=True)
async def _() -> None:
    pass

@tiny.arm("holds", control=True)
async def _() -> None:
    dot * {BLOCK}

@tiny.arm("holds", sizes=(2, 4, 20_000), control=True)
async def _(n: int) -> None:
    held = [dot * {BLOCK} for _ in range(n)]
    del held

@tiny.arm("leaks", control=True)
async def _() -> None:
    kept.append(bytes(100))

@tiny.arm("leaks in C", control=True)
async def _() -> None:
    malloc(100)

@tiny.arm("makes garbage", control=True)
async def _() -> None:
    ring = [bytes(100)]
    ring.append(ring)
    del ring
"""
FAULTY = """
import asyncio, os, signal, time

def raises():
    raise OSError("no such loop")

def hangs():
    time.sleep(1000)

class Late(asyncio.SelectorEventLoop):
    "Runs once, for nothing, and then takes its process down."
    runs = 0
    def run_until_complete(self, future):
        Late.runs += 1
        if Late.runs > 3:  # it is started and closed by as many calls
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run_until_complete(future)
"""

# The lock is held for as long as the process lives. The second loop of the process hangs, when patience is short already.
SLOW = """
import asyncio, fcntl, time
from asyncwith import memory_process

def hangs():
    global lock
    if memory_process.PATIENCE != 0.5:
        memory_process.PATIENCE = 0.5
        return asyncio.new_event_loop()
    lock = open("lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    open("hangs", "w").close()
    time.sleep(1000)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    (room / "tiny.py").write_text(PROGRAM)
    (tmp_path / "faulty.py").write_text(FAULTY)
    monkeypatch.chdir(tmp_path)
    return room


def cells(traced):
    return {(cell.arm, cell.size, cell.loop): cell for cell in traced.cells}


def footprint(size=None, loop="asyncio", place=0, **figures):
    its = {"peak": 1_100, "empty": 100, "turns": 10, "stays": 0, "stays_native": 0} | figures
    return Footprint("q", "a", size, place, loop, its, {})


def test_what_stays_is_told_by_operation_or_manager():
    assert footprint(stays=640).stays == 64
    assert footprint(stays=640, size=2).stays == 32
    assert footprint(stays_native=640).stays_native == 64
    assert footprint(stays_native=UNSEEN).stays_native is None


def test_one_more_manager_costs_what_sizes_differ_by():
    found = [footprint(10, peak=5_000 + 10 * 80), footprint(110, place=1, peak=5_000 + 110 * 80)]
    found += [footprint(10, "trio", peak=2_000), footprint(110, "trio", 1, peak=2_000 + 100 * 40)]
    made = memory._slopes([*found, footprint(place=2)], "asyncio")
    assert [(its.loop, its.smallest, its.largest, its.each, its.ratio) for its in made] == [
        ("asyncio", 10, 110, 80, 1),
        ("trio", 10, 110, 40, 0.5),
    ]


def test_bytes_are_those_that_were_asked_for(folder, tmp_path):
    progress = []
    traced = trace_memory(
        [], ["asyncio", "trio"], tmp_path / "run", progress=lambda *its: progress.append(its), folder=folder
    )
    found = cells(traced)
    for loop in ("asyncio", "trio"):
        assert found["floor", None, loop].peak == 0
        assert found["holds", None, loop].peak == bytes(BLOCK).__sizeof__()
        assert [its.each for its in traced.slopes if its.loop == loop] == [
            pytest.approx(bytes(BLOCK).__sizeof__(), abs=99)
        ]
        leaks = {arm: cell.leak() for (arm, _, its), cell in found.items() if its == loop and cell.leaks}
        assert leaks.keys() == ({"leaks", "leaks in C"} if MALLINFO else {"leaks"})
        assert found["leaks", None, loop].stays == pytest.approx(bytes(100).__sizeof__(), abs=20)
        assert "system's" not in leaks["leaks"]
        assert "system's" in leaks.get("leaks in C", "system's")
    assert ("holds", 20_000, "asyncio") not in found
    assert found["holds", None, "trio"].ratio == 1
    assert (progress[0], progress[-1]) == ((0, 14), (14, 14))
    written = json.loads(write_traced(traced, tmp_path / "run").read_text())
    assert (written["format"], written["reference"], len(written["cells"])) == (1, "asyncio", 14)
    assert written["provenance"]["python"]


def test_figures_are_the_same_again(folder, tmp_path):
    first, second = (trace_memory([], ["asyncio"], tmp_path / name, folder=folder) for name in ("one", "two"))
    assert [cell.peak for cell in first.cells] == [cell.peak for cell in second.cells]


def test_what_is_known_is_not_traced_again(folder, tmp_path, monkeypatch):
    trace_memory([], ["asyncio"], tmp_path, folder=folder)
    (tmp_path / "memory" / "tiny-01-asyncio.json").unlink()
    kept = tmp_path / "memory" / "tiny-00-asyncio.json"
    before = kept.stat().st_mtime_ns
    again = cells(trace_memory([], ["asyncio"], tmp_path, folder=folder))
    assert again["holds", None, "asyncio"].peak == bytes(BLOCK).__sizeof__()
    assert kept.stat().st_mtime_ns == before
    monkeypatch.setattr(memory, "Child", lambda *_, **__: pytest.fail("all is known"))
    assert len(trace_memory([], ["asyncio"], tmp_path, folder=folder).cells) == len(again)


def test_what_a_faulty_loop_breaks_is_not_traced_on_it(folder, tmp_path):
    (folder / "tiny.py").write_text(
        "from asyncwith import Question\n"
        "tiny = Question('tiny', 'What does little hold?')\n"
        "for name, holds in (('whole', ()), ('broken', ('cancelling',))):\n"
        "    @tiny.arm(name, holds=holds)\n"
        "    async def _() -> None:\n"
        "        bytes(100)\n"
    )
    (folder / "constructs.toml").write_text('"cancelling" = ["CANC-04"]')
    mine = f"mine={faulty_loops.__file__}:CancellationSwallowed"
    found = cells(trace_memory([], ["asyncio", mine], tmp_path / "run", folder=folder))
    assert found.pop(("broken", None, "mine")).not_traced.startswith("CANC-04 failed on mine: ")
    assert all(cell.not_traced is None for cell in found.values())


def test_a_loop_that_fails_costs_its_own_cells(folder, tmp_path):
    found = cells(
        trace_memory([], ["asyncio", "bad=faulty:raises", "late=faulty:Late"], tmp_path / "run", folder=folder)
    )
    assert found["holds", None, "asyncio"].ratio == 1
    assert found["floor", None, "bad"].not_traced == "OSError('no such loop')"
    assert found["floor", None, "late"].not_traced


def test_a_loop_that_hangs_is_given_up(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "PATIENCE", 1)
    found = cells(trace_memory([], ["hangs=faulty:hangs"], tmp_path / "run", folder=folder))
    assert {cell.not_traced for cell in found.values()} == {"no end after 2 s, and deaf to its watchdog"}


def test_an_arm_that_ends_the_process_costs_itself_only(folder, tmp_path):
    (folder / "tiny.py").write_text(PROGRAM.replace("ring = [bytes(100)]", "__import__('os')._exit(3)"))
    found = cells(trace_memory([], ["asyncio"], tmp_path / "run", folder=folder))
    assert {arm for (arm, _, _), cell in found.items() if cell.not_traced} == {"makes garbage"}
    assert "exited with code 3" in found["makes garbage", None, "asyncio"].not_traced


def test_footprints_of_another_origin_are_never_mixed(folder, tmp_path):
    trace_memory([], ["asyncio"], tmp_path, folder=folder)
    path = tmp_path / "memory" / "tiny-00-asyncio.json"
    data = json.loads(path.read_text())
    data["origin"]["the program of 'tiny'"] = "another"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="another origin"):
        trace_memory([], ["asyncio"], tmp_path, folder=folder)


def test_counts_are_no_footprints(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"format": 2, "figures": {"once": 1}}))
    with pytest.raises(InputError, match=r"x\.json.*peak"):
        read_footprints(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="locks of files are of POSIX")
def test_a_loop_that_hangs_outlives_a_killed_parent_by_its_patience_only(folder, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    code = (
        "from pathlib import Path\nfrom asyncwith.memory import trace_memory\n"
        f"trace_memory([], ['slow=slow:hangs'], Path('run'), folder=Path({str(folder)!r}))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        until((tmp_path / "hangs").exists)
    finally:
        parent.kill()
        parent.wait()
    with (tmp_path / "lock").open() as lock:
        until(lambda: locked(lock))


def until(true):
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def locked(file):
    import fcntl  # noqa: PLC0415 - of POSIX

    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
