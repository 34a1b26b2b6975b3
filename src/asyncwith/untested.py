"""What is promised and has no clause, because no scenario can judge it: `untested.toml` of the conformance room."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from asyncwith.clauses import links

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Untested", "read_untested"]


@dataclass(frozen=True)
class Untested:
    """A promise, where it is made, and why no scenario can judge it."""

    claim: str
    source: str
    why: str

    def links(self) -> list[tuple[str, str]]:
        """Return the sources, each with its address."""
        return links(self.source)


def read_untested(room: Path) -> list[Untested]:
    """Return the promises without a clause that the conformance room lists."""
    document = tomllib.loads((room / "untested.toml").read_text(encoding="utf-8"))
    return [Untested(**each) for each in document["untested"]]
