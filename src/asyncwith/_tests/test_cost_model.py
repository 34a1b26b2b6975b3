"""The cost model and growth, judged on blocks whose truth is known."""

import math
import random
from collections import Counter

import pytest

from asyncwith._tests.synthetic_blocks import make_block
from asyncwith.arms import load_questions
from asyncwith.blocks import Record
from asyncwith.cost_model import CONTRASTS, MissingError, cost_model
from asyncwith.growth import faster_than_size, growth
from asyncwith.rooms import room

NOTHING = 8
LOOPS = {"asyncio": 1.0, "uvloop": 0.5}


def blocks_of(arms, *, blocks=10, first=0, noise=0.005):
    """Return blocks in which a unit of each arm costs what `arms` say: by label, a function of loop and size, and sizes.

    Each block has a speed of its own, as processes do, and each figure some noise on top.
    """
    found = []
    for number in range(first, first + blocks):
        chance = random.Random(number)
        speed = chance.lognormvariate(0, 0.05)
        records = []
        for place, (label, (cost, sizes, control)) in enumerate(arms.items()):
            question, _, name = label.partition(": ")
            for size in sizes:
                slices = {}
                for loop, factor in LOOPS.items():
                    whole = speed * cost(factor, size or 1) * chance.lognormvariate(0, noise)
                    nanoseconds = round(10_000 * (whole + NOTHING))
                    slices[loop] = [(10_000, nanoseconds, nanoseconds)] * 5
                records.append(Record(question, name, size, place, control, False, slices, slices["asyncio"]))
        nothing = [(10_000, 10_000 * NOTHING, 10_000 * NOTHING)] * 5
        found.append(make_block(number, nothing=nothing, records=records))
    return found


def once(nanoseconds):
    return (lambda _, __: nanoseconds, (None,), True)


WHOLE = {
    "floors: coroutine": once(20),
    "entering: slotted class": once(100),
    "entering: @asynccontextmanager": (lambda loop, _: 400 + 200 * loop, (None,), False),
    "hooking: no hooks": once(500),
    "hooking: hooks of the loop": (lambda loop, _: 500 + 200 * loop, (None,), False),
    "suspending: in the body": (lambda loop, size: 100 + 2_000 * loop * size, (1, 2, 4, 8), False),
    "stacking: slotted class": (lambda _, size: 700 + 350 * size, (1, 10, 100, 1_000), True),
    "raising: class, propagated": once(280),
    "raising: class, suppressed": once(260),
}
TRUTH = {
    "awaiting a coroutine": (20, 20, "construct"),
    "class manager": (100, 100, "construct"),
    "one suspension": (2_000, 1_000, "loop"),
    "@asynccontextmanager adds": (500, 400, "loop"),
    "generator hooks add": (200, 100, "loop"),
    "exit stack adds": (250, 250, "construct"),
    "propagating adds": (180, 180, "construct"),
    "suppressing adds": (160, 160, "construct"),
}


def test_building_blocks_are_found_in_what_is_built_of_them():
    found = cost_model(blocks_of(WHOLE), list(LOOPS))
    assert [term.name for term in found] == list(TRUTH) == [contrast.name for contrast in CONTRASTS]
    for term in found:
        of_asyncio, of_uvloop, owner = TRUTH[term.name]
        assert term.owner == owner, term
        for estimate, truth in zip(term.estimates, (of_asyncio, of_uvloop), strict=True):
            assert estimate.low < estimate.seconds < estimate.high
            assert estimate.seconds * 1e9 == pytest.approx(truth, rel=0.08), term.name
        ratio = term.estimates[1]
        assert ratio.ratio_low < of_uvloop / of_asyncio < ratio.ratio_high, term.name


def test_the_bench_room_has_every_arm_that_the_model_is_made_of():
    arms = {
        (f"{question.name}: {arm.name}", arm.size)
        for question in load_questions(room("bench"))
        for arm in question.arms
    }
    sizes = Counter(name for name, size in arms if size is not None)
    for label in {label for contrast in CONTRASTS for label in contrast.labels}:
        name = label.removesuffix(" × n")
        assert (name, None) in arms if name == label else sizes[name] > 2, label


def test_intervals_hold_the_truth_as_often_as_they_say():
    hits = 0
    for trial in range(60):
        blocks = blocks_of(
            {"suspending: in the body": WHOLE["suspending: in the body"]}, blocks=8, first=8 * trial, noise=0.02
        )
        estimate = next(term for term in cost_model(blocks, list(LOOPS)) if term.name == "one suspension").estimates[1]
        hits += estimate.ratio_low < 0.5 < estimate.ratio_high
    assert 52 <= hits <= 60


