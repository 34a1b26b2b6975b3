"""Faulty loops that passed all chapters once: each is wrong only with a kind of thing, a number or an order nobody had tried.

Classes as in `faulty_loops.py`, whose helpers they use.
"""

# mypy: disable-error-code="has-type, arg-type, assignment, attr-defined, call-overload, func-returns-value, method-assign, misc, no-any-return, override, return-value, type-arg, union-attr, valid-type"
# (what is overridden here is overridden wrongly on purpose, and partly private)
# ruff: noqa: BLE001, E501, TRY301 - faults are written as the careless write them

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator
from typing import Any

from asyncwith._tests.power.faulty_loops import _FutureLoop, _is_step, _TaskLoop

Base = asyncio.SelectorEventLoop


# Callbacks and timers


class ContextMustBeTrue(Base):
    """An empty context, which is false, is taken for none."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon(callback, *args, context=context or None)


class ContextOfFewArguments(Base):
    """A callback with more than four arguments does not get its context."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon(callback, *args, context=context if len(args) < 5 else None)


class CallbackErrorsOfExceptionOnly(Base):
    """A callback that raises a cancellation ends the run."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        def call() -> None:
            try:
                callback(*args)
            except asyncio.CancelledError as error:
                raise SystemExit from error

        return super().call_soon(
            callback if _is_step(callback) else call, *(args if _is_step(callback) else ()), context=context
        )


class TimersOfSameTimeCancelled(Base):
    """When one of more than fifty timers is cancelled, so are those of the same time."""

    def _timer_handle_cancelled(self, handle: Any) -> None:
        super()._timer_handle_cancelled(handle)
        if len(self._scheduled) > 50:
            for each in self._scheduled:
                each._cancelled |= each.when() == handle.when()


class TimersOfManyNotSooner(Base):
    """With more than a hundred timers none is set before the first of them."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        if len(self._scheduled) > 100:
            when = max(when, self._scheduled[0].when())
        return super().call_at(when, callback, *args, context=context)


