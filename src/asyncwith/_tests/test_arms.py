"""What is timed is the body of an arm and nothing else, as if somebody had written the loop around it by hand."""

import dis
import itertools
import linecache
import re
import sys
import textwrap
import time
import traceback

import anyio
import pytest

from asyncwith.arms import load_questions
from asyncwith.errors import InputError, UsageError
from asyncwith.libraries import ASKED
from asyncwith.loops import find_loop
from asyncwith.rooms import room
from asyncwith.slices import LONG, TRIES, Slicer, deep

QUESTIONS = load_questions(room("bench"))
LITTLE = 100  # managers or tasks; more of them show no more
ARMS = [arm for question in QUESTIONS for arm in question.arms]

PROGRAM = """
from itertools import repeat
from time import perf_counter_ns, thread_time_ns
from asyncwith import Question

example = Question("example", "What is timed?")
seen = []

class Manager:
    async def __aenter__(self): pass
    async def __aexit__(self, *details): pass

@example.arm("one")
async def _():
    async with Manager() as manager:
        seen.append(manager)

async def by_hand(operations, suspend, n, *, repeat=repeat, wall=perf_counter_ns, cpu=thread_time_ns):
    cpu_start = cpu()
    wall_start = wall()
    for turn in repeat(None, operations):
        async with Manager() as manager:
            seen.append(manager)
    wall_spent = wall() - wall_start
    return wall_spent, cpu() - cpu_start
"""


def question(folder, text=PROGRAM):
    (folder / "example.py").write_text(textwrap.dedent(text))
    return load_questions(folder)[0]


def alone(arm, operations):
    """Perform an arm that never suspends, without any loop."""
    return finish(arm.timed(operations, find_loop("asyncio"), arm.size))


def finish(coroutine):
    """Run a coroutine that never suspends, without any loop."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


def names(arm):
    """Return the names of the program that an arm belongs to."""
    return arm.timed.coroutines["asyncio"].__globals__


def instructions_of_body(function):
    """Return what the compiler made of the two lines of the body; targets of jumps depend on what stands around."""
    found, line = [], 0
    for each in dis.get_instructions(function):
        line = getattr(each, "line_number", each.starts_line) or line
        if linecache.getline(function.__code__.co_filename, line).strip().startswith(("async with", "seen.")):
            jumps = each.opcode in dis.hasjrel or each.opcode in dis.hasjabs
            found.append((each.opname, None if jumps else each.argval))
    return found


def test_the_timed_body_is_compiled_as_if_written_by_hand_into_the_loop(tmp_path):
    (arm,) = question(tmp_path).arms
    timed = arm.timed.coroutines["asyncio"]
    body = instructions_of_body(timed)
    assert body == instructions_of_body(timed.__globals__["by_hand"])
    assert len(body) > 20


def test_the_body_runs_as_often_as_it_is_asked_to(tmp_path):
    (arm,) = question(tmp_path).arms
    alone(arm, 7)
    assert len(names(arm)["seen"]) == 7


def test_the_clocks_are_read_next_to_the_loop(tmp_path):
    (arm,) = question(tmp_path, PROGRAM.replace("seen.append(manager)", "pass", 1)).arms
    arm.timed.coroutines["asyncio"].__kwdefaults__ = {"@repeat": itertools.repeat, "@cpu": iter([3, 10]).__next__}
    assert finish(arm.timed(1, find_loop("asyncio"), None, wall=iter([5, 25]).__next__)) == (20, 7)


def test_a_traceback_shows_the_line_of_the_program(tmp_path):
    (arm,) = question(tmp_path, PROGRAM.replace("seen.append(manager)", "1 / 0", 1)).arms
    with pytest.raises(ZeroDivisionError) as caught:
        alone(arm, 1)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.line) == (str(tmp_path / "example.py"), "1 / 0")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("if 1: return", "`return` would leave"),
        ("print((yield))", "`.yield.` would leave"),
    ],
)
def test_a_body_that_would_leave_the_loop_is_refused_with_its_line(tmp_path, body, complaint):
    text = f"from asyncwith import Question\nq = Question('example', '')\n@q.arm('x')\nasync def _():\n    {body}\n"
    with pytest.raises(InputError, match=complaint) as caught:
        question(tmp_path, text)
    assert str(tmp_path / "example.py") + ":" in str(caught.value)


def test_leaving_a_loop_of_its_own_is_allowed(tmp_path):
    body = "while True:\n        break"
    text = f"from asyncwith import Question\nexample = Question('example', '')\n@example.arm('x')\nasync def _():\n    {body}\n"
    alone(question(tmp_path, text).arms[0], 3)


def test_an_arm_may_not_use_the_function_around_it(tmp_path):
    text = """
    from asyncwith import Question
    example = Question('example', '')
    def around(hidden):
        @example.arm('x')
        async def _():
            hidden
    around(1)
    """
    with pytest.raises(InputError, match="uses hidden of the function around it"):
        question(tmp_path, text)


def test_an_arm_is_given_nothing_but_size_and_suspension(tmp_path):
    with pytest.raises(InputError, match="not trace"):
        question(
            tmp_path,
            "from asyncwith import Question\nq = Question('example', '')\n@q.arm('x')\nasync def _(trace): pass\n",
        )


def test_two_arms_of_one_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="'example: one' is there already"):
        question(tmp_path, PROGRAM + "\n@example.arm('one')\nasync def _():\n    pass\n")


def test_each_size_is_an_arm_that_is_given_its_n(tmp_path):
    text = """
    from asyncwith import Question
    example = Question('example', '')
    seen = []
    @example.arm('many', sizes=(1, 10))
    async def _(n):
        seen.append(n)
    """
    arms = question(tmp_path, text).arms
    for arm in arms:
        alone(arm, 1)
    assert [(arm.name, arm.size) for arm in arms] == [("many", 1), ("many", 10)]
    assert names(arms[0])["seen"] == [1, 10]


def test_where_trio_has_a_body_of_its_own_that_one_is_timed_there(tmp_path):
    text = """
    from asyncwith import Question
    example = Question('example', '')
    seen = []
    async def otherwise(n):
        seen.append(('trio', n))
    @example.arm('one', trio=otherwise, sizes=(3,))
    async def _(n):
        seen.append(('asyncio', n))
    """
    (arm,) = question(tmp_path, text).arms
    for loop in ("uvloop", "trio"):
        finish(arm.timed(1, find_loop(loop), arm.size))
    assert names(arm)["seen"] == [("asyncio", 3), ("trio", 3)]


def test_the_digest_changes_with_the_code_and_not_with_comments(tmp_path):
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    texts = [PROGRAM, PROGRAM + "# a comment\n", PROGRAM.replace("pass", "1", 1)]
    first, second, third = (question(folder, text).digest() for folder, text in zip(folders, texts, strict=True))
    assert first == second != third


def test_a_library_that_is_not_here_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "contextlib2", None)
    (without,) = load_questions(room("bench"), ["libraries"])
    assert re.search(r"[(]Not here: contextlib2: (there is no module|contextlib2 is not installed)", without.asks)
    assert not [arm.name for arm in without.arms if "contextlib2" in arm.name]


def test_a_library_that_is_asked_for_stands_beside_the_known_ones(tmp_path, monkeypatch):
    own = tmp_path / "own.py"
    own.write_text("from contextlib import *\nclass AsyncExitStack(AsyncExitStack): pass\n")
    monkeypatch.setenv(ASKED, f"mine={own}")
    (question,) = load_questions(room("bench"), ["libraries"])
    names = [arm.name for arm in question.arms]
    assert names[names.index("exit stack of contextlib") :][-1] == "exit stack of mine"
    assert "aclosing of mine" not in names  # it is contextlib's
    assert question.arms[-1].holds == (f"exit stack of mine={own}",)
    assert "mine of content " in question.asks


@pytest.mark.parametrize("content", ["1 / 0", "raise SystemExit(0)"])
def test_a_library_that_cannot_be_imported_is_an_input_error(tmp_path, monkeypatch, content):
    own = tmp_path / "own.py"
    own.write_text(content)
    monkeypatch.setenv(ASKED, str(own))
    with pytest.raises(InputError, match=r"own\.py: cannot be imported: "):
        load_questions(room("bench"), ["libraries"])


def test_a_library_that_is_not_there_is_a_usage_error(tmp_path, monkeypatch):
    own = tmp_path / "own.py"
    monkeypatch.setenv(ASKED, str(own))
    with pytest.raises(UsageError, match=rf"^--library {own}: there is no file {own}$"):
        load_questions(room("bench"), ["libraries"])


def test_one_body_serves_several_arms_by_what_it_is_given(tmp_path):
    program = """
