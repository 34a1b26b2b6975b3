"""Faulty loops: asyncio's own with one fault each, the kind of fault that a new loop has.

Each class is a factory for `--loop NAME=PATH:NAME`. Its docstring says what is wrong with it. A class with `since` needs that
Python; one with `eager` is judged as a loop that starts tasks eagerly.
"""

# mypy: disable-error-code="has-type, arg-type, assignment, attr-defined, call-overload, func-returns-value, method-assign, misc, no-any-return, override, return-value, type-arg, union-attr, valid-type"
# (what is overridden here is overridden wrongly on purpose, and partly private)
# ruff: noqa: B905, BLE001, E501, S110, SIM105, TRY301 - faults are written as the careless write them

from __future__ import annotations

import asyncio
import contextvars
import itertools
import random
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ClassVar

Base = asyncio.SelectorEventLoop


def _is_step(callback: Any) -> bool:
    """Tell whether a callback is a task's own, which a loop cannot call twice or lose without losing everything."""
    return isinstance(getattr(callback, "__self__", None), asyncio.Task)


class Control(Base):
    """No fault."""


# Callbacks


class CallbacksLastFirst(Base):
    """What is scheduled last runs first."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = super().call_soon(callback, *args, context=context)
        self._ready.rotate(1)
        return handle


class CallbacksShuffled(Base):
    """Callbacks run in no particular order."""

    def _run_once(self) -> None:
        ready = list(self._ready)
        random.Random(len(ready)).shuffle(ready)
        self._ready.clear()
        self._ready.extend(ready)
        super()._run_once()


class TwoCallbacksSwapped(Base):
    """A callback overtakes the one before it if both are not a task's."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = super().call_soon(callback, *args, context=context)
        if len(self._ready) > 1:
            self._ready[-1], self._ready[-2] = self._ready[-2], self._ready[-1]
        return handle


class CallbacksTwice(Base):
    """A callback that is not a task's runs twice."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        if not _is_step(callback):
            super().call_soon(callback, *args, context=context)
        return super().call_soon(callback, *args, context=context)


class CallbacksLost(Base):
    """Every tenth callback is forgotten."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        self.count = getattr(self, "count", 0) + 1
        return super().call_soon(*((callback, *args) if self.count % 10 else (int,)), context=context)


class CallbacksAtOnce(Base):
    """A callback that is not a task's is called by call_soon itself."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        if _is_step(callback):
            return super().call_soon(callback, *args, context=context)
        (context or contextvars.copy_context()).run(callback, *args)
        return super().call_soon(int)


class CallbacksInSameCycle(Base):
    """What a callback schedules runs before the cycle ends, so nothing else gets a turn."""

    def _run_once(self) -> None:
        super()._run_once()
        for _ in range(3):
            if self._ready and not self._stopping:
                self._ready.popleft()._run()


class CallbackErrorsEndLoop(Base):
    """An error in a callback leaves the run."""

    def call_exception_handler(self, context: Any) -> None:
        if "exception" in context and "handle" in context:
            raise context["exception"]
        super().call_exception_handler(context)


class CallbackCancelIgnored(Base):
    """A callback runs although it was cancelled."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        super().call_soon(callback, *args, context=context)
        return asyncio.Handle(callback, args, self, context)


# Context


class ContextIgnoredByCallbacks(Base):
    """call_soon takes no notice of the context it is given."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon(callback, *args)


class ContextSharedByCallbacks(Base):
    """Callbacks run in one context, not in a copy of the current one."""

    shared: Any = None

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        if self.shared is None:
            self.shared = contextvars.copy_context()
        return super().call_soon(callback, *args, context=context or self.shared)


class ContextEmptyInCallbacks(Base):
    """Callbacks see no context variables at all."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon(callback, *args, context=context or contextvars.Context())


