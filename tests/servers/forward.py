"""A TCP port on 127.0.0.1 that leads to a unix socket, for clients that know no unix sockets."""

import asyncio
import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 65536


class Forward:
    """Runs on a thread of its own, so that it serves subprocesses while no test's event loop runs."""

    def __init__(self, socket_path: Path) -> None:
        self.port = 0
        self._socket_path = socket_path
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="forward", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10), "the forwarder did not come up"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(str(self._socket_path))
        except OSError:
            writer.transport.abort()
            return
        ways = [asyncio.ensure_future(_pump(reader, far_writer)), asyncio.ensure_future(_pump(far_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            far_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        await writer.drain()
