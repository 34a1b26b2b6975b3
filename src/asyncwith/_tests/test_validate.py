"""The validation counts what it says it counts, and its loops differ by what it says they differ by."""

import importlib.util
import subprocess
import sys
from contextlib import closing

import pytest

from asyncwith._tests.synthetic_blocks import make_block
from asyncwith._tests.validate import LOOPS, false_verdicts, power


def blocks(number, *, twin=1.0, slowed=1.03, noise=0.006):
    ratios = {"twin": twin, "slowed": slowed}
    return [make_block(f"{each:03}", ratios=ratios, noise=noise, rounds=3) for each in range(number)]


def test_an_identical_twin_is_hardly_ever_called_different():
    runs, false, void = false_verdicts(blocks(160))
    assert (runs, false, void) == (20, 0, 0)


def test_a_twin_that_is_none_is_called_different():
    runs, false, _ = false_verdicts(blocks(83, twin=1.1))
    assert (runs, false) == (10, 10)  # three blocks are too few for an eleventh


def test_a_slowdown_is_found_and_nothing_else():
    found = power(blocks(120), draws=20, arm="class")
    assert (found.draws, found.slowed, found.twin) == (20, 20, 0)


def test_what_is_not_slowed_is_not_found():
    assert power(blocks(120, slowed=1.0), draws=20, arm="class").slowed == 0


@pytest.mark.parametrize("name", ["reference", "twin", "slowed"])
def test_only_the_slowed_loop_does_more_work(tmp_path, name):
    (tmp_path / "loops.py").write_text(LOOPS.format(work=7))
    spec = importlib.util.spec_from_file_location("loops", tmp_path / "loops.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with closing(getattr(module, name)()) as loop:
        assert loop._selector.work == (7 if name == "slowed" else 0)


def test_the_program_tells_how_it_is_called():
    done = subprocess.run(
        [sys.executable, "-m", "asyncwith._tests.validate", "-h"], capture_output=True, text=True, check=True
    )
    assert "--minutes" in done.stdout
