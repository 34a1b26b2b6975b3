"""Faulty loops that nobody thought of: asyncio's own, with one small mutation of one of its methods in each.

A file for `--loop NAME=PATH:make` changes the method in its own process, where no other loop runs.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
from asyncio import base_events, events, selector_events
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from asyncwith._tests.power.mutants import mutations

if asyncio.SelectorEventLoop.__module__ == "asyncio.unix_events":
    from asyncio import unix_events as own_events
else:
    from asyncio import windows_events as own_events  # type: ignore[no-redef,unused-ignore]

__all__ = ["mutated_loops", "replace"]

METHODS: dict[ModuleType, dict[str, str]] = {
    events: {
        "Handle": "__init__ cancel cancelled get_context _run",
        "TimerHandle": "__init__ __hash__ __lt__ __le__ __gt__ __ge__ __eq__ cancel when",
    },
    base_events: {
        "BaseEventLoop": "__init__ create_future create_task set_task_factory get_task_factory _check_closed "
        "_check_running _asyncgen_finalizer_hook _asyncgen_firstiter_hook shutdown_asyncgens "
        "shutdown_default_executor _do_shutdown run_forever _run_forever_setup _run_forever_cleanup "
        "run_until_complete stop is_closed is_running time close call_later call_at call_soon _call_soon "
        "call_soon_threadsafe run_in_executor set_default_executor get_exception_handler set_exception_handler "
        "default_exception_handler call_exception_handler _add_callback _timer_handle_cancelled _run_once get_debug "
        "set_debug",
    },
    selector_events: {
        "BaseSelectorEventLoop": "_add_reader _remove_reader _add_writer _remove_writer add_reader remove_reader "
        "add_writer remove_writer sock_recv _sock_recv sock_sendall _sock_sendall _read_from_self _write_to_self "
        "_process_events close",
    },
    own_events: {"_UnixSelectorEventLoop": "add_signal_handler remove_signal_handler _handle_signal close"},
}

FILE = """import asyncio

from {here} import replace

replace({module!r}, {owner!r}, {method!r}, {source!r})
make = asyncio.SelectorEventLoop
"""


def mutated_loops() -> Iterator[tuple[str, str]]:
    """Yield the name of each mutated loop, and the text of the file that makes it."""
    for module, owners in METHODS.items():
        classes = [each for each in ast.parse(inspect.getsource(module)).body if isinstance(each, ast.ClassDef)]
        methods = [
            (owner.name, method)
            for owner in classes
            for method in owner.body
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
            and method.name in owners.get(owner.name, "").split()
        ]
        alone: list[ast.stmt] = [ast.ClassDef(owner, [], [], [method], []) for owner, method in methods]
        for index, mutant in mutations(alone, owners):
            owner, method = methods[index]
            source = mutant.source
            text = FILE.format(here=__name__, module=module.__name__, owner=owner, method=method.name, source=source)
            yield mutant.name, text


def replace(module: str, owner: str, method: str, source: str) -> None:
    """Take `method` of the class `owner` from `source`, in the class that `module` has."""
    home = importlib.import_module(module)
    namespace: dict[str, Any] = dict(vars(home))
    exec(compile(source, home.__file__ or "", "exec"), namespace)  # noqa: S102 - that is the mutation
    real, found = getattr(home, owner), vars(namespace[owner]).get(method)
    if found is None:  # what was mutated is that it is there
        delattr(real, method)
        return
    if isinstance(found, FunctionType):
        for name, cell in zip(found.__code__.co_freevars, found.__closure__ or (), strict=True):
            if name == "__class__":
                cell.cell_contents = real  # or `super()` would not know its instances
    setattr(real, method, found)
