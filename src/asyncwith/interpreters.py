"""The Pythons that measure: the one that runs us, or that of another environment.

Each is lent our own code, so that the same code measures on all of them; anyio, the loops and all else that takes part are its
own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncwith
from asyncwith.errors import UsageError
from asyncwith.lending import LEND
from asyncwith.surveying_process import Survey, SurveyingJob, survey

__all__ = ["OURS", "Interpreter", "find_interpreter"]

# A program of ours as one that stands alone: it ends as its last lines say.
PROGRAM = LEND + "import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
PATIENCE = 60  # seconds until an interpreter has told what it has; that takes one
LONGEST_REASON = 200  # characters
PLACES = ("bin/python", "Scripts/python.exe", "python.exe")  # of the interpreter in a virtual environment


@dataclass(frozen=True)
class Interpreter:
    """One Python, by the path of its executable: links are not followed, because an environment is where its link is."""

    path: str

    def command(self, module: str, *arguments: str) -> list[str]:
        """Return the command that runs `module`, a module of ours, in this Python."""
        return [self.path, "-c", PROGRAM, module, *arguments]

    def survey(self, room: Path, questions: Sequence[str], loops: Sequence[str]) -> Survey:
        """Ask what there is to measure. Raises `UsageError` with the reason if this is no Python that can."""
        if self == OURS:
            return survey(room, questions, loops)
        with tempfile.TemporaryDirectory(prefix="asyncwith-") as scratch:
            answer, errors = Path(scratch, "answer"), Path(scratch, "errors")
            job = SurveyingJob(str(room), list(questions), list(loops), str(answer))
            command = self.command("asyncwith.surveying_process", json.dumps(asdict(job)))
            with errors.open("wb") as stderr:
                try:
                    subprocess.run(  # noqa: S603 - the interpreter that was asked for
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=stderr,
                        timeout=PATIENCE,
                        check=False,
                    )
                    return Survey(**json.loads(answer.read_bytes()))
                except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                    why = _last_words(errors) or f"it did not answer ({type(error).__name__})"
        raise UsageError(f"{self.path} cannot measure: {why}", self._hint(why))

    def _hint(self, why: str) -> str:
        if why.startswith(("ModuleNotFoundError", "ImportError")):
            checkout = Path(str(asyncwith.__file__)).parents[2]
            source = checkout if (checkout / "pyproject.toml").is_file() else "asyncwith"
            return f"type `{self.path} -m pip install {source}`, which installs all that it needs"
        return "name a Python, or the folder of a virtual environment"


def _last_words(errors: Path) -> str:
    """Return why a process ended: a traceback tells it in its last line, whatever else complains in its first."""
    lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
    return lines[-1 if lines[0].startswith("Traceback") else 0][:LONGEST_REASON]


OURS = Interpreter(sys.executable)


def find_interpreter(name: str) -> Interpreter:
    """Return the interpreter that is named by its path, by the folder of its environment or as a command.

    Raises `UsageError` if there is none.
    """
    if Path(name).is_dir():
        found = next((str(path) for path in (Path(name, place) for place in PLACES) if path.is_file()), None)
        missing = f"{name} is no virtual environment: there is no {PLACES[0]} in it"
    else:
        found = shutil.which(name)
        missing = f"there is no Python {name!r}: neither such a file that can be run nor such a command"
    if found is None:
        raise UsageError(missing, "name an interpreter, or the folder of a virtual environment")
    return Interpreter(os.path.abspath(found))  # noqa: PTH100 - as it says, links are not followed
