"""Faulty parts of asyncio, anyio, trio and Python: locks, groups, timeouts, scopes, runners, each with one fault.

Each function below seeds one fault in the process that calls it; its docstring says what is wrong then. `on` names the loops
where the clauses are to see it.
"""

# mypy: disable-error-code="arg-type, assignment, attr-defined, call-overload, func-returns-value, method-assign, misc, no-any-return, override, return-value, type-arg, union-attr, valid-type"
# (what is replaced here was not made to be replaced)
# ruff: noqa: ASYNC109, BLE001, E501, PLW0108, SIM115 - faults are written as the careless write them

from __future__ import annotations

import abc
import asyncio
import collections
import concurrent.futures
import contextlib
import contextvars
import decimal
import gc
import inspect
import math
import os
import signal
import sqlite3
import sys
import tempfile
import threading
import types
import typing
import unittest
from collections.abc import Callable
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import trio
from anyio._backends import _asyncio as anyio_asyncio

from asyncwith.hosts import NO_LOOP

__all__ = ["faults", "seed"]

Seed = Callable[[], None]
_seeds: dict[str, tuple[Seed, tuple[str, ...], tuple[int, int]]] = {}


def on(*loops: str, since: tuple[int, int] = (3, 10)) -> Callable[[Seed], Seed]:
    """Declare a fault that shows on `loops`."""

    def declare(function: Seed) -> Seed:
        _seeds[function.__name__.replace("_", " ")] = (function, loops, since)
        return function

    return declare


def faults() -> list[tuple[str, tuple[str, ...]]]:
    """Return the faults that this Python can have, each with the loops where it shows."""
    return [(name, loops) for name, (_, loops, since) in _seeds.items() if sys.version_info >= since]


def seed(name: str) -> None:
    """Seed one fault in this process."""
    if name != "control":
        _seeds[name][0]()


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace the attribute `name` of `owner` by what `make` makes of it."""
    setattr(owner, name, make(getattr(owner, name)))


async def _nothing(*args: Any, **kwargs: Any) -> None:
    """Stand in for what waits."""


# Locks and their like of asyncio

LOCKS = (asyncio.Lock, asyncio.Semaphore, asyncio.Condition)


@on("asyncio")
def locks_are_kept_after_an_error() -> None:
    """`async with lock` releases only after a good body."""
    for kind in LOCKS:

        async def leave(self: Any, exc_type: Any, exc: Any, tb: Any) -> None:
            if exc_type is None:
                self.release()

        kind.__aexit__ = leave


@on("asyncio")
def locks_are_kept_after_a_cancellation() -> None:
    """`async with lock` does not release when it is cancelled."""
    for kind in LOCKS:

        async def leave(self: Any, exc_type: Any, exc: Any, tb: Any) -> None:
            if exc_type is None or issubclass(exc_type, Exception):
                self.release()

        kind.__aexit__ = leave


@on("asyncio")
def locks_give_themselves() -> None:
    """`async with lock as x` binds the lock."""
    for kind in LOCKS:

        async def enter(self: Any) -> Any:
            await self.acquire()
            return self

        kind.__aenter__ = enter


@on("asyncio")
def locks_let_run_when_free() -> None:
    """Taking a free lock lets other tasks run."""
    for kind in (asyncio.Lock, asyncio.Semaphore):

        def make(original: Any) -> Any:
            async def acquire(self: Any) -> Any:
                await asyncio.sleep(0)
                return await original(self)

            return acquire

        wrap(kind, "acquire", make)


@on("asyncio")
def locks_serve_the_last_first() -> None:
    """Of those who wait for a lock the last is served first."""

    class Deque(collections.deque):
        def append(self, item: Any) -> None:
            self.appendleft(item)

    for name in ("locks", "queues"):
        module = getattr(asyncio, name)
        module.collections = types.SimpleNamespace(deque=Deque)


@on("asyncio")
def locks_are_handed_over_to_whoever_asks() -> None:
    """Who asks for a lock or semaphore comes before those who wait if it is free at that moment."""

    async def acquire(self: Any) -> bool:
        while self._locked:
            if self._waiters is None:
                self._waiters = collections.deque()
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
        self._locked = True
        return True

    asyncio.Lock.acquire = acquire


@on("asyncio")
def locks_lose_the_turn_of_a_cancelled_waiter() -> None:
    """If the waiter that a lock was released for is cancelled, nobody gets the lock."""

    async def acquire(self: Any) -> bool:
        if not self._locked and not self._waiters:
            self._locked = True
            return True
        if self._waiters is None:
            self._waiters = collections.deque()
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter
        self._waiters.remove(waiter)
        self._locked = True
        return True

    asyncio.Lock.acquire = acquire


@on("asyncio")
def locks_let_everybody_in() -> None:
    """A lock is never held."""

    async def acquire(self: Any) -> bool:
        return True

    asyncio.Lock.acquire = acquire
    asyncio.Lock.release = lambda self: None


@on("asyncio")
def locks_may_be_released_twice() -> None:
    """Releasing a free lock is no error."""

    def make(original: Any) -> Any:
        return lambda self: original(self) if self.locked() else None

    wrap(asyncio.Lock, "release", make)


@on("asyncio")
def locks_know_their_owner() -> None:
    """A lock is refused to the task that has it, and its release to any other."""

    def make_acquire(original: Any) -> Any:
        async def acquire(self: Any) -> Any:
            if self.locked() and getattr(self, "owner", None) is asyncio.current_task():
                raise RuntimeError("you have it")
            result = await original(self)
            self.owner = asyncio.current_task()
            return result

        return acquire

    def make_release(original: Any) -> Any:
        def release(self: Any) -> None:
            if self.locked() and getattr(self, "owner", None) is not asyncio.current_task():
                raise RuntimeError("it is not yours")
            original(self)

        return release

    wrap(asyncio.Lock, "acquire", make_acquire)
    wrap(asyncio.Lock, "release", make_release)


@on("asyncio")
def locks_serve_any_loop() -> None:
    """A lock may be waited for in another loop than before."""
    mixin = asyncio.Lock.__mro__[1] if hasattr(asyncio.Lock.__mro__[1], "_get_loop") else asyncio.Lock
    mixin._get_loop = lambda self: asyncio.get_running_loop()


@on("asyncio", "trio")
def locks_serve_with_too() -> None:
    """`with lock` is not refused."""
    for kind in (*LOCKS, trio.Lock, anyio_asyncio.Lock):
        kind.__enter__ = lambda self: self
        kind.__exit__ = lambda self, *error: None


@on("asyncio")
def semaphores_let_in_one_more() -> None:
    """A semaphore has a permit more than it was given."""

    def make(original: Any) -> Any:
        def init(self: Any, value: int = 1, **kwargs: Any) -> None:
            original(self, value + 1, **kwargs)

        return init

    wrap(asyncio.Semaphore, "__init__", make)


@on("asyncio")
def semaphores_have_no_bound() -> None:
    """A bounded semaphore may be released above its bound."""
    asyncio.BoundedSemaphore.release = asyncio.Semaphore.release


@on("asyncio")
def semaphores_lose_permits() -> None:
    """A permit released for a task that is cancelled is lost."""

    async def acquire(self: Any) -> bool:
        if self._value > 0 and not self._waiters:
            self._value -= 1
            return True
        if self._waiters is None:
            self._waiters = collections.deque()
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter
        return True

    def release(self: Any) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(True)
                return
        self._value += 1

    asyncio.Semaphore.acquire = acquire
    asyncio.Semaphore.release = release


@on("asyncio")
def conditions_are_not_taken_back() -> None:
    """A task that waited for a condition goes on without the lock."""

    async def wait(self: Any) -> bool:
        self.release()
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)
        return True

    asyncio.Condition.wait = wait


@on("asyncio")
def conditions_notify_everybody() -> None:
    """notify() wakes all that wait."""
    asyncio.Condition.notify = lambda self, n=1: [each.done() or each.set_result(False) for each in self._waiters]


@on("asyncio")
def conditions_keep_the_first_cancellation() -> None:
    """If a wait for a condition is cancelled twice, the first message comes out in every Python."""

    def make(original: Any) -> Any:
        async def wait(self: Any) -> bool:
            first = None
            self.release()
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError as error:
                first = error
            finally:
                self._waiters.remove(waiter)
                while True:
                    try:
                        await self.acquire()
                        break
                    except asyncio.CancelledError:
                        continue
            if first is not None:
                raise asyncio.CancelledError("neither the one nor the other")
            return True

        return wait

    wrap(asyncio.Condition, "wait", make)


@on("asyncio", since=(3, 11))
def barriers_do_not_wait() -> None:
    """A barrier lets everybody through at once."""

    async def wait(self: Any) -> int:
        return 0

    asyncio.Barrier.wait = wait


@on("asyncio")
def queues_are_stacks() -> None:
    """The last item comes out first."""
    asyncio.Queue._get = lambda self: self._queue.pop()


@on("asyncio")
def queues_are_never_full() -> None:
    """A queue takes whatever it is given."""
    asyncio.Queue.full = lambda self: False


# Groups, timeouts and waiting of asyncio


@on("asyncio", since=(3, 11))
def groups_do_not_wait() -> None:
    """The exit of a TaskGroup does not wait for the tasks."""

    async def leave(self: Any, *error: Any) -> None:
        pass

    asyncio.TaskGroup.__aexit__ = leave


@on("asyncio", since=(3, 11))
def groups_do_not_cancel() -> None:
    """A task that fails does not stop its siblings, nor does the body."""
    asyncio.TaskGroup._abort = lambda self: None


@on("asyncio", since=(3, 11))
def groups_do_not_wrap() -> None:
    """A single error leaves a TaskGroup as it is."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            try:
                return await original(self, *error)
            except BaseExceptionGroup as group:  # noqa: F821 - since 3.11
                if len(group.exceptions) == 1:
                    raise group.exceptions[0] from None
                raise

        return leave

    wrap(asyncio.TaskGroup, "__aexit__", make)


