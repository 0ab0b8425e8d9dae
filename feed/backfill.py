"""Minute bars for a hole: what can still be had of it. They are kept apart from ticks and indicators."""

from typing import Any

from eventlog.events import BarBackfill, Event
from feed.recovery import History
from feed.schwab import Client

MINUTE_US = 60_000_000


async def fetch(client: Client, log: History, ticker: str, from_us: int, to_us: int) -> list[Event]:
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
