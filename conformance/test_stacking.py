"""Exit stacks: what `AsyncExitStack` registers, in which order it unwinds, and what becomes of errors on the way."""

import asyncio
import gc
import itertools
import sys
import traceback
import warnings
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from asyncwith import Logged, Names, Trace, by_version, chain, clause

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

STACK = "library/contextlib.html#contextlib.AsyncExitStack"
EXIT_STACK = "library/contextlib.html#contextlib.ExitStack"
TESTS = "Lib/test/test_contextlib_async.py"
SYNC_TESTS = "Lib/test/test_contextlib.py"


class SyncLogged:
    """A synchronous manager that traces `enter <name>` and `exit <name>`, or `exit <name> with <exception>`."""

    def __init__(self, trace: Trace, name: str, *, suppress: bool = False) -> None:
        self.trace = trace
        self.name = name
        self.suppress = suppress

    def __enter__(self) -> str:
        self.trace("enter", self.name)
        return f"given by {self.name}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self.trace("exit", self.name, *(() if error is None else ("with", error)))
        return self.suppress


@clause(
    "STACK-01",
    source=f"{STACK}; {TESTS}",
    expect=[
        "enter a",
        "enter b",
        "body",
        "async callback",
        "callback",
        "exit pushed asynchronous manager",
        "async exit",
        "exit pushed synchronous manager",
        "exit",
        "exit b",
        "exit a",
    ],
)
async def last_in_first_out(trace: Trace, library: Names) -> None:
    """Whatever is registered, of every kind, synchronous or not, is unwound in the opposite order."""

    async def async_exit(*details: object) -> None:
        await checkpoint()
        trace("async exit")

    async def async_callback() -> None:
        await checkpoint()
        trace("async callback")

    async with library.AsyncExitStack() as stack:
        await stack.enter_async_context(Logged(trace, "a", suspends=1))
        stack.enter_context(SyncLogged(trace, "b"))
        stack.push(lambda *details: trace("exit"))
        stack.push(SyncLogged(trace, "pushed synchronous manager"))
        stack.push_async_exit(async_exit)
        stack.push_async_exit(Logged(trace, "pushed asynchronous manager", suspends=1))
        stack.callback(lambda: trace("callback"))
        stack.push_async_callback(async_callback)
        trace("body")


@clause(
    "STACK-02",
    source=STACK,
    expect=["enter a", "entered: given", "enter b", "exit a with OSError('b')", "caught OSError('b')"],
)
async def entering_through_the_stack(trace: Trace, library: Names) -> None:
    """`enter_async_context` returns what enter gives; an enter that fails registers no exit, but earlier ones run with
    its error.
    """
    try:
        async with library.AsyncExitStack() as stack:
            trace("entered:", await stack.enter_async_context(Logged(trace, "a", gives="given", suspends=1)))
            await stack.enter_async_context(Logged(trace, "b", fails_enter=OSError("b"), suspends=1))
            trace("body")
    except OSError as error:
        trace("caught", chain(error))


@clause("STACK-03", source=STACK, expect=["True"] * 6)
async def registering_gives_back_the_argument(trace: Trace, library: Names) -> None:
    """`push`, `push_async_exit`, `callback` and `push_async_callback` return what they were given, so they can
    decorate.
    """

    def exit_(*details: object) -> None:
        pass

    async def async_exit(*details: object) -> None:
        pass

    manager, async_manager = SyncLogged(Trace(), "m"), Logged(Trace(), "m")
    async with library.AsyncExitStack() as stack:
        trace(stack.push(exit_) is exit_)
        trace(stack.push(manager) is manager)
        trace(stack.push_async_exit(async_exit) is async_exit)
        trace(stack.push_async_exit(async_manager) is async_manager)
        trace(stack.callback(exit_, 1) is exit_)
        trace(stack.push_async_callback(async_exit, 1) is async_exit)


@clause(
    "STACK-04",
    source=STACK,
    expect=[
        "body",
        "exit asynchronous with ValueError('v')",
        "exit synchronous with ValueError('v')",
        "caught ValueError('v')",
    ],
)
async def pushing_a_manager(trace: Trace, library: Names) -> None:
    """`push_async_exit` and `push` of a manager register its exit without entering it."""
    try:
        async with library.AsyncExitStack() as stack:
            stack.push(SyncLogged(trace, "synchronous"))
            stack.push_async_exit(Logged(trace, "asynchronous", suspends=1))
            trace("body")
            raise ValueError("v")
    except ValueError as error:
        trace("caught", chain(error))


@clause(
    "STACK-05",
    source=STACK,
    expect=[
        "asynchronous (1, 2) {'self': 3, 'callback': 4}",
        "synchronous (5,) {'self': 6, 'callback': 7}",
        "caught ValueError('v')",
    ],
)
async def callbacks_get_their_arguments_only(trace: Trace, library: Names) -> None:
    """Callbacks get the arguments given with them, never the error, and what they return suppresses nothing."""

    def callback(*args: int, **kwargs: int) -> bool:
        trace("synchronous", args, kwargs)
        return True

    async def async_callback(*args: int, **kwargs: int) -> bool:
        await checkpoint()
        trace("asynchronous", args, kwargs)
        return True

    try:
        async with library.AsyncExitStack() as stack:
            stack.callback(callback, 5, self=6, callback=7)
            stack.push_async_callback(async_callback, 1, 2, self=3, callback=4)
            raise ValueError("v")
    except ValueError as error:
        trace("caught", chain(error))


@clause("STACK-06", source=TESTS, level="informational", expect=["the callback: True", "the callback: True"])
async def callbacks_can_be_found(trace: Trace, library: Names) -> None:
    """What the stack keeps of a callback has the callback itself as `__wrapped__`, for who looks into the stack."""

    async def callback() -> None:
        pass

    async with library.AsyncExitStack() as stack:
        stack.push_async_callback(callback)
        trace("the callback:", stack._exit_callbacks[-1][1].__wrapped__ is callback)
        stack.callback(gc.isenabled)
        trace("the callback:", stack._exit_callbacks[-1][1].__wrapped__ is gc.isenabled)


@clause(
    "STACK-07",
    source="Lib/contextlib.py",
    level="should",
    expect=["body", "called", "about await: True", "body", "called", "about await: True"],
)
async def plain_functions_where_coroutines_belong(trace: Trace, library: Names) -> None:
    """A plain function is accepted as asynchronous callback or exit; it is called, and then awaiting its result is a
    TypeError.
    """

    def plain(*details: object) -> None:
        trace("called")

    for register in ("push_async_callback", "push_async_exit"):
        try:
            async with library.AsyncExitStack() as stack:
                getattr(stack, register)(plain)
                trace("body")
        except TypeError as error:
            trace("about await:", "await" in str(error))


