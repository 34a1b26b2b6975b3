"""Faulty loops that pass a first test: each does what it should until it is asked for something rare, much or twice.

Classes as in `faulty_loops.py`, whose helpers they use.
"""

# mypy: disable-error-code="has-type, arg-type, assignment, attr-defined, call-overload, func-returns-value, method-assign, misc, no-any-return, override, return-value, type-arg, union-attr, valid-type"
# (what is overridden here is overridden wrongly on purpose, and partly private)
# ruff: noqa: BLE001, E501, TRY301, RUF012 - faults are written as the careless write them

from __future__ import annotations

import asyncio
import collections
import contextvars
import math
import operator
import select
import sys
import time
from typing import Any

from asyncwith._tests.power.faulty_loops import _Driven, _DrivingLoop, _FutureLoop, _is_step, _TaskLoop

Base = asyncio.SelectorEventLoop


# Callbacks: rare ones, many, and what a handle says


class CallbacksOnceEach(Base):
    """A function that waits for its turn already is not scheduled again."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        for handle in self._ready:
            if not _is_step(callback) and handle._callback == callback and handle._args == args:
                return handle
        return super().call_soon(callback, *args, context=context)


class CallbackArgumentsFlat(Base):
    """A callback that is given one tuple gets what is in it."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        if len(args) == 1 and isinstance(args[0], tuple) and not _is_step(callback):
            args = args[0]
        return super().call_soon(callback, *args, context=context)


class CallbackArgumentsFew(Base):
    """A callback gets at most four arguments."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon(callback, *args[:4], context=context)


class CallbacksFull(Base):
    """The queue of callbacks has room for two thousand."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = super().call_soon(callback, *args, context=context)
        if len(self._ready) > 2000:
            self._ready.popleft()
        return handle


class CallbacksInBatches(Base):
    """Of more than a thousand callbacks the later ones come first."""

    def _run_once(self) -> None:
        if len(self._ready) > 1000:
            self._ready.rotate(1000)
        super()._run_once()


class HandleMissing(Base):
    """call_soon returns nothing."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        super().call_soon(callback, *args, context=context)


class HandleNeverCancelled(Base):
    """A handle that was cancelled does not say so."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = super().call_soon(callback, *args, context=context)
        if not _is_step(callback):
            silent = type("Handle", (asyncio.Handle,), {"__slots__": (), "cancelled": lambda self: False})
            handle.__class__ = silent
        return handle


class LastHandleKept(Base):
    """The loop keeps the last callback that it called."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        self.last = super().call_soon(callback, *args, context=context)
        return self.last


class ContextIgnoredByTimersOnly(Base):
    """call_later and call_at take no notice of the context they are given."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(when, callback, *args)


class ContextIgnoredByThreadsafe(Base):
    """call_soon_threadsafe takes no notice of the context it is given."""

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon_threadsafe(callback, *args)


class ContextEmptyInThreadsafe(Base):
    """What call_soon_threadsafe schedules sees no context variables."""

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon_threadsafe(callback, *args, context=context or contextvars.Context())


class ContextEmptyInReaders(Base):
    """Callbacks for descriptors see no context variables."""

    def _add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        return contextvars.Context().run(super()._add_reader, fd, callback, *args)


class CallbackErrorsDropQueue(Base):
    """After SystemExit in a callback what was behind it is forgotten."""

    def run_forever(self) -> None:
        try:
            super().run_forever()
        except (SystemExit, KeyboardInterrupt):
            self._ready.clear()
            raise


class CallbackErrorsCountThree(Base):
    """After three errors of callbacks no more is reported."""

    def call_exception_handler(self, context: Any) -> None:
        self.count = getattr(self, "count", 0) + 1
        if self.count <= 3:
            super().call_exception_handler(context)


# Time


class TimersSlightlyLate(Base):
    """Timers come fifty milliseconds late."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(when + 0.05, callback, *args, context=context)


class TimersRoundedUp(Base):
    """Timers are due at full tenths of a second."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(-(-when * 10 // 1) / 10, callback, *args, context=context)


class TimersOfYearsAtOnce(Base):
    """A timer of more than a month is due at once, as numbers overflow."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        far = when - self.time() > 2**31 / 1000
        return super().call_at(0 if far else when, callback, *args, context=context)


class TimersOfYearsRefused(Base):
    """A timer of more than a month is refused."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        if when - self.time() > 2**31 / 1000:
            raise OverflowError("too late")
        return super().call_at(when, callback, *args, context=context)


