"""Minute bars for a hole: what can still be had of it. They are kept apart from ticks and indicators."""

import asyncio
from typing import Any

import msgspec
from loguru import logger

from eventlog.api import TimedLog
from eventlog.clock import Clock
from eventlog.events import BarBackfill, Event
from feed import errors
from feed.appender import Appender
from feed.schwab import Client, Source
from feed.status import Status

MINUTE_US = 60_000_000
SETTLE_US = 5_000_000
MAX_TRIES = 6
RETRY_SECONDS = 30.0


class _Request(msgspec.Struct):
    """Bars to be fetched. `not_before` is a time of the event loop."""

    ticker: str
    from_us: int
    to_us: int
    tries: int = 0
    not_before: float = 0.0

    @property
    def ready_us(self) -> int:
        """When the last minute is over, and Schwab has had a moment."""
        return self.to_us - self.to_us % MINUTE_US + MINUTE_US + SETTLE_US


class Backfill:
    """Fetches bars for holes, one ticker per poll: Schwab allows 120 requests a minute. Failing costs bars only."""

    def __init__(self, log: TimedLog, source: Source, appender: Appender, clock: Clock, status: Status) -> None:
        self._log = log
        self._source = source
        self._appender = appender
        self._clock = clock
        self._status = status
        self._requests: list[_Request] = []

    def add(self, tickers: tuple[str, ...], from_us: int, to_us: int) -> None:
        """Ask for the bars of a hole as soon as they can be complete."""
        self._requests += [_Request(ticker, from_us, to_us) for ticker in tickers]

    async def run(self, poll_seconds: float) -> None:
        """Fetch for ever, while the stream is connected."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(poll_seconds)
            now_us, now = self._clock.now_us(), loop.time()
            due = (one for one in self._requests if one.ready_us <= now_us and one.not_before <= now)
            request = next(due, None) if self._status.connected else None
            if request is not None:
                await self._try(request, now)

    async def _try(self, request: _Request, now: float) -> None:
        try:
            client = self._source.client()
            try:
                bars = await fetch(client, self._log, request.ticker, request.from_us, request.to_us)
            finally:
                await client.close()
        except (errors.ConnectionEndedError, ValueError) as error:
            self._put_off(request, now, error)
            return
        except Exception:
            # An error nobody thought of costs the bars of this hole, and not those of all later ones.
            self._requests.remove(request)
            logger.bind(event="feed.backfill_failed", ticker=request.ticker).exception(
                "minute bars of {} for a hole are given up", request.ticker
            )
            return
        self._requests.remove(request)
        self._appender.add(bars)
        self._status.backfilled_bars += len(bars)
        if bars:
            logger.bind(event="feed.backfill", ticker=request.ticker, bars=len(bars)).info(
                "{} minute bars of {} kept for a hole", len(bars), request.ticker
            )

    def _put_off(self, request: _Request, now: float, error: Exception) -> None:
        request.not_before = now + RETRY_SECONDS * 2**request.tries
        request.tries += 1
        if request.tries == MAX_TRIES:
            self._requests.remove(request)
        what = "given up" if request.tries == MAX_TRIES else "tried again later"
        logger.bind(event="feed.backfill", ticker=request.ticker).warning(
            "no minute bars of {} for a hole ({}); {}", request.ticker, error, what
        )


async def fetch(client: Client, log: TimedLog, ticker: str, from_us: int, to_us: int) -> list[Event]:
    """The `bar_backfill` events of a hole that are not in the log yet. Raises a ConnectionEndedError or ValueError."""
    first_us = from_us - from_us % MINUTE_US
    answer = await client.minute_bars(ticker, first_us, to_us)
    known = {stored.ts_us for stored in await log.read_range(ticker, first_us, to_us, ["bar_backfill"])}
    return [event for event in parse_bars(answer, ticker, first_us, to_us) if event.ts_us not in known]


def parse_bars(answer: dict[str, Any], ticker: str, from_us: int, to_us: int) -> list[Event]:
    """The minute bars in Schwab's answer that begin within a period, in order. Raises ValueError."""
    try:
        bars = [
            Event(
                ticker,
                int(candle["datetime"]) * 1000,
                BarBackfill(
                    open=float(candle["open"]),
                    high=float(candle["high"]),
                    low=float(candle["low"]),
                    close=float(candle["close"]),
                    volume=int(candle["volume"]),
                ),
            )
            for candle in answer["candles"]
        ]
    except (KeyError, TypeError) as error:
        raise ValueError("the price history could not be read") from error
    return sorted((bar for bar in bars if from_us <= bar.ts_us < to_us), key=lambda bar: bar.ts_us)
