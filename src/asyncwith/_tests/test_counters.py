"""Counting instructions: what is exact stays exact, whatever a loop does and whenever it is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from asyncwith import counters
from asyncwith.counters import Count, contradicts, count, read_counts, slope, total, write_counted
from asyncwith.counting_process import operations_of
from asyncwith.errors import InputError, UsageError
from asyncwith.statistics import Interval

PROGRAM = """
from asyncwith import Question

tiny = Question("tiny", "What does little cost?")

@tiny.arm("floor", floor=True, control=True)
async def _() -> None:
    [].append(None)

@tiny.arm("sized", sizes=(10,))
async def _(n: int) -> None:
    for _ in range(n):
        [].append(None)
"""
FAULTY = """
import asyncio, os, signal

def raises():
    raise OSError("no such loop")

class Late(asyncio.SelectorEventLoop):
    "Runs once, and then takes its process down."
    runs = 0
    def run_until_complete(self, future):
        Late.runs += 1
        if Late.runs > 3:  # the first loop is started and closed by as many calls
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run_until_complete(future)
"""
# Valgrind itself takes a second for each process: a double that counts what it likes shows all but the counting.
DOUBLE = """#!{python}
import os, subprocess, sys
if sys.argv[1:] == ["--version"]:
    print("valgrind-0.0")
    sys.exit()