class TimersOfYearsRun(Base):
    """While a timer of more than a month is set the loop does not sleep."""

    def _run_once(self) -> None:
        if self._scheduled and self._scheduled[-1]._when - self.time() > 2**31 / 1000 and not self._ready:
            self.call_soon(int)
        super()._run_once()


class TimersManyCancelledLost(Base):
    """If hundreds of timers were cancelled, one that was not is thrown away with them."""

    def _timer_handle_cancelled(self, handle: Any) -> None:
        super()._timer_handle_cancelled(handle)
        if self._timer_cancelled_count == 150:
            self._scheduled[:] = [each for each in self._scheduled if each._cancelled]


class TimerCancelledWhenCalled(Base):
    """Cancelling a timer that was called cancels the next one."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        loop = self

        class Handle(asyncio.TimerHandle):
            def cancel(self) -> None:
                if self._callback is not None and not self._scheduled and loop._scheduled:
                    loop._scheduled[0].cancel()
                super().cancel()

        handle = super().call_at(when, callback, *args, context=context)
        handle.__class__ = Handle
        return handle


class TimerCancelledTwice(Base):
    """Cancelling a handle a second time is an error."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        class Handle(asyncio.TimerHandle):
            def cancel(self) -> None:
                if self.cancelled():
                    raise RuntimeError("cancelled already")
                super().cancel()

        handle = super().call_at(when, callback, *args, context=context)
        handle.__class__ = Handle
        return handle


class TimersForgottenByStop(Base):
    """Timers that are set when the loop stops are not there when it runs again."""

    def run_forever(self) -> None:
        try:
            super().run_forever()
        finally:
            for handle in self._scheduled:
                handle._scheduled = False
            self._scheduled.clear()


class CallbacksForgottenByStop(Base):
    """Callbacks that wait when the loop stops are not there when it runs again."""

    def run_forever(self) -> None:
        try:
            super().run_forever()
        finally:
            self._ready.clear()


