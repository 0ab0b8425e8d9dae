"""What is looked at before a log is opened for writing. Nothing is written to a log that has lost something."""

import asyncio
import sqlite3
from pathlib import Path

from eventlog import codec, database, queries, schema, store
from eventlog.errors import DamagedLogError, LostEventsError
from eventlog.head_mark import HeadMark
from eventlog.intake import Intake

QUICK_CHECK_BYTES = 256 * 1024 * 1024
"""Larger files are checked while recording goes on (`check_large`): reading them takes longer than a restart may."""
_TAIL_EVENTS = 1000
WAL_BYTES_AFTER_RESET = 16 * 1024 * 1024


def prepare(connection: sqlite3.Connection, mark: HeadMark) -> Intake:
    """Check and migrate the writer's connection and take up the numbering where it ended.

    Raises FormatError, DamagedLogError, LostEventsError, CorruptEventError.
    """
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_AFTER_RESET}")
    version = schema.check(connection)
    if version and not _is_large(connection):
        quick_check(connection)
    schema.prepare(connection)
    head = queries.head(connection)
    _check_tail(connection)
    marked = mark.read()
    if marked > head:
        raise LostEventsError(head, marked)
    mark.write(head)
    store.checkpoint(connection)
    return Intake(head + 1, queries.last_tick_times(connection))


def quick_check(connection: sqlite3.Connection) -> None:
    """SQLite's quick_check of the whole file. Raises DamagedLogError."""
    try:
        finding = queries.text(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise DamagedLogError(str(error)) from error
    if finding != "ok":
        raise DamagedLogError(" ".join(finding.split()))


async def check_large(path: Path) -> None:
    """The quick_check that `prepare` has left out, on a connection of its own. Raises DamagedLogError."""
    opened = await database.open_reader(path)
    try:
        if await opened.run(_is_large):
            await _interruptible(opened, opened.submit(quick_check))
    finally:
        await opened.close()


async def _interruptible(opened: database.Database, work: "asyncio.Future[None]") -> None:
    """Wait for `work`; when cancelled, end its statement, which may take minutes: closing would wait for it."""
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await opened.interrupt()
        await asyncio.wait([work])
        work.exception()
        raise


def _is_large(connection: sqlite3.Connection) -> bool:
    pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
    return pages * int(connection.execute("PRAGMA page_size").fetchone()[0]) > QUICK_CHECK_BYTES


def _check_tail(connection: sqlite3.Connection) -> None:
    """The CRCs of the last events: what a crash can have touched."""
    select = f"SELECT {codec.COLUMNS} FROM events ORDER BY seq DESC LIMIT {_TAIL_EVENTS}"
    codec.use_bytes(connection)
    try:
        codec.RowDecoder().decode(connection.execute(select).fetchall())
    finally:
        connection.text_factory = str