@clause("STACK-08", source=STACK, level="informational", expect=["after"], leaves=["warnings"])
async def pushing_a_coroutine_function(trace: Trace, library: Names) -> None:
    """A coroutine function given to the synchronous `push` is never awaited, and its coroutine, being true, suppresses
    the error.
    """

    async def async_exit(*details: object) -> bool:
        trace("exit")
        return False

    async with library.AsyncExitStack() as stack:
        stack.push(async_exit)
        raise ValueError("v")
    trace("after")


@clause("STACK-09", source=STACK, level="informational", expect=["body", "after"], leaves=["warnings"])
async def coroutine_function_as_synchronous_callback(trace: Trace, library: Names) -> None:
    """A coroutine function given to the synchronous `callback` never runs."""

    async def async_callback() -> None:
        trace("callback")

    async with library.AsyncExitStack() as stack:
        stack.callback(async_callback)
        trace("body")
    trace("after")


@clause(
    "STACK-10",
    source=STACK,
    expect=[
        "close: False",
        by_version({"3.10": "with: AttributeError", "3.11": "with: TypeError"}),
        "exit (None, None, None)",
        "closed: None",
    ],
)
async def closing_a_stack(trace: Trace, library: Names) -> None:
    """A stack has neither `close` nor a place in a plain `with`; `aclose()` unwinds it as after a good body."""
    stack = library.AsyncExitStack()
    trace("close:", hasattr(stack, "close"))
    try:
        with stack:
            trace("body")
    except (AttributeError, TypeError) as error:
        trace("with:", type(error))
    stack.push(lambda *details: trace("exit", details))
    trace("closed:", await stack.aclose())


@clause(
    "STACK-11",
    source=f"{EXIT_STACK}; {SYNC_TESTS}",
    expect=["type: Stack", "another: True", "old: third", "old is left", "new: fourth", "new: second", "new: first"],
)
async def moving_everything_to_another_stack(trace: Trace, library: Names) -> None:
    """`pop_all` moves all that is registered to a new stack of the same class; both then live independently."""

    class Stack(library.AsyncExitStack):
        pass

    async def callback(text: str) -> None:
        await checkpoint()
        trace(text)

    async with Stack() as stack:
        stack.callback(trace, "new: first")
        stack.push_async_callback(callback, "new: second")
        moved = stack.pop_all()
        trace("type:", type(moved))
        trace("another:", moved is not stack)
        stack.push_async_callback(callback, "old: third")
        moved.push_async_callback(callback, "new: fourth")
    trace("old is left")
    await moved.aclose()


@clause(
    "STACK-12",
    source="library/contextlib.html#reusable-context-managers",
    expect=["enter a", "enter b", "inner body", "exit b", "exit a", "outer body", "enter c", "second body", "exit c"],
)
async def reusing_a_stack(trace: Trace, library: Names) -> None:
    """A stack may be used again; used inside itself, the inner exit already unwinds everything."""
    stack = library.AsyncExitStack()
    async with stack:
        await stack.enter_async_context(Logged(trace, "a", suspends=1))
        async with stack:
            await stack.enter_async_context(Logged(trace, "b", suspends=1))
            trace("inner body")
        trace("outer body")
    async with stack:
        await stack.enter_async_context(Logged(trace, "c", suspends=1))
        trace("second body")


@clause("STACK-13", source=EXIT_STACK, expect=["enter m", "collected"])
async def collected_stack(trace: Trace, library: Names) -> None:
    """A stack that is garbage collected runs nothing of what is registered."""
    stack = library.AsyncExitStack()
    await stack.enter_async_context(Logged(trace, "m", suspends=1))
    stack.callback(trace, "callback")
    del stack
    gc.collect()
    trace("collected")


@clause("STACK-14", source="Lib/contextlib.py", level="should", expect=["second", "late exit with None", "first"])
async def registering_while_unwinding(trace: Trace, library: Names) -> None:
    """What a callback registers while the stack unwinds runs too, before what was registered earlier."""

    async def late(kind: object, error: object, traceback: object) -> None:
        await checkpoint()
        trace("late exit with", error)

    def second() -> None:
        trace("second")
        stack.push_async_exit(late)

    async with library.AsyncExitStack() as stack:
        stack.callback(trace, "first")
        stack.callback(second)


@clause(
    "STACK-15",
    source=f"{STACK}; {TESTS}",
    expect=[
        "ValueError('v') class: True traceback: True",
        "KeyError('k') <- ValueError('v') class: True traceback: True",
        "(None, None, None)",
        "after",
    ],
)
async def what_each_exit_gets(trace: Trace, library: Names) -> None:
    """Each exit gets class, error and traceback of the error that is current then, and three times None once one
    suppressed it.
    """

    async def spy(*details: Any) -> None:
        await checkpoint()
        kind, error, seen = details
        if error is None:
            trace(details)
        else:
            trace(chain(error), "class:", kind is type(error), "traceback:", seen is error.__traceback__)

    async def replace(*details: object) -> None:
        await checkpoint()
        raise KeyError("k")

    async with library.AsyncExitStack() as stack:
        stack.push_async_exit(spy)
        stack.push_async_exit(Logged(Trace(), "suppressing", suppress=True))
        stack.push_async_exit(spy)
        stack.push_async_exit(replace)
        stack.push_async_exit(spy)
        raise ValueError("v")
    trace("after")


@clause(
    "STACK-16",
    source="Lib/contextlib.py",
    level="should",
    expect=[
        "exit bad",
        "exit suppressing with OSError('o')",
        "own error suppressed: False",
        "exit suppressing with ValueError('v')",
        "given error suppressed: True",
        "exit idle with ValueError('v')",
        "given error not suppressed: False",
    ],
)
async def result_of_the_exit(trace: Trace, library: Names) -> None:
    """`__aexit__` is true only if it was given an error and something suppressed; an error of the stack's own does not
    count.
    """
    stack = library.AsyncExitStack()
    stack.push_async_exit(Logged(trace, "suppressing", suppress=True, suspends=1))
    stack.push_async_exit(Logged(trace, "bad", fails_exit=OSError("o"), suspends=1))
    trace("own error suppressed:", await stack.__aexit__(None, None, None))
    error = ValueError("v")
    stack.push_async_exit(Logged(trace, "suppressing", suppress="yes"))
    trace("given error suppressed:", await stack.__aexit__(ValueError, error, None))
    stack.push_async_exit(Logged(trace, "idle"))
    trace("given error not suppressed:", await stack.__aexit__(ValueError, error, None))


