"""Departures concern what they name and nothing else, and a bad file is told by file and entry."""

from importlib.metadata import version

import pytest

from asyncwith.clauses import load_chapters
from asyncwith.departures import Departure, check_ids, check_releases, departing, read_departures, read_room
from asyncwith.errors import InputError
from asyncwith.explain import explain
from asyncwith.hosts import Check
from asyncwith.outcomes import Judged
from asyncwith.rooms import room
from asyncwith.verdicts import Outcome, Verdict


@pytest.mark.parametrize(
    ("departure", "loop", "library", "concerned"),
    [
        (Departure("A-01", "uvloop", "w"), "uvloop", "contextlib", True),
        (Departure("A-01", "uvloop", "w"), "asyncio", "contextlib", False),
        (Departure("A-01", "asyncio", "w"), "asyncio+eager", "contextlib", True),
        (Departure("A-01", "asyncio+eager", "w"), "asyncio", "contextlib", False),
        (Departure("A-01", "contextlib", "w"), "trio", "contextlib", True),
        (Departure("A-01", "contextlib", "w"), "trio", "asyncstdlib", False),
        (Departure("A-01", "python", "w"), "trio", "asyncstdlib", True),
        (Departure("A-01", "anyio", "w", loops=("asyncio",)), "asyncio+eager", "contextlib", True),
        (Departure("A-01", "anyio", "w", loops=("asyncio",)), "uvloop", "contextlib", False),
        (Departure("A-02", "uvloop", "w"), "uvloop", "contextlib", False),
        (Departure("A-01", "uvloop", "w", versions="<3"), "uvloop", "contextlib", False),
        (Departure("A-01", "trio", "w", releases=f"=={version('trio')}"), "trio", "contextlib", True),
        (Departure("A-01", "trio", "w", releases=f"<{version('trio')}"), "trio", "contextlib", False),
        (Departure("A-01", "anyio", "w", releases=f">{version('anyio')}"), "trio", "contextlib", False),
        (Departure("A-01", "no-such-package", "w", releases=">=0"), "no-such-package", "contextlib", False),
    ],
)
def test_a_departure_concerns_what_it_names(departure, loop, library, concerned):
    assert (departing([departure], "A-01", loop, library) is not None) is concerned


def test_the_room_s_own_departures_name_clauses_that_exist_and_say_why():
    departures = read_room(room("conformance") / "departures")
    check_ids(departures, load_chapters(room("conformance")))
    assert all(each.why for each in departures)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml", "is not TOML"),
        ("x = 1", r"expected only tables \[\[departure\]\], saw x"),
        ("departure = 1", r"expected only tables \[\[departure\]\]"),
        ("departure = [1]", "departure 1: is not a table"),
        ("[[departure]]\nclause = 'A-01'", "departure 1: .*missing.*why"),
        ("[[departure]]\nclause = 'A-01'\nwhy = 'w'\nwho = 'me'", "departure 1: .*who"),
        ("[[departure]]\nclause = 1\nwhy = 'w'", "departure 1: every value is a string"),
        ("[[departure]]\nclause = 'A-01'\nwhy = 'w'\nversions = 'new'", "departure 1: Invalid specifier"),
        ("[[departure]]\nclause = 'A-01'\nwhy = 'w'\nreleases = '0.23'", "departure 1: Invalid specifier: '0.23'"),
    ],
)
def test_a_bad_file_is_told_by_its_name_and_the_place_in_it(tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"mine.toml: {said}"):
        read_departures(path, on="mine")


@pytest.mark.parametrize(
    ("loop", "library", "news"),
    [
        ("asyncio", "contextlib", True),
        ("uvloop", "contextlib", True),
        ("mine", "contextlib", False),
        ("asyncio", "mylib", False),
    ],
)
def test_who_does_better_than_python_is_not_asked_to_depart(loop, library, news):
    known = Departure("STACK-01", "python", "why")
    judged = Judged(
        Check("STACK-01", loop, library), Verdict(Outcome.PASSED), "must", departing([known], "STACK-01", loop, library)
    )
    assert judged.stale is news


@pytest.mark.parametrize(("loop", "told"), [("mine", True), ("trio", False)])
def test_a_loop_of_one_s_own_is_told_what_asyncio_does_not_do_either(loop, told):
    clause = load_chapters(room("conformance"))["STACK-01"]
    judged = Judged(Check("STACK-01", loop, "contextlib"), Verdict(Outcome.FAILED, "line 1"), "must")
    story = explain(clause, judged, "again", [Departure("STACK-01", "asyncio", "It is late.", "https://bug")])
    assert ("asyncio of this Python does not do so either: It is late. https://bug" in story) is told


def test_a_user_s_file_says_itself_what_departs(tmp_path):
    path = tmp_path / "any.toml"
    path.write_text("[[departure]]\nclause = 'A-01'\nwhy = 'w'")
    with pytest.raises(InputError, match=r"missing.*'on'"):
        read_departures(path)


def test_a_departure_from_no_clause_is_refused():
    with pytest.raises(InputError, match="here: there is no clause A-01"):
        check_ids([Departure("A-01", "x", "w", place="here")], {"A-02"})


def test_releases_of_what_has_none_are_refused_where_it_is_judged():
    departures = [Departure("A-01", "no-such-package", "w", releases="<2", place="here")]
    check_releases(departures, ["trio"])
    with pytest.raises(InputError, match="here: releases '<2': no package no-such-package is installed"):
        check_releases(departures, ["no-such-package"])
    with pytest.raises(InputError, match="releases of Python stand in `versions`"):
        check_releases([Departure("A-01", "python", "w", releases="<3.14", place="here")], [])
