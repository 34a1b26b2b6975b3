"""What a set of blocks says is what is true of the machine that they came from, and no more."""

import json
import math
import random
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncwith._tests.synthetic_blocks import alone, make_block, slower
from asyncwith.blocks import replace_file
from asyncwith.costs import write_costs
from asyncwith.deriving import derive, derive_from
from asyncwith.errors import InputError
from asyncwith.pyperf_files import write_pyperf_files
from asyncwith.terminal import crosscheck

BLOCKS = [make_block(number, ratios={"uvloop": 0.6, "trio": 1.4}, noise=0.004) for number in range(8)]


def cell(costs, arm, loop):
    return next(each for each in costs.questions[0].cells if (each.arm, each.loop) == (arm, loop))


def test_the_figures_are_those_of_the_machine():
    costs = derive_from(BLOCKS)
    found = cell(costs, "class", "uvloop")
    assert found.seconds == pytest.approx(120e-9, rel=0.02)
    assert found.ratio == pytest.approx(0.6, rel=0.02)
    assert found.ratio_low < 0.6 < found.ratio_high
    assert found.of_floor == pytest.approx(1.2, rel=0.02)
    assert found.cpu_seconds == pytest.approx(120e-9, rel=0.02)
    assert (found.verdict, found.agree, len(found.values), len(found.ratios)) == ("faster", True, 8, 8)
    assert cell(costs, "class", "trio").verdict == "slower"
    assert cell(costs, "class", "asyncio").verdict == "reference"
    assert (costs.holds, costs.blocks, costs.seconds, list(costs.loops)) == (
        True,
        8,
        24.0,
        ["asyncio", "uvloop", "trio"],
    )


def test_an_arm_is_compared_with_the_last_floor_before_it():
    floor, arm = BLOCKS[0].records
    dearer, later = replace(arm, name="second floor", place=2, floor=True), replace(arm, name="later", place=3)
    costs = derive_from(
        [replace(block, records=[later, dearer, arm, floor]) for block in (BLOCKS[0], replace(BLOCKS[0], id="2"))]
    )
    assert [cell(costs, name, "asyncio").of_floor for name in ("floor", "class", "second floor", "later")] == [
        pytest.approx(each, rel=0.02) for each in (1.0, 2.0, 1.0, 1.0)
    ]


def test_figures_of_an_arm_with_a_size_are_per_unit_of_it():
    costs = derive_from([make_block(number, size=100) for number in range(4)])
    assert cell(costs, "class", "uvloop").seconds == pytest.approx(200e-9, rel=0.02)
    assert costs.questions[0].of == "seconds per unit of size"


@settings(deadline=None, max_examples=20)  # it writes files, which take what they take
@given(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=20))
def test_neither_order_nor_repetition_of_blocks_matters(tmp_path_factory, blocks):
    folder = tmp_path_factory.mktemp("run")
    for number, block in enumerate(blocks):
        replace_file(folder / "blocks" / f"{number}.json", json.dumps(block.to_json()))
    assert derive(folder) == derive_from(list({block.id: block for block in blocks}.values()))


def test_a_run_without_blocks_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="there are no blocks"):
        derive(tmp_path)


def test_the_same_loop_under_two_names_is_hardly_ever_called_different():
    verdicts = []
    for trial in range(100):
        blocks = [make_block(100 * trial + number, rounds=3) for number in range(8)]
        verdicts.append(cell(derive_from(blocks), "class", "uvloop").verdict)
    assert sum(verdict in ("faster", "slower") for verdict in verdicts) <= 5


def test_a_slowdown_of_three_percent_is_reported_as_slower():
    found = 0
    for trial in range(100):
        blocks = [make_block(1000 * trial + n, ratios={"uvloop": 1.03}, noise=0.006, rounds=3) for n in range(12)]
        found += cell(derive_from(blocks), "class", "uvloop").verdict == "slower"
    assert found >= 95


def test_a_broken_control_leaves_its_question_unproven():
    costs = derive_from([make_block(number, ratios={"uvloop": 0.6}, control=True) for number in range(8)])
    broken = [control for control in costs.controls if not control.held]
    assert [(control.name, control.arm) for control in broken] == [("uvloop on what never suspends", "class")]
    assert "where nothing can differ by more than 2%" in broken[0].why
    assert (costs.holds, cell(costs, "class", "uvloop").verdict) == (False, "unproven")


def test_a_reference_loop_that_differs_from_itself_is_a_broken_control():
    blocks = [make_block(number) for number in range(8)]
    for block in blocks:
        again = block.records[1].again
        again[:] = [(operations, round(wall * 1.2), cpu) for operations, wall, cpu in again]
    costs = derive_from(blocks)
    assert [control.name for control in costs.controls if not control.held] == ["asyncio against itself"]


