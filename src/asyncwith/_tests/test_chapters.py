"""What somebody's own chapter may do wrong: each is told in one line that names the place, or costs its own check only."""

import os
import shutil
import sys

import pytest

from asyncwith.conforming import Conformed, Request, conform
from asyncwith.errors import UsageError
from asyncwith.rooms import room

BEGINNING = "import gc, os, sys\nfrom asyncwith import by_loop, by_version, clause\n"


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """Judge chapters, each given by its text, on asyncio."""
    shutil.copy(room("conformance") / "pytest.ini", tmp_path)
    monkeypatch.setattr("asyncwith.conforming.room", lambda _: tmp_path)

    def judge(*chapters: str) -> Conformed:
        for letter, text in zip("ab", chapters, strict=False):
            (tmp_path / f"test_{letter}.py").write_text(BEGINNING + text)
        return conform(Request(loops=["asyncio"], limit=30), lambda *_: None)

    return judge


def clause(statement: str = "trace('a')", expect: str = "'a'", also: str = "", number: int = 1) -> str:
    return (
        f"@clause('TEST-{number:02}', source='PEP 492', expect={expect}{also})\n"
        f"async def scenario_{number}(trace):\n    'It holds.'\n    {statement}\n"
    )


def test_a_chapter_that_is_sound_is_judged(judge):
    assert judge(clause()).tally.outcomes == {"asyncio": {"passed": 1}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sys.exit('bye')", r"3: the chapter cannot be imported: SystemExit\('bye'\)"),
        ("\nraise GeneratorExit", r"4: the chapter cannot be imported: GeneratorExit\(\)"),
        ("import json\njson.loads('}')", r"4: the chapter cannot be imported: JSONDecodeError"),
        ("x = (", "3: the chapter cannot be imported: SyntaxError: '\\(' was never closed"),
        (clause(expect="by_loop(asyncio='a')"), "3: the chapter cannot be imported: TypeError.*'trio'"),
        (
            clause(expect="by_version({'3.99': 'a', '3.100': 'b'})"),
            "3: clause TEST-01: .*no case for Python .*, only from 3.99, 3.100 on",
        ),
        (clause(expect="by_version({})"), "3: clause TEST-01: .*no case for Python .*, only from nothing on"),
        (clause(expect="lambda: 1 / 0"), "3: clause TEST-01: .*expect is a line or a list of lines, not <function"),
        (clause(expect="['a', 1]"), "3: clause TEST-01: .*expect is a line or a list of lines, not 1"),
        (
            clause() + "\n" + clause(number=2).replace("scenario_2", "scenario_1"),
            "8: clause TEST-02: the name scenario_1 is taken by",
        ),
        (clause(expect="[]"), "3: clause TEST-01: .*nothing is expected on asyncio, so the clause cannot fail"),
    ],
)
def test_a_chapter_that_cannot_be_judged_is_told_by_its_place(judge, text, said):
    with pytest.raises(UsageError, match=f"the conformance room is broken: .*test_a.py:{said}"):
        judge(text)


def test_two_chapters_cannot_share_an_id(judge):
    with pytest.raises(UsageError, match=r"test_b\.py:3: clause TEST-01: the id is taken by a, line 3"):
        judge(clause(), clause())


def test_what_a_clause_does_not_speak_of_need_not_be_expected(judge):
    conformed = judge(clause(expect="by_version({'3.99': 'a'})", also=", versions='>=3.99'"))
    assert conformed.tally.outcomes == {"asyncio": {"not run": 1}}


EVIL = """
class Unshown(Exception):
    def __repr__(self): raise RuntimeError

class Classless(Exception):
    @property
    def __class__(self): raise RuntimeError

def group(depth, width):
    group = ValueError()
    for _ in range(depth):
        group = BaseExceptionGroup("g", [group] * width)
    return group

def answer(turn):
    return b'{"turn": %d, "verdict": {"outcome": "passed", "reason": "", "expected": [], "trace": [], "difference": null,' \\
        b' "details": "", "seconds": 0}, "spent": false}\\n' % turn

def write_everywhere(words):
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, words)
        except OSError:
            pass
"""
SOUND = "trace('a')"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="what only POSIX systems have")
def test_a_scenario_costs_its_own_check_and_no_other(judge):
    """Each that spoils something is followed by one that is sound."""
    statements = {
        "pass": "failed",
        "raise Unshown(Unshown())": "failed",
        "trace(Classless())": "failed",
        "raise group(1, 100_000)": "failed",
        "raise group(3000, 1)": "failed",
        "sys.exit(0)": "failed",
        "write_everywhere(answer(10_000))": "failed",
        "os._exit(0)": "crashed",
        "os.killpg(0, 9)": "crashed",
        "os.closerange(0, 4096)": "crashed",
        "write_everywhere(b'{')": "crashed",
        "os.fork(); trace('a')": "passed",
        "os.fork() or os._exit(0); trace('a')": "passed",
        "trace('a'); gc.disable()": "leaked",
        "trace('a' if gc.isenabled() else 'off')": "passed",
        "trace('a'); sys.setrecursionlimit(80)": "leaked",
    }
    pairs = [each for pair in statements.items() for each in (pair, (SOUND, "passed"))]
    chapter = EVIL + "".join(clause(statement, number=n) for n, (statement, _) in enumerate(pairs, 10))
    if sys.version_info < (3, 11):
        chapter = "from exceptiongroup import BaseExceptionGroup\n" + chapter
    conformed = judge(chapter)
    failing = {int(each.check.clause[5:]): each.verdict.outcome.value for each in conformed.tally.failing}
    assert [(pair[0], failing.get(n, "passed")) for n, pair in enumerate(pairs, 10)] == pairs
    assert conformed.tally.finished == len(pairs)
