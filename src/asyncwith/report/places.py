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
from functools import lru_cache
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
    """A value out of a file of results, which can tell its address in words: there are millions, and few are asked."""

    __slots__ = ("_inside", "_key", "value")

    def __init__(self, value: Any, key: str | int, inside: Place | None = None) -> None:
        self.value = value
        self._key = key
        self._inside = inside

    @property
    def where(self) -> str:
        """The address: the file, and the way to this value in it."""
        if self._inside is None:
            return str(self._key)
        return self._inside.where + (f"[{self._key}]" if isinstance(self._key, int) else f", {self._key}")

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
        return Place(self.value[key], key, self)

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
        return (Place(each, at, self) for at, each in enumerate(self.value))

    def text(self) -> str:
        """Return a text, cut where it is too long to be read."""
        if not isinstance(self.value, str):
            self.fail("a text")
        return _shown(self.value)

    def name(self, pattern: str = "") -> str:
        """Return a text short enough for a heading, and of the form `pattern` where one is given."""
        text = _named(self.value) if isinstance(self.value, str) else self.fail("a text")
        if not 0 < len(text) <= LONGEST_NAME:
            self.fail(f"a name of 1 to {LONGEST_NAME} characters")
        if pattern and not re.fullmatch(pattern, text, re.ASCII):
            self.fail(f"a name like {pattern}")
        return text

    def names(self) -> tuple[str, ...]:
        """Return a list of names."""
        if isinstance(self.value, list) and all(isinstance(each, str) for each in self.value):
            found = tuple(map(_named, self.value))
            if all(0 < len(each) <= LONGEST_NAME for each in found):
                return found
        return tuple(each.name() for each in self)  # one of which says what is wrong

    def one_of(self, *words: str) -> str:
        """Return one of the `words`."""
        if self.value not in words:
            self.fail(" or ".join(map(repr, words)))
        return str(self.value)

    def lines(self) -> tuple[str, ...]:
        """Return a list of texts, cut where there are too many to be read."""
        every = self.value[:MOST_LINES] if isinstance(self.value, list) else self.fail("a list")
        for at, each in enumerate(every):
            if not isinstance(each, str):
                Place(each, at, self).fail("a text")
        shown = tuple(map(_shown, every))
        return shown if every == self.value else (*shown, f"… [cut: {len(self.value):,} lines in the file]")

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

    def numbers(self) -> tuple[float, ...]:
        """Return a list of finite numbers."""
        if isinstance(self.value, list) and all(type(each) is float and math.isfinite(each) for each in self.value):
            return tuple(self.value)
        return tuple(each.number() for each in self)

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


@lru_cache(maxsize=1 << 14)  # the same few texts stand in results a million times
def _shown(text: str) -> str:
    """Return `text` as it is shown: not too long, and without what could disguise what it says."""
    shown = text[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8").translate(DISGUISES)
    return shown if len(text) <= LONGEST_TEXT else f"{shown}… [cut: {len(text):,} characters in the file]"


@lru_cache(maxsize=1 << 14)
def _named(text: str) -> str:
    """Return `text` as it is shown, on one line."""
    return " ".join(_shown(text).split())


def parse(raw: bytes, where: str) -> Place:
    """Return the JSON text `raw` as a place called `where`."""
    try:
        return Place(DECODER.decode(raw.decode("utf-8")), where)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: {error}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number that JSON knows")


DECODER = json.JSONDecoder(parse_constant=_refuse)  # `json.loads` would make one for each line
