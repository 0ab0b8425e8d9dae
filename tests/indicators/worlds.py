"""Logs and databases to fold in: random and real ticks, sessions, a projection on a file."""

import asyncio
import contextlib
import csv
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from eventlog import state
from eventlog.api import TimedLog
from eventlog.clock import ManualClock
from eventlog.database import Database
from eventlog.events import BarBackfill, EquityQuote, EquityTick, Event
from eventlog.memory import MemoryLog
from indicators import schema
from indicators.definition import Definition
from indicators.projection import Projection

DATA = Path(__file__).parent.parent / "data"
OPEN_US = 1_340_285_400_000_000
"""2012-06-21 09:30 in New York, the opening of the AAPL tape's session."""
CLOSE_US = OPEN_US + 390 * 60_000_000
MINUTE_US = 60_000_000
DAY_US = 86_400_000_000


def us(text: str) -> int:
    """Microseconds of an ISO time with its zone."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def tick(ts_us: int, price: float = 100.0, volume: int = 100, ticker: str = "AAPL") -> Event:
    return Event(ticker, ts_us, EquityTick(price=price, size=volume, volume=volume, total_volume=volume))


def tape() -> list[Event]:
    """The real AAPL trades, one microsecond apart where they share a time, as the feed makes them."""
    events: list[Event] = []
    last_us = 0
    with (DATA / "aapl_2012-06-21_open.csv").open() as lines:
        for row in csv.DictReader(lines):
            last_us = max(last_us + 1, us(row["time"]))
            events.append(tick(last_us, float(row["price"]), int(row["size"])))
    return events


def random_ticks(seed: int, count: int, ticker: str = "AAPL", step_us: int = 2_000_000) -> list[Event]:
    """A random walk in cents from the opening on, some ticks without volume."""
    rng = random.Random(seed)
    ts_us, cents, events = OPEN_US, 58_000, []
    for _ in range(count):
        ts_us += rng.randint(1, step_us)
        cents += rng.randint(-3, 3)
        events.append(tick(ts_us, cents / 100, rng.choice((0, 1, 37, 100, 2500)), ticker))
    return events


@st.composite
def event_lists(draw: st.DrawFn) -> list[Event]:
    """Interleaved tickers, jumps over sessions and weekends, quotes and fetched bars between the ticks."""
    last_us = dict.fromkeys(("AAPL", "QQQ"), OPEN_US - MINUTE_US)
    jumps = st.sampled_from((1, 3, 1_000, 900_000, 20_000_000, 61_000_000, 5 * 3_600_000_000, 2 * DAY_US))
    events: list[Event] = []
    for _ in range(draw(st.integers(0, 60))):
        ticker = draw(st.sampled_from(sorted(last_us)))
        last_us[ticker] += draw(jumps)
        kind = draw(st.integers(0, 9))
        price = draw(st.floats(1e-12, 1e6) if kind == 0 else st.integers(1, 99_999_999).map(lambda cents: cents / 100))
        if kind == 1:
            events.append(Event(ticker, last_us[ticker], EquityQuote(bid=price)))
        elif kind == 2:
            minute_us = last_us[ticker] // MINUTE_US * MINUTE_US
            events.append(Event(ticker, minute_us, BarBackfill(price, price + 1, price / 2, price, 7)))
        else:
            events.append(tick(last_us[ticker], price, draw(st.integers(0, 1000)), ticker))
    return events


definitions = st.builds(
    Definition,
    session=st.sampled_from(("regular", "extended", "all")),
    sma_interval=st.sampled_from(("tick", "5", "60")),
)


async def memory_log(events: Sequence[Event]) -> MemoryLog:
    """A log with `events`, whose clock allows their times."""
    log = MemoryLog(ManualClock(max([event.ts_us for event in events], default=OPEN_US) + 1))
    await log.append(events)
    return log


@contextlib.asynccontextmanager
async def opened_state(path: Path) -> AsyncIterator[Database]:
    database = await state.open_state(path, {"indicators": schema.STEPS})
    try:
        yield database
    finally:
        await database.close()


async def projected(log: TimedLog, database: Database, definition: Definition, limit: int = 2000) -> Projection:
    """A projection that has folded all of `log`."""
    projection = Projection(log, database, definition)
    await projection.start()
    while projection.checkpoint < log.head:
        await projection.fold_once(limit)
    return projection


async def tables(database: Database) -> set[str]:
    """The names of all tables and views."""
    return await database.run(lambda raw: {row[0] for row in raw.execute("SELECT name FROM sqlite_schema")})


async def without_leftovers(projection: Projection) -> None:
    """Run `projection` until what a killed rebuild has left is gone."""
    stop = asyncio.Event()
    running = asyncio.create_task(projection.run(stop))
    async with asyncio.timeout(10):
        while any(name.endswith(("_rebuilt", "_replaced")) for name in await tables(projection.state)):  # noqa: ASYNC110 - SQLite tells nobody
            await asyncio.sleep(0)
    stop.set()
    await running


async def stored(database: Database) -> dict[str, list[Any]]:
    """All that a projection keeps, revisions and kernels included."""

    def read(connection: Any) -> dict[str, list[Any]]:
        tables = {"indicators": "revision", "bars": "ticker, ts_us", "projection": "id", "projection_tickers": "ticker"}
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY {order}").fetchall()
            for table, order in tables.items()
        }

    return await database.run(read)


async def column(database: Database, name: str) -> list[float | None]:
    """One indicator of all rows, in the order of the log."""
    return await database.run(
        lambda raw: [row[0] for row in raw.execute(f"SELECT {name} FROM indicators ORDER BY seq")]
    )


def calendar_day(ts_us: int) -> date:
    """The UTC date of `ts_us`."""
    return datetime.fromtimestamp(ts_us // 1_000_000, UTC).date()