@clause(
    "STACK-17",
    source=TESTS,
    expect=[
        "enter a",
        "enter b",
        "enter c",
        "exit c with ValueError('v')",
        "exit b with KeyError('c')",
        "exit a with OSError('b')",
        "nested: TypeError('a') <- OSError('b') <- KeyError('c') <- ValueError('v')",
        "exit c with ValueError('v')",
        "exit b with KeyError('c')",
        "exit a with OSError('b')",
        "stacked: TypeError('a') <- OSError('b') <- KeyError('c') <- ValueError('v')",
    ],
)
async def errors_replaced_after_a_failed_body(trace: Trace, library: Names) -> None:
    """Errors that exits raise one after the other make the same chain in a stack as in nested statements."""

    def failing(name: str, error: Exception) -> Logged:
        return Logged(trace, name, fails_exit=error, suspends=1)

    try:
        async with failing("a", TypeError("a")), failing("b", OSError("b")), failing("c", KeyError("c")):
            raise ValueError("v")
    except Exception as error:
        trace("nested:", chain(error))
    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(failing("a", TypeError("a")))
            stack.push_async_exit(failing("b", OSError("b")))
            stack.push_async_exit(failing("c", KeyError("c")))
            raise ValueError("v")
    except Exception as error:
        trace("stacked:", chain(error))


@clause(
    "STACK-18",
    source=SYNC_TESTS,
    expect=[
        "nested: TypeError('a') <- OSError('b') <- ValueError('v') <- IndexError('outer')",
        "stacked: TypeError('a') <- OSError('b') <- ValueError('v') <- IndexError('outer')",
    ],
)
async def errors_replaced_inside_an_except_block(trace: Trace, library: Names) -> None:
    """Where an outer error is being handled, it ends the chain, in a stack as in nested statements."""

    def failing(name: str, error: Exception) -> Logged:
        return Logged(Trace(), name, fails_exit=error, suspends=1)

    try:
        raise IndexError("outer")
    except IndexError:
        try:
            async with failing("a", TypeError("a")), failing("b", OSError("b")):
                raise ValueError("v")
        except Exception as error:
            trace("nested:", chain(error))
        try:
            async with library.AsyncExitStack() as stack:
                stack.push_async_exit(failing("a", TypeError("a")))
                stack.push_async_exit(failing("b", OSError("b")))
                raise ValueError("v")
        except Exception as error:
            trace("stacked:", chain(error))


@clause(
    "STACK-19",
    source=f"gh-88760; {TESTS}",
    versions=">=3.10.1",
    expect=["nested: OSError('o')", "stacked: OSError('o')"],
)
async def context_cleared_by_an_exit(trace: Trace, library: Names) -> None:
    """An exit that sets the `__context__` of the error that it raises to None keeps it None."""

    class Clearing:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, *details: object) -> None:
            await checkpoint()
            try:
                raise OSError("o")
            except OSError as error:
                error.__context__ = None
                raise

    try:
        async with Clearing():
            raise ValueError("v")
    except OSError as error:
        trace("nested:", chain(error))
    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(Clearing())
            raise ValueError("v")
    except OSError as error:
        trace("stacked:", chain(error))


@clause(
    "STACK-20",
    source="gh-102201",
    level="should",
    expect=[
        "nested: KeyError('a') <- OSError('b')",
        "stacked: KeyError('a') <- OSError('b')",
        "closed: KeyError('a') <- OSError('b')",
    ],
)
async def errors_replaced_after_a_good_body(trace: Trace, library: Names) -> None:
    """If the body ended well and two exits fail, the second error has the first as context, in a stack as in nested
    statements.
    """

    def failing(name: str, error: Exception) -> Logged:
        return Logged(Trace(), name, fails_exit=error, suspends=1)

    try:
        async with failing("a", KeyError("a")), failing("b", OSError("b")):
            pass
    except Exception as error:
        trace("nested:", chain(error))
    for ending in ("stacked", "closed"):
        stack = library.AsyncExitStack()
        stack.push_async_exit(failing("a", KeyError("a")))
        stack.push_async_exit(failing("b", OSError("b")))
        try:
            if ending == "closed":
                await stack.aclose()
            else:
                async with stack:
                    pass
        except Exception as error:
            trace(f"{ending}:", chain(error))


@clause(
    "STACK-25",
    source=f"bpo-27122; {SYNC_TESTS}",
    expect=[
        "nested: KeyError('new') <= RuntimeError('r')",
        "stacked: KeyError('new') <= RuntimeError('r')",
    ],
)
async def runtime_errors_through_generators(trace: Trace, library: Names) -> None:
    """A RuntimeError that one generator re-raises and another turns into its own error is neither lost nor doubled by a
    stack.
    """

    @library.asynccontextmanager
    async def replacing() -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            raise KeyError("new") from error

    @library.asynccontextmanager
    async def raising_again() -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            await checkpoint()
            raise error

    try:
        async with replacing(), raising_again():
            raise RuntimeError("r")
    except KeyError as error:
        trace("nested:", chain(error))
    try:
        async with library.AsyncExitStack() as stack:
            await stack.enter_async_context(replacing())
            await stack.enter_async_context(raising_again())
            raise RuntimeError("r")
    except KeyError as error:
        trace("stacked:", chain(error))


@clause(
    "STACK-26",
    source=SYNC_TESTS,
    level="should",
    expect=["called: 20000", "failed: 1000", "last: ValueError(0) <- ValueError(1)", "errors in the chain: 1000"],
)
async def deep_stacks(trace: Trace, library: Names) -> None:
    """Stacks of any depth unwind: twenty thousand callbacks, and a thousand that all fail and are all in the chain."""
    called: list[int] = []

    async def callback(number: int) -> None:
        called.append(number)

    async def fail(number: int) -> None:
        called.append(number)
        raise ValueError(number)

    async with library.AsyncExitStack() as stack:
        for number in range(20_000):
            stack.push_async_callback(callback, number)
    trace("called:", len(called))
    called.clear()
    try:
        async with library.AsyncExitStack() as stack:
            for number in range(999):
                stack.push_async_callback(fail, number)
            await fail(999)
    except ValueError as error:
        trace("failed:", len(called))
        trace("last:", error, "<-", error.__context__)
        length, found = 0, error
        while found is not None and length <= len(called):
            length, found = length + 1, found.__context__
        trace("errors in the chain:", length)


