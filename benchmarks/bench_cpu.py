"""CPU per tick of the whole process, from Schwab frame to delivered row, and what each stage adds to it."""

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from benchmarks import measure, rig
from benchmarks.exchange_process import TICKERS
from eventlog import log as event_log
from eventlog.api import TimedLog
from eventlog.clock import SystemClock
from eventlog.memory import MemoryLog
from feed.feed import Feed
from feed.options import Options
from feed.schwab import SimulatedSource
from replicator import embedded, migrate

RATES = {1_000: (2.5, 3), 1: (4.0, 1), 100: (1.5, 2), 5_000: (1.5, 1)}
"""Ticks a second -> seconds a round, rounds."""
GOAL_RATE = 1_000
WARM_SECONDS = 1.0
NANO_BASELINE_SECONDS = 0.1
GOAL = measure.Goal(of="figure", bound="most", value=100.0)

Progress = Callable[[], int]
"""How many trades have gone all the way of the stage."""

Stage = Callable[[str, Path], AbstractAsyncContextManager[Progress]]


async def _cpu_us(stage: Stage, rate: int, seconds: float, folder: Path) -> float:
    """Microseconds of CPU per trade of `stage`, counted from WARM_SECONDS of trades on: a start is no trade's cost."""
    # One more: the first trade is sent at once.
    warm, trades = int(rate * WARM_SECONDS) + 1, int(rate * (WARM_SECONDS + seconds))
    async with (
        rig.exchange(rate, WARM_SECONDS + seconds, folder) as exchange,
        stage(exchange.url, folder) as progress,
    ):
        await rig.until(lambda: progress() >= warm)
        began, before = rig.cpu_seconds(), progress()
        await exchange.played()
        await rig.until(lambda: progress() >= trades)
        return (rig.cpu_seconds() - began) / (trades - before) * 1e6


@asynccontextmanager
async def schwab_alone(url: str, _folder: Path) -> AsyncIterator[Progress]:
    """schwab-py's client with a handler that only counts."""
    seen = 0

    def count(message: dict[str, list[object]]) -> None:
        nonlocal seen
        seen += len(message["content"])

    client = SimulatedSource(url).client()
    stream = client.stream(count, lambda _: None, lambda _: None)
    await stream.login()
    await stream.subscribe_equities(TICKERS)

    async def read() -> None:
        while True:
            await stream.next_frame()

    reading = asyncio.create_task(read())
    try:
        # The snapshots of the subscription are no trades.
        yield lambda: seen - len(TICKERS)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await stream.close()
        await client.close()


@asynccontextmanager
async def _feeding(log: TimedLog, url: str) -> AsyncIterator[None]:
    stop = asyncio.Event()
    feed = Feed(log, SimulatedSource(url), Options(TICKERS, "all", skip_market_hours=True))
    running = asyncio.create_task(feed.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


@asynccontextmanager
async def with_feed(url: str, _folder: Path) -> AsyncIterator[Progress]:
    """The feed, into a log in memory."""
    log = MemoryLog(SystemClock())
    async with _feeding(log, url):
        yield lambda: log.head


@asynccontextmanager
async def with_log(url: str, folder: Path) -> AsyncIterator[Progress]:
    """The feed, into the durable log."""
    log = await event_log.open_log(folder)
    try:
        async with _feeding(log, url):
            yield lambda: log.head
    finally:
        await log.close()


@asynccontextmanager
async def with_indicators(url: str, folder: Path) -> AsyncIterator[Progress]:
    """The service without a destination: health, page and projection included."""
    async with rig.service(url, folder, None) as service:
        yield lambda: service.context.projection.checkpoint
        await service.stop("measured")


def whole(dsn: str) -> Stage:
    """The whole service, into the PostgreSQL at `dsn`."""

    @asynccontextmanager
    async def stage(url: str, folder: Path) -> AsyncIterator[Progress]:
        async with rig.service(url, folder, dsn) as service:
            yield lambda: service.delivered()["equity_data"]
            await service.stop("measured")

    return stage


WHOLE = "frame to row, the whole way"
STAGES: dict[str, Stage] = {
    "schwab-py alone": schwab_alone,
    "+ feed": with_feed,
    "+ log": with_log,
    "+ indicators": with_indicators,
}


def results() -> Iterator[measure.Result]:
    """At each rate the stages in turn, each with all that stand before it."""
    with tempfile.TemporaryDirectory(prefix="ticktape-bench-") as folder:
        server = embedded.start(Path(folder))
        try:
            asyncio.run(migrate.apply(server.dsn))
            yield from _split(STAGES | {WHOLE: whole(server.dsn)})
        finally:
            server.stop()


def _split(stages: dict[str, Stage]) -> Iterator[measure.Result]:
    for rate, (seconds, rounds) in RATES.items():
        turns = [{name: _run(stage, rate, seconds) for name, stage in stages.items()} for _ in range(rounds)]
        for name in stages:
            goal = GOAL if name == WHOLE and rate == GOAL_RATE else None
            yield _reported(f"{name} at {rate:,}/s", [turn[name] for turn in turns], goal)


def _reported(name: str, values: list[float], goal: measure.Goal | None) -> measure.Result:
    carried = NANO_BASELINE_SECONDS / (statistics.median(values) / 1e6)
    note = f"a nano's baseline, 100 ms of CPU a second, carries {carried:,.0f} ticks a second of this core's"
    return measure.figure(name, "us of CPU a tick", values, goal, note if name.startswith(WHOLE) else "")


def _run(stage: Stage, rate: int, seconds: float) -> float:
    return rig.run(lambda folder: _cpu_us(stage, rate, seconds, folder))
