"""Resources: files, databases, sockets, servers and processes are given back on every way out of their manager."""

import asyncio
import gc
import socket
import sqlite3
import struct
import sys
import tempfile
import warnings
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint

from asyncwith import Names, Trace, any_order, by_version, clause

STREAMS = "library/asyncio-stream.html"
SERVER = "library/asyncio-eventloop.html#asyncio.Server"
PROTOCOLS = "library/asyncio-protocol.html"
LOOPBACK = "127.0.0.1"
REAPER = ("threads",)  # before Python 3.12 asyncio waits for each process in a thread that ends a little later


@clause(
    "RES-01",
    source="library/functions.html#open",
    expect=["open in the body: True", "closed: True", by_version({"3.10": "AttributeError", "3.11": "TypeError"})],
)
async def a_file_is_closed_on_cancellation(trace: Trace) -> None:
    """A file held by a plain `with` around awaits is closed when a cancellation leaves it; `async with` refuses a
    file.
    """
    with anyio.CancelScope() as scope, tempfile.TemporaryFile() as file:
        await checkpoint()
        trace("open in the body:", not file.closed)
        scope.cancel()
        await checkpoint()
        trace("not reached")
    trace("closed:", file.closed)
    with tempfile.TemporaryFile() as file:
        try:
            async with file:  # type: ignore[attr-defined]
                trace("not reached")
        except (AttributeError, TypeError) as error:
            trace(type(error))


@clause("RES-02", source="anyio fileio.html", expect=["as binds itself: True", "read b'text'", "closed: True"])
async def a_file_of_anyio_is_closed_on_cancellation(trace: Trace) -> None:
    """A file of anyio is closed when a cancellation leaves it, although closing happens in a thread."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(b"text")
        file = await anyio.open_file(path, "rb")
        with anyio.CancelScope() as scope:
            async with file as bound:
                trace("as binds itself:", bound is file)
                trace("read", await bound.read())
                scope.cancel()
                await checkpoint()
                trace("not reached")
        trace("closed:", file.wrapped.closed)


@clause(
    "RES-03",
    source="library/sqlite3.html#sqlite3-connection-context-manager",
    expect=["caught ValueError('v')", "rows [(1,)]", "in a transaction: False"],
)
async def a_database_rolls_back_on_cancellation(trace: Trace) -> None:
    """A connection of sqlite3 commits at the end of its `with`, and rolls back on errors and on cancellation alike; it
    stays open.
    """
    connection = sqlite3.connect(":memory:")
    connection.execute("create table numbers (number)")
    with connection:
        connection.execute("insert into numbers values (1)")
        await checkpoint()
    try:
        with connection:
            connection.execute("insert into numbers values (2)")
            await checkpoint()
            raise ValueError("v")
    except ValueError as error:
        trace("caught", error)
    with anyio.CancelScope() as scope, connection:
        connection.execute("insert into numbers values (3)")
        scope.cancel()
        await checkpoint()
        trace("not reached")
    trace("rows", connection.execute("select number from numbers").fetchall())
    trace("in a transaction:", connection.in_transaction)
    connection.close()


@clause(
    "RES-04",
    source="library/sqlite3.html#sqlite3.Connection",
    expect=[by_version({"3.10": [], "3.13": "ResourceWarning: unclosed database"}), "collected"],
)
async def an_unclosed_database_warns(trace: Trace) -> None:
    """Since Python 3.13 a connection that was never closed warns when it is collected."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with sqlite3.connect(":memory:") as connection:
            await checkpoint()
        del connection
        gc.collect()
    for warning in caught:
        trace(f"{warning.category.__name__}:", str(warning.message).partition(" in ")[0])
    trace("collected")