@on("asyncio", since=(3, 11))
def groups_keep_the_first_error_only() -> None:
    """Errors after the first are lost."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            try:
                return await original(self, *error)
            except BaseExceptionGroup as group:  # noqa: F821 - since 3.11
                raise group.derive(group.exceptions[:1]) from None

        return leave

    wrap(asyncio.TaskGroup, "__aexit__", make)


@on("asyncio", since=(3, 11))
def groups_swallow_errors() -> None:
    """No error leaves a TaskGroup."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            try:
                return await original(self, *error)
            except Exception:
                return True

        return leave

    wrap(asyncio.TaskGroup, "__aexit__", make)


@on("asyncio", since=(3, 11))
def groups_wrap_interrupts() -> None:
    """KeyboardInterrupt and SystemExit leave a TaskGroup in a group."""
    asyncio.TaskGroup._is_base_error = lambda self, error: False


@on("asyncio", since=(3, 11))
def groups_swallow_cancellation() -> None:
    """A cancellation from outside ends at the group."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            try:
                return await original(self, *error)
            except asyncio.CancelledError:
                return True

        return leave

    wrap(asyncio.TaskGroup, "__aexit__", make)


@on("asyncio", since=(3, 11))
def groups_may_be_used_again() -> None:
    """A TaskGroup forgets that it was entered and left."""

    def make(original: Any) -> Any:
        async def enter(self: Any) -> Any:
            self.__init__()
            return await original(self)

        return enter

    wrap(asyncio.TaskGroup, "__aenter__", make)


@on("asyncio", since=(3, 11))
def groups_take_tasks_at_any_time() -> None:
    """A TaskGroup that is not active starts tasks on its own account."""

    def make(original: Any) -> Any:
        def create_task(self: Any, coro: Any, **kwargs: Any) -> Any:
            if not self._entered or (self._exiting and not self._tasks):
                return asyncio.get_running_loop().create_task(coro)
            return original(self, coro, **kwargs)

        return create_task

    wrap(asyncio.TaskGroup, "create_task", make)


@on("asyncio", since=(3, 11))
def groups_keep_their_cancellation() -> None:
    """The request by which a TaskGroup cancels its own body is not taken back."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            try:
                return await original(self, *error)
            finally:
                if self._parent_cancel_requested:
                    self._parent_task.cancel()

        return leave

    wrap(asyncio.TaskGroup, "__aexit__", make)


@on("asyncio", since=(3, 11))
def groups_lose_cancellations_from_outside() -> None:
    """A TaskGroup that fails takes back every request for cancellation."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            try:
                return await original(self, *error)
            finally:
                while self._parent_task.uncancel():
                    pass

        return leave

    wrap(asyncio.TaskGroup, "__aexit__", make)


@on("asyncio", since=(3, 11))
def groups_let_run_when_empty() -> None:
    """Leaving an empty TaskGroup lets other tasks run."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            await asyncio.sleep(0)
            return await original(self, *error)

        return leave

    wrap(asyncio.TaskGroup, "__aexit__", make)


@on("asyncio", since=(3, 14))  # releases of asyncio before 3.12.8 and 3.13.1 did so, too
def groups_keep_their_errors() -> None:
    """A TaskGroup keeps a list of its errors."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            try:
                return await original(self, *error)
            except BaseException as raised:
                self.kept = raised
                raise

        return leave

    wrap(asyncio.TaskGroup, "__aexit__", make)


if sys.version_info >= (3, 11):
    from asyncio import timeouts

    def _leave_timeout(after: Callable[[Any, Any], Any]) -> None:
        def make(original: Any) -> Any:
            async def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
                try:
                    result = await original(self, kind, error, traceback)
                except TimeoutError as raised:
                    return after(self, raised)
                return after(self, None) if result is None else result

            return leave

        wrap(timeouts.Timeout, "__aexit__", make)


@on("asyncio", since=(3, 11))
def timeouts_raise_the_cancellation() -> None:
    """A timeout that expires leaves the cancellation as it is."""

    def make(original: Any) -> Any:
        async def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
            try:
                return await original(self, kind, error, traceback)
            except TimeoutError:
                raise error from None

        return leave

    wrap(timeouts.Timeout, "__aexit__", make)


@on("asyncio", since=(3, 11))
def timeouts_raise_without_cause() -> None:
    """The TimeoutError does not tell of the cancellation."""

    def after(self: Any, error: Any) -> None:
        if error is not None:
            raise TimeoutError from None

    _leave_timeout(after)


@on("asyncio", since=(3, 11))
def timeouts_suppress() -> None:
    """A timeout that expires suppresses the cancellation and raises nothing."""
    _leave_timeout(lambda self, error: error is not None)


@on("asyncio", since=(3, 11))
def timeouts_convert_every_cancellation() -> None:
    """Any cancellation becomes a TimeoutError."""

    def make(original: Any) -> Any:
        async def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
            if kind is asyncio.CancelledError:
                asyncio.current_task().uncancel()
                raise TimeoutError from error
            return await original(self, kind, error, traceback)

        return leave

    wrap(timeouts.Timeout, "__aexit__", make)


@on("asyncio", since=(3, 11))
def timeouts_raise_after_a_good_body() -> None:
    """A timeout that has expired raises although nothing was cancelled."""

    def after(self: Any, error: Any) -> None:
        if error is not None or self.expired() or (self.when() or 1e99) <= asyncio.get_running_loop().time():
            raise error or TimeoutError

    _leave_timeout(after)


@on("asyncio", since=(3, 11))
def timeouts_keep_the_request() -> None:
    """The request by which a timeout cancels is still counted afterwards."""

    def after(self: Any, error: Any) -> None:
        if error is not None:
            self._task._num_cancels_requested = 1 if hasattr(self._task, "_num_cancels_requested") else 0
            asyncio.current_task().cancel()
            raise error

    _leave_timeout(after)


@on("asyncio", since=(3, 11))
def timeouts_cannot_be_moved() -> None:
    """reschedule() does nothing."""
    timeouts.Timeout.reschedule = lambda self, when: None


@on("asyncio", since=(3, 11))
def timeouts_go_on_after_exit() -> None:
    """The timer of a timeout is not stopped at the exit."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            if self._timeout_handler is not None and not self.expired():
                task, self._timeout_handler = self._task, None
                asyncio.get_running_loop().call_at(self._when, task.cancel)
            return await original(self, *error)

        return leave

    wrap(timeouts.Timeout, "__aexit__", make)


