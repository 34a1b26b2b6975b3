"""Connecting: what managers of connections and processes rely on, and what releases of Python or uvloop got wrong.

Above each clause stands what fails it, if any release does.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import os
import socket
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from asyncwith import Logged, Loop, Trace, clause

SERVER = "library/asyncio-eventloop.html#asyncio.Server"
STREAMS = "library/asyncio-stream.html"
TRANSPORTS = "library/asyncio-protocol.html"
SOCKETS = "library/asyncio-eventloop.html#working-with-socket-objects-directly"
PROCESSES = "library/asyncio-subprocess.html"
LOOPBACK = "127.0.0.1"
LARGE = 4_000_000  # bytes: more than the buffers of any two sockets


class LoggedExit(Logged):
    """A manager that traces only its exit."""

    async def __aenter__(self) -> object:
        return self


@contextmanager
def reports(trace: Trace) -> Iterator[None]:
    """Trace what the running loop reports to its exception handler meanwhile."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda loop, context: trace("reported", context.get("exception") or context["message"]))
    try:
        yield
    finally:
        loop.set_exception_handler(before)


class Remembering(asyncio.Protocol):
    """A protocol that traces the end of its connection, and sets an event then."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.lost = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        self.trace(f"connection_lost({error})")
        self.lost.set()


@asynccontextmanager
async def connected(protocol: asyncio.BaseProtocol) -> AsyncIterator[tuple[Any, socket.socket]]:
    """Give the transport of `protocol` and the plain socket that it is connected with."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with theirs:
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, sock=ours)
        try:
            yield transport, theirs
        finally:
            if not transport.is_closing():
                transport.abort()
            await asyncio.sleep(0)
            await asyncio.sleep(0)


def outcome(act: Callable[[], object]) -> str:
    """Call `act` and tell what comes out: its result or its error."""
    try:
        return repr(act())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared with another
        return repr(error)


async def everything(theirs: socket.socket) -> int:
    """Read until the end of the data and return how many bytes there were."""
    received = 0
    while data := await asyncio.get_running_loop().sock_recv(theirs, 1_000_000):
        received += len(data)
    return received


# Servers


