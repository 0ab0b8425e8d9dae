"""A process that takes every row and does nothing with it: what remains is the client's own cost."""

import contextlib
import multiprocessing
import multiprocessing.connection
import socket
from collections.abc import Iterator

_CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
_NO_ROWS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
_END_OF_HEAD = b"\r\n\r\n"


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The URL of the server, until the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(pipe: multiprocessing.connection.Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pipe.send(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                _answer(connection)


def _answer(connection: socket.socket) -> None:
    """Requests of one connection, until it is closed."""
    buffer = memoryview(bytearray(1 << 20))
    pending = b""
    while True:
        while _END_OF_HEAD not in pending:
            received = connection.recv(65_536)
            if not received:
                return
            pending += received
        head, _, body = pending.partition(_END_OF_HEAD)
        missing = _content_length(head) - len(body)
        while missing > 0:
            missing -= connection.recv_into(buffer, min(missing, len(buffer)))
        pending = b""
        connection.sendall(_NO_ROWS if head.startswith(b"GET ") else _CREATED)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
