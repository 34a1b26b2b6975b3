"""Context variables: which values a manager, a task, a callback, a generator and a thread see, and who sees theirs."""

import asyncio
import contextvars
import decimal
import signal
import socket
import sys
import threading
import warnings
from collections.abc import AsyncGenerator
from contextvars import ContextVar, copy_context
from typing import Any

import anyio
import anyio.to_thread
from anyio.lowlevel import checkpoint

from asyncwith import Loop, Names, Trace, any_order, by_loop, by_version, clause

CONTEXTVARS = "library/contextvars.html"
CALLBACKS = "library/asyncio-eventloop.html#scheduling-callbacks"

var: ContextVar[str] = ContextVar("var", default="default")


class Setting:
    """Sets the variable on enter, suspending before and after, and resets it on exit."""

    def __init__(self, value: str) -> None:
        self.value = value

    async def __aenter__(self) -> None:
        await checkpoint()
        self.token = var.set(self.value)
        await checkpoint()

    async def __aexit__(self, *_: object) -> None:
        await checkpoint()
        var.reset(self.token)
        await checkpoint()


@clause(
    "CTX-01",
    source="PEP 567",
    expect=[
        "class",
        "in the body: set",
        "after an await: set",
        "afterwards: default",
        "generator",
        "in the body: set",
        "after an await: set",
        "afterwards: default",
    ],
)
async def what_enter_sets_holds_in_the_body(trace: Trace, library: Names) -> None:
    """What enter sets holds in the body, and exit can reset it: both run in the context of the `async with`
    statement.
    """

    @library.asynccontextmanager
    async def setting(value: str) -> AsyncGenerator[None, None]:
        await checkpoint()
        token = var.set(value)
        try:
            yield
        finally:
            await checkpoint()
            var.reset(token)

    for name, manager in ("class", Setting("set")), ("generator", setting("set")):
        trace(name)
        async with manager:
            trace("in the body:", var.get())
            await checkpoint()
            trace("after an await:", var.get())
        trace("afterwards:", var.get())


@clause(
    "CTX-02",
    source="library/contextvars.html#contextvars.ContextVar.reset",
    expect=["in the entering task: set", "in the leaving task: default", "ValueError: created in a different Context"],
)
async def enter_in_another_task_sets_nothing_here(trace: Trace) -> None:
    """If another task enters the manager, this task does not see what it set, and exit cannot reset it here."""
    manager = Setting("set")

    async def enter() -> None:
        await manager.__aenter__()
        trace("in the entering task:", var.get())

    async with anyio.create_task_group() as group:
        group.start_soon(enter)
    trace("in the leaving task:", var.get())
    try:
        await manager.__aexit__(None, None, None)
    except ValueError as error:
        trace("ValueError:", str(error).partition("was ")[2])


@clause(
    "CTX-03",
    source="library/asyncio-task.html#asyncio.create_task; trio reference-core.html",
    expect=[
        "the child sees before",
        "the parent sees after",
        "the child sees its own child",
        "the parent still sees after",
    ],
)
async def a_child_gets_a_copy_at_its_start(trace: Trace) -> None:
    """A child task starts with a copy of the context as it was when the child was made; neither sees what the
    other sets.
    """
    started, changed = anyio.Event(), anyio.Event()

    async def child() -> None:
        trace("the child sees", var.get())
        var.set("child")
        started.set()
        await changed.wait()
        trace("the child sees its own", var.get())

    var.set("before")
    async with anyio.create_task_group() as group:
        group.start_soon(child)
        var.set("after")
        await started.wait()
        trace("the parent sees", var.get())
        changed.set()
    trace("the parent still sees", var.get())