class ContextEmptyInTimers(Base):
    """Timers see no context variables at all."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(when, callback, *args, context=contextvars.Context())


class ContextOfTasksShared(Base):
    """All tasks run in the one context of the first."""

    since = (3, 11)
    shared: Any = None

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        if self.shared is None:
            self.shared = contextvars.copy_context()
        kwargs["context"] = self.shared
        return super().create_task(coro, **kwargs)


class ContextOfTasksEmpty(Base):
    """Tasks start without the variables of who created them."""

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        return contextvars.Context().run(super().create_task, coro, **kwargs)


class ContextOfTasksIgnored(Base):
    """create_task takes no notice of the context it is given."""

    since = (3, 11)

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        kwargs.pop("context", None)
        return super().create_task(coro, **kwargs)


class ContextOfTasksNotCopied(Base):
    """A task runs in the very context of who created it."""

    since = (3, 14)  # before, a context cannot be had without copying it

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        current = asyncio.current_task(self) if asyncio._get_running_loop() is self else None
        if current is not None and kwargs.get("context") is None:
            kwargs["context"] = current.get_context()
        return super().create_task(coro, **kwargs)


# Tasks: how their coroutines are driven


class _Driven(Coroutine[Any, Any, Any]):
    """A coroutine between the task and the real one."""

    def __init__(self, coro: Any) -> None:
        self._coro = coro

    def send(self, value: Any) -> Any:
        return self._coro.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coro.throw(*error)

    def close(self) -> None:
        self._coro.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coro, name)


class _DrivingLoop(Base):
    driver: ClassVar[type[_Driven]]

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        return super().create_task(self.driver(coro), **kwargs)


def _is_cancellation(error: tuple[Any, ...]) -> bool:
    return isinstance(error[0], asyncio.CancelledError) or error[0] is asyncio.CancelledError


class CancellationSwallowed(_DrivingLoop):
    """The await at which a task is cancelled returns None instead."""

    class driver(_Driven):  # noqa: N801
        def throw(self, *error: Any) -> Any:
            return self.send(None) if _is_cancellation(error) else super().throw(*error)


class CancellationLate(_DrivingLoop):
    """A cancellation is raised one cycle too late."""

    class driver(_Driven):  # noqa: N801
        late: Any = None

        def throw(self, *error: Any) -> Any:
            if _is_cancellation(error) and self.late is None:
                self.late = error
                return None
            return super().throw(*error)

        def send(self, value: Any) -> Any:
            if self.late:
                error, self.late = self.late, ()
                return super().throw(*error)
            return super().send(value)


class CancellationVeryLate(_DrivingLoop):
    """A cancellation is raised at the await after the one it was meant for."""

    class driver(_Driven):  # noqa: N801
        late: Any = None

        def throw(self, *error: Any) -> Any:
            if _is_cancellation(error) and self.late is None:
                self.late = error
                return super().send(None)
            return super().throw(*error)

        def send(self, value: Any) -> Any:
            if self.late:
                error, self.late = self.late, ()
                return super().throw(*error)
            return super().send(value)


class CancellationTwice(_DrivingLoop):
    """A cancellation is raised at the next await, too."""

    class driver(_Driven):  # noqa: N801
        again: Any = None

        def throw(self, *error: Any) -> Any:
            if _is_cancellation(error):
                self.again = (asyncio.CancelledError(),)
            return super().throw(*error)

        def send(self, value: Any) -> Any:
            if self.again:
                error, self.again = self.again, None
                return super().throw(*error)
            return super().send(value)


class CancellationAsRuntimeError(_DrivingLoop):
    """A cancellation is raised as a RuntimeError."""

    class driver(_Driven):  # noqa: N801
        def throw(self, *error: Any) -> Any:
            return super().throw(RuntimeError("cancelled") if _is_cancellation(error) else error[0])


class CancellationAsSubclass(_DrivingLoop):
    """A cancellation is raised as a subclass of CancelledError."""

    class driver(_Driven):  # noqa: N801
        def throw(self, *error: Any) -> Any:
            kind = type("Stopped", (asyncio.CancelledError,), {})
            return super().throw(kind(*error[0].args) if _is_cancellation(error) else error[0])


class CancellationWithoutMessage(_DrivingLoop):
    """The message of a cancellation is lost."""

    class driver(_Driven):  # noqa: N801
        def throw(self, *error: Any) -> Any:
            return super().throw(asyncio.CancelledError() if _is_cancellation(error) else error[0])


class CancellationAtFirstStepIgnored(_DrivingLoop):
    """A task that is cancelled before its first step starts, and is cancelled at its first await."""

    class driver(_Driven):  # noqa: N801
        started = False
        late: Any = None

        def throw(self, *error: Any) -> Any:
            if not self.started and _is_cancellation(error):
                self.late = error
                return self.send(None)
            return super().throw(*error)

        def send(self, value: Any) -> Any:
            self.started, late, self.late = (
                True,
                self.late if self.started else None,
                None if self.started else self.late,
            )
            return super().throw(*late) if late else super().send(value)


class TaskErrorsAtOnce(_DrivingLoop):
    """What a task awaits raises a copy of the error."""

    class driver(_Driven):  # noqa: N801
        def throw(self, *error: Any) -> Any:
            if isinstance(error[0], Exception):
                other = type(error[0]).__new__(type(error[0]), *error[0].args)
                other.args = error[0].args
                return super().throw(other)
            return super().throw(*error)


class TaskCycleExtra(_DrivingLoop):
    """Each task lets the loop run once more before it starts."""

    class driver(_Driven):  # noqa: N801
        started = False

        def send(self, value: Any) -> Any:
            if not self.started:
                self.started = True
                return None
            return super().send(value)


class TaskStepsTwice(_DrivingLoop):
    """A bare yield does not give up the turn."""

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            wanted = super().send(value)
            return super().send(None) if wanted is None else wanted


class TaskEndsLate(_DrivingLoop):
    """A task is done only one cycle after its coroutine returned."""

    class driver(_Driven):  # noqa: N801
        result: Any = None

        def send(self, value: Any) -> Any:
            if self.result:
                raise self.result
            try:
                return super().send(value)
            except StopIteration as end:
                self.result = StopIteration(end.value)
                return None


class TaskResultsLost(_DrivingLoop):
    """Tasks give None whatever their coroutine returned."""

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            try:
                return super().send(value)
            except StopIteration:
                raise StopIteration(None) from None


class TaskErrorsLost(_DrivingLoop):
    """Tasks that fail end as if they had returned None."""

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            try:
                return super().send(value)
            except StopIteration:
                raise
            except Exception:
                raise StopIteration(None) from None


class TaskErrorsWrapped(_DrivingLoop):
    """Tasks that fail end with a RuntimeError that has the error as cause."""

    class driver(_Driven):  # noqa: N801
        def send(self, value: Any) -> Any:
            try:
                return super().send(value)
            except StopIteration:
                raise
            except Exception as error:
                raise RuntimeError("a task failed") from error


class TaskCancellationAsResult(_DrivingLoop):
    """A task that ends with the cancellation it was given ends as if it had returned None."""

    class driver(_Driven):  # noqa: N801
        def throw(self, *error: Any) -> Any:
            try:
                return super().throw(*error)
            except asyncio.CancelledError:
                raise StopIteration(None) from None


# Tasks: what they say of themselves


class _TaskLoop(Base):
    kind: ClassVar[type[asyncio.Task[Any]]]

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        self._check_closed()
        if self.get_task_factory() is not None:
            return super().create_task(coro, **kwargs)
        return self.kind(coro, loop=self, **kwargs)


class CancelNever(_TaskLoop):
    """cancel() of a task does nothing and says it did."""

    class kind(asyncio.Task):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            return not self.done()


class CancelLater(_TaskLoop):
    """cancel() of a task asks on the next cycle."""

    class kind(asyncio.Task):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            self.get_loop().call_soon(super().cancel, msg)
            return not self.done()


class CancelSaysNo(_TaskLoop):
    """cancel() returns False although it cancels."""

    class kind(asyncio.Task):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            super().cancel(msg)
            return False


class CancelSaysYes(_TaskLoop):
    """cancel() returns True although the task is done."""

    class kind(asyncio.Task):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            super().cancel(msg)
            return True


class CancelOnlyOnce(_TaskLoop):
    """A task that was cancelled before cannot be cancelled again."""

    class kind(asyncio.Task):  # noqa: N801
        asked = False

        def cancel(self, msg: Any = None) -> bool:
            if self.asked:
                return not self.done()
            self.asked = True
            return super().cancel(msg)


class CancelWithoutMessage(_TaskLoop):
    """cancel() forgets its message."""

    class kind(asyncio.Task):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            return super().cancel()


class CancelCountedTwice(_TaskLoop):
    """cancel() counts two requests."""

    since = (3, 11)

    class kind(asyncio.Task):  # noqa: N801
        def cancelling(self) -> int:
            return 2 * super().cancelling()


class CancelNotCounted(_TaskLoop):
    """cancelling() is always none."""

    since = (3, 11)

    class kind(asyncio.Task):  # noqa: N801
        def cancelling(self) -> int:
            return 0


class UncancelIgnored(_TaskLoop):
    """uncancel() takes nothing back."""

    since = (3, 11)

    class kind(asyncio.Task):  # noqa: N801
        def uncancel(self) -> int:
            return self.cancelling()


class UncancelTakesAll(_TaskLoop):
    """uncancel() takes back every request."""

    since = (3, 11)

    class kind(asyncio.Task):  # noqa: N801
        def uncancel(self) -> int:
            while super().uncancel():
                pass
            return 0


class UncancelSaysWhatWas(_TaskLoop):
    """uncancel() returns how many requests there were before."""

    since = (3, 11)

    class kind(asyncio.Task):  # noqa: N801
        def uncancel(self) -> int:
            before = self.cancelling()
            super().uncancel()
            return before


class CancelledNeverSaid(_TaskLoop):
    """cancelled() of a task is False."""

    class kind(asyncio.Task):  # noqa: N801
        def cancelled(self) -> bool:
            return False


class TaskNamesIgnored(_TaskLoop):
    """Every task has the same name."""

    class kind(asyncio.Task):  # noqa: N801
        def get_name(self) -> str:
            return "task"


class TaskCallbacksForgotten(_TaskLoop):
    """add_done_callback of a task forgets the callback if the task is done."""

    class kind(asyncio.Task):  # noqa: N801
        def add_done_callback(self, *args: Any, **kwargs: Any) -> None:
            if not self.done():
                super().add_done_callback(*args, **kwargs)


class TasksEager(Base):
    """Tasks start eagerly although nobody asked for it."""

    since = (3, 12)

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(asyncio.eager_task_factory)


class EagerIgnored(Base):
    """The task factory is not used, so that no task is eager."""

    since = (3, 12)
    eager = True

    def set_task_factory(self, factory: Any) -> None:
        pass


class EagerContextShared(Base):
    """The eager part of a task runs in the context of who created it."""

    since = (3, 12)
    eager = True

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        kwargs["context"] = _current_context(self)
        return super().create_task(coro, **kwargs)


def _current_context(loop: Any) -> Any:
    task = asyncio.current_task(loop) if asyncio._get_running_loop() is loop else None
    return None if task is None else task.get_context()


# Futures


class _FutureLoop(Base):
    future: ClassVar[type[asyncio.Future[Any]]]

    def create_future(self) -> Any:
        return self.future(loop=self)


class FutureResultsLost(_FutureLoop):
    """Awaiting a future gives None."""

    class future(asyncio.Future):  # noqa: N801
        def set_result(self, result: Any, /) -> None:
            super().set_result(None)


class FutureErrorsCopied(_FutureLoop):
    """Awaiting a future raises another object than was set."""

    class future(asyncio.Future):  # noqa: N801
        def set_exception(self, error: Any, /) -> None:
            super().set_exception(error if isinstance(error, type) else type(error)(*error.args))


class FutureCancelIgnored(_FutureLoop):
    """cancel() of a future does nothing, so that no task that waits for one can be cancelled."""

    class future(asyncio.Future):  # noqa: N801
        def cancel(self, msg: Any = None) -> bool:
            return False


class FutureCallbacksLastFirst(_FutureLoop):
    """Of several that wait for one future the last wakes first."""

    class future(asyncio.Future):  # noqa: N801
        def set_result(self, result: Any, /) -> None:
            ready = self.get_loop()._ready
            before = len(ready)
            super().set_result(result)
            last = [ready.pop() for _ in range(len(ready) - before)]
            ready.extend(last)


class FutureCallbacksAtOnce(_FutureLoop):
    """set_result of a future calls those that wait for it."""

    class future(asyncio.Future):  # noqa: N801
        def set_result(self, result: Any, /) -> None:
            ready = self.get_loop()._ready
            before = len(ready)
            super().set_result(result)
            for handle in [ready.pop() for _ in range(len(ready) - before)]:
                handle._run()


class FutureWakesLate(_FutureLoop):
    """A future wakes those that wait for it one cycle late."""

    class future(asyncio.Future):  # noqa: N801
        def set_result(self, result: Any, /) -> None:
            self.get_loop().call_soon(lambda: self.done() or super(type(self), self).set_result(result))


# Time


class TimersAtOnce(Base):
    """A timer is due at once."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(self.time(), callback, *args, context=context)