@clause(
    "RES-05",
    source="anyio cancellation.html#finalization; trio reference-core.html",
    expect=[
        "unshielded: begin",
        "rollback begins",
        "scope left",
        "shielded: begin",
        "rollback begins",
        "rolled back",
        "scope left",
    ],
)
async def a_rollback_needs_a_shield(trace: Trace, library: Names) -> None:
    """In a cancelled scope cleanup that awaits is cancelled as well, on every loop; a shielded scope lets it finish."""

    @library.asynccontextmanager
    async def transaction(*, shield: bool) -> AsyncGenerator[None, None]:
        trace("shielded:" if shield else "unshielded:", "begin")
        try:
            yield
        except BaseException:  # a cancellation rolls back as well
            trace("rollback begins")
            with anyio.CancelScope(shield=shield):
                await checkpoint()
                trace("rolled back")
            raise

    for shield in False, True:
        with anyio.CancelScope() as scope:
            async with transaction(shield=shield):
                scope.cancel()
                await checkpoint()
        trace("scope left")


@clause(
    "RES-60",
    source="library/asyncio-task.html#task-cancellation",
    on="asyncio",
    expect=["begin", "rollback begins", "rolled back", "Cancelled"],
)
async def a_task_cancelled_by_asyncio_can_roll_back(trace: Trace, library: Names) -> None:
    """`Task.cancel()` interrupts one await: cleanup that awaits afterwards is not disturbed."""

    @library.asynccontextmanager
    async def transaction() -> AsyncGenerator[None, None]:
        trace("begin")
        try:
            yield
        except BaseException:  # a cancellation rolls back as well
            trace("rollback begins")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            trace("rolled back")
            raise

    async def work() -> None:
        async with transaction():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError as error:
        trace(error)