class TimersSameTimeOnce(Base):
    """Of timers that are due at the very same time only one is called."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        self._scheduled[:] = [each for each in self._scheduled if each._when != when]
        return super().call_at(when, callback, *args, context=context)


class CallbacksStarveDescriptors(Base):
    """While callbacks are ready, descriptors are not looked at."""

    def _run_once(self) -> None:
        selector = self._selector
        if self._ready:
            self._selector = _Blind(selector)
        try:
            super()._run_once()
        finally:
            self._selector = selector


class _Blind:
    def __init__(self, selector: Any) -> None:
        self.selector = selector

    def __getattr__(self, name: str) -> Any:
        return getattr(self.selector, name)

    def select(self, timeout: Any = None) -> list[Any]:
        return []


class Spinning(Base):
    """A loop that waits looks again and again instead of sleeping."""

    def _run_once(self) -> None:
        self.call_soon(int)
        super()._run_once()


class Polling(Base):
    """A loop that waits looks around every fifty milliseconds only, and nothing wakes it."""

    def _run_once(self) -> None:
        select.select([], [], [], 0 if self._ready else 0.05)
        super()._run_once()


# Tasks and what they carry


class TaskNamesLost(Base):
    """create_task forgets the name that it is given."""

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        return super().create_task(coro, **kwargs)


class TaskResultsEarly(_TaskLoop):
    """A task that is not done gives None as its result."""

    class kind(asyncio.Task):  # noqa: N801
        def result(self) -> Any:
            return super().result() if self.done() else None


class TaskErrorsUnsaid(_TaskLoop):
    """exception() of a cancelled task is None."""

    class kind(asyncio.Task):  # noqa: N801
        def exception(self) -> Any:
            return None if self.cancelled() else super().exception()


class TaskCallbacksUncounted(_TaskLoop):
    """remove_done_callback takes one away, and says nothing."""

    class kind(asyncio.Task):  # noqa: N801
        def remove_done_callback(self, callback: Any, /) -> int:
            super().remove_done_callback(callback)
            return 0


class TaskCallbacksLastFirst(_TaskLoop):
    """The callbacks for the end of a task are called last first."""

    class kind(asyncio.Task):  # noqa: N801
        def add_done_callback(self, callback: Any, /, *, context: Any = None) -> None:
            mine = self.__dict__.setdefault("mine", [])
            if not mine and not self.done():
                super().add_done_callback(lambda _: [context.run(each, self) for each, context in reversed(mine)])
            if self.done():
                super().add_done_callback(callback, context=context)
            else:
                mine.append((callback, context or contextvars.copy_context()))


class TaskErrorsWithoutTraceback(_DrivingLoop):
    """What leaves a task has lost the way that it came."""

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            try:
                return super().send(value)
            except StopIteration:
                raise
            except Exception as error:
                raise error.with_traceback(None) from error.__cause__


class TaskErrorsWithContext(_DrivingLoop):
    """What leaves a task has an error of the loop as context."""

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            try:
                return super().send(value)
            except StopIteration:
                raise
            except Exception as error:
                if error.__context__ is None:
                    error.__context__ = LookupError("in the loop's own code")
                raise


class TaskErrorsWithNotes(_DrivingLoop):
    """What leaves a task has a note of the loop."""

    since = (3, 11)

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            try:
                return super().send(value)
            except StopIteration:
                raise
            except Exception as error:
                error.add_note("in a task")
                raise


class TaskErrorsHideContext(_DrivingLoop):
    """What leaves a task hides its context."""

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            try:
                return super().send(value)
            except StopIteration:
                raise
            except Exception as error:
                error.__suppress_context__ = True
                raise


class TaskErrorsKept(_DrivingLoop):
    """The loop keeps the last error that left a task."""

    kept: list[Any] = []

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            try:
                return super().send(value)
            except StopIteration:
                raise
            except Exception as error:
                TaskErrorsKept.kept[:] = [error]
                raise


class TaskStepsHandleErrors(_DrivingLoop):
    """Every step of a task runs where an error is being handled."""

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            try:
                raise LookupError("in the loop's own code")
            except LookupError:
                return super().send(value)


class CancellationReplacesError(_DrivingLoop):
    """A task that raises something else when it is cancelled ends as cancelled."""

    class driver(_Driven):  # noqa: N801
        def throw(self, *error: Any) -> Any:
            try:
                return super().throw(*error)
            except Exception:
                if isinstance(error[0], asyncio.CancelledError):
                    raise error[0] from None
                raise


class CancellationIsResult(_DrivingLoop):
    """A task that returns something when it is cancelled ends as cancelled."""

    class driver(_Driven):  # noqa: N801
        def throw(self, *error: Any) -> Any:
            try:
                return super().throw(*error)
            except StopIteration:
                if isinstance(error[0], asyncio.CancelledError):
                    raise error[0] from None
                raise


class CancellationWithContext(_DrivingLoop):
    """A cancellation comes with a context of the loop's."""

    class driver(_Driven):  # noqa: N801
        def throw(self, *error: Any) -> Any:
            if isinstance(error[0], asyncio.CancelledError):
                error[0].__context__ = LookupError("in the loop's own code")
            return super().throw(*error)


class CancellationRepeats(_DrivingLoop):
    """Each cancellation of a task is the same object."""

    class driver(_Driven):  # noqa: N801
        same: Any = None

        def throw(self, *error: Any) -> Any:
            if isinstance(error[0], asyncio.CancelledError):
                self.same = self.same or error[0]
                return super().throw(self.same)
            return super().throw(*error)


class CancelDuringStepLost(_TaskLoop):
    """A task cannot cancel itself."""

    class kind(asyncio.Task):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            if asyncio._get_running_loop() is not None and asyncio.current_task() is self:
                return True
            return super().cancel(msg)


class CancelFromCallbackLost(_TaskLoop):
    """A callback cannot cancel a task."""

    class kind(asyncio.Task):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            if asyncio._get_running_loop() is not None and asyncio.current_task() is None:
                return True
            return super().cancel(msg)


class CancelMessageFirst(_TaskLoop):
    """Of two requests before one is delivered, the message of the first counts."""

    class kind(asyncio.Task):  # noqa: N801
        asked: Any = None

        def cancel(self, msg: Any = None) -> bool:
            self.asked = self.asked or msg
            return super().cancel(self.asked)


class CancelOfInnerOnly(_TaskLoop):
    """Cancelling a task that awaits another one cancels that other one only."""

    class kind(asyncio.Task):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            inner = self._fut_waiter
            return inner.cancel() if isinstance(inner, asyncio.Task) else super().cancel(msg)


class CancelOfOuterOnly(_TaskLoop):
    """Cancelling a task that awaits another one leaves that other one alone."""

    class kind(asyncio.Task):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            inner = self._fut_waiter
            if not isinstance(inner, asyncio.Task):
                return super().cancel(msg)
            for each in list(inner._callbacks or ()):
                inner.remove_done_callback(each[0])
            held = self.get_loop().create_future()
            self.get_loop().call_soon(held.cancel)
            return super().cancel(msg)


