"""The door of the program: every error that a person is to read becomes one line on the standard error, and an exit code."""

from __future__ import annotations

import os
import signal
import sys

import click

from asyncwith.commands import asyncwith
from asyncwith.errors import AsyncwithError

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit."""
    _open_streams()
    for name in ("SIGTERM", "SIGHUP"):  # end as on Ctrl-C: with all processes ended, and a word on how to go on
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_DFL:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        sys.exit(asyncwith(standalone_mode=False))
    except AsyncwithError as error:
        _end(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # the help, in more than one line
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _end(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("asyncwith: interrupted", err=True)
        sys.exit(130)
    except OSError as error:  # no room, no right, no such place: what a file said that we use
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - what cannot be written must not be tried again at the end
        _end(f"{error.filename or 'the output'}: {error.strerror}")


def _open_streams() -> None:
    """Open the standard streams that the caller has closed: others count on three of them, and would take their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode)  # noqa: PTH123, SIM115 - takes the lowest number that is free
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        elif mode == "w":
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _end(message: str, code: int = 2) -> None:
    click.echo(f"asyncwith: {' '.join(message.split())}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
