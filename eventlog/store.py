"""The writer's two operations on events.db, as functions of a plain connection: commit a group, checkpoint the WAL."""

import sqlite3
from typing import Any, NamedTuple

from eventlog import bulk, codec

_INTO = f"events ({codec.COLUMNS})"


class Checkpoint(NamedTuple):
    """Pages in the WAL, and how many of them are in the database file too. A reader pins the difference."""

    wal_pages: int
    moved_pages: int


def commit(connection: sqlite3.Connection, values: list[Any]) -> None:
    """Insert rows given as one flat list and COMMIT; any error rolls back and is raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        bulk.insert(connection, _INTO, codec.WIDTH, values)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def checkpoint(connection: sqlite3.Connection) -> Checkpoint:
    """Move what no reader pins from the WAL to the database file, without waiting for anybody.

    Explicit, because SQLite's automatic checkpoint swallows its errors, a failed fsync included.
    """
    _, wal_pages, moved_pages = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return Checkpoint(wal_pages, moved_pages)
