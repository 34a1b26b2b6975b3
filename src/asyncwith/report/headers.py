"""What every file of results begins with: the version of its format, and where it was made."""

from __future__ import annotations

from datetime import datetime

from asyncwith.report.model import Provenance
from asyncwith.report.places import Place

__all__ = ["FORMAT", "check_format", "read_provenance"]

FORMAT = 1


def check_format(place: Place) -> None:
    """Refuse files of another version."""
    if place["format"].count() != FORMAT:
        place["format"].fail(f"the format {FORMAT}, which this version of asyncwith reads")


def read_provenance(place: Place) -> Provenance:
    """Return the provenance that every file of results carries."""
    created = place["created"].name()
    try:
        datetime.fromisoformat(created)
    except ValueError:
        place["created"].fail("a date and time")
    return Provenance(
        asyncwith=place["asyncwith"].name(),
        created=created,
        python=place["python"].name(),
        implementation=place["implementation"].name(),
        build=place["build"].text(),
        gil=place["gil"].flag(),
        jit=place["jit"].flag(),
        platform=place["platform"].text(),
        machine=place["machine"].text(),
        cpu=place["cpu"].text(),
        cores=place.optional("cores", Place.count),
        packages={name: each.text() for name, each in place["packages"].items()},
    )
