"""Recorded trading days to measure on: ten tickers, each with a tick a second of the regular session."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

from eventlog import log as event_log
from eventlog.clock import ManualClock
from eventlog.events import EquityTick, Event

TICKERS = tuple(f"T{number}" for number in range(10))
SESSION_SECONDS = 23_400
DAY_TICKS = SESSION_SECONDS * len(TICKERS)
OPEN_US = 1_340_285_400_000_000
"""2012-06-21 09:30 in New York."""
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US

_BATCH = 5_000


def ticks(seconds: int, since_us: int = OPEN_US, step_us: int = SECOND_US) -> Iterator[Event]:
    """A random walk in cents; within a step the tickers follow each other by a microsecond."""
    rng = random.Random(7)
    cents = dict.fromkeys(TICKERS, 58_000)
    total = 0
    for second in range(seconds):
        for nth, ticker in enumerate(TICKERS):
            cents[ticker] += rng.choice((-1, 0, 1))
            price, volume = cents[ticker] / 100, rng.choice((0, 37, 100, 200))
            total += volume
            payload = EquityTick(price, 100, volume, total, price - 0.01, price + 0.01)
            yield Event(ticker, since_us + second * step_us + nth, payload)


def recorded(data_dir: Path, seconds: int = SESSION_SECONDS, step_us: int = SECOND_US) -> Path:
    """A log of that many ticks of each ticker."""
    asyncio.run(_record(data_dir, list(ticks(seconds, step_us=step_us))))
    return data_dir


async def _record(data_dir: Path, events: list[Event]) -> None:
    log = await event_log.open_log(data_dir, ManualClock(events[-1].ts_us))
    for start in range(0, len(events), _BATCH):
        await log.append(events[start : start + _BATCH])
    await log.close()