@on("asyncio", since=(3, 11))
def timeouts_may_be_entered_again() -> None:
    """A timeout forgets that it was entered."""

    def make(original: Any) -> Any:
        async def enter(self: Any) -> Any:
            self.__init__(self._when)
            return await original(self)

        return enter

    wrap(timeouts.Timeout, "__aenter__", make)


@on("asyncio", since=(3, 11))
def timeouts_need_no_task() -> None:
    """A timeout outside any task is entered and does nothing."""

    def make(original: Any) -> Any:
        async def enter(self: Any) -> Any:
            return self if asyncio.current_task() is None else await original(self)

        return enter

    wrap(timeouts.Timeout, "__aenter__", make)


@on("asyncio", since=(3, 11))
def timeouts_serve_with_too() -> None:
    """`with asyncio.timeout(…)` is not refused."""
    timeouts.Timeout.__enter__ = lambda self: self
    timeouts.Timeout.__exit__ = lambda self, *error: None


@on("asyncio", since=(3, 11))
def timeouts_begin_when_entered() -> None:
    """The delay of a timeout begins at enter."""

    def timeout(delay: Any) -> Any:
        found = timeouts.Timeout(None)

        def begin(original: Any) -> Any:
            async def enter() -> Any:
                found._when = None if delay is None else asyncio.get_running_loop().time() + delay
                return await original()

            return enter

        kind = type("Timeout", (timeouts.Timeout,), {})
        kind.__aenter__ = lambda self: begin(lambda: timeouts.Timeout.__aenter__(self))()
        found.__class__ = kind
        return found

    asyncio.timeout = timeout


@on("asyncio", since=(3, 11))
def timeouts_replace_errors() -> None:
    """An error that an exit raises inside an expired timeout becomes a TimeoutError."""

    def make(original: Any) -> Any:
        async def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
            result = await original(self, kind, error, traceback)
            if self.expired() and kind is not None and issubclass(kind, Exception):
                raise TimeoutError from error
            return result

        return leave

    wrap(timeouts.Timeout, "__aexit__", make)


@on("asyncio")
def waiting_for_gives_up_at_once() -> None:
    """wait_for raises without waiting for what it has cancelled."""

    async def wait_for(awaitable: Any, timeout: Any) -> Any:
        task = asyncio.ensure_future(awaitable)
        done, _ = await asyncio.wait([task], timeout=timeout)
        if not done:
            asyncio.get_running_loop().call_soon(task.cancel)
            raise asyncio.TimeoutError
        return task.result()

    asyncio.wait_for = wait_for


@on("asyncio")
def waiting_for_runs_elsewhere() -> None:
    """wait_for has a task of its own where it should not, and none where it should."""

    def make(original: Any) -> Any:
        async def wait_for(awaitable: Any, timeout: Any) -> Any:
            if sys.version_info < (3, 12):
                return await awaitable
            return await original(asyncio.ensure_future(awaitable), timeout)

        return wait_for

    wrap(asyncio, "wait_for", make)


@on("asyncio")
def waiting_cancels() -> None:
    """wait cancels what is not done in time."""

    def make(original: Any) -> Any:
        async def wait(*args: Any, **kwargs: Any) -> Any:
            done, pending = await original(*args, **kwargs)
            for task in pending:
                task.cancel()
            return done, pending

        return wait

    wrap(asyncio, "wait", make)


@on("asyncio")
def gathering_sorts_by_end() -> None:
    """gather gives results in the order in which they come."""

    async def gather(*awaitables: Any, return_exceptions: bool = False) -> Any:
        return [await each for each in asyncio.as_completed(awaitables)]

    asyncio.gather = gather


@on("asyncio")
def gathering_leaves_children() -> None:
    """Cancelling a gather does not cancel its children."""

    def make(original: Any) -> Any:
        return lambda *awaitables, **kwargs: original(
            *map(asyncio.shield, map(asyncio.ensure_future, awaitables)), **kwargs
        )

    wrap(asyncio, "gather", make)


@on("asyncio")
def gathering_cancels_the_others() -> None:
    """The first error cancels the other children of a gather."""

    def make(original: Any) -> Any:
        def gather(*awaitables: Any, return_exceptions: bool = False) -> Any:
            tasks = [asyncio.ensure_future(each) for each in awaitables]

            def stop(done: Any) -> None:
                if not return_exceptions and not done.cancelled() and done.exception():
                    for task in tasks:
                        task.cancel()

            for task in tasks:
                task.add_done_callback(stop)
            return original(*tasks, return_exceptions=return_exceptions)

        return gather

    wrap(asyncio, "gather", make)


@on("asyncio")
def gathering_raises_always() -> None:
    """gather takes no notice of return_exceptions."""

    def make(original: Any) -> Any:
        return lambda *awaitables, **kwargs: original(*awaitables)

    wrap(asyncio, "gather", make)


@on("asyncio")
def shields_do_not_hold() -> None:
    """shield lets the cancellation through."""
    asyncio.shield = lambda awaitable: asyncio.ensure_future(awaitable)


@on("asyncio")
def shields_lose_results() -> None:
    """What is shielded gives None."""

    async def shield(awaitable: Any) -> None:
        await asyncio.wait([asyncio.ensure_future(awaitable)])

    asyncio.shield = lambda awaitable: asyncio.ensure_future(shield(awaitable))


@on("asyncio")
def completion_is_in_order_of_arguments() -> None:
    """as_completed gives results in the order of its arguments."""
    asyncio.as_completed = lambda awaitables, **kwargs: iter([asyncio.ensure_future(each) for each in awaitables])


@on("asyncio")
def sleeping_does_not_let_run() -> None:
    """sleep(0) returns at once."""

    def make(original: Any) -> Any:
        async def sleep(delay: float, result: Any = None) -> Any:
            return await original(delay, result) if delay > 0 else result

        return sleep

    wrap(asyncio, "sleep", make)


@on("asyncio")
def sleeping_gives_nothing() -> None:
    """sleep loses the result it was told."""

    def make(original: Any) -> Any:
        async def sleep(delay: float, result: Any = None) -> None:
            await original(delay)

        return sleep

    wrap(asyncio, "sleep", make)


@on("asyncio")
def threads_of_asyncio_have_no_context() -> None:
    """to_thread runs in an empty context."""

    async def to_thread(function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*args, **kwargs))

    asyncio.to_thread = to_thread


@on("asyncio")
def coroutines_from_threads_lose_errors() -> None:
    """run_coroutine_threadsafe gives None for what fails."""

    def make(original: Any) -> Any:
        async def careful(coro: Any) -> Any:
            try:
                return await coro
            except Exception:
                return None

        return lambda coro, loop: original(careful(coro), loop)

    wrap(asyncio, "run_coroutine_threadsafe", make)


@on("asyncio")
def current_task_is_none() -> None:
    """There is never a current task."""
    asyncio.current_task = lambda loop=None: None


@on("asyncio")
def all_tasks_are_none() -> None:
    """all_tasks() forgets one."""

    def make(original: Any) -> Any:
        return lambda loop=None: set(sorted(original(loop), key=id)[1:])

    wrap(asyncio, "all_tasks", make)


