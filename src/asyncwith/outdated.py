"""Packages that are older than what stands on them asks for: why nearly everything may fail, and nobody says why."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from types import ModuleType

from packaging.requirements import Requirement
from packaging.version import InvalidVersion

__all__ = ["lacking", "outdated"]

ASKING = ("anyio", "asyncwith")  # the first one's reason is the better one


def outdated(packages: Iterable[str]) -> list[str]:
    """Return a sentence for each of `packages` that is too old for anyio, or for us."""
    return [sentence for package in packages if (sentence := _outdated(package)) is not None]


@cache
def _outdated(package: str) -> str | None:
    for asking in ASKING:
        try:
            release = version(package)
            for requirement in map(Requirement, requires(asking) or ()):
                concerned = requirement.name == package and (
                    requirement.marker is None or requirement.marker.evaluate({"extra": package})
                )
                if concerned and not requirement.specifier.contains(release, prereleases=True):
                    asked = f"{package}{requirement.specifier}"
                    return f"{package} {release} is older than {asking} {version(asking)} asks for ({asked})"
        except (PackageNotFoundError, InvalidVersion):
            continue  # whoever has no release cannot be too old, and who is not here asks for nothing
    return None


def lacking(error: BaseException) -> str | None:
    """Return what an outdated package lacks, if `error` says for certain that it is this; an up-to-date one lacks nothing."""
    if not isinstance(error, AttributeError):
        return None
    owner = error.obj if isinstance(error.obj, type) else type(error.obj)
    module = error.obj.__name__ if isinstance(error.obj, ModuleType) else owner.__module__
    package = str(module).partition(".")[0]
    if not outdated([package]):
        return None
    where = "" if isinstance(error.obj, ModuleType) else f"{owner.__name__}."
    return f"{package} {version(package)} has no {where}{error.name}"
