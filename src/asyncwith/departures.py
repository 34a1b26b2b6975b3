"""Known deviations, written down with the reason and the link: `departures/<loop-or-library>.toml`, and a user's own file."""

from __future__ import annotations

import platform
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from asyncwith.errors import InputError
from asyncwith.loops import BUILTIN

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Departure", "check_ids", "check_releases", "departing", "read_departures", "read_room"]

EVERYWHERE = ("python", "anyio")  # what every loop and library stands on


@dataclass(frozen=True)
class Departure:
    """One clause that one loop or library (`on`) is known to break: on which Pythons, in which releases of its own.

    `releases` are of the package named like `on`; `since` says for people which was the first.
    """

    clause: str
    on: str
    why: str
    link: str = ""
    versions: str = ">=3.10"
    releases: str = ""
    since: str = ""
    loops: tuple[str, ...] = ()  # only on these, where `on` is no loop
    sometimes: bool = False  # not in every run, such as what only some random programs meet: passing is no news
    place: str = ""  # file and number of the entry, for messages

    def concerns(self, clause: str, loop: str, library: str) -> bool:
        """Tell whether a check of `clause` on `loop` with `library` is expected to depart with what is installed here."""
        if clause != self.clause or not SpecifierSet(self.versions).contains(
            platform.python_version(), prereleases=True
        ):
            return False
        if self.loops and loop not in self.loops and loop.partition("+")[0] not in self.loops:
            return False
        if self.on not in (loop, loop.partition("+")[0], library, *EVERYWHERE):
            return False
        if not self.releases:
            return True
        release = self.release()
        return release is not None and SpecifierSet(self.releases).contains(release, prereleases=True)

    def release(self) -> str | None:
        """Return the release of what departs that is installed here, or None if no package has its name."""
        try:
            return version(self.on.partition("+")[0])
        except PackageNotFoundError:
            return None

    def to_json(self) -> dict[str, Any]:
        """Return the departure as plain data."""
        return {key: value for key, value in asdict(self).items() if key not in ("place", "sometimes")}


def departing(departures: Iterable[Departure], clause: str, loop: str, library: str) -> Departure | None:
    """Return the departure that concerns a check, or None.

    A loop or library of one's own may do better than Python or anyio, so there it is no news that one does not show.
    """
    found = next((each for each in departures if each.concerns(clause, loop, library)), None)
    if found is not None and found.on in EVERYWHERE and (loop not in BUILTIN or library != "contextlib"):
        return replace(found, sometimes=True)
    return found


def read_room(folder: Path) -> list[Departure]:
    """Return all departures of the conformance room; each file is named after what departs."""
    return [each for path in sorted(folder.glob("*.toml")) for each in read_departures(path, on=path.stem)]


def read_departures(path: Path, *, on: str | None = None) -> list[Departure]:
    """Return the departures in one file; entries say `on` themselves where the file's name does not (`on` is None).

    Raises `InputError` if the file cannot be read, or an entry misses a key or has one too many.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is not TOML: {error}") from None
    entries = document.pop("departure", [])
    if document or not isinstance(entries, list):
        raise InputError(f"{path}: expected only tables [[departure]], saw {', '.join(document) or 'something else'}")
    return [_entry(f"{path}: departure {number}", entry, on) for number, entry in enumerate(entries, 1)]


def _entry(place: str, entry: object, on: str | None) -> Departure:
    if not isinstance(entry, dict):
        raise InputError(f"{place}: is not a table")
    loops, sometimes = entry.get("loops", []), entry.get("sometimes", False)
    texts = {key: value for key, value in entry.items() if key not in ("loops", "sometimes")}
    plain = all(isinstance(value, str) for value in texts.values())
    if not (plain and isinstance(loops, list) and isinstance(sometimes, bool)):
        raise InputError(
            f"{place}: every value is a string, but for loops, a list of them, and sometimes, true or false"
        )
    if on is not None:
        texts.setdefault("on", on)
    try:
        found = Departure(**texts, loops=tuple(map(str, loops)), sometimes=sometimes, place=place)
        SpecifierSet(found.versions)
        SpecifierSet(found.releases)
    except (TypeError, InvalidSpecifier) as error:
        raise InputError(
            f"{place}: {str(error).replace('Departure.__init__()', 'it')}",
            "keys are clause, on, versions, releases, why, link, since, loops, sometimes",
        ) from None
    return found


def check_ids(departures: Iterable[Departure], clauses: Collection[str]) -> None:
    """Raise `InputError` for the first departure that names none of `clauses`."""
    for each in departures:
        if each.clause not in clauses:
            raise InputError(f"{each.place}: there is no clause {each.clause}", "asyncwith clauses lists them")


def check_releases(departures: Iterable[Departure], here: Collection[str]) -> None:
    """Raise `InputError` for the first departure of what is `here` that speaks of its releases, if they are not known."""
    for each in departures:
        if each.releases and each.on.partition("+")[0] in (*here, *EVERYWHERE) and each.release() is None:
            raise InputError(
                f"{each.place}: releases {each.releases!r}: no package {each.on} is installed, so its release is not known",
                "releases of Python stand in `versions`",
            )