@on("asyncio")
def stacks_of_tasks_are_empty() -> None:
    """Task.get_stack() and print_stack() show nothing."""
    asyncio.base_tasks._task_get_stack.__code__ = (
        lambda task, limit: []
    ).__code__  # tasks written in C keep the function
    if hasattr(asyncio, "capture_call_graph"):
        asyncio.capture_call_graph = lambda *args, **kwargs: None


# Runs

if sys.version_info >= (3, 11):
    from asyncio import runners
else:
    runners = asyncio.runners


@on("asyncio")
def runs_leave_tasks() -> None:
    """Tasks that are pending at the end of a run are not cancelled."""
    for module in (runners, anyio_asyncio):
        if hasattr(module, "_cancel_all_tasks"):
            module._cancel_all_tasks = lambda loop: None
    if sys.version_info < (3, 11):
        anyio_asyncio._cancel_all_tasks = lambda loop: None


@on("asyncio")
def runs_do_not_wait_for_tasks() -> None:
    """Tasks that are pending at the end of a run are cancelled and not waited for."""

    def cancel(loop: Any) -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    for module in (runners, anyio_asyncio):
        if hasattr(module, "_cancel_all_tasks"):
            module._cancel_all_tasks = cancel


@on("asyncio")
def runs_cancel_tasks_silently() -> None:
    """What tasks raise while they are cancelled at the end of a run is not reported."""

    def cancel(loop: Any) -> None:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
            for task in tasks:
                task.cancelled() or task.exception()

    for module in (runners, anyio_asyncio):
        if hasattr(module, "_cancel_all_tasks"):
            module._cancel_all_tasks = cancel


@on("asyncio")
def runs_close_generators_first() -> None:
    """The end of a run closes generators before it cancels tasks."""

    def make(original: Any) -> Any:
        def cancel(loop: Any) -> None:
            loop.run_until_complete(loop.shutdown_asyncgens())
            original(loop)

        return cancel

    for module in (runners, anyio_asyncio):
        if hasattr(module, "_cancel_all_tasks"):
            wrap(module, "_cancel_all_tasks", make)


@on("asyncio", since=(3, 11))
def runs_take_no_interrupt() -> None:
    """SIGINT raises KeyboardInterrupt wherever the run is."""
    runners.Runner._on_sigint = lambda self, signum, frame, main_task: signal.default_int_handler(signum, frame)


@on("asyncio", since=(3, 11))
def runs_take_one_interrupt() -> None:
    """SIGINT cancels the main task, and so does the second."""

    def interrupt(self: Any, signum: Any, frame: Any, main_task: Any) -> None:
        self._interrupt_count += 1
        main_task.cancel()
        self._loop.call_soon_threadsafe(lambda: None)

    runners.Runner._on_sigint = interrupt


@on("asyncio", since=(3, 11))
def runs_replace_handlers_of_sigint() -> None:
    """A run puts its own handler in the place of the program's."""

    def make(original: Any) -> Any:
        def run(self: Any, coro: Any, **kwargs: Any) -> Any:
            before = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                return original(self, coro, **kwargs)
            finally:
                signal.signal(signal.SIGINT, before)

        return run

    wrap(runners.Runner, "run", make)


@on("asyncio", since=(3, 11))
def runs_lose_the_result_after_an_interrupt() -> None:
    """A run that was interrupted raises KeyboardInterrupt though its main coroutine has finished."""

    def make(original: Any) -> Any:
        def run(self: Any, coro: Any, **kwargs: Any) -> Any:
            result = original(self, coro, **kwargs)
            if self._interrupt_count:
                raise KeyboardInterrupt
            return result

        return run

    wrap(runners.Runner, "run", make)


@on("asyncio", since=(3, 11))
def runs_raise_interrupt_when_cancelled() -> None:
    """A main task that is cancelled ends the run with KeyboardInterrupt."""

    def make(original: Any) -> Any:
        def run(self: Any, coro: Any, **kwargs: Any) -> Any:
            try:
                return original(self, coro, **kwargs)
            except asyncio.CancelledError:
                raise KeyboardInterrupt from None

        return run

    wrap(runners.Runner, "run", make)


@on("asyncio", since=(3, 11))
def runners_have_a_context_for_each_run() -> None:
    """The runs of one Runner share no context."""

    def make(original: Any) -> Any:
        def run(self: Any, coro: Any, *, context: Any = None) -> Any:
            return original(self, coro, context=contextvars.copy_context())

        return run

    wrap(runners.Runner, "run", make)


@on("asyncio", since=(3, 11))
def runners_may_be_used_when_closed() -> None:
    """A Runner that was closed makes another loop."""

    def make(original: Any) -> Any:
        def run(self: Any, coro: Any, **kwargs: Any) -> Any:
            if self._state is runners._State.CLOSED:
                self._state = runners._State.CREATED
            return original(self, coro, **kwargs)

        return run

    wrap(runners.Runner, "run", make)


@on("asyncio", since=(3, 11))
def runners_refuse_nothing() -> None:
    """Runner.run awaits whatever it is given, on every Python, and calls functions."""

    def make(original: Any) -> Any:
        def run(self: Any, coro: Any, **kwargs: Any) -> Any:
            async def itself() -> Any:
                return await coro if hasattr(coro, "__await__") else coro

            return original(self, coro if inspect.iscoroutine(coro) else itself(), **kwargs)

        return run

    wrap(runners.Runner, "run", make)
    runners.Runner.__aenter__ = lambda self: None


@on("asyncio", since=(3, 11))
def runs_nest() -> None:
    """A loop may be run inside a coroutine."""
    asyncio.BaseEventLoop._check_running = lambda self: None


# anyio on asyncio

Scope = anyio_asyncio.CancelScope


@on("asyncio")
def scopes_do_not_cancel() -> None:
    """cancel() of a scope does nothing."""
    Scope.cancel = lambda self, reason=None: None


@on("asyncio")
def scopes_cancel_once() -> None:
    """A scope cancels one await, and not the next."""

    def make(original: Any) -> Any:
        def deliver(self: Any, origin: Any) -> bool:
            if getattr(origin, "_cancel_reason", None) == "once":
                return False
            found = original(self, origin)
            if origin is self and any(task.cancelling() for task in self._tasks):
                origin._cancel_reason = "once"
                return False
            return bool(found)

        return deliver

    wrap(Scope, "_deliver_cancellation", make)


@on("asyncio")
def scopes_have_no_deadline() -> None:
    """The deadline of a scope never comes."""
    Scope._timeout = lambda self: None


@on("asyncio")
def scopes_do_not_shield() -> None:
    """A shield lets everything through."""
    Scope.shield = property(lambda self: False, lambda self, value: None)
    wrap(Scope, "__init__", lambda original: lambda self, deadline=float("inf"), shield=False: original(self, deadline))


@on("asyncio")
def scopes_shield_for_ever() -> None:
    """A shield cannot be taken away."""
    Scope.shield = property(lambda self: self._shield, lambda self, value: value and setattr(self, "_shield", True))


@on("asyncio")
def scopes_catch_nothing() -> None:
    """A cancellation leaves the scope that made it."""

    def make(original: Any) -> Any:
        def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
            original(self, kind, error, traceback)
            return False

        return leave

    wrap(Scope, "__exit__", make)


@on("asyncio")
def scopes_catch_every_cancellation() -> None:
    """A scope catches cancellations that are not its own."""

    def make(original: Any) -> Any:
        def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
            found = original(self, kind, error, traceback)
            return found or isinstance(error, asyncio.CancelledError)

        return leave

    wrap(Scope, "__exit__", make)


@on("asyncio")
def scopes_say_that_they_caught() -> None:
    """A scope that was cancelled says that it has caught the cancellation, whether or not there was one."""
    Scope.cancelled_caught = property(lambda self: self._cancel_called)


@on("asyncio")
def scopes_never_say_that_they_caught() -> None:
    """cancelled_caught is always False."""
    Scope.cancelled_caught = property(lambda self: False)


