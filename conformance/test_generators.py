"""Generators as managers: what `@asynccontextmanager` makes of an asynchronous generator function."""

import asyncio
import gc
import inspect
import sys
import traceback
import warnings
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Names, Trace, chain, clause, describe

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

ASYNCCONTEXTMANAGER = "library/contextlib.html#contextlib.asynccontextmanager"
TESTS = "Lib/test/test_contextlib_async.py"
CLOSED_AT_ONCE = ">=3.11.7,!=3.12.0"  # the releases that close a generator with one `yield` too many


@clause("ACM-01", source=ASYNCCONTEXTMANAGER, expect=["enter", "body with given", "leave", "finally", "after"])
async def before_and_after_the_yield(trace: Trace, library: Names) -> None:
    """What stands before the one `yield` is the enter, its value is what `as` binds, what stands after is the exit."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[str]:
        await checkpoint()
        trace("enter")
        try:
            yield "given"
            await checkpoint()
            trace("leave")
        finally:
            await checkpoint()
            trace("finally")

    async with manager() as value:
        trace("body with", value)
    trace("after")


@clause("ACM-02", source=TESTS, expect=["enter", "RuntimeError"])
async def generator_without_yield(trace: Trace, library: Names) -> None:
    """A generator that ends before its `yield` is a RuntimeError at enter; the body does not run."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        await checkpoint()
        trace("enter")
        if not trace.lines:
            yield

    try:
        async with manager():
            trace("body")
    except RuntimeError as error:
        trace(type(error))


@clause(
    "ACM-03",
    source=TESTS,
    expect=["body", "RuntimeError from None"],
    leaves=["warnings"],  # where the generator is not closed, trio says so
)
async def second_yield_on_normal_exit(trace: Trace, library: Names) -> None:
    """A generator that yields a second time after a body without error is a RuntimeError at exit."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[int]:
        yield 1
        await checkpoint()
        yield 2

    try:
        async with manager():
            trace("body")
    except RuntimeError as error:
        trace(type(error), "from", chain(error.__context__))


@clause(
    "ACM-04",
    source="gh-110378",
    versions=CLOSED_AT_ONCE,
    expect=["GeneratorExit()", "closed", "RuntimeError from None", "finished: True"],
)
async def second_yield_closes_the_generator(trace: Trace, library: Names) -> None:
    """A generator that yields a second time is closed at once: its `finally` has run when the RuntimeError is seen."""

    async def generate() -> AsyncIterator[int]:
        yield 1
        try:
            yield 2
        except GeneratorExit as error:
            trace(error)
            raise
        finally:
            await checkpoint()
            trace("closed")

    generator = generate()
    try:
        async with library.asynccontextmanager(lambda: generator)():
            pass
    except RuntimeError as error:
        trace(type(error), "from", chain(error.__context__))
    trace("finished:", generator.ag_frame is None)


@clause(
    "ACM-05",
    source=TESTS,
    expect=["RuntimeError from ValueError('v')"],
    leaves=["warnings"],  # where the generator is not closed, trio says so
)
async def second_yield_after_an_error(trace: Trace, library: Names) -> None:
    """A generator that yields again after the body's error was thrown into it is a RuntimeError with that error as
    context.
    """

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[int]:
        try:
            yield 1
        except ValueError:
            await checkpoint()
            yield 2

    try:
        async with manager():
            raise ValueError("v")
    except RuntimeError as error:
        trace(type(error), "from", chain(error.__context__))


@clause(
    "ACM-06",
    source=ASYNCCONTEXTMANAGER,
    expect=["generator got ValueError('v')", "the raised object: True", "after"],
)
async def error_handled_in_the_generator(trace: Trace, library: Names) -> None:
    """The body's error is raised at the `yield`; a generator that catches it and ends suppresses it."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except ValueError as error:
            await checkpoint()
            trace("generator got", chain(error))
            trace("the raised object:", error is raised)

    raised = ValueError("v")
    async with manager():
        raise raised
    trace("after")


@clause(
    "ACM-07",
    source=TESTS,
    expect=[
        "finally",
        "caught ValueError('v') the raised object: True",
        "finally",
        "caught RuntimeError('r') the raised object: True",
        "finally",
        "caught KeyboardInterrupt() the raised object: True",
    ],
)
async def error_passing_the_generator(trace: Trace, library: Names) -> None:
    """A body's error that the generator lets pass propagates as the same object with nothing added to it."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await checkpoint()
            trace("finally")

    for raised in (ValueError("v"), RuntimeError("r"), KeyboardInterrupt()):
        try:
            async with manager():
                raise raised
        except BaseException as error:
            trace("caught", chain(error), "the raised object:", error is raised)


@clause(
    "ACM-08",
    source="gh-95882; gh-92118",
    expect=[
        "ValueError in frames_of_a_propagated_error, in body",
        "RuntimeError in frames_of_a_propagated_error, in body",
        "StopAsyncIteration in frames_of_a_propagated_error, in body",
        "KeyboardInterrupt in frames_of_a_propagated_error, in body",
    ],
)
async def frames_of_a_propagated_error(trace: Trace, library: Names) -> None:
    """The traceback of a propagated error shows the caller and the body, but neither contextlib nor the generators."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await checkpoint()

    async def body(error: BaseException) -> None:
        raise error

    for raised in (ValueError(), RuntimeError(), StopAsyncIteration(), KeyboardInterrupt()):
        try:
            async with manager(), manager(), manager(), manager():
                await body(raised)
        except BaseException as error:
            names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
            trace(type(error), "in", ", in ".join(names))