from asyncwith import Question
example = Question("example", "?")
seen = []
for each in "ab":
    @example.arm(each, given={"own": each})
    async def _(own):
        seen.append(own)
"""
    first, second = question(tmp_path, program).arms
    alone(first, 1)
    alone(second, 2)
    assert names(first)["seen"] == ["a", "b", "b"]


def test_a_question_that_nobody_asks_is_a_usage_error():
    with pytest.raises(UsageError, match="known are cancelling, entering"):
        load_questions(room("bench"), ["nix"])


@pytest.mark.parametrize("depth", [0, 1, 63])
def test_from_whatever_depth_of_the_stack_a_slice_is_the_same(depth):
    slicer = Slicer(find_loop("asyncio"))
    assert len(slicer.slice(ARMS[0].timed, 1, None, depth=depth)) == 2
    assert deep(depth, lambda: "found") == "found"
    with pytest.raises(KeyError):
        deep(depth, {}.popitem)


@pytest.mark.parametrize(("wall", "slices"), [(LONG, TRIES), (LONG + 1, 1)])
def test_a_disturbed_slice_is_repeated_unless_it_is_so_long_that_each_one_is(monkeypatch, wall, slices):
    monkeypatch.setattr("asyncwith.slices.switches", itertools.count().__next__)
    performed = []

    async def timed(operations, loop, n):
        performed.append(operations)
        return wall, 1

    assert Slicer(find_loop("asyncio")).slice(timed, 3, None) == (wall, 1)
    assert performed == [3] * slices


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked.name)
def test_each_question_begins_with_a_floor_that_never_suspends(asked):
    assert (asked.arms[0].floor, asked.arms[0].control) == (True, True)


@pytest.mark.parametrize(
    "arm", [arm for arm in ARMS if arm.control and (arm.size or 1) <= LITTLE], ids=lambda arm: arm.label
)
def test_a_control_never_suspends(arm):
    alone(arm, 2)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked.name)
def test_arms_leave_no_task_behind(asked, loop):
    found = find_loop(loop)

    async def main():
        before = len(anyio.get_running_tasks())
        for arm in asked.arms:
            if (arm.size or 1) <= LITTLE:
                await arm.timed(2, found, arm.size)
                assert len(anyio.get_running_tasks()) == before, arm.label

    found.run(main)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_an_arm_is_timed_on_every_loop(loop):
    arm = next(arm for arm in ARMS if (arm.name, arm.size) == ("in the body", 2))
    slicer = Slicer(find_loop(loop))
    started = time.perf_counter_ns()
    wall, cpu = slicer.slice(arm.timed, 20, arm.size)
    assert 0 < wall < time.perf_counter_ns() - started
    assert cpu > 0
    assert slicer.operations_in(50_000, arm.timed, arm.size) >= 1