@on("asyncio")
def scopes_may_be_left_in_any_order() -> None:
    """Leaving an outer scope first, or in another task, is no error."""

    def make(original: Any) -> Any:
        def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
            try:
                return original(self, kind, error, traceback)
            except RuntimeError:
                return False

        return leave

    wrap(Scope, "__exit__", make)


@on("asyncio", "trio")
def scopes_serve_async_with_too() -> None:
    """`async with` on a scope is not refused."""

    async def enter(self: Any) -> Any:
        return self.__enter__()

    async def leave(self: Any, *error: Any) -> Any:
        return self.__exit__(*error)

    for kind in (Scope, anyio.CancelScope, trio.CancelScope):
        kind.__aenter__, kind.__aexit__ = enter, leave


@on("asyncio", "trio")
def failing_after_raises_always() -> None:
    """fail_after raises whenever its time is over."""
    from contextlib import contextmanager  # noqa: PLC0415

    @contextmanager
    def fail_after(delay: Any, shield: bool = False) -> Any:
        with anyio.move_on_after(delay, shield=shield) as scope:
            yield scope
        if anyio.current_time() >= scope.deadline:
            raise TimeoutError

    anyio.fail_after = fail_after


@on("asyncio", "trio")
def failing_after_never_raises() -> None:
    """fail_after moves on."""
    anyio.fail_after = anyio.move_on_after


@on("asyncio", "trio")
def failing_after_raises_something_else() -> None:
    """fail_after raises an error that is no TimeoutError."""
    from contextlib import contextmanager  # noqa: PLC0415

    original = anyio.fail_after

    @contextmanager
    def fail_after(*args: Any, **kwargs: Any) -> Any:
        try:
            with original(*args, **kwargs) as scope:
                yield scope
        except TimeoutError:
            raise LookupError("too late") from None

    anyio.fail_after = fail_after


@on("asyncio", "trio")
def moving_on_after_raises() -> None:
    """move_on_after raises TimeoutError."""
    anyio.move_on_after = anyio.fail_after


@on("asyncio", "trio")
def effective_deadline_is_the_inner_one() -> None:
    """current_effective_deadline() knows of no outer scope."""
    anyio.current_effective_deadline = lambda: float("inf")


@on("asyncio", "trio")
def checkpoints_are_none() -> None:
    """A checkpoint neither lets run nor cancels."""
    anyio.lowlevel.checkpoint = _nothing


@on("asyncio", "trio")
def checkpoints_do_not_cancel() -> None:
    """A checkpoint lets run but is blind to cancellation."""
    anyio.lowlevel.checkpoint = anyio.lowlevel.cancel_shielded_checkpoint


@on("asyncio")
def anyio_groups_do_not_wait() -> None:
    """The exit of a group cancels its tasks instead of waiting."""

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            self.cancel_scope.cancel()
            return await original(self, *error)

        return leave

    wrap(anyio_asyncio.TaskGroup, "__aexit__", make)


def _anyio_group_raises(change: Callable[[Any], BaseException]) -> None:
    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            try:
                return await original(self, *error)
            except BaseException as raised:
                if not hasattr(raised, "exceptions"):
                    raise
                raise change(raised) from None

        return leave

    wrap(anyio_asyncio.TaskGroup, "__aexit__", make)


@on("asyncio")
def anyio_groups_do_not_wrap() -> None:
    """A single error leaves a group as it is."""
    _anyio_group_raises(lambda group: group.exceptions[0] if len(group.exceptions) == 1 else group)


@on("asyncio")
def anyio_groups_keep_the_first_error_only() -> None:
    """Errors after the first are lost."""
    _anyio_group_raises(lambda group: group.derive(group.exceptions[:1]))


@on("asyncio")
def anyio_groups_may_be_used_when_left() -> None:
    """Starting a task in a group that was left is no error."""

    def make(original: Any) -> Any:
        def start_soon(self: Any, *args: Any, **kwargs: Any) -> Any:
            return original(self, *args, **kwargs) if self._active else None

        return start_soon

    wrap(anyio_asyncio.TaskGroup, "start_soon", make)


@on("asyncio")
def anyio_groups_start_lazily() -> None:
    """start() does not wait until the task has started."""

    async def start(self: Any, function: Any, *args: Any, name: Any = None) -> None:
        self.start_soon(function, *args)

    anyio_asyncio.TaskGroup.start = start


@on("asyncio")
def anyio_groups_do_not_cancel() -> None:
    """A task that fails does not cancel the group."""

    def make(original: Any) -> Any:
        def spawn(self: Any, *args: Any, **kwargs: Any) -> Any:
            cancel = self.cancel_scope.cancel
            self.cancel_scope.cancel = lambda *_: None
            try:
                return original(self, *args, **kwargs)
            finally:
                self.cancel_scope.cancel = cancel

        return spawn

    Scope.cancel_ = Scope.cancel

    def cancel(self: Any, reason: Any = None) -> None:
        if sys._getframe(1).f_code.co_name not in ("task_done", "__aexit__"):
            self.cancel_(reason)

    Scope.cancel = cancel
    del make


@on("asyncio", "trio")
def anyio_locks_are_reentrant() -> None:
    """Who asks again for a lock of anyio gets it."""
    for kind in (anyio_asyncio.Lock, anyio.Lock):
        original = kind.acquire

        async def acquire(self: Any, original: Any = original) -> Any:
            try:
                return await original(self)
            except RuntimeError:
                return None

        kind.acquire = acquire


@on("asyncio")
def anyio_locks_let_nobody_run() -> None:
    """Taking a free lock or semaphore of anyio lets no other task run."""
    for kind in (anyio_asyncio.Lock, anyio_asyncio.Semaphore):
        original = kind.__init__

        def init(self: Any, *args: Any, original: Any = original, **kwargs: Any) -> None:
            kwargs["fast_acquire"] = True
            original(self, *args, **kwargs)

        kind.__init__ = init


@on("asyncio")
def anyio_locks_are_anybodys() -> None:
    """Any task may release a lock of anyio."""

    def make(original: Any) -> Any:
        def release(self: Any) -> None:
            if self._owner_task is not None:
                self._owner_task = asyncio.current_task()
            original(self)

        return release

    wrap(anyio_asyncio.Lock, "release", make)


@on("asyncio")
def anyio_locks_are_kept_after_an_error() -> None:
    """Locks, semaphores and conditions of anyio are released only after a good body."""
    for kind in (anyio_asyncio.Lock, anyio_asyncio.Semaphore, anyio.Lock, anyio.Semaphore, anyio.Condition):

        async def leave(self: Any, kind: Any, error: Any, traceback: Any) -> None:
            if kind is None:
                self.release()

        kind.__aexit__ = leave


@on("asyncio", "trio")
def semaphores_of_anyio_give_nothing() -> None:
    """`async with semaphore as x` binds None with anyio's."""

    async def enter(self: Any) -> None:
        await self.acquire()

    for kind in (anyio.Semaphore, anyio_asyncio.Semaphore):
        kind.__aenter__ = enter


@on("asyncio")
def limiters_lend_twice() -> None:
    """A task may borrow two tokens of a limiter."""

    def make(original: Any) -> Any:
        async def acquire(self: Any) -> Any:
            return await self.acquire_on_behalf_of(object())

        return acquire

    wrap(anyio_asyncio.CapacityLimiter, "acquire", make)


@on("asyncio", "trio")
def events_wake_one() -> None:
    """Setting an event wakes one task."""

    class One(asyncio.Event):
        def set(self) -> None:
            for waiter in list(self._waiters)[:1]:
                waiter.set_result(True)

    anyio_asyncio.asyncio.Event = One


@on("asyncio")
def threads_of_anyio_have_no_context() -> None:
    """A function that runs in a worker thread sees no context variables."""
    original = anyio.to_thread.run_sync

    async def run_sync(function: Any, *args: Any, **kwargs: Any) -> Any:
        return await original(lambda: contextvars.Context().run(function, *args), **kwargs)

    anyio.to_thread.run_sync = run_sync