@clause(
    "ACM-09",
    source=TESTS,
    expect=["caught OSError('o') <- ValueError('v')", "caught OSError('o') <= ValueError('v')"],
)
async def error_replaced_by_the_generator(trace: Trace, library: Names) -> None:
    """Another error raised by the generator propagates with the body's error as its context, or as its cause if it says
    so.
    """

    @library.asynccontextmanager
    async def manager(explicitly: bool) -> AsyncIterator[None]:
        try:
            yield
        except ValueError as error:
            await checkpoint()
            if explicitly:
                raise OSError("o") from error
            raise OSError("o")  # noqa: B904 - the implicit context is the point

    for explicitly in (False, True):
        try:
            async with manager(explicitly):
                raise ValueError("v")
        except OSError as error:
            trace("caught", chain(error))


@clause(
    "ACM-10",
    source=TESTS,
    expect=["caught ValueError('v') <- ValueError('v')", "caught RuntimeError('r') <- RuntimeError('r')"],
)
async def equal_error_is_not_the_same(trace: Trace, library: Names) -> None:
    """A new error of the same class with the same arguments is not taken for the body's: it propagates with the other
    as context.
    """

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            raise type(error)(*error.args)  # noqa: B904 - the implicit context is the point

    for raised in (ValueError("v"), RuntimeError("r")):
        try:
            async with manager():
                raise raised
        except Exception as error:
            trace("caught", chain(error))


@clause(
    "ACM-11",
    source="bpo-29692; PEP 479",
    expect=[
        "StopAsyncIteration('s') the raised object: True",
        "Late('s') the raised object: True",
        "RuntimeError('coroutine raised StopIteration') <= StopIteration('s') the raised object: False",
    ],
)
async def stop_raised_in_the_body(trace: Trace, library: Names) -> None:
    """StopAsyncIteration from the body is not swallowed and leaves as itself; StopIteration leaves as the coroutine's
    RuntimeError.
    """

    class Late(StopAsyncIteration):
        pass

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        yield

    async def use(error: Exception) -> None:
        async with manager():
            await checkpoint()
            raise error

    for raised in (StopAsyncIteration("s"), Late("s"), StopIteration("s")):
        try:
            await use(raised)
        except Exception as error:
            trace(chain(error), "the raised object:", error is raised)


@clause(
    "ACM-12",
    source="bpo-29692",
    level="informational",
    expect=["caught StopAsyncIteration('s')"],
)
async def stop_wrapped_by_the_generator(trace: Trace, library: Names) -> None:
    """A RuntimeError that the generator itself raises from the body's StopAsyncIteration is dropped, and the latter
    propagates.
    """

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except StopAsyncIteration as error:
            raise RuntimeError("on purpose") from error

    try:
        async with manager():
            raise StopAsyncIteration("s")
    except Exception as error:
        trace("caught", chain(error))


