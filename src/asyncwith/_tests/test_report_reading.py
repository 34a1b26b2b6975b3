"""What comes in is believed only where it is what it should be; what is not ends in an `InputError` that says where."""

import json
import math
import os
from pathlib import Path

import pytest

from asyncwith._tests.synthetic_runs import costs, outcome_lines, write_lines, write_run
from asyncwith.errors import InputError
from asyncwith.report import read_runs
from asyncwith.report.model import Conformance


def conformance(folder: Path) -> Conformance:
    run = read_runs([folder]).runs[0]
    assert run.conformance is not None
    return run.conformance


def test_a_whole_run_is_read(tmp_path):
    read = conformance(write_run(tmp_path / "run"))
    assert len(read.promises) == 18
    assert len(read.verdicts) == len(read.checks) == 66
    assert read.lost == ""


def test_a_run_may_be_cut_at_any_line_but_the_first(tmp_path):
    lines = outcome_lines(4)
    for kept in range(1, len(lines)):
        read = conformance(write_lines(tmp_path, lines[:kept]))
        assert len(read.verdicts) == kept - 1
        assert read.lost == f"The run was stopped before its end: of 16 declared checks, {kept - 1} were judged."


def test_a_run_may_be_cut_within_any_line_but_the_first(tmp_path):
    raw = (write_lines(tmp_path, outcome_lines(2)) / "outcomes.jsonl").read_bytes()
    first = raw.index(b"\n") + 1
    for end in range(0, len(raw), 7):
        (tmp_path / "outcomes.jsonl").write_bytes(raw[:end])
        if end < first - 1:
            with pytest.raises(InputError, match=r"outcomes\.jsonl, line 1: "):
                read_runs([tmp_path])
        else:
            assert len(conformance(tmp_path).verdicts) <= raw[:end].count(b"\n")


def test_a_half_written_line_is_legal_only_as_the_last(tmp_path):
    file = write_lines(tmp_path, outcome_lines(2)) / "outcomes.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2][:20] + b"\n"
    file.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=r"outcomes\.jsonl, line 3: not JSON"):
        read_runs([tmp_path])


BREAKS = {
    "another format": (0, ["format"], 2, "line 1, format: expected the format 1"),
    "a clause id that is a path": (0, ["clauses"], {"../../etc/passwd": {}}, "expected a name like"),
    "a clause id with a line end": (0, ["clauses"], {"PROT-01\n/..": {}}, "expected a name like"),
    "a clause that is a number": (0, ["clauses", "ENTE-01"], 3, "line 1, clauses, ENTE-01: expected an object"),
    "an unknown level": (0, ["clauses", "ENTE-01", "level"], "may", "level: expected 'must' or 'should'"),
    "a link in one part": (0, ["clauses", "ENTE-01", "links"], [["x"]], "expected the words of a link and its address"),
    "a date that is none": (0, ["provenance", "created"], "yesterday", "created: expected a date and time"),
    "a flag in words": (0, ["provenance", "gil"], "yes", "gil: expected true or false"),
    "packages as a list": (0, ["provenance", "packages"], [], "packages: expected an object"),
    "a check of an unknown clause": (
        0,
        ["checks"],
        [["NONE-01", "trio", "contextlib"]],
        r"checks\[0\]: expected a declared",
    ),
    "checks that are declared twice": (0, ["checks"], [["ENTE-01", "trio", "x"]] * 2, "expected every check once"),
    "an empty name": (0, ["edition"], "", "edition: expected a name of 1 to 200"),
    "an unknown kind": (2, ["kind"], "declared", "line 3, kind: expected 'verdict' or 'finished'"),
    "an unknown outcome": (2, ["outcome"], "good", "outcome: expected 'passed' or"),
    "an undeclared check": (2, ["loop"], "tulip", "expected the one verdict of a declared check"),
    "a verdict given twice": (2, ["loop"], "asyncio", "line 3: expected the one verdict of a declared check"),
    "a trace that is a text": (2, ["trace"], "enter", "trace: expected a list"),
    "a trace of numbers": (2, ["trace"], [1], r"trace\[0\]: expected a text"),
    "a difference before the start": (2, ["difference"], -1, "difference: expected a count"),
    "a difference that is true": (2, ["difference"], True, "difference: expected a count"),
    "a duration in words": (2, ["seconds"], "1", "seconds: expected a number"),
    "a duration without end": (2, ["seconds"], 10**400, "seconds: expected a finite number"),
    "a duration that is no number": (2, ["seconds"], math.nan, "line 3: not JSON: NaN"),
    "a departure that is a text": (2, ["departure"], "known", "departure: expected an object"),
    "counts in the middle": (
        2,
        [],
        {"kind": "finished", "declared": 1, "started": 1, "finished": 1, "seconds": 1},
        "line 4",
    ),
    "a line that is a list": (2, [], [], r"line 3: expected an object with 'kind', found \[\]"),
}


