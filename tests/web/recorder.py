"""A real log, projection and HTTP server that tests append to by hand; only the feed is left out."""

import contextlib
import math
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import indicators.schema
import replicator.schema
from eventlog import events, log, state
from eventlog.events import EquityTick, Event, OptionQuote
from eventlog.log import EventLog
from indicators.definition import Definition
from indicators.projection import Projection
from service.settings import Settings
from service.web import page, server

MINUTE_US = 60_000_000


@dataclass
class Recorder:
    """What a test drives: `record` appends and folds."""

    log: EventLog
    projection: Projection
    service: Any
    url: str = ""

    async def append(self, batch: list[Event]) -> int:
        """Append without folding; the head."""
        await self.log.append(batch)
        return self.log.head

    async def record(self, batch: list[Event]) -> int:
        """Append, and fold everything; the head."""
        await self.append(batch)
        await self.fold()
        return self.log.head

    async def fold(self) -> None:
        """Fold everything."""
        while self.projection.checkpoint < self.log.head:
            await self.projection.fold_once()


@contextlib.asynccontextmanager
async def recording(data_dir: Path, tickers: str = "QQQ,SPY", **more: Any) -> AsyncIterator[Recorder]:
    """A served recorder without a feed and without a destination."""
    settings = Settings(
        data_dir=data_dir,
        stream_ticker=tickers,
        destination="none",
        session="all",
        health_port=0,
        _env_file=None,
        **more,
    )
    async with contextlib.AsyncExitStack() as stack:
        event_log = await log.open_log(data_dir)
        stack.push_async_callback(event_log.close)
        database = await state.open_state(
            data_dir / "state.db", {"indicators": indicators.schema.STEPS, "replicator": replicator.schema.STEPS}
        )
        stack.push_async_callback(database.close)
        projection = Projection(event_log, database, Definition(session="all"))
        await projection.start()
        context = SimpleNamespace(
            settings=settings, log=event_log, state=database, projection=projection, replicator=None
        )
        recorder = Recorder(event_log, projection, cast(Any, SimpleNamespace(context=context)))
        routes = await stack.enter_async_context(page.open_routes(recorder.service))
        recorder.url = await stack.enter_async_context(server.serve(settings, routes))
        yield recorder


def tick(ticker: str, ts_us: int, price: float, volume: int = 100) -> Event:
    """A trade of `volume` shares."""
    return Event(ticker, ts_us, EquityTick(price=price, size=volume, volume=volume, total_volume=volume))


def gap(from_us: int, to_us: int, reason: str, ticker: str = "") -> Event:
    """A hole of the record."""
    return Event(ticker, from_us, events.FeedGap(from_us=from_us, to_us=to_us, reason=reason))


def walk(ticker: str, since_us: int, until_us: int, step_us: int, price: float, seed: int = 1) -> Iterable[Event]:
    """A random walk of prices in cents, one tick each `step_us`."""
    randomness = random.Random(f"{seed} {ticker}")
    for ts_us in range(since_us, until_us, step_us):
        price = max(1.0, price + randomness.gauss(0, 0.03))
        volume = 100 * max(1, int(randomness.expovariate(0.3)))
        yield tick(ticker, ts_us, round(price, 2), volume)


def chain(ticker: str, ts_us: int, price: float, expiration: str) -> list[Event]:
    """Five strikes on each side of the money, calls and puts."""
    money = math.floor(price)
    made = []
    for strike in range(money - 4, money + 6):
        for side, sign in (("CALL", 1), ("PUT", -1)):
            value = max(0.01, sign * (price - strike)) + 0.4
            symbol = f"{ticker:<6}{expiration[2:].replace('-', '')}{side[0]}{strike * 1000:08d}"
            quote = OptionQuote(
                symbol=symbol, option_type=cast(Any, side), strike=float(strike), expiration=expiration,
                bid=round(value - 0.02, 2), ask=round(value + 0.02, 2), last=round(value, 2), volume=120,
                open_interest=900, implied_volatility=17.25, delta=round(sign * 0.5, 3), gamma=0.04, theta=-0.2,
                vega=0.03, rho=0.01,
            )  # fmt: skip
            made.append(Event(ticker, ts_us, quote))
    return made
