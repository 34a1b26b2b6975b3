"""A child process that speaks in JSON documents, one a line, and is not trusted to stay alive, to answer, or to end.

Whatever becomes of it turns into an outcome: crashed if it died, timed out if it did not come back.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from asyncwith.lending import LEND
from asyncwith.verdicts import Outcome

__all__ = ["Child", "Lost", "end_marked", "mark"]

# What a child runs first. Nothing in the folder that people are in may shadow an import of ours: that is `-P`, but for 3.10 too.
START = "import sys; sys.path[:] = [p for p in sys.path if p]" + LEND
PAUSES = (0.05, 0.5)  # seconds before the second try and before the third to start a process
GRACE = 1.0  # seconds that the watchdog inside gets before the one outside kills
LAST_WORDS = 4000  # characters kept of what a lost process wrote
LONGEST_MESSAGE = 2**24  # bytes; who writes more without a line end floods the pipe


class Lost(Exception):
    """The child process is gone, and why: the outcome for whatever it was doing."""

    def __init__(self, outcome: Outcome, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.details = details


class Child:
    """One child process, from this side of the pipe."""

    def __init__(
        self, module: str, *arguments: str, under: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        """Start `main()` of `module`, a module of ours, `under` another program if that is given."""
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        command = [*under, sys.executable, "-c", f"{START}from {module} import main; main()", *arguments]
        self._process = _start(command, self._words, environment)
        self._heard: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._hear, daemon=True, name=f"hear {module}").start()

    def ask(self, message: dict[str, Any]) -> None:
        """Send a message; if nobody is there to hear it, `answer` will tell."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def answer(
        self, limit: float, *, hear: Callable[[Any], object] | None = None, patient: bool = False
    ) -> dict[str, Any]:
        """Return the next message, at most `limit` seconds from now; `Lost` if there is none.

        Messages of the form `{"line": …}` are news on the way and go to `hear`; with `patient`, each one renews the limit.
        """
        started = time.monotonic()
        while True:
            try:
                line = self._heard.get(timeout=max(0.0, started + limit + GRACE - time.monotonic()))
            except queue.Empty:
                if _waits_to_be_reaped(self._process):
                    raise self._lost(Outcome.CRASHED, f"{self._death()}; another one holds its pipe") from None
                raise self._lost(Outcome.TIMED_OUT, f"no end after {limit:g} s, and deaf to its watchdog") from None
            if line is None:
                if time.monotonic() - started >= limit:
                    raise self._lost(Outcome.TIMED_OUT, f"no end after {limit:g} s")
                raise self._lost(Outcome.CRASHED, self._death())
            message = _message(line)
            if message is None:
                raise self._lost(Outcome.CRASHED, "something else was written into the pipe of the process")
            if "line" not in message:
                return message
            if hear is not None:
                hear(message["line"])
            if patient:
                started = time.monotonic()

    def _hear(self) -> None:
        """Queue what the process says line by line, until nobody holds the other end of the pipe; then close this one.

        Somebody may hold it for ever: a process that the scenario started and that got away. Then this thread is left waiting.
        """
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        rest = b""
        with self._process.stdout as pipe:
            while len(rest) < LONGEST_MESSAGE and (chunk := pipe.read(2**16)):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._heard.put(line)
            if len(rest) >= LONGEST_MESSAGE:
                self._heard.put(rest)
        self._heard.put(None)

    def _death(self) -> str:
        ended = self._has_ended()
        self._kill()
        code = self._process.returncode
        if not ended:
            return "the process closed its pipe"
        if code < 0:
            with suppress(ValueError):
                return f"the process was killed by {signal.Signals(-code).name}"
        words = self._last_words() if code else []
        return f"the process exited with code {code}" + (f": {words[-1]}" if words else "")

    def _has_ended(self) -> bool:
        """Tell whether the process ends within the grace, leaving its number to it: a stranger might get it next."""
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            if _waits_to_be_reaped(self._process):
                return True
            time.sleep(0.002)
        return False

    def _lost(self, outcome: Outcome, reason: str) -> Lost:
        self._kill()
        return Lost(outcome, reason, "\n".join(self._last_words()))

    def _last_words(self) -> list[str]:
        """Return the last lines that the process wrote on its standard error."""
        self._words.seek(-min(LAST_WORDS, self._words.seek(0, os.SEEK_END)), os.SEEK_END)
        return self._words.read().decode(errors="replace").strip().splitlines()

    def _kill(self) -> None:
        if self._process.returncode is not None:
            return  # reaped; its number may be somebody else's by now
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)  # with whatever the scenario started
            else:
                self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._kill()
        for stream in (self._process.stdin, self._words):  # its output is closed by `_hear`
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr] # a pipe was asked for


def mark(environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a new mark, and `environment` with it: for processes that `end_marked` ends."""
    new = f"ASYNCWITH_MARK={uuid4().hex}"
    return new, {**environment, **dict([new.split("=")])}


def end_marked(wanted: str) -> None:
    """End the processes that were started with a mark, wherever they have gone; only Linux shows who they are."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if wanted.encode() in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)


def _start(command: Sequence[str], words: IO[bytes], environment: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    """Start a process; what the system has not got to give at first it may have a moment later."""
    for pause in PAUSES:
        try:
            return _popen(command, words, environment)
        except OSError:
            time.sleep(pause)
    return _popen(command, words, environment)


def _popen(command: Sequence[str], words: IO[bytes], environment: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=words,
        bufsize=0,
        env=environment,
        start_new_session=True,
    )


def _waits_to_be_reaped(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a process has ended; where the system can tell, without reaping it."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
