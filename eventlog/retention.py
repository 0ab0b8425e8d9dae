"""The one guarded door through which events leave the log: a prefix, never beyond what somebody still needs.

The mark in `pruned` is raised before rows are deleted, in the same transaction; the trigger on `events` refuses any
other DELETE. Seqs are never used again: AUTOINCREMENT keeps the largest one also when everything has been pruned.
"""

import contextlib
import fcntl
import functools
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from eventlog import database, space, store
from eventlog.database import Database
from eventlog.errors import UsageError

_EVENTS_PER_STEP = 2_000
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
        wanted = await _last_older(writer, floor, before_us)
        slowest = min(needed_after, key=lambda name: needed_after[name], default=None)
        allowed = wanted if slowest is None else min(wanted, max(needed_after[slowest], floor))
        for done in range(floor, allowed, _EVENTS_PER_STEP):
            progress(done - floor, allowed - floor)
            through = min(done + _EVENTS_PER_STEP, allowed)
            await writer.run(functools.partial(_delete_step, through_seq=through))
        freed_bytes = await space.give_back(writer)
        progress(allowed - floor, allowed - floor)
    held_by = slowest if allowed < wanted else None
    return Pruned(allowed - floor, allowed, freed_bytes, held_by)


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


async def _last_older(writer: Database, floor: int, before_us: int) -> int:
    """The last seq such that it and all before it were recorded before `before_us`; a clock may have been set back.

    In small steps too: each is a call on the thread that commits.
    """
    last, is_end = floor, False
    while not is_end:
        last, is_end = await writer.run(functools.partial(_look_step, after=last, before_us=before_us))
    return last


def _look_step(connection: sqlite3.Connection, after: int, before_us: int) -> tuple[int, bool]:
    """The last older seq among the next events, and whether the search ends there."""
    rows = connection.execute(
        "SELECT seq, recorded_us FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, _EVENTS_PER_STEP)
    ).fetchall()
    older = [seq for seq, _ in itertools.takewhile(lambda row: row[1] < before_us, rows)]
    return (older[-1] if older else after), len(older) < _EVENTS_PER_STEP


def _delete_step(connection: sqlite3.Connection, through_seq: int) -> None:
    """One transaction, checkpointed at once so that the WAL stays small however much is pruned."""
    database.in_transaction(connection, functools.partial(_delete, through_seq=through_seq))
    store.checkpoint(connection)


def _delete(connection: sqlite3.Connection, through_seq: int) -> None:
    latest = "SELECT max(ts_us) FROM events WHERE seq <= ?"
    connection.execute(
        f"UPDATE pruned SET through_seq = ?, through_us = max(through_us, coalesce(({latest}), 0))",
        (through_seq, through_seq),
    )
    connection.execute("DELETE FROM events WHERE seq <= ?", (through_seq,))