@clause(
    "CTX-60",
    source="PEP 567",
    expect=["3 tasks, 5 turns each, own value at every turn: True", "the parent sees parent"],
)
async def tasks_in_turn_keep_their_values(trace: Trace) -> None:
    """However often tasks take turns, each sees the value that it set itself, inside of managers and out."""
    seen = []

    async def child(name: str) -> None:
        async with Setting(name):
            for turn in range(5):
                var.set(f"{name}{turn}")
                await checkpoint()
                seen.append(var.get() == f"{name}{turn}")

    var.set("parent")
    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(child, name)
    trace("3 tasks, 5 turns each, own value at every turn:", seen == [True] * 15)
    trace("the parent sees", var.get())


@clause(
    "CTX-04",
    source="library/asyncio-task.html#asyncio.TaskGroup.create_task",
    on="asyncio",
    versions=">=3.11",
    expect=[
        "the child sees given",
        "its body sees set",
        "the child sees first",
        "its body sees set",
        "the given context has second",
        "here: default",
    ],
)
async def a_task_can_be_given_its_context(trace: Trace) -> None:
    """A task that is given a context runs in that very context, its managers too, and not in a copy."""
    context = copy_context()

    async def child(value: str) -> None:
        trace("the child sees", var.get())
        async with Setting("set"):
            trace("its body sees", var.get())
        var.set(value)

    context.run(var.set, "given")
    async with asyncio.TaskGroup() as group:
        group.create_task(child("first"), context=context)
    await asyncio.create_task(child("second"), context=context)
    trace("the given context has", context[var])
    trace("here:", var.get())


@clause(
    "CTX-05",
    source="library/asyncio-task.html#eager-task-factory",
    on="asyncio",
    versions=">=3.12",
    expect=["the child sees parent", "the parent sees parent", "the child sees child", "the parent sees parent"],
)
async def eager_tasks_get_a_copy_too(trace: Trace) -> None:
    """A task that starts eagerly, inside of its creation, runs in a copy of the context from its first step on."""

    async def child() -> None:
        trace("the child sees", var.get())
        var.set("child")
        await checkpoint()
        trace("the child sees", var.get())

    var.set("parent")
    task = asyncio.eager_task_factory(asyncio.get_running_loop(), child())
    trace("the parent sees", var.get())
    await task
    trace("the parent sees", var.get())


@clause(
    "CTX-06",
    source="library/contextvars.html#contextvars.Token",
    expect=[
        by_version({"3.10": "AttributeError", "3.11": "TypeError", "3.14": ["in the body: set", "child: set"]}),
        "afterwards: before",
    ],
)
async def a_token_is_a_manager(trace: Trace) -> None:
    """Since Python 3.14 `with var.set(...)` resets the variable at the end of the body, across awaits and child
    tasks.
    """

    async def child() -> None:
        trace("child:", var.get())

    first = var.set("before")
    token = None
    try:
        with (token := var.set("set")):  # type: ignore[attr-defined,unused-ignore]
            await checkpoint()
            trace("in the body:", var.get())
            async with anyio.create_task_group() as group:
                group.start_soon(child)
    except (AttributeError, TypeError) as error:
        trace(type(error))
        assert token is not None
        var.reset(token)
    trace("afterwards:", var.get())
    var.reset(first)


@clause(
    "CTX-07",
    source="PEP 567",
    expect=["the consumer sees generator", "the generator sees consumer", "the consumer sees consumer"],
)
async def a_generator_shares_the_context_of_its_consumer(trace: Trace) -> None:
    """An asynchronous generator has no context of its own: what it sets, its consumer sees, and the other way round."""

    async def items() -> AsyncGenerator[int, None]:
        var.set("generator")
        await checkpoint()
        yield 1
        trace("the generator sees", var.get())

    async for _ in items():
        trace("the consumer sees", var.get())
        var.set("consumer")
    trace("the consumer sees", var.get())


