"""One run, one directory: found again if it was interrupted, never written over when it is finished."""

from __future__ import annotations

import json
import platform
import shutil
import time
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from asyncwith.errors import AsyncwithError, InputError, UsageError

__all__ = ["DEFAULT_PARENT", "RunDirectory", "open_run"]

DEFAULT_PARENT = Path("asyncwith-runs")
FORMAT = 1
OURS = {"run.json", "run.lock"}  # what a run that has begun has in its directory


@dataclass(frozen=True)
class RunDirectory:
    """Where the results of a run are, what was asked for, and whether it goes on with one that was interrupted.

    The directory is locked for as long as this object lives, or its process.
    """

    path: Path
    asked: dict[str, Any]
    resumed: bool
    lock: FileLock

    def finish(self) -> None:
        """Mark the run as finished: it is not gone on with any more."""
        _write(self.path, self.asked, "finished")
        self.lock.release()

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the directory away if it was made for words that turned out to be wrong, and holds nothing yet."""
        self.lock.release()
        if isinstance(error, AsyncwithError) and {each.name for each in self.path.iterdir()} <= OURS:
            shutil.rmtree(self.path)


def open_run(path: Path | None, asked: dict[str, Any], *, resume: bool = False) -> RunDirectory:
    """Return the directory for a run of what is `asked`: an interrupted run of the same, or a new one unless `resume` is set.

    `path` names it; without, it is found or made below `asyncwith-runs`. Raises `UsageError` if `path` holds something else,
    or a run that is still going on, and if there is nothing to resume.
    """
    asked = {**asked, "python": platform.python_version()}
    if path is None:
        for each in sorted(DEFAULT_PARENT.glob("*/run.json"), reverse=True):
            if _state(each) == ("started", asked) and (lock := _lock(each.parent)) is not None:
                return RunDirectory(each.parent, asked, resumed=True, lock=lock)
        if resume:
            raise UsageError(
                f"below {DEFAULT_PARENT} there is no interrupted run of the same words",
                "leave out --resume to begin one",
            )
        path = _unused(DEFAULT_PARENT / _stamp())
    resumed = (path / "run.json").exists()
    if resumed:
        state, before = _state(path / "run.json")
        if state == "finished":
            raise UsageError(f"{path} holds a finished run", "name a new directory, or leave --output out")
        if before != asked:
            raise UsageError(f"{path} holds an interrupted run of something else", "name a new directory")
    elif path.is_dir() and any(path.iterdir()):
        raise UsageError(f"{path} is not empty, and not a run", "name a new directory")
    path.mkdir(parents=True, exist_ok=True)
    lock = _lock(path)
    if lock is None:
        raise UsageError(f"{path} holds a run that is going on", "name a new directory, or wait")
    _write(path, asked, "started")
    return RunDirectory(path, asked, resumed, lock)


def _lock(folder: Path) -> FileLock | None:
    """Return the lock of a run, or None if another process holds it."""
    lock = FileLock(folder / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def _unused(path: Path) -> Path:
    """Return `path`, or the first of `path-2`, `path-3`, … that is not there."""
    names = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(each for each in chain([path], names) if not each.exists())


def _stamp() -> str:
    return f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-py{platform.python_version()}"


def _write(folder: Path, asked: dict[str, Any], state: str) -> None:
    new = folder / "run.json.new"
    new.write_text(json.dumps({"format": FORMAT, "state": state, "asked": asked}) + "\n", encoding="utf-8")
    new.replace(folder / "run.json")


def _state(path: Path) -> tuple[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return str(document["state"]), document["asked"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: is not the mark of a run: {error!r}", "remove it, or name a new directory") from None