@clause(
    "RES-06",
    source=SERVER,
    on="asyncio",
    expect=["as binds the server: True", "serving: True", "echo b'hello'", "serving: False", "sockets: 0", "refused"],
)
async def a_server_stops_at_its_exit(trace: Trace) -> None:
    """`async with` on a server binds the server; its exit stops serving and frees the port."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, LOOPBACK, 0)
    async with server as bound:
        trace("as binds the server:", bound is server)
        trace("serving:", server.is_serving())
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"hello\n")
        trace("echo", (await reader.read()).strip())
        writer.close()
        await writer.wait_closed()
    trace("serving:", server.is_serving())
    trace("sockets:", len(server.sockets))
    try:
        await asyncio.open_connection(LOOPBACK, port)
    except ConnectionRefusedError:
        trace("refused")


@clause(
    "RES-08",
    source="library/asyncio-eventloop.html#asyncio.Server.serve_forever",
    on="asyncio",
    expect=["serving: True", "cancelled: True", "serving: False"],
)
async def a_cancelled_server_stops(trace: Trace) -> None:
    """Cancelling the task that serves for ever inside of `async with server` stops the server and ends as cancelled."""
    server = await asyncio.start_server(lambda reader, writer: None, LOOPBACK, 0, start_serving=False)
    serving = asyncio.Event()

    async def serve() -> None:
        async with server:
            asyncio.get_running_loop().call_soon(serving.set)
            await server.serve_forever()

    task = asyncio.create_task(serve())
    await serving.wait()
    for _ in range(100):
        if server.is_serving():
            break
        await asyncio.sleep(0)
    trace("serving:", server.is_serving())
    task.cancel()
    await asyncio.wait([task])
    trace("cancelled:", task.cancelled())
    trace("serving:", server.is_serving())


@clause(
    "RES-09",
    source=STREAMS,
    on="asyncio",
    level="informational",
    expect=["StreamReader: False False", "StreamWriter: False False"],
)
async def streams_of_asyncio_are_no_managers(trace: Trace) -> None:
    """The streams of asyncio cannot be used with `async with` nor with `with`: they have to be closed by hand."""
    for kind in asyncio.StreamReader, asyncio.StreamWriter:
        trace(f"{kind.__name__}:", hasattr(kind, "__aenter__"), hasattr(kind, "__enter__"))


@clause(
    "RES-10",
    source="anyio networking.html",
    expect=["the server got b'hello'", "client: ClosedResourceError", "the server sees the end"],
)
async def a_stream_is_closed_on_cancellation(trace: Trace) -> None:
    """A socket stream of anyio is closed when a cancellation leaves it: the peer sees the end, later use is an
    error.
    """
    got, client_done = anyio.Event(), anyio.Event()

    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            trace("the server got", await stream.receive())
            got.set()
            await client_done.wait()
            try:
                trace("the server got", await stream.receive())
            except anyio.EndOfStream:
                trace("the server sees the end")
        group.cancel_scope.cancel()

    listener = await anyio.create_tcp_listener(local_host=LOOPBACK)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        client = await anyio.connect_tcp(LOOPBACK, port)
        with anyio.CancelScope() as scope:
            async with client:
                await client.send(b"hello")
                await got.wait()
                scope.cancel()
                await checkpoint()
                trace("not reached")
        try:
            await client.send(b"more")
        except anyio.ClosedResourceError as error:
            trace("client:", type(error))
        client_done.set()


@clause(
    "RES-11",
    source="trio reference-io.html; anyio api.html",
    expect=["scope: released", "scope: Cancelled", "forced: released", "forced: Cancelled", "after the scope"],
)
async def a_resource_is_released_even_if_closing_is_cancelled(trace: Trace) -> None:
    """Closing in a cancelled scope releases the resource at once and gives up what is polite; `aclose_forcefully`
    closes so.
    """

    class Resource(anyio.abc.AsyncResource):
        def __init__(self, name: str) -> None:
            self.name = name

        async def aclose(self) -> None:
            try:
                await checkpoint()
                trace(self.name, "closed politely")
            except BaseException as error:
                trace(self.name, "released")
                trace(self.name, error)
                raise

    with anyio.CancelScope() as scope:
        async with Resource("scope:"):
            scope.cancel()
    await anyio.aclose_forcefully(Resource("forced:"))
    trace("after the scope")


@clause(
    "RES-12",
    source="anyio streams.html#memory-object-streams",
    expect=[
        "received 1",
        "send: ClosedResourceError",
        "receive: ClosedResourceError",
        *["unclosed: ResourceWarning", "unclosed: ResourceWarning"],
    ],
)
async def memory_streams_are_closed_at_the_exit(trace: Trace) -> None:
    """The two ends of a memory stream are closed by their managers; used later they raise, dropped unclosed they
    warn.
    """
    send, receive = anyio.create_memory_object_stream[int](1)
    async with send, receive:
        await send.send(1)
        trace("received", await receive.receive())
    for name, use in ("send:", lambda: send.send(2)), ("receive:", receive.receive):
        try:
            await use()
        except anyio.ClosedResourceError as error:
            trace(name, type(error))
    unclosed = anyio.create_memory_object_stream[int](1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del unclosed
        gc.collect()
    for warning in caught:
        trace("unclosed:", warning.category)


@clause("RES-13", source="anyio tempfile.html", expect=["in the body: True True", "afterwards: False"])
async def a_temporary_folder_is_removed_on_cancellation(trace: Trace) -> None:
    """A temporary folder of anyio is removed with its content when a cancellation leaves it."""
    with anyio.CancelScope() as scope:
        async with anyio.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "file").touch()
            trace("in the body:", folder.is_dir(), (folder / "file").is_file())
            scope.cancel()
            await checkpoint()
            trace("not reached")
    trace("afterwards:", folder.exists())


@clause(
    "RES-14",
    source="anyio subprocesses.html",
    leaves=REAPER,
    expect=["runs: True", "ended by force: True", "its pipe is closed: True"],
)
async def a_process_is_killed_on_cancellation(trace: Trace) -> None:
    """A process of anyio is killed and waited for when a cancellation leaves it, and its pipes are closed."""
    with anyio.CancelScope() as scope:
        async with await anyio.open_process([sys.executable, "-I", "-S", "-c", "input()"]) as process:
            trace("runs:", process.returncode is None)
            scope.cancel()
            await checkpoint()
            trace("not reached")
    trace("ended by force:", process.returncode not in (None, 0))
    assert process.stdin is not None
    try:
        await process.stdin.send(b"\n")
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        trace("its pipe is closed:", True)


@clause(
    "RES-15",
    source="PEP 492",
    on="asyncio",
    expect=["answer b'200 ok'", "connection closed", "server closed"],
)
async def client_and_server_close_inside_out(trace: Trace, library: Names) -> None:
    """Managers of a client inside of those of its server, over a real socket, close from the inside to the outside."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")
        writer.write(b"200 ok")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    @library.asynccontextmanager
    async def serving() -> AsyncGenerator[int, None]:
        async with await asyncio.start_server(answer, LOOPBACK, 0) as server:
            yield server.sockets[0].getsockname()[1]
        trace("server closed")

    @library.asynccontextmanager
    async def connected(port: int) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter], None]:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            yield reader, writer
        finally:
            writer.close()
            await writer.wait_closed()
            trace("connection closed")

    async with serving() as port, connected(port) as (reader, writer):
        writer.write(b"GET /\r\n")
        trace("answer", await reader.read())


