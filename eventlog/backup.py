"""A copy of a log while it is being written, and the way back from it."""

import contextlib
import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eventlog import bulk, codec, database, durable, queries, reader, schema, store, verify
from eventlog.clock import Clock, SystemClock
from eventlog.errors import DamagedLogError, TicktapeError, UnreadableLogError, UsageError
from eventlog.events import Event, FeedGap
from eventlog.head_mark import HeadMark
from eventlog.intake import Intake
from eventlog.reader import LOG_FILE
from eventlog.verify import Verification

Progress = Callable[[int, int | None], None]
_ASIDE = "events.db.before-restore"


async def backup(data_dir: Path, target: Path, progress: Progress) -> Verification:
    """Copy the log of `data_dir` to `target`, verified and complete or not at all; the service may be running.

    Raises UsageError when `target` exists, DamagedLogError when the copy does not verify.
    """
    _require_free(target)
    source = await reader.open_log_reader(data_dir)
    try:
        with _temporary(target) as copy:
            await source.database.run(lambda raw: raw.execute("VACUUM INTO ?", (str(copy),)))
            result = await _verified(copy, progress)
            _publish(copy, target)
            return result
    except sqlite3.OperationalError as error:
        raise UsageError(f"the backup to {target} failed: {error}") from error
    except sqlite3.DatabaseError as error:
        raise reader.failure(data_dir / LOG_FILE, error) from error
    finally:
        await source.close()


@dataclass(frozen=True)
class Restored:
    """What the restored log holds, and where the one that was there is kept; None when there was none."""

    verification: Verification
    kept_as: Path | None


async def restore(data_dir: Path, source: Path, progress: Progress, clock: Clock | None = None) -> Restored:
    """Put the backup `source` in the place of the log; the caller holds the instance lock.

    The log that was there is kept under a name of its own, however often this is done. Seqs acknowledged after the
    backup are never used again: the loss and a gap are put on record. Raises UsageError, FormatError or DamagedLogError
    and changes nothing.
    """
    _require_file(source)
    last_head = await _last_head(data_dir)
    with _temporary(data_dir / LOG_FILE) as copy:
        origin = await database.open_reader(source)
        try:
            await origin.run(schema.check)
            await origin.run(lambda raw: raw.execute("VACUUM INTO ?", (str(copy),)))
        except sqlite3.DatabaseError as error:
            if not queries.is_damage(error):
                raise UnreadableLogError(source, error) from error
            raise DamagedLogError(f"{source}: {error}") from error
        finally:
            await origin.close()
        result = await _verified(copy, progress)
        await _skip_to(copy, last_head, "restored_from_backup", (clock or SystemClock()).now_us())
        kept_as = _put_aside(data_dir)
        _publish(copy, data_dir / LOG_FILE)
    return Restored(result, kept_as)


async def accept_loss(data_dir: Path, clock: Clock | None = None) -> tuple[int, int]:
    """Go on with a log that ends before its head mark; returns its last seq and the last one lost.

    The caller holds the instance lock. The loss and a gap are put on record. Raises UsageError when nothing is lost.
    """
    mark = HeadMark(data_dir)
    marked = mark.read()
    mark.close()
    log_reader = await reader.open_log_reader(data_dir)
    head = await log_reader.head()
    await log_reader.close()
    if marked <= head:
        raise UsageError(f"nothing is lost: the log ends at {head}, as acknowledged")
    await _skip_to(data_dir / LOG_FILE, marked, "events_lost", (clock or SystemClock()).now_us())
    return head, marked


def _require_free(target: Path) -> None:
    if target.exists():
        raise UsageError(f"{target} exists: choose another name for the backup")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent}: no such folder for the backup")


def _require_file(source: Path) -> None:
    if not source.is_file():
        raise UsageError(f"{source}: no such backup")


async def _last_head(data_dir: Path) -> int:
    """The largest seq known to have been acknowledged, whatever state the log is in."""
    mark = HeadMark(data_dir)
    heads = [mark.read()]
    mark.close()
    with contextlib.suppress(TicktapeError, sqlite3.DatabaseError):
        log_reader = await reader.open_log_reader(data_dir)
        try:
            heads.append(await log_reader.head())
        finally:
            await log_reader.close()
    return max(heads)


async def _verified(copy: Path, progress: Progress) -> Verification:
    opened = await database.open_reader(copy)
    try:
        await opened.run(lambda raw: setattr(raw, "text_factory", bytes))
        result = await verify.verify(opened, progress)
    finally:
        await opened.close()
    if not result.is_sound:
        raise DamagedLogError(f"{result.findings[0]}; {len(result.findings)} findings in the copy")
    return result


async def _skip_to(log_file: Path, last_seq: int, reason: str, now_us: int) -> None:
    """Make the numbering of the log in `log_file` go on after `last_seq`, with the loss and a gap on record.

    One transaction: a loss without its gap would pass for a log that was always like this.
    """
    writer = await database.open_writer(log_file, "FULL")

    def skip(connection: sqlite3.Connection) -> None:
        head = queries.head(connection)
        if head < last_seq:
            connection.execute("INSERT INTO losses VALUES (?, ?, ?)", (head, last_seq, now_us))
        gap = _gap(connection, reason, now_us)
        values = Intake(max(head, last_seq) + 1, {}).values([gap], now_us)
        bulk.insert(connection, f"events ({codec.COLUMNS})", codec.WIDTH, values)

    try:
        await writer.run(schema.prepare)
        await writer.run(codec.use_bytes)
        await writer.transaction(skip)
        # Closing does so too, but without a word when the disk fails.
        await writer.run(store.checkpoint)
    finally:
        await writer.close()


def _gap(connection: sqlite3.Connection, reason: str, now_us: int) -> Event:
    last = queries.last_event(connection, codec.RowDecoder())
    from_us = min(last.recorded_us, now_us) if last else now_us
    return Event("", from_us, FeedGap(from_us=from_us, to_us=now_us, reason=reason))


def _put_aside(data_dir: Path) -> Path | None:
    """Move the old log away, its WAL with it: a WAL that stayed would be applied to the restored file."""
    old, aside = data_dir / LOG_FILE, _free_name(data_dir)
    was_there = old.exists()
    for path, name in ((_wal_of(old), _wal_of(aside)), (old, aside)):
        if path.exists():
            path.rename(name)
    (data_dir / f"{LOG_FILE}-shm").unlink(missing_ok=True)
    return aside if was_there else None


def _free_name(data_dir: Path) -> Path:
    """Free for a log and for its WAL."""
    names = itertools.chain([_ASIDE], (f"{_ASIDE}-{number}" for number in itertools.count(2)))
    free = (data_dir / name for name in names)
    return next(path for path in free if not path.exists() and not _wal_of(path).exists())


def _wal_of(log_file: Path) -> Path:
    return log_file.with_name(f"{log_file.name}-wal")


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A name beside `target` for a file that is gone at the end, unless it was published."""
    path = target.with_name(f".{target.name}.{os.getpid()}-{time.monotonic_ns()}.partial")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        yield path
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _publish(path: Path, target: Path) -> None:
    """fsync `path` and give it its name; after a crash there is the whole file or none."""
    durable.sync(path)
    path.rename(target)
    durable.sync(target.parent)
