"""The clauses can fail: a sample of the faults that `python -m asyncwith._tests.power` seeds in full."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from asyncwith._tests.power import faulty_loops, faulty_parts, rarer_loops, statements, subtle_loops
from asyncwith._tests.power.catalogue import catalogue, survivors
from asyncwith._tests.power.faults import Finding, judge
from asyncwith._tests.power.mutants import mutants, original
from asyncwith._tests.power.mutated import mutated_loops, mutated_parts
from asyncwith._tests.power.rewritten import REWRITTEN, rewritten
from asyncwith.clauses import Clause, load_chapters
from asyncwith.rooms import room

JOBS = os.cpu_count() or 1
SAMPLE = 8  # mutants; the whole of the faults takes half an hour
CHAPTERS = room("conformance")


@pytest.fixture(scope="module")
def clauses() -> dict[str, Clause]:
    """Return all clauses."""
    return load_chapters(CHAPTERS)


def findings(
    kind: str, clauses: Mapping[str, Clause], folder: Path, names: Collection[str], *, until_caught: bool = False
) -> list[Finding]:
    """Judge some faults of one kind by those of `clauses` that pass without any."""
    control, *faults = catalogue(kind, CHAPTERS, folder)
    jobs = min(JOBS, len(clauses) // 100 + 1)  # for a handful of clauses, starting a second process takes longer
    (base,) = judge([control], clauses, jobs=jobs, limit=5)
    assert base.unstarted is None, base.unstarted.details
    but = {(id_, control.hidden or loop) for id_ in base.failed for loop in control.loops}
    chosen = [fault for fault in faults if fault.name in names]
    return list(judge(chosen, clauses, but=but, jobs=jobs, limit=3, until_caught=until_caught))


# Faults that few would notice, and a clause that does.
SUBTLE = {
    "loop": {
        "CancelSaysYes": "CANC-35",
        "FinalizerMissing": "GEN-05",
        "GeneratorsErrorsUnsaid": "GEN-09",
        "LastHandleKept": "LEAK-65",
        "TimersManyCancelledLost": "TIME-90",
        "HooksNotRestored": "GEN-61",
        "TimersLastFirst": "TIME-74",
        "UncancelTakesAll": "CANC-12",
    },
    "statement": {
        "all targets are bound after the last enter": "COMB-03",
        "exit is looked up when it is needed": "PROT-03",
        "the body is outside when the target is bound": "COMB-61",
        "the truth of exit is asked for after a good body": "PROT-12",
        "what a descriptor raises is told as a missing method": "LOOK-12",
    },
    "part": {
        "locks lose the turn of a cancelled waiter": "CONC-04",
        "semaphores have no bound": "CONC-11",
        "nurseries always wrap": "TG-37",
    },
}


@pytest.mark.parametrize("kind", SUBTLE)
def test_subtle_faults_are_caught(kind: str, clauses: dict[str, Clause], tmp_path: Path) -> None:
    """A fault that few would notice fails the clause that is about it, which passes without the fault."""
    few = {id_: clauses[id_] for id_ in SUBTLE[kind].values() if clauses[id_].inapplicable(None) is None}
    names = {name for name, id_ in SUBTLE[kind].items() if id_ in few}
    caught = {finding.fault.name: finding.failed for finding in findings(kind, few, tmp_path, names)}
    assert {name: SUBTLE[kind][name] in failed for name, failed in caught.items()} == dict.fromkeys(names, True)


def test_a_sample_of_mutants_is_caught(clauses: dict[str, Clause], tmp_path: Path) -> None:
    """One mutant of contextlib in so many, from top to bottom, is caught unless it is listed as a survivor."""
    accepted = {each.name for each in survivors() if each.kind == "library"}
    names = [mutant.name for mutant in mutants() if mutant.name not in accepted]
    sample = names[:: len(names) // SAMPLE]
    found = findings("library", clauses, tmp_path, sample, until_caught=True)
    assert len(found) == len(sample)
    assert [finding.fault.name for finding in found if not finding.caught] == []


def test_a_mutant_differs_from_the_original_and_compiles() -> None:
    """Every mutant is another program, under a name of its own."""
    found = list(mutants())
    assert len({mutant.name for mutant in found}) == len(found) > 400
    control = original()
    assert all(mutant.source != control for mutant in found)


def test_what_is_rewritten_differs_and_compiles() -> None:
    """Nearly every rewritten library exists on every Python, and each is another program."""
    found, control = dict(rewritten()), original()
    assert len(found) > len(REWRITTEN) * 0.7
    for name, source in found.items():
        compile(source, name, "exec")
        assert source != control, name


def test_a_mutated_loop_is_asyncios_own_but_for_one_method(tmp_path: Path) -> None:
    """The mutation takes effect in a process of its own, as `super()` does in the mutated method."""
    texts = dict(mutated_loops())
    text = texts["BaseSelectorEventLoop.close: self._close_self_pipe() → pass"]
    program = (
        f"import asyncio, warnings\n{text}\nloop = make()\nloop.close()\nprint(loop._ssock is None, loop.is_closed())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


PARTS_AT_WORK = """
import asyncio
import anyio
import trio

async def work():
    with anyio.move_on_after(0) as scope:
        async with anyio.create_task_group() as group, anyio.Lock():
            group.start_soon(anyio.sleep_forever)
    return scope.cancelled_caught

print(asyncio.Task is asyncio.tasks._PyTask, anyio.run(work), anyio.run(work, backend="trio"))
"""


def test_parts_that_are_replaced_by_themselves_work() -> None:
    """The control of the mutated parts: properties, private names, `super()` and what was imported before stay as they are."""
    program = f"from asyncwith._tests.power.mutated import same_parts\nsame_parts()\n{PARTS_AT_WORK}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]


def test_a_mutated_part_is_the_real_one_but_for_one_change() -> None:
    """The mutation takes effect wherever the function is known, in the process that has it."""
    texts = {name: text for name, _, text in mutated_parts({"anyio._core._tasks": "move_on_after"})}
    clock = "get_async_backend().current_time"
    text = texts[f"anyio._core._tasks: move_on_after: {clock}() → {clock}"]
    done = subprocess.run([sys.executable, "-c", text + PARTS_AT_WORK], capture_output=True, text=True, check=False)
    assert "TypeError" in done.stderr


def test_every_statement_fault_changes_the_expansion() -> None:
    """A fault whose text no longer occurs in the expansion would be none."""
    source = "async def f():\n    async with a as b, c as d:\n        return e\n"
    control = ast.dump(statements.expand(source, "control"), include_attributes=True)
    for fault in {*statements.STATEMENT_FAULTS} - {"control"}:
        assert ast.dump(statements.expand(source, fault), include_attributes=True) != control, fault


def test_survivors_are_faults_that_there_are(tmp_path: Path) -> None:
    """A survivor that is listed names a fault of its kind."""
    kinds = {each.kind for each in survivors()}
    known = {(kind, fault.name) for kind in kinds for fault in catalogue(kind, CHAPTERS, tmp_path)[1:]}
    assert [each for each in survivors() if (each.kind, each.name) not in known] == []


def test_faults_say_what_is_wrong() -> None:
    """Every faulty loop and part has a sentence that says how it is faulty."""
    assert all(
        loop.__doc__ for module in (faulty_loops, rarer_loops, subtle_loops) for loop in faulty_loops.faults(module)
    )
    assert all(function.__doc__ for function, _, _ in faulty_parts._seeds.values())