def broken(costs):
    return {(control.kind, control.name, control.arm) for control in costs.controls if not control.held}


def changed(block, change, loop="uvloop"):
    """Return a block whose slices of the arm on a loop are what `change` makes of them."""
    floor, arm = block.records
    return replace(block, records=[floor, replace(arm, slices={**arm.slices, loop: change(arm.slices[loop])})])


def test_a_ratio_that_changes_within_blocks_is_a_broken_control():
    blocks = [changed(block, lambda slices: [*slices[:4], *slower(slices[4:], 1.1)]) for block in BLOCKS]
    name = "uvloop from the first half of each block to the second"
    assert broken(derive_from(blocks)) == {("drift", name, "class")}


def test_a_ratio_that_changes_from_block_to_block_is_a_broken_control():
    blocks = [*BLOCKS[:4], *(changed(block, lambda slices: slower(slices, 1.3)) for block in BLOCKS[4:])]
    costs = derive_from(blocks)
    assert broken(costs) == {("drift", "uvloop from the first blocks to the last", "class")}
    assert cell(costs, "class", "uvloop").verdict == "unproven"


def test_ratios_that_stay_where_they_are_break_no_control():
    costs = derive_from([make_block(number, ratios={"uvloop": 0.6}, noise=0.002) for number in range(12)])
    assert sum(control.kind == "drift" for control in costs.controls) == 4
    assert broken(costs) == set()


def turns(ratio=0.6, pace=1.0, loops=("asyncio", "uvloop"), turns=6):
    """Return turns in which each loop had a process of its own; uvloop's turn came when the machine was slower by `pace`."""
    found = []
    for number in range(turns):
        for loop in loops:
            block = make_block(f"alone {number} {loop}", ratios={"uvloop": ratio}, noise=0.004)
            if loop == "uvloop":
                records = [replace(each, slices={loop: slower(each.slices[loop], pace)}) for each in block.records]
                floor, arm = records
                block = replace(block, records=[replace(floor, control=True), arm])
            found.append(alone(block, loop, f"turn {number}"))
    return found


def test_loops_that_are_alone_in_their_processes_have_to_agree():
    blocks = [make_block(number, ratios={"uvloop": 0.6}, noise=0.004) for number in range(8)]
    costs = derive_from(blocks, alone=turns())
    assert [control.arm for control in costs.controls if control.kind == "alone"] == ["floor", "class"]
    assert broken(costs) == set()
    assert crosscheck(costs).startswith("a process for each loop moved no ratio of 2 for sure (±")
    disagreeing = derive_from(blocks, alone=turns(ratio=0.9))
    assert crosscheck(disagreeing).startswith("a process for each loop moved 1 of 2 ratios (±")
    assert crosscheck(derive_from(blocks)) == "loops were not measured in processes of their own"
    assert broken(disagreeing) == {("alone", "uvloop with a process of its own", "class")}


def test_the_pace_of_the_machine_is_no_disagreement():
    blocks = [make_block(number, ratios={"uvloop": 0.6}, noise=0.004) for number in range(8)]
    of_arm = [control for control in derive_from(blocks, alone=turns(pace=1.5)).controls if control.kind == "alone"][-1]
    assert of_arm.ratio == pytest.approx(1.0, rel=0.05)


def test_a_turn_without_the_reference_loop_says_nothing():
    costs = derive_from(BLOCKS, alone=turns(loops=["uvloop"]))
    assert [control for control in costs.controls if control.kind == "alone"] == []


def test_blocks_of_loops_that_are_alone_lie_in_a_folder_of_their_own(tmp_path):
    for folder, blocks in (("blocks", BLOCKS), ("alone", turns())):
        for block in blocks:
            replace_file(tmp_path / folder / f"{block.id}.json", json.dumps(block.to_json()))
    assert derive(tmp_path) == derive_from(BLOCKS, alone=turns())


def without(block, loop, why):
    """Return a block in which the constructs of the arm did not hold on a loop."""
    floor, arm = block.records
    slices = {name: each for name, each in arm.slices.items() if name != loop}
    held = {name: why if name == loop else "1 clause holds" for name in block.loops}
    return replace(
        block, records=[floor, replace(arm, slices=slices, held=held, again=arm.again if "asyncio" in slices else [])]
    )


