"""Exploring finds what is wrong, tells it in little, and can be repeated."""

import builtins
import contextlib
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from asyncwith._tests.power import statements
from asyncwith.libraries import MissingName, find_library
from asyncwith.loops import builtin_loops, find_loop
from asyncwith.programs import alone, explore, from_json, recipes_for, to_json
from asyncwith.programs.language import Await, Injection, Log, Manager, Program, Raise, With, walk
from asyncwith.programs.shrink import shrunk
from asyncwith.programs.specification import specified
from asyncwith.programs.strategy import RECIPES, draw

ASYNCIO = find_loop("asyncio")
CONTEXTLIB = find_library("contextlib")
LOOPS = [loop for loop in builtin_loops() if loop.absence() is None]
N = 600  # programs within which a fault is to be found

LIBRARY_FAULTS = {
    "exits run first first": ("self._exit_callbacks.pop()", "self._exit_callbacks.popleft()"),
    "a stack suppresses nothing": ("suppressed_exc = True", "suppressed_exc = False"),
    "a stack suppresses whatever was raised": ("received_exc and suppressed_exc", "True"),
    "a stack mends no context": ("new_exc.__context__ = old_exc", "pass"),
    "a callback's result suppresses": ("await callback(*args, **kwds)", "await callback(*args, **kwds); return True"),
    "what is pushed is forgotten": (
        "def push_async_exit(self, exit):",
        "def push_async_exit(self, exit):\n        return",
    ),
    "a generator's error is thrown in after it was closed": ("await self.gen.athrow(", "await self.gen.aclose() or ("),
    "a generator that ends suppresses nothing": ("return exc is not value", "return False"),
    "a generator's own error is lost": ("if exc is not value:\n                    raise", "pass"),
    "a wrapped StopIteration comes out wrapped": ("and exc.__cause__ is value", "and False"),
}
STATEMENT_FAULTS = (
    "enter is called twice",
    "exit is not called after return, break and continue",
    "exit is not called for what is no Exception",
    "exit is called twice after an error",
    "exit is called again with the error that it raised",
    "the error is not being handled while exit runs",
    "nothing is suppressed",
    "only True itself suppresses",
    "an error of exit loses the body's error",
    "an error of exit has the body's error as cause",
    "several items are exited first first",
    "exit runs in a copy of the context",
)


@pytest.mark.parametrize("loop", [*LOOPS, None], ids=lambda loop: loop.id if loop else "by hand")
def test_a_sound_loop_and_library_do_as_specified(loop):
    explored = explore(loop, CONTEXTLIB.load(), N, seed=2)
    assert [line for found in explored.counterexamples for line in found.lines()] == []
    assert explored.programs >= N
    assert 0 < explored.departed < N / 5


@pytest.mark.parametrize("fault", LIBRARY_FAULTS)
def test_a_faulty_library_is_found(fault, tmp_path):
    sound, faulty = LIBRARY_FAULTS[fault]
    source = Path(contextlib.__file__).read_text(encoding="utf-8")
    assert sound in source
    path = tmp_path / f"faulty{sum(map(ord, fault))}.py"
    path.write_text(source.replace(sound, faulty), encoding="utf-8")
    assert explore(ASYNCIO, find_library(str(path)).load(), N, seed=1).counterexamples


@pytest.mark.parametrize("fault", STATEMENT_FAULTS)
def test_a_faulty_statement_is_found(fault, monkeypatch):
    compiler = builtins.compile

    def compile_faulty(source, filename, mode):
        return compiler(statements.expand(source, fault), filename, mode)

    monkeypatch.setattr("asyncwith.programs.interpreter.compile", compile_faulty, raising=False)
    monkeypatch.setattr(builtins, "statement", statements, raising=False)
    assert explore(ASYNCIO, CONTEXTLIB.load(), N, seed=1).counterexamples


def test_the_same_seed_finds_the_same_and_a_number_finds_it_alone():
    def first(**choice):
        return explore(
            ASYNCIO, CONTEXTLIB.load(), choice.pop("n", 200), seed=1, recipes=["stacks"], strictly=True, **choice
        )

    found = first().counterexamples[0]
    assert first().counterexamples[0] == found
    assert first(n=1, first=found.number).counterexamples == (found,)


def test_progress_hears_each_number_before_its_program_runs():
    heard = []
    explored = explore(ASYNCIO, CONTEXTLIB.load(), 70, seed=1, recipes=["statements"], first=5, progress=heard.append)
    assert heard == list(range(5, 5 + explored.programs))