# Futures


class FutureErrorsWithoutTraceback(_FutureLoop):
    """The error of a future has lost the way that it came."""

    class future(asyncio.Future):  # noqa: N801
        def set_exception(self, error: Any, /) -> None:
            super().set_exception(error if isinstance(error, type) else error.with_traceback(None))


class FutureErrorsGrow(_FutureLoop):
    """The traceback of a future's error grows each time that it is raised."""

    class future(asyncio.Future):  # noqa: N801
        def result(self) -> Any:
            error = None if not self.done() or self.cancelled() else self.exception()
            if error is not None:
                raise error
            return super().result()


class FutureSetTwice(_FutureLoop):
    """A future may be set twice; the second time counts for nothing."""

    class future(asyncio.Future):  # noqa: N801
        def set_result(self, result: Any, /) -> None:
            if not self.done():
                super().set_result(result)


class FutureResultsEarly(_FutureLoop):
    """A future that is not done gives None as its result."""

    class future(asyncio.Future):  # noqa: N801
        def result(self) -> Any:
            return super().result() if self.done() else None


class FutureCancelSaysNo(_FutureLoop):
    """cancel() of a future returns False although it cancels."""

    class future(asyncio.Future):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            super().cancel(msg)
            return False


class FutureOfAnyLoop(_FutureLoop):
    """A future says that it belongs to whatever loop is running."""

    class future(asyncio.Future):  # noqa: N801
        def get_loop(self) -> Any:
            return asyncio._get_running_loop() or super().get_loop()


# Asynchronous generators and the end of a run


class GeneratorsClosedUntilError(Base):
    """When closing a generator fails at the end of the run, the others stay open."""

    async def shutdown_asyncgens(self) -> None:
        generators, self._asyncgens = list(self._asyncgens), type(self._asyncgens)()
        for generator in generators:
            try:
                await generator.aclose()
            except Exception as error:
                self.call_exception_handler({"message": "closing failed", "exception": error, "asyncgen": generator})
                return


class GeneratorsReportedBare(Base):
    """What is reported of a generator that cannot be closed does not tell which it is."""

    def call_exception_handler(self, context: Any) -> None:
        context.pop("asyncgen", None)
        super().call_exception_handler(context)


class GeneratorsKept(Base):
    """The loop keeps the generators that it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self._asyncgens: set[Any] = set()


class FinalizerDoesNotWake(Base):
    """A generator that is dropped in another thread is closed when the loop happens to wake."""

    def _asyncgen_finalizer_hook(self, generator: Any) -> None:
        self._asyncgens.discard(generator)
        if not self.is_closed():
            self.call_soon(self.create_task, generator.aclose())


class HooksOfFirstRunOnly(Base):
    """The hooks for generators are installed in the first run of a loop only."""

    def run_forever(self) -> None:
        if self.__dict__.setdefault("ran", []):
            self.call_soon(sys.set_asyncgen_hooks, None, None)
        self.ran.append(True)
        super().run_forever()


class ExecutorThreadsKept(Base):
    """The threads of the default executor are left to themselves when the run ends."""

    async def shutdown_default_executor(self, timeout: Any = None) -> None:
        if self._default_executor is not None:
            self._default_executor.shutdown(wait=False)


# The run


class RunErrorsWithoutTraceback(Base):
    """What leaves the run has lost the way that it came."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except Exception as error:
            raise error.with_traceback(None) from error.__cause__


