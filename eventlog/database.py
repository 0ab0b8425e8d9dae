"""The one door to aiosqlite: a database with a single worker thread on which whole transactions run.

Invariant: exactly one connection, opened by `open_writer`, writes and checkpoints a file. SQLite before 3.51.3 can lose
committed transactions when two connections do; every other connection is opened by `open_reader` with mode=ro.
"""

import asyncio
import functools
import os
import sqlite3
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from eventlog import durable
from eventlog.errors import SecondWriterError

T = TypeVar("T")

_File = tuple[int, int]
"""Device and inode."""
_written: set[_File] = set()
"""The files that have a writing connection in this process."""


class Database:
    """A connection whose work is given as functions of a plain `sqlite3.Connection`."""

    def __init__(self, path: Path, connection: aiosqlite.Connection, identity: _File | None) -> None:
        self.path = path
        self._connection = connection
        self._identity = identity

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Queue `work` for the worker thread as one call, without waiting; the future gets its result.

        aiosqlite has no public call that runs a function; its per-statement calls could interleave between tasks.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        connection = self._connection
        connection._tx.put_nowait((future, functools.partial(work, connection._conn)))
        return future

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the worker thread as one call.

        Shielded: cancelling the caller abandons the answer, never the work, so that no transaction stays open half-way.
        """
        return await asyncio.shield(self.submit(work))

    async def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` between BEGIN IMMEDIATE and COMMIT; any exception rolls back and is raised."""
        return await self.run(lambda connection: in_transaction(connection, work))

    async def interrupt(self) -> None:
        """End the statement that runs now; whoever waits for it gets an sqlite3.OperationalError."""
        await self._connection.interrupt()

    async def close(self) -> None:
        """Finish what is queued, then close."""
        await self._connection.close()
        if self._identity is not None:
            _written.discard(self._identity)


def in_transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """`work` between BEGIN IMMEDIATE and COMMIT on a plain connection."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


async def open_writer(path: Path, synchronous: str) -> Database:
    """Open the only writing connection of `path`, creating the file 0600; `synchronous` is FULL or NORMAL.

    Raises SecondWriterError when this process has one already; the InstanceLock keeps other processes out.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    identity = os.fstat(descriptor).st_dev, os.fstat(descriptor).st_ino
    os.close(descriptor)
    durable.sync(path.parent)
    if identity in _written:
        raise SecondWriterError(
            f"{path} is already open for writing; SQLite {sqlite3.sqlite_version} could lose commits with two writers"
        )
    _written.add(identity)
    try:
        database = await _connect(path, str(path), identity)
        await database.run(lambda raw: configure_writer(raw, synchronous))
    except BaseException:
        _written.discard(identity)
        raise
    return database


def configure_writer(connection: sqlite3.Connection, synchronous: str) -> None:
    """The settings of every writing connection; `synchronous` is FULL or NORMAL."""
    if not connection.execute("PRAGMA page_count").fetchone()[0]:
        # Possible in a new file only: lets pruned pages be given back to the disk in small steps.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    # The switch to WAL still uses a rollback journal. With less than EXTRA its deletion could be undone by a power cut,
    # and it would then roll a log back that has long gone on.
    connection.execute("PRAGMA synchronous=EXTRA")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA foreign_keys=ON")
    # No temporary files: a full /tmp, or none in a read-only container, must not stop a commit.
    connection.execute("PRAGMA temp_store=MEMORY")


async def open_reader(path: Path) -> Database:
    """Open `path` read-only. The file must exist."""
    return await _connect(path, f"file:{urllib.parse.quote(str(path))}?mode=ro")


async def _connect(path: Path, name: str, identity: _File | None = None) -> Database:
    connection = aiosqlite.connect(name, uri=name.startswith("file:"), isolation_level=None, cached_statements=256)
    # A process that ends by an error must end: it would wait for ever for the thread of a connection left open.
    connection._thread.daemon = True
    return Database(path, await connection, identity)
