"""The child process that tells what an interpreter has to measure: which arms, and which loops it lacks."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from asyncwith.arms import load_questions
from asyncwith.blocks import replace_file
from asyncwith.loops import find_loop

__all__ = ["Survey", "SurveyingJob", "survey"]


@dataclass(frozen=True)
class SurveyingJob:
    """What is asked of an interpreter, and the file for its answer."""

    room: str
    questions: list[str]
    loops: list[str]
    answer: str


@dataclass(frozen=True)
class Survey:
    """What an interpreter has: its name, its own path, its arms with their sizes, and why it lacks loops.

    `prefix` is where its environment is, which tells two environments of one Python apart.
    """

    name: str
    executable: str
    prefix: str
    arms: list[tuple[str, int | None]]
    absences: dict[str, str]


def main() -> None:
    """Answer what the first argument asks; whatever goes wrong is in the last line of the standard error."""
    job = SurveyingJob(**json.loads(sys.argv[1]))
    import anyio  # noqa: F401, PLC0415 - without it no loop runs

    replace_file(Path(job.answer), json.dumps(asdict(survey(Path(job.room), job.questions, job.loops))))


def survey(room: Path, questions: Sequence[str], loops: Sequence[str]) -> Survey:
    """Return what this interpreter has."""
    asked = load_questions(room, questions)
    found = [find_loop(spec) for spec in loops]
    return Survey(
        name=f"{platform.python_implementation()} {platform.python_version()}",
        executable=sys.executable,
        prefix=sys.prefix,
        arms=[(arm.label, arm.size) for question in asked for arm in question.arms],
        absences={loop.id: reason for loop in found if (reason := loop.absence()) is not None},
    )


if __name__ == "__main__":
    main()
