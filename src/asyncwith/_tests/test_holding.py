"""Only what holds is timed: a construct that fails one of its clauses on a loop is named with it, and the others go on."""

import json

import pytest

from asyncwith._tests.power import faulty_loops
from asyncwith.arms import load_questions
from asyncwith.clauses import load_chapters
from asyncwith.departures import Departure
from asyncwith.errors import InputError, UsageError
from asyncwith.holding import _clauses, _known, _sums, hold
from asyncwith.hosts import Check
from asyncwith.interpreters import OURS, Interpreter
from asyncwith.judging import edition
from asyncwith.libraries import find_library
from asyncwith.loops import UNKNOWN, find_loop
from asyncwith.measuring import Plan, measure
from asyncwith.outcomes import Judged
from asyncwith.provenance import provenance
from asyncwith.rooms import room
from asyncwith.verdicts import Outcome, Verdict

PROGRAM = """
from asyncwith import Question

tiny = Question("tiny", "What does little cost?", holds=("entering", "cancelling"))

@tiny.arm("floor", floor=True)
async def _() -> None:
    [].append(None)

@tiny.arm("entered", holds=("entering",))
async def _() -> None:
    [].append(None)

@tiny.arm("cancelled")
async def _() -> None:
    [].append(None)
"""
CONSTRUCTS = """
"entering" = ["PROT-08"]
"cancelling" = ["CANC-04"]
"""
MINE = f"mine={faulty_loops.__file__}:CancellationSwallowed"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "room"
    made.mkdir()
    (made / "tiny.py").write_text(PROGRAM)
    (made / "constructs.toml").write_text(CONSTRUCTS)
    return made


