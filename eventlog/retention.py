"""The one guarded door through which events leave the log: a prefix, never beyond what somebody still needs.

The mark in `pruned` is raised before rows are deleted, in the same transaction; the trigger on `events` refuses any
other DELETE. Seqs are never used again: AUTOINCREMENT keeps the largest one also when everything has been pruned.
"""

import contextlib
import fcntl
import functools
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from eventlog import database, store
from eventlog.database import Database
from eventlog.errors import UsageError

_EVENTS_PER_STEP = 2_000
_PAGES_PER_STEP = 256
_HOLD_FILE = "exporting"


@dataclass(frozen=True)
class Pruned:
    """What a prune did: `held_by` names who kept older events from going, if anybody."""

    events: int
    through_seq: int
    freed_bytes: int
    held_by: str | None


async def prune(
    writer: Database,
    before_us: int,
    needed_after: Mapping[str, int],
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Pruned:
    """Delete the events recorded before `before_us`, from the oldest up to the first newer one.

    `needed_after` maps whoever still reads the log to the seq up to which they are done; nothing beyond the smallest
    goes. In small steps, between which appends are committed. Raises UsageError while an export is running.
    """
    with _no_export_running(writer.path.parent):
        floor = await writer.run(pruned_through)
        wanted = await writer.run(lambda connection: _last_older(connection, floor, before_us))
        slowest = min(needed_after, key=lambda name: needed_after[name], default=None)
        allowed = wanted if slowest is None else min(wanted, max(needed_after[slowest], floor))
        pages_before = await writer.run(_page_count)
        for done in range(floor, allowed, _EVENTS_PER_STEP):
            progress(done - floor, allowed - floor)
            through = min(done + _EVENTS_PER_STEP, allowed)
            await writer.run(functools.partial(_delete_step, through_seq=through))
        await _give_back(writer)
        progress(allowed - floor, allowed - floor)
        page_bytes, pages_after = await writer.run(_page_bytes), await writer.run(_page_count)
    held_by = slowest if allowed < wanted else None
    return Pruned(allowed - floor, allowed, (pages_before - pages_after) * page_bytes, held_by)


def pruned_through(connection: sqlite3.Connection) -> int:
    """The last seq that retention has removed, 0 when nothing was pruned."""
    return int(connection.execute("SELECT through_seq FROM pruned").fetchone()[0])


@contextlib.contextmanager
def export_running(data_dir: Path) -> Iterator[None]:
    """Keep retention away while an export reads. Any number of exports may run."""
    descriptor = os.open(data_dir / _HOLD_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _no_export_running(data_dir: Path) -> Iterator[None]:
    descriptor = os.open(data_dir / _HOLD_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UsageError("an export is reading the log: prune when it has ended") from error
    finally:
        os.close(descriptor)


def _last_older(connection: sqlite3.Connection, floor: int, before_us: int) -> int:
    """The last seq such that it and all before it were recorded before `before_us`; a clock may have been set back."""
    newer = connection.execute(
        "SELECT seq FROM events WHERE seq > ? AND recorded_us >= ? ORDER BY seq LIMIT 1", (floor, before_us)
    ).fetchone()
    if newer is not None:
        row = connection.execute("SELECT max(seq) FROM events WHERE seq < ?", newer).fetchone()
    else:
        row = connection.execute("SELECT max(seq) FROM events").fetchone()
    return max(floor, row[0] or 0)


def _delete_step(connection: sqlite3.Connection, through_seq: int) -> None:
    """One transaction, checkpointed at once so that the WAL stays small however much is pruned."""
    database.in_transaction(connection, functools.partial(_delete, through_seq=through_seq))
    store.checkpoint(connection)


def _delete(connection: sqlite3.Connection, through_seq: int) -> None:
    connection.execute("UPDATE pruned SET through_seq = ?", (through_seq,))
    connection.execute("DELETE FROM events WHERE seq <= ?", (through_seq,))


async def _give_back(writer: Database) -> None:
    """Shrink the file by its free pages, a few at a time."""
    while await writer.run(_free_pages) > 0:
        before = await writer.run(_page_count)
        await writer.run(_vacuum_step)
        if await writer.run(_page_count) >= before:
            return


def _vacuum_step(connection: sqlite3.Connection) -> None:
    # It frees one page a step of the statement; `execute` would take a single step.
    connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_PER_STEP})")
    store.checkpoint(connection)


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def _page_count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0])


def _page_bytes(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])