@clause(
    "STACK-27",
    source="Lib/contextlib.py",
    expect=["slow", "exit second with Cancelled", "callback", "exit first with Cancelled", "cancelled: True"],
)
async def cancelled_while_unwinding(trace: Trace, library: Names) -> None:
    """A cancellation that strikes in one callback is the error that the next ones get, and all of them still run."""

    async def slow() -> None:
        trace("slow")
        scope.cancel()
        await checkpoint()
        trace("never")

    with anyio.CancelScope() as scope:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(Logged(trace, "first"))
            stack.callback(trace, "callback")
            stack.push_async_exit(Logged(trace, "second"))
            stack.push_async_callback(slow)
    trace("cancelled:", scope.cancelled_caught)


@clause("STACK-28", source=STACK, expect=["enter a", "enter slow", "exit a with Cancelled", "cancelled: True"])
async def cancelled_while_entering(trace: Trace, library: Names) -> None:
    """A cancellation that strikes in `enter_async_context` leaves earlier managers to be exited with it, and only
    those.
    """

    class Slow:
        async def __aenter__(self) -> None:
            trace("enter slow")
            scope.cancel()
            await checkpoint()

        async def __aexit__(self, *details: object) -> None:
            trace("exit slow")

    with anyio.CancelScope() as scope:
        async with library.AsyncExitStack() as stack:
            await stack.enter_async_context(Logged(trace, "a"))
            await stack.enter_async_context(Slow())
            trace("body")
    trace("cancelled:", scope.cancelled_caught)


