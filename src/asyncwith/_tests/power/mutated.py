"""Faults that nobody thought of: one small mutation of one method of asyncio's own loop, or of what managers stand on.

A mutated loop is a file for `--loop NAME=PATH:make`, which changes the method in its own process, where no other loop runs.
A mutated part is changed by the first file of a room. There tasks and futures are those written in Python, mutated or not.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from asyncio import futures, tasks
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from asyncwith._tests.power.mutants import mutations
from asyncwith.hosts import NO_LOOP

__all__ = ["mutated_loops", "mutated_parts", "replace", "same_parts", "use_python_tasks"]

# Of a module the classes, each with the methods that are mutated.
LOOPS: dict[str, dict[str, str]] = {
    "asyncio.events": {
        "Handle": "__init__ cancel cancelled get_context _run",
        "TimerHandle": "__init__ __hash__ __lt__ __le__ __gt__ __ge__ __eq__ cancel when",
    },
    "asyncio.base_events": {
        "BaseEventLoop": "__init__ create_future create_task set_task_factory get_task_factory _check_closed "
        "_check_running _asyncgen_finalizer_hook _asyncgen_firstiter_hook shutdown_asyncgens "
        "shutdown_default_executor _do_shutdown run_forever _run_forever_setup _run_forever_cleanup "
        "run_until_complete stop is_closed is_running time close call_later call_at call_soon _call_soon "
        "call_soon_threadsafe run_in_executor set_default_executor get_exception_handler set_exception_handler "
        "default_exception_handler call_exception_handler _add_callback _timer_handle_cancelled _run_once get_debug "
        "set_debug",
    },
    "asyncio.selector_events": {
        "BaseSelectorEventLoop": "_add_reader _remove_reader _add_writer _remove_writer add_reader remove_reader "
        "add_writer remove_writer sock_recv _sock_recv sock_sendall _sock_sendall _read_from_self _write_to_self "
        "_process_events close",
    },
}
if sys.platform != "win32":
    LOOPS["asyncio.unix_events"] = {
        "_UnixSelectorEventLoop": "add_signal_handler remove_signal_handler _handle_signal close"
    }

# Of a module the classes and functions.
PARTS: dict[str, str] = {
    "asyncio.locks": "_ContextManagerMixin Lock Event Condition Semaphore BoundedSemaphore Barrier",
    "asyncio.queues": "Queue PriorityQueue LifoQueue",
    "asyncio.runners": "Runner run _cancel_all_tasks",
    "asyncio.tasks": "Task all_tasks create_task wait _release_waiter wait_for _wait _cancel_and_wait _AsCompletedIterator "
    "as_completed sleep ensure_future _ensure_future _GatheringFuture gather shield run_coroutine_threadsafe",
    "asyncio.futures": "Future _set_result_unless_cancelled _convert_future_exc _set_concurrent_future_state "
    "_copy_future_state _chain_future wrap_future",
    "asyncio.threads": "to_thread",
    "anyio._backends._asyncio": "CancelScope TaskState _AsyncioTaskStatus TaskGroup WorkerThread BlockingPortal Event "
    "Lock Semaphore CapacityLimiter find_root_task _task_started is_anyio_cancellation",
    "anyio._core._tasks": "CancelScope fail_at fail_after move_on_at move_on_after current_effective_deadline "
    "create_task_group TaskHandle",
    "anyio._core._synchronization": "Event EventAdapter Lock LockAdapter Condition Semaphore SemaphoreAdapter "
    "CapacityLimiter CapacityLimiterAdapter ResourceGuard",
    "anyio.streams.memory": "_MemoryObjectItemReceiver _MemoryObjectStreamState MemoryObjectReceiveStream "
    "MemoryObjectSendStream",
    "anyio.from_thread": "run run_sync _BlockingAsyncContextManager _BlockingPortalTaskStatus BlockingPortal "
    "BlockingPortalProvider start_blocking_portal",
    "trio._core._run": "Deadlines CancelStatus CancelScope _TaskStatus NurseryManager open_nursery Nursery Task "
    "collapse_exception_group current_effective_deadline checkpoint checkpoint_if_cancelled",
    "trio._core._parking_lot": "ParkingLot add_parking_lot_breaker remove_parking_lot_breaker",
    "trio._sync": "Event AsyncContextManagerMixin CapacityLimiter Semaphore _LockImpl Lock StrictFIFOLock Condition",
    "trio._timeouts": "move_on_at move_on_after sleep_forever sleep_until sleep fail_at fail_after",
}
if sys.version_info >= (3, 11):
    PARTS |= {"asyncio.timeouts": "Timeout timeout timeout_at", "asyncio.taskgroups": "TaskGroup"}
# Of a package the loops on which the clauses are to see what is wrong.
SEEN = {"asyncio": ("asyncio", NO_LOOP), "anyio": ("asyncio", "trio"), "trio": ("trio",)}
UNJUDGED = ("__repr__", "__str__", "statistics")  # what is shown to people

LOOP_FILE = """import asyncio