def put(data, path, value):
    """Put `value` at `path` in `data`."""
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


@pytest.mark.parametrize(("line", "keys", "value", "complaint"), BREAKS.values(), ids=BREAKS)
def test_what_breaks_the_grammar_of_outcomes_is_named(tmp_path, line, keys, value, complaint):
    lines = json.loads(json.dumps(outcome_lines(4)))
    put(lines, [line, *keys], value)
    with pytest.raises(InputError, match=complaint) as caught:
        read_runs([write_lines(tmp_path, lines)])
    assert "outcomes.jsonl, line" in str(caught.value)


COST_BREAKS = {
    "no questions": (["questions"], None, "questions: expected a list"),
    "a question that is a path": (["questions", 0, "name"], "../x", "expected a name like"),
    "the same question twice": (["questions", 1, "name"], "entering", "expected every question once"),
    "an interval beside its figure": (
        ["questions", 0, "cells", 0, "low"],
        1.0,
        r"cells\[0\], low: expected an interval",
    ),
    "a ratio below zero": (["questions", 0, "cells", 1, "ratio_low"], -1.0, "expected a ratio above zero"),
    "a cell without a figure": (["questions", 0, "cells", 0, "seconds"], None, "or the reason in 'not_timed'"),
    "the same cell twice": (["questions", 0, "cells", 1, "loop"], "asyncio", "every arm once per size and loop"),
    "an unknown loop": (["loops"], {"asyncio": "1"}, "every loop that the figures are of"),
    "an unknown verdict": (["questions", 0, "cells", 0, "verdict"], "better", "verdict: expected 'faster' or"),
    "a value that is a text": (["questions", 0, "cells", 0, "values", 0], "1", r"values\[0\]: expected a number"),
    "infinity": (["questions", 0, "cells", 0, "values", 0], math.inf, "not JSON: Infinity"),
    "a term without a figure": (["terms", 0, "estimates", 0, "seconds"], None, "or the reason in 'absent'"),
    "a term on other loops": (["terms", 0, "estimates", 0, "loop"], "tulip", "an estimate for each of the loops"),
    "a term that belongs to nobody": (["terms", 0, "owner"], "me", "owner: expected 'loop' or"),
    "growth without a power": (["growth", 0, "power"], None, "power: expected a number"),
    "a control without a ratio": (["controls", 0, "ratio"], None, "ratio: expected a number"),
}


@pytest.mark.parametrize(("keys", "value", "complaint"), COST_BREAKS.values(), ids=COST_BREAKS)
def test_what_breaks_the_grammar_of_costs_is_named(tmp_path, keys, value, complaint):
    data = costs()
    put(data, keys, value)
    (tmp_path / "costs.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match=complaint) as caught:
        read_runs([tmp_path])
    assert "costs.json" in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"[", b"null", b"[" * 100_000, b"\xff", b'{"format": 1}', b"5" * 5000, b"\n"])
@pytest.mark.parametrize("name", ["outcomes.jsonl", "costs.json", "instructions.json", "memory.json"])
def test_foreign_files_are_refused(tmp_path, name, raw):
    write_run(tmp_path)
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError, match=name):
        read_runs([tmp_path])


def test_witnesses_are_read_with_what_they_contradict(tmp_path):
    run = read_runs([write_run(tmp_path)]).runs[0]
    counted = run.instructions["entering", "class", None, "asyncio+eager"]
    assert (counted.figure, counted.ratio, counted.agrees) == (1001.0, 1.001, True)
    assert ("entering", "class", None, "uvloop") not in run.instructions
    assert not run.instructions["entering", "class", None, "trio"].agrees
    assert not run.memory["entering", "class", None, "trio"].agrees
    assert len(run.instructions) == len(run.memory) == 7


