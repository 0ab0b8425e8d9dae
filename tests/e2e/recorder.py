"""`ticktape run` as a process of its own, with everything around it that it talks to on ports of this machine."""

import asyncio
import contextlib
import csv
import datetime
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from feed import token
from feed.exchange import Exchange
from feed.exchange.server import Market

APP_KEY = "planted-schwab-app-key"
APP_SECRET = "planted-schwab-app-secret"
TOKENS = {
    "access_token": "simulated",
    "refresh_token": "simulated",
    "token_type": "Bearer",
    "expires_in": 86_400,
}
OPEN = datetime.datetime(2026, 11, 18, 14, 30, tzinfo=datetime.UTC)
POLL_SECONDS = 0.05


def write_token(data_dir: Path, age_seconds: float = 3_600.0, **more: Any) -> Path:
    """A token file that the simulated exchange takes."""
    data_dir.mkdir(mode=0o700, exist_ok=True)
    path = data_dir / "schwab_token.json"
    now = int(time.time())
    tokens = TOKENS | {"expires_at": now + 86_400} | more
    token.write(path, {"creation_timestamp": int(now - age_seconds), "token": tokens})
    return path


def write_tape(path: Path, seconds: int, per_second: int = 2, seed: int = 1) -> list[tuple[float, int]]:
    """A tape of a regular session's first `seconds`; returns (price, size) per trade."""
    randomness = random.Random(seed)
    price, trades = 600.0, []
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "price", "size"])
        for number in range(seconds * per_second):
            price = round(price + randomness.choice((-0.01, 0.0, 0.01)), 4)
            size = randomness.randrange(1, 500)
            at = OPEN + datetime.timedelta(seconds=number / per_second)
            writer.writerow([at.isoformat().replace("+00:00", "Z"), price, size])
            trades.append((price, size))
    return trades


class Gate:
    """A TCP port in front of another one, which can be shut: connections break and new ones are refused."""

    def __init__(self, url: str) -> None:
        self._to = int(url.rpartition(":")[2])
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def __aenter__(self) -> "Gate":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                end.transport.abort()
                self._open.discard(end)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def exchanging(market: Market) -> AsyncIterator[Exchange]:
    """A running exchange."""
    exchange = Exchange(market)
    await exchange.start()
    try:
        yield exchange
    finally:
        await exchange.stop()


@dataclass
class Inbox:
    """What the alert webhook was posted."""

    url: str = ""
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def changes(self) -> list[tuple[str, str]]:
        return [(alert["check"], alert["level"]) for alert in self.alerts if alert["kind"] == "alert"]


@contextlib.asynccontextmanager
async def inbox() -> AsyncIterator[Inbox]:
    box = Inbox()

    async def take(request: web.Request) -> web.Response:
        box.alerts.append(await request.json())
        return web.Response()

    application = web.Application()
    application.router.add_post("/planted-webhook-path", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    box.url = f"http://127.0.0.1:{runner.addresses[0][1]}/planted-webhook-path"
    try:
        yield box
    finally:
        await runner.cleanup()


class Recorder:
    """A running `ticktape run`. `lines` are its JSON log lines so far."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.lines: list[dict[str, Any]] = []
        self.output = ""
        self.errors = ""
        self.url = ""
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._reading: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it says that it records."""
        await self.launch()
        await self.until(lambda: bool(self.events("service.started")) or self.ended)
        assert not self.ended, self.output + self.errors
        self.url = self.events("service.started")[0]["url"]

    async def launch(self) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        defaults = {
            "DATA_DIR": str(self.data_dir),
            "HEALTH_PORT": "0",
            "SKIP_MARKET_HOURS": "true",
            "SCHWAB_APP_KEY": APP_KEY,
            "SCHWAB_APP_SECRET": APP_SECRET,
        }
        self._process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("ticktape")),
            "run",
            cwd=self.data_dir.parent,
            env=kept | defaults | self._settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        self._reading = [asyncio.create_task(self._read_lines()), asyncio.create_task(self._read_errors())]

    async def _read_lines(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.output += line.decode()
            self.lines.append(json.loads(line))

    async def _read_errors(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.errors += line.decode()

    @property
    def ended(self) -> bool:
        assert self._process is not None
        return self._process.returncode is not None

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == name]

    async def get(self, path: str) -> str:
        async with aiohttp.ClientSession() as client, client.get(self.url + path) as answer:
            return await answer.text()

    async def check(self, name: str) -> dict[str, Any]:
        report = json.loads(await self.get("/readyz"))
        return next(check for check in report["checks"] if check["name"] == name)

    async def until(self, condition: Any, timeout_seconds: float = 60.0) -> None:
        """Wait for a condition, given as a function or a coroutine function, of what another process does."""
        async with asyncio.timeout(timeout_seconds):
            while True:
                answer = condition()
                if await answer if asyncio.iscoroutine(answer) else answer:
                    return
                # Another process gives no event to wait for.
                await asyncio.sleep(POLL_SECONDS)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def end(self, timeout_seconds: float = 40.0) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None
        code = await asyncio.wait_for(self._process.wait(), timeout_seconds)
        await asyncio.gather(*self._reading)
        return code

    async def stop(self) -> int:
        """SIGTERM, then its exit code."""
        self.send(signal.SIGTERM)
        return await self.end()

    async def destroy(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self.end()


@contextlib.asynccontextmanager
async def recorder(data_dir: Path, **settings: str) -> AsyncIterator[Recorder]:
    """One that is not started yet, and is gone at the end of the block."""
    found = Recorder(data_dir, **settings)
    try:
        yield found
    finally:
        await found.destroy()
