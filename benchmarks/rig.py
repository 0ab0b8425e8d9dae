"""The whole way of a tick, or its first stages, beside an exchange and a PostgreSQL in processes of their own."""

import array
import asyncio
import contextlib
import resource
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from benchmarks.exchange_process import TICKERS
from feed.schwab import SimulatedSource
from replicator import embedded, migrate
from service import app, directory
from service.app import Service
from service.settings import Settings

T = TypeVar("T")


@dataclass
class Exchange:
    """A running exchange process."""

    url: str
    file: Path
    process: asyncio.subprocess.Process

    async def played(self) -> None:
        """Wait until every trade has been handed to the socket."""
        assert self.process.stdout is not None
        await self.process.stdout.readline()

    def sent_ns(self) -> "array.array[int]":
        """When each trade was sent."""
        return array.array("q", self.file.read_bytes())


@contextlib.asynccontextmanager
async def exchange(rate: int, seconds: float, folder: Path) -> AsyncIterator[Exchange]:
    """An exchange that sends `rate` trades a second for `seconds` once somebody has subscribed."""
    file = folder / "sent"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.exchange_process", str(rate), str(seconds), str(file),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stdin is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        if not url:
            raise RuntimeError("the exchange process ended before it listened; its error stands above")
        yield Exchange(url, file, process)
    finally:
        process.stdin.close()
        await process.wait()


@contextlib.asynccontextmanager
async def database(folder: Path) -> AsyncIterator[str]:
    """A migrated PostgreSQL's DSN."""
    server = await asyncio.to_thread(embedded.start, folder)
    try:
        await migrate.apply(server.dsn)
        yield server.dsn
    finally:
        await asyncio.to_thread(server.stop)


def settings(folder: Path, dsn: str | None) -> Settings:
    """Those of the production service; without a DSN it ships nowhere."""
    return Settings(
        stream_ticker=TICKERS,
        data_dir=folder,
        destination="none" if dsn is None else "postgres",
        postgres_dsn=SecretStr(dsn or ""),
        session="all",
        skip_market_hours=True,
        health_port=0,
        _env_file=None,  # type: ignore[call-arg]
    )


@contextlib.asynccontextmanager
async def service(url: str, folder: Path, dsn: str | None) -> AsyncIterator[Service]:
    """The production service on `url`."""
    with directory.held_for_recording(folder, "simulated"):
        async with app.running(settings(folder, dsn), SimulatedSource(url)) as running:
            yield running


def cpu_seconds() -> float:
    """User and system time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def until(condition: Callable[[], bool], timeout_seconds: float = 60.0) -> None:
    """Poll for the end of a measured run; the poll is slow enough not to count."""
    async with asyncio.timeout(timeout_seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def run(work: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    """Run `work` in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="ticktape-bench-") as folder:
        return asyncio.run(work(Path(folder)))