files = next(each.partition("=")[2] for each in sys.argv if each.startswith("--cachegrind-out-file="))
command = sys.argv[next(i for i, each in enumerate(sys.argv) if i and not each.startswith("-")) :]
start = '''
import os, runpy, sys
from asyncwith import counting_process as its
turns, end, perform = 0, os._exit, its._perform
def counted(loop, timed, size):
    async def turn(operations, loop, n):
        global turns
        turns += operations * (7 if timed is its.time_nothing else 107 * (n or 1) + 7)
        await timed(0, loop, n)
    return perform(loop, turn, size)
def ended(code):
    with open({files!r}.replace("%p", str(os.getpid())), "w") as file:
        print("events: Ir", f"summary: {{turns + 1000}}", sep=chr(10), file=file)
    end(code)
its._perform, its.os._exit = counted, ended
sys.argv = sys.argv[1:]
its.main()
end(0)
'''.format(files=files.replace("%%", "%"))
os.execv(command[0], [command[0], "-c", start, *command[2:]])
"""


@pytest.fixture
def folder(tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    (room / "tiny.py").write_text(PROGRAM)
    (tmp_path / "faulty.py").write_text(FAULTY)
    return room


@pytest.fixture
def double(tmp_path, monkeypatch):
    if sys.platform == "win32":
        pytest.skip("there is neither valgrind nor fork")
    place = tmp_path / "bin"
    place.mkdir()
    (place / "valgrind").write_text(DOUBLE.replace("{python}", sys.executable))
    (place / "valgrind").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")


def figures(**its):
    return {"operations": 100, "once": 9_000, "twice": 18_000, "empty": 8_000} | its


def cells(counted):
    return {(cell.arm, cell.loop): cell for cell in counted.cells}


def test_the_count_is_the_summary_of_a_file_that_counts_instructions():
    assert total("desc: I1 cache: \ncmd: python\nevents: Ir\nfl=a.c\nfn=main\n1 12\nsummary: 525591533\n") == 525591533


@pytest.mark.parametrize(
    "text", ["", "events: Ir\n", "events: Bc\nsummary: 5\n", "summary: 5\n", "events: Ir\nsummary: -5\n"]
)
def test_a_file_that_is_not_cachegrinds_is_no_count(text):
    with pytest.raises(ValueError, match="no count"):
        total(text)


def test_what_is_the_same_for_few_and_for_many_drops_out():
    assert slope(5_000 + 100 * 40, 5_000 + 200 * 40, 100) == 40


def test_figures_are_per_manager_and_without_the_empty_loop():
    its = Count("q", "a", 10, 0, "asyncio", figures(once=90_800, twice=180_800, empty=80_000), origin={})
    assert its.instructions == (900 - 80) / 10


@pytest.mark.parametrize("size", [None, 1, 3, 10_000])
def test_arms_of_any_size_are_counted(size):
    assert operations_of(size) >= 1


def test_only_opposite_directions_beyond_the_margin_contradict():
    slower, same, faster = Interval(1.2, 1.1, 1.3), Interval(1.2, 0.9, 1.5), Interval(0.8, 0.7, 0.9)
    assert contradicts(0.9, slower)
    assert contradicts(1.1, faster)
    assert not contradicts(1.1, slower)
    assert not contradicts(0.9, same)
    assert not contradicts(0.99, slower)


def test_arms_are_counted_on_every_loop_and_the_empty_loop_is_taken_off(folder, double, tmp_path):
    progress = []
    counted = count(
        [], ["asyncio", "trio"], tmp_path / "run", progress=lambda *its: progress.append(its), folder=folder
    )
    found = {key: (cell.instructions, cell.ratio) for key, cell in cells(counted).items()}
    assert found == {(arm, loop): (107.0, 1.0) for arm in ("floor", "sized") for loop in ("asyncio", "trio")}
    assert progress[0] == (0, 4)
    assert progress[-1] == (4, 4)
    written = json.loads(write_counted(counted, tmp_path / "run").read_text())
    assert written["provenance"]["cpu"]
    assert (written["valgrind"], written["reference"], len(written["cells"])) == ("0.0", "asyncio", 4)


def test_what_is_known_is_not_counted_again(folder, double, tmp_path, monkeypatch):
    count([], ["asyncio"], tmp_path, folder=folder)
    (tmp_path / "instructions" / "tiny-01-asyncio.json").unlink()
    kept = tmp_path / "instructions" / "tiny-00-asyncio.json"
    before = kept.stat().st_mtime_ns
    assert cells(count([], ["asyncio"], tmp_path, folder=folder))["sized", "asyncio"].instructions == 107
    assert kept.stat().st_mtime_ns == before
    monkeypatch.setattr(counters, "Child", lambda *_, **__: pytest.fail("all is known"))
    assert len(count([], ["asyncio"], tmp_path, folder=folder).cells) == 2


def test_the_stack_begins_at_the_same_place_whatever_the_environment(folder, double, tmp_path, monkeypatch):
    lengths = []

    def start(*_, environment, **__):
        lengths.append(sum(len(name) + len(value) + 2 for name, value in environment.items()) % 4096)
        raise InterruptedError

    monkeypatch.setattr(counters, "Child", start)
    for length in (1, 77, 5_000):
        monkeypatch.setenv("SOMETHING", "x" * length)
        with pytest.raises(InterruptedError):
            count([], ["asyncio"], tmp_path / "run", folder=folder)
    assert lengths == [0, 0, 0]


def test_a_loop_that_fails_costs_its_own_cells(folder, double, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loops = ["asyncio", "bad=faulty:raises", "late=faulty:Late"]
    found = cells(count([], loops, tmp_path / "run", folder=folder))
    assert found["floor", "asyncio"].ratio == 1
    assert found["floor", "bad"].not_counted == "OSError('no such loop')"
    assert found["sized", "late"].not_counted
    assert found["sized", "late"].instructions is None


def test_a_loop_that_says_nothing_is_given_up(folder, double, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slow.py").write_text("import time\ndef hangs():\n    time.sleep(1000)\n")
    monkeypatch.setattr(counters, "SILENCE", 2)
    found = cells(count([], ["asyncio", "slow=slow:hangs"], tmp_path / "run", folder=folder))
    assert found["floor", "slow"].not_counted.startswith("no end after 2 s")


@pytest.mark.parametrize("changed", ["cpu", "libc", "valgrind", "the program of 'tiny'"])
def test_counts_of_another_origin_are_never_mixed(folder, double, tmp_path, changed):
    count([], ["asyncio"], tmp_path, folder=folder)
    path = tmp_path / "instructions" / "tiny-00-asyncio.json"
    data = json.loads(path.read_text())
    data["origin"][changed] = "another"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="another origin"):
        count([], ["asyncio"], tmp_path, folder=folder)


@pytest.mark.parametrize(
    "change",
    [
        {"figures": figures(once="many")},
        {"figures": figures(once=True)},
        {"figures": figures(once=1 << 70)},
        {"figures": figures(operations=0)},
        {"figures": figures(twice=9_000)},
        {"figures": figures(extra=1)},
        {"figures": []},
        {"origin": {"cpu": 1}},
        {"size": -1},
        {"format": 1},
    ],
)
def test_files_that_are_no_counts_are_refused_by_name(tmp_path, change):
    its = Count("q", "a", None, 0, "asyncio", figures(), origin={})
    path = tmp_path / "q-00-asyncio.json"
    path.write_text(json.dumps({"format": 2, **asdict(its)}))
    assert read_counts(tmp_path) == [its]
    path.write_text(json.dumps({"format": 2, **asdict(its)} | change))
    with pytest.raises(InputError, match="q-00-asyncio"):
        read_counts(tmp_path)
    assert replace(its, size=2).instructions == its.instructions / 2


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 60_000, b"\xff", b"0" * 5_000, b"[" + b" " * (1 << 16) + b"]"])
def test_files_of_strangers_are_refused_by_name(tmp_path, text):
    (tmp_path / "x.json").write_bytes(text)
    with pytest.raises(InputError, match=r"x\.json"):
        read_counts(tmp_path)


def test_the_same_file_twice_is_one_count_and_a_different_one_is_refused(tmp_path):
    its = {"format": 2, **asdict(Count("q", "a", None, 0, "asyncio", figures(), origin={}))}
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(json.dumps(its))
    assert len(read_counts(tmp_path)) == 1
    (tmp_path / "two.json").write_text(json.dumps(its | {"figures": figures(once=8_999)}))
    with pytest.raises(InputError, match="two"):
        read_counts(tmp_path)


def test_without_valgrind_there_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    command = [sys.executable, "-m", "asyncwith", "bench", "--counter", "instructions"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "install the package `valgrind`" in done.stderr


def test_precision_is_no_matter_for_counts():
    command = [sys.executable, "-m", "asyncwith", "bench", "--counter", "instructions", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "exact" in done.stderr


def test_loops_of_one_name_are_refused(folder, double, tmp_path):
    with pytest.raises(UsageError, match="same name"):
        count([], ["asyncio", "asyncio"], tmp_path, folder=folder)


def test_a_kill_loses_no_count_that_was_known(folder, double, tmp_path):
    code = (
        "from pathlib import Path\nfrom asyncwith.counters import count\n"
        f"count([], ['asyncio', 'slow={tmp_path}/slow.py:hangs'], Path({str(tmp_path)!r}), folder=Path({str(folder)!r}))"
    )
    (tmp_path / "slow.py").write_text("import time\ndef hangs():\n    time.sleep(30)\n")
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "instructions" / "tiny-01-asyncio.json").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert [each.loop for each in read_counts(tmp_path / "instructions")] == ["asyncio", "asyncio"]


def test_a_loop_that_hangs_at_its_start_outlives_a_killed_parent_by_its_patience_only(folder, double, tmp_path):
    """The alarm that is set already is made short, or this test would take as long."""
    (tmp_path / "slow.py").write_text(
        "import pathlib, signal, time\n"
        "def hangs():\n"
        f"    pathlib.Path({str(tmp_path)!r}, 'left').write_text(str(signal.alarm(1)))\n"
        "    time.sleep(1000)\n"
    )
    code = (
        "from pathlib import Path\nfrom asyncwith.counters import count\n"
        f"count([], ['slow={tmp_path}/slow.py:hangs'], Path({str(tmp_path)!r}), folder=Path({str(folder)!r}))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert process.returncode == 0
    assert 0 < int((tmp_path / "left").read_text()) <= 60


BY_HAND = """
from itertools import repeat
from asyncwith.arms import Arm

