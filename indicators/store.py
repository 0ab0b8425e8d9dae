"""What the projection keeps in state.db, as functions of a plain connection. The caller brings the transaction."""

import itertools
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from eventlog import bulk
from indicators import registry, schema
from indicators.bars import FROM_TICKS
from indicators.fold import Folded

_UPSERT_BAR = f"""
INSERT INTO bars{{suffix}} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (ticker, ts_us) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, vwap = excluded.vwap
WHERE source = '{FROM_TICKS}'
"""

_REPLACE_BAR = "INSERT OR REPLACE INTO bars{suffix} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Position(msgspec.Struct, frozen=True):
    """By which definition, through which seq, and up to which revision the stored rows were made."""

    definition: str
    checkpoint: int
    revision: int


def position(connection: sqlite3.Connection) -> Position | None:
    """The stored position, or None before the first start."""
    row = connection.execute("SELECT definition, checkpoint, revision FROM projection").fetchone()
    return None if row is None else Position(*row)


def states(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """(ticker, state) of every ticker."""
    return connection.execute("SELECT ticker, state FROM projection_tickers").fetchall()


def create(connection: sqlite3.Connection, definition: str) -> Position:
    """Empty tables for `definition`, at the beginning of the log. Those that are there were never filled."""
    schema.drop_views(connection)
    for table in schema.KEYS:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    schema.create_tables(connection)
    schema.create_views(connection)
    connection.execute("DELETE FROM projection_tickers")
    fresh = Position(definition, 0, 0)
    move(connection, fresh)
    return fresh


def move(connection: sqlite3.Connection, position: Position) -> None:
    """Store `position`."""
    connection.execute("INSERT OR REPLACE INTO projection VALUES (1, ?, ?, ?)", msgspec.structs.astuple(position))


def write_states(connection: sqlite3.Connection, states: Mapping[str, str]) -> None:
    """Store the states of some tickers."""
    connection.executemany("INSERT OR REPLACE INTO projection_tickers VALUES (?, ?)", states.items())


def write_rows(connection: sqlite3.Connection, rows: Iterable[Sequence[Any]], suffix: str = "") -> None:
    """Insert rows of `indicators`: revision, seq, ticker, ts_us, values."""
    width = 4 + len(registry.INDICATORS)
    bulk.insert(connection, f"indicators{suffix}", width, list(itertools.chain.from_iterable(rows)))


def write_bars(connection: sqlite3.Connection, folded: Folded, suffix: str = "") -> None:
    """Insert or replace bars. A fetched bar stands above that of the ticks, whichever comes first: it is complete."""
    connection.executemany(_UPSERT_BAR.format(suffix=suffix), folded.bar_rows)
    connection.executemany(_REPLACE_BAR.format(suffix=suffix), folded.backfilled)
