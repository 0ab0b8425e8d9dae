"""A feed on a simulated exchange: real sockets, real schwab-py, an in-memory log, short durations."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from eventlog import events
from eventlog.clock import Clock, SystemClock
from eventlog.events import StoredEvent
from eventlog.memory import MemoryLog
from feed.exchange import Exchange
from feed.exchange.protocol import EQUITIES, EquityField, Fields
from feed.feed import Feed
from feed.options import Options, Watch
from feed.schwab import SimulatedSource, Source, Tap

QUICK = Watch(
    connect_seconds=5.0,
    dead_after_seconds=5.0,
    stale_after_seconds=5.0,
    stable_after_seconds=30.0,
    first_retry_seconds=0.01,
    longest_retry_seconds=0.05,
    taken_retry_seconds=0.05,
    options_retry_seconds=0.01,
    poll_seconds=0.01,
)
TIMEOUT_SECONDS = 20.0


class StillMarket:
    """A market that moves only when the test says so."""

    def __init__(self, *tickers: str, total_volume: int = 1000) -> None:
        self._snapshots = [(EQUITIES, ticker, snapshot(total_volume=total_volume)) for ticker in tickers]

    def snapshots(self) -> Iterable[tuple[str, str, Fields]]:
        return self._snapshots

    def chains(self) -> dict[str, Any]:
        return {}

    async def run(self, exchange: Any) -> None:
        return


def snapshot(**changes: Any) -> Fields:
    """All fields of a ticker that last traded at a fixed time of a regular session."""
    return {
        EquityField.BID: 99.5,
        EquityField.ASK: 100.5,
        EquityField.LAST: 100.0,
        EquityField.BID_SIZE: 1,
        EquityField.ASK_SIZE: 2,
        EquityField.STATUS: "Normal",
        EquityField.QUOTE_MS: TRADE_MS,
    } | trade(0, **changes)


TRADE_MS = 1_763_650_000_000
"""2025-11-20 14:46:40 UTC, a regular session."""


def trade(number: int, price: float = 100.0, size: int = 10, total_volume: int | None = None) -> Fields:
    """The fields that the `number`th trade after the snapshot changes."""
    return {
        EquityField.LAST: price,
        EquityField.LAST_SIZE: size,
        EquityField.TOTAL_VOLUME: 1000 + number * size if total_volume is None else total_volume,
        EquityField.TRADE_MS: TRADE_MS + number,
    }


@dataclass
class Bench:
    """What a test holds in hands."""

    exchange: Exchange
    feed: Feed
    log: MemoryLog
    stop: asyncio.Event
    running: "asyncio.Task[None]"

    async def trade(self, number: int, ticker: str = "QQQ", **changes: Any) -> None:
        """Let the exchange publish a trade."""
        await self.exchange.publish(EQUITIES, [(ticker, trade(number, **changes))])

    async def stored(self, kind: str, count: int = 1) -> list[StoredEvent]:
        """The events of `kind` as soon as there are at least `count`."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                page = await self.log.read(0, 1_000_000, [kind])
                if len(page.events) >= count:
                    return page.events
                waiting = asyncio.ensure_future(self.log.wait_beyond(self.log.head))
                await asyncio.wait([waiting, self.running], return_when=asyncio.FIRST_COMPLETED)
                if self.running.done():
                    waiting.cancel()
                    self.running.result()
                    raise AssertionError("the feed has ended")

    async def payloads(self, kind: str, count: int = 1) -> list[Any]:
        """The decoded payloads of `stored`."""
        return [events.decode(event) for event in await self.stored(kind, count)]

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the loop run until `condition` holds."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not condition():
                assert not self.running.done(), self.running.result()
                await asyncio.sleep(0)

    async def connected(self) -> None:
        """Let the loop run until the stream is up."""
        await self.until(lambda: self.feed.status.connected)

    async def finish(self) -> None:
        """Stop the feed in order."""
        self.stop.set()
        await asyncio.wait_for(self.running, TIMEOUT_SECONDS)


@contextlib.asynccontextmanager
async def exchanging(market: Any, **parameters: Any) -> AsyncIterator[Exchange]:
    """A running exchange."""
    exchange = Exchange(market, **{"heartbeat_seconds": 0.05, **parameters})
    await exchange.start()
    try:
        yield exchange
    finally:
        await exchange.stop()


@contextlib.asynccontextmanager
async def feeding(
    exchange: Exchange,
    *tickers: str,
    log: MemoryLog | None = None,
    source: Source | None = None,
    clock: Clock | None = None,
    watch: dict[str, float] | None = None,
    tap: Tap | None = None,
    **options: Any,
) -> AsyncIterator[Bench]:
    """A feed of `tickers` (default QQQ) from `exchange`; always open unless told otherwise."""
    clock = clock or SystemClock()
    log = log or MemoryLog(clock)
    given = Options(
        tickers=tickers or ("QQQ",), **{"session": "all", "watch": replace(QUICK, **(watch or {})), **options}
    )
    feed = Feed(log, source or SimulatedSource(exchange.url), given, clock, tap, random.Random(1))
    stop = asyncio.Event()
    bench = Bench(exchange, feed, log, stop, asyncio.create_task(feed.run(stop)))
    try:
        yield bench
    finally:
        stop.set()
        await asyncio.wait([bench.running], timeout=TIMEOUT_SECONDS)
        bench.running.cancel()
        await asyncio.gather(bench.running, return_exceptions=True)