def test_what_is_not_there_is_said_and_takes_nothing_else_away():
    arms = {label: arm for label, arm in WHOLE.items() if label != "entering: slotted class"}
    found = {term.name: term for term in cost_model(blocks_of(arms), list(LOOPS))}
    assert found["class manager"].estimates[0].absent == "entering: slotted class was not timed"
    assert found["exit stack adds"].estimates[0].seconds is None
    assert found["exit stack adds"].owner == "unproven"
    assert found["one suspension"].owner == "loop"


def test_a_slope_needs_two_sizes():
    with pytest.raises(MissingError, match="suspending: in the body was not timed at two sizes"):
        CONTRASTS[2].of({"suspending: in the body": {4: 1.0, None: 1.0}})


def test_a_loop_without_an_arm_is_absent_alone():
    blocks = blocks_of(WHOLE)
    for block in blocks:
        for record in block.records:
            if record.question == "hooking":
                del record.slices["uvloop"]
    term = next(term for term in cost_model(blocks, list(LOOPS)) if term.name == "generator hooks add")
    assert [estimate.absent for estimate in term.estimates] == ["", "hooking: hooks of the loop was not timed"]
    assert [estimate.verdict for estimate in term.estimates] == ["reference", "unproven"]


def test_broken_controls_prove_nothing():
    found = {term.name: term for term in cost_model(blocks_of(WHOLE), list(LOOPS), {"suspending"})}
    assert found["one suspension"].owner == "unproven"
    assert found["one suspension"].estimates[1].verdict == "unproven"
    assert found["generator hooks add"].owner == "loop"


def test_the_order_of_blocks_does_not_matter():
    blocks = blocks_of(WHOLE)
    moved = cost_model(blocks[::-1], list(LOOPS))
    for term, other in zip(cost_model(blocks, list(LOOPS)), moved, strict=True):
        assert [each.seconds for each in term.estimates] == pytest.approx([each.seconds for each in other.estimates])


SIZES = (1, 10, 100, 1_000, 10_000)


@pytest.mark.parametrize(
    ("cost", "power", "faster"),
    [
        pytest.param(lambda _, n: 300 * n, 1.0, False, id="linear"),
        pytest.param(lambda _, n: 90_000 + 300 * n, 0.71, False, id="constant and linear"),
        pytest.param(lambda _, n: 300 * n * 1.15 ** math.log10(n), 1.06, False, id="linear with caches"),
        pytest.param(lambda _, n: 300 * n * math.log2(n + 1), 1.15, True, id="n log n"),
        pytest.param(lambda _, n: 300 * n + 0.1 * n * n, 1.32, True, id="linear and a little quadratic"),
        pytest.param(lambda _, n: 3 * n * n, 2.0, True, id="quadratic"),
    ],
)
def test_growth_faster_than_linear_is_found_and_nothing_else(cost, power, faster):
    blocks = blocks_of({"stacking: arm": (cost, SIZES, False)})
    for its in growth(blocks, list(LOOPS)):
        assert its.power == pytest.approx(power, abs=0.02)
        assert its.low < its.power < its.high
        assert (its.smallest, its.largest, its.faster) == (100, 10_000, faster)


def test_what_grows_faster_is_named_with_its_power_on_each_loop():
    blocks = blocks_of(
        {"stacking: arm": (lambda _, n: 3 * n * n, SIZES, False), "stacking: sound": (lambda _, n: n, SIZES, False)},
        noise=0,
    )
    (said,) = faster_than_size(growth(blocks, list(LOOPS)))
    assert said.startswith("stacking: arm grows faster than its size: from 100 to 10,000 with the power ")
    assert said.endswith("2.00 ± 0.00 on asyncio, 2.00 ± 0.00 on uvloop")


def test_what_is_not_proven_to_grow_faster_is_not_said_to():
    blocks = blocks_of({"stacking: arm": (lambda _, n: 300 * n * math.log2(n + 1), SIZES, False)}, blocks=3, noise=0.2)
    assert not any(its.faster for its in growth(blocks, list(LOOPS)))


def test_growth_needs_three_sizes_and_two_blocks():
    assert growth(blocks_of({"stacking: arm": (lambda _, n: n, (1, 100), False)}), list(LOOPS)) == ()
    assert growth(blocks_of({"stacking: arm": (lambda _, n: n, SIZES, False)}, blocks=1), list(LOOPS)) == ()


def test_sizes_that_some_blocks_lack_are_left_out():
    blocks = blocks_of({"stacking: arm": (lambda _, n: 300 * n, SIZES, False)}, blocks=4)
    blocks[0].records.pop()
    assert {its.largest for its in growth(blocks, list(LOOPS))} == {1_000}
