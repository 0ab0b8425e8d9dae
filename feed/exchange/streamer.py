"""One client's stream: its subscriptions, what it has been told, and the frames that wait for its socket."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import aiohttp
import msgspec
from aiohttp import web

from feed.exchange import protocol
from feed.exchange.protocol import Fields

QUEUE_FRAMES = 256
CLOSE_TIMEOUT_SECONDS = 0.5


class Desk(Protocol):
    """What a stream asks of the exchange."""

    slow_reader_seconds: float
    is_deaf: bool

    def answer(self, request: dict[str, Any]) -> tuple[int, str]:
        """The response code and text for a request."""

    def snapshot(self, service: str, key: str) -> Fields | None:
        """All fields of a key, None for an unknown one."""

    async def logged_in(self, streamer: "Streamer") -> None:
        """A client has just logged in."""

    def subscribed(self, service: str, keys: Iterable[str]) -> None:
        """A client has just subscribed to `keys`."""


class Streamer:
    """One connection. Frames go out in order through a bounded queue; a client that does not read is stopped."""

    def __init__(self, socket: web.WebSocketResponse, desk: Desk) -> None:
        self._socket = socket
        self._desk = desk
        self._frames: asyncio.Queue[str] = asyncio.Queue(QUEUE_FRAMES)
        self._fields: dict[str, frozenset[str]] = {}
        self._told: dict[tuple[str, str], Fields] = {}
        self._frozen = asyncio.Event()
        self.silent = False
        self.is_logged_in = False

    async def run(self) -> None:
        """Serve until the socket closes."""
        sender = asyncio.create_task(self._send_frames())
        try:
            await self._receive_requests()
        finally:
            sender.cancel()

    async def publish(self, service: str, updates: Iterable[tuple[str, Fields]]) -> None:
        """Send what each update changes for this client: one content item per update, all in one frame."""
        content = [item for key, fields in updates if (item := self._delta(service, key, fields))]
        if content:
            await self.send(protocol.data(service, content))

    async def send(self, frame: Mapping[str, Any] | str) -> None:
        """Queue a frame; raw text goes out as it is. Stops a client whose queue stays full with code 30."""
        if self.silent or self._socket.closed:
            return
        text = frame if isinstance(frame, str) else msgspec.json.encode(frame).decode()
        try:
            async with asyncio.timeout(self._desk.slow_reader_seconds):
                await self._frames.put(text)
        except TimeoutError:
            await self.stop(protocol.STOP_STREAMING, "slow reader")

    async def flushed(self) -> None:
        """Wait until everything queued has been handed to the socket, or the socket is gone."""
        while not self._socket.closed and not self.silent and not self._frozen.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._frames.join()
                    return

    async def stop(self, code: int, message: str) -> None:
        """Give notice of `code` past the queue, as Schwab does, and close."""
        if self._frozen.is_set():
            await self.close(1006)
            return
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await self._socket.send_str(msgspec.json.encode(protocol.notice(code, message)).decode())
        await self.close(1000)

    async def close(self, code: int, message: str = "") -> None:
        """Close with a WebSocket code; 1006 just breaks TCP, as does a peer that does not answer."""
        if code != 1006 and not self._frozen.is_set():
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await self._socket.close(code=code, message=message.encode())
                    return
        transport = self._socket._req.transport if self._socket._req else None
        if transport is not None:
            transport.abort()

    def freeze(self) -> None:
        """Play half-open: the TCP connection lives, but nothing is read, answered or sent, pings included."""
        self.silent = True
        self._frozen.set()

    async def _receive_requests(self) -> None:
        while not self._frozen.is_set():
            message = await self._socket.receive()
            if self._frozen.is_set():
                break
            if message.type != aiohttp.WSMsgType.TEXT:
                return
            await self._handle(message.data)
        await asyncio.Event().wait()

    async def _handle(self, text: str) -> None:
        if self._desk.is_deaf:
            return
        try:
            requests = msgspec.json.decode(text)["requests"]
        except (msgspec.MsgspecError, KeyError, TypeError):
            await self.send({"response": [protocol.response({}, "", protocol.BAD_FORMAT, "bad request format")]})
            return
        for request in requests:
            code, message = self._answer(request)
            correl_id = str(request.get("SchwabClientCorrelId", ""))
            await self.send({"response": [protocol.response(request, correl_id, code, message)]})
            if code == protocol.OK:
                await self._carry_out(request)
            elif request.get("command") == "LOGIN":
                await self.flushed()
                await self.close(1000)

    def _answer(self, request: dict[str, Any]) -> tuple[int, str]:
        if not isinstance(request, dict) or "service" not in request or "command" not in request:
            return protocol.BAD_FORMAT, "bad request format"
        if request["command"] != "LOGIN" and not self.is_logged_in:
            return protocol.NO_CONNECTION, "no connection: LOGIN first"
        return self._desk.answer(request)

    async def _carry_out(self, request: dict[str, Any]) -> None:
        service, command = request["service"], request["command"]
        keys = [key for key in str(request.get("parameters", {}).get("keys", "")).split(",") if key]
        if command == "LOGIN":
            self.is_logged_in = True
            await self._desk.logged_in(self)
        elif command == "LOGOUT":
            await self.flushed()
            await self.close(1000)
        elif command == "UNSUBS":
            for key in keys:
                self._told.pop((service, key), None)
        elif command in ("SUBS", "ADD"):
            self._fields[service] = frozenset(str(request["parameters"].get("fields", "")).split(","))
            if command == "SUBS":
                self._told = {known: told for known, told in self._told.items() if known[0] != service}
            await self._subscribe(service, keys)

    async def _subscribe(self, service: str, keys: list[str]) -> None:
        for key in keys:
            self._told[service, key] = {}
        known = [(key, fields) for key in keys if (fields := self._desk.snapshot(service, key)) is not None]
        await self.publish(service, known)
        self._desk.subscribed(service, keys)

    def keys_of(self, service: str) -> set[str]:
        """The subscribed keys of a service."""
        return {key for known, key in self._told if known == service}

    def _delta(self, service: str, key: str, fields: Fields) -> Fields | None:
        told = self._told.get((service, key))
        if told is None:
            return None
        wanted = self._fields[service]
        is_first = not told
        changed = {name: value for name, value in fields.items() if name in wanted and told.get(name) != value}
        if not changed and not is_first:
            return None
        told.update(changed)
        head: Fields = {"key": key, "delayed": False}
        return head | {"assetMainType": "EQUITY"} | changed if is_first else {"key": key} | changed

    async def _send_frames(self) -> None:
        while True:
            text = await self._frames.get()
            try:
                if self.silent:
                    continue
                await self._socket.send_str(text)
            except ConnectionError:
                return
            finally:
                self._frames.task_done()
