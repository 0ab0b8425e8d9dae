"""The projection's tables in state.db. A rebuild makes `indicators` and `bars` anew with the same functions.

`indicators.revision` is the replicator's cursor: every new or changed row gets one above all before it.
"""

import sqlite3
from collections.abc import Sequence

from indicators import registry

_PROJECTION = """
CREATE TABLE projection (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    definition TEXT NOT NULL,
    checkpoint INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;
CREATE TABLE projection_tickers (ticker TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID
"""

_INDICATORS = """
CREATE TABLE indicators{suffix} (
    revision INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    ticker TEXT NOT NULL,
    ts_us INTEGER NOT NULL,
    {columns},
    UNIQUE (ticker, ts_us)
) STRICT
"""

_BARS = """
CREATE TABLE bars{suffix} (
    ticker TEXT NOT NULL,
    ts_us INTEGER NOT NULL,
    open REAL NOT NULL,
    high REAL NOT NULL,
    low REAL NOT NULL,
    close REAL NOT NULL,
    volume INTEGER NOT NULL,
    vwap REAL,
    source TEXT NOT NULL,
    PRIMARY KEY (ticker, ts_us)
) STRICT, WITHOUT ROWID
"""

KEYS = {"indicators": "revision", "bars": "ticker, ts_us"}
"""The tables that a rebuild makes anew, and the primary key of each."""
REBUILT = "_rebuilt"
"""Ends the names of tables that a rebuild is filling."""
REPLACED = "_replaced"
"""Ends the names of tables that a rebuild has taken the place of."""

# The two tables exist from the start for whoever reads them early; the projection replaces them by its definition's.
STEPS: Sequence[str] = (
    _PROJECTION,
    _INDICATORS.format(suffix="", columns="sma9 REAL, vwap REAL"),
    _BARS.format(suffix=""),
)


def indicator_columns() -> str:
    """The names of the indicators' columns, as SQL, in the order of a row's values."""
    return ", ".join(f'"{name}"' for name in registry.INDICATORS)


def create_tables(connection: sqlite3.Connection, suffix: str = "") -> None:
    """Create `indicators` and `bars`, named with `suffix`, with a column for each registered indicator."""
    columns = ", ".join(f'"{name}" REAL' for name in registry.INDICATORS)
    connection.execute(_INDICATORS.format(suffix=suffix, columns=columns))
    connection.execute(_BARS.format(suffix=suffix))


def drop_views(connection: sqlite3.Connection) -> None:
    """Drop the views; SQLite refuses to rename a table below them."""
    connection.execute("DROP VIEW IF EXISTS indicators_iso")
    connection.execute("DROP VIEW IF EXISTS bars_iso")


def create_views(connection: sqlite3.Connection) -> None:
    """Views with ISO times for a person with the sqlite3 command line. No program reads them."""
    iso = "strftime('%Y-%m-%dT%H:%M:%S', ts_us / 1000000, 'unixepoch') || printf('.%06dZ', ts_us % 1000000) AS time"
    connection.execute(
        f"CREATE VIEW indicators_iso AS SELECT seq, ticker, {iso}, {indicator_columns()}, ts_us FROM indicators"
    )
    connection.execute(
        f"CREATE VIEW bars_iso AS SELECT ticker, {iso}, open, high, low, close, volume, vwap, source, ts_us FROM bars"
    )
