"""Stored indicators, bars and gaps of one ticker, for a person."""

import sqlite3
from typing import Any

import msgspec

from indicators import registry

BAR_NAMES = ("ts_us", "open", "high", "low", "close", "volume", "vwap", "source")


class Row(msgspec.Struct, frozen=True):
    """The price of a tick in dollars and the indicators after it."""

    ts_us: int
    price: float | None
    values: dict[str, float | None]


def rows(connection: sqlite3.Connection, ticker: str, since_us: int, until_us: int, limit: int) -> list[Row]:
    """At most `limit` rows of `ticker` with since_us <= ts_us < until_us, the newest, in time order."""
    stored = {row[1] for row in connection.execute("PRAGMA table_info(indicators)")}
    names = [name for name in registry.INDICATORS if name in stored]
    columns = ", ".join(f'"{name}"' for name in names)
    found = connection.execute(
        f"SELECT ts_us, {columns} FROM indicators WHERE ticker = ? AND ts_us >= ? AND ts_us < ?"
        " ORDER BY ts_us DESC LIMIT ?",
        (ticker, since_us, until_us, limit),
    ).fetchall()
    return [_row(ts_us, dict(zip(names, values, strict=True))) for ts_us, *values in reversed(found)]


def bars(connection: sqlite3.Connection, ticker: str, since_us: int, until_us: int) -> list[dict[str, Any]]:
    """The 1-minute bars of `ticker` with since_us <= ts_us < until_us, in time order."""
    found = connection.execute(
        f"SELECT {', '.join(BAR_NAMES)} FROM bars WHERE ticker = ? AND ts_us >= ? AND ts_us < ? ORDER BY ts_us",
        (ticker, since_us, until_us),
    )
    return [dict(zip(BAR_NAMES, bar, strict=True)) for bar in found]


def tickers(connection: sqlite3.Connection) -> list[str]:
    """Every ticker that has rows."""
    return [row[0] for row in connection.execute("SELECT DISTINCT ticker FROM indicators ORDER BY ticker")]


def _row(ts_us: int, values: dict[str, float | None]) -> Row:
    # The session's close so far is the price of the tick itself.
    return Row(ts_us, values.pop("session_close", None), values)