@clause(
    "STACK-29",
    source="Lib/contextlib.py",
    level="informational",
    expect=by_version(
        {
            "3.10": ["exit (ValueError, None)", "suppressed: True"],
            "3.13": ["exit (None, None)", "suppressed: False"],
        }
    ),
)
async def exit_called_with_a_class_only(trace: Trace, library: Names) -> None:
    """`__aexit__(ValueError, None, None)` counts as an error before 3.13 and as none since."""

    def exit_(kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> bool:
        trace(f"exit ({kind and kind.__name__}, {error})")
        return True

    stack = library.AsyncExitStack()
    stack.push(exit_)
    trace("suppressed:", await stack.__aexit__(ValueError, None, None))


@clause(
    "STACK-30",
    source="Lib/contextlib.py",
    level="informational",
    expect=[
        "ValueError in frames_of_the_stack",
        "OSError in frames_of_the_stack, in __aexit__, in __aexit__, in replace",
    ],
)
async def frames_of_the_stack(trace: Trace, library: Names) -> None:
    """An error that passes the stack gets no frames of it in its traceback; one that an exit raised has come through
    the stack's.
    """

    async def replace(*details: object) -> None:
        await checkpoint()
        raise OSError("o")

    async def idle(*details: object) -> None:
        await checkpoint()

    for exit_ in (idle, replace):
        try:
            async with library.AsyncExitStack() as stack:
                stack.push_async_exit(exit_)
                raise ValueError("v")
        except Exception as error:
            names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
            trace(type(error), "in", ", in ".join(names))


@clause("STACK-31", source="Lib/contextlib.py", level="should", expect=["enter m", "child done", "exit m"])
async def unwound_by_another_task(trace: Trace, library: Names) -> None:
    """What one task entered through a stack another may unwind; only the managers themselves may object."""
    stack = library.AsyncExitStack()
    async with anyio.create_task_group() as group:
        group.start_soon(stack.enter_async_context, Logged(trace, "m", suspends=1))
    trace("child done")
    await stack.aclose()


@clause("STACK-32", source=EXIT_STACK, expect=["first", "closed", "second", "closed", "closed"])
async def closed_more_than_once(trace: Trace, library: Names) -> None:
    """A closed stack takes new callbacks and runs them at the next close; nothing runs twice."""
    stack = library.AsyncExitStack()
    for text in ("first", "second"):
        stack.callback(trace, text)
        await stack.aclose()
        trace("closed")
    await stack.aclose()
    trace("closed")


@clause(
    "STACK-33",
    source="Lib/contextlib.py",
    level="should",
    expect=[
        "exit c with ValueError('v')",
        "exit b with GeneratorExit()",
        "exit a with KeyboardInterrupt()",
        "caught SystemExit(1) <- KeyboardInterrupt() <- GeneratorExit() <- ValueError('v')",
    ],
)
async def fatal_errors_while_unwinding(trace: Trace, library: Names) -> None:
    """GeneratorExit, KeyboardInterrupt and SystemExit raised by an exit do not keep the remaining ones from running."""
    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(Logged(trace, "a", fails_exit=SystemExit(1), suspends=1))
            stack.push_async_exit(Logged(trace, "b", fails_exit=KeyboardInterrupt(), suspends=1))
            stack.push_async_exit(Logged(trace, "c", fails_exit=GeneratorExit(), suspends=1))
            raise ValueError("v")
    except SystemExit as error:
        trace("caught", chain(error))


@clause("STACK-35", source=STACK, expect=["callback: TypeError", "push_async_callback: TypeError", "left"])
async def callback_is_positional_only(trace: Trace, library: Names) -> None:
    """The callback must be given by position; given only by name it is a TypeError, and nothing is registered."""
    async with library.AsyncExitStack() as stack:
        for register in ("callback", "push_async_callback"):
            try:
                getattr(stack, register)(callback=lambda: trace("called"))
            except TypeError:
                trace(f"{register}: TypeError")
    trace("left")


@clause(
    "STACK-60",
    source=STACK,
    expect=["enter m", "entered: given by m", "exit m with ValueError('v')", "exit o with ValueError('v')", "after"],
)
async def synchronous_managers_in_the_stack(trace: Trace, library: Names) -> None:
    """`enter_context` returns what enter gives; the exits of synchronous managers get the body's error and may suppress
    it.
    """
    async with library.AsyncExitStack() as stack:
        stack.push(SyncLogged(trace, "o", suppress=True))
        trace("entered:", stack.enter_context(SyncLogged(trace, "m")))
        raise ValueError("v")
    trace("after")


@clause("STACK-61", source=STACK, expect=["the stack itself: True", "the stack itself: True"])
async def entering_a_stack(trace: Trace, library: Names) -> None:
    """`as` binds the stack itself, each time it is entered."""
    made = library.AsyncExitStack()
    for _ in range(2):
        async with made as stack:
            trace("the stack itself:", stack is made)


@clause(
    "STACK-62",
    source="library/contextlib.html#contextlib.AsyncExitStack.enter_async_context",
    level="should",
    expect=by_version(
        {
            "3.10": ["AttributeError"] * 6,
            "3.11": [
                "'builtins.object' object does not support the asynchronous context manager protocol",
                "'{here}.OnlyEnter' object does not support the asynchronous context manager protocol",
                "'{here}.OnlyExit' object does not support the asynchronous context manager protocol",
                "'builtins.object' object does not support the context manager protocol",
                "'{here}.OnlyEnter' object does not support the context manager protocol",
                "'{here}.OnlyExit' object does not support the context manager protocol",
            ],
        }
    ),
)
async def objects_that_are_no_managers(trace: Trace, library: Names) -> None:
    """An object that lacks enter or exit is refused by its name before anything of it is called, and nothing is
    registered.
    """

    class OnlyEnter:
        async def __aenter__(self) -> None:
            trace("enter")

        def __enter__(self) -> None:
            trace("enter")

    class OnlyExit:
        async def __aexit__(self, *details: object) -> None:
            trace("exit")

        def __exit__(self, *details: object) -> None:
            trace("exit")

    def refused(error: Exception) -> str:
        if sys.version_info < (3, 11):
            return type(error).__name__
        shown = "" if error.__context__ is None or error.__suppress_context__ else " and why"
        return str(error).replace(f"{__name__}.objects_that_are_no_managers.<locals>", "{here}") + shown

    async with library.AsyncExitStack() as stack:
        for manager in (object(), OnlyEnter(), OnlyExit()):
            try:
                await stack.enter_async_context(manager)
            except (AttributeError, TypeError) as error:
                trace(refused(error))
        for manager in (object(), OnlyEnter(), OnlyExit()):
            try:
                stack.enter_context(manager)
            except (AttributeError, TypeError) as error:
                trace(refused(error))


@clause(
    "STACK-63",
    source=TESTS,
    expect=[
        "nested: TypeError('2') <- TypeError('1') <- OSError('o') <- ValueError('v')",
        "stacked: TypeError('2') <- TypeError('1') <- OSError('o') <- ValueError('v')",
    ],
)
async def errors_with_a_past_of_their_own(trace: Trace, library: Names) -> None:
    """An exit whose error was itself raised while it handled another keeps that chain; the body's error is put at its
    end.
    """

    class Failing:
        async def __aenter__(self) -> None:
            pass

        async def __aexit__(self, *details: object) -> None:
            await checkpoint()
            try:
                raise TypeError("1")
            except TypeError:
                await checkpoint()
                raise TypeError("2")  # noqa: B904 - the implicit context is the point

    def replacing() -> Logged:
        return Logged(Trace(), "replacing", fails_exit=OSError("o"), suspends=1)

    try:
        async with Failing(), replacing():
            raise ValueError("v")
    except TypeError as error:
        trace("nested:", chain(error))
    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(Failing())
            stack.push_async_exit(replacing())
            raise ValueError("v")
    except TypeError as error:
        trace("stacked:", chain(error))


@clause(
    "STACK-64",
    source="gh-102201",
    level="should",
    expect=["nested: OSError('o') <- IndexError('outer')", "stacked: OSError('o') <- IndexError('outer')"],
)
async def error_after_a_good_body_inside_an_except_block(trace: Trace, library: Names) -> None:
    """If the body ended well and an exit fails while an outer error is being handled, its error has that one as
    context.
    """
    try:
        raise IndexError("outer")
    except IndexError:
        try:
            async with Logged(Trace(), "a", fails_exit=OSError("o"), suspends=1):
                pass
        except OSError as error:
            trace("nested:", chain(error))
        try:
            async with library.AsyncExitStack() as stack:
                stack.push_async_exit(Logged(Trace(), "a", fails_exit=OSError("o"), suspends=1))
        except OSError as error:
            trace("stacked:", chain(error))


@clause(
    "STACK-65",
    source=EXIT_STACK,
    expect=[
        "exit second bad",
        "exit suppressing with OSError('2')",
        "exit first bad",
        "caught OSError('1')",
        "exit bad with ValueError('v')",
        "exit suppressing with OSError('o')",
        "after",
    ],
)
async def suppressed_between_two_errors(trace: Trace, library: Names) -> None:
    """An error that another exit suppressed is gone: it does not propagate, nor is it the context of a later one."""
    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(Logged(trace, "first bad", fails_exit=OSError("1"), suspends=1))
            stack.push_async_exit(Logged(trace, "suppressing", suppress=True, suspends=1))
            stack.push_async_exit(Logged(trace, "second bad", fails_exit=OSError("2"), suspends=1))
    except OSError as error:
        trace("caught", chain(error))
    async with library.AsyncExitStack() as stack:
        stack.push_async_exit(Logged(trace, "suppressing", suppress=True, suspends=1))
        stack.push_async_exit(Logged(trace, "bad", fails_exit=OSError("o"), suspends=1))
        raise ValueError("v")
    trace("after")


@clause("STACK-66", source=EXIT_STACK, expect=["caught ValueError('v') the raised object: True"])
async def error_raised_again_by_an_exit(trace: Trace, library: Names) -> None:
    """An exit that raises the error it was given changes nothing: the same object propagates with no new context."""

    async def again(kind: object, error: BaseException, traceback: object) -> None:
        await checkpoint()
        raise error

    raised = ValueError("v")
    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(again)
            stack.push_async_exit(again)
            raise raised
    except ValueError as error:
        trace("caught", chain(error), "the raised object:", error is raised)


@clause("STACK-67", source=STACK, expect=["exit inner with ValueError('v')", "exit outer with KeyError('k')", "after"])
async def stack_in_a_stack(trace: Trace, library: Names) -> None:
    """A stack is a manager like any other: entered into another it is unwound there, and its errors are seen there."""
    async with library.AsyncExitStack() as outer:
        outer.push_async_exit(Logged(trace, "outer", suppress=True, suspends=1))
        inner = await outer.enter_async_context(library.AsyncExitStack())
        inner.push_async_exit(Logged(trace, "inner", fails_exit=KeyError("k"), suspends=1))
        raise ValueError("v")
    trace("after")


@clause(
    "STACK-68",
    source="reference/datamodel.html#special-method-lookup",
    expect=["enter", "sync enter", "body", "sync exit", "exit", "sync exit", "exit"],
)
async def methods_are_looked_up_on_the_class(trace: Trace, library: Names) -> None:
    """As the statements do, the stack takes enter and exit from the class of a manager and not from the instance."""

    class Manager:
        def __init__(self) -> None:
            self.__enter__ = self.__exit__ = self.__aenter__ = self.__aexit__ = None

        def __enter__(self) -> None:
            trace("sync enter")

        def __exit__(self, *details: object) -> None:
            trace("sync exit")

        async def __aenter__(self) -> None:
            await checkpoint()
            trace("enter")

        async def __aexit__(self, *details: object) -> None:
            await checkpoint()
            trace("exit")

    async with library.AsyncExitStack() as stack:
        stack.push_async_exit(Manager())
        stack.push(Manager())
        await stack.enter_async_context(Manager())
        stack.enter_context(Manager())
        trace("body")


@clause(
    "STACK-69",
    source=SYNC_TESTS,
    expect=[
        "nested: TypeError('t') <- OSError('o') <- ValueError('v')",
        "stacked: TypeError('t') <- OSError('o') <- ValueError('v')",
    ],
)
async def error_raised_while_handling_the_given_one(trace: Trace, library: Names) -> None:
    """An exit that raises the error it was given, catches it and raises another makes no circle of contexts."""

    class Handling:
        async def __aenter__(self) -> None:
            """Do nothing."""

        async def __aexit__(self, kind: object, error: BaseException, traceback: object) -> None:
            await checkpoint()
            try:
                raise error
            except OSError:
                raise TypeError("t")  # noqa: B904 - the implicit context is the point

    def replacing() -> Logged:
        return Logged(Trace(), "replacing", fails_exit=OSError("o"), suspends=1)

    try:
        async with Handling(), replacing():
            raise ValueError("v")
    except TypeError as error:
        trace("nested:", chain(error))
    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(Handling())
            stack.push_async_exit(replacing())
            raise ValueError("v")
    except TypeError as error:
        trace("stacked:", chain(error))


@clause(
    "STACK-70",
    source="reference/datamodel.html#special-method-lookup",
    level="should",
    expect=[
        "statement: OSError",
        "enter_async_context: OSError",
        "enter_context: OSError",
        "push_async_exit: OSError",
        "push: OSError",
        "left",
    ],
)
async def error_of_the_lookup(trace: Trace, library: Names) -> None:
    """An error that the lookup of a method raises propagates: it is not taken for a method that is not there."""

    class Unreadable:
        def __get__(self, manager: object, kind: object) -> object:
            raise OSError("lookup")

    class Manager:
        __enter__ = __exit__ = __aenter__ = __aexit__ = Unreadable()

    try:
        async with Manager():
            trace("body")
    except OSError as error:
        trace("statement:", type(error))
    async with library.AsyncExitStack() as stack:
        for register in ("enter_async_context", "enter_context", "push_async_exit", "push"):
            try:
                given = getattr(stack, register)(Manager())
                if register == "enter_async_context":
                    await given
            except OSError as error:
                trace(f"{register}:", type(error))
    trace("left")


@clause(
    "STACK-71",
    source=TESTS,
    level="should",
    expect=[
        "nested: Equal('2') <- Equal('1') <- Equal('replaced') <- Equal('body')",
        "stacked: Equal('2') <- Equal('1') <- Equal('replaced') <- Equal('body')",
        "exit suppressing with Equal('body')",
        "after",
    ],
)
async def errors_that_compare_equal(trace: Trace, library: Names) -> None:
    """Errors are told apart by identity: it does not matter if they say that they are equal to everything, None
    included.
    """

    class EqualClass(type):
        def __eq__(cls, other: object) -> bool:
            return True

        __hash__ = type.__hash__

    class Equal(Exception, metaclass=EqualClass):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = Exception.__hash__

    class Failing:
        async def __aenter__(self) -> None:
            """Do nothing."""

        async def __aexit__(self, *details: object) -> None:
            await checkpoint()
            try:
                raise Equal("1")
            except Equal:
                raise Equal("2")  # noqa: B904 - the implicit context is the point

    def replacing() -> Logged:
        return Logged(Trace(), "replacing", fails_exit=Equal("replaced"), suspends=1)

    try:
        async with Failing(), replacing():
            raise Equal("body")
    except Equal as error:
        trace("nested:", chain(error))
    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_exit(Failing())
            stack.push_async_exit(replacing())
            raise Equal("body")
    except Equal as error:
        trace("stacked:", chain(error))
    async with library.AsyncExitStack() as stack:
        stack.push_async_exit(Logged(trace, "suppressing", suppress=True, suspends=1))
        raise Equal("body")
    trace("after")


@clause(
    "STACK-72",
    source=EXIT_STACK,
    level="should",
    expect=["exit of the subclass with (None, None, None)", "unwound"],
)
async def closing_goes_through_the_exit(trace: Trace, library: Names) -> None:
    """`aclose()` is the normal exit: it awaits the stack's own `__aexit__(None, None, None)`, a subclass's if there is
    one.
    """

    class Stack(library.AsyncExitStack):  # type: ignore[misc,name-defined]
        async def __aexit__(self, *details: Any) -> Any:
            await checkpoint()
            trace("exit of the subclass with", details)
            return await super().__aexit__(*details)

    stack = Stack()
    stack.callback(trace, "unwound")
    await stack.aclose()


@clause(
    "STACK-73",
    source=STACK,
    expect=["exit m with Falsy('body')", "propagates: the same object True", "exit m with Falsy('body')", "suppressed"],
)
async def errors_that_are_false_on_a_stack(trace: Trace, library: Names) -> None:
    """An error counts although it is false, as one whose class has a length or a truth of its own."""

    class Falsy(Exception):
        def __bool__(self) -> bool:
            return False

    class LoggedExit(Logged):
        async def __aenter__(self) -> object:
            return self

    failure = Falsy("body")
    try:
        async with library.AsyncExitStack() as stack:
            await stack.enter_async_context(LoggedExit(trace, "m"))
            raise failure
    except Falsy as error:
        trace("propagates: the same object", error is failure)
    async with library.AsyncExitStack() as stack:
        await stack.enter_async_context(LoggedExit(trace, "m", suppress=True))
        raise failure
    trace("suppressed")


@clause(
    "STACK-74",
    source=STACK,
    level="should",
    expect=["exit outer with OSError('no truth')", "OSError('no truth') <- ValueError('body')"],
)
async def an_exit_whose_result_has_no_truth(trace: Trace, library: Names) -> None:
    """If asking for the truth of an exit's result raises, that is the error which the remaining exits get."""

    class NoTruth:
        def __bool__(self) -> bool:
            raise OSError("no truth")

    class LoggedExit(Logged):
        async def __aenter__(self) -> object:
            return self

    try:
        async with library.AsyncExitStack() as stack:
            await stack.enter_async_context(LoggedExit(trace, "outer"))
            await stack.enter_async_context(LoggedExit(Trace(), "inner", suppress=NoTruth()))
            raise ValueError("body")
    except OSError as error:
        trace(chain(error))


@clause("STACK-75", source=STACK, expect=["raised in fail", "its context raised in body"])
async def the_way_of_an_exits_error(trace: Trace, library: Names) -> None:
    """The traceback of an error that an exit raises leads to where it was raised, and that of its context, too."""

    def fail(*details: object) -> None:
        raise OSError("exit")

    def body() -> None:
        raise ValueError("body")

    def raised_in(error: BaseException | None) -> str:
        assert error is not None
        return [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)][-1]

    try:
        async with library.AsyncExitStack() as stack:
            stack.push(fail)
            body()
    except OSError as error:
        trace("raised in", raised_in(error))
        trace("its context raised in", raised_in(error.__context__))


