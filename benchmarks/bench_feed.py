"""What the feed costs on top of schwab-py, whether 500 tickers lag, whether a million frames leave memory behind."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy

from benchmarks import measure
from eventlog import events
from eventlog.clock import SystemClock
from eventlog.events import EquityTick, StoredEvent
from eventlog.memory import MemoryLog
from feed.appender import Appender
from feed.connection import Connection
from feed.contracts import Contracts
from feed.exchange import Exchange, protocol
from feed.exchange.protocol import EQUITIES, EquityField, Fields
from feed.exchange.server import Publisher
from feed.feed import Feed
from feed.intake import Intake
from feed.options import Options
from feed.recorder import NoLog
from feed.schwab import SimulatedSource
from feed.schwab.library import streaming
from feed.status import Status

TICKS = 20_000
ROUNDS = 5
MANY = tuple(f"T{number}" for number in range(500))
UPDATES_PER_TICKER = 4
LAG_SECONDS = 8.0
MEMORY_FRAMES = 1_000_000
WARM_FRAMES = 100_000

ADDED = measure.Goal(of="figure", bound="most", value=40.0)
LAG = measure.Goal(of="figure", bound="most", value=50.0)
GROWTH = measure.Goal(of="figure", bound="most", value=4.0)


class PreparedSocket:
    """Stands for the WebSocket: hands out prepared frames, so that neither a peer nor the kernel is measured."""

    open = False

    def __init__(self, frames: Iterable[str]) -> None:
        self._frames = iter(frames)

    async def recv(self) -> str:
        frame = next(self._frames, None)
        if frame is None:
            raise EndOfFramesError
        return frame

    async def close(self) -> None: ...

    def fail_connection(self) -> None: ...


class EndOfFramesError(Exception):
    """All prepared frames were read."""


def _trade(number: int) -> Fields:
    return {
        "key": MANY[number % len(MANY)],
        EquityField.LAST: 100 + number % 97 / 100,
        EquityField.LAST_SIZE: 100,
        EquityField.TOTAL_VOLUME: 100 * (number // len(MANY) + 1),
        EquityField.TRADE_MS: 1_763_650_000_000 + number,
    }


def _frames(items_per_frame: int, ticks: int = TICKS) -> list[str]:
    trades = [_trade(number) for number in range(ticks)]
    return [
        msgspec.json.encode(protocol.data(EQUITIES, trades[start : start + items_per_frame])).decode()
        for start in range(0, ticks, items_per_frame)
    ]


async def _schwab_alone(frames: Iterable[str]) -> None:
    client = streaming.StreamClient(None)
    client.add_level_one_equity_handler(lambda _: None)
    client._socket = PreparedSocket(frames)
    while True:
        await client.handle_message()


async def _feed(frames: Iterable[str]) -> None:
    """The feed's own read loop, up to the queue of the log."""
    client = SimulatedSource("http://127.0.0.1:9").client()
    status, intake = Status(), Intake()
    appender = Appender(NoLog(), status)
    appending = asyncio.create_task(appender.run())
    contracts = Contracts((), (), with_chains=False, strikes=0)
    connection = Connection(client, Options(MANY, "all"), contracts, intake, appender, status, SystemClock())
    connection._stream._stream._socket = PreparedSocket(frames)
    try:
        await connection._read()
    finally:
        await appender.drained()
        appending.cancel()
        await asyncio.gather(appending, return_exceptions=True)
        await client.close()
        assert intake.counters.garbage == 0
        assert intake.counters.ticks >= intake.counters.frames


def _cpu_us(work: Callable[[Iterable[str]], Awaitable[None]], frames: Iterable[str], ticks: int = TICKS) -> float:
    async def run() -> float:
        began = time.process_time()
        with contextlib.suppress(EndOfFramesError):
            await work(frames)
        return (time.process_time() - began) / ticks * 1e6

    return asyncio.run(run())