@on("asyncio", "trio")
def threads_of_anyio_lose_errors() -> None:
    """What a function raises in a worker thread is lost."""
    original = anyio.to_thread.run_sync

    async def run_sync(function: Any, *args: Any, **kwargs: Any) -> Any:
        def careful() -> Any:
            try:
                return function(*args)
            except Exception:
                return None

        return await original(careful, **kwargs)

    anyio.to_thread.run_sync = run_sync


@on("asyncio", "trio")
def resources_stay_open() -> None:
    """Leaving a resource of anyio does not close it."""
    anyio.abc.AsyncResource.__aexit__ = _nothing


@on("asyncio", "trio")
def files_of_anyio_stay_open() -> None:
    """Leaving a file of anyio does not close it."""
    anyio.AsyncFile.__aexit__ = _nothing
    anyio.AsyncFile.aclose = _nothing


@on("asyncio", "trio")
def folders_of_anyio_stay() -> None:
    """Leaving a temporary folder does not remove it."""
    anyio.TemporaryDirectory.__aexit__ = _nothing


@on("asyncio", "trio")
def forced_closing_is_polite() -> None:
    """aclose_forcefully closes as ever, in no cancelled scope."""

    async def forcefully(resource: Any) -> None:
        with anyio.CancelScope(shield=True):
            await resource.aclose()

    anyio.aclose_forcefully = forcefully


@on("asyncio", "trio")
def memory_streams_stay_open() -> None:
    """Leaving an end of a memory stream does not close it."""
    from anyio.streams import memory  # noqa: PLC0415

    for kind in (memory.MemoryObjectSendStream, memory.MemoryObjectReceiveStream):
        kind.__exit__ = lambda self, *error: None
        kind.__aexit__ = _nothing


@on("asyncio", "trio")
def memory_streams_do_not_warn() -> None:
    """An end of a memory stream that is dropped open says nothing."""
    from anyio.streams import memory  # noqa: PLC0415

    for kind in (memory.MemoryObjectSendStream, memory.MemoryObjectReceiveStream):
        kind.__del__ = lambda self: None


@on("asyncio", "trio")
def processes_are_left_alone() -> None:
    """Leaving a process does not kill it, nor is its return code known."""
    anyio.abc.Process.__aexit__ = _nothing
    anyio_asyncio.Process.returncode = property(lambda self: 0)


@on("asyncio")
def receivers_of_signals_stay() -> None:
    """Leaving the receiver of signals does not take it away."""
    anyio_asyncio._SignalReceiver.__exit__ = lambda self, *error: None


@on("asyncio", "trio")
def portals_suppress() -> None:
    """An error in a plain `with` of an asynchronous manager does not reach it."""
    from anyio.from_thread import _BlockingAsyncContextManager  # noqa: PLC0415

    def make(original: Any) -> Any:
        return lambda self, *error: original(self, None, None, None)

    wrap(_BlockingAsyncContextManager, "__exit__", make)


@on("asyncio", "trio")
def mixins_may_be_entered_twice() -> None:
    """A manager of anyio's mixin may be entered inside itself."""
    mixin = anyio.AsyncContextManagerMixin

    async def enter(self: Any) -> Any:
        stack = self.__dict__.setdefault("stack", [])
        stack.append(self.__asynccontextmanager__())
        return await stack[-1].__aenter__()

    async def leave(self: Any, *error: Any) -> Any:
        stack = self.__dict__.get("stack")
        return await stack.pop().__aexit__(*error) if stack else None

    mixin.__aenter__, mixin.__aexit__ = enter, leave


@on("asyncio")
def sleeping_until_is_short() -> None:
    """anyio's sleeps take no time."""

    async def sleep(*_: Any) -> None:
        await anyio.lowlevel.checkpoint()

    anyio.sleep = anyio.sleep_until = sleep


@on("asyncio")
def clock_of_anyio_stands() -> None:
    """anyio's clock does not go on."""
    anyio.current_time = lambda: 1.0


# trio


@on("trio")
def nurseries_do_not_wait() -> None:
    """The exit of a nursery cancels its tasks instead of waiting."""
    manager = trio._core._run.NurseryManager

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            self._nursery.cancel_scope.cancel()
            return await original(self, *error)

        return leave

    wrap(manager, "__aexit__", make)


@on("trio")
def nurseries_do_not_wrap() -> None:
    """A single error leaves a nursery as it is, whatever was asked for."""
    manager = trio._core._run.NurseryManager

    def make(original: Any) -> Any:
        async def leave(self: Any, *error: Any) -> Any:
            try:
                return await original(self, *error)
            except BaseExceptionGroup as group:  # noqa: F821
                if len(group.exceptions) == 1:
                    raise group.exceptions[0] from None
                raise

        return leave

    wrap(manager, "__aexit__", make)


@on("trio")
def nurseries_always_wrap() -> None:
    """A nursery takes no notice of strict_exception_groups=False."""
    original = trio.open_nursery
    trio.open_nursery = lambda strict_exception_groups=None: original(strict_exception_groups=True)


@on("trio")
def nurseries_serve_with_too() -> None:
    """A nursery in a plain `with` is entered."""
    manager = trio._core._run.NurseryManager
    manager.__enter__ = lambda self: self
    manager.__exit__ = lambda self, *error: None


@on("trio")
def nurseries_take_tasks_when_left() -> None:
    """Starting a task in a nursery that was left does nothing."""

    def make(original: Any) -> Any:
        def start_soon(self: Any, *args: Any, **kwargs: Any) -> None:
            with contextlib.suppress(RuntimeError):
                original(self, *args, **kwargs)

        return start_soon

    wrap(trio._core._run.Nursery, "start_soon", make)


@on("trio")
def nurseries_drop_errors() -> None:
    """The first error of a child is the only one kept."""
    nursery = trio._core._run.Nursery

    def make(original: Any) -> Any:
        def add(self: Any, error: Any, *args: Any, **kwargs: Any) -> None:
            if not self._pending_excs:
                original(self, error, *args, **kwargs)

        return add

    wrap(nursery, "_add_exc", make)


@on("trio")
def scopes_of_trio_do_not_cancel() -> None:
    """cancel() of a scope does nothing."""
    trio.CancelScope.cancel = lambda self, reason=None: None


@on("trio")
def scopes_of_trio_catch_nothing() -> None:
    """A cancellation leaves the scope that made it."""

    def make(original: Any) -> Any:
        def close(self: Any, error: Any) -> Any:
            original(self, error)
            return error

        return close

    wrap(trio.CancelScope, "_close", make)


@on("trio")
def scopes_of_trio_may_be_used_again() -> None:
    """A scope may be entered a second time, and left in any order."""

    def make(original: Any) -> Any:
        def enter(self: Any) -> Any:
            self._has_been_entered = False
            return original(self)

        return enter

    wrap(trio.CancelScope, "__enter__", make)


@on("trio")
def scopes_of_trio_have_no_deadline() -> None:
    """The deadline of a scope never comes."""
    trio._core._run.Deadlines.expire = lambda self, now: False


@on("trio")
def scopes_of_trio_do_not_shield() -> None:
    """A shield lets everything through."""
    trio._core._run.CancelStatus.parent_cancellation_is_visible_to_us = property(
        lambda self: self._parent is not None and self._parent.effectively_cancelled
    )


@on("trio")
def trio_fails_with_timeout_error() -> None:
    """trio.fail_after raises TimeoutError."""
    trio.TooSlowError = trio._timeouts.TooSlowError = type("TooSlowError", (TimeoutError,), {})


@on("trio")
def cancelled_of_trio_can_be_made() -> None:
    """trio.Cancelled can be made by hand."""
    type(trio.Cancelled).__call__ = lambda cls, *args, **kwargs: (
        cls._create(source="unknown", reason=None, source_task=None)
        if cls is trio.Cancelled
        else type.__call__(cls, *args, **kwargs)
    )


