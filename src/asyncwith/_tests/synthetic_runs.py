"""Runs that nobody made: files of results with every outcome and any number of clauses, always the same ones."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

LOOPS = {"asyncio": "of Python 3.11.7", "asyncio+eager": "of Python 3.11.7", "uvloop": "0.23.0", "trio": "0.35.0"}
CHAPTERS = (
    "entering",
    "leaving",
    "suppressing",
    "raising",
    "generators",
    "stacking",
    "combining",
    "cancelling",
    "timing_out",
)
SLOWNESS = {"asyncio": 1.0, "asyncio+eager": 1.003, "uvloop": 0.57, "trio": 1.46}
CODE = '''@clause("{id}", source="reference/compound_stmts.html#async-with", expect=["enter m", "body", "exit m"])
async def {name}(trace: Trace) -> None:
    """{claim}"""
    async with Logged(trace, "m"):  # the manager that the clause is about
        trace("body", 5)
'''


def provenance(python: str = "3.11.7") -> dict[str, Any]:
    return {
        "asyncwith": "0.1.0",
        "created": "2026-11-22T16:20:05+00:00",
        "python": python,
        "implementation": "CPython",
        "build": "GCC 12.2.0; --enable-optimizations --with-lto",
        "gil": True,
        "jit": False,
        "platform": "Linux-6.8.0-x86_64-with-glibc2.36",
        "machine": "x86_64",
        "cpu": "Imagined CPU @ 2.00GHz",
        "cores": 2,
        "packages": {"anyio": "4.16.0", "trio": "0.35.0", "uvloop": "0.23.0"},
    }


def outcome_lines(clauses: int = 18, python: str = "3.11.7", library: str = "contextlib") -> list[dict[str, Any]]:
    """Return the lines of a whole `outcomes.jsonl`."""
    described, checks, verdicts = {}, [], []
    for number in range(clauses):
        chapter = CHAPTERS[number * len(CHAPTERS) // clauses]
        permanent_id = f"{chapter[:4].upper()}-{number + 1:02}"
        claim = f"Promise {number} of {chapter}: what was entered is left, once, in reverse order, whatever happens."
        described[permanent_id] = {
            "chapter": chapter,
            "claim": claim,
            "source": "reference/compound_stmts.html#async-with",
            "links": [["reference/compound_stmts.html", "https://docs.python.org/3/reference/compound_stmts.html"]],
            "level": ("must", "must", "should", "informational")[number % 4],
            "versions": ">=3.10",
            "on": None,
            "name": f"promise_{number}",
            "line": 10 * number + 1,
            "code": CODE.format(id=permanent_id, name=f"promise_{number}", claim=claim),
        }
        for loop in ["python"] if number % 7 == 6 else LOOPS:
            checks.append([permanent_id, loop, library])
            verdicts.append(_verdict(permanent_id, loop, library, number))
    declared = {
        "kind": "declared",
        "format": 1,
        "edition": "3f2a91c0",
        "provenance": provenance(python),
        "loops": dict(LOOPS),
        "absent": {"winloop": "is for Windows"},
        "libraries": {library: f"of Python {python}"},
        "clauses": described,
        "checks": checks,
    }
    count = len(checks)
    finished = {"kind": "finished", "declared": count, "started": count, "finished": count, "seconds": 12.3}
    return [declared, *verdicts, finished]


def _verdict(permanent_id: str, loop: str, library: str, number: int) -> dict[str, Any]:
    expected = ["enter m", "body 5", "exit m None", "done"]
    verdict: dict[str, Any] = {
        "kind": "verdict",
        "clause": permanent_id,
        "loop": loop,
        "library": library,
        "outcome": "passed",
        "reason": "",
        "expected": expected,
        "trace": expected,
        "difference": None,
        "details": "",
        "seconds": 0.0012,
        "departure": None,
    }
    departure = {
        "why": "The loop closes the generator before the manager is left.",
        "link": "https://github.com/python/cpython/issues/102201",
        "versions": ">=3.10",
        "since": "3.7",
        "stale": False,
    }
    failed = {
        "outcome": "failed",
        "trace": ["enter m", "exit m ValueError('v')", "swallowed", "done"],
        "difference": 1,
        "reason": "line 2: expected 'body 5', saw \"exit m ValueError('v')\"",
        "details": 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: v\n',
    }
    special: dict[tuple[str, int], dict[str, Any]] = {
        ("trio", 1): failed,
        ("uvloop", 2): failed | {"departure": departure},
        ("trio", 3): {
            "outcome": "not run",
            "reason": "the clause is about loops of asyncio's family",
            "expected": [],
            "trace": [],
        },
        ("uvloop", 4): {"outcome": "leaked", "reason": "1 task still pending: <Task 'left behind'>"},
        ("asyncio", 5): {"departure": departure | {"stale": True}},
        ("uvloop", 8): {
            "outcome": "crashed",
            "reason": "the process ended with signal 11",
            "trace": ["enter m"],
            "difference": 1,
        },
        ("trio", 9): {"outcome": "timed out", "reason": "did not end within 5 s", "trace": [], "difference": 0},
        ("uvloop", 11): failed,
        ("asyncio", 10): {"outcome": "flaky", "reason": "passed 2 times of 3"},
    }
    return verdict | special.get((loop, number), {})


def costs(python: str = "3.11.7", blocks: int = 10) -> dict[str, Any]:
    """Return the content of a `costs.json`."""
    dice = random.Random(7)
    forms = {
        "try/finally": 1.0,
        "class": 2.3,
        "slotted class": 2.2,
        "@asynccontextmanager": 7.4,
        "exit stack": 14.0,
        "nullcontext": 2.6,
    }
    stacks = {"exit stack": 6.1, "nested": 2.2}
    questions = [
        _question(dice, blocks, "entering", "What does each form cost around an empty body?", forms, (None,), False),
        _question(
            dice, blocks, "suspending", "What does it cost when enter, body and exit suspend?", forms, (None,), True
        ),
        _question(dice, blocks, "stacking", "What does each of many managers cost?", stacks, (1, 100, 10_000), False),
    ]
    control = {
        "question": "entering",
        "arm": "class",
        "size": None,
        "low": 0.996,
        "high": 1.006,
        "held": True,
        "why": "",
        "kind": "itself",
    }
    return {
        "format": 1,
        "provenance": provenance(python),
        "reference": "asyncio",
        "loops": dict(LOOPS),
        "confidence": 0.95,
        "margin": 0.02,
        "until": 0.01,
        "blocks": blocks,
        "seconds": 41.2,
        "holds": True,
        "controls": [
            control | {"name": "asyncio against itself", "ratio": 1.001},
            control | {"name": "uvloop on what never suspends", "ratio": 0.998, "kind": "never suspends"},
        ],
        "questions": questions,
        "turns": 2,
        "terms": [
            _term("class manager", "construct", 120.0, dict.fromkeys(LOOPS, 1.0)),
            _term("one suspension", "loop", 2500.0, SLOWNESS),
        ],
        "growth": [_growth("exit stack", 1.02), _growth("nested", 1.31)],
    }


def _term(name: str, owner: str, nanoseconds: float, ratios: dict[str, float]) -> dict[str, Any]:
    """Return a term of the cost model; the last loop lacks the arm that it comes from."""
    estimates: list[dict[str, Any]] = []
    for loop, ratio in ratios.items():
        seconds = nanoseconds * ratio * 1e-9
        estimates.append({
            "loop": loop, "absent": "", "seconds": seconds, "low": seconds * 0.97, "high": seconds * 1.03,
            "ratio": ratio, "ratio_low": ratio * 0.99, "ratio_high": ratio * 1.01,
            "verdict": "reference" if loop == "asyncio" else "equivalent" if abs(ratio - 1) < 0.02 else "faster",
        })  # fmt: skip
    nothing = dict.fromkeys(("seconds", "low", "high", "ratio", "ratio_low", "ratio_high"))
    estimates[-1] |= nothing | {"absent": f"the arm of {name} was not timed", "verdict": "unproven"}
    return {"name": name, "formula": f"entering: {name}", "owner": owner, "estimates": estimates}


def _growth(arm: str, power: float) -> dict[str, Any]:
    growth = {"question": "stacking", "arm": arm, "loop": "asyncio", "smallest": 100, "largest": 10_000}
    return growth | {"power": power, "low": power - 0.03, "high": power + 0.03, "faster": power - 0.03 > 1.1}


def witnesses(figure: str, agrees: str, *, agree: bool) -> dict[str, Any]:
    """Return the content of an `instructions.json` or a `memory.json`, in which trio is at odds with its time."""
    cells = []
    for arm in ("try/finally", "class"):
        for number, loop in enumerate(LOOPS):
            its = {"question": "entering", "arm": arm, "size": None, "loop": loop, figure: 1000.0 + number}
            cells.append(its | {"ratio": 1 + number / 1000, agrees: agree if loop == "trio" else not agree})
    cells[-2] |= {figure: None, "ratio": None}
    return {"format": 1, "cells": cells}


def _question(
    dice: random.Random,
    blocks: int,
    name: str,
    asks: str,
    forms: dict[str, float],
    sizes: tuple[int | None, ...],
    slow: bool,
) -> dict[str, Any]:
    cells = []
    for arm, weight in forms.items():
        for size in sizes:
            for loop in LOOPS:
                ratio = SLOWNESS[loop] if slow else 1 + 0.004 * dice.random()
                seconds = 5.6e-8 * weight * ratio * (20 if slow else 1)
                ratios = [ratio * dice.gauss(1, 0.01) for _ in range(blocks)]
                verdict = (
                    "reference"
                    if loop == "asyncio"
                    else "equivalent"
                    if abs(ratio - 1) < 0.02
                    else "faster"
                    if ratio < 1
                    else "slower"
                )
                cells.append({
                    "arm": arm, "size": size, "loop": loop,
                    "seconds": seconds, "low": seconds * 0.99, "high": seconds * 1.01, "cpu_seconds": seconds * 0.98,
                    "ratio": ratio, "ratio_low": ratio * 0.99, "ratio_high": ratio * 1.01,
                    "verdict": verdict, "agree": not (slow and arm == "class" and loop == "trio"),
                    "of_floor": weight, "of_floor_low": weight * 0.98, "of_floor_high": weight * 1.02,
                    "control": arm == "nullcontext", "not_timed": None, "held": "",
                    "values": [seconds * dice.gauss(1, 0.02) for _ in range(blocks)], "ratios": ratios,
                    "command": f"asyncwith bench {name} --loop {loop}",
                })  # fmt: skip
    nothing = dict.fromkeys(
        (
            "seconds",
            "low",
            "high",
            "cpu_seconds",
            "ratio",
            "ratio_low",
            "ratio_high",
            "of_floor",
            "of_floor_low",
            "of_floor_high",
        )
    )
    cells[-1] |= nothing | {
        "not_timed": "its clauses did not hold: PROT-09 on trio",
        "values": [],
        "ratios": [],
        "verdict": "unproven",
    }
    return {"name": name, "asks": asks, "of": "seconds per operation", "cells": cells}


def write_lines(folder: Path, lines: list[dict[str, Any]]) -> Path:
    """Write `lines` as the outcomes of a run and return its directory."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outcomes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def write_run(folder: Path, *, clauses: int = 18, python: str = "3.11.7") -> Path:
    """Write a whole run and return its directory."""
    write_lines(folder, outcome_lines(clauses, python))
    counted, traced = witnesses("instructions", "agree", agree=False), witnesses("peak", "leaks", agree=True)
    ends = {"question": "stacking", "arm": "exit stack", "smallest": 1, "largest": 10_000}
    traced["slopes"] = [{**ends, "loop": loop, "each": 176.0, "ratio": 1.0} for loop in LOOPS]
    for name, content in (("costs", costs(python)), ("instructions", counted), ("memory", traced)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