class BusyMarket:
    """Every ticker trades four times a second, a twentieth of them at a time."""

    def snapshots(self) -> Iterable[tuple[str, str, Fields]]:
        return [(EQUITIES, ticker, {EquityField.TOTAL_VOLUME: 0}) for ticker in MANY]

    def chains(self) -> dict[str, Any]:
        return {}

    async def run(self, exchange: Publisher) -> None:
        began, step, size = time.perf_counter(), 1 / (20 * UPDATES_PER_TICKER), len(MANY) // 20
        for number in range(int(LAG_SECONDS / step)):
            await asyncio.sleep(max(0.0, began + number * step - time.perf_counter()))
            start = number * size % len(MANY)
            now_ms = time.time_ns() // 1_000_000
            trade = {EquityField.LAST: 100 + number % 97 / 100, EquityField.TRADE_MS: now_ms, EquityField.LAST_SIZE: 1}
            trade[EquityField.TOTAL_VOLUME] = number + 1
            await exchange.publish(EQUITIES, [(ticker, trade) for ticker in MANY[start : start + size]])


async def _lag() -> tuple[float, float]:
    """The 99.9th percentile of milliseconds from trade time to the log, and the share of one core that was busy."""
    log = MemoryLog(SystemClock())
    exchange, stop = Exchange(BusyMarket()), asyncio.Event()
    await exchange.start()
    began_cpu, began = time.process_time(), time.perf_counter()
    running = asyncio.create_task(Feed(log, SimulatedSource(exchange.url), Options(MANY, "all")).run(stop))
    await exchange.played.wait()
    busy = (time.process_time() - began_cpu) / (time.perf_counter() - began)
    stop.set()
    await running
    await exchange.stop()
    ticks = (await log.read(0, log.head, ["equity_tick"])).events
    assert len(ticks) == int(LAG_SECONDS * UPDATES_PER_TICKER * len(MANY))
    return float(numpy.percentile([(tick.recorded_us - _trade_us(tick)) / 1000 for tick in ticks], 99.9)), busy


def _trade_us(stored: StoredEvent) -> int:
    tick = events.decode(stored)
    assert isinstance(tick, EquityTick)
    return stored.ts_us if tick.trade_us is None else tick.trade_us


def _memory_growth_mb() -> float:
    """How much the resident set grows from the 100,000th to the millionth frame."""
    marks: list[float] = []

    def endless() -> Iterator[str]:
        for number in range(MEMORY_FRAMES):
            if number in (WARM_FRAMES, MEMORY_FRAMES - 1):
                marks.append(_resident_mb())
            yield msgspec.json.encode(protocol.data(EQUITIES, [_trade(number)])).decode()

    _cpu_us(_feed, endless())
    return marks[1] - marks[0]


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def results() -> Iterator[measure.Result]:
    """CPU beside schwab-py alone for two shapes of frames, then lag, then memory."""
    for items in (1, 100):
        frames = _frames(items)
        result = measure.compare(
            f"frame to queue, {items} tick{'s' if items > 1 else ''} a frame",
            "us of CPU a tick",
            lambda frames=frames: _cpu_us(_feed, frames),  # type: ignore[misc]
            {"schwab-py alone": lambda frames=frames: _cpu_us(_schwab_alone, frames)},  # type: ignore[misc]
            rounds=ROUNDS,
        )
        yield result
        added = [ours - alone for ours, alone in zip(result.ours.values, result.peers[0].values, strict=True)]
        yield measure.figure(f"added to schwab-py, {items} a frame", "us of CPU a tick", added, ADDED)
    lags, busy = zip(*(asyncio.run(_lag()) for _ in range(2)), strict=True)
    note = f"exchange and feed in one process took {max(busy):.0%} of one core; times are in whole milliseconds"
    yield measure.figure("500 tickers x 4 a second, trade to log, p99.9", "ms", list(lags), LAG, note)
    yield measure.figure("a million frames", "MB of growth", [_memory_growth_mb()], GROWTH)
