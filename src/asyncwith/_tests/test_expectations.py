"""Expectations resolve to what holds on this loop and Python, and compare exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncwith import Loop, any_order, by_loop, by_version
from asyncwith.expectations import UnknownCase, difference, resolve

ASYNCIO, EAGER, TRIO = Loop("asyncio"), Loop("asyncio+eager", eager=True), Loop("trio", family="trio")
BY_VERSION = by_version({"3.10": "old", "3.13.1": ["new", "newer"]})


@pytest.mark.parametrize(
    ("version", "lines"),
    [((3, 10, 0), ["old"]), ((3, 13, 0), ["old"]), ((3, 13, 1), ["new", "newer"])],
)
def test_the_newest_release_that_is_not_newer_than_this_python_counts(version, lines):
    assert resolve([BY_VERSION], ASYNCIO, version) == lines


def test_a_python_older_than_every_case_is_refused():
    with pytest.raises(UnknownCase, match=r"by_version has no case for Python 3\.9\.9, only from 3\.10, 3\.13\.1 on"):
        resolve(["first", BY_VERSION], ASYNCIO, (3, 9, 9))


@pytest.mark.parametrize(("loop", "line"), [(ASYNCIO, "a"), (EAGER, "e"), (TRIO, "t"), (None, "a")])
def test_each_family_of_loops_has_its_case(loop, line):
    assert resolve(by_loop(asyncio="a", trio="t", eager="e"), loop, (3, 12, 0)) == [line]


def test_eager_loops_promise_what_others_do_unless_told_otherwise():
    assert resolve(by_loop(asyncio="a", trio="t"), EAGER, (3, 12, 0)) == ["a"]


def test_cases_nest():
    expectation = ["first", by_version({"3.10": by_loop(asyncio=["a", BY_VERSION], trio="t")})]
    assert resolve(expectation, ASYNCIO, (3, 14, 0)) == ["first", "a", "new", "newer"]


@pytest.mark.parametrize(
    ("expected", "observed", "at"),
    [
        ([], [], None),
        (["a"], ["a"], None),
        (["a"], [], 0),
        ([], ["a"], 0),
        (["a", "b"], ["a", "c"], 1),
        (["a"], ["a", "b"], 1),
        ([any_order("a", "b"), "c"], ["b", "a", "c"], None),
        ([any_order("a", "b"), "c"], ["b", "c", "a"], 1),
        ([any_order("a", "b")], ["a", "a"], 1),
        ([any_order("a", "a")], ["a", "a"], None),
    ],
)
def test_the_first_line_that_is_not_allowed_is_found(expected, observed, at):
    assert difference(expected, observed) == at


@given(st.lists(st.text(max_size=3)), st.lists(st.text(max_size=3)))
def test_plain_traces_agree_only_if_they_are_equal(expected, observed):
    assert (difference(expected, observed) is None) == (expected == observed)


@given(st.lists(st.sampled_from("abc")).flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))))
def test_any_order_allows_every_order(lines_and_permutation):
    lines, permutation = lines_and_permutation
    assert difference([any_order(*lines)], permutation) is None