@clause(
    "CTX-08",
    source="gh-118944",
    level="informational",
    expect=[
        by_loop(asyncio="finally sees at the drop", trio="finally sees before the run"),
        "reset: ValueError",
        "here: set in the generator: False",
    ],
)
def a_dropped_generator_ends_in_another_context(trace: Trace, loop: Loop) -> None:
    """A generator that the loop has to close cannot reset its variables: asyncio closes it in a copy of the context in
    which it was dropped, trio in that of the whole run.
    """

    async def items(closed: anyio.Event) -> AsyncGenerator[int, None]:
        token = var.set("set in the generator")
        try:
            yield 1
        finally:
            trace("finally sees", var.get())
            try:
                var.reset(token)
            except ValueError as error:
                trace("reset:", type(error))
            closed.set()

    async def main() -> None:
        closed = anyio.Event()
        generator = items(closed)
        await anext(generator)
        var.set("at the drop")
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            del generator
        var.set("after the drop")
        await closed.wait()
        trace("here: set in the generator:", var.get() == "set in the generator")

    def run() -> None:
        var.set("before the run")
        loop.run(main)

    copy_context().run(run)


@clause(
    "CTX-61",
    source="PEP 567",
    expect=["in the generator: set", "in the body: set", "finally sees in the body", "afterwards: default"],
)
async def a_generator_closed_by_its_consumer_can_reset(trace: Trace) -> None:
    """If the consumer closes the generator itself, cleanup runs in the consumer's context and may reset its
    variables.
    """

    async def items() -> AsyncGenerator[int, None]:
        token = var.set("set")
        try:
            await checkpoint()
            trace("in the generator:", var.get())
            yield 1
        finally:
            await checkpoint()
            trace("finally sees", var.get())
            var.reset(token)

    generator = items()
    async for _ in generator:
        trace("in the body:", var.get())
        var.set("in the body")
        break
    await generator.aclose()
    trace("afterwards:", var.get())


@clause(
    "CTX-09",
    source="library/contextlib.html#contextlib.AsyncExitStack",
    expect=[
        "asynchronous callback sees unwinding",
        "callback sees unwinding",
        "set by the callback",
        "the child is done: pushing",
    ],
)
async def a_stack_is_unwound_in_the_context_of_who_does_it(trace: Trace, library: Names) -> None:
    """Callbacks of an exit stack see the context of whoever unwinds it, not of whoever pushed them."""
    stack = library.AsyncExitStack()

    def callback() -> None:
        trace("callback sees", var.get())
        var.set("set by the callback")

    async def asynchronous_callback() -> None:
        await checkpoint()
        trace("asynchronous callback sees", var.get())

    async def unwind() -> None:
        var.set("unwinding")
        await stack.aclose()
        trace(var.get())

    var.set("pushing")
    stack.callback(callback)
    stack.push_async_callback(asynchronous_callback)
    async with anyio.create_task_group() as group:
        group.start_soon(unwind)
    trace("the child is done:", var.get())


@clause(
    "CTX-10",
    source="gh-96764",
    on="asyncio",
    expect=["inside: before", by_version({"3.10": "the caller sees before", "3.12": "the caller sees inside"})],
)
async def wait_for_and_the_context(trace: Trace) -> None:
    """Since Python 3.12 `wait_for` awaits a coroutine in the context of its caller; before, in a copy."""

    async def inside() -> None:
        await checkpoint()
        trace("inside:", var.get())
        var.set("inside")

    var.set("before")
    await asyncio.wait_for(inside(), timeout=60)
    trace("the caller sees", var.get())


@clause(
    "CTX-11",
    source="library/asyncio-runner.html#asyncio.Runner.run",
    on="asyncio",
    versions=">=3.11",
    expect=[
        "first run sees outside",
        "second run sees first",
        "with its own context: given",
        "third run sees second",
        "outside: outside",
    ],
)
def a_runner_keeps_its_context(trace: Trace, loop: Loop) -> None:
    """All runs of one `Runner` share one context, a copy of the caller's; a run may be given another."""

    async def main(name: str, value: str) -> None:
        await checkpoint()
        trace(name, var.get())
        var.set(value)

    token = var.set("outside")
    context = copy_context()
    context.run(var.set, "given")
    with asyncio.Runner(loop_factory=loop.options()["loop_factory"]) as runner:
        runner.run(main("first run sees", "first"))
        runner.run(main("second run sees", "second"))
        runner.run(main("with its own context:", "unused"), context=context)
        runner.run(main("third run sees", "third"))
    trace("outside:", var.get())
    var.reset(token)


