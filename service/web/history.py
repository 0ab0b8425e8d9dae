"""What has been recorded and derived, read through connections of their own with mode=ro: never in the writers' way.

Each call is one short read transaction. Rows are lists in the order of `*_COLUMNS`.
"""

import sqlite3
from typing import Any

import msgspec

from eventlog import events, ranges
from eventlog.database import Database
from eventlog.reader import LogReader
from market import calendar
from service.web.query import Span

BAR_COLUMNS = ("ts_us", "open", "high", "low", "close", "volume", "vwap", "source")
INDICATOR_COLUMNS = ("ts_us", "sma9", "vwap")
TICK_COLUMNS = ("seq", "ts_us", "price", "size", "volume")
GAP_COLUMNS = ("from_us", "to_us", "ticker", "reason")

MAX_ROWS = 10_000
MAX_DAYS = 1_000
LONGEST_GAP_US = 7 * calendar.DAY_US
CHAIN_US = 5 * 60 * 1_000_000
"""A contract without a quote for so long, measured from the newest one, is left out of the chain."""

Row = tuple[Any, ...]


class History:
    """Reads of one data directory."""

    def __init__(self, log: LogReader, state: Database) -> None:
        self.log = log
        self._state = state

    async def bars(self, ticker: str, span: Span) -> tuple[int, list[Row]]:
        """1-minute bars, and the seq through which the log is folded into them."""
        return await self._state.run(lambda connection: _bars(connection, ticker, span))

    async def indicators(self, ticker: str, span: Span, every_seconds: int) -> list[Row]:
        """SMA9 and VWAP: of each tick, or only the last of each `every_seconds`. At most MAX_ROWS."""
        if every_seconds == 0:
            return await self._state.run(lambda connection: _every_row(connection, ticker, span))
        return await self._state.run(lambda connection: _last_rows(connection, ticker, span, every_seconds * 1_000_000))

    async def days(self, ticker: str) -> list[str]:
        """ET days with bars, newest first."""
        return await self._state.run(lambda connection: _days(connection, ticker))

    async def ticks(self, ticker: str, span: Span, limit: int) -> list[Row]:
        """Ticks as recorded, oldest first."""
        found = await self.log.read_range(ticker, span.since_us, span.until_us, ["equity_tick"], limit)
        return [tick_row(event) for event in found]

    async def gaps(self, ticker: str, span: Span) -> list[Row]:
        """The holes of the record that touch `span`: those of `ticker` and those of all tickers."""
        since_us = max(0, span.since_us - LONGEST_GAP_US)
        until_us = span.until_us + LONGEST_GAP_US
        rows = [
            gap_row(event)
            for about in {"", ticker}
            async for event in ranges.events_of(self.log, about, since_us, until_us, ["feed_gap"])
        ]
        return sorted(row for row in rows if row[0] < span.until_us and row[1] > span.since_us)

    async def chain(self, ticker: str) -> list[dict[str, Any]]:
        """The newest quote of each option contract of `ticker`."""
        newest = await self.log.latest("option_quote", ticker)
        if newest is None:
            return []
        contracts: dict[str, dict[str, Any]] = {}
        since_us, until_us = newest.ts_us - CHAIN_US, newest.ts_us + 1
        async for event in ranges.events_of(self.log, ticker, since_us, until_us, ["option_quote"]):
            contract = contract_row(event)
            contracts[contract["symbol"]] = contract
        return sorted(contracts.values(), key=lambda row: (row["expiration"], row["strike"], row["option_type"]))


def tick_row(event: events.StoredEvent) -> Row:
    """An equity_tick in the order of TICK_COLUMNS."""
    tick = events.decode(event)
    assert isinstance(tick, events.EquityTick)
    return event.seq, event.ts_us, tick.price, tick.size, tick.volume


def gap_row(event: events.StoredEvent) -> Row:
    """A feed_gap in the order of GAP_COLUMNS."""
    gap = events.decode(event)
    assert isinstance(gap, events.FeedGap)
    return gap.from_us, gap.to_us, event.ticker, gap.reason


def contract_row(event: events.StoredEvent) -> dict[str, Any]:
    """An option_quote with its time; fields that Schwab did not give are left out."""
    row: dict[str, Any] = msgspec.json.decode(event.payload)
    row["ts_us"] = event.ts_us
    return row


def indicators_at(
    connection: sqlite3.Connection, times_us: dict[str, list[int]]
) -> dict[tuple[str, int], tuple[float | None, float | None]]:
    """SMA9 and VWAP by (ticker, ts_us) for ticks that lie close together; ticks outside the session have none."""
    found = {}
    for ticker, times in times_us.items():
        rows = connection.execute(
            "SELECT ts_us, sma9, vwap FROM indicators WHERE ticker = ? AND ts_us BETWEEN ? AND ?",
            (ticker, min(times), max(times)),
        ).fetchall()
        found.update({(ticker, ts_us): (sma9, vwap) for ts_us, sma9, vwap in rows})
    return found


def _bars(connection: sqlite3.Connection, ticker: str, span: Span) -> tuple[int, list[Row]]:
    connection.execute("BEGIN")
    try:
        checkpoint = connection.execute("SELECT checkpoint FROM projection").fetchone()
        rows = connection.execute(
            "SELECT ts_us, open, high, low, close, volume, vwap, source FROM bars"
            " WHERE ticker = ? AND ts_us >= ? AND ts_us < ? ORDER BY ts_us LIMIT ?",
            (ticker, span.since_us, span.until_us, MAX_ROWS),
        ).fetchall()
    finally:
        connection.execute("COMMIT")
    return (checkpoint[0] if checkpoint else 0), rows


def _every_row(connection: sqlite3.Connection, ticker: str, span: Span) -> list[Row]:
    return connection.execute(
        "SELECT ts_us, sma9, vwap FROM indicators WHERE ticker = ? AND ts_us >= ? AND ts_us < ? ORDER BY ts_us LIMIT ?",
        (ticker, span.since_us, span.until_us, MAX_ROWS),
    ).fetchall()


def _last_rows(connection: sqlite3.Connection, ticker: str, span: Span, step_us: int) -> list[Row]:
    """One index seek per step that has rows, however many rows lie between."""
    rows: list[Row] = []
    until_us = span.until_us
    while len(rows) < MAX_ROWS:
        row = connection.execute(
            "SELECT ts_us, sma9, vwap FROM indicators WHERE ticker = ? AND ts_us >= ? AND ts_us < ?"
            " ORDER BY ts_us DESC LIMIT 1",
            (ticker, span.since_us, until_us),
        ).fetchone()
        if row is None:
            break
        rows.append(row)
        until_us = row[0] // step_us * step_us
    return rows[::-1]


def _days(connection: sqlite3.Connection, ticker: str) -> list[str]:
    """One index seek per day."""
    days: list[str] = []
    until_us = 2**62
    while len(days) < MAX_DAYS:
        row = connection.execute("SELECT max(ts_us) FROM bars WHERE ticker = ? AND ts_us < ?", (ticker, until_us))
        ts_us = row.fetchone()[0]
        if ts_us is None:
            break
        day = calendar.trading_day(ts_us)
        days.append(day.isoformat())
        whole_day = calendar.session_of(day, "all")
        assert whole_day is not None
        until_us = whole_day.open_us
    return days