from {here} import replace

replace({module!r}, {owner!r}, {name!r}, {source!r})
make = asyncio.SelectorEventLoop
"""
PART_FILE = """from {here} import replace, use_python_tasks

replace({module!r}, {owner!r}, {name!r}, {source!r})
use_python_tasks()
"""


def mutated_loops() -> Iterator[tuple[str, str]]:
    """Yield the name of each mutated loop, and the text of the file that makes it."""
    for module, owners in LOOPS.items():
        yield from _mutated(module, owners, LOOP_FILE)


def mutated_parts(parts: Mapping[str, str] = PARTS) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield the name of each mutated part, where it shows, and the text of the file that seeds it."""
    for module, names in parts.items():
        for name, text in _mutated(module, dict.fromkeys(names.split(), ""), PART_FILE):
            yield f"{module}: {name}", SEEN[module.partition(".")[0]], text


def same_parts() -> None:
    """Replace every part by itself: the control."""
    for module, names in PARTS.items():
        for owner, name, unit in _units(module, dict.fromkeys(names.split(), "")):
            replace(module, owner, name, ast.unparse(unit))
    use_python_tasks()


def _mutated(module: str, owners: Mapping[str, str], template: str) -> Iterator[tuple[str, str]]:
    units = list(_units(module, owners))
    for index, mutant in mutations([unit for *_, unit in units], owners):
        owner, name, _ = units[index]
        yield (
            mutant.name,
            template.format(here=__name__, module=module, owner=owner, name=name, source=mutant.source),
        )


def _units(
    module: str, owners: Mapping[str, str]
) -> Iterator[tuple[str, str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield what is replaced at once: a function, or all that a class calls by one name, as getter and setter are."""
    for top in ast.parse(inspect.getsource(importlib.import_module(module))).body:
        if isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef) and top.name in owners:
            yield "", top.name, top
        if not isinstance(top, ast.ClassDef) or top.name not in owners:
            continue
        methods: dict[str, list[ast.stmt]] = {}
        for each in top.body:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                methods.setdefault(each.name, []).append(each)
        for name, definitions in methods.items():
            if name not in UNJUDGED and name in (owners[top.name].split() or methods):
                yield top.name, name, ast.ClassDef(top.name, [], [], definitions, [])


def replace(module: str, owner: str, name: str, source: str) -> None:
    """Take the function `name` from `source`, or the method of the class `owner`, in the `module` and wherever it is known."""
    home = importlib.import_module(module)
    defined: dict[str, Any] = {}
    exec(compile(source, home.__file__ or "", "exec"), vars(home), defined)  # noqa: S102 - that is the mutation
    if not owner:
        _replace_everywhere(getattr(home, name), defined[name])
        return
    real: type = getattr(home, f"_Py{owner}", None) or getattr(home, owner)
    if name.startswith("__") and not name.endswith("__"):
        name = f"_{owner.lstrip('_')}{name}"
    found = vars(defined[owner]).get(name)
    if found is None:  # what was mutated is that it is there
        delattr(real, name)
        return
    for function in (found, *(getattr(found, each, None) for each in ("fget", "fset", "__func__", "__wrapped__"))):
        if isinstance(function, FunctionType):
            for cell_name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
                if cell_name == "__class__":
                    cell.cell_contents = real  # or `super()` would not know its instances
    setattr(real, name, found)


def _replace_everywhere(real: object, found: object) -> None:
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is real:
                setattr(module, name, found)


def use_python_tasks() -> None:
    """Use the tasks and futures that are written in Python, which is where mutations can be."""
    for module, name in ((futures, "Future"), (tasks, "Task")):
        _replace_everywhere(getattr(module, name), getattr(module, f"_Py{name}"))
    if sys.version_info >= (3, 14):  # they tell who runs to functions of their own
        for name in ("current_task", "all_tasks"):
            _replace_everywhere(getattr(tasks, name), getattr(tasks, f"_py_{name}"))