class TimersLate(Base):
    """A timer is a tenth of a second late."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(when + 0.1, callback, *args, context=context)


class TimersNever(Base):
    """A timer is never due."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(when + 1e6, callback, *args, context=context)


class TimersLastFirst(Base):
    """Of the timers that are due the last one comes first."""

    def _run_once(self) -> None:
        before = len(self._ready)
        due = sum(1 for handle in self._scheduled if handle._when <= self.time())
        if due > 1 and not before:
            handles = sorted(self._scheduled, key=lambda handle: handle._when)
            for first, last in zip(handles[: due // 2], reversed(handles[:due])):
                first._callback, last._callback = last._callback, first._callback
                first._args, last._args = last._args, first._args
        super()._run_once()


class TimersCancelledFire(Base):
    """A timer fires although it was cancelled."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        super().call_at(when, callback, *args, context=context)
        return asyncio.TimerHandle(when, callback, args, self, context)


class TimersTwice(Base):
    """A timer fires twice."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        def twice(*args: Any) -> None:
            callback(*args)
            callback(*args)

        return super().call_at(when, twice, *args, context=context)


class TimeStandsStill(Base):
    """The loop's clock does not go on while the loop runs."""

    def __init__(self) -> None:
        self.now = time.monotonic()
        super().__init__()

    def time(self) -> float:
        return self.now


class TimeInMilliseconds(Base):
    """The loop's clock counts milliseconds."""

    def time(self) -> float:
        return super().time() * 1000


# Asynchronous generators and the end of a run


class HooksMissing(Base):
    """No hooks for asynchronous generators are installed."""

    def run_forever(self) -> None:
        self.call_soon(sys.set_asyncgen_hooks, None, None)
        super().run_forever()


class HooksLeft(Base):
    """The hooks for asynchronous generators stay installed."""

    def run_forever(self) -> None:
        try:
            super().run_forever()
        finally:
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook)


class HooksNotRestored(Base):
    """The hooks that were there before the run are gone after it."""

    def run_forever(self) -> None:
        try:
            super().run_forever()
        finally:
            sys.set_asyncgen_hooks(None, None)


class HooksLeftAfterError(Base):
    """The hooks stay installed when a run ends with an exception."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except BaseException:
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook)
            raise


class FinalizerMissing(Base):
    """A generator that is dropped is not closed."""

    def _asyncgen_finalizer_hook(self, generator: Any) -> None:
        self._asyncgens.discard(generator)


class FinalizerCloses(Base):
    """A generator that is dropped is closed on the spot, where it may not await."""

    def _asyncgen_finalizer_hook(self, generator: Any) -> None:
        self._asyncgens.discard(generator)
        closing = generator.aclose()
        try:
            closing.send(None)
        except (StopIteration, Exception):
            pass


class FinalizerInOtherContext(Base):
    """The task that closes a dropped generator has an empty context."""

    def _asyncgen_finalizer_hook(self, generator: Any) -> None:
        contextvars.Context().run(super()._asyncgen_finalizer_hook, generator)


class GeneratorsLeftOpen(Base):
    """The end of the run closes no generators."""

    async def shutdown_asyncgens(self) -> None:
        self._asyncgens_shutdown_called = True


class GeneratorsClosedButOne(Base):
    """The end of the run forgets one of the open generators."""

    async def shutdown_asyncgens(self) -> None:
        for generator in itertools.islice(list(self._asyncgens), 1):
            self._asyncgens.discard(generator)
        await super().shutdown_asyncgens()


class GeneratorsClosedInTurn(Base):
    """The end of the run closes one generator after the other."""

    async def shutdown_asyncgens(self) -> None:
        for generator in list(self._asyncgens):
            self._asyncgens.discard(generator)
            try:
                await generator.aclose()
            except Exception as error:
                self.call_exception_handler({"message": "closing failed", "exception": error, "asyncgen": generator})


class GeneratorsErrorsUnsaid(Base):
    """What generators raise when the end of the run closes them is not reported."""

    async def shutdown_asyncgens(self) -> None:
        generators, self._asyncgens = list(self._asyncgens), type(self._asyncgens)()
        await asyncio.gather(*(generator.aclose() for generator in generators), return_exceptions=True)


class GeneratorsErrorsRaised(Base):
    """What generators raise when the end of the run closes them leaves the run."""

    async def shutdown_asyncgens(self) -> None:
        generators, self._asyncgens = list(self._asyncgens), type(self._asyncgens)()
        await asyncio.gather(*(generator.aclose() for generator in generators))


class GeneratorsClosedTwice(Base):
    """Open generators are thrown into once more after they were closed."""

    async def shutdown_asyncgens(self) -> None:
        generators = list(self._asyncgens)
        for generator in generators:
            try:
                await generator.athrow(GeneratorExit())
            except (GeneratorExit, StopAsyncIteration):
                pass
        await super().shutdown_asyncgens()


class ExecutorLeft(Base):
    """The end of the run does not wait for the default executor."""

    async def shutdown_default_executor(self, timeout: Any = None) -> None:
        pass


class CloseForgotten(Base):
    """close() does not close the loop's selector and sockets."""

    def close(self) -> None:
        self._closed = True


class CloseNeverSaid(Base):
    """is_closed() is always False."""

    def is_closed(self) -> bool:
        return False


# The run


class ResultLost(Base):
    """A run gives back None."""

    def run_until_complete(self, future: Any) -> Any:
        super().run_until_complete(future)


class ResultAsText(Base):
    """A run gives back strings as they are, anything else as text."""

    def run_until_complete(self, future: Any) -> Any:
        result = super().run_until_complete(future)
        return result if result is None or isinstance(result, str) else repr(result)


class ErrorLost(Base):
    """What the main coroutine raises is lost."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except Exception:
            return "ran"


class ErrorWrapped(Base):
    """What the main coroutine raises comes out as the cause of a RuntimeError."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except Exception as error:
            raise RuntimeError("the run failed") from error


class ErrorCopied(Base):
    """What the main coroutine raises comes out as an equal error."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except Exception as error:
            raise type(error)(*error.args) from None


class ErrorWithContext(Base):
    """What the main coroutine raises gets a context."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            raise LookupError("in the loop's own code")
        except LookupError:
            return super().run_until_complete(future)


class InterruptSwallowed(Base):
    """KeyboardInterrupt and SystemExit do not leave the run."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except (KeyboardInterrupt, SystemExit):
            return "ran"


class InterruptAsRuntimeError(Base):
    """KeyboardInterrupt and SystemExit leave the run as RuntimeError."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except (KeyboardInterrupt, SystemExit) as error:
            raise RuntimeError("interrupted") from error


class InterruptSignalTaken(Base):
    """SIGINT is ignored from the first run on."""

    def run_forever(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        super().run_forever()


class StopEndsLate(Base):
    """A run goes on for some cycles after its main task is done."""

    def stop(self) -> None:
        self.turns = getattr(self, "turns", 3) - 1
        if self.turns:
            self.call_soon(self.stop)
        else:
            self.turns = 3
            super().stop()


class RunningLoopUnset(Base):
    """Callbacks other than tasks' find no running loop."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        if _is_step(callback):
            return super().call_soon(callback, *args, context=context)

        def without(*args: Any) -> None:
            asyncio._set_running_loop(None)
            try:
                callback(*args)
            finally:
                asyncio._set_running_loop(self)

        return super().call_soon(without, *args, context=context)


class RunningNeverSaid(Base):
    """is_running() is always False."""

    def is_running(self) -> bool:
        return False


class DebugAlways(Base):
    """Debug mode is on whatever was asked for."""

    def get_debug(self) -> bool:
        return True


class DebugIgnored(Base):
    """Debug mode cannot be switched on."""

    debugged = True

    def get_debug(self) -> bool:
        return False


# Reports


class HandlerNeverCalled(Base):
    """Nothing is ever reported."""

    def call_exception_handler(self, context: Any) -> None:
        pass


class HandlerOfUserIgnored(Base):
    """A handler that the user set is not called; reports are logged."""

    def call_exception_handler(self, context: Any) -> None:
        self.default_exception_handler(context)


class HandlerByDefaultSilent(Base):
    """Reports that no handler of the user takes are not logged."""

    def default_exception_handler(self, context: Any) -> None:
        pass


class HandlerCalledTwice(Base):
    """Everything is reported twice."""

    def call_exception_handler(self, context: Any) -> None:
        super().call_exception_handler(context)
        super().call_exception_handler(context)


# Threads


class ThreadsDoNotWake(Base):
    """call_soon_threadsafe does not wake the loop."""

    def _write_to_self(self) -> None:
        pass


class ThreadsLost(Base):
    """call_soon_threadsafe forgets what comes from another thread."""

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        mine = asyncio._get_running_loop() is self
        return super().call_soon_threadsafe(*((callback, *args) if mine else (int,)), context=context)


class ThreadsCallThemselves(Base):
    """call_soon_threadsafe calls in the thread that it is called in."""

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        callback(*args)
        return super().call_soon_threadsafe(int)


class ThreadsCallFunctions(Base):
    """call_soon_threadsafe calls plain functions in the thread that it is called in."""

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        if isinstance(callback, types.FunctionType):
            callback(*args)
            callback, args = int, ()
        return super().call_soon_threadsafe(callback, *args, context=context)


class ExecutorInline(Base):
    """run_in_executor blocks the loop."""

    def run_in_executor(self, executor: Any, function: Callable[..., Any], *args: Any) -> Any:
        future = self.create_future()
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class ExecutorErrorsLost(Base):
    """What a function raises in an executor is lost."""

    def run_in_executor(self, executor: Any, function: Callable[..., Any], *args: Any) -> Any:
        def careful() -> Any:
            try:
                return function(*args)
            except Exception:
                return None

        return super().run_in_executor(executor, careful)


class ExecutorResultsLost(Base):
    """What a function returns in an executor is lost."""

    def run_in_executor(self, executor: Any, function: Callable[..., Any], *args: Any) -> Any:
        return super().run_in_executor(executor, lambda: function(*args) and None)


# Descriptors, signals, streams


class ReadersNeverCalled(Base):
    """add_reader watches nothing for the user."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        pass


class SignalsIgnored(Base):
    """add_signal_handler installs nothing."""

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
        pass


class ConnectionsLeftOpen(Base):
    """A transport that is closed keeps its socket, and nobody hears of it."""

    def _make_socket_transport(self, sock: Any, *args: Any, **kwargs: Any) -> Any:
        transport = super()._make_socket_transport(sock, *args, **kwargs)
        transport.close = lambda: None
        return transport


class ServersAcceptNothing(Base):
    """A server listens but accepts no connection."""

    def _start_serving(self, *args: Any, **kwargs: Any) -> None:
        pass


def faults(module: types.ModuleType) -> list[type[Base]]:
    """Return the faulty loops of `module` that this Python can have."""
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Base)]
    return [
        each
        for each in found
        if each.__doc__
        and each.__module__ == module.__name__
        and not each.__name__.startswith("_")
        and each is not Control
        and sys.version_info >= getattr(each, "since", (3, 10))
    ]