@clause("STACK-76", source=EXIT_STACK, expect=["exit m"])
async def closing_while_an_error_is_handled(trace: Trace, library: Names) -> None:
    """`aclose()` unwinds as after a good body also where an error is being handled."""
    stack = library.AsyncExitStack()
    stack.push_async_exit(Logged(trace, "m"))
    try:
        raise ValueError("handled")
    except ValueError:
        await stack.aclose()


@clause("STACK-77", source=STACK, expect=["0", "''", "None", "0", "''", "None"])
async def results_of_enter_that_are_false(trace: Trace, library: Names) -> None:
    """`enter_async_context` and `enter_context` return what enter gives, also if it is false."""

    class Giving(SyncLogged):
        def __enter__(self) -> Any:
            return self.name

    async with library.AsyncExitStack() as stack:
        for result in 0, "", None:
            trace(repr(await stack.enter_async_context(Logged(Trace(), "m", gives=result))))
        for result in 0, "", None:
            trace(repr(stack.enter_context(Giving(Trace(), result))))  # type: ignore[arg-type] # a name that is none


@clause("STACK-78", source=STACK, expect=["enter entered", "body", "exit entered"])
async def what_enter_gives_is_not_exited(trace: Trace, library: Names) -> None:
    """The manager that was entered is exited, not the one that its enter gave, though it is of the same class."""
    async with library.AsyncExitStack() as stack:
        await stack.enter_async_context(Logged(trace, "entered", gives=Logged(trace, "given")))
        trace("body")