class RunErrorsHideContext(Base):
    """What leaves the run hides its context."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except Exception as error:
            error.__suppress_context__ = True
            raise


class RunErrorsKept(Base):
    """The loop keeps what left the run for as long as the process lives."""

    kept: list[Any] = []

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except Exception as error:
            RunErrorsKept.kept[:] = [error]
            raise


class RunsShareCallbacks(Base):
    """All loops of a process share one queue of callbacks."""

    queue: Any = collections.deque()

    def __init__(self) -> None:
        super().__init__()
        self.queue.clear()
        self._ready = self.queue


class RunsShareTimers(Base):
    """All loops of a process share their timers."""

    timers: list[Any] = []

    def __init__(self) -> None:
        super().__init__()
        self._scheduled = self.timers


class RunsOneAtATime(Base):
    """While one loop runs, no other one can be run in another thread."""

    running = False

    def run_forever(self) -> None:
        if RunsOneAtATime.running:
            raise RuntimeError("another loop is running")
        RunsOneAtATime.running = True
        try:
            super().run_forever()
        finally:
            RunsOneAtATime.running = False


class CloseRunsCallbacks(Base):
    """close() calls the callbacks that still wait."""

    def close(self) -> None:
        if not self.is_running() and not self.is_closed():
            for handle in list(self._ready):
                handle._run()
        super().close()


# Reports


class HandlerNotGiven(Base):
    """get_exception_handler() knows of no handler."""

    def get_exception_handler(self) -> Any:
        return None


class HandlerNotTakenBack(Base):
    """set_exception_handler(None) changes nothing."""

    def set_exception_handler(self, handler: Any) -> None:
        if handler is not None:
            super().set_exception_handler(handler)


class HandlerTakesAnything(Base):
    """An exception handler need not be callable."""

    def set_exception_handler(self, handler: Any) -> None:
        super().set_exception_handler(handler if handler is None or callable(handler) else lambda *_: None)


class HandlerToldLittle(Base):
    """What is reported names neither handle, future nor task."""

    def call_exception_handler(self, context: Any) -> None:
        super().call_exception_handler({key: context[key] for key in ("message", "exception") if key in context})


class HandlerOfErrorRaises(Base):
    """An exception handler that raises ends the loop."""

    def call_exception_handler(self, context: Any) -> None:
        if self._exception_handler is not None:
            self._exception_handler(self, context)
        else:
            super().call_exception_handler(context)


# Threads and executors


class ThreadsWakeOnce(Base):
    """call_soon_threadsafe wakes the loop the first time only."""

    def _write_to_self(self) -> None:
        if not self.__dict__.get("woken"):
            self.woken = True
            super()._write_to_self()


class ThreadsWakeLate(Base):
    """call_soon_threadsafe wakes the loop after a twentieth of a second."""

    def _write_to_self(self) -> None:
        if asyncio._get_running_loop() is not self:
            time.sleep(0.05)
        super()._write_to_self()


class ThreadsOfClosedLoop(Base):
    """call_soon_threadsafe of a closed loop does nothing."""

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return None if self.is_closed() else super().call_soon_threadsafe(callback, *args, context=context)


class ThreadsUnchecked(Base):
    """In debug mode call_soon does not mind being called in another thread."""

    debugged = True

    def _check_thread(self) -> None:
        pass


class ExecutorGivenIgnored(Base):
    """run_in_executor takes no notice of the executor that it is given."""

    def run_in_executor(self, executor: Any, function: Any, *args: Any) -> Any:
        return super().run_in_executor(None, function, *args)


class ExecutorDefaultIgnored(Base):
    """set_default_executor does nothing."""

    def set_default_executor(self, executor: Any) -> None:
        pass


class ExecutorArgumentsLost(Base):
    """run_in_executor hands on one argument at most."""

    def run_in_executor(self, executor: Any, function: Any, *args: Any) -> Any:
        return super().run_in_executor(executor, function, *args[:1])


class ExecutorOfOneThread(Base):
    """The default executor does one thing at a time."""

    def run_in_executor(self, executor: Any, function: Any, *args: Any) -> Any:
        if executor is None and self._default_executor is None:
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

            self.set_default_executor(ThreadPoolExecutor(1))
        return super().run_in_executor(executor, function, *args)


class ExecutorSetsRunningLoop(Base):
    """A function in an executor finds a running loop."""

    def run_in_executor(self, executor: Any, function: Any, *args: Any) -> Any:
        def run() -> Any:
            asyncio._set_running_loop(self)
            try:
                return function(*args)
            finally:
                asyncio._set_running_loop(None)

        return super().run_in_executor(executor, run)


class ExecutorCannotBeLeft(Base):
    """Who waits for an executor cannot be cancelled before the function is over."""

    def run_in_executor(self, executor: Any, function: Any, *args: Any) -> Any:
        future = super().run_in_executor(executor, function, *args)

        class Held(asyncio.Future):
            def cancel(self, msg: Any = None) -> bool:
                self.asked = True
                return False

        held = Held(loop=self)
        future.add_done_callback(
            lambda done: held.set_exception(done.exception()) if done.exception() else held.set_result(done.result())
        )
        return held


# Descriptors, signals, streams


class ReadersOnce(Base):
    """A reader is called once, though there is more to read."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        def once(*args: Any) -> None:
            self.remove_reader(fd)
            callback(*args)

        return super().add_reader(fd, once, *args)


class ReadersStay(Base):
    """remove_reader does nothing, and says it did."""

    def remove_reader(self, fd: Any) -> bool:
        return True