def test_an_arm_whose_constructs_do_not_hold_has_no_figures_there_and_figures_elsewhere():
    costs = derive_from([without(block, "trio", "PROT-08 failed on trio") for block in BLOCKS])
    assert (cell(costs, "class", "trio").not_timed, cell(costs, "class", "trio").seconds) == (
        "PROT-08 failed on trio",
        None,
    )
    assert (cell(costs, "class", "uvloop").verdict, cell(costs, "class", "uvloop").held) == ("faster", "1 clause holds")
    assert cell(costs, "floor", "trio").not_timed is None


def test_constructs_that_do_not_hold_on_the_reference_loop_leave_the_others_without_a_ratio():
    costs = derive_from([without(block, "asyncio", "PROT-08 failed on asyncio") for block in BLOCKS])
    found = cell(costs, "class", "uvloop")
    assert (found.seconds, found.ratio, found.verdict) == (pytest.approx(120e-9, rel=0.02), None, "unproven")
    assert cell(costs, "class", "asyncio").not_timed == "PROT-08 failed on asyncio"
    assert costs.holds


def test_a_construct_that_failed_in_one_block_is_not_timed_at_all():
    costs = derive_from([without(BLOCKS[0], "trio", "PROT-08 failed on trio"), *BLOCKS[1:]])
    assert cell(costs, "class", "trio").not_timed == "PROT-08 failed on trio"


def test_a_control_is_never_called_faster_or_slower():
    costs = derive_from(
        [make_block(number, ratios={"uvloop": 1.018}, noise=0.004, control=True) for number in range(8)]
    )
    found = cell(costs, "class", "uvloop")
    assert (costs.holds, found.ratio_low > 1, found.ratio_high > 1.02, found.verdict) == (True, True, True, "unproven")


def test_a_ratio_that_cpu_time_contradicts_is_unproven():
    contradicted = {"uvloop": 2.0}
    costs = derive_from([make_block(number, ratios={"uvloop": 0.8}, cpu_ratios=contradicted) for number in range(8)])
    found = cell(costs, "class", "uvloop")
    assert (found.agree, found.verdict) == (False, "unproven")


def test_a_loop_that_failed_in_one_block_is_not_timed_and_the_others_are():
    failed = make_block(9, ratios={"uvloop": 0.6}, not_timed={"trio": "SIGSEGV"})
    costs = derive_from([*BLOCKS, failed])
    assert cell(costs, "class", "trio").not_timed == "SIGSEGV"
    assert cell(costs, "class", "trio").seconds is None
    assert cell(costs, "class", "uvloop").verdict == "faster"
    assert list(costs.loops) == ["asyncio", "uvloop"]


def test_the_command_of_a_cell_measures_it_again():
    costs = derive_from(BLOCKS)
    assert cell(costs, "class", "uvloop").command == "asyncwith bench entering --loop asyncio --loop uvloop"
    assert cell(costs, "class", "trio").command.endswith("--loop asyncio --loop 'trio=my trio:factory'")
    assert cell(costs, "class", "asyncio").command == "asyncwith bench entering --loop asyncio"


def test_one_block_is_too_few_for_an_interval():
    assert cell(derive_from(BLOCKS[:1]), "class", "uvloop").not_timed == "fewer than two blocks have it"


def test_an_arm_that_costs_nothing_has_a_figure_all_the_same():
    blocks = [make_block(number) for number in range(2)]
    for block in blocks:
        slices = block.records[1].slices["uvloop"]
        slices[:] = [(operations, 0, 0) for operations, _, _ in slices]
    found = cell(derive_from(blocks), "class", "uvloop")
    assert math.isfinite(found.ratio_high)


def test_costs_are_written_without_anything_that_json_cannot_say(tmp_path):
    data = json.loads(
        write_costs(derive_from(BLOCKS), tmp_path).read_text(encoding="utf-8"), parse_constant=pytest.fail
    )
    assert (data["format"], data["questions"][0]["cells"][1]["loop"]) == (1, "uvloop")


def test_pyperf_compares_the_derived_files(tmp_path):
    blocks = [*BLOCKS, make_block(9, ratios={"uvloop": 0.6})]
    random.Random(1).shuffle(blocks)
    paths = write_pyperf_files(derive_from(blocks), tmp_path)
    assert [path.name for path in paths] == [f"cpython3.11-{loop}.json" for loop in ("asyncio", "uvloop", "trio")]
    command = [sys.executable, "-m", "pyperf", "compare_to", *paths, "--table"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "entering: class" in done.stdout
    assert "1.67x faster" in done.stdout
    assert "1.40x slower" in done.stdout
    command = [sys.executable, "-m", "pyperf", "stats", paths[0]]
    assert "Total number of values: 8" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
