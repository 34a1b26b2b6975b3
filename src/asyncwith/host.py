"""The child process in which checks are performed: one loop, one process, one check at a time.

A stranger's loop may hang with the interpreter's lock held, crash, exit the process or spoil it for what comes after. So
no other loop is ever judged in this process, and whoever asked watches it from outside (`asyncwith.hosts`). The wire is two
pipes with one JSON document a line; they are moved away from the standard streams first, which belong to the scenarios.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from asyncwith.checks import habit_of, perform
from asyncwith.clauses import Clause, load_chapters
from asyncwith.errors import AsyncwithError
from asyncwith.leaks import Leak
from asyncwith.libraries import find_library
from asyncwith.loops import Loop, find_loop
from asyncwith.trace import describe
from asyncwith.verdicts import Outcome, Verdict

__all__ = ["NO_LOOP", "main", "take_over_streams"]

NO_LOOP = "python"  # the word for checks that run outside any loop
CHECKS_WITH_HABIT = 100  # a loop that leaves descriptors behind gets a new process before it has used them up


def take_over_streams() -> tuple[IO[str], IO[str]]:
    """Return the wire; from then on the standard input is empty and the standard output goes to the standard error."""
    asks = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return asks, answers


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Dump all stacks and exit when the time is up. The watchdog is a C thread that needs no interpreter lock."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _answer(
    clause: Clause, library: str, loop: Loop | None, habit: list[Leak], tell: Callable[[str], object]
) -> dict[str, Any]:
    try:
        performed = perform(clause, loop, find_library(library), tell=tell, habit=habit)
    except AsyncwithError as error:  # the library cannot be imported
        return {"verdict": Verdict(Outcome.NOT_RUN, str(error)).to_json(), "dirty": False}
    except Exception as error:  # noqa: BLE001 - importing a stranger's library may raise anything
        verdict = Verdict(
            Outcome.FAILED, f"the library cannot be imported: {describe(error)}", details=traceback.format_exc()
        )
        return {"verdict": verdict.to_json(), "dirty": False}
    return {"verdict": performed.verdict.to_json(), "dirty": performed.dirty}


def main() -> None:
    """Serve checks until the asking side closes the pipe. Arguments: the conformance room, the loop, the limit in seconds."""
    _serve()
    sys.stdout.flush()
    os._exit(0)  # a loop's forgotten threads must not keep a process that is done


def _serve() -> None:
    folder, spec, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
    asks, answers = take_over_streams()

    def say(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")

    faulthandler.enable()
    sys.path.append(os.getcwd())  # noqa: PTH109 - people name modules of the folder they are in; last, so that it shadows nothing
    clauses = load_chapters(Path(folder))
    say({"loaded": len(clauses)})
    try:
        loop = None if spec == NO_LOOP else find_loop(spec)
        with _limit(limit):
            habit = habit_of(loop) if loop else []
    except AsyncwithError as error:
        say({"unknown": str(error)})
        return
    except BaseException as error:  # noqa: BLE001 - a stranger's loop may raise anything
        say({"broken": describe(error), "details": traceback.format_exc()})
        return
    gc.collect()
    gc.freeze()  # the collection after each check looks at that check's objects only
    say({"ready": loop.version() if loop else ""})
    for turn, line in enumerate(asks, 1):
        ask = json.loads(line)
        with _limit(ask["limit"]):
            answer = _answer(clauses[ask["clause"]], ask["library"], loop, habit, lambda line: say({"line": line}))
        answer["dirty"] |= bool(habit) and turn >= CHECKS_WITH_HABIT
        say(answer)
        if answer["dirty"]:
            return