@on("trio")
def generators_of_trio_stay_open() -> None:
    """The end of a run closes no generators."""
    from trio._core import _asyncgens  # noqa: PLC0415

    _asyncgens.AsyncGenerators.finalize_remaining = _nothing


@on("trio")
def generators_of_trio_are_not_finalized() -> None:
    """A generator that is dropped is not closed."""
    from trio._core import _asyncgens  # noqa: PLC0415

    def make(original: Any) -> Any:
        def install(self: Any, runner: Any) -> None:
            original(self, runner)
            sys.set_asyncgen_hooks(finalizer=lambda generator: None)

        return install

    wrap(_asyncgens.AsyncGenerators, "install_hooks", make)


@on("trio")
def hooks_of_trio_stay() -> None:
    """The hooks for generators are not taken out at the end of a run."""
    from trio._core import _asyncgens  # noqa: PLC0415

    _asyncgens.AsyncGenerators.close = lambda self: None


@on("trio")
def hooks_of_trio_are_missing() -> None:
    """No hooks for generators are installed."""
    from trio._core import _asyncgens  # noqa: PLC0415

    def make(original: Any) -> Any:
        def install(self: Any, runner: Any) -> None:
            original(self, runner)
            sys.set_asyncgen_hooks(None, None)

        return install

    wrap(_asyncgens.AsyncGenerators, "install_hooks", make)


@on("trio")
def interrupts_of_trio_are_swallowed() -> None:
    """SIGINT does not reach the main coroutine."""
    from trio._core import _ki  # noqa: PLC0415

    def install(self: Any, *args: Any) -> None:
        self.handler = lambda *_: None
        signal.signal(signal.SIGINT, self.handler)

    _ki.KIManager.install = install


@on("trio")
def channels_of_trio_stay_open() -> None:
    """Leaving the consumer of as_safe_channel early does not close the generator."""
    original = trio.as_safe_channel

    def as_safe_channel(function: Any) -> Any:
        from contextlib import asynccontextmanager  # noqa: PLC0415

        @asynccontextmanager
        async def make(*args: Any) -> Any:
            yield function(*args)

        return make

    trio.as_safe_channel = as_safe_channel
    del original


@on("trio")
def locks_of_trio_are_reentrant() -> None:
    """Who asks again for a lock of trio gets it, and anybody may release it."""

    async def acquire(self: Any) -> None:
        await trio.lowlevel.checkpoint()

    trio.Lock.acquire = acquire
    trio.Lock.release = lambda self: None


@on("trio")
def tasks_of_trio_share_a_context() -> None:
    """Child tasks run in the context of the main task."""
    trio._core._run.copy_context = lambda: contextvars.Context()


# Python


@on(NO_LOOP, "asyncio")
def abstract_classes_can_be_made() -> None:
    """abstractmethod has no effect."""
    abc.ABCMeta.__call__ = lambda cls, *args, **kwargs: (
        setattr(cls, "__abstractmethods__", frozenset()) or type.__call__(cls, *args, **kwargs)
    )


@on(NO_LOOP)
def abstract_managers_look_at_nothing() -> None:
    """typing's and contextlib's abstract managers know only what was registered."""
    contextlib.AbstractAsyncContextManager.__subclasshook__ = classmethod(lambda cls, other: False)


@on(NO_LOOP)
def managers_of_typing_take_one_argument() -> None:
    """typing.AsyncContextManager takes any number of arguments."""
    alias = types.GenericAlias
    typing.AsyncContextManager = type("AsyncContextManager", (), {"__class_getitem__": lambda item: alias(list, item)})


@on(NO_LOOP)
def protocols_accept_everything() -> None:
    """A runtime-checkable protocol accepts any object."""
    type(typing.SupportsInt).__instancecheck__ = lambda cls, value: True
    type(typing.SupportsInt).__subclasscheck__ = lambda cls, kind: True


@on(NO_LOOP)
def tests_forget_their_managers() -> None:
    """enterAsyncContext never leaves what it enters."""

    async def enter(self: Any, manager: Any) -> Any:
        return await type(manager).__aenter__(manager)

    unittest.IsolatedAsyncioTestCase.enterAsyncContext = enter


@on(NO_LOOP, "asyncio")
def nothing_is_collected() -> None:
    """The collector of cycles does nothing."""
    gc.collect = lambda generation=2: 0


@on(NO_LOOP, "asyncio")
def warnings_are_not_given() -> None:
    """Nothing is warned of."""
    import warnings  # noqa: PLC0415

    warnings.warn = lambda *args, **kwargs: None
    warnings.warn_explicit = lambda *args, **kwargs: None
    warnings._warn_unawaited_coroutine = lambda coroutine: None


@on("asyncio")
def streams_of_asyncio_are_managers() -> None:
    """`async with` on a stream of asyncio is not refused."""

    async def enter(self: Any) -> Any:
        return self

    asyncio.StreamWriter.__aenter__ = asyncio.StreamReader.__aenter__ = enter
    asyncio.StreamWriter.__aexit__ = asyncio.StreamReader.__aexit__ = _nothing


@on("asyncio", since=(3, 12))
def suppress_takes_groups_whole() -> None:
    """suppress knows nothing of exception groups."""
    contextlib.suppress.__exit__ = lambda self, kind, *error: kind is not None and issubclass(kind, self._exceptions)


@on("asyncio")
def decorating_managers_cover_something_else() -> None:
    """A synchronous manager that decorates a coroutine function covers its run before 3.15, and only the call since."""

    def make(original: Any) -> Any:
        def call(self: Any, function: Any) -> Any:
            if sys.version_info >= (3, 15) or not inspect.iscoroutinefunction(function):
                return original(self, lambda *args, **kwargs: function(*args, **kwargs))

            async def covered(*args: Any, **kwargs: Any) -> Any:
                with self._recreate_cm():
                    return await function(*args, **kwargs)

            return covered

        return call

    wrap(contextlib.ContextDecorator, "__call__", make)


@on("asyncio")
def connections_of_sqlite_keep_everything() -> None:
    """A connection of sqlite3 commits after an error, too."""

    class Connection(sqlite3.Connection):
        def __exit__(self, *error: Any) -> Any:
            self.commit()
            return False

    original = sqlite3.connect
    sqlite3.connect = lambda *args, **kwargs: original(*args, **{"factory": Connection, **kwargs})


@on("asyncio")
def decimal_contexts_are_shared() -> None:
    """All tasks share one decimal context."""
    shared = decimal.getcontext()
    decimal.localcontext = lambda ctx=None, **kwargs: tempfile.SpooledTemporaryFile()
    decimal.getcontext = lambda: shared


@on("asyncio")
def variables_of_context_are_not_reset() -> None:
    """`with var.set(…)` is possible on every Python, and does not reset at its end."""

    real = contextvars.ContextVar

    class Token:
        def __init__(self, token: Any) -> None:
            self.real = token

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    class Variable:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.real = real(*args, **kwargs)

        def __class_getitem__(cls, item: Any) -> Any:
            return cls

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def set(self, value: Any) -> Any:
            return Token(self.real.set(value))

        def reset(self, token: Any) -> None:
            self.real.reset(token.real)

    contextvars.ContextVar = Variable


@on("asyncio", since=(3, 14))
def threads_inherit_no_context() -> None:
    """A thread that is given a context does not run in it."""

    def make(original: Any) -> Any:
        def init(self: Any, *args: Any, context: Any = None, **kwargs: Any) -> None:
            original(self, *args, context=contextvars.Context(), **kwargs)

        return init

    wrap(threading.Thread, "__init__", make)


