"""What somebody's own chapter may do wrong: each is told in one line that names the place, or costs its own check only."""

import shutil

import pytest

from asyncwith.conforming import Conformed, Request, conform
from asyncwith.errors import UsageError
from asyncwith.rooms import room

BEGINNING = "import sys\nfrom asyncwith import by_loop, by_version, clause\n"


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """Judge chapters, each given by its text, on asyncio."""
    shutil.copy(room("conformance") / "pytest.ini", tmp_path)
    monkeypatch.setattr("asyncwith.conforming.room", lambda _: tmp_path)

    def judge(*chapters: str) -> Conformed:
        for letter, text in zip("ab", chapters, strict=False):
            (tmp_path / f"test_{letter}.py").write_text(BEGINNING + text)
        return conform(Request(loops=["asyncio"], limit=2), lambda *_: None)

    return judge


def clause(statement: str = "trace('a')", expect: str = "'a'", also: str = "") -> str:
    return (
        f"@clause('TEST-01', source='PEP 492', expect={expect}{also})\n"
        f"async def scenario(trace):\n    'It holds.'\n    {statement}\n"
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
