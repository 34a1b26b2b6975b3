"""The arithmetic gives the answers that the textbooks give."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncwith.statistics import Interval, holm, interval, p_same, word

LOGS = st.lists(st.floats(-5, 5), min_size=2, max_size=30)


def test_the_interval_is_students():
    # Mean 0.03, deviation 0.0158, four degrees of freedom: t is 2.7764.
    found = interval([0.01, 0.02, 0.03, 0.04, 0.05])
    reach = 2.7764451 * math.sqrt(0.00025 / 5)
    assert found.middle == pytest.approx(math.exp(0.03))
    assert found.low == pytest.approx(math.exp(0.03 - reach))
    assert found.high == pytest.approx(math.exp(0.03 + reach))
    assert found.half_width == pytest.approx(math.exp(reach) - 1)


def test_the_probability_is_students():
    # t = 0.03 / sqrt(0.00025 / 5) = 4.2426; two-sided with four degrees of freedom.
    assert p_same([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx(0.01324, abs=1e-5)


@pytest.mark.parametrize(("logs", "expected"), [([0.0, 0.0], 1.0), ([0.1, 0.1], 0.0)])
def test_values_without_spread_have_a_probability(logs, expected):
    assert p_same(logs) == expected


def test_holm_corrects_as_in_his_paper():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_makes_anything_more_certain(probabilities):
    corrected = holm(probabilities)
    assert all(before <= after <= 1 for before, after in zip(probabilities, corrected, strict=True))


@given(LOGS)
def test_an_interval_holds_its_middle_and_does_not_depend_on_order(logs):
    found = interval(logs)
    shuffled = interval(sorted(logs))
    assert found.low <= found.middle * (1 + 1e-9)
    assert found.middle <= found.high * (1 + 1e-9)
    assert shuffled.middle == pytest.approx(found.middle)
    assert shuffled.low == pytest.approx(found.low)


@given(LOGS)
def test_the_inverse_ratio_has_the_inverse_interval(logs):
    found, inverse = interval(logs), interval([-each for each in logs])
    assert inverse.low == pytest.approx(1 / found.high)
    assert inverse.half_width == pytest.approx(found.half_width)


@pytest.mark.parametrize(
    ("ratio", "probability", "expected"),
    [
        (Interval(1.001, 0.99, 1.012), 0.9, "equivalent"),
        (Interval(1.010, 1.005, 1.015), 0.001, "equivalent"),  # proven to differ, and too little to matter
        (Interval(1.030, 1.015, 1.045), 0.001, "slower"),
        (Interval(0.700, 0.690, 0.710), 0.001, "faster"),
        (Interval(1.030, 1.001, 1.060), 0.06, "unproven"),  # one of so many that one may look like this by luck
        (Interval(1.000, 0.900, 1.100), 0.9, "unproven"),
    ],
)
def test_the_word_says_what_is_proven(ratio, probability, expected):
    assert word(ratio, probability) == expected


def test_identical_arms_are_hardly_ever_called_different():
    chance = random.Random(20)
    words = []
    for _ in range(400):
        logs = [chance.gauss(0, 0.01) for _ in range(10)]
        words.append(word(interval(logs), p_same(logs)))
    assert sum(each in ("faster", "slower") for each in words) <= 20
    assert words.count("equivalent") > 300


def test_a_slowdown_of_three_percent_is_found():
    chance = random.Random(21)
    found = 0
    for _ in range(200):
        logs = [chance.gauss(math.log(1.03), 0.01) for _ in range(10)]
        found += word(interval(logs), p_same(logs)) == "slower"
    assert found >= 190


def test_blocks_that_contradict_each_other_have_a_wide_interval_and_no_impossible_one():
    found = interval([-300.0, 300.0])
    assert 0 < found.low < found.middle < found.high < math.inf