@clause(
    "ACM-13",
    source="PEP 479; PEP 525",
    expect=[
        "RuntimeError('async generator raised StopIteration') <= StopIteration('s')",
        "RuntimeError('async generator raised StopIteration') <= StopIteration('s') <- ValueError('v')",
        "RuntimeError('async generator raised StopAsyncIteration') <= StopAsyncIteration('s')",
        "RuntimeError('async generator raised StopAsyncIteration') <= StopAsyncIteration('s') <- ValueError('v')",
    ],
)
async def stop_raised_by_the_generator(trace: Trace, library: Names) -> None:
    """StopIteration and StopAsyncIteration raised by the generator's own code are RuntimeErrors, never a normal end."""

    @library.asynccontextmanager
    async def manager(kind: type[Exception]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await checkpoint()
            raise kind("s")

    for kind in (StopIteration, StopAsyncIteration):
        for failing in (False, True):
            try:
                async with manager(kind):
                    if failing:
                        raise ValueError("v")
            except Exception as error:
                trace(chain(error))


@clause(
    "ACM-14",
    source="PEP 525",
    expect=["GeneratorExit() the raised object: True", "RuntimeError from GeneratorExit()"],
    leaves=["warnings"],  # where the generator is not closed, trio says so
)
async def generator_exit_in_the_body(trace: Trace, library: Names) -> None:
    """GeneratorExit from the body is passed on like any error; a generator that yields on it has yielded too often."""

    @library.asynccontextmanager
    async def manager(again: bool) -> AsyncIterator[None]:
        try:
            yield
        except GeneratorExit:
            if again:
                yield
            raise

    for again in (False, True):
        raised = GeneratorExit()
        try:
            async with manager(again):
                raise raised
        except GeneratorExit as error:
            trace(chain(error), "the raised object:", error is raised)
        except RuntimeError as error:
            trace(type(error), "from", chain(error.__context__))


@clause("ACM-15", source=ASYNCCONTEXTMANAGER, expect=["enter", "caught KeyError('k') the raised object: True"])
async def error_before_the_yield(trace: Trace, library: Names) -> None:
    """An error before the `yield` propagates unchanged; neither the body nor what follows the `yield` runs."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        await checkpoint()
        trace("enter")
        if trace.lines:
            raise raised
        yield
        trace("exit")

    raised = KeyError("k")
    try:
        async with manager():
            trace("body")
    except KeyError as error:
        trace("caught", chain(error), "the raised object:", error is raised)


@clause("ACM-17", source=ASYNCCONTEXTMANAGER, expect=["TypeError at the call", "made", "enter 1", "body"])
async def arguments_bound_at_the_call(trace: Trace, library: Names) -> None:
    """Wrong arguments are a TypeError at the call; right ones are bound there, but no line of the generator runs before
    enter.
    """

    @library.asynccontextmanager
    async def manager(number: int) -> AsyncIterator[None]:
        trace("enter", number)
        yield

    try:
        manager()
    except TypeError:
        trace("TypeError at the call")
    made = manager(1)
    trace("made")
    async with made:
        trace("body")


@clause(
    "ACM-18",
    source="reference/datamodel.html#coroutine-objects",
    expect=["unused manager: 0 warnings", "enter not awaited: 1 warnings"],
    level="should",
)
async def warnings_for_what_is_not_used(trace: Trace, library: Names) -> None:
    """A manager that is made and dropped is nobody's mistake; an `__aenter__()` that nobody awaits is warned about."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        yield

    def count(drop: Any) -> str:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            drop()
            gc.collect()
        return f"{sum('never awaited' in str(warning.message) for warning in caught)} warnings"

    trace("unused manager:", count(lambda: [manager()].clear()))
    trace("enter not awaited:", count(lambda: [manager().__aenter__()].clear()))


@clause(
    "ACM-19",
    source=TESTS,
    level="should",
    expect=["generator got ValueError()", "suppressed: False", "generator got ValueError()", "suppressed: True"],
)
async def exit_called_with_a_class_only(trace: Trace, library: Names) -> None:
    """`__aexit__(ValueError, None, None)` makes an instance, throws it in and still knows it from any other error."""

    @library.asynccontextmanager
    async def manager(suppress: bool) -> AsyncIterator[None]:
        try:
            yield
        except ValueError as error:
            trace("generator got", chain(error))
            if not suppress:
                raise

    for suppress in (False, True):
        made = manager(suppress)
        await made.__aenter__()
        trace("suppressed:", bool(await made.__aexit__(ValueError, None, None)))


@clause(
    "ACM-20",
    source=f"{TESTS}; library/functools.html#functools.wraps",
    expect=[
        "name: manager",
        "doc: Of the function.",
        "signature: (number: int = 1) -> int",
        "attribute: kept",
        "__wrapped__ is the function: True",
        "coroutine function: False",
        "asynchronous generator function: False",
        "doc of the manager: Of the function.",
        "doc of a manager without one: that of its class True",
    ],
)
async def metadata_of_the_function(trace: Trace, library: Names) -> None:
    """The decorated function keeps name, doc and signature, is itself neither coroutine nor generator function, and
    managers show its doc.
    """

    async def manager(number: int = 1) -> int:
        """Of the function."""
        yield number

    async def silent() -> AsyncIterator[None]:
        yield

    manager.attribute = "kept"
    decorated = library.asynccontextmanager(manager)
    trace("name:", decorated.__name__)
    trace("doc:", decorated.__doc__)
    trace("signature:", str(inspect.signature(decorated)))
    trace("attribute:", decorated.attribute)
    trace("__wrapped__ is the function:", decorated.__wrapped__ is manager)
    trace("coroutine function:", inspect.iscoroutinefunction(decorated))
    trace("asynchronous generator function:", inspect.isasyncgenfunction(decorated))
    trace("doc of the manager:", decorated().__doc__)
    made = library.asynccontextmanager(silent)()
    trace("doc of a manager without one: that of its class", made.__doc__ == type(made).__doc__)


@clause("ACM-21", source=TESTS, expect=["given 0 1 2 3 4 (5, 6) {'kwds': 7}", "given 0 1 2 3 4 () {'kwds': 7}"])
async def arguments_handed_on(trace: Trace, library: Names) -> None:
    """Every argument reaches the generator function, also those whose names the implementation might use itself."""

    @library.asynccontextmanager
    async def manager(
        first: int, /, self: int, func: int, args: int, typ: int, *rest: int, **others: int
    ) -> AsyncIterator[str]:
        yield f"{first} {self} {func} {args} {typ} {rest} {others}"

    async with manager(0, 1, 2, 3, 4, 5, 6, kwds=7) as value:
        trace("given", value)
    async with manager(0, self=1, func=2, args=3, typ=4, kwds=7) as value:
        trace("given", value)


@clause(
    "ACM-22",
    source=ASYNCCONTEXTMANAGER,
    level="should",
    expect=["made", "refused", "made", "refused"],
)
async def wrong_kind_of_function(trace: Trace, library: Names) -> None:
    """A coroutine function or a plain generator function can be decorated and called; enter is the error."""

    async def coroutine() -> None:
        """Never awaited by anybody but this scenario."""

    def generator() -> Iterator[None]:
        yield

    for made in (coroutine(), generator()):
        manager = library.asynccontextmanager(lambda made=made: made)()
        trace("made")
        try:
            async with manager:
                trace("body")
        except Exception:  # nobody promises with which error
            trace("refused")
        made.close()


@clause(
    "ACM-23",
    source="library/contextlib.html#contextlib.contextmanager",
    level="should",
    expect=["made", "TypeError"],
)
async def sync_decorator_on_an_asynchronous_generator(trace: Trace, library: Names) -> None:
    """`@contextmanager` on an asynchronous generator function is a TypeError at enter and not before."""

    @library.contextmanager
    async def manager() -> AsyncIterator[None]:
        yield

    made = manager()
    trace("made")
    try:
        with made:
            trace("body")
    except TypeError as error:
        trace(type(error))


@clause(
    "ACM-24",
    source="Lib/contextlib.py",
    level="informational",
    expect=["enter", "RuntimeError", "suppressed: False"],
    leaves=["warnings"],  # where the generator is not closed, trio says so
)
async def exit_without_enter(trace: Trace, library: Names) -> None:
    """An exit that nobody entered for starts the generator and finds that it did not stop; with an error it returns
    False.
    """

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        trace("enter")
        yield

    try:
        await manager().__aexit__(None, None, None)
    except RuntimeError as error:
        trace(type(error))
    error = ValueError("v")
    trace("suppressed:", bool(await manager().__aexit__(ValueError, error, None)))


@clause(
    "ACM-25",
    source="Lib/contextlib.py; pypy#3996",
    level="informational",
    expect=["suppressed: False", "suppressed: False", "RuntimeError"],
)
async def exit_called_again(trace: Trace, library: Names) -> None:
    """A second exit finds an ended generator: without an error nothing happens, with one the generator seems not to
    have stopped.
    """

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        yield

    made = manager()
    await made.__aenter__()
    trace("suppressed:", bool(await made.__aexit__(None, None, None)))
    trace("suppressed:", bool(await made.__aexit__(None, None, None)))
    try:
        await made.__aexit__(ValueError, ValueError("v"), None)
    except RuntimeError as error:
        trace(type(error))


@clause(
    "ACM-26",
    source="PEP 525",
    expect=["body, finished: False", "after normal exit, finished: True", "after an error, finished: True"],
)
async def generator_is_finished(trace: Trace, library: Names) -> None:
    """After the statement the generator has ended, whether the body failed or not."""

    async def generate() -> AsyncIterator[None]:
        yield
        await checkpoint()

    generator = generate()
    async with library.asynccontextmanager(lambda: generator)():
        trace("body, finished:", generator.ag_frame is None)
    trace("after normal exit, finished:", generator.ag_frame is None)
    generator = generate()
    try:
        async with library.asynccontextmanager(lambda: generator)():
            raise ValueError("v")
    except ValueError:
        trace("after an error, finished:", generator.ag_frame is None)


@clause(
    "ACM-27",
    source="bpo-30773",
    level="should",
    expect=["leaving", "RuntimeError", "left: False"],
)
async def concurrent_exits(trace: Trace, library: Names) -> None:
    """Of two tasks that exit one manager at once, the second gets a RuntimeError and the first is not disturbed."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        yield
        trace("leaving")
        leaving.set()
        await go_on.wait()

    async def leave() -> None:
        trace("left:", bool(await made.__aexit__(None, None, None)))

    leaving, go_on = anyio.Event(), anyio.Event()
    made = manager()
    await made.__aenter__()
    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await leaving.wait()
        try:
            await made.__aexit__(None, None, None)
        except RuntimeError as error:
            trace(type(error))
        go_on.set()


@clause("ACM-28", source="Lib/contextlib.py", level="should", expect=["enter in one", "exit in another"])
async def tasks_may_change(trace: Trace, library: Names) -> None:
    """A generator-based manager may be entered in one task and exited in another; only what it holds may object."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        await checkpoint()
        trace("enter in", anyio.get_current_task().name or "")
        yield
        await checkpoint()
        trace("exit in", anyio.get_current_task().name or "")

    made = manager()
    async with anyio.create_task_group() as group:
        group.start_soon(made.__aenter__, name="one")
    async with anyio.create_task_group() as group:
        group.start_soon(made.__aexit__, None, None, None, name="another")


@clause("ACM-29", source="gh-96348", level="should", expect=["suppressed", "warnings: []"])
async def no_deprecated_calls(trace: Trace, library: Names) -> None:
    """Throwing the body's error into the generator warns of nothing deprecated."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except ValueError:
            trace("suppressed")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with manager():
            raise ValueError("v")
    trace("warnings:", [str(warning.message) for warning in caught])


@clause(
    "ACM-30",
    source="PEP 654",
    expect=["handled ExceptionGroup[ValueError('v')]", "left ExceptionGroup[KeyError('k')]"],
)
async def exception_group_split(trace: Trace, library: Names) -> None:
    """A generator may take a part of an exception group and raise the rest, which then propagates."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except ExceptionGroup as group:
            handled, rest = group.split(ValueError)
            trace("handled", handled)
            raise rest from None

    try:
        async with manager():
            raise ExceptionGroup("g", [ValueError("v"), KeyError("k")])
    except ExceptionGroup as error:
        trace("left", error)


@clause(
    "ACM-31",
    source="PEP 3134",
    expect=[
        "generator got ValueError('v') <- KeyError('k')",
        "caught OSError('o') <- ValueError('v') <- KeyError('k')",
    ],
)
async def inside_an_except_block(trace: Trace, library: Names) -> None:
    """Used while another error is being handled, that error ends the chain, as it would without the manager."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except ValueError as error:
            await checkpoint()
            trace("generator got", chain(error))
            raise OSError("o")  # noqa: B904 - the implicit context is the point

    try:
        try:
            raise KeyError("k")
        except KeyError:
            async with manager():
                raise ValueError("v")  # noqa: B904 - the implicit context is the point
    except OSError as error:
        trace("caught", chain(error))


@clause("ACM-32", source="gh-99856", level="should", expect=["caught Frozen('f')"])
async def frozen_error(trace: Trace, library: Names) -> None:
    """An error that forbids assignment to its attributes propagates through the generator like any other."""

    @dataclass(frozen=True)
    class Frozen(Exception):
        text: str

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        yield

    try:
        async with manager():
            raise Frozen("f")
    except Exception as error:
        trace("caught", error)


@clause("ACM-33", source="anyio cancellation.html", expect=["generator swallows Cancelled", "after", "cancelled again"])
async def swallowed_cancellation(trace: Trace, library: Names) -> None:
    """A generator that swallows a cancellation suppresses it like any error; a scope that is still cancelled strikes
    again.
    """

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            trace("generator swallows", error)

    with anyio.CancelScope() as scope:
        async with manager():
            scope.cancel()
            await checkpoint()
        trace("after")
        try:
            await checkpoint()
        finally:
            trace("cancelled again")
        trace("not cancelled")


@clause(
    "ACM-34",
    source="anyio#463",
    level="informational",
    expect=["scope ends", "RuntimeError"],
)
async def scope_cancelled_before_the_yield(trace: Trace, library: Names) -> None:
    """A cancel scope around the `yield` that ends before it turns a cancellation into "generator didn't yield"."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await checkpoint()
            yield
        trace("scope ends")

    try:
        async with manager():
            trace("body")
    except RuntimeError as error:
        trace(type(error))


@clause(
    "ACM-60",
    source=TESTS,
    level="should",
    expect=["made, kept: True True True", "body, kept: False False False"],
)
async def arguments_let_go_at_enter(trace: Trace, library: Names) -> None:
    """A manager keeps its function and the arguments until enter and no longer, so that the body does not keep them
    alive.
    """

    class Argument:
        pass

    class Function:
        async def __call__(self, first: object, second: object) -> AsyncIterator[None]:
            del self, first, second
            yield

    function, first, second = Function(), Argument(), Argument()
    references = weakref.ref(function), weakref.ref(first), weakref.ref(second)
    made = library.asynccontextmanager(function)(first, second=second)
    del function, first, second
    trace("made, kept:", *(reference() is not None for reference in references))
    async with made:
        gc.collect()
        trace("body, kept:", *(reference() is not None for reference in references))


@clause(
    "ACM-61",
    source=TESTS,
    level="should",
    expect=[
        "None: False",
        "KeyError('k'): False",
        "RuntimeError('r'): False",
        "StopAsyncIteration(): False",
        "ValueError('v'): True",
    ],
)
async def result_of_the_exit(trace: Trace, library: Names) -> None:
    """`__aexit__` called by hand returns True if the generator suppressed the error, and otherwise False."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except ValueError:
            await checkpoint()

    for error in (None, KeyError("k"), RuntimeError("r"), StopAsyncIteration(), ValueError("v")):
        made = manager()
        await made.__aenter__()
        trace(f"{describe(error)}:", await made.__aexit__(type(error) if error else None, error, None))


@clause(
    "ACM-62",
    source="Lib/contextlib.py",
    level="should",
    expect=["caught StopAsyncIteration('s') the raised object: True", "suppressed"],
)
async def handwritten_generator(trace: Trace, library: Names) -> None:
    """With a handwritten generator, which passes StopAsyncIteration on as it is, the body's own still propagates."""

    class Generator(AsyncGenerator[None, None]):
        def __init__(self, *ends_with: Exception) -> None:
            self.ends_with = ends_with

        async def asend(self, value: None) -> None:
            await checkpoint()

        async def athrow(self, error: Any, *rest: Any) -> None:
            await checkpoint()
            raise (*self.ends_with, rest[0] if rest else error)[0]

    raised = StopAsyncIteration("s")
    try:
        async with library.asynccontextmanager(Generator)():
            raise raised
    except StopAsyncIteration as error:
        trace("caught", chain(error), "the raised object:", error is raised)
    async with library.asynccontextmanager(Generator)(StopAsyncIteration("another")):
        raise raised
    trace("suppressed")


@clause(
    "ACM-63",
    source="bpo-29692",
    expect=[
        "caught RuntimeError('r') <= ValueError('v')",
        "caught RuntimeError('r') <= KeyError('k') [<- StopAsyncIteration('s')]",
        "caught RuntimeError('r') <- StopAsyncIteration('s')",
        "caught LookupError('l') <= StopAsyncIteration('s')",
    ],
)
async def runtime_error_of_the_generator(trace: Trace, library: Names) -> None:
    """Of the errors that the generator raises, only a RuntimeError is dropped that has the body's StopIteration as
    cause.
    """

    @library.asynccontextmanager
    async def manager(new: Exception, cause: Exception | None) -> AsyncIterator[None]:
        try:
            yield
        except Exception:  # a ValueError and a StopAsyncIteration
            if cause is None:
                raise new  # noqa: B904 - the implicit context is the point
            raise new from cause

    value, stop = ValueError("v"), StopAsyncIteration("s")
    for raised, new, cause in (
        (value, RuntimeError("r"), value),
        (stop, RuntimeError("r"), KeyError("k")),
        (stop, RuntimeError("r"), None),
        (stop, LookupError("l"), stop),
    ):
        try:
            async with manager(new, cause):
                raise raised
        except Exception as error:
            trace("caught", chain(error))


@clause(
    "ACM-64",
    source="gh-110378",
    versions=CLOSED_AT_ONCE,
    expect=[
        "GeneratorExit() <- ValueError('v')",
        "closed",
        "RuntimeError from ValueError('v')",
        "finished: True",
    ],
)
async def second_yield_after_an_error_closes(trace: Trace, library: Names) -> None:
    """A generator that yields again after an error is closed before the RuntimeError is seen."""

    async def generate() -> AsyncIterator[int]:
        try:
            yield 1
        except ValueError:
            try:
                yield 2
            except GeneratorExit as error:
                trace(chain(error))
                raise
            finally:
                await checkpoint()
                trace("closed")

    generator = generate()
    try:
        async with library.asynccontextmanager(lambda: generator)():
            raise ValueError("v")
    except RuntimeError as error:
        trace(type(error), "from", chain(error.__context__))
    trace("finished:", generator.ag_frame is None)


@clause(
    "ACM-65",
    source="gh-110378",
    versions=CLOSED_AT_ONCE,
    level="should",
    expect=["caught OSError('o')", "caught OSError('o')"],
)
async def close_that_fails(trace: Trace, library: Names) -> None:
    """If closing a generator that yielded too often fails, that error propagates in place of the RuntimeError."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except ValueError:
            pass
        try:
            yield
        finally:
            raise OSError("o")

    for failing in (False, True):
        try:
            async with manager():
                if failing:
                    raise ValueError("v")
        except OSError as error:
            trace("caught", error)


@clause(
    "ACM-66",
    source=ASYNCCONTEXTMANAGER,
    expect=["enter 1", "enter 2", "the same: False", "exit 2", "exit 1"],
)
async def each_call_makes_a_manager(trace: Trace, library: Names) -> None:
    """Each call of the decorated function gives another manager, and two of them may be open at once."""

    @library.asynccontextmanager
    async def manager(number: int) -> AsyncIterator[None]:
        trace("enter", number)
        yield
        await checkpoint()
        trace("exit", number)

    first, second = manager(1), manager(2)
    async with first, second:
        trace("the same:", first is second)


@clause(
    "ACM-67",
    source=TESTS,
    level="should",
    expect=["method of instance 1", "class method of Owner 2", "static method 3"],
)
async def methods_as_managers(trace: Trace, library: Names) -> None:
    """The decorator works on methods: they get their instance or class, under `classmethod` and `staticmethod` too."""

    class Owner:
        name = "instance"

        @library.asynccontextmanager
        async def method(self, number: int) -> AsyncIterator[None]:
            trace("method of", self.name, number)
            yield

        @classmethod
        @library.asynccontextmanager
        async def class_method(cls, number: int) -> AsyncIterator[None]:
            trace("class method of", cls, number)
            yield

        @staticmethod
        @library.asynccontextmanager
        async def static_method(number: int) -> AsyncIterator[None]:
            trace("static method", number)
            yield

    async with Owner().method(1), Owner.class_method(2), Owner.static_method(3):
        pass


@clause(
    "ACM-68",
    source="PEP 479",
    expect=["RuntimeError('async generator raised StopAsyncIteration') <= StopAsyncIteration('s')"],
)
async def stop_raised_before_the_yield(trace: Trace, library: Names) -> None:
    """StopAsyncIteration raised before the `yield` is not mistaken for a generator that ended without yielding."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        if not trace.lines:
            raise StopAsyncIteration("s")
        yield

    try:
        async with manager():
            trace("body")
    except RuntimeError as error:
        trace(chain(error))


@clause(
    "ACM-69",
    source=ASYNCCONTEXTMANAGER,
    expect=[
        "outer enter",
        "inner enter",
        "inner exit with ValueError('v')",
        "outer exit with KeyError('k') <- ValueError('v')",
        "after",
    ],
)
async def nested_generators(trace: Trace, library: Names) -> None:
    """What an inner generator raises instead of the body's error is what an outer one gets, and may suppress."""

    @library.asynccontextmanager
    async def manager(name: str, *replacement: Exception) -> AsyncIterator[None]:
        await checkpoint()
        trace(name, "enter")
        try:
            yield
        except Exception as error:
            await checkpoint()
            trace(name, "exit with", chain(error))
            for new in replacement:
                raise new  # noqa: B904 - the implicit context is the point

    async with manager("outer"):
        async with manager("inner", KeyError("k")):
            raise ValueError("v")
    trace("after")


@clause(
    "ACM-70",
    source=TESTS,
    level="should",
    expect=[
        "Equal('v') the raised object: True",
        "EqualRuntimeError('r') the raised object: True",
        "Equal('another') <- Equal('v') the raised object: False",
        "EqualRuntimeError('another') <- EqualRuntimeError('r') the raised object: False",
        "EqualRuntimeError('another') <= EqualStop('another') [<- EqualStop('s')] the raised object: False",
        "suppressed",
    ],
)
async def errors_that_compare_equal(trace: Trace, library: Names) -> None:
    """Errors are told apart by identity: it does not matter if they, or their classes, say that they are equal to
    everything.
    """

    class Always:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = object.__hash__

    class EqualClass(type):
        __eq__ = Always.__eq__
        __hash__ = type.__hash__

    class Equal(Always, Exception, metaclass=EqualClass):
        pass

    class EqualRuntimeError(Always, RuntimeError, metaclass=EqualClass):
        pass

    class EqualStop(Always, StopAsyncIteration, metaclass=EqualClass):
        pass

    @library.asynccontextmanager
    async def manager(replace: bool) -> AsyncIterator[None]:
        try:
            yield
        except StopAsyncIteration:
            raise EqualRuntimeError("another") from EqualStop("another")
        except Exception as error:
            if replace:
                raise type(error)("another")  # noqa: B904 - the implicit context is the point
            raise

    class Generator(AsyncGenerator[None, None]):
        async def asend(self, value: None) -> None:
            """Yield None."""

        async def athrow(self, *error: Any) -> None:
            raise EqualStop("another")

    for raised, replace in (
        (Equal("v"), False),
        (EqualRuntimeError("r"), False),
        (Equal("v"), True),
        (EqualRuntimeError("r"), True),
        (EqualStop("s"), True),
    ):
        try:
            async with manager(replace):
                raise raised
        except Exception as error:
            trace(chain(error), "the raised object:", error is raised)
    async with library.asynccontextmanager(Generator)():
        raise EqualStop("s")
    trace("suppressed")


@clause(
    "ACM-71",
    source="Lib/contextlib.py",
    level="informational",
    expect=["generator didn't yield", "generator didn't stop", "generator didn't stop after athrow()"],
    leaves=["warnings"],  # where the generator is not closed, trio says so
)
async def words_of_the_errors(trace: Trace, library: Names) -> None:
    """What the RuntimeErrors for a wrong number of yields say."""

    @library.asynccontextmanager
    async def manager(yields: int) -> AsyncIterator[None]:
        for _ in range(yields):
            try:
                yield
            except ValueError:
                pass

    for yields, failing in ((0, False), (2, False), (2, True)):
        try:
            async with manager(yields):
                if failing:
                    raise ValueError("v")
        except RuntimeError as error:
            trace(*error.args)


@clause(
    "ACM-72",
    source=ASYNCCONTEXTMANAGER,
    expect=[
        "the generator gets the same object True",
        "propagates: the same object True",
        "the generator gets the same object True",
        "suppressed",
    ],
)
async def errors_that_are_false(trace: Trace, library: Names) -> None:
    """An error counts although it is false, as one whose class has a length or a truth of its own."""

    class Falsy(Exception):
        def __bool__(self) -> bool:
            return False

    @library.asynccontextmanager
    async def manager(suppress: bool) -> AsyncIterator[None]:
        try:
            yield
        except Falsy as error:
            trace("the generator gets the same object", error is failure)
            if not suppress:
                raise

    failure = Falsy("body")
    try:
        async with manager(suppress=False):
            raise failure
    except Falsy as error:
        trace("propagates: the same object", error is failure)
    async with manager(suppress=True):
        raise failure
    trace("suppressed")


@clause("ACM-73", source=ASYNCCONTEXTMANAGER, expect=["the generator sees where it was raised: True"])
async def the_generator_sees_the_traceback(trace: Trace, library: Names) -> None:
    """The error that is raised at the `yield` has the traceback that leads to where the body raised it."""

    def fail() -> None:
        raise ValueError("body")

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except ValueError as error:
            functions = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
            trace("the generator sees where it was raised:", functions[-1] == "fail")

    async with manager():
        fail()


@clause("ACM-74", source=ASYNCCONTEXTMANAGER, expect=["bound as it is: True", "awaited: 7"])
async def an_awaitable_that_is_yielded(trace: Trace, library: Names) -> None:
    """An awaitable that the generator yields is bound as it is; nobody awaits it but the body."""

    async def seven() -> int:
        await checkpoint()
        return 7

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[object]:
        yield given

    given = seven()
    async with manager() as value:
        trace("bound as it is:", value is given)
        trace("awaited:", await given)


@clause("ACM-75", source="Lib/contextlib.py", level="should", expect=["RuntimeError shown alone: True"])
async def a_generator_without_yield_has_no_cause(trace: Trace, library: Names) -> None:
    """The RuntimeError of a generator without `yield` does not show the StopAsyncIteration that gave it away."""

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        if trace is None:
            yield

    try:
        async with manager():
            pass
    except RuntimeError as error:
        context = None if error.__suppress_context__ else error.__context__
        trace(type(error), "shown alone:", error.__cause__ is context is None)


@clause(
    "ACM-76",
    source="gh-110378",
    level="informational",
    versions="<3.11",
    expect=["RuntimeError from None", "still suspended: True", "closed"],
)
async def second_yield_leaves_the_generator(trace: Trace, library: Names) -> None:
    """In Python 3.10 a generator that yields a second time is left suspended there, until somebody closes it."""

    async def generate() -> AsyncIterator[int]:
        yield 1
        try:
            yield 2
        finally:
            await checkpoint()
            trace("closed")

    generator = generate()
    try:
        async with library.asynccontextmanager(lambda: generator)():
            pass
    except RuntimeError as error:
        trace(type(error), "from", chain(error.__context__))
    trace("still suspended:", generator.ag_frame is not None)
    await generator.aclose()


@clause(
    "ACM-77",
    source=ASYNCCONTEXTMANAGER,
    expect=[
        *(
            "ValueError('v') <- KeyError('k') {}",
            "ValueError('v') <= KeyError('k') {}",
            "ValueError('v') </ KeyError('k') {}",
        ),
        *("RuntimeError <- KeyError('k') {}", "RuntimeError <= KeyError('k') {}", "RuntimeError </ KeyError('k') {}"),
        *("StopAsyncIteration <- KeyError('k') {}", "StopAsyncIteration <= KeyError('k') {}"),
        "StopAsyncIteration </ KeyError('k') {}",
    ],
)
async def what_a_passing_error_carries(trace: Trace, library: Names) -> None:
    """An error that passes through the generator keeps its context, its cause and whether that hides the context, and
    nothing is added to it.
    """

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await checkpoint()

    for make in (lambda: ValueError("v"), RuntimeError, StopAsyncIteration):
        for form in ("alone", "from the first", "from None"):
            raised = make()
            try:
                async with manager():
                    try:
                        raise KeyError("k")
                    except KeyError as first:
                        if form == "alone":
                            raise raised  # noqa: B904 - its implicit context is what is looked at
                        raise raised from (first if form == "from the first" else None)
            except type(raised) as error:
                trace(chain(error).replace("()", ""), vars(error))


@clause(
    "ACM-78",
    source="reference/datamodel.html#traceback-objects",
    expect=["OSError raised in clean_up", "OSError raised in clean_up", "RuntimeError raised in clean_up"],
)
async def where_the_generator_failed(trace: Trace, library: Names) -> None:
    """The traceback of an error that the generator raises leads to where it was raised, whatever the body raised."""

    async def clean_up(fails: Exception) -> None:
        await checkpoint()
        raise fails

    @library.asynccontextmanager
    async def manager(fails: Exception) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await clean_up(fails)

    for fails, raised in ((OSError(), None), (OSError(), ValueError()), (RuntimeError(), ValueError())):
        try:
            async with manager(fails):
                if raised is not None:
                    raise raised
        except (OSError, RuntimeError) as error:
            *_, (frame, _) = traceback.walk_tb(error.__traceback__)
            trace(type(error), "raised in", frame.f_code.co_name)


@clause(
    "ACM-79",
    source=ASYNCCONTEXTMANAGER,
    expect=[
        f"{name} <- {body}()"
        for body in ("ValueError", "GeneratorExit")
        for name in ("GeneratorExit()", "KeyboardInterrupt()", "SystemExit()", "Cancelled")
    ],
)
async def errors_of_any_kind_replace_that_of_the_body(trace: Trace, library: Names) -> None:
    """What the generator raises instead of the body's error propagates, be it of the kinds that end generators, tasks or
    programs.
    """

    @library.asynccontextmanager
    async def manager(kind: type[BaseException]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await checkpoint()
            raise kind

    for body in (ValueError, GeneratorExit):
        for kind in (GeneratorExit, KeyboardInterrupt, SystemExit, asyncio.CancelledError):
            try:
                async with manager(kind):
                    raise body
            except BaseException as error:
                trace(chain(error))


@clause("ACM-80", source=ASYNCCONTEXTMANAGER, expect=["called with (1,) {'b': 2}", "body"])
async def the_function_is_called_once(trace: Trace, library: Names) -> None:
    """Whatever returns a generator can be decorated; it is called once for each manager, with the arguments given."""

    async def generate() -> AsyncIterator[None]:
        await checkpoint()
        yield

    def make(*args: int, **kwargs: int) -> AsyncIterator[None]:
        trace("called with", args, kwargs)
        return generate()

    async with library.asynccontextmanager(make)(1, b=2):
        trace("body")


@clause(
    "ACM-81",
    source="bpo-29692",
    expect="RuntimeError('mine') <= RuntimeError('other') <= StopAsyncIteration()",
)
async def runtime_error_about_another(trace: Trace, library: Names) -> None:
    """Only the RuntimeError that Python makes of a StopAsyncIteration of the body gives way to it; one that the generator
    raises from another RuntimeError propagates.
    """

    @library.asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except StopAsyncIteration as stop:
            await checkpoint()
            try:
                raise RuntimeError("other") from stop
            except RuntimeError as other:
                raise RuntimeError("mine") from other

    try:
        async with manager():
            raise StopAsyncIteration
    except RuntimeError as error:
        trace(chain(error))
