"""Clauses are declared whole, can be found again, and name sources that a reader can follow."""

import pytest

from asyncwith import Loop, clause
from asyncwith.clauses import links, load_chapters
from asyncwith.errors import InputError
from asyncwith.rooms import room

ROOM = load_chapters(room("conformance"))


def declare(permanent_id="TEST-01", **options):
    def scenario(trace):
        """Something holds."""

    return clause(permanent_id, **{"source": "PEP 492", "expect": [], **options})(scenario)


def test_the_docstring_is_the_claim():
    assert declare().claim == "Something holds."


def test_a_clause_without_a_claim_is_refused():
    with pytest.raises(InputError, match="has no claim"):
        clause("TEST-01", source="PEP 492", expect=[])(lambda trace: None)


@pytest.mark.parametrize("wrong", ["test-01", "TEST", "TEST-1", "TEST-0001", "../TEST-01"])
def test_an_id_has_one_form(wrong):
    with pytest.raises(InputError, match="is not a clause id"):
        declare(wrong)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"level": "maybe"}, "level 'maybe' is none of 'must', 'should', 'informational'"),
        ({"on": "twisted"}, "on 'twisted' is none of"),
        ({"leaves": ["traces"]}, "leaves 'traces' is none of"),
        ({"versions": "banana"}, "versions 'banana' is not like '>=3.11'"),
    ],
)
def test_a_wrong_word_is_refused_with_those_that_there_are(options, said):
    with pytest.raises(InputError, match=f"clause TEST-01: {said}"):
        declare(**options)


def test_an_argument_that_nobody_gives_is_refused():
    async def scenario(trace, database):
        """Something holds."""

    with pytest.raises(InputError, match="argument 'database' is none of 'trace', 'library', 'loop'"):
        clause("TEST-01", source="PEP 492", expect=[])(scenario)


def test_an_id_is_taken_once(tmp_path):
    body = (
        "from asyncwith import clause\n@clause('TEST-01', source='PEP 492', expect=[])\ndef a(trace):\n    'Holds.'\n"
    )
    (tmp_path / "test_a.py").write_text(body)
    (tmp_path / "test_b.py").write_text(body)
    with pytest.raises(InputError, match="TEST-01 is taken by a, line 2"):
        load_chapters(tmp_path)


def test_a_clause_says_why_it_does_not_concern_a_loop_or_a_python():
    trio, asyncio = Loop("trio", family="trio"), Loop("asyncio")
    assert declare(on="asyncio").inapplicable(trio) == "the clause is about loops of asyncio's family"
    assert declare(on="asyncio").inapplicable(asyncio) is None
    assert "the clause is about Python >=4" in (declare(versions=">=4").inapplicable(asyncio) or "")


@pytest.mark.parametrize(
    ("source", "addresses"),
    [
        (
            "reference/compound_stmts.html#async-with",
            ["https://docs.python.org/3/reference/compound_stmts.html#async-with"],
        ),
        ("PEP 492; gh-95882", ["https://peps.python.org/pep-492/", "https://github.com/python/cpython/issues/95882"]),
        ("bpo-29692", ["https://bugs.python.org/issue29692"]),
        (
            "trio#455; anyio#463",
            ["https://github.com/python-trio/trio/issues/455", "https://github.com/agronholm/anyio/issues/463"],
        ),
    ],
)
def test_sources_become_addresses(source, addresses):
    assert [address for _, address in links(source)] == addresses


@pytest.mark.parametrize("source", ["", "somewhere", "javascript:alert(1)", "PEP 492, gh-1"])
def test_a_source_that_nobody_could_follow_is_refused(source):
    with pytest.raises(InputError, match="is not a source"):
        links(source)


def test_the_room_is_not_small():
    assert len(ROOM) >= 150


@pytest.mark.parametrize("each", ROOM.values(), ids=ROOM)
def test_a_claim_is_a_sentence_or_two_and_a_trace_is_expected(each):
    assert each.claim.endswith(".")
    assert len(each.claim) < 400
    assert each.expect, "a scenario of which nothing is expected cannot fail"