class TimersOfManyLost(Base):
    """There is room for a thousand timers."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = super().call_at(when, callback, *args, context=context)
        if len(self._scheduled) > 1000:
            handle.cancel()
        return handle


class TimersOfAnHour(Base):
    """No timer takes longer than an hour."""

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_later(min(delay, 3600), callback, *args, context=context)


class TimersEarlySometimes(Base):
    """Every twentieth timer is called after half of its delay."""

    set_ = 0

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        self.set_ += 1
        return super().call_later(delay / 2 if self.set_ % 20 == 0 else delay, callback, *args, context=context)


class TimeOfTheWall(Base):
    """The clock is that of the system, which may be set back."""

    def time(self) -> float:
        return time.time()


# Tasks and futures


class TaskFactoryLostByRun(Base):
    """The task factory is forgotten at the end of a run."""

    def run_forever(self) -> None:
        try:
            super().run_forever()
        finally:
            self._task_factory = None


class TaskFactoryUnsaid(Base):
    """get_task_factory gives None."""

    def get_task_factory(self) -> Any:
        return None


class TaskOfAFuture(Base):
    """create_task gives back a future that it is given."""

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        return coro if asyncio.isfuture(coro) else super().create_task(coro, **kwargs)


class TaskContextOfMany(Base):
    """From the hundredth task on, tasks begin in an empty context."""

    made = 0
    since = (3, 11)

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        self.made += 1
        if self.made > 100:
            kwargs.setdefault("context", contextvars.Context())
        return super().create_task(coro, **kwargs)


class TaskNotesLost(_TaskLoop):
    """The error of a task has lost its notes."""

    since = (3, 11)

    class kind(asyncio.Task):  # noqa: N801
        def exception(self) -> Any:
            return self._bare(super().exception())

        def __await__(self) -> Iterator[Any]:
            try:
                return (yield from super().__await__())
            except Exception as error:
                self._bare(error)
                raise

        def _bare(self, error: Any) -> Any:
            if hasattr(error, "__notes__"):
                del error.__notes__
            return error


class TaskAwaitsDoneSlowly(_TaskLoop):
    """Awaiting a task that is done takes a turn."""

    class kind(asyncio.Task):  # noqa: N801
        def __await__(self) -> Iterator[Any]:
            if self.done():
                yield
            return (yield from super().__await__())


class FutureErrorIsRaisedToSet(_FutureLoop):
    """An exception that is set is raised and caught inside."""

    class future(asyncio.Future):  # noqa: N801
        def set_exception(self, error: Any) -> None:
            try:
                raise error
            except BaseException as caught:
                super().set_exception(caught)


class FutureResultsOfListsCopied(_FutureLoop):
    """A list that is set as result is copied."""

    class future(asyncio.Future):  # noqa: N801
        def set_result(self, result: Any) -> None:
            super().set_result(result[:] if isinstance(result, list) else result)


class FutureCancelledTakesResult(_FutureLoop):
    """A future that was cancelled takes a result without a word."""

    class future(asyncio.Future):  # noqa: N801
        def set_result(self, result: Any) -> None:
            if not self.cancelled():
                super().set_result(result)


class FutureCallbacksSaidToBeThere(_FutureLoop):
    """remove_done_callback of a future tells whether, not how many."""

    class future(asyncio.Future):  # noqa: N801
        def remove_done_callback(self, fn: Any, /) -> int:
            return bool(super().remove_done_callback(fn))


# Runs, generators, threads


class StopBeforeRunIgnored(Base):
    """A loop that is stopped before it runs runs on."""

    def stop(self) -> None:
        if self.is_running():
            super().stop()


class HooksOfMainThreadOnly(Base):
    """A loop in another thread knows no generators."""

    def _asyncgen_firstiter_hook(self, agen: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            super()._asyncgen_firstiter_hook(agen)


class GeneratorsShutDownOnce(Base):
    """shutdown_asyncgens does its work the first time only."""

    async def shutdown_asyncgens(self) -> None:
        if not self._asyncgens_shutdown_called:
            await super().shutdown_asyncgens()


class FinalizersInARow(Base):
    """Generators that were dropped are closed one after the other."""

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        self._asyncgens.discard(agen)

        async def close(before: Any) -> None:
            if before is not None:
                await asyncio.wait([before])
            await agen.aclose()

        def begin() -> None:
            self.closing = self.create_task(close(getattr(self, "closing", None)))

        self.call_soon_threadsafe(begin)


class ThreadsBeforeRunLost(Base):
    """What a thread schedules before the run is never called."""

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        if not self.is_running():
            handle.cancel()
        return handle


class ThreadsDoNotWakeAfterError(Base):
    """Once an error was reported threads do not wake the loop."""

    reported = False

    def call_exception_handler(self, context: Any) -> None:
        self.reported = True
        super().call_exception_handler(context)

    def _write_to_self(self) -> None:
        if not self.reported:
            super()._write_to_self()


class ExecutorWorkCannotBeCancelled(Base):
    """Work for a thread is done although it was cancelled before it began."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        return asyncio.shield(super().run_in_executor(executor, func, *args))


class ExecutorExitsSwallowed(Base):
    """A SystemExit in a thread is a result."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        def call() -> Any:
            try:
                return func(*args)
            except SystemExit:
                return None

        return super().run_in_executor(executor, call)


# Descriptors, signals and processes


class WritersEndReaders(Base):
    """A writer takes the place of the reader of its descriptor."""

    def add_writer(self, fd: Any, callback: Any, *args: Any) -> None:
        self.remove_reader(fd)
        super().add_writer(fd, callback, *args)


class ReadersEndByError(Base):
    """A reader that raises is removed."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        def call() -> None:
            try:
                callback(*args)
            except Exception:
                self.remove_reader(fd)
                raise

        super().add_reader(fd, call)


class WritersWithoutContext(Base):
    """A writer is called in an empty context."""

    def add_writer(self, fd: Any, callback: Any, *args: Any) -> None:
        contextvars.Context().run(super().add_writer, fd, callback, *args)


class DescriptorsOneATime(Base):
    """Of the descriptors that are ready only the first is served."""

    def _process_events(self, event_list: Any) -> None:
        super()._process_events(event_list[:1])


class SignalsOfFirst(Base):
    """The first handler of a signal stays."""

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
        if sig not in self._signal_handlers:
            super().add_signal_handler(sig, callback, *args)


class SignalsOfThreadsIgnored(Base):
    """In a thread handlers of signals are accepted and forgotten."""

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            super().add_signal_handler(sig, callback, *args)


class SignalsStayWhenClosed(Base):
    """A loop that is closed leaves its handlers of signals."""

    def close(self) -> None:
        self._signal_handlers: Any = {}
        super().close()


class ProcessesKilledByPositive(Base):
    """A process that a signal ended tells the signal as if it were its return code."""

    def _child_watcher_callback(self, pid: int, returncode: int, transp: Any) -> None:
        super()._child_watcher_callback(pid, abs(returncode), transp)