@clause("CTX-62", source="PEP 567", expect=["main sees outside", "outside: outside"])
def a_run_gets_a_copy_of_the_callers_context(trace: Trace, loop: Loop) -> None:
    """The main coroutine sees what the caller of the run has set; what it sets ends with the run."""

    async def main() -> None:
        await checkpoint()
        trace("main sees", var.get())
        var.set("main")

    token = var.set("outside")
    loop.run(main)
    trace("outside:", var.get())
    var.reset(token)


@clause("CTX-12", source="anyio threads.html", expect=["the thread sees caller", "the caller sees caller"])
async def a_worker_thread_gets_a_copy(trace: Trace) -> None:
    """A function that anyio runs in a worker thread sees the caller's values; what it sets stays there."""

    def work() -> None:
        trace("the thread sees", var.get())
        var.set("thread")

    var.set("caller")
    await anyio.to_thread.run_sync(work)
    trace("the caller sees", var.get())


@clause(
    "CTX-63",
    source="library/asyncio-task.html#asyncio.to_thread",
    on="asyncio",
    expect=["the thread sees caller", "the caller sees caller"],
)
async def to_thread_hands_a_copy_over(trace: Trace) -> None:
    """`asyncio.to_thread` runs the function in a copy of the caller's context."""

    def work() -> None:
        trace("the thread sees", var.get())
        var.set("thread")

    var.set("caller")
    await asyncio.to_thread(work)
    trace("the caller sees", var.get())


@clause(
    "CTX-13",
    source="library/decimal.html#decimal.localcontext",
    expect=[any_order("3 digits: 0.333 0.333", "6 digits: 0.333333 0.333333"), "here as before: True"],
)
async def decimal_contexts_stay_in_their_task(trace: Trace) -> None:
    """`decimal.localcontext()` is kept in a context variable: tasks that take turns compute each with its own
    precision.
    """
    inside = [anyio.Event(), anyio.Event()]

    async def compute(digits: int, mine: int) -> None:
        with decimal.localcontext() as context:
            context.prec = digits
            before = decimal.Decimal(1) / 3
            inside[mine].set()
            await inside[1 - mine].wait()
            trace(f"{digits} digits:", str(before), str(decimal.Decimal(1) / 3))

    precision = decimal.getcontext().prec
    async with anyio.create_task_group() as group:
        group.start_soon(compute, 3, 0)
        group.start_soon(compute, 6, 1)
    trace("here as before:", decimal.getcontext().prec == precision)


@clause(
    "CTX-14",
    source="library/threading.html#threading.Thread",
    versions=">=3.14",
    expect=["inherits as its flag says: True", "given a context: given"],
)
async def threads_and_the_context(trace: Trace) -> None:
    """A new thread starts with a copy of its creator's context if `sys.flags.thread_inherit_context` says so, as on
    free-threaded builds by default; a thread can also be given a context.
    """
    seen: list[str] = []

    def run(**options: Any) -> None:
        thread = threading.Thread(target=lambda: seen.append(var.get()), **options)
        thread.start()
        thread.join()

    var.set("creator")
    given = copy_context()
    given.run(var.set, "given")
    run()
    run(context=given)
    trace("inherits as its flag says:", seen[0] == ("creator" if sys.flags.thread_inherit_context else "default"))
    trace("given a context:", seen[1])


