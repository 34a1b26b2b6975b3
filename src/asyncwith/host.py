"""The child process in which checks are performed: one loop, one library, one check at a time.

A stranger's loop or library may hang with the interpreter's lock held, crash, exit the process or spoil it for what comes
after. So no other is ever judged in this process, and whoever asked watches it from outside (`asyncwith.hosts`). The wire is
two pipes with one JSON document a line; they are moved away from the standard streams first, which belong to the scenarios.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from json import dumps, loads  # by name: a stranger may change the module later
from os import getpid
from pathlib import Path
from typing import IO, Any

from asyncwith.checks import LONGEST_DETAILS, habit_of, perform
from asyncwith.clauses import load_chapters
from asyncwith.errors import AsyncwithError
from asyncwith.libraries import find_library
from asyncwith.loops import find_loop
from asyncwith.trace import LONGEST_LINE, describe, printable

if sys.platform == "win32":
    resource = None
else:
    import resource

__all__ = ["NO_LOOP", "main", "take_over_streams"]

NO_LOOP = "python"  # the word for checks that run outside any loop
LARGEST_FILE = 2**26  # bytes
CHECKS_WITH_HABIT = 100  # a loop that leaves descriptors behind gets a new process before it has used them up


def take_over_streams() -> tuple[IO[str], IO[str]]:
    """Return the wire; from then on the standard input is empty and the standard output goes to the standard error.

    That is a file, which nobody may fill the disk with: where the system can forbid it, the process writes no large ones.
    """
    if resource is not None:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE if most < 0 else min(LARGEST_FILE, most), most))
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


class _NotBegun(Exception):
    """The loop or the library does not start; whoever asked was told."""


@contextmanager
def _beginning(limit: str, say: Callable[[dict[str, Any]], object]) -> Iterator[None]:
    """Say what is wrong with a loop or a library that does not start in `limit` seconds."""
    try:
        with _limit(float(limit)):
            yield
    except AsyncwithError as error:
        say({"unknown": str(error)})
        raise _NotBegun from None
    except BaseException as error:  # noqa: BLE001 - a stranger's code may raise anything
        details = printable(traceback.format_exc(), LONGEST_DETAILS)
        say({"broken": printable(describe(error), LONGEST_LINE), "details": details})
        raise _NotBegun from None


def main() -> None:
    """Serve checks until the asking side closes the pipe.

    Arguments: the conformance room, the loop, the library, and how many seconds each of the two may take to start.
    """
    with suppress(_NotBegun):
        _serve(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # a loop's forgotten threads must not keep a process that is done


def _serve(folder: str, loop_spec: str, library_spec: str, start_limit: str, import_limit: str) -> None:
    asks, answers = take_over_streams()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts us in the background has it ignored
    own = getpid()

    def say(message: dict[str, Any]) -> None:
        if getpid() != own:
            os._exit(0)  # a copy that a scenario made and that did not end itself
        answers.write(dumps(message) + "\n")

    faulthandler.enable()
    sys.path.append(os.getcwd())  # noqa: PTH109 - people name modules of the folder they are in; last, so that it shadows nothing
    clauses = load_chapters(Path(folder))
    say({"loaded": len(clauses)})
    with _beginning(start_limit, say):
        loop = None if loop_spec == NO_LOOP else find_loop(loop_spec)
        habit = habit_of(loop) if loop else []
    say({"ready": loop.version() if loop else ""})
    with _beginning(import_limit, say):
        library = find_library(library_spec)
        library.load()
    say({"ready": ""})
    gc.collect()
    gc.freeze()  # the collection after each check looks at that check's objects only
    for count, line in enumerate(asks, 1):
        ask = loads(line)
        with _limit(ask["limit"]):
            done = perform(clauses[ask["clause"]], loop, library, tell=lambda line: say({"line": line}), habit=habit)
        spent = done.dirty or (bool(habit) and count >= CHECKS_WITH_HABIT)
        say({"turn": ask["turn"], "verdict": done.verdict.to_json(), "spent": spent})
        if spent:
            return