@on(NO_LOOP, "asyncio")
def tracers_and_profilers_see_nothing() -> None:
    """Tracing, profiling, monitoring and origin tracking are off."""
    sys.settrace = sys.setprofile = lambda function: None
    sys.set_coroutine_origin_tracking_depth = lambda depth: None
    if sys.version_info >= (3, 12):
        sys.monitoring.set_events = lambda *args: None
        sys.monitoring.set_local_events = lambda *args: None


@on(NO_LOOP, "asyncio")
def states_of_generators_are_wrong() -> None:
    """inspect tells wrong states of coroutines and asynchronous generators."""
    inspect.getcoroutinestate = lambda coroutine: "CORO_RUNNING"
    inspect.getasyncgenstate = lambda generator: "AGEN_RUNNING"


# What releases once got wrong


@on("asyncio", since=(3, 11))
def groups_take_tasks_while_they_shut_down() -> None:
    """A TaskGroup that cancels its tasks takes new ones."""

    def make(original: Any) -> Any:
        def create_task(self: Any, *args: Any, **kwargs: Any) -> Any:
            aborting, self._aborting = self._aborting, False
            try:
                return original(self, *args, **kwargs)
            finally:
                self._aborting = aborting

        return create_task

    wrap(asyncio.TaskGroup, "create_task", make)


@on("asyncio", since=(3, 13))
def sleeping_takes_any_number() -> None:
    """A sleep of what is not a number is over at once."""

    def make(original: Any) -> Any:
        async def sleep(delay: float, result: Any = None) -> Any:
            return await original(0 if math.isnan(delay) else delay, result)

        return sleep

    wrap(asyncio, "sleep", make)


@on("asyncio")
def waiting_without_time_does_not_wait() -> None:
    """`wait_for` without any time cancels, and does not wait until the task has ended."""

    def make(original: Any) -> Any:
        async def wait_for(future: Any, timeout: float | None) -> Any:
            if timeout is None or timeout > 0:
                return await original(future, timeout)
            task = asyncio.ensure_future(future)
            if task.done():
                return task.result()
            task.cancel()
            raise asyncio.TimeoutError

        return wait_for

    wrap(asyncio, "wait_for", make)


@on("asyncio")
def conditions_take_no_lock() -> None:
    """A condition cannot be made with a lock that has not run in the loop."""

    def make(original: Any) -> Any:
        def init(self: Any, lock: Any = None) -> None:
            if lock is not None and lock._loop is None:
                raise ValueError("loop argument must agree with lock")
            original(self, lock)

        return init

    wrap(asyncio.Condition, "__init__", make)


@on("asyncio")
def handlers_of_clients_are_forgotten() -> None:
    """Nothing but what it waits for keeps the task of a client's handler alive."""

    def make(original: Any) -> Any:
        def connection_made(self: Any, transport: Any) -> None:
            original(self, transport)
            self._task = None

        return connection_made

    wrap(asyncio.StreamReaderProtocol, "connection_made", make)


@on("asyncio", since=(3, 11))
def handlers_of_clients_share_a_context() -> None:
    """What the handler of one client sets is seen by that of the next."""
    shared: dict[str, contextvars.Context] = {}

    def make(original: Any) -> Any:
        def connection_made(self: Any, transport: Any) -> None:
            loop = self._loop
            context = shared.setdefault("context", contextvars.copy_context())
            create = loop.create_task
            loop.create_task = lambda coroutine: create(coroutine, context=context)
            try:
                original(self, transport)
            finally:
                del loop.create_task

        return connection_made

    wrap(asyncio.StreamReaderProtocol, "connection_made", make)


@on("asyncio")
def streams_are_drained_by_one() -> None:
    """Only one task can wait until a stream is drained."""

    def make(original: Any) -> Any:
        async def drain(self: Any) -> None:
            assert not getattr(self, "_draining", False)
            self._draining = self._paused
            await original(self)
            self._draining = False

        return drain

    wrap(asyncio.streams.FlowControlMixin, "_drain_helper", make)


@on("asyncio")
def accepting_goes_on_when_it_is_cancelled() -> None:
    """A cancelled wait for a connection takes the next one and drops it."""

    async def sock_accept(self: Any, sock: Any) -> Any:
        future = self.create_future()

        def accept() -> None:
            self.remove_reader(sock.fileno())
            connection, address = sock.accept()
            connection.setblocking(False)
            if future.done():
                connection.close()
            else:
                future.set_result((connection, address))

        self.add_reader(sock.fileno(), accept)
        return await future

    asyncio.SelectorEventLoop.sock_accept = sock_accept


@on("asyncio")
def children_of_fork_are_inside_the_loop() -> None:
    """A forked child finds that the loop of its parent is running."""
    loops: list[Any] = []
    os.register_at_fork(
        before=lambda: loops.append(asyncio._get_running_loop()),
        after_in_child=lambda: asyncio._set_running_loop(loops[-1]),
    )


@on("asyncio")
def locks_of_anyio_stay_with_the_cancelled() -> None:
    """A lock that was released for a task which is cancelled then is released by nobody."""

    async def acquire(self: Any) -> None:
        task = asyncio.current_task()
        if self._owner_task is None and not self._waiters:
            await anyio.lowlevel.checkpoint()
            self._owner_task = task
            return
        if self._owner_task is task:
            raise RuntimeError("held already")
        future = asyncio.get_running_loop().create_future()
        self._waiters.append((task, future))
        await future

    anyio_asyncio.Lock.acquire = acquire


@on("asyncio")
def limiters_serve_the_last_first() -> None:
    """Of those who wait for a limiter the last is served first."""

    class Waiting(collections.OrderedDict):
        def popitem(self, last: bool = True) -> Any:
            return super().popitem(last=not last)

    def make(original: Any) -> Any:
        def init(self: Any, *args: Any) -> None:
            original(self, *args)
            self._wait_queue = Waiting()

        return init

    wrap(anyio_asyncio.CapacityLimiter, "__init__", make)


@on("asyncio")
def conditions_notify_the_cancelled() -> None:
    """Who was cancelled while it waited for a condition is still one of those that wait."""

    async def wait(self: Any) -> bool:
        self.release()
        woken = asyncio.get_running_loop().create_future()
        self._waiters.append(woken)
        try:
            return await woken
        finally:
            await self.acquire()

    def notify(self: Any, n: int = 1) -> None:
        for woken in [self._waiters.popleft() for _ in range(min(n, len(self._waiters)))]:
            if not woken.done():
                woken.set_result(True)

    asyncio.Condition.wait = wait
    asyncio.Condition.notify = notify


@on("asyncio")
def futures_of_portals_cancel_nothing() -> None:
    """Cancelling the future of a portal cancels the future and not the task."""

    def make(original: Any) -> Any:
        def start(*args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
            outer = concurrent.futures.Future[Any]()
            original(*args, **kwargs).add_done_callback(
                lambda inner: outer.cancelled() or outer.set_result(inner.result())
            )
            return outer

        return start

    wrap(anyio.from_thread.BlockingPortal, "start_task_soon", make)


@on("trio")
def lots_of_trio_are_mended() -> None:
    """Who begins to wait for a lock whose holder has ended waits for ever."""

    def make(original: Any) -> Any:
        async def park(self: Any) -> None:
            self.broken_by.clear()
            await original(self)

        return park

    wrap(trio.lowlevel.ParkingLot, "park", make)


@on("asyncio", "trio")
def mixins_that_failed_stay_entered() -> None:
    """A manager of anyio's mixin whose enter failed cannot be entered again."""
    entered = set[int]()

    def enter(original: Any) -> Any:
        async def aenter(self: Any) -> Any:
            if id(self) in entered:
                raise RuntimeError("entered already")
            entered.add(id(self))
            return await original(self)

        return aenter

    def leave(original: Any) -> Any:
        async def aexit(self: Any, *details: Any) -> Any:
            entered.discard(id(self))
            return await original(self, *details)

        return aexit

    wrap(anyio.AsyncContextManagerMixin, "__aenter__", enter)
    wrap(anyio.AsyncContextManagerMixin, "__aexit__", leave)