@clause("RES-61", source="library/socket.html", expect=["not entered: ConnectionRefusedError"])
async def a_refused_connection_is_not_entered(trace: Trace) -> None:
    """If nobody listens, connecting raises before there is anything to enter, and leaves no socket behind."""
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))  # bound but not listening: the port stays free and refuses
        try:
            async with await anyio.connect_tcp(LOOPBACK, unused.getsockname()[1]):
                trace("not reached")
        except OSError as error:
            while error.__cause__ is not None:
                error = error.__cause__  # type: ignore[assignment]
            trace("not entered:", type(error))


@clause(
    "RES-62",
    source="anyio networking.html",
    expect=["the client sent 1000000 bytes", "the server got 1000000 bytes, as sent: True", "answer b'1000000'"],
)
async def large_messages_arrive_whole(trace: Trace) -> None:
    """A message larger than all buffers arrives whole and in order while both ends work; each may close its
    direction first.
    """
    message = bytes(range(250)) * 4000

    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            received = bytearray()
            async for part in stream:
                received += part
            trace(f"the server got {len(received)} bytes, as sent:", received == message)
            await stream.send(str(len(received)).encode())

    listener = await anyio.create_tcp_listener(local_host=LOOPBACK)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        async with await anyio.connect_tcp(LOOPBACK, listener.extra(anyio.abc.SocketAttribute.local_port)) as client:
            await client.send(message)
            trace(f"the client sent {len(message)} bytes")
            await client.send_eof()
            trace("answer", b"".join([part async for part in client]))
        group.cancel_scope.cancel()


@clause(
    "RES-63",
    source=PROTOCOLS,
    on="asyncio",
    expect=["connection_made", "data_received b'hello'", "eof_received", "connection_lost None", "closing: True"],
)
async def a_protocol_is_called_in_order(trace: Trace) -> None:
    """A protocol hears of its connection, then of the data, then of the end of the data, and once that the
    connection is lost.
    """
    ours, theirs = socket.socketpair()
    lost = asyncio.Event()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            trace("connection_made")

        def data_received(self, data: bytes) -> None:
            trace("data_received", data)
            theirs.shutdown(socket.SHUT_WR)

        def eof_received(self) -> None:
            trace("eof_received")

        def connection_lost(self, error: Exception | None) -> None:
            trace("connection_lost", error)
            lost.set()

    with theirs:
        transport, _ = await asyncio.get_running_loop().create_connection(Protocol, sock=ours)
        theirs.send(b"hello")
        await lost.wait()
        trace("closing:", transport.is_closing())


