"""CPU per tick of the whole process, from Schwab frame to delivered row, and what each stage adds to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from benchmarks import measure, rig
from benchmarks.exchange_process import TICKERS
from eventlog import log as event_log
from eventlog.clock import SystemClock
from eventlog.memory import MemoryLog
from feed.feed import Feed
from feed.options import Options
from feed.recovery import History
from feed.schwab import SimulatedSource

RATES = {100: 4.0, 1_000: 4.0, 5_000: 3.0}
ROUNDS = 3
SPLIT_RATE = 1_000
NANO_BASELINE_SECONDS = 0.1
GOAL = measure.Goal(of="figure", bound="most", value=100.0)

Progress = Callable[[], int]
"""How many trades have gone all the way of the stage."""

Stage = Callable[[str, Path], AbstractAsyncContextManager[Progress]]


async def _cpu_us(stage: Stage, rate: int, seconds: float, folder: Path) -> float:
    """Microseconds of CPU per trade of `stage`, without start and stop."""
    trades = int(rate * seconds)
    async with rig.exchange(rate, seconds, folder) as exchange, stage(exchange.url, folder) as progress:
        began = rig.cpu_seconds()
        await exchange.played()
        await rig.until(lambda: progress() >= trades)
        return (rig.cpu_seconds() - began) / trades * 1e6


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
async def _feeding(log: History, url: str) -> AsyncIterator[None]:
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


@asynccontextmanager
async def whole(url: str, folder: Path) -> AsyncIterator[Progress]:
    """The whole service, into PostgreSQL."""
    async with rig.database(folder) as dsn, rig.service(url, folder, dsn) as service:
        yield lambda: service.delivered()["equity_data"]
        await service.stop("measured")


STAGES: dict[str, Stage] = {
    "schwab-py alone": schwab_alone,
    "+ feed": with_feed,
    "+ log": with_log,
    "+ indicators": with_indicators,
    "+ replicator (the whole way)": whole,
}


def results() -> Iterator[measure.Result]:
    """The whole at each rate, then the stages at one rate, each with all that stand before it."""
    for rate, seconds in RATES.items():
        values = [_run(whole, rate, seconds) for _ in range(ROUNDS)]
        carried = NANO_BASELINE_SECONDS / (sorted(values)[ROUNDS // 2] / 1e6)
        note = f"a nano's baseline of 100 ms of CPU a second would carry {carried:,.0f} ticks a second of this core's"
        goal = GOAL if rate == SPLIT_RATE else None
        yield measure.figure(f"frame to row at {rate:,}/s", "us of CPU a tick", values, goal, note)
    turns = [{name: _run(stage, SPLIT_RATE, 3.0) for name, stage in STAGES.items()} for _ in range(ROUNDS)]
    for name in STAGES:
        yield measure.figure(f"{name} at {SPLIT_RATE:,}/s", "us of CPU a tick", [turn[name] for turn in turns])


def _run(stage: Stage, rate: int, seconds: float) -> float:
    return rig.run(lambda folder: _cpu_us(stage, rate, seconds, folder))
