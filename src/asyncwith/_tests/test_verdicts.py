"""Verdicts: what is judged how, and that nothing is lost on the way to a file and back."""

import pytest

from asyncwith import any_order
from asyncwith.verdicts import Outcome, Verdict, judge


def test_a_trace_as_expected_passes():
    assert judge(["a"], ["a"]).outcome is Outcome.PASSED


def test_the_first_difference_is_told():
    verdict = judge(["a", "b"], ["a", "c"])
    assert (verdict.outcome, verdict.reason, verdict.difference) == (Outcome.FAILED, "line 2: expected 'b', saw 'c'", 1)


def test_a_trace_that_stops_short_is_told():
    assert judge(["a"], []).reason == "line 1: expected 'a', saw the end of the trace"


def test_a_trace_that_goes_on_is_told():
    assert judge([], ["a"]).reason == "line 1: expected the end of the trace, saw 'a'"


def test_what_is_left_behind_is_a_leak_only_if_all_else_is_well():
    assert judge(["a"], ["a"], leaks=["a task"]).outcome is Outcome.LEAKED
    assert judge(["a"], ["b"], leaks=["a task"]).outcome is Outcome.FAILED


def test_lines_in_any_order_are_shown_as_such():
    assert judge([any_order("a", "b")], ["b", "a"]).expected == ("a  (in any order)", "b  (in any order)")


@pytest.mark.parametrize("outcome", Outcome)
def test_a_verdict_survives_its_file(outcome):
    verdict = Verdict(outcome, "why", ("a",), ("b",), 0, "details", 0.25)
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_every_outcome_but_two_is_a_failure():
    assert {each for each in Outcome if not each.is_failure} == {Outcome.PASSED, Outcome.NOT_RUN}