def write_outcomes(run, outcome, **header):
    """Write the journal of a run in which both clauses came to `outcome` on asyncio."""
    declared = {
        "kind": "declared",
        "format": 1,
        "edition": edition(room("conformance")),
        "provenance": provenance(),
        "loops": {"asyncio": find_loop("asyncio").version()},
        "libraries": {"contextlib": find_library("contextlib").version()},
        **header,
    }
    verdict = {
        "kind": "verdict",
        "loop": "asyncio",
        "library": "contextlib",
        "outcome": outcome,
        "reason": "as it happened",
    }
    shown = {"expected": [], "trace": [], "difference": None, "details": "", "seconds": 0.0}
    lines = [declared, *({**verdict, **shown, "clause": clause} for clause in ("PROT-08", "CANC-04"))]
    run.mkdir()
    (run / "outcomes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_what_a_faulty_loop_breaks_is_not_timed_on_it_and_all_the_rest_is(folder, tmp_path):
    costs = measure([], ["asyncio", MINE], tmp_path / "run", Plan(least=2, seconds=0, block=0), folder=folder)
    cells = {(cell.arm, cell.loop): cell for cell in costs.questions[0].cells}
    failed = cells["cancelled", "mine"]
    assert failed.not_timed.startswith("CANC-04 failed on mine: ")
    assert failed.seconds is None
    assert all(cell.not_timed is None for key, cell in cells.items() if key != ("cancelled", "mine"))
    assert cells["floor", "mine"].held == ""
    assert cells["entered", "mine"].held == "entering: 1 clause holds"
    assert cells["cancelled", "asyncio"].held == "entering: 1 clause holds; cancelling: 1 clause holds"


def test_verdicts_that_the_run_holds_are_not_judged_again(folder, tmp_path):
    write_outcomes(tmp_path / "run", "failed")
    held = hold(OURS, folder, [], ["asyncio"], tmp_path / "run")
    assert held["entering"]["asyncio"] == (False, "PROT-08 failed on asyncio: as it happened")


@pytest.mark.parametrize(
    "header",
    [
        {"edition": "another"},
        {"provenance": {}},
        {"loops": {}},
        {"loops": []},
        {"loops": {"asyncio": "another"}},
        {"libraries": {"contextlib": "another"}},
    ],
)
def test_verdicts_of_another_origin_do_not_count(tmp_path, header):
    write_outcomes(tmp_path / "run", "failed", **header)
    here = {each.id: each.version() for each in (find_loop("asyncio"), find_library("contextlib"))}
    assert _known(tmp_path / "run" / "outcomes.jsonl", room("conformance"), here) == {}


def test_verdicts_of_what_tells_no_version_do_not_count(tmp_path):
    write_outcomes(tmp_path / "run", "failed", loops={"asyncio": UNKNOWN})
    here = {"asyncio": UNKNOWN, "contextlib": find_library("contextlib").version()}
    assert _known(tmp_path / "run" / "outcomes.jsonl", room("conformance"), here) == {}


def test_a_library_with_a_name_of_its_own_is_judged(folder, tmp_path):
    library = tmp_path / "swallows.py"
    library.write_text("class aclosing:\n    pass\n")
    (folder / "tiny.py").write_text(PROGRAM.replace('"entering"', f'"closing of mine={library}"'))
    (folder / "constructs.toml").write_text(CONSTRUCTS + '"closing" = ["UTIL-01"]')
    may, why = hold(OURS, folder, [], ["asyncio"], tmp_path)[f"closing of mine={library}"]["asyncio"]
    assert (may, why[:27]) == (False, "UTIL-01 failed on asyncio: ")


def test_a_journal_that_is_none_is_an_input_error(folder, tmp_path):
    (tmp_path / "outcomes.jsonl").write_text("[]\n")
    with pytest.raises(InputError, match=r"outcomes\.jsonl:1: "):
        hold(OURS, folder, [], ["asyncio"], tmp_path)


def test_what_cannot_be_judged_may_be_timed_and_says_so(folder, tmp_path):
    held = hold(Interpreter(str(tmp_path / "no-python")), folder, [], ["asyncio"], tmp_path)
    may, why = held["entering"]["asyncio"]
    assert (may, why.startswith("not judged: ")) == (True, True)


def test_clauses_that_do_not_apply_are_no_clauses_that_hold(folder, tmp_path):
    write_outcomes(tmp_path / "run", "not run")
    held = hold(OURS, folder, [], ["asyncio"], tmp_path / "run")
    assert held["entering"]["asyncio"] == (True, "entering: not judged: as it happened")


def test_a_loop_that_takes_process_after_process_down_is_not_asked_for_ever():
    asked = []

    def crashed(check):
        asked.append(check.clause)
        return Judged(check, Verdict(Outcome.CRASHED, "SIGKILL"), "must")

    checks = {f"construct {number}": [Check(f"A-{number}", "mine", "contextlib")] * 2 for number in range(5)}
    found = _sums(checks, "mine", crashed)
    assert asked == ["A-0", "A-1", "A-2"]
    assert [may for may, _ in found.values()] == [False] * 5
    assert found["construct 2"][1] == "A-2 crashed on mine: SIGKILL"
    assert found["construct 4"][1] == "construct 4: not judged: mine did not survive 3 constructs before"


def test_departures_that_are_known_do_not_keep_an_arm_from_being_timed_and_are_named():
    def departs(check):
        known = Departure(check.clause, check.loop, "why") if check.clause == "A-1" else None
        failed = Verdict(Outcome.FAILED, "as it happened")
        return Judged(check, failed if known else Verdict(Outcome.PASSED), "must", known)

    checks = {"class": [Check("A-1", "mine", "contextlib"), Check("A-2", "mine", "contextlib")]}
    said = "class: 1 clause holds, but for A-1 (a known departure)"
    assert _sums(checks, "mine", departs) == {"class": (True, said)}


def test_a_loop_that_is_not_there_is_a_usage_error(folder, tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        hold(OURS, folder, [], ["mine=nowhere:factory"], tmp_path)


def test_where_nothing_is_asked_nothing_is_judged(folder, tmp_path):
    (folder / "tiny.py").write_text(PROGRAM.replace('holds=("entering", "cancelling")', "").replace('"entering",', ""))
    assert hold(Interpreter("no-python"), folder, [], ["asyncio"], tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('"entering" = ["PROT-00"]', "there is no clause PROT-00"),
        ('"cancelling" = ["CANC-04"]', "there is no construct 'entering', which an arm names"),
        ('"entering" =', "cannot be read"),
        ('"entering" = 7', "is no list of clauses"),
    ],
)
def test_a_table_that_names_nothing_is_an_input_error(folder, text, complaint):
    (folder / "constructs.toml").write_text(text)
    with pytest.raises(InputError, match=rf"constructs\.toml: .*{complaint}"):
        _clauses(folder / "constructs.toml", "entering", load_chapters(room("conformance")))


def test_every_construct_of_the_bench_room_has_its_clauses():
    clauses = load_chapters(room("conformance"))
    arms = [arm for question in load_questions(room("bench")) for arm in question.arms]
    for name in {name for arm in arms for name in arm.holds}:
        assert _clauses(room("bench") / "constructs.toml", name, clauses)


def test_every_arm_of_the_bench_room_but_plain_code_names_what_has_to_hold():
    arms = [arm for question in load_questions(room("bench")) for arm in question.arms if not (arm.holds or arm.floor)]
    assert {arm.name for arm in arms if "class" in arm.name or "@" in arm.name or "stack" in arm.name} == set()


def test_a_construct_of_a_library_is_judged_with_it():
    clauses = load_chapters(room("conformance"))
    libraries = {
        library for _, library in _clauses(room("bench") / "constructs.toml", "exit stack of aiotools", clauses)
    }
    assert libraries == {"aiotools"}
    assert {each for _, each in _clauses(room("bench") / "constructs.toml", "exit stack", clauses)} == {"contextlib"}
