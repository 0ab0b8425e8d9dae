"""A real log, projection and HTTP server that tests append to by hand; only the feed is left out."""

import contextlib
import math
import random
import sqlite3
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from eventlog import events
from eventlog.clock import SystemClock
from eventlog.events import EquityTick, Event, OptionQuote
from feed.schwab import SimulatedSource
from market import calendar
from market.calendar import SessionKind
from service import app
from service.app import Service
from service.context import open_context
from service.web import page, server
from tests.service.configured import settings_with

MINUTE_US = 60_000_000


@dataclass
class Recorder:
    """What a test drives: `record` appends and folds."""

    service: Service
    url: str
    _routes: list[web.AbstractRouteDef]
    _serving: contextlib.AsyncExitStack

    async def append(self, batch: list[Event]) -> int:
        """Append without folding; the head."""
        log = self.service.context.log
        await log.append(batch)
        return log.head

    async def record(self, batch: list[Event]) -> int:
        """Append, and fold everything; the head."""
        head = await self.append(batch)
        projection = self.service.context.projection
        while projection.checkpoint < head:
            await projection.fold_once()
        return head

    async def serve(self, routes: list[web.AbstractRouteDef] | None = None) -> None:
        """Serve the page, or other `routes`, at `url`; at any port the first time."""
        settings = self.service.context.settings
        if self.url:
            settings = settings.model_copy(update={"health_port": int(self.url.rsplit(":", 1)[1])})
        self.url = await self._serving.enter_async_context(server.serve(settings, routes or self._routes))

    @contextlib.asynccontextmanager
    async def away(self, has_stand_in: bool) -> AsyncIterator[None]:
        """The HTTP server ends for the block and comes back at the same address; the record goes on.

        A stand-in answers 503 meanwhile, as a proxy does.
        """
        await self._serving.aclose()
        if has_stand_in:
            await self.serve([web.get("/{_:.*}", _unavailable)])
        yield
        await self._serving.aclose()
        await self.serve()


async def _unavailable(_request: web.Request) -> web.Response:
    return web.Response(status=503)


@contextlib.asynccontextmanager
async def recording(data_dir: Path, tickers: str = "QQQ,SPY", **more: Any) -> AsyncIterator[Recorder]:
    """A served recorder without a feed and without a destination."""
    settings = settings_with(
        data_dir=data_dir,
        stream_ticker=tickers,
        destination="none",
        session="all",
        health_port=0,
        **more,
    )
    clock = SystemClock()
    source = SimulatedSource("http://127.0.0.1:1")
    async with open_context(settings, clock) as context:
        await context.projection.start()
        service = app.compose(context, source, clock)
        async with page.open_routes(service) as routes, contextlib.AsyncExitStack() as serving:
            recorder = Recorder(service, "", routes, serving)
            await recorder.serve()
            yield recorder


def opening_us(day: date, kind: SessionKind = "regular") -> int:
    """When the session of `day` opens."""
    session = calendar.session_of(day, kind)
    assert session is not None
    return session.open_us


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


def corrupt(recorder: Recorder, seq: int) -> None:
    """Change an event's payload behind its CRC, as a failing disk would."""
    with contextlib.closing(sqlite3.connect(recorder.service.context.settings.data_dir / "events.db")) as connection:
        connection.execute("DROP TRIGGER events_never_change")
        connection.execute("UPDATE events SET payload = replace(payload, '600', '700') WHERE seq = ?", (seq,))
        connection.commit()


def corrupt_next(recorder: Recorder) -> None:
    """Have the next event's payload changed behind its CRC as soon as it is written."""
    with contextlib.closing(sqlite3.connect(recorder.service.context.settings.data_dir / "events.db")) as connection:
        connection.execute("DROP TRIGGER events_never_change")
        connection.execute(
            "CREATE TRIGGER failing_disk AFTER INSERT ON events"
            " BEGIN UPDATE events SET payload = replace(payload, '600', '700') WHERE seq = NEW.seq; END"
        )
        connection.commit()
