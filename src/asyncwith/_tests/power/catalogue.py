"""All faults there are, by kind, each kind with its control, and the survivors that are accepted with a reason."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from asyncwith._tests.power import (
    faulty_loops,
    faulty_parts,
    generators,
    mutants,
    mutated,
    rarer_loops,
    statements,
    subtle_loops,
)
from asyncwith._tests.power.faults import CONTROL, Fault, seeded_room
from asyncwith._tests.power.rewritten import rewritten
from asyncwith.hosts import NO_LOOP

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["KINDS", "Survivor", "catalogue", "survivors"]

KINDS = {
    "loop": "asyncio's own loop with one fault each, as a new loop might have it",
    "mutated": "asyncio's own loop, mutated",
    "mutated-part": "what managers stand on in asyncio, anyio and trio, mutated",
    "library": "the asynchronous half of contextlib, mutated and rewritten",
    "statement": "the statement `async with` itself, replaced by its expansion with one fault",
    "compiler": "the compiler, which refuses the wrong programs or tells the wrong lines",
    "generator": "the asynchronous generators of the chapters, each wrapped in one that is wrong",
    "part": "a part of asyncio, anyio, trio or Python, replaced by one that is wrong",
}


@dataclass(frozen=True)
class Survivor:
    """A fault that no clause catches, and why that is accepted: it is no fault, or nobody promises anything there."""

    kind: str
    name: str
    why: str
    versions: str = ">=3.10"

    @property
    def applies(self) -> bool:
        """Whether it is expected on the running Python."""
        return SpecifierSet(self.versions).contains(".".join(map(str, sys.version_info[:3])))


def survivors() -> list[Survivor]:
    """Return the accepted survivors of the running Python."""
    document = tomllib.loads(Path(__file__).with_name("survivors.toml").read_text(encoding="utf-8"))
    return [found for entry in document["survivor"] if (found := Survivor(**entry)).applies]


def catalogue(kind: str, chapters: Path, folder: Path) -> list[Fault]:
    """Return all faults of a kind, its control first, for the clauses in `chapters`; files go to `folder`."""
    seeding = {
        "loop": _loops,
        "mutated": _mutated_loops,
        "mutated-part": _mutated_parts,
        "library": _libraries,
        "statement": _statements,
        "compiler": _compilers,
        "generator": _generators,
        "part": _parts,
    }
    return seeding[kind](chapters, folder)


def _loops(chapters: Path, _: Path) -> list[Fault]:
    def fault(factory: type[faulty_loops.Base]) -> Fault:
        eager, debugged = hasattr(factory, "eager"), hasattr(factory, "debugged")
        id_ = factory.__name__ + "+eager" * eager + "+debug" * debugged
        spec = f"{id_}={sys.modules[factory.__module__].__file__}:{factory.__name__}"
        name = CONTROL if factory is faulty_loops.Control else factory.__name__
        return Fault("loop", name, chapters, (id_,), specs={id_: spec}, hidden="asyncio", fatal=True)

    found: list[type[faulty_loops.Base]] = [faulty_loops.Control]
    found += [each for module in (faulty_loops, subtle_loops, rarer_loops) for each in faulty_loops.faults(module)]
    return [fault(each) for each in found]


def _mutated_loops(chapters: Path, folder: Path) -> list[Fault]:
    found = [Fault("mutated", CONTROL, chapters, ("asyncio",), hidden="asyncio")]
    for number, (name, text) in enumerate(mutated.mutated_loops()):
        path, id_ = folder / f"loop_{number:04}.py", f"mutated_{number:04}"
        path.write_text(text, encoding="utf-8")
        specs = {id_: f"{id_}={path}:make"}
        found.append(Fault("mutated", name, chapters, (id_,), specs=specs, hidden="asyncio", fatal=True))
    return found


def _mutated_parts(chapters: Path, folder: Path) -> list[Fault]:
    kind, control = "mutated-part", f"from {mutated.__name__} import same_parts\n\nsame_parts()\n"
    found = [Fault(kind, CONTROL, seeded_room(folder / kind, chapters, control), ("asyncio", NO_LOOP, "trio"))]
    for number, (name, loops, text) in enumerate(mutated.mutated_parts()):
        found.append(Fault(kind, name, seeded_room(folder / f"{kind}-{number:04}", chapters, text), loops, fatal=True))
    return found


def _libraries(chapters: Path, folder: Path) -> list[Fault]:
    sources = [(CONTROL, mutants.original()), *((each.name, each.source) for each in mutants.mutants()), *rewritten()]
    faults = []
    for number, (name, source) in enumerate(sources):
        path = folder / f"library_{number:04}.py"
        path.write_text(source, encoding="utf-8")
        faults.append(Fault("library", name, chapters, ("asyncio", NO_LOOP), library=str(path)))
    return faults


def _statements(chapters: Path, folder: Path) -> list[Fault]:
    named = [(name, ("asyncio", NO_LOOP)) for name in statements.STATEMENT_FAULTS]
    return _seeded("statement", chapters, folder, statements.__name__, named)


def _compilers(chapters: Path, folder: Path) -> list[Fault]:
    named = [(name, ("asyncio", NO_LOOP)) for name in statements.COMPILER_FAULTS]
    return _seeded("compiler", chapters, folder, statements.__name__, named)


def _generators(chapters: Path, folder: Path) -> list[Fault]:
    named = [(name, (NO_LOOP, "asyncio")) for name in generators.GENERATOR_FAULTS]
    return _seeded("generator", chapters, folder, generators.__name__, named)


def _parts(chapters: Path, folder: Path) -> list[Fault]:
    named = [(CONTROL, ("asyncio", NO_LOOP, "trio")), *faulty_parts.faults()]
    return _seeded("part", chapters, folder, faulty_parts.__name__, named)


def _seeded(
    kind: str, chapters: Path, folder: Path, module: str, named: Sequence[tuple[str, tuple[str, ...]]]
) -> list[Fault]:
    text = f"from {module} import seed\n\nseed({{!r}})\n"
    return [
        Fault(kind, name, seeded_room(folder / f"{kind}-{number}", chapters, text.format(name)), loops)
        for number, (name, loops) in enumerate(named)
    ]
