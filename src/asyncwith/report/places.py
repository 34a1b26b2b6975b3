"""Values of untrusted files, each of which knows where it stands.

Every reader of results goes through `Place`: what is not of the promised kind becomes an `InputError` that names file,
line and key, and text leaves here bounded in length and free of characters that could disguise what it says.
"""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

from asyncwith.errors import InputError

__all__ = ["Place", "parse"]

T = TypeVar("T")
LONGEST_NAME = 200  # loops, arms, libraries: they become headings
LONGEST_TEXT = 20_000  # a traceback of a deep recursion is some 100,000 characters, of which nobody reads the middle
MOST_LINES = 1_000  # of a trace

# A control character or a change of writing direction in a result can only mislead; it is shown instead of obeyed.
DISGUISES = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"}
DISGUISES |= dict.fromkeys(
    [0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFFFE, 0xFFFF], "\ufffd"
)


class Place:
    """A value out of a file of results, with its address in words."""

    def __init__(self, value: Any, where: str) -> None:
        self.value = value
        self.where = where

    def fail(self, wanted: str) -> NoReturn:
        """Raise the `InputError` that says what was wanted here."""
        shown = json.dumps(self.value)
        raise InputError(f"{self.where}: expected {wanted}, found {textwrap.shorten(shown, 60, placeholder='…')}")

    def __getitem__(self, key: str) -> Place:
        """Return what stands under `key`, which must be there."""
        if not isinstance(self.value, dict):
            self.fail(f"an object with {key!r}")
        if key not in self.value:
            self.fail(f"the key {key!r}")
        return Place(self.value[key], f"{self.where}, {key}")

    def optional(self, key: str, read: Callable[[Place], T]) -> T | None:
        """Return what `read` makes of the value under `key`, or None if it is absent or null."""
        if isinstance(self.value, dict) and self.value.get(key) is None:
            return None
        return read(self[key])

    def items(self) -> Iterator[tuple[str, Place]]:
        """Return the names and values of an object."""
        if not isinstance(self.value, dict):
            self.fail("an object")
        return ((Place(key, self.where).name(), self[key]) for key in self.value)

    def __iter__(self) -> Iterator[Place]:
        """Return the elements of a list."""
        if not isinstance(self.value, list):
            self.fail("a list")
        return (Place(each, f"{self.where}[{at}]") for at, each in enumerate(self.value))

    def text(self) -> str:
        """Return a text, cut where it is too long to be read."""
        if not isinstance(self.value, str):
            self.fail("a text")
        whole: str = self.value
        shown = whole[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8").translate(DISGUISES)
        return shown if len(whole) <= LONGEST_TEXT else f"{shown}… [cut: {len(whole):,} characters in the file]"

    def name(self, pattern: str = "") -> str:
        """Return a text short enough for a heading, and of the form `pattern` where one is given."""
        text = " ".join(self.text().split())
        if not 0 < len(text) <= LONGEST_NAME:
            self.fail(f"a name of 1 to {LONGEST_NAME} characters")
        if pattern and not re.fullmatch(pattern, text, re.ASCII):
            self.fail(f"a name like {pattern}")
        return text

    def one_of(self, *words: str) -> str:
        """Return one of the `words`."""
        if self.value not in words:
            self.fail(" or ".join(map(repr, words)))
        return str(self.value)

    def lines(self) -> tuple[str, ...]:
        """Return a list of texts, cut where there are too many to be read."""
        every = [each.text() for each in list(self)[:MOST_LINES]]
        return (
            (*every, f"… [cut: {len(self.value):,} lines in the file]")
            if len(self.value) > MOST_LINES
            else tuple(every)
        )

    def number(self) -> float:
        """Return a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            self.fail("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail("a finite number")
        return number

    def count(self) -> int:
        """Return a whole number that counts something."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not 0 <= self.value < 2**53:
            self.fail("a count")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.fail("true or false")
        return self.value


def parse(raw: bytes, where: str) -> Place:
    """Return the JSON text `raw` as a place called `where`."""
    try:
        return Place(json.loads(raw.decode("utf-8"), parse_constant=_refuse), where)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number that JSON knows")