def test_slopes_of_memory_are_read_and_checked(tmp_path):
    path = write_run(tmp_path) / "memory.json"
    (first, *_) = read_runs([tmp_path]).runs[0].slopes
    assert (first.question, first.arm, first.loop, first.each) == ("stacking", "exit stack", "asyncio", 176)
    data = json.loads(path.read_text(encoding="utf-8"))
    data["slopes"][0]["each"] = None
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match=r"slopes\[0\], each: expected a number"):
        read_runs([tmp_path])


@pytest.mark.parametrize(
    ("name", "key", "value", "complaint"),
    [
        ("instructions", "ratio", "1", r"cells\[0\], ratio: expected a number"),
        ("instructions", "agree", None, "agree: expected true or false"),
        ("memory", "peak", "much", "peak: expected a number"),
        ("memory", "loop", 3, "loop: expected a text"),
    ],
)
def test_what_breaks_the_grammar_of_a_witness_is_named(tmp_path, name, key, value, complaint):
    path = write_run(tmp_path) / f"{name}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    put(data, ["cells", 0, key], value)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        read_runs([tmp_path])


def test_a_directory_without_results_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"neither outcomes\.jsonl nor costs\.json"):
        read_runs([tmp_path])
    with pytest.raises(InputError, match="no run to report on"):
        read_runs([])
    (tmp_path / "costs.json").mkdir()
    with pytest.raises(InputError, match=r"costs\.json: "):
        read_runs([tmp_path])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="what only POSIX systems have")
@pytest.mark.parametrize("name", ["outcomes.jsonl", "costs.json", "instructions.json", "memory.json"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path, name):
    run = write_run(tmp_path / "run")
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    with pytest.raises(InputError, match=f"{name}: is no file"):
        read_runs([run])


def test_a_loop_that_was_not_timed_need_not_be_among_the_loops(tmp_path):
    data = costs()
    del data["loops"]["trio"]
    for term in data["terms"]:
        del term["estimates"][-1]
    for question in data["questions"]:
        for cell in question["cells"]:
            if cell["loop"] == "trio":
                cell["not_timed"] = "it hangs"
    (tmp_path / "costs.json").write_text(json.dumps(data), encoding="utf-8")
    read = read_runs([tmp_path]).runs[0].costs
    assert read is not None
    assert {cell.not_timed for cell in read.questions[0].cells if cell.loop == "trio"} == {"it hangs"}


def test_halves_of_two_pythons_are_no_run(tmp_path):
    write_run(tmp_path)
    (tmp_path / "costs.json").write_text(json.dumps(costs("3.14.10")), encoding="utf-8")
    with pytest.raises(InputError, match=r"made by Python 3\.14\.10"):
        read_runs([tmp_path])


def test_counts_that_do_not_agree_are_told(tmp_path):
    lines = outcome_lines(4)
    lines[-1]["finished"] = 15
    assert "16 started and 15 finished" in conformance(write_lines(tmp_path, lines)).lost


def test_texts_lose_disguises_and_length(tmp_path):
    lines = outcome_lines(2)
    lines[1]["reason"] = "a\x00b\x1b[31m\u202egpj\ud800"
    lines[1]["details"] = "x" * 1_000_000
    lines[1]["trace"] = ["line"] * 5_000
    verdict = next(iter(conformance(write_lines(tmp_path, lines)).verdicts.values())).verdict
    assert verdict.reason == "a␀b␛[31m\ufffdgpj?"
    assert verdict.details.endswith("x… [cut: 1,000,000 characters in the file]")
    assert len(verdict.details) < 21_000
    assert len(verdict.trace) == 1_001


def test_runs_are_told_apart(tmp_path):
    runs = [
        write_run(tmp_path / "a" / "run"),
        write_run(tmp_path / "b" / "run"),
        write_run(tmp_path / "c", python="3.14.10"),
    ]
    labels = [run.label for run in read_runs(runs).runs]
    assert labels == ["CPython 3.11.7 · run (1)", "CPython 3.11.7 · run (2)", "CPython 3.14.10"]
