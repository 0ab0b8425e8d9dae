"""The writer's two operations on events.db, as functions of a plain connection: commit a group, checkpoint the WAL."""

import functools
import itertools
import sqlite3
from typing import Any, NamedTuple

from eventlog import codec

_ROWS_PER_INSERT = 64


class Checkpoint(NamedTuple):
    """Pages in the WAL, and how many of them are in the database file too. A reader pins the difference."""

    wal_pages: int
    moved_pages: int


def commit(connection: sqlite3.Connection, values: list[Any]) -> None:
    """Insert rows given as one flat list and COMMIT; any error rolls back and is raised.

    Many rows per statement: a third cheaper than `executemany`, which pays for the encoding and the CRCs.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        step = _ROWS_PER_INSERT * codec.WIDTH
        for start in range(0, len(values), step):
            chunk = values[start : start + step]
            connection.execute(_insert(len(chunk) // codec.WIDTH), chunk)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@functools.cache
def _insert(rows: int) -> str:
    row = "(" + ", ".join(itertools.repeat("?", codec.WIDTH)) + ")"
    return f"INSERT INTO events ({codec.COLUMNS}) VALUES " + ", ".join(itertools.repeat(row, rows))


def checkpoint(connection: sqlite3.Connection) -> Checkpoint:
    """Move what no reader pins from the WAL to the database file, without waiting for anybody.

    Explicit, because SQLite's automatic checkpoint swallows its errors, a failed fsync included.
    """
    _, wal_pages, moved_pages = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return Checkpoint(wal_pages, moved_pages)