class ReadersAdd(Base):
    """A second reader for a descriptor does not take the place of the first."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        readers = self.__dict__.setdefault("readers", {})
        readers.setdefault(fd, []).append((callback, args))
        return super().add_reader(fd, lambda: [each(*given) for each, given in readers[fd]])

    def remove_reader(self, fd: Any) -> bool:
        self.__dict__.get("readers", {}).pop(fd, None)
        return super().remove_reader(fd)


class ReadersUnsaid(Base):
    """remove_reader and remove_writer return None."""

    def remove_reader(self, fd: Any) -> Any:
        super().remove_reader(fd)

    def remove_writer(self, fd: Any) -> Any:
        super().remove_writer(fd)


class WritersNeverCalled(Base):
    """add_writer watches nothing for the user."""

    def add_writer(self, fd: Any, callback: Any, *args: Any) -> None:
        pass


class WritersStopReaders(Base):
    """remove_writer takes the reader of that descriptor away as well."""

    def remove_writer(self, fd: Any) -> Any:
        super().remove_reader(fd)
        return super().remove_writer(fd)


class SocketsSendOnce(Base):
    """sock_sendall sends what the socket takes at once."""

    async def sock_sendall(self, sock: Any, data: Any) -> None:
        sock.send(data)


class SocketsReceiveCopies(Base):
    """sock_recv that is cancelled has read already, and what it has read is lost."""

    async def sock_recv(self, sock: Any, n: int) -> Any:
        task = asyncio.ensure_future(super().sock_recv(sock, n))
        return await asyncio.shield(task)


class TransportsAbort(Base):
    """Closing a transport throws away what it has not yet written."""

    def _make_socket_transport(self, sock: Any, *args: Any, **kwargs: Any) -> Any:
        transport = super()._make_socket_transport(sock, *args, **kwargs)
        transport.close = transport.abort
        return transport


class TransportsNeverPause(Base):
    """A transport whose buffer is full does not tell its protocol to wait."""

    def _make_socket_transport(self, sock: Any, *args: Any, **kwargs: Any) -> Any:
        transport = super()._make_socket_transport(sock, *args, **kwargs)
        transport._maybe_pause_protocol = lambda: None
        return transport


class TransportsReadOn(Base):
    """pause_reading of a transport does nothing."""

    def _make_socket_transport(self, sock: Any, *args: Any, **kwargs: Any) -> Any:
        transport = super()._make_socket_transport(sock, *args, **kwargs)
        transport.pause_reading = transport.resume_reading = lambda: None
        return transport


class ServersForget(Base):
    """The second connection of a server is not accepted."""

    def _accept_connection(self, factory: Any, sock: Any, *args: Any, **kwargs: Any) -> Any:
        super()._accept_connection(factory, sock, *args, **kwargs)
        self._remove_reader(sock.fileno())


class TimersInfinitelySoon(Base):
    """A timer of infinite delay is one without delay, as where a number too large becomes 0."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(when if when < math.inf else self.time(), callback, *args, context=context)


class DescriptorsAreNumbers(Base):
    """A descriptor is a number, and nothing that has one."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        super().add_reader(operator.index(fd), callback, *args)


class SignalsInPlace(Base):
    """A signal handler is called where the signal strikes."""

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
        import signal  # noqa: PLC0415

        super().add_signal_handler(sig, callback, *args)
        signal.signal(sig, lambda *_: callback(*args))


class SignalsStay(Base):
    """remove_signal_handler does nothing, and says it did."""

    def remove_signal_handler(self, sig: int) -> bool:
        return sig in self._signal_handlers


class SignalsOfLast(Base):
    """All signals call the handler that was added last."""

    def _handle_signal(self, sig: int) -> None:
        if self._signal_handlers:
            super()._handle_signal(list(self._signal_handlers)[-1])


class SignalsOnce(Base):
    """A signal handler is called for the first signal only."""

    def _handle_signal(self, sig: int) -> None:
        super()._handle_signal(sig)
        if sig in self._signal_handlers:
            self.call_soon(self.remove_signal_handler, sig)


class ProcessesSucceed(Base):
    """Every process has ended well."""

    async def _make_subprocess_transport(self, protocol: Any, *args: Any, **kwargs: Any) -> Any:
        transport = await super()._make_subprocess_transport(protocol, *args, **kwargs)
        transport._process_exited_ = transport._process_exited
        transport._process_exited = lambda code: transport._process_exited_(0)
        return transport