async def what_a_client_reads(handler: Any) -> object:
    """Return what a client of a server with this handler reads until the end, or None if that never comes."""
    server = await asyncio.start_server(handler, LOOPBACK, 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    server.close()
    try:
        return await asyncio.wait_for(reader.read(), 1)
    except asyncio.TimeoutError:
        return None
    finally:
        writer.close()
        await writer.wait_closed()


# Python before 3.14.8, 3.15 before 3.15.1
@clause(
    "NET-01",
    source=f"gh-155941; {STREAMS}#asyncio.start_server",
    on="asyncio",
    level="should",
    expect=["reported ValueError('v')", "the client reads b''"],
)
async def a_handler_that_is_a_function_fails(trace: Trace) -> None:
    """If the handler of a client is a function and fails, that is reported and the connection closed."""

    def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise ValueError("v")

    with reports(trace):
        trace("the client reads", await what_a_client_reads(handle))


# Python before 3.12.1
@clause(
    "NET-02",
    source=f"gh-110894; {STREAMS}#asyncio.start_server",
    on="asyncio",
    level="should",
    expect=["reported ValueError('v')", "the client reads b''"],
)
async def a_handler_that_is_a_coroutine_fails(trace: Trace) -> None:
    """If the handler of a client is a coroutine and fails, that is reported and the connection closed."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise ValueError("v")

    with reports(trace):
        trace("the client reads", await what_a_client_reads(handle))


# Python before 3.11.8 and 3.12.2
@clause(
    "NET-03",
    source=f"gh-113538; {STREAMS}#asyncio.start_server",
    on="asyncio",
    level="should",
    expect=["exit handler with Cancelled", "the client reads b''"],
)
async def a_handler_is_cancelled(trace: Trace) -> None:
    """If the handler of a client is cancelled its connection is closed, and nothing is reported."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with LoggedExit(trace, "handler"):
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - it runs this
            task.cancel()
            await reader.read()

    with reports(trace):
        trace("the client reads", await what_a_client_reads(handle))


# Python 3.12 to 3.14.6
@clause(
    "NET-04",
    source=f"gh-123720; {SERVER}.serve_forever",
    on="asyncio",
    expect=["cancelled: True"],
)
async def serving_is_cancelled_while_a_client_waits(trace: Trace) -> None:
    """Cancelling the task that serves for ever ends it also while a client is connected and says nothing."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"!")
        try:
            await reader.read()
        finally:
            writer.close()

    async def serve() -> None:
        async with server:
            await server.serve_forever()

    server = await asyncio.start_server(handle, LOOPBACK, 0)
    address = server.sockets[0].getsockname()
    serving = asyncio.create_task(serve())
    reader, writer = await asyncio.open_connection(*address)
    await reader.readexactly(1)
    serving.cancel()
    done, _ = await asyncio.wait([serving], timeout=1)
    trace("cancelled:", serving in done and serving.cancelled())
    writer.transport.abort()
    await asyncio.wait([serving])
    await asyncio.sleep(0.001)


# uvloop, Python 3.12.0
@clause(
    "NET-05",
    source=f"gh-79033; {SERVER}.wait_closed",
    on="asyncio",
    versions=">=3.12.1",
    expect=["the server waits: True", "the client reads b'bye'", "the server has closed"],
)
async def a_closed_server_waits_for_its_clients(trace: Trace) -> None:
    """`wait_closed` of a server waits until the last of its connections has ended."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"!")
        await go_on.wait()
        writer.write(b"bye")
        writer.close()

    go_on = asyncio.Event()
    server = await asyncio.start_server(handle, LOOPBACK, 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    await reader.readexactly(1)
    server.close()
    closing = asyncio.create_task(server.wait_closed())
    for _ in range(10):
        await asyncio.sleep(0)
    trace("the server waits:", not closing.done())
    go_on.set()
    trace("the client reads", await reader.read())
    writer.close()
    await writer.wait_closed()
    await closing
    trace("the server has closed")


@clause(
    "NET-06",
    source=f"gh-90467; {STREAMS}#asyncio.start_server",
    on="asyncio",
    level="should",
    expect=["the client reads b'bye'"],
)
async def a_handler_is_kept(trace: Trace) -> None:
    """The task that serves a client is kept alive, though nothing refers to it nor to what it waits for."""
    waiting = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        go_on = asyncio.Event()
        waiting.append(weakref.ref(go_on))
        writer.write(b"!")
        await go_on.wait()
        writer.write(b"bye")
        writer.close()

    async with await asyncio.start_server(handle, LOOPBACK, 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await reader.readexactly(1)
        gc.collect()
        go_on = waiting[0]()
        if go_on is not None:
            go_on.set()
        try:
            trace("the client reads", await asyncio.wait_for(reader.read(), 1))
        except asyncio.TimeoutError:
            trace("the handler is gone")
        writer.close()
        await writer.wait_closed()


handled = contextvars.ContextVar("handled", default="nothing")


@clause(
    "NET-07",
    source="gh-140947; library/contextvars.html#asyncio-support",
    on="asyncio",
    level="should",
    expect=["client 1 sees the server's", "client 2 sees the server's"],
)
async def each_client_has_a_context(trace: Trace) -> None:
    """The handler of a client sees what was set where the server was made, and nothing that another client's has set."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        trace(f"client {name} sees", handled.get())
        handled.set(f"client {name}'s")
        writer.close()

    token = handled.set("the server's")
    server = await asyncio.start_server(handle, LOOPBACK, 0)
    handled.reset(token)
    async with server:
        for name in b"1\n", b"2\n":
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(name)
            await reader.read()
            writer.close()
            await writer.wait_closed()


# Streams and transports


@clause(
    "NET-20",
    source=f"gh-74116; {STREAMS}#asyncio.StreamWriter.drain",
    on="asyncio",
    level="should",
    expect=["both have drained"],
)
async def two_tasks_drain(trace: Trace) -> None:
    """Several tasks may wait at once until a stream is drained."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with theirs:
        _, writer = await asyncio.open_connection(sock=ours)
        writer.write(bytes(LARGE))
        draining = [asyncio.create_task(writer.drain()) for _ in range(2)]
        await asyncio.sleep(0)
        writer.close()
        await everything(theirs)
        await asyncio.gather(*draining)
        trace("both have drained")
        await writer.wait_closed()


# Python 3.12 to 3.14.7
@clause(
    "NET-21",
    source=f"gh-103462; gh-155888; gh-127655; {TRANSPORTS}#asyncio.WriteTransport.writelines",
    on="asyncio",
    expect=["pause", "resume", "connection_lost(None)", "arrived: all of it"],
)
async def many_lines_are_written(trace: Trace) -> None:
    """`writelines` writes all it is given, however much, though the last be empty, and its protocol pauses meanwhile."""

    class Sender(Remembering):
        def pause_writing(self) -> None:
            trace("pause")

        def resume_writing(self) -> None:
            trace("resume")

    sender = Sender(trace)
    async with connected(sender) as (transport, theirs):
        transport.writelines([bytes(LARGE // 4)] * 4 + [b""])
        transport.close()
        try:
            received = await asyncio.wait_for(everything(theirs), 1)
            await sender.lost.wait()
            trace("arrived:", "all of it" if received == LARGE else str(received))
        except asyncio.TimeoutError:
            trace("the connection hangs")


# Python 3.12 to 3.14.0
@clause(
    "NET-22",
    source=f"gh-136234; gh-115514; {TRANSPORTS}#asyncio.WriteTransport.writelines",
    on="asyncio",
    expect=["connection_lost(None)", "the same: True"],
)
async def writing_when_the_connection_is_lost(trace: Trace) -> None:
    """When the connection is lost already, `writelines` does what `write` does: the one throws away what the other does."""
    sender = Remembering(trace)
    async with connected(sender) as (transport, _):
        transport.abort()
        await sender.lost.wait()
        trace(
            "the same:", outcome(lambda: transport.write(b"data")) == outcome(lambda: transport.writelines([b"data"]))
        )


# Python before 3.14.8
@clause(
    "NET-23",
    source=f"gh-156512; {TRANSPORTS}#asyncio.BaseProtocol.resume_writing",
    on="asyncio",
    expect=["connection_lost(None)"],
)
async def resuming_closes(trace: Trace) -> None:
    """A protocol that closes its transport when it may write again hears once that the connection is lost."""

    class Sender(Remembering):
        transport: Any = None

        def resume_writing(self) -> None:
            self.transport.close()

    sender = Sender(trace)
    with reports(trace):
        async with connected(sender) as (transport, theirs):
            sender.transport = transport
            transport.write(bytes(LARGE))
            await everything(theirs)
            await sender.lost.wait()
            await asyncio.sleep(0)
            await asyncio.sleep(0)


# Python before 3.11.4, uvloop
@clause(
    "NET-24",
    source=f"bpo-31821; {TRANSPORTS}#asyncio.ReadTransport.pause_reading",
    on="asyncio",
    expect=["paused", "resumed", "received b'data'"],
)
async def reading_is_paused_from_the_start(trace: Trace) -> None:
    """A protocol that pauses reading as it is connected is given no data before it resumes."""

    class Receiver(Remembering):
        def connection_made(self, transport: Any) -> None:
            transport.pause_reading()
            trace("paused")

        def data_received(self, data: bytes) -> None:
            trace("received", data)
            self.lost.set()

    receiver = Receiver(Trace())
    async with connected(receiver) as (transport, theirs):
        theirs.send(b"data")
        await asyncio.sleep(0.01)  # long enough to be given what must not be given
        trace("resumed")
        transport.resume_reading()
        await receiver.lost.wait()


async def a_closed_connection() -> dict[str, weakref.ref[Any]]:
    """Make a connection, close it and return what could keep it."""
    protocol = Remembering(Trace())
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, sock=ours)
        transport.close()
        await protocol.lost.wait()
    return {"transport": weakref.ref(transport), "protocol": weakref.ref(protocol)}


# Python before 3.12
@clause(
    "NET-25",
    source="gh-106503; gh-100348",
    on="asyncio",
    level="should",
    expect=["transport: freed", "protocol: freed"],
)
async def a_lost_connection_is_freed(trace: Trace) -> None:
    """A transport that was closed and its protocol are freed: they make no cycle."""
    gc.disable()
    try:
        kept = await a_closed_connection()
        await asyncio.sleep(0.001)  # the loop has let go of the last callback
        for name, reference in kept.items():
            trace(f"{name}:", "freed" if reference() is None else "kept")
    finally:
        gc.enable()


@clause(
    "NET-26",
    source=f"gh-153761; bpo-41317; {SOCKETS}",
    on="asyncio",
    level="should",
    expect=["cancelled", "accepted: True"],
)
async def accepting_is_cancelled(trace: Trace) -> None:
    """A wait for a connection that is cancelled takes none away: the next one gets it."""
    events = asyncio.get_running_loop()
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.setblocking(False)
        waiting = asyncio.create_task(events.sock_accept(listener))
        await asyncio.sleep(0)
        with socket.create_connection(listener.getsockname()) as client:
            waiting.cancel()
            try:
                await waiting
            except asyncio.CancelledError:
                trace("cancelled")
            for _ in range(3):
                await asyncio.sleep(0)
            try:
                accepted, address = await asyncio.wait_for(events.sock_accept(listener), 1)
            except asyncio.TimeoutError:
                trace("the connection is lost")
            else:
                accepted.close()
                trace("accepted:", address == client.getsockname())


# Python before 3.14.8
@clause(
    "NET-27",
    source="gh-153133; library/asyncio-eventloop.html#asyncio.loop.create_connection",
    on="asyncio",
    level="should",
    expect=["ValueError('v')"],
)
async def a_protocol_cannot_be_made(trace: Trace) -> None:
    """If the protocol of a connection cannot be made, no socket is left open."""

    def fail() -> asyncio.Protocol:
        raise ValueError("v")

    with socket.create_server((LOOPBACK, 0)) as listener:
        try:
            await asyncio.get_running_loop().create_connection(fail, *listener.getsockname())
        except ValueError as error:
            trace(error)


# Python before 3.12.8 and 3.13.1
@clause(
    "NET-28",
    source="gh-124390; gh-124309; gh-119121; library/asyncio-eventloop.html#asyncio.loop.create_connection",
    on="asyncio",
    versions=">=3.12",
    expect=["connected"],
)
async def happy_eyeballs_of_eager_tasks(trace: Trace) -> None:
    """A connection that tries several addresses at once can be made also where tasks are started eagerly."""
    events = asyncio.get_running_loop()
    before = events.get_task_factory()
    with socket.create_server((LOOPBACK, 0)) as listener:
        events.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore] # 3.12+
        try:
            transport, _ = await events.create_connection(
                asyncio.Protocol, *listener.getsockname(), happy_eyeballs_delay=0.25
            )
        finally:
            events.set_task_factory(before)
        trace("connected")
        transport.abort()
        await asyncio.sleep(0)


# Python before 3.14.6
@clause(
    "NET-29",
    source="gh-150107; gh-131325; library/asyncio-eventloop.html#asyncio.loop.sendfile",
    on="asyncio",
    expect=["sent 4000000", "arrived: all of it"],
)
async def a_file_is_sent(trace: Trace) -> None:
    """`sendfile` sends a file from its beginning, unless it is given another offset, wherever the file stands."""
    file = io.BytesIO()
    file.write(bytes(LARGE))
    async with connected(Remembering(Trace())) as (transport, theirs):
        receiving = asyncio.create_task(everything(theirs))
        trace("sent", str(await asyncio.get_running_loop().sendfile(transport, file)))
        transport.close()
        received = await receiving
        trace("arrived:", "all of it" if received == LARGE else str(received))


class Witness:
    """What an error holds while it lives."""


# Python before 3.12.8 and 3.13.1
@clause(
    "NET-30",
    source="gh-124858; library/asyncio-stream.html#asyncio.open_connection",
    on="asyncio",
    level="informational",
    expect=["refused", "freed"],
)
async def a_refused_race_makes_no_cycle(trace: Trace) -> None:
    """The error of a connection that tried several addresses at once, and was refused, is freed when it was handled."""
    witness = Witness()
    freed = weakref.ref(witness)
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        gc.disable()
        try:
            try:
                await asyncio.open_connection(*unused.getsockname(), happy_eyeballs_delay=0.25)
            except OSError as error:
                error.witness = witness  # type: ignore[attr-defined] # errors of the system take no weak reference
                trace("refused")
            del witness
            for _ in range(10):  # until the tasks of the race are gone, however many turns a loop takes for it
                await asyncio.sleep(0)
            trace("kept" if freed() else "freed")
        finally:
            gc.enable()


# uvloop 0.22.1
@clause(
    "NET-31",
    source="uvloop#646; library/asyncio-eventloop.html#asyncio.loop.create_connection",
    on="asyncio",
    expect=["cancelled", "closed", "received b'data'"],
)
async def making_a_connection_is_cancelled(trace: Trace) -> None:
    """The socket of a connection that was cancelled as it was made can be closed, and that closes no other one."""

    class Receiver(Remembering):
        def data_received(self, data: bytes) -> None:
            trace("received", data)
            self.lost.set()

    ours, theirs = socket.socketpair()
    with theirs:
        connecting = asyncio.create_task(
            asyncio.get_running_loop().create_connection(lambda: Remembering(Trace()), sock=ours)
        )
        await asyncio.sleep(0)
        connecting.cancel()
        try:
            await connecting
        except asyncio.CancelledError:
            trace("cancelled")
        ours.close()
        trace("closed")
    receiver = Receiver(Trace())
    async with connected(receiver) as (_, theirs):  # whose number the one before had
        theirs.send(b"data")
        await asyncio.wait_for(receiver.lost.wait(), 1)


# Processes


def python(program: str) -> list[str]:
    """Return the command that runs `program` in a Python that starts quickly."""
    return [sys.executable, "-I", "-S", "-c", program]


# Python before 3.12
@clause(
    "NET-40", source=f"bpo-39744; {PROCESSES}", on="asyncio", posix=True, leaves=["threads"], expect=["output b'end'"]
)
async def communicating_without_input(trace: Trace) -> None:
    """`communicate()` closes the input of the process also if there is nothing to write to it."""
    process = await asyncio.create_subprocess_exec(
        *python("import sys; sys.stdin.read(); print('end', end='')"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 3)
        trace("output", output)
    except asyncio.TimeoutError:
        trace("the process waits for its input")
        assert process.stdin is not None  # noqa: S101 - it was asked for
        process.stdin.close()
        await process.wait()


# Python 3.11 to 3.14.6
@clause("NET-41", source=f"gh-119710; {PROCESSES}", on="asyncio", posix=True, leaves=["threads"], expect=["returned 3"])
async def a_pipe_outlives_its_process(trace: Trace) -> None:
    """`wait()` of a process returns when the process has ended, although a child of it still has its output."""
    reading, writing = os.pipe()
    program = f"import os\nif os.fork(): os._exit(3)\nos.close({writing}); os.read({reading}, 1)"
    process = await asyncio.create_subprocess_exec(
        *python(program), stdout=subprocess.PIPE, pass_fds=[reading, writing]
    )
    try:
        trace("returned", str(await asyncio.wait_for(process.wait(), 3)))
    except asyncio.TimeoutError:
        trace("waits for the child")
    finally:
        os.close(reading)
        os.close(writing)
        await process.communicate()


# Python before 3.11.4
@clause(
    "NET-42",
    source=f"gh-104340; {PROCESSES}",
    on="asyncio",
    level="should",
    posix=True,
    leaves=["threads"],
    expect=["returned 0"],
)
async def a_process_that_does_not_read(trace: Trace) -> None:
    """A process that ends before it has read its input is no reason for a report."""
    with reports(trace):
        process = await asyncio.create_subprocess_exec(*python(""), stdin=subprocess.PIPE)
        assert process.stdin is not None  # noqa: S101 - it was asked for
        process.stdin.write(bytes(LARGE))
        trace("returned", str(await process.wait()))
        await asyncio.sleep(0)
        del process
        gc.collect()
        await asyncio.sleep(0)


@clause(
    "NET-43",
    source="gh-66285; gh-139894",
    on="asyncio",
    posix=True,
    level="should",
    expect=["running in the child: none", "the child has run 7", "still running: True"],
)
async def a_child_of_fork(trace: Trace, loop: Loop) -> None:
    """A child that was forked inside of a loop is not inside of it, and can run one of its own."""
    reading, writing = os.pipe()
    mine = asyncio.get_running_loop()

    async def seven() -> int:
        await asyncio.sleep(0)
        return 7

    child = os.fork()
    if not child:
        try:
            try:
                asyncio.get_running_loop()
                os.write(writing, b"the parent's\n")
            except RuntimeError:
                os.write(writing, b"none\n")
            new = loop.options()["loop_factory"]()
            os.write(writing, str(new.run_until_complete(seven())).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading) as pipe:
        for words, line in zip(("running in the child:", "the child has run"), pipe.read().split("\n")):
            trace(words, line)
    await asyncio.sleep(0)
    trace("still running:", asyncio.get_running_loop() is mine)