@clause(
    "STACK-79",
    source="reference/datamodel.html#special-method-lookup",
    expect=["enter m", "enter m", "exit", "exit m", "exit", "exit m"],
)
async def the_class_that_an_object_claims_to_have(trace: Trace, library: Names) -> None:
    """The methods are those of the object's type, not of the class that `__class__` says it has."""

    class Pretending(Logged):
        @property  # type: ignore[misc] # as mock objects do
        def __class__(self) -> Any:
            return int

    class SyncPretending(SyncLogged):
        def __init__(self) -> None:
            super().__init__(Trace(), "")

        @property  # type: ignore[misc] # the same
        def __class__(self) -> Any:
            return int

        def __exit__(self, *details: Any) -> bool:
            trace("exit")
            return False

    async with library.AsyncExitStack() as stack:
        await stack.enter_async_context(Pretending(trace, "m"))
        stack.enter_context(SyncPretending())
        manager = Pretending(trace, "m")
        await manager.__aenter__()
        stack.push_async_exit(manager)
        stack.push(SyncPretending())


@clause(
    "STACK-80",
    source=STACK,
    expect=["asynchronous: what enter raised", "synchronous: what enter raised"],
)
async def attribute_error_of_enter(trace: Trace, library: Names) -> None:
    """An AttributeError that enter raises propagates as it is: it does not say that the method is missing."""
    raised = AttributeError("inside enter")

    class Manager:
        async def __aenter__(self) -> None:
            await checkpoint()
            raise raised

        async def __aexit__(self, *details: object) -> None:
            trace("exit")

        def __enter__(self) -> None:
            raise raised

        def __exit__(self, *details: object) -> None:
            trace("exit")

    async with library.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(Manager())
        except (AttributeError, TypeError) as error:
            trace("asynchronous:", "what enter raised" if error is raised else error)
        try:
            stack.enter_context(Manager())
        except (AttributeError, TypeError) as error:
            trace("synchronous:", "what enter raised" if error is raised else error)


@clause("STACK-81", source=STACK, expect=["synchronous: True", "asynchronous: True"])
async def keywords_of_callbacks(trace: Trace, library: Names) -> None:
    """A keyword argument of a callback may have any name, also one that a parameter of an exit or of a function might
    have.
    """
    names = "args cls error exc exc_details exc_type exc_value exit fn func kwargs kwds tb traceback type typ value"
    given = {name: name for name in names.split()}

    def callback(**kwargs: str) -> None:
        trace("synchronous:", kwargs == given)

    async def async_callback(**kwargs: str) -> None:
        await checkpoint()
        trace("asynchronous:", kwargs == given)

    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_callback(async_callback, **given)
            stack.callback(callback, **given)
            raise ValueError
    except ValueError:
        pass


@clause(
    "STACK-82",
    source=f"{STACK}; {EXIT_STACK}; bpo-44471",
    expect=[
        by_version({"3.10": "synchronous: AttributeError", "3.11": "synchronous: TypeError"}),
        by_version({"3.10": "asynchronous: AttributeError", "3.11": "asynchronous: TypeError"}),
        "left",
    ],
)
async def managers_of_the_other_kind(trace: Trace, library: Names) -> None:
    """`enter_async_context` refuses a synchronous manager, and `enter_context` an asynchronous one, and neither is entered."""
    async with library.AsyncExitStack() as stack:
        manager: Any = SyncLogged(trace, "s")
        try:
            await stack.enter_async_context(manager)
        except (AttributeError, TypeError) as error:
            trace("synchronous:", type(error))
        manager = Logged(trace, "a")
        try:
            stack.enter_context(manager)
        except (AttributeError, TypeError) as error:
            trace("asynchronous:", type(error))
    trace("left")


@clause("STACK-83", source=f"{STACK}; {EXIT_STACK}", expect=["called with ValueError('v')", "exit b", "exit a"])
async def pushing_what_is_manager_and_function(trace: Trace, library: Names) -> None:
    """Of what can be called and has an exit, the exit is pushed; of what has an exit of the other kind only, the call."""

    class SyncCallable(SyncLogged):
        def __call__(self, *details: object) -> None:
            trace("called")

    class Callable(Logged):
        async def __call__(self, *details: object) -> None:
            trace("called")

    class Neither(SyncLogged):
        async def __call__(self, kind: type[BaseException], error: BaseException, frames: TracebackType) -> bool:
            await checkpoint()
            trace("called with", error)
            return True

    async with library.AsyncExitStack() as stack:
        stack.push(SyncCallable(trace, "a"))
        stack.push_async_exit(Callable(trace, "b", suspends=1))
        stack.push_async_exit(Neither(trace, "c"))
        raise ValueError("v")


