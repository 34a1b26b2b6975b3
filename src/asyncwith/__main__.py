"""The door of the program: every error that a person is to read becomes one line on the standard error and exit code 2."""

from __future__ import annotations

import sys

import click

from asyncwith.commands import asyncwith
from asyncwith.errors import AsyncwithError

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit."""
    try:
        sys.exit(asyncwith(standalone_mode=False))
    except AsyncwithError as error:
        _end(str(error))
    except click.ClickException as error:
        _end(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("asyncwith: interrupted", err=True)
        sys.exit(130)


def _end(message: str) -> None:
    click.echo(f"asyncwith: {' '.join(message.split())}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
