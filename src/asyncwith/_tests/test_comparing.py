"""Comparing tells what became slower, never what did not, and never passes a gate with empty hands."""

import json
import math
import random
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from asyncwith import journal
from asyncwith._tests.synthetic_blocks import PROVENANCE, make_block
from asyncwith._tests.synthetic_runs import outcome_lines
from asyncwith.blocks import Record, replace_file
from asyncwith.comparing import compare, compare_blocks
from asyncwith.counters import Count
from asyncwith.errors import InputError, UsageError
from asyncwith.evidence import InTurns
from asyncwith.statistics import interval_between, p_beyond, p_same_between

BASE, NEW = 0, 500  # numbers of the first block: other processes, other noise


def run(first, *, slowdown=1.0, pace=1.0, blocks=12, noise=0.004, **other):
    """Return the blocks of a run in which the class on uvloop is slower by `slowdown` and the machine by `pace`."""
    made = [make_block(first + number, ratios={"uvloop": slowdown}, noise=noise, **other) for number in range(blocks)]
    return [slow(block, pace) for block in made]


def slow(block, pace, **arms):
    """Return the block as a machine that is slower by `pace` would have measured it."""

    def slices(timed, factor):
        return [(operations, round(wall * factor), round(cpu * factor)) for operations, wall, cpu in timed]

    records = [
        Record(**{**vars(record), "again": slices(record.again, factor), "slices": moved})
        for record in block.records
        for factor in [pace * arms.get(record.name, 1.0)]
        for moved in [{loop: slices(timed, factor) for loop, timed in record.slices.items()}]
    ]
    return replace(block, nothing=slices(block.nothing, pace), records=records)


def write(folder, blocks):
    for block in blocks:
        replace_file(folder / "blocks" / f"{block.id}.json", json.dumps(block.to_json()))
    return folder


def elsewhere(blocks, **provenance):
    return [replace(block, provenance={**PROVENANCE, **provenance}) for block in blocks]


def with_floor_as_control(blocks):
    for block in blocks:
        block.records[0] = replace(block.records[0], control=True)
    return blocks


def change(comparison, arm="class", loop="uvloop"):
    return next(each for each in comparison.changes if (each.arm, each.loop) == (arm, loop))