@clause(
    "CTX-64",
    source=CALLBACKS,
    on="asyncio",
    expect=[
        "call_soon: first second",
        "call_at: first second",
        "call_later: first second",
        "call_soon_threadsafe: first second",
        "here: afterwards",
    ],
)
async def callbacks_see_the_context_of_their_scheduling(trace: Trace) -> None:
    """A callback runs in the context as it was when the callback was scheduled, and what it sets is not seen
    outside.
    """
    events, done = asyncio.get_running_loop(), asyncio.Event()
    seen: dict[str, list[str]] = {}

    def note(name: str) -> None:
        seen.setdefault(name, []).append(var.get())
        var.set("callback")
        if sum(map(len, seen.values())) == 8:
            done.set()

    for value in "first", "second":
        var.set(value)
        events.call_soon(note, "call_soon")
        events.call_at(events.time(), note, "call_at")
        events.call_later(0.001, note, "call_later")
        events.call_soon_threadsafe(note, "call_soon_threadsafe")
    var.set("afterwards")
    await done.wait()
    for name in "call_soon", "call_at", "call_later", "call_soon_threadsafe":
        trace(f"{name}:", *sorted(seen[name]))
    trace("here:", var.get())


@clause(
    "CTX-65",
    source=CALLBACKS,
    on="asyncio",
    expect=[
        "call_soon: given",
        "call_at: given",
        "call_later: given",
        "call_soon_threadsafe: given",
        "written: 4 times",
        "here: default",
    ],
)
async def callbacks_can_be_given_their_context(trace: Trace) -> None:
    """A callback that is given a context runs in that very context."""
    events = asyncio.get_running_loop()
    count: ContextVar[int] = ContextVar("count")
    seen: dict[str, str] = {}
    done = asyncio.Event()

    def note(name: str) -> None:
        seen[name] = var.get()
        count.set(count.get(0) + 1)
        if len(seen) == 4:
            done.set()

    context = copy_context()
    context.run(var.set, "given")
    events.call_soon(note, "call_soon", context=context)
    events.call_at(events.time(), note, "call_at", context=context)
    events.call_later(0.001, note, "call_later", context=context)
    events.call_soon_threadsafe(note, "call_soon_threadsafe", context=context)
    await done.wait()
    for name in "call_soon", "call_at", "call_later", "call_soon_threadsafe":
        trace(f"{name}:", seen[name])
    trace("written:", context.get(count), "times")
    trace("here:", var.get())


@clause(
    "CTX-66",
    source="library/asyncio-future.html#asyncio.Future.add_done_callback",
    on="asyncio",
    expect=["future: when added", "future: given", "task: when added", "task: given"],
)
async def done_callbacks_and_their_context(trace: Trace) -> None:
    """A done callback runs in the context as it was when the callback was added, or in the one it was given."""

    async def child() -> None:
        var.set("child")
        await checkpoint()

    def called(future: Any) -> None:
        trace("task:" if isinstance(future, asyncio.Task) else "future:", var.get())

    given = copy_context()
    given.run(var.set, "given")
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(child())
    var.set("when added")
    for each in future, task:
        each.add_done_callback(called)
        each.add_done_callback(called, context=given)
    var.set("afterwards")
    future.set_result(None)
    await future
    await task


@clause(
    "CTX-67",
    source="library/asyncio-eventloop.html#asyncio.loop.add_reader",
    on="asyncio",
    level="should",
    expect=["the reader sees when added", "here: afterwards"],
)
async def readers_see_the_context_of_their_adding(trace: Trace) -> None:
    """A callback for a readable descriptor runs in the context as it was when the callback was added."""
    events, readable = asyncio.get_running_loop(), asyncio.Event()
    ours, theirs = socket.socketpair()

    def read() -> None:
        trace("the reader sees", var.get())
        events.remove_reader(ours.fileno())
        var.set("reader")
        readable.set()

    with ours, theirs:
        ours.setblocking(False)
        var.set("when added")
        events.add_reader(ours.fileno(), read)
        var.set("afterwards")
        theirs.send(b"x")
        await readable.wait()
    trace("here:", var.get())