@tiny.arm("floor again")
async def _() -> None:
    [].append(None)

class Plain:
    async def __aenter__(self) -> None:
        pass
    async def __aexit__(self, *details: object) -> None:
        pass

@tiny.arm("class")
async def _() -> None:
    async with Plain():
        pass

async def by_hand(operations, loop, n):
    for _ in repeat(None, operations):
        async with Plain():
            pass

tiny.arms.append(Arm("tiny", "class by hand", None, control=False, floor=False, holds=(), timed=by_hand))
"""


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """What valgrind counts, by the name of the arm: instructions of an operation, and of a turn with it."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    place = tmp_path_factory.mktemp("counts")
    (place / "tiny.py").write_text(PROGRAM + BY_HAND)
    count([], ["asyncio"], place, folder=place)
    found = read_counts(place / "instructions")
    return {its.name: (its.instructions, slope(its.figures["once"], its.figures["twice"], 1_000)) for its in found}


def test_valgrind_counts_the_same_for_the_same(counts):
    assert counts["floor again"][0] == pytest.approx(counts["floor"][0], rel=0.01)
    assert counts["floor"][0] < counts["class"][0]


def test_the_harness_adds_less_than_a_hundredth_to_a_loop_written_by_hand(counts):
    assert counts["class"][1] == pytest.approx(counts["class by hand"][1], rel=0.01)