def test_a_program_that_hangs_is_known_by_its_number(tmp_path):
    """The last number heard from a process that had to be killed is that of the program, which then hangs alone as well."""
    library = tmp_path / "hanging.py"
    source = Path(contextlib.__file__).read_text(encoding="utf-8")
    library.write_text(
        source.replace("suppressed_exc = True", "\n                    while True: pass"), encoding="utf-8"
    )
    exploring = (
        "import sys, asyncwith.libraries, asyncwith.loops, asyncwith.programs\n"
        "library = asyncwith.libraries.find_library(sys.argv[1]).load()\n"
        "asyncwith.programs.explore(asyncwith.loops.find_loop('asyncio'), library, int(sys.argv[2]), 1, recipes=['stacks'],"
        " first=int(sys.argv[3]), progress=lambda number: print(number, flush=True))"
    )

    def numbers(n, first):
        command = [sys.executable, "-c", exploring, str(library), str(n), str(first)]
        with pytest.raises(subprocess.TimeoutExpired) as killed:
            subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=5)
        return killed.value.stdout.decode().split()

    hanging = numbers(1000, first=0)[-1]
    assert numbers(1, first=hanging) == [hanging]


def test_a_loop_that_runs_nothing_is_not_explored_for_ever():
    class Idle:
        family = "asyncio"

        def run(self, function):
            pass

    with pytest.raises(RuntimeError, match="without having run"):
        explore(Idle(), CONTEXTLIB.load(), N, seed=1, recipes=["statements"])


def test_time_ends_it():
    assert explore(ASYNCIO, CONTEXTLIB.load(), 10**9, seed=1, seconds=0.01).programs < 10_000


def test_a_missing_name_is_not_a_counterexample():
    library = find_library("json").load()
    with pytest.raises(MissingName):
        explore(ASYNCIO, library, N, seed=1)
    assert library.missing in ("asynccontextmanager", "AsyncExitStack")


def test_every_recipe_is_explored_on_some_loop():
    everywhere = {name for loop in (*LOOPS, None) for name in recipes_for(loop)}
    assert everywhere == {name for name, recipe in RECIPES.items() if recipe.since <= sys.version_info}


@pytest.mark.parametrize("name", RECIPES)
def test_programs_survive_json(name):
    for number in range(20):
        program = Program(draw(Random(number), RECIPES[name]), Injection("edge", number))
        assert from_json(json.loads(json.dumps(to_json(program)))) == program


def test_what_does_not_matter_is_left_out():
    noise = (Log("x"), Await(2))
    manager = Manager(
        "M", "generator", enter=noise, leave=noise, caught=(*noise, Raise("k", "from None")), returns="True"
    )
    program = Program((*noise, With((Manager("N"), manager), (*noise, Raise("v")), "stack")), Injection("edge", 3))

    def first_failing(candidates):
        """A fault that shows wherever an exit raises a KeyError."""
        raising = (Raise("k"), Raise("k", "from None"))
        managers = {each: [node for node in walk(each) if isinstance(node, Manager)] for each in candidates}
        return next(
            (each for each in candidates if any(set(raising) & {*node.caught} for node in managers[each])), None
        )

    assert shrunk(program, first_failing) == Program((With((Manager("A", caught=(Raise("k"),)),), ()),))


@pytest.mark.parametrize("name", RECIPES)
def test_leaving_out_comes_to_an_end(name):
    program = Program(draw(Random(3), RECIPES[name]), Injection("edge", 3))
    assert (
        shrunk(program, lambda candidates: candidates[0])
        == shrunk(program, lambda candidates: candidates[-1])
        == Program(())
    )


@pytest.mark.parametrize("loop", [*LOOPS, None], ids=lambda loop: loop.id if loop else "by hand")
def test_a_counterexample_runs_alone(loop, tmp_path):
    """The file shows what was seen, and that it was not expected."""
    stacks = [name for name in recipes_for(loop) if "stack" in name]
    explored = explore(loop, CONTEXTLIB.load(), 300, seed=1, recipes=stacks, strictly=True)
    assert explored.counterexamples
    for found in explored.counterexamples:
        assert run_alone(found.program, loop, found.expected, tmp_path) == (1, found.observed)
        assert run_alone(found.program, loop, found.observed, tmp_path) == (0, found.observed)


def test_where_contextlib_is_said_never_to_end_it_does_not(tmp_path):
    """The second stack looks for the end of a chain of contexts that the first one has made a ring."""
    ring = With(
        (Manager("A", caught=(Raise("given"),)), Manager("B", caught=(Raise("k"),))), (Raise("given"),), "stack"
    )
    program = Program((With((Manager("C", caught=(ring,)),), (Raise("v"),), "stack"),))
    assert specified(program, "throw", stacks="contextlib").lines[-1] == "never ends"
    with pytest.raises(subprocess.TimeoutExpired):
        run_alone(program, ASYNCIO, specified(program, "throw").lines, tmp_path, limit=5)


def run_alone(program, loop, expected, folder, limit=60):
    path = folder / "counterexample.py"
    path.write_text(alone(program, loop, CONTEXTLIB, expected), encoding="utf-8")
    ran = subprocess.run([sys.executable, path], capture_output=True, encoding="utf-8", check=False, timeout=limit)
    return ran.returncode, tuple(ran.stdout.splitlines())