@clause(
    "CTX-68",
    source="library/asyncio-eventloop.html#asyncio.loop.add_signal_handler",
    on="asyncio",
    level="should",
    posix=True,
    expect=["the handler sees when added", "here: afterwards"],
)
async def signal_handlers_see_the_context_of_their_adding(trace: Trace) -> None:
    """A handler of a signal runs in the context as it was when the handler was added to the loop."""
    events, called = asyncio.get_running_loop(), asyncio.Event()

    def handler() -> None:
        trace("the handler sees", var.get())
        var.set("handler")
        called.set()

    before = signal.getsignal(signal.SIGUSR1)
    try:
        var.set("when added")
        events.add_signal_handler(signal.SIGUSR1, handler)
        var.set("afterwards")
        signal.raise_signal(signal.SIGUSR1)
        await called.wait()
        events.remove_signal_handler(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    trace("here:", var.get())


@clause(
    "CTX-69",
    source="PEP 567",
    on="asyncio",
    level="should",
    expect=["connection_made sees when connecting", "data_received sees when connecting", "here: afterwards"],
)
async def protocols_see_the_context_of_their_connecting(trace: Trace) -> None:
    """The methods of a protocol are called in the context of the call that made its connection."""
    events, received = asyncio.get_running_loop(), asyncio.Event()
    ours, theirs = socket.socketpair()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            trace("connection_made sees", var.get())

        def data_received(self, data: bytes) -> None:
            trace("data_received sees", var.get())
            received.set()

        def connection_lost(self, error: Exception | None) -> None:
            lost.set()

    lost = asyncio.Event()
    with theirs:
        var.set("when connecting")
        transport, _ = await events.create_connection(Protocol, sock=ours)
        var.set("afterwards")
        theirs.send(b"x")
        await received.wait()
        transport.close()
        await lost.wait()
    trace("here:", var.get())


@clause(
    "CTX-70",
    source="PEP 567",
    expect=["exit sees body, with Cancelled", "after the scope: body"],
)
async def exit_under_cancellation_sees_the_body(trace: Trace) -> None:
    """An exit that is run by a cancellation runs in the context of its statement and sees what the body set."""

    class Manager:
        async def __aenter__(self) -> None:
            var.set("enter")

        async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
            trace("exit sees", f"{var.get()}, with", error)

    with anyio.CancelScope() as scope:
        async with Manager():
            var.set("body")
            scope.cancel()
            await checkpoint()
    trace("after the scope:", var.get())


@clause(
    "CTX-71",
    source="library/asyncio-eventloop.html#asyncio.loop.set_exception_handler",
    on="asyncio",
    versions=">=3.12",
    expect=["the handler sees callback"],
)
async def the_exception_handler_sees_the_context_of_the_error(trace: Trace) -> None:
    """The exception handler is called in the context of the callback whose error it gets."""
    events, reported = asyncio.get_running_loop(), asyncio.Event()

    def handler(_: object, context: dict[str, Any]) -> None:
        trace("the handler sees", var.get())
        reported.set()

    def fail() -> None:
        var.set("callback")
        raise ValueError("v")

    var.set("scheduling")
    events.set_exception_handler(handler)
    events.call_soon(fail)
    await reported.wait()


@clause(
    "CTX-72",
    source="library/asyncio-task.html#asyncio.Task.get_context",
    on="asyncio",
    versions=">=3.12",
    expect=["its context is the one given: True", "its context has what it set: child"],
)
async def a_task_shows_its_context(trace: Trace) -> None:
    """`Task.get_context()` gives the context in which the task runs."""

    async def child() -> None:
        await checkpoint()
        var.set("child")

    given: contextvars.Context = copy_context()
    first, second = asyncio.create_task(child(), context=given), asyncio.create_task(child())
    await asyncio.gather(first, second)
    trace("its context is the one given:", first.get_context() is given)
    trace("its context has what it set:", second.get_context()[var])
