"""How the tables stand, read from the databases by a process that is not the service."""

import sqlite3

import msgspec

from eventlog.database import Database
from replicator import sources, tables
from replicator.tables import TableSpec


class TableReport(msgspec.Struct, frozen=True):
    """`unsent` rows wait for the destination, the oldest of them since `oldest_unsent_us`."""

    destination: str
    table: str
    cursor: int
    delivered: int
    unsent: int
    oldest_unsent_us: int | None
    dead_letters: int
    state: str
    last_error: str | None


async def destinations(state: Database) -> list[str]:
    """Every destination that anything was ever shipped to."""
    sql = "SELECT DISTINCT destination FROM cursors UNION SELECT DISTINCT destination FROM table_states ORDER BY 1"
    return [name for (name,) in await state.run(lambda connection: connection.execute(sql).fetchall())]


async def read(log: Database, state: Database, destination: str) -> list[TableReport]:
    """Every table, counted exactly. `log` and `state` are read-only connections."""
    return [await _read(log, state, destination, table) for table in tables.TABLES]


async def _read(log: Database, state: Database, destination: str, table: TableSpec) -> TableReport:
    position, delivered = await state.run(lambda connection: _cursor(connection, destination, table.name))
    dead = await state.run(lambda connection: _dead_letters(connection, destination, table.name))
    stands, last_error = await state.run(lambda connection: _state(connection, destination, table.name))
    source = log if table.kinds else state
    unsent, oldest_us = await source.run(lambda connection: _unsent(connection, table, position))
    return TableReport(destination, table.name, position, delivered, unsent, oldest_us, dead, stands, last_error)


def _cursor(connection: sqlite3.Connection, destination: str, table: str) -> tuple[int, int]:
    sql = "SELECT position, delivered FROM cursors WHERE destination = ? AND table_name = ?"
    return connection.execute(sql, (destination, table)).fetchone() or (0, 0)


def _dead_letters(connection: sqlite3.Connection, destination: str, table: str) -> int:
    sql = "SELECT count(*) FROM dead_letters WHERE destination = ? AND table_name = ?"
    return int(connection.execute(sql, (destination, table)).fetchone()[0])


def _state(connection: sqlite3.Connection, destination: str, table: str) -> tuple[str, str | None]:
    sql = "SELECT state, last_error FROM table_states WHERE destination = ? AND table_name = ?"
    return connection.execute(sql, (destination, table)).fetchone() or ("ok", None)


def _unsent(connection: sqlite3.Connection, table: TableSpec, position: int) -> tuple[int, int | None]:
    """Number and time of the oldest of the rows beyond `position`."""
    if table.kinds:
        kinds = ", ".join(f"'{kind}'" for kind in sorted(table.kinds))
        rest = f"FROM events WHERE seq > ? AND kind IN ({kinds})"
        order = "seq"
    else:
        order = sources.position_column(table)
        rest = f"FROM {table.name} WHERE {order} > ?"
    count = connection.execute(f"SELECT count(*) {rest}", (position,)).fetchone()[0]
    oldest = connection.execute(f"SELECT ts_us {rest} ORDER BY {order} LIMIT 1", (position,)).fetchone()
    return int(count), None if oldest is None else int(oldest[0])