@clause(
    "STACK-84",
    source="Lib/contextlib.py",
    level="should",
    expect=["of the subclass: True", "its own state: kept", "callback", "the first: True"],
)
async def stacks_with_state_of_their_own(trace: Trace, library: Names) -> None:
    """A subclass may keep state of its own, and `pop_all()` makes a stack of that class as anybody does: by calling it."""

    class Stack(library.AsyncExitStack):  # type: ignore[misc] # any library's
        def __init__(self) -> None:
            super().__init__()
            self.state = "kept"

    async with Stack() as first:
        first.callback(trace, "callback")
        first.first = True
        moved = first.pop_all()
        trace("of the subclass:", type(moved) is Stack)
        trace("its own state:", getattr(moved, "state", "lost"))
        await moved.aclose()
        trace("the first:", first.first)


@clause("STACK-85", source=STACK, level="should", expect=["enter m", "exit m", "closed"])
async def closing_in_another_task(trace: Trace, library: Names) -> None:
    """A stack may be closed in another task than entered it, if what is on it allows that."""
    entered = anyio.Event()
    stack = library.AsyncExitStack()

    async def enter() -> None:
        await stack.__aenter__()
        await stack.enter_async_context(Logged(trace, "m", suspends=1))
        entered.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(enter)
        await entered.wait()
    await stack.aclose()
    trace("closed")


@clause(
    "STACK-86",
    source=STACK,
    expect=[
        f"{later} <- {first} <- ValueError('body')"
        for first, later in itertools.product(
            ("OSError()", "GeneratorExit()", "KeyboardInterrupt()", "Cancelled", "ExceptionGroup[KeyError()]"), repeat=2
        )
    ],
)
async def the_last_error_counts(trace: Trace, library: Names) -> None:
    """What the last failing exit raises leaves the stack as it is, with the errors before it as context, whatever kinds of
    errors they are.
    """

    def make() -> list[BaseException]:
        group = ExceptionGroup("g", [KeyError()])
        return [OSError(), GeneratorExit(), KeyboardInterrupt(), asyncio.CancelledError(), group]

    async def fail(error: BaseException) -> None:
        await checkpoint()
        raise error

    for first, later in itertools.product(range(5), repeat=2):
        try:
            async with library.AsyncExitStack() as stack:
                stack.push_async_callback(fail, make()[later])
                stack.push_async_callback(fail, make()[first])
                raise ValueError("body")
        except BaseException as error:
            trace(chain(error))


@clause("STACK-87", source=STACK, expect="caught what is being handled: True")
async def raising_what_is_being_handled(trace: Trace, library: Names) -> None:
    """An exit that raises the very error that is being handled around `aclose()` has failed with it like with any other."""
    handled = ValueError("v")

    async def fail() -> None:
        await checkpoint()
        raise handled

    stack = library.AsyncExitStack()
    stack.push_async_callback(fail)
    try:
        raise handled
    except ValueError:
        try:
            await stack.aclose()
            trace("closed")
        except ValueError as error:
            trace("caught what is being handled:", error is handled)


@clause(
    "STACK-88",
    source=f"{STACK}; reference/simple_stmts.html#raise",
    expect=["OSError('o') </ KeyError('k') </ ValueError('v')", "OSError('o') <= KeyError('k') [<- ValueError('v')]"],
)
async def raising_from_on_a_stack(trace: Trace, library: Names) -> None:
    """`raise … from` in exits has the same effect as anywhere: a cause is kept beside the context, `None` hides the
    context.
    """

    async def fail(error: BaseException, cause: BaseException | None) -> None:
        await checkpoint()
        raise error from cause

    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_callback(fail, OSError("o"), None)
            stack.push_async_callback(fail, KeyError("k"), None)
            raise ValueError("v")
    except OSError as error:
        trace(chain(error))
    try:
        async with library.AsyncExitStack() as stack:
            stack.push_async_callback(fail, OSError("o"), KeyError("k"))
            raise ValueError("v")
    except OSError as error:
        trace(chain(error))


@clause("STACK-89", source=STACK, expect=["exit c with ValueError('v')", "exit b", "exit a", "after"])
async def suppressing_what_is_suppressed(trace: Trace, library: Names) -> None:
    """What one exit suppressed stays suppressed, whatever exits return that come after it."""
    async with library.AsyncExitStack() as stack:
        stack.push(SyncLogged(trace, "a"))
        stack.push(SyncLogged(trace, "b", suppress=True))
        stack.push(SyncLogged(trace, "c", suppress=True))
        raise ValueError("v")
    trace("after")


@clause("STACK-90", source=STACK, expect=["enter s", "caught OSError('enter')", "exit s"])
async def synchronous_enter_that_fails(trace: Trace, library: Names) -> None:
    """If the enter of a synchronous manager fails, its exit is not pushed; what was entered before is left."""

    class Failing(SyncLogged):
        def __enter__(self) -> str:
            raise OSError("enter")

    try:
        async with library.AsyncExitStack() as stack:
            stack.enter_context(SyncLogged(trace, "s"))
            try:
                stack.enter_context(Failing(trace, "failing"))
            except OSError as error:
                trace("caught", chain(error))
    except OSError:
        trace("caught again")


@clause("STACK-91", source=STACK, expect=["callback of inner", "left inner", "callback of outer"])
async def stacks_are_independent(trace: Trace, library: Names) -> None:
    """A stack calls what was registered with it, and nothing of another one that is open at the time."""
    async with library.AsyncExitStack() as outer:
        outer.callback(trace, "callback of outer")
        async with library.AsyncExitStack() as inner:
            inner.callback(trace, "callback of inner")
        trace("left inner")


@clause("STACK-92", source=STACK, level="should", expect="warnings: []")
async def stacks_warn_of_nothing(trace: Trace, library: Names) -> None:
    """Nothing that a stack is made for makes it warn."""

    async def nothing(*details: object) -> None:
        await checkpoint()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with library.AsyncExitStack() as stack:
            await stack.enter_async_context(Logged(Trace(), "m"))
            stack.push_async_exit(nothing)
            stack.push_async_callback(nothing)
            stack.enter_context(SyncLogged(Trace(), "s"))
            stack.push(lambda *details: False)
            stack.callback(Trace(), "callback")
            await stack.pop_all().aclose()
    trace("warnings:", [str(warning.message) for warning in caught])
