"""The event loops under test: what each is called, how anyio starts it, and the door for anybody else's.

No loop library is imported here but inside the function that starts that loop, because importing a stranger's loop
may crash, hang or exit the process.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

from asyncwith.errors import UsageError

__all__ = ["BUILTIN", "UNKNOWN", "Loop", "builtin_loops", "find_loop", "load", "register_loop"]

T = TypeVar("T")
LoopFactory = Callable[[], asyncio.AbstractEventLoop]

UNKNOWN = "version unknown"
DOOR = "for a loop of your own say --loop NAME=MODULE:FACTORY or --loop NAME=PATH.py:FACTORY"


@dataclass(frozen=True)
class Loop:
    """One event loop under test.

    `id` is what people say and type. `family` is how it cancels and shuts down: as asyncio or as trio. `factory` makes an
    asyncio-like loop (None where the backend makes its own). `package` is the distribution whose version is shown.
    `since` is the first Python it can run on. `eager` and `debug` are the two variants of an asyncio-like loop.
    """

    id: str
    family: Literal["asyncio", "trio"] = "asyncio"
    factory: Callable[[], LoopFactory] | None = None
    package: str | None = None
    since: tuple[int, int] = (3, 10)
    eager: bool = False
    debug: bool = False

    def run(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Start a new loop, run `function(*args)` in it to its end, close the loop and return the result."""
        import anyio  # noqa: PLC0415 - importing asyncwith imports no loop library

        return anyio.run(function, *args, backend=self.family, backend_options=self.options())

    def options(self) -> dict[str, Any]:
        """Return the backend options by which anyio starts this loop."""
        if self.family == "trio":
            return {}
        make = asyncio.new_event_loop if self.factory is None else self.factory()
        return {"loop_factory": _eager(make) if self.eager else make, "debug": self.debug}

    def version(self) -> str:
        """Return the version of what provides the loop: the package's, or the Python's."""
        if self.package is None:
            return "of Python " + sys.version.partition(" ")[0] if self.factory is None else UNKNOWN
        return version(self.package)

    def absence(self) -> str | None:
        """Return why the loop cannot be had here, or None if nothing speaks against trying."""
        since = max(self.since, (3, 12)) if self.eager else self.since
        if sys.version_info < since:
            return f"{self.id} needs Python {since[0]}.{since[1]}, this is {sys.version.partition(' ')[0]}"
        if self.package is not None:
            try:
                version(self.package)
            except PackageNotFoundError:
                return f"{self.package} is not installed: pip install {self.package}"
        return None


def _eager(make: LoopFactory) -> LoopFactory:
    def make_eager() -> asyncio.AbstractEventLoop:
        loop = make()
        loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore] # 3.12+, see absence()
        return loop

    return make_eager


def load(target: str) -> Any:
    """Import `module:name` or `path/to/file.py:name` and return what it names; without `:name`, the module itself.

    Raises `UsageError` if there is no such file, module or name; whatever the import itself raises passes through.
    """
    place, colon, name = target.rpartition(":") if not target.endswith(".py") else (target, "", "")
    if not colon:
        place, name = target, ""
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    found: Any = module
    for part in name.split(".") if name else ():
        try:
            found = getattr(found, part)
        except AttributeError:
            raise UsageError(f"{place} has no {name}", f"check the name behind the colon in {target!r}") from None
    return found


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise  # the module is there, but something that it imports is not
        raise UsageError(
            f"there is no module {name!r}", "is it installed in this environment, or in this folder?"
        ) from None


@cache
def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UsageError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


_registry: dict[str, Loop] = {}


def register_loop(loop: Loop) -> None:
    """Make `loop` known by its id. Packages do it with an entry point of the group `asyncwith.loops` that names a `Loop`."""
    _registry[loop.id] = loop


def _uvloop() -> LoopFactory:
    import uvloop  # noqa: PLC0415 - the one door to uvloop

    return uvloop.new_event_loop


def _winloop() -> LoopFactory:
    import winloop  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - the one door to winloop

    return winloop.new_event_loop  # type: ignore[no-any-return,unused-ignore]


register_loop(Loop("asyncio"))
register_loop(Loop("asyncio+eager", eager=True))
if sys.platform == "win32":
    register_loop(Loop("winloop", factory=_winloop, package="winloop"))
else:
    register_loop(Loop("uvloop", factory=_uvloop, package="uvloop"))
register_loop(Loop("trio", family="trio", package="trio"))

BUILTIN = tuple(_registry)


def builtin_loops() -> list[Loop]:
    """Return the loops that a run takes unless told otherwise, in the order of the pages."""
    return [_registry[id_] for id_ in BUILTIN]


@cache
def _entry_points() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group="asyncwith.loops")}


def known_loops() -> list[str]:
    """Return the ids of all loops that can be asked for by id."""
    return list(dict.fromkeys([*_registry, *_entry_points()]))


def find_loop(spec: str) -> Loop:
    """Return the loop that `spec` names: an id, an id with `+eager` or `+debug`, or `name=module:factory`.

    A factory is imported when the loop is started and not before. Raises `UsageError` for an id that nobody knows.
    """
    name, given, target = spec.partition("=")
    base, *variants = name.split("+")
    if given:
        if not (base and all(target.rpartition(":"))):
            raise UsageError(f"--loop {spec!r} is not NAME=MODULE:FACTORY", DOOR)
        return Loop(
            spec.partition("=")[0], factory=lambda: load(target), eager="eager" in variants, debug="debug" in variants
        )
    if name in _registry:
        return _registry[name]
    if base in _entry_points() and base not in _registry:
        found = load(_entry_points()[base])
        register_loop(found if isinstance(found, Loop) else Loop(base, factory=lambda: found))
    loop = _registry.get(base)
    if loop is None or set(variants) - {"eager", "debug"} or (variants and loop.family != "asyncio"):
        raise UsageError(f"there is no loop {spec!r} here; known are {', '.join(known_loops())}", DOOR)
    return replace(loop, id=name, eager="eager" in variants, debug="debug" in variants)