@clause("RES-64", source=PROTOCOLS, on="asyncio", leaves=["warnings"], expect=["ResourceWarning: unclosed"])
async def an_unclosed_transport_warns(trace: Trace) -> None:
    """A transport that nobody closed warns when it is collected."""
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        transport.pause_reading()
        await asyncio.sleep(0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del transport, _
            gc.collect()
        ours.close()
    for warning in caught:
        trace(f"{warning.category.__name__}:", str(warning.message).partition(" ")[0])


@clause(
    "RES-65",
    source="library/asyncio-eventloop.html#working-with-socket-objects-directly",
    on="asyncio",
    expect=["received b'hello'", "all of it: True", "the end b''", "cancelled", "still usable b'again'"],
)
async def sockets_used_directly(trace: Trace) -> None:
    """The loop reads and writes plain sockets; a read that is cancelled takes nothing away from the next one."""
    events = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    message = bytes(300_000)
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        await events.sock_sendall(ours, b"hello")
        trace("received", await events.sock_recv(theirs, 100))
        sending = asyncio.create_task(events.sock_sendall(ours, message))
        received = 0
        while received < len(message):
            received += len(await events.sock_recv(theirs, 100_000))
        await sending
        trace("all of it:", received == len(message))
        ours.shutdown(socket.SHUT_WR)
        trace("the end", await events.sock_recv(theirs, 100))
        reading = asyncio.create_task(events.sock_recv(ours, 100))
        for _ in range(3):
            await asyncio.sleep(0)
        reading.cancel()
        try:
            await reading
        except asyncio.CancelledError:
            trace("cancelled")
        await events.sock_sendall(theirs, b"again")
        trace("still usable", await events.sock_recv(ours, 100))


@clause(
    "RES-66",
    source="anyio networking.html",
    expect=["the server got b'hello'", "the client got b'HELLO'"],
)
async def datagrams(trace: Trace) -> None:
    """UDP sockets of anyio exchange datagrams and are closed by their managers."""
    async with await anyio.create_udp_socket(local_host=LOOPBACK) as server:
        port = server.extra(anyio.abc.SocketAttribute.local_port)
        async with await anyio.create_connected_udp_socket(LOOPBACK, port) as client:
            await client.send(b"hello")
            data, (host, port, *_) = await server.receive()
            trace("the server got", data)
            await server.sendto(data.upper(), host, port)
            trace("the client got", await client.receive())


@clause(
    "RES-67", source="anyio subprocesses.html", leaves=REAPER, expect=["returned 3", "output b'HELLO'", "errors b'bye'"]
)
async def a_process_and_its_pipes(trace: Trace) -> None:
    """A process that ends by itself has its output read to the end, both pipes, and its return code known."""
    program = "import sys; print(input().upper(), end=''); print('bye', end='', file=sys.stderr); sys.exit(3)"
    done = await anyio.run_process([sys.executable, "-I", "-S", "-c", program], input=b"hello\n", check=False)
    trace("returned", done.returncode)
    trace("output", done.stdout)
    trace("errors", done.stderr)


@clause(
    "RES-68",
    source="library/asyncio-protocol.html#asyncio.BaseTransport.close",
    on="asyncio",
    expect=["closing: True", "all of it arrived: True", "connection_lost(None)"],
)
async def closing_writes_what_is_left(trace: Trace) -> None:
    """A transport that is closed first writes what it has still to write, and only then tells its protocol."""
    events, lost = asyncio.get_running_loop(), asyncio.Event()
    message = bytes(4_000_000)  # more than the buffers of any two sockets

    errors = []

    class Sender(asyncio.Protocol):
        def connection_lost(self, error: Exception | None) -> None:
            errors.append(error)
            lost.set()

    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        transport, _ = await events.create_connection(Sender, sock=ours)
        transport.write(message)
        transport.close()
        trace("closing:", transport.is_closing())
        received = 0
        while data := await events.sock_recv(theirs, 1_000_000):
            received += len(data)
        trace("all of it arrived:", received == len(message))
        await lost.wait()
        trace(f"connection_lost({errors.pop()})")


@clause(
    "RES-69",
    source="library/asyncio-protocol.html#flow-control-callbacks",
    on="asyncio",
    expect=[any_order("paused", "the buffer is full: True"), "resumed, there is room: True"],
)
async def a_full_transport_makes_its_protocol_wait(trace: Trace) -> None:
    """A transport whose peer does not read tells its protocol to pause, and to go on when the peer has read."""
    events, lost, resumed = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    message = bytes(4_000_000)

    class Sender(asyncio.Protocol):
        def pause_writing(self) -> None:
            trace("paused")

        def resume_writing(self) -> None:
            low, _ = transport.get_write_buffer_limits()
            trace("resumed, there is room:", transport.get_write_buffer_size() <= low)
            resumed.set()

        def connection_lost(self, error: Exception | None) -> None:
            lost.set()

    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        transport, _ = await events.create_connection(Sender, sock=ours)
        transport.write(message)
        trace("the buffer is full:", transport.get_write_buffer_size() > transport.get_write_buffer_limits()[1])
        received = 0
        while received < len(message):
            received += len(await events.sock_recv(theirs, 1_000_000))
        await resumed.wait()
        transport.close()
        await lost.wait()


@clause("RES-70", source=SERVER, on="asyncio", expect=["client 1: hello 1", "client 2: hello 2", "client 3: hello 3"])
async def a_server_takes_many_clients(trace: Trace) -> None:
    """A server serves client after client, and several at a time."""
    writers, serving = [], []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        try:
            writer.write(b"hello " + await reader.readexactly(1))
            await writer.drain()
            await reader.read()
        finally:
            writer.close()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        port = server.sockets[0].getsockname()[1]
        for number in 1, 2, 3:
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writers.append(writer)
            writer.write(str(number).encode())
            answer = await reader.readexactly(7)
            trace(f"client {number}:", answer.decode())
        for writer in writers:
            writer.close()
            await writer.wait_closed()
        await asyncio.wait([task for task in serving if task is not None])


@clause(
    "RES-71",
    source="library/asyncio-eventloop.html#asyncio.loop.sock_sendall",
    on="asyncio",
    expect=["it waits for room: True", "what came last: b'0123456789'"],
)
async def a_socket_without_room(trace: Trace) -> None:
    """What is sent by a socket that has no room is sent whole when there is some."""
    events = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        filled = 0
        with suppress(BlockingIOError):
            while True:
                filled += ours.send(bytes(65536))
        sending = asyncio.create_task(events.sock_sendall(ours, b"0123456789"))
        for _ in range(3):
            await asyncio.sleep(0)
        trace("it waits for room:", not sending.done())
        received = b""
        while len(received) < filled + 10:
            received += await events.sock_recv(theirs, 65536)
        await sending
        trace("what came last:", received[filled:])


@clause(
    "RES-72",
    source="library/asyncio-eventloop.html#asyncio.loop.sock_recv",
    on="asyncio",
    posix=True,
    expect=["reading: ConnectionResetError", "writing: BrokenPipeError"],
)
async def a_connection_that_is_reset(trace: Trace) -> None:
    """Whoever waits to read from a socket, or to write to it, gets the error of that socket."""
    events = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        theirs, _ = server.accept()
        ours.setblocking(False)
        reading = asyncio.create_task(events.sock_recv(ours, 100))
        for _ in range(3):
            await asyncio.sleep(0)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close by a reset
        theirs.close()
        try:
            await reading
        except OSError as error:
            trace("reading:", type(error))
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                ours.send(bytes(65536))
        writing = asyncio.create_task(events.sock_sendall(ours, b"more"))
        for _ in range(3):
            await asyncio.sleep(0)
        theirs.close()
        try:
            await writing
        except OSError as error:
            trace("writing:", type(error))
