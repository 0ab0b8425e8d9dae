"""DATA_DIR/control.sock (0600): commands hand work that changes a database to the running service.

One JSON object a line. The client sends {"job", "args"}; the service answers any number of {"done", "total"} and then
one {"result"} or {"error", "exit_code"}.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from eventlog.errors import AlreadyRunningError, TicktapeError
from service import full_disk, jobs
from service.context import Context
from service.job import Progress

SOCKET_NAME = "control.sock"
MAX_LINE_BYTES = 16 * 1024 * 1024


class RemoteError(TicktapeError):
    """The service refused or failed the work; the message is the service's."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextlib.asynccontextmanager
async def serve(context: Context) -> AsyncIterator[None]:
    """Accept work for `context`, one job at a time, until the block ends."""
    one_at_a_time = asyncio.Lock()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            request = json.loads(await reader.readline())
            async with one_at_a_time:
                answer = await _answer(context, request, writer)
            # Not before the next job may begin: who asked may have stopped to read.
            _send(writer, answer)
            await writer.drain()
        writer.close()

    data_dir = context.settings.data_dir
    (data_dir / SOCKET_NAME).unlink(missing_ok=True)
    with _short_path(data_dir) as path:
        server = await asyncio.start_unix_server(handle, path, limit=MAX_LINE_BYTES)
        (data_dir / SOCKET_NAME).chmod(0o600)
    try:
        yield
    finally:
        server.close()
        (data_dir / SOCKET_NAME).unlink(missing_ok=True)


async def _answer(context: Context, request: dict[str, Any], writer: asyncio.StreamWriter) -> dict[str, Any]:
    def progress(done: int, total: int | None) -> None:
        _send(writer, {"done": done, "total": total})

    try:
        with full_disk.named(context.settings.data_dir):
            return {"result": await jobs.run(request["job"], context, request["args"], progress)}
    except TicktapeError as error:
        return {"error": str(error), "exit_code": error.exit_code}
    except Exception as error:
        # The service must outlive a failed command; the one who asked is told.
        return {"error": f"{type(error).__name__} in the service: {error}", "exit_code": 1}


def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")


async def ask(data_dir: Path, name: str, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Have the running service do the job. Raises RemoteError, or AlreadyRunningError when nobody listens."""
    try:
        with _short_path(data_dir) as path:
            reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
    except OSError as error:
        raise AlreadyRunningError(
            f"{data_dir} is in use by another command; try again when it has ended (DATA_DIR/lock names its pid)"
        ) from error
    try:
        writer.write(json.dumps({"job": name, "args": args}).encode() + b"\n")
        return await _follow(reader, progress)
    finally:
        writer.close()


async def _follow(reader: asyncio.StreamReader, progress: Progress) -> dict[str, Any]:
    async for line in reader:
        message = json.loads(line)
        if "error" in message:
            raise RemoteError(message["error"], message["exit_code"])
        if "result" in message:
            result: dict[str, Any] = message["result"]
            return result
        progress(message["done"], message["total"])
    raise RemoteError("the service ended before the work was done; run the command again", 1)


@contextlib.contextmanager
def _short_path(data_dir: Path) -> Any:
    """A path to the socket below the 107 bytes that a Unix socket address can hold."""
    path = data_dir / SOCKET_NAME
    if len(os.fsencode(path)) < 100 or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    directory = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{SOCKET_NAME}"
    finally:
        os.close(directory)