def asyncwith(*words):
    command = [sys.executable, "-m", "asyncwith", "compare", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_interval_between_two_sets_is_welchs():
    # Means 0.03 and 0.06, variances 0.00025 / 5 and 0.0002 / 3: 5.0 degrees of freedom.
    base, new = [0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.05, 0.08]
    error = math.sqrt(0.00025 / 5 + 0.0003 / 3)
    freedom = error**4 / ((0.00025 / 5) ** 2 / 4 + (0.0003 / 3) ** 2 / 2)
    assert freedom == pytest.approx(4.0, abs=0.01)
    found = interval_between(base, new)
    assert found.middle == pytest.approx(math.exp(0.03))
    assert math.log(found.high / found.middle) == pytest.approx(2.7764451 * error, rel=0.01)
    assert p_same_between(base, new) == pytest.approx(0.0705, abs=1e-3)
    assert p_beyond(base, new, math.exp(0.03)) == pytest.approx(0.5)


@pytest.mark.parametrize(("new", "same", "beyond"), [([0.0, 0.0], 1.0, 1.0), ([0.5, 0.5], 0.0, 0.0)])
def test_sets_without_spread_have_a_probability(new, same, beyond):
    assert p_same_between([0.0, 0.0], new) == same
    assert p_beyond([0.0, 0.0], new, 1.02) == beyond


def test_a_slowdown_is_found_and_told_with_its_interval():
    comparison = compare_blocks(run(BASE), run(NEW, slowdown=1.05))
    found = change(comparison)
    assert (found.verdict, found.regression, comparison.exit_code()) == ("slower", True, 1)
    assert found.ratio.low < 1.05 < found.ratio.high
    percents = [100 * (each - 1) for each in (found.ratio.middle, found.ratio.low, found.ratio.high)]
    sentence = "entering: class on uvloop is {:.1f} % slower ({:.1f} to {:.1f} %)".format(*percents)
    assert comparison.sentences()[0] == sentence


def test_a_speedup_is_found_and_fails_nothing():
    comparison = compare_blocks(run(BASE, slowdown=1.05), run(NEW))
    assert (change(comparison).verdict, comparison.exit_code()) == ("faster", 0)
    assert "is 4." in comparison.sentences()[0] or "is 5." in comparison.sentences()[0]


@pytest.mark.parametrize("seed", range(0, 20_000, 1_000))
def test_the_same_is_never_called_slower(seed):
    pace = random.Random(seed).uniform(0.9, 1.1)
    base = with_floor_as_control(run(seed + BASE, noise=0.01, rounds=5))
    new = with_floor_as_control(run(seed + NEW, noise=0.01, rounds=5, pace=pace))
    comparison = compare_blocks(base, new)
    assert comparison.exit_code() == 0
    assert not [each for each in comparison.changes if each.verdict == "slower"]


def test_the_pace_of_the_machine_is_left_out_and_told():
    base, new = with_floor_as_control(run(BASE)), with_floor_as_control(run(NEW, pace=1.3, slowdown=1.05))
    comparison = compare_blocks(base, new)
    assert change(comparison).ratio.middle == pytest.approx(1.05, rel=0.01)
    assert change(comparison, loop="asyncio").verdict == "equivalent"
    assert comparison.pace == (pytest.approx(1.3, rel=0.01),)
    assert "floor" not in {each.arm for each in comparison.changes}


def test_what_is_slower_on_every_loop_is_found():
    base = with_floor_as_control(run(BASE))
    new = with_floor_as_control([slow(block, 1.0, **{"class": 1.05}) for block in run(NEW)])
    comparison = compare_blocks(base, new)
    assert {each.loop: each.regression for each in comparison.changes} == {"asyncio": True, "uvloop": True}


def test_of_two_pythons_seconds_are_compared_and_that_is_told():
    base = with_floor_as_control(run(BASE))
    new = elsewhere(with_floor_as_control(run(NEW, pace=1.1)), python="3.12.1")
    comparison = compare_blocks(base, new)
    assert comparison.by_seconds == ("entering",)
    assert comparison.differences == ("python (3.11.7 → 3.12.1)",)
    assert {each.arm: each.verdict for each in comparison.changes} == {"floor": "slower", "class": "slower"}
    assert "what the machine did between the runs is in them" in " ".join(comparison.notes())


def test_other_versions_of_packages_are_told():
    new = elsewhere(run(NEW), packages={**PROVENANCE["packages"], "anyio": "5.0"})
    assert compare_blocks(run(BASE), new).differences == ("anyio (4.16.0 → 5.0)",)


@pytest.mark.parametrize("fact", [{"cpu": "another"}, {"jit": True}, {"gil": False}, {"cores": 64}, {"machine": "arm"}])
def test_runs_of_two_machines_cannot_be_compared(fact):
    ((name, _),) = fact.items()
    with pytest.raises(UsageError, match=f"cannot be compared: {name} is .* in BASE and .* in NEW"):
        compare_blocks(run(BASE, blocks=2), elsewhere(run(NEW, blocks=2), **fact))


def test_a_machine_that_is_not_told_is_no_machine():
    unknown = elsewhere(run(BASE, blocks=2), cpu=None)
    with pytest.raises(UsageError, match="cpu is None in BASE and None in NEW"):
        compare_blocks(unknown, unknown)


def test_a_question_of_another_program_is_not_compared_and_an_empty_comparison_does_not_pass():
    comparison = compare_blocks(run(BASE), run(NEW, digests={"entering": "of another"}))
    assert comparison.not_compared == (
        "entering: its program, or the libraries it asks about, are not the same in BASE and NEW",
    )
    assert (comparison.changes, comparison.exit_code()) == ((), 3)
    assert comparison.sentences() == ["Nothing could be compared"]


def test_a_loop_that_one_run_could_not_time_is_told():
    new = [make_block(NEW + number, ratios={}, not_timed={"uvloop": "SIGSEGV"}) for number in range(4)]
    comparison = compare_blocks(run(BASE), new)
    assert comparison.not_compared == ("uvloop was not timed in NEW: SIGSEGV",)
    assert {each.loop for each in comparison.changes} == {"asyncio"}


def test_one_block_is_too_few():
    comparison = compare_blocks(run(BASE), run(NEW, blocks=1))
    assert comparison.exit_code() == 3
    assert "asyncio was not timed in NEW: fewer than two blocks have it" in comparison.not_compared


@pytest.mark.parametrize(("fail_on", "code"), [(0.01, 1), (0.02, 1), (0.06, 0), (0.5, 0)])
def test_the_gate_fails_on_what_is_proven_beyond_its_limit_only(fail_on, code):
    comparison = compare_blocks(run(BASE), run(NEW, slowdown=1.05), fail_on=fail_on)
    assert (change(comparison).verdict, comparison.exit_code()) == ("slower", code)


def test_a_limit_below_the_margin_is_held():
    found = change(compare_blocks(run(BASE), run(NEW, slowdown=1.015, noise=0.001), fail_on=0.005))
    assert (found.verdict, found.regression) == ("slower", True)


def test_a_broken_control_voids_its_question():
    comparison = compare_blocks(run(BASE, control=True), run(NEW, slowdown=1.5, control=True))
    assert (change(comparison).verdict, comparison.exit_code()) == ("unproven", 3)
    assert "a control of entering is broken in NEW: uvloop on what never suspends, class" in comparison.void[0]


def test_a_change_whose_opposite_cpu_time_proves_is_unproven():
    new = run(NEW, slowdown=1.05, cpu_ratios={"uvloop": 0.5})
    assert change(compare_blocks(run(BASE), new)).verdict == "unproven"


def test_runs_with_unequal_blocks_and_rounds_are_compared():
    base, new = run(BASE, rounds=30), run(NEW, blocks=5, rounds=5)
    assert compare_blocks(base, new).exit_code() == 0


def test_the_order_of_blocks_does_not_matter():
    base, new = run(BASE), run(NEW, slowdown=1.05)
    assert compare_blocks(base[::-1], new[::-1]) == compare_blocks(base, new)


def outcomes_journal(folder, **outcomes):
    """Write a journal in which the first check of each of these clauses ended so."""
    lines = outcome_lines()
    for line in lines[1:-1]:
        if line["loop"] == "asyncio" and line["clause"] in outcomes:
            line["outcome"] = outcomes[line["clause"]]
    folder.mkdir(exist_ok=True)
    (folder / "outcomes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def runs(tmp_path):
    return write(tmp_path / "base", run(BASE)), write(tmp_path / "new", run(NEW))


def test_changed_verdicts_are_told_regressions_first_and_fail(runs):
    first, other, *_ = [line["clause"] for line in outcome_lines()[1:-1] if line["loop"] == "asyncio"]
    outcomes_journal(runs[0], **{first: "failed"})
    outcomes_journal(runs[1], **{other: "leaked"})
    comparison = compare(*runs)
    assert [(each.check.clause, each.regression) for each in comparison.verdicts.changes] == [
        (other, True),
        (first, False),
    ]
    assert comparison.sentences()[0] == f"{other} on asyncio with contextlib: passed → leaked"
    assert comparison.exit_code() == 1


def test_verdicts_of_one_run_only_or_of_another_edition_are_not_compared(runs):
    outcomes_journal(runs[1])
    assert compare(*runs).verdicts.notes == ("verdicts are in NEW only",)
    outcomes_journal(runs[0])
    path = runs[0] / "outcomes.jsonl"
    path.write_text(path.read_text().replace("3f2a91c0", "another"))
    assert compare(*runs).verdicts.notes == ("verdicts are of two editions of the clauses",)


@pytest.mark.parametrize("text", ["", "{}", "[", "[" * 100_000, '{"kind": "declared", "format": 1}\n[]\n', "\x00\xff"])
def test_what_is_no_journal_is_an_input_error(runs, text):
    outcomes_journal(runs[0])
    (runs[1] / "outcomes.jsonl").write_text(text + "\n")
    with pytest.raises(InputError, match=r"outcomes\.jsonl:.* "):
        compare(*runs)


def test_an_undeclared_clause_is_an_input_error(runs):
    clause = outcome_lines()[1]["clause"]
    outcomes_journal(runs[0])
    outcomes_journal(runs[1], **{clause: "failed"})
    path = runs[1] / "outcomes.jsonl"
    header, rest = path.read_text().split("\n", 1)
    path.write_text(json.dumps({**json.loads(header), "clauses": []}) + "\n" + rest)
    with pytest.raises(InputError, match=f"'{clause}' is not declared with its level"):
        compare(*runs)


def test_the_command_ends_with_what_it_found(tmp_path, runs):
    same = asyncwith(*runs)
    assert (same.returncode, same.stderr) == (0, "")
    assert "4 cells 0 slower" in same.stdout
    slower = write(tmp_path / "slower", run(NEW, slowdown=1.05))
    assert asyncwith(runs[0], slower).returncode == 1
    assert asyncwith(runs[0], slower, "--fail-on", "9%").returncode == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}'])
def test_a_broken_block_is_an_input_error_that_names_it(runs, text):
    (runs[1] / "blocks" / "broken.json").write_text(text)
    with pytest.raises(InputError, match=r"broken\.json: "):
        compare(*runs)


def test_a_directory_without_blocks_is_one_line(tmp_path, runs):
    found = asyncwith(runs[0], tmp_path)
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert "there are no blocks" in found.stderr


def test_runs_with_nothing_in_common_do_not_pass(tmp_path, runs):
    other = write(tmp_path / "other", run(NEW, digests={"entering": "of another"}))
    found = asyncwith(runs[0], other)
    assert (found.returncode, "Nothing could be compared" in found.stdout) == (3, True)


def on_trio_alone(block):
    records = [replace(record, slices={"trio": record.slices["asyncio"]}) for record in block.records]
    return replace(block, reference="trio", loops={"trio": "0.35.0"}, records=records)


@pytest.mark.parametrize("change_block", [lambda block: replace(block, records=[]), on_trio_alone])
def test_runs_without_a_common_cell_do_not_pass(change_block):
    base = with_floor_as_control(run(BASE))
    assert compare_blocks(base, [change_block(block) for block in with_floor_as_control(run(NEW))]).exit_code() == 3


def test_a_block_without_the_floor_does_not_count_where_that_is_the_yardstick():
    base = with_floor_as_control(run(BASE))
    mixed = base[:1] + [replace(block, records=block.records[1:]) for block in base[1:]]
    comparison = compare_blocks(mixed, with_floor_as_control(run(NEW)))
    assert "entering: class on uvloop has its floor beside it in fewer than 2 blocks" in comparison.not_compared
    assert comparison.exit_code() == 3


def in_turns(base, new, *, swing=0.0):
    """Return the blocks as if they had been measured in turns, on a machine whose pace swings from turn to turn."""
    chance = random.Random("turns")
    paces = [chance.lognormvariate(0, swing) for _ in base]
    return [
        [
            replace(slow(block, pace), conditions={"turn": f"turn {number}"})
            for number, (block, pace) in enumerate(zip(blocks, paces, strict=True))
        ]
        for blocks in (base, new)
    ]


def test_the_evidence_of_turns_is_students():
    ratios = InTurns([0.01, 0.02, 0.03, 0.04, 0.05])  # t is 0.03 / (0.0158114 / √5) = 4.2426 with 4 degrees of freedom
    assert ratios.ratio().middle == pytest.approx(math.exp(0.03))
    assert ratios.p_same() == pytest.approx(0.01324, abs=1e-5)
    assert ratios.p_beyond(1.0) == pytest.approx(0.00662, abs=1e-5)
    assert ratios.p_beyond(math.exp(0.03)) == pytest.approx(0.5)
    assert ratios.p_beyond(math.exp(0.06)) == pytest.approx(1 - 0.00662, abs=1e-5)


def test_in_turns_a_slowdown_is_found_on_a_machine_that_changes_its_pace():
    base, new = in_turns(run(BASE), run(NEW, slowdown=1.05), swing=0.3)
    comparison = compare_blocks(base, new)
    assert {each.arm + each.loop: each.verdict for each in comparison.changes} == {
        "floorasyncio": "equivalent",
        "flooruvloop": "equivalent",
        "classasyncio": "equivalent",
        "classuvloop": "slower",
    }
    assert (comparison.turns, comparison.exit_code()) == (12, 1)
    assert "they were measured in 12 turns" in comparison.notes()[0]
    apart = compare_blocks(*([replace(block, conditions={}) for block in blocks] for blocks in (base, new)))
    assert {each.verdict for each in apart.changes} == {"unproven"}


@pytest.mark.parametrize("seed", range(0, 20_000, 1_000))
def test_in_turns_the_same_is_never_called_slower(seed):
    comparison = compare_blocks(*in_turns(run(seed + BASE, noise=0.02), run(seed + NEW, noise=0.02), swing=0.3))
    assert comparison.exit_code() == 0
    assert not [each for each in comparison.changes if each.verdict == "slower"]


def test_a_turn_of_which_one_half_is_missing_does_not_count():
    base, new = in_turns(run(BASE), run(NEW))
    alone = replace(slow(make_block(999), 10.0), conditions={"turn": "of a process that was killed"})
    assert compare_blocks([*base, alone], new) == compare_blocks(base, new)


def test_a_block_with_few_rounds_takes_none_from_the_other_turns():
    base, new = in_turns(run(BASE, rounds=20), run(NEW, rounds=20))
    short = run(NEW, blocks=1, rounds=1)[0]
    short = replace(short, id=new[0].id, conditions=new[0].conditions)
    late = [slow(block, 1.0) for block in new[1:]]
    for block in late:
        for record in block.records:
            for loop, slices in record.slices.items():
                record.slices[loop] = [(operations, 3 * wall, cpu) for operations, wall, cpu in slices[:1]] + slices[1:]
    assert change(compare_blocks(base, [short, *late])).ratio.middle == pytest.approx(1.0, abs=0.02)


def test_the_state_of_the_interpreter_may_differ_in_turns_but_not_the_machine():
    base, new = in_turns(run(BASE), run(NEW))
    free = compare_blocks(base, elsewhere(new, gil=False, jit=True, python="3.14.1"))
    assert set(free.differences) == {"python (3.11.7 → 3.14.1)", "jit (False → True)", "gil (True → False)"}
    assert (len(free.changes), free.by_seconds, free.pace) == (4, (), ())
    with pytest.raises(UsageError, match="cpu is"):
        compare_blocks(base, elsewhere(new, cpu="another"))


def test_what_a_stranger_wrote_for_a_turn_is_none():
    base, new = in_turns(run(BASE), run(NEW))
    strange = [replace(block, conditions={"turn": [1]}) for block in new]
    assert compare_blocks(base, strange).turns == 0


def test_the_ratios_to_the_reference_loop_are_told_of_both_runs():
    comparison = compare_blocks(run(BASE, slowdown=0.5), run(NEW, slowdown=0.6))
    old, new = change(comparison).of_reference
    assert (old.middle, new.middle) == (pytest.approx(0.5, rel=0.01), pytest.approx(0.6, rel=0.01))
    assert change(comparison).row()[-1].startswith("0.50")
    assert change(comparison, loop="asyncio").of_reference is None


def test_an_arm_that_one_python_lacks_is_told_once_for_all_loops():
    lacking = [replace(block, records=block.records[:1]) for block in run(BASE)]
    assert compare_blocks(lacking, run(NEW)).not_compared == ("entering: class is not in BASE",)


def test_a_run_is_equivalent_to_itself(runs):
    comparison = compare(runs[0], runs[0])
    assert ({each.verdict for each in comparison.changes}, comparison.exit_code()) == ({"equivalent"}, 0)


def test_long_tables_name_their_first_cells_only():
    chance = random.Random(1)
    many = run(BASE, noise=0.001)
    for block in many:
        arm = block.records[1]
        block.records[1:] = [replace(arm, name=f"class {number}", place=number) for number in range(1, 31)]
    worse = [slow(block, chance.uniform(1.2, 1.21), floor=1 / 1.2) for block in many]
    said = compare_blocks(*in_turns(many, worse)).sentences()
    assert [each for each in said if each.startswith("…")] == ["… and 40 more cells are slower"]


ORIGIN = {
    "machine": "x86_64",
    "cpu": "a processor",
    "libc": "glibc 2.36",
    "valgrind": "3.19.0",
    "the program of 'entering'": "0123456789ab",
}


def count(folder, instructions, *, arm="class", place=1, **origin):
    """Write what valgrind counted of an arm on asyncio."""
    figures = {"operations": 1000, "once": 50_000, "twice": 50_000 + 1000 * (instructions + 10), "empty": 10_000}
    counted = Count("entering", arm, None, place, "asyncio", figures, {**ORIGIN, **origin})
    text = {"format": journal.FORMAT, **asdict(counted)}
    replace_file(folder / "instructions" / f"entering-{place:02}-asyncio.json", json.dumps(text))


@pytest.mark.parametrize(
    ("instructions", "fail_on", "code", "said"),
    [
        (612, 0.02, 0, "0 are higher"),
        (613, 0.001, 0, "1 the same within 0.3 %"),
        (615, 0.002, 0, "1 are higher, 0 of them by more than 0.2 % for sure"),
        (631, 0.02, 1, "entering: class on asyncio takes 3.1 % more instructions (612 → 631)"),
        (631, 0.05, 0, "1 are higher, 0 of them by more than 5 % for sure"),
        (600, 0.02, 0, "entering: class on asyncio takes 2.0 % fewer instructions (612 → 600)"),
    ],
)
def test_counts_are_a_gate_of_their_own(tmp_path, instructions, fail_on, code, said):
    base, new = tmp_path / "base", tmp_path / "new"
    count(base, 612)
    count(new, instructions)
    comparison = compare(base, new, fail_on=fail_on)
    assert comparison.exit_code() == code
    assert said in " ".join(comparison.sentences())


def test_counts_of_another_processor_or_program_are_not_compared(tmp_path):
    base, new = tmp_path / "base", tmp_path / "new"
    count(base, 100)
    count(new, 200, cpu="another", python="3.14.1")
    comparison = compare(base, new)
    assert comparison.counts.notes == ("instructions of entering: cpu is 'a processor' in BASE and 'another' in NEW",)
    assert comparison.exit_code() == 3


def test_counts_beside_times_are_compared_and_what_one_run_lacks_is_told(runs):
    count(runs[1], 612)
    assert compare(*runs).counts.notes == ("instructions were counted in NEW only",)
    count(runs[0], 612)
    count(runs[0], 700, arm="slotted class", place=2)
    comparison = compare(*runs)
    assert comparison.counts.notes == ("instructions of 1 cell were counted in one run only",)
    assert (comparison.counts.compared, comparison.exit_code()) == (1, 0)


def test_times_on_one_side_only_pass_no_gate(tmp_path, runs):
    count(tmp_path / "counted", 612)
    comparison = compare(runs[0], tmp_path / "counted")
    assert comparison.not_compared == ("times were measured in BASE only",)
    assert comparison.exit_code() == 3


def test_a_broken_count_is_an_input_error_and_nothing_is_printed(runs):
    count(runs[0], 612)
    count(runs[1], 612)
    (runs[1] / "instructions" / "broken.json").write_text("{}")
    found = asyncwith(*runs)
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert "broken.json" in found.stderr
