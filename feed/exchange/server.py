"""The exchange's server: HTTP and WebSocket on 127.0.0.1, its book of last values, and the market that moves it."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, Protocol

from aiohttp import WSCloseCode, web

from eventlog.errors import UsageError
from feed.exchange import protocol
from feed.exchange.protocol import Fields
from feed.exchange.rest import Rest
from feed.exchange.streamer import Streamer


class Publisher(Protocol):
    """What a market is given to move the exchange with."""

    async def publish(self, service: str, updates: Iterable[tuple[str, Fields]]) -> None:
        """Merge the updates into the book and send them to whoever subscribed, in order."""

    async def send(self, frame: str) -> None:
        """Send raw text to every client."""

    async def flushed(self) -> None:
        """Wait until everything has been handed to the sockets."""


class Market(Protocol):
    """What moves the prices. `run` begins when a client has subscribed, and ends when there is nothing left to play."""

    def snapshots(self) -> Iterable[tuple[str, str, Fields]]:
        """Service, key and fields as they are before `run`."""

    def chains(self) -> dict[str, dict[str, Any]]:
        """The answers to GET /chains by underlying."""

    async def run(self, exchange: Publisher) -> None: ...


class Exchange:
    """A simulated exchange. `played` is set when its market has nothing left to play."""

    def __init__(
        self,
        market: Market,
        host: str = "127.0.0.1",
        port: int = 0,
        heartbeat_seconds: float = 10.0,
        slow_reader_seconds: float = 20.0,
    ) -> None:
        self.market = market
        self.played = asyncio.Event()
        self.slow_reader_seconds = slow_reader_seconds
        self.rest = Rest(self._streamer_url)
        self._refusals: list[tuple[str, int, str]] = []
        self.streamers: list[Streamer] = []
        self.max_keys = protocol.MAX_KEYS
        self.is_deaf = False
        """Set: requests are read and never answered."""
        self.requests: list[dict[str, Any]] = []
        self._host = host
        self._port = port
        self._heartbeat_seconds = heartbeat_seconds
        self._book: dict[tuple[str, str], Fields] = {}
        self.first_subscription = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Base URL of the REST answers; the streamer's URL comes with the user preference."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises UsageError when the port is taken."""
        for service, key, fields in self.market.snapshots():
            self._book[service, key] = dict(fields)
        self.rest.chains.update(self.market.chains())
        app = web.Application()
        app.router.add_get("/ws", self._stream)
        self.rest.add_routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise UsageError(
                f"cannot listen on {self._host}:{self._port} ({error.strerror}); give another port"
            ) from error
        self._port = self._runner.addresses[0][1]
        self._tasks = [asyncio.create_task(self._run_market()), asyncio.create_task(self._beat())]

    async def stop(self) -> None:
        """Close every stream and stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for streamer in list(self.streamers):
            await streamer.close(WSCloseCode.GOING_AWAY)
        if self._runner is not None:
            await self._runner.cleanup()

    async def publish(self, service: str, updates: Iterable[tuple[str, Fields]]) -> None:
        """Merge the updates into the book and send them to whoever subscribed, in order."""
        updates = [(key, dict(fields)) for key, fields in updates]
        for key, fields in updates:
            self._book.setdefault((service, key), {}).update(fields)
        for streamer in list(self.streamers):
            await streamer.publish(service, updates)

    async def send(self, frame: str) -> None:
        """Send raw text to every client."""
        for streamer in list(self.streamers):
            await streamer.send(frame)

    async def flushed(self) -> None:
        """Wait until everything has been handed to the sockets."""
        for streamer in list(self.streamers):
            await streamer.flushed()

    def refuse(self, command: str, code: int, message: str = "scripted", times: int = 1) -> None:
        """Answer the next `times` requests of `command` with `code`."""
        self._refusals += [(command, code, message)] * times

    async def close_streams(self, code: int, message: str = "") -> None:
        """Close every stream with a WebSocket code; 1006 breaks the TCP connection."""
        for streamer in list(self.streamers):
            await streamer.close(code, message)

    async def stop_streams(self, code: int, message: str = "scripted") -> None:
        """Notify every client of a streamer code, such as 12 or 30, and close."""
        for streamer in list(self.streamers):
            await streamer.stop(code, message)

    def fall_silent(self) -> None:
        """Send nothing any more on the present streams, not even heartbeats; pings are still answered."""
        for streamer in self.streamers:
            streamer.silent = True

    def freeze(self) -> None:
        """Make the present streams half-open: nothing is read, answered or sent, and nothing is closed."""
        for streamer in self.streamers:
            streamer.freeze()

    def answer(self, request: dict[str, Any]) -> tuple[int, str]:
        """The response code for a request: a scripted refusal first, then the rules of the protocol."""
        self.requests.append({name: request.get(name) for name in ("service", "command", "parameters")})
        command = str(request.get("command", ""))
        for refusal in self._refusals:
            if refusal[0] == command:
                self._refusals.remove(refusal)
                return refusal[1], refusal[2]
        if command == "LOGIN":
            return self._answer_login(request)
        if command in ("SUBS", "ADD"):
            return self._answer_subscription(request)
        return protocol.OK, f"{command} command succeeded"

    def _answer_login(self, request: dict[str, Any]) -> tuple[int, str]:
        access_token = str(request.get("parameters", {}).get("Authorization", ""))
        if not self.rest.tokens.is_valid(access_token):
            return protocol.LOGIN_DENIED, "login denied: token is invalid or has expired"
        return protocol.OK, "server=simulated;status=NP"

    def _answer_subscription(self, request: dict[str, Any]) -> tuple[int, str]:
        keys = str(request.get("parameters", {}).get("keys", "")).split(",")
        if len(keys) > self.max_keys:
            return protocol.SYMBOL_LIMIT, f"reached symbol limit of {self.max_keys}"
        return protocol.OK, f"{request.get('command')} command succeeded"

    def snapshot(self, service: str, key: str) -> Fields | None:
        """All fields of a key, None for an unknown one."""
        return self._book.get((service, key))

    async def logged_in(self, streamer: Streamer) -> None:
        """A client has just logged in: as a user has one stream, it takes over from every other."""
        for other in list(self.streamers):
            if other is not streamer and other.is_logged_in:
                await other.stop(protocol.CLOSE_CONNECTION, "another stream of the same user")

    def subscribed(self, service: str, keys: Iterable[str]) -> None:
        """A client has just subscribed: the market begins."""
        self.first_subscription.set()

    def _streamer_url(self) -> str:
        return f"ws://{self._host}:{self._port}/ws"

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=16 * 1024 * 1024)
        await socket.prepare(request)
        streamer = Streamer(socket, self)
        self.streamers.append(streamer)
        try:
            await streamer.run()
        finally:
            self.streamers.remove(streamer)
        return socket

    async def _run_market(self) -> None:
        await self.first_subscription.wait()
        await self.market.run(self)
        await self.flushed()
        self.played.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            for streamer in list(self.streamers):
                with contextlib.suppress(ConnectionError):
                    await streamer.send(protocol.heartbeat())
