"""The parts of the report that compute something: alignment of traces, words for figures, pictures, coloured source."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncwith._tests.synthetic_runs import costs, outcome_lines, write_lines, write_run
from asyncwith.cost_model import CONTRASTS
from asyncwith.costs import Estimate, Term
from asyncwith.report import read_runs
from asyncwith.report.building_blocks import building_blocks, draw_terms
from asyncwith.report.costs_file import read_costs
from asyncwith.report.highlight import highlight, prose
from asyncwith.report.model import Interval, Witness
from asyncwith.report.ratios import draw_floor, draw_ratios
from asyncwith.report.scaling import draw_scaling
from asyncwith.report.strips import strip
from asyncwith.report.traces import compare
from asyncwith.report.views import columns_of, failures_of, rows_of, tally
from asyncwith.report.words import duration, half_width, listing, sentences, times
from asyncwith.verdicts import judge

LINES = st.lists(st.sampled_from("abcd"), max_size=8)


def sides(expected, *traces):
    """Return the comparison as text: expected | trace | …, with a star at the first difference."""
    rows = compare(expected, [judge(expected, trace) for trace in traces])
    return [
        " | ".join([wanted or ".", *(f"{'*' * (c.kind == 'first')}{c.text or '.'}" for c in cells)])
        for wanted, cells in rows
    ]


def test_traces_as_expected_stand_line_by_line():
    assert sides(["a", "b"], ["a", "b"], ["a", "b"]) == ["a | a | a", "b | b | b"]


def test_a_line_too_many_gets_a_row_of_its_own():
    assert sides(["a", "c"], ["a", "b", "c"], ["a", "c"]) == ["a | a | a", ". | *b | .", "c | c | c"]


def test_a_missing_line_leaves_a_gap():
    assert sides(["a", "b", "c"], ["a", "c"]) == ["a | a", "b | .", "c | *c"]


def test_a_trace_that_ends_early_says_so():
    assert sides(["a", "b", "c"], ["a"], []) == ["a | a | *(the trace ends)", "b | *(the trace ends) | .", "c | . | ."]


def test_a_trace_that_goes_on_says_where():
    assert sides(["a"], ["a", "b"]) == ["a | a", ". | *b"]


@given(LINES, st.lists(LINES, min_size=1, max_size=3))
def test_no_line_is_lost_and_every_fault_is_marked_once(expected, traces):
    verdicts = [judge(expected, trace) for trace in traces]
    rows = compare(expected, verdicts)
    assert [wanted for wanted, _ in rows if wanted is not None] == expected
    for at, verdict in enumerate(verdicts):
        lines = [cells[at] for _, cells in rows if cells[at].kind != "gap"]
        assert [line.text for line in lines if line.text != "(the trace ends)"] == list(verdict.trace)
        assert sum(line.kind == "first" for line in lines) == (verdict.difference is not None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5.61e-8, "56.1 ns"),
        (1.5e-6, "1.50 µs"),
        (0.0012, "1.20 ms"),
        (41.2, "41.2 s"),
        (3600, "3,600 s"),
        (-2e-9, "-2.00 ns"),
    ],
)
def test_durations_have_three_digits_and_a_unit(seconds, words):
    assert duration(seconds) == words


def test_ratios_in_words():
    assert times(1 / 0.572) == "1.75×"
    assert times(140.2) == "140×"
    assert half_width(Interval(0.572, 0.5646, 0.5795)) == "±1.3 %"
    assert listing(["asyncio", "uvloop", "trio"]) == "asyncio, uvloop and trio"


@pytest.fixture
def measured(tmp_path):
    (tmp_path / "costs.json").write_text(json.dumps(costs()), encoding="utf-8")
    return read_costs(tmp_path / "costs.json")


def test_sentences_say_what_came_out(tmp_path):
    model = read_runs([write_run(tmp_path)])
    columns = columns_of(model)
    rows = rows_of(model, columns)
    texts = [sentence.text for sentence in sentences(model, rows, columns)]
    assert texts == [
        "asyncio fails 2 checks: STAC-11, SUPP-06.",
        "uvloop fails 2 checks: GENE-09, SUPP-05.",
        "trio fails 2 checks: ENTE-02, GENE-10.",
        "asyncio+eager and Python itself keep every promise judged, known departures aside.",
        "Known departures: uvloop in 1 clause.",
        "Entering and stacking, compared with asyncio: asyncio+eager, uvloop and trio the same.",
        "Suspending, compared with asyncio: asyncio+eager the same; uvloop 1.75× faster; trio 1.46× slower.",
        "Of the building blocks of a statement, loops are proven to differ in: one suspension.",
        "Stacking: nested grows faster than its size: from 100 to 10,000 with the power 1.31 ± 0.03 on asyncio.",
        "All 2 controls of the cost figures held.",
        "8 clauses of 18 end differently, or leave another trace, from loop to loop.",
    ]


def test_a_failed_control_is_told_before_its_figures_are_believed(tmp_path):
    data = costs()
    data |= {"holds": False, "controls": [data["controls"][0] | {"held": False, "why": "1.1 to 1.2"}]}
    (tmp_path / "costs.json").write_text(json.dumps(data), encoding="utf-8")
    said = sentences(read_runs([tmp_path]), [], [])[-1]
    assert (said.text, said.tone) == ("Controls failed in entering: the figures there prove nothing.", "bad")


def test_failures_are_broken_promises_without_a_record(tmp_path):
    model = read_runs([write_lines(tmp_path, outcome_lines())])
    columns = columns_of(model)
    rows = rows_of(model, columns)
    states = {column.title: tally(rows, column) for column in columns}
    assert states["uvloop"] == {"passed": 12, "departs": 1, "leaked": 1, "crashed": 1, "noted": 1}
    assert [row.entries[2].state for row in failures_of(rows, columns[2])] == ["crashed", "leaked"]
    assert [row.entries[0].state for row in failures_of(rows, columns[0])] == ["flaky", "stale"]


def test_pictures_are_told_in_words_and_coloured_by_the_page(measured):
    drawings = [
        draw(question, measured, "p")
        for question in measured.questions
        for draw in (draw_ratios, draw_floor, draw_scaling)
    ]
    assert [drawing is not None for drawing in drawings] == [True, True, False, True, True, False, True, True, True]
    for drawing in filter(None, drawings):
        root = ET.fromstring(drawing)  # noqa: S314 - just drawn
        assert root.get("role") == "img"
        told = {root.find("title").get("id"), root.find("desc").get("id")}
        assert told == set(root.get("aria-labelledby").split())
        assert not any("style" in element.attrib or element.tag == "style" for element in root.iter())
        assert "var(--series-3)" in drawing
        assert "#0a0" not in drawing
        assert drawing.count("<title>") > 5


def test_the_cost_model_is_drawn_on_one_scale(measured):
    drawn = draw_terms(measured, "terms")
    told = ET.fromstring(drawn).find("desc").text  # noqa: S314 - just drawn
    assert told.startswith("class manager, asyncio: 120 ns (116 ns to 124 ns); class manager, asyncio+eager")
    assert told.count(";") == 5  # two terms on four loops, one of which lacks both


def test_terms_that_cannot_be_drawn_are_left_to_the_table(measured):
    far = [
        Estimate(loop, seconds=cost, low=-cost, high=cost)
        for loop, cost in zip(measured.loops, (0.0, -1e-9, 1e300, 1e-300), strict=True)
    ]
    assert draw_terms(replace(measured, terms=(Term("far", "x", "loop", tuple(far)),)), "terms") is None


def test_building_blocks_come_in_instructions_as_well(measured):
    term = replace(measured.terms[0], name=CONTRASTS[1].name)
    counted = {("entering", "slotted class", None, "trio"): Witness(1234.0, 1.0, agrees=True)}
    first, second = building_blocks(replace(measured, terms=(term, measured.terms[1])), counted)
    assert (first.instructions, second.instructions) == ({"trio": 1234.0}, {})
    assert first.absent == ["the arm of class manager was not timed"]
    assert first.is_there


def test_strips_draw_one_dot_per_block():
    drawn = str(strip([1.0, 2.0, 3.0], Interval(2, 1.5, 2.5), "<blocks>"))
    assert drawn.count("<circle") == 3
    assert "&lt;blocks&gt;" in drawn
    assert ET.fromstring(drawn).tag == "svg"  # noqa: S314 - just drawn
    assert strip([], None, "nothing") == ""
    assert strip([1e308, -1e308], None, "far apart").count("<circle") == 2


@given(
    st.text(max_size=80) | st.sampled_from(['@clause("X-01")\nasync def f():\n    """Doc."""\n    return 1  # end\n'])
)
def test_coloured_source_is_the_source(code):
    assert "".join(text for _, text in highlight(code)) == code


def test_code_in_claims_is_set_apart():
    assert prose("`a<b` is true") == "<code>a&lt;b</code> is true"
    assert prose("a `b & c") == "a `b &amp; c"


def test_source_is_coloured():
    kinds = {
        text.strip(): kind
        for kind, text in highlight('@clause("X")\nasync def f():\n    return len("a") + 17  # why\n')
        if kind
    }
    assert kinds == {"@clause": "decorator", '"X"': "string", "async": "keyword", "def": "keyword", "return": "keyword",
                     "len": "builtin", '"a"': "string", "17": "literal", "# why": "comment"}  # fmt: skip
