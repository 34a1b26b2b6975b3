"""The child process in which random programs run: one loop, one library, and a word before each program.

So whoever watches it from outside (`asyncwith.exploring`) knows in which program it hung or died.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from asyncwith.errors import AsyncwithError
from asyncwith.host import NO_LOOP, take_over_streams
from asyncwith.libraries import Library, MissingName, Names, find_library
from asyncwith.loops import find_loop
from asyncwith.programs import alone, explore
from asyncwith.trace import describe

__all__ = ["main"]

REARMED = 0.5  # seconds between two times that the watchdog is wound up; each time starts a thread


def main() -> None:
    """Explore what the one message on the standard input asks for, say what came of it, and exit."""
    asks, answers = take_over_streams()

    def say(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")

    sys.path.append(os.getcwd())  # noqa: PTH109 - people name modules of the folder they are in
    ask = json.loads(asks.readline())
    wound_up = 0.0

    def tell(number: int) -> None:
        nonlocal wound_up
        if time.monotonic() - wound_up > REARMED:
            faulthandler.dump_traceback_later(ask["limit"] + REARMED, exit=True)
            wound_up = time.monotonic()
        say({"line": number})

    doing = f"the library {ask['library']} cannot be imported"
    try:
        library = find_library(ask["library"])
        names = library.load()
        say({"ready": ""})
        doing = "the loop fell over"
        say(_explored(ask, library, names, tell))
    except AsyncwithError as error:
        say({"unknown": str(error)})
    except MissingName as error:
        say({"missing": str(error)})
    except BaseException as error:  # noqa: BLE001 - a stranger's loop may raise anything
        say({"broken": f"{doing}: {describe(error)}", "details": traceback.format_exc()})
    sys.stdout.flush()
    os._exit(0)  # a loop's forgotten threads must not keep a process that is done


def _explored(ask: dict[str, Any], library: Library, names: Names, tell: Callable[[int], object]) -> dict[str, Any]:
    loop = None if ask["loop"] == NO_LOOP else find_loop(ask["loop"])
    found = explore(loop, names, ask["n"], ask["seed"], first=ask["first"], progress=tell)
    return {
        "programs": found.programs,
        "departed": found.departed,
        "left_out": found.left_out,
        "counterexamples": [
            {
                "number": each.number,
                "lines": each.lines(),
                "file": alone(each.program, loop, library, each.expected, spec=ask["loop"]),
            }
            for each in found.counterexamples
        ],
    }
