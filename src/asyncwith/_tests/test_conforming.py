"""`asyncwith conform` from outside: exit codes, files, resuming, and what a caller's surroundings cannot change."""

import json
import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from asyncwith.conforming import Request, conform
from asyncwith.errors import UsageError
from asyncwith.explain import common_causes
from asyncwith.hosts import Check, Hosts
from asyncwith.outcomes import Judged
from asyncwith.verdicts import Outcome, Verdict

ASYNCWITH = (sys.executable, "-m", "asyncwith")
QUICK = "PROT-04 or PROT-16"  # two clauses that hold everywhere


def run(*words, cwd, **environment):
    return subprocess.run(
        [*ASYNCWITH, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def faulty_library(tmp_path) -> Path:
    """A contextlib whose closing closes nothing."""
    path = tmp_path / "broken.py"
    path.write_text(
        "from contextlib import *\nclass aclosing(AbstractAsyncContextManager):\n"
        "    def __init__(self, thing): self.thing = thing\n"
        "    async def __aenter__(self): return self.thing\n"
        "    async def __aexit__(self, *_): pass\n"
    )
    return path


def test_all_well_is_0_and_ends_in_one_sentence(tmp_path):
    done = run("conform", "-k", QUICK, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("All ")


def test_a_failure_is_1_and_tells_its_story(tmp_path, faulty_library):
    done = run("conform", "-k", "UTIL-01", "--loop", "asyncio", "--library", faulty_library, cwd=tmp_path)
    assert done.returncode == 1
    assert "expected" in done.stdout
    assert f"again: asyncwith conform -k UTIL-01 --loop asyncio --library {faulty_library}" in done.stdout


def test_what_many_failures_have_in_common_is_told_once():
    group = """  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 3, in main
  |     await work()
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "events.py", line 607, in get_task_factory
    |     raise NotImplementedError
    | NotImplementedError
    +------------------------------------
"""
    bare = 'Traceback (most recent call last):\n  File "b.py", line 1, in stop\n    x.y\nlib.LibError: no: y\n'
    details = [group] * 4 + [bare] * 3 + ["killed by SIGSEGV"] * 5 + ["KeyError\n"] * 5 + [bare.replace("stop", "go")]
    failing = [
        Judged(Check("A-01", "mine", "contextlib"), Verdict(Outcome.FAILED, details=each), "must") for each in details
    ]
    assert common_causes(failing) == [
        ("NotImplementedError in get_task_factory", 4),
        ("lib.LibError: no: y in stop", 3),
    ]


@pytest.mark.parametrize("before", [None, "what was there"])
def test_wrong_words_leave_the_file_for_the_verdicts_as_it_was(tmp_path, before):
    junit = tmp_path / "junit.xml"
    if before is not None:
        junit.write_text(before)
    with pytest.raises(UsageError, match="no loop 'nope'"):
        conform(Request(loops=["nope"], junit_xml=junit), lambda *_: None)
    assert (junit.read_text() if junit.exists() else None) == before


def test_a_fault_of_our_own_is_told_and_1(monkeypatch):
    def broken(self, check):
        raise RuntimeError(f"no way to judge {check.clause}")

    monkeypatch.setattr(Hosts, "_settle", broken)
    conformed = conform(Request(keyword="PROT-04", loops=["asyncio"]), lambda *_: None)
    assert conformed.tally.exit_code() == 1
    assert "PROT-04[asyncio] was lost" in conformed.stories[0]
    assert "no way to judge PROT-04" in conformed.stories[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--loop", "nobody"], "there is no loop 'nobody' here"),
        (["--loop", "mine=no_such_module:factory"], "there is no module 'no_such_module'"),
        (["--loop", "mine=asyncio:nothing"], "asyncio has no nothing"),
        (["--loop", "mine=:"], "'mine=:' is not NAME=MODULE:FACTORY"),
        (["--loop", "trio", "--loop", "trio=asyncio:new_event_loop"], "two loops have one name"),
        (["--library", "no_such_module"], "there is no module no_such_module"),
        (["--library", "no/such/file.py"], "there is no file no/such/file.py"),
        (["-k", "and and"], "Wrong expression passed to '-k'"),
        (["--resume"], "--resume needs --output"),
        (["--jobs", "none"], "'none' is not a valid integer"),
        (["--limit", "nan"], "--limit nan: expected seconds"),
        (["--junit-xml", "/proc/no/such.xml"], "/proc/no/such.xml: cannot be written"),
        (["--departures", "nowhere.toml"], "'nowhere.toml' does not exist"),
        (["--frobnicate"], "No such option"),
    ],
)
def test_a_wrong_word_is_2_and_one_line(tmp_path, words, said):
    done = run("conform", "-k", QUICK, *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_no_verdict(tmp_path, closed):
    words = shlex.join([*ASYNCWITH, "conform", "-k", "PROT-04", "--loop", "asyncio"])
    assert subprocess.run(f"{words} {closed}", shell=True, cwd=tmp_path, timeout=120, check=False).returncode == 0  # noqa: S602


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("name", ["outcomes.jsonl", "junit.xml"])
def test_a_full_disk_is_told_and_is_2(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to("/dev/full")
    done = run("conform", "-k", QUICK, "--loop", "asyncio", "-o", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"asyncwith: run/{name}: cannot be written: No space left on device\n"


def test_nothing_judged_is_3(tmp_path):
    assert run("conform", "-k", "no_such_clause", cwd=tmp_path).returncode == 3


def test_a_run_leaves_a_whole_journal_and_junit_xml(tmp_path):
    assert run("conform", "-k", QUICK, "--loop", "asyncio", "--loop", "trio", "-o", "run", cwd=tmp_path).returncode == 0
    header, *verdicts, footer = lines(tmp_path / "run" / "outcomes.jsonl")
    assert (header["kind"], footer["kind"]) == ("declared", "finished")
    assert footer["declared"] == footer["started"] == footer["finished"] == len(verdicts) == len(header["checks"]) == 4
    assert {verdict["outcome"] for verdict in verdicts} == {"passed"}
    cases = ET.parse(tmp_path / "run" / "junit.xml").getroot().iter("testcase")  # noqa: S314 - our own file
    assert sorted(case.get("name", "") for case in cases) == [
        "PROT-04[asyncio]",
        "PROT-04[trio]",
        "PROT-16[asyncio]",
        "PROT-16[trio]",
    ]


@pytest.mark.parametrize("cut", [-1, -40, -400])
def test_a_run_that_was_killed_goes_on_where_it_stopped(tmp_path, cut):
    words = ("conform", "-k", QUICK, "--loop", "asyncio", "-o", "run")
    run(*words, cwd=tmp_path)
    journal = tmp_path / "run" / "outcomes.jsonl"
    whole = lines(journal)
    journal.write_bytes(journal.read_bytes()[:cut])
    assert run(*words, "--resume", cwd=tmp_path).returncode == 0
    again = lines(journal)
    assert [each["kind"] for each in again] == [each["kind"] for each in whole]
    assert {each["clause"] for each in again[1:-1]} == {each["clause"] for each in whole[1:-1]}


def test_another_run_is_not_gone_on_with(tmp_path):
    run("conform", "-k", "PROT-04", "-o", "run", cwd=tmp_path)
    before = (tmp_path / "run" / "outcomes.jsonl").read_bytes()
    done = run("conform", "-k", "PROT-16", "-o", "run", "--resume", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "run" / "outcomes.jsonl").read_bytes()) == (2, before)
    assert "is the journal of another run" in done.stderr


def test_a_journal_that_is_none_is_told_by_its_line(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "outcomes.jsonl").write_text("{}\n")
    done = run("conform", "-k", QUICK, "-o", "run", "--resume", cwd=tmp_path)
    assert done.returncode == 2
    assert "outcomes.jsonl:1: is not the journal of a conformance run" in done.stderr


def test_a_known_departure_does_not_fail_and_a_stale_one_does(tmp_path, faulty_library):
    known = '[[departure]]\nclause = "UTIL-01"\non = "broken"\nwhy = "closes nothing"\n'
    (tmp_path / "mine.toml").write_text(known)
    words = ("conform", "-k", "UTIL-01", "--loop", "asyncio", "--departures", "mine.toml")
    assert run(*words, "--library", f"broken={faulty_library}", cwd=tmp_path).returncode == 0
    (tmp_path / "mine.toml").write_text(known.replace("broken", "contextlib"))
    stale = run(*words, cwd=tmp_path)
    assert stale.returncode == 1
    assert "departs no longer" in stale.stdout


def test_a_departure_from_no_clause_is_an_input_error(tmp_path):
    (tmp_path / "mine.toml").write_text('[[departure]]\nclause = "NONE-99"\non = "trio"\nwhy = "w"\n')
    done = run("conform", "-k", QUICK, "--departures", "mine.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "mine.toml: departure 1: there is no clause NONE-99" in done.stderr


def test_the_caller_s_project_bends_no_verdict(tmp_path):
    (tmp_path / "conftest.py").write_text("raise SystemExit('your conftest was run')")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "contextlib.py").write_text("raise SystemExit('your contextlib was imported')")
    words = ("conform", "-k", QUICK, "--loop", "asyncio")
    script = Path(sys.executable).with_name("asyncwith")
    done = subprocess.run(
        [script, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTEST_ADDOPTS": "--no-such-option", "PYTEST_PLUGINS": "no_such_plugin"},
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="signals are ignored so on POSIX only")
def test_who_is_started_in_the_background_is_interrupted_all_the_same(tmp_path):
    """A shell that starts a command behind `&` has it ignore SIGINT, and so have the processes that it starts."""
    loop = "bad=asyncwith._tests.power.destructive_loops:InterruptsItself"
    done = subprocess.run(
        ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", *ASYNCWITH, "conform", "-k", QUICK, "--loop", loop],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
