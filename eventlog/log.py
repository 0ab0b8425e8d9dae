"""The event log: the source of truth. What `append` has returned survives kill -9 and power loss.

One connection writes and checkpoints, one reads; both run whole functions on their own worker threads.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from eventlog import commits, database, retention, schema, startup
from eventlog.api import Page
from eventlog.clock import Clock, SystemClock
from eventlog.database import Database
from eventlog.errors import DamagedLogError, LogClosedError, LogFailedError
from eventlog.events import Event, FeedGap, ServiceStarted, ServiceStopped, StoredEvent
from eventlog.head_mark import HeadMark
from eventlog.intake import Intake
from eventlog.reader import LOG_FILE, LogReader, open_log_reader
from eventlog.room import RESERVE_BYTES, Room
from eventlog.tail import Tail
from eventlog.upkeep import WAL_CAP_BYTES, Upkeep


@dataclass(frozen=True)
class LogStatus:
    """`state` is open, full, failed or closed; `refused` counts refused events by field.

    `full_since_us` is set while the disk is full. `wal_is_pinned`: a reader keeps the WAL beyond its cap.
    """

    state: str
    head: int
    queued: int
    refused: dict[str, int]
    full_since_us: int | None
    wal_bytes: int
    wal_is_pinned: bool
    free_bytes: int


class EventLog:
    """Keeps `eventlog.api.Log`. Made by `open_log`, ended by `close`."""

    def __init__(
        self, writer: Database, log_reader: LogReader, clock: Clock, intake: Intake, mark: HeadMark, room: Room
    ) -> None:
        self._writer = writer
        self._reader = log_reader
        self.clock = clock
        self._intake = intake
        self._room = room
        self._tail = Tail()
        self._upkeep = Upkeep(writer, mark, room, clock, self._tail)
        self._commits = commits.GroupCommit(writer, intake.next_seq - 1, self._upkeep, commits.INTERVAL_SECONDS)
        self._upkeep.connect(self.head, self._record, self._commits.fail)
        self._check: asyncio.Task[None] | None = None

    @property
    def head(self) -> int:
        return self._commits.head

    @property
    def failed(self) -> asyncio.Event:
        """Set when a commit or checkpoint failed; `failure` says why, and the process must end."""
        return self._upkeep.has_failed

    @property
    def failure(self) -> LogFailedError | None:
        return self._commits.failure

    async def prune(
        self,
        before_us: int,
        needed_after: Mapping[str, int],
        progress: Callable[[int, int | None], None] = lambda done, total: None,
    ) -> retention.Pruned:
        """See `eventlog.retention.prune`."""
        pruned = await retention.prune(self._writer, before_us, needed_after, progress)
        self._tail.forget(pruned.through_seq)
        return pruned

    def status(self) -> LogStatus:
        return LogStatus(
            state=self._commits.state.value,
            head=self.head,
            queued=self._commits.queued,
            refused=dict(self._intake.refused),
            full_since_us=self._upkeep.full_since_us,
            wal_bytes=self._upkeep.wal_bytes,
            wal_is_pinned=self._upkeep.pinned_wal_bytes > WAL_CAP_BYTES,
            free_bytes=self._room.free_bytes(),
        )

    def appended(self, kinds: Collection[str]) -> int:
        """See `eventlog.api.Log.appended`."""
        return sum(self._intake.accepted[kind] for kind in kinds)

    async def append(self, batch: Sequence[Event]) -> range:
        """See `eventlog.api.Log.append`."""
        await self._commits.admit()
        values = self._intake.values(batch, self.clock.now_us())
        end = self._intake.next_seq
        if values:
            await self._commits.put(values)
        return range(end - len(batch), end)

    async def append_stored(self, batch: Sequence[StoredEvent]) -> range:
        """Append events that were recorded before (an import): all but their seq is kept. Raises as `append`."""
        await self._commits.admit()
        values = self._intake.stored_values(batch, self.clock.now_us())
        end = self._intake.next_seq
        if values:
            await self._commits.put(values)
        return range(end - len(batch), end)

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        """See `eventlog.api.Log.read`."""
        kept = self._tail.page(after, limit, kinds)
        if kept is not None:
            return kept
        page = await self._reader.read(after, limit, kinds)
        if page.through_seq <= self.head:
            return page
        # The reader sees a commit a moment before it is acknowledged; nobody may get ahead of the head.
        through = max(after, self.head)
        return Page([event for event in page.events if event.seq <= through], through)

    async def latest(self, kind: str, ticker: str) -> StoredEvent | None:
        """The event of `kind` and `ticker` with the largest time. Raises CorruptEventError."""
        return await self._reader.latest(kind, ticker)

    async def last_of_kind(self, kind: str) -> StoredEvent | None:
        """See `eventlog.api.TimedLog.last_of_kind`."""
        return await self._reader.last_of_kind(kind)

    async def tickers(self, kinds: Collection[str]) -> list[str]:
        """See `eventlog.api.TimedLog.tickers`."""
        return await self._reader.tickers(kinds)

    async def read_range(
        self,
        ticker: str,
        since_us: int,
        until_us: int,
        kinds: Collection[str] | None = None,
        limit: int = 10_000,
        after: StoredEvent | None = None,
    ) -> list[StoredEvent]:
        """See `eventlog.reader.LogReader.read_range`."""
        return await self._reader.read_range(ticker, since_us, until_us, kinds, limit, after)

    async def pruned_through_us(self) -> int:
        """See `eventlog.api.Log.pruned_through_us`."""
        return await self._reader.pruned_through_us()

    async def wait_beyond(self, seq: int) -> int:
        """See `eventlog.api.Log.wait_beyond`."""
        if not self._commits.accepting:
            raise LogClosedError("the log is closed")
        return self.head if self.head > seq else await self._tail.wait_beyond(seq)

    async def start_recording(self, version: str) -> None:
        """Put `service_started` on record, and a `feed_gap` when the run before has no stop on record.

        Keeps a reserve file on the disk from now on.
        """
        self._upkeep.keep_reserve()
        self._check = asyncio.create_task(startup.check_large(self._writer.path))
        self._check.add_done_callback(self._checked)
        now_us = self.clock.now_us()
        started = Event("", now_us, ServiceStarted(version=version, pid=os.getpid()))
        last_start = await self._reader.last_of_kind("service_started")
        last_stop = await self._reader.last_of_kind("service_stopped")
        if last_start is None or (last_stop is not None and last_stop.seq > last_start.seq):
            await self.append([started])
            return
        last = await self._reader.last_event() or last_start
        from_us = min(last.recorded_us, now_us)
        logger.warning("the run before has no stop on record: a gap since its last event is recorded")
        gap = Event("", from_us, FeedGap(from_us=from_us, to_us=now_us, reason="no_stop_on_record"))
        await self.append([started, gap])

    async def stop_recording(self, reason: str) -> bool:
        """Put `service_stopped` on record. False on a full disk or a failed log: then the next start records a gap."""
        if self._commits.state is not commits.State.OPEN:
            return False
        await self.append([Event("", self.clock.now_us(), ServiceStopped(reason=reason))])
        return True

    async def close(self, reason: str = "closed") -> None:
        """Commit what is queued, tell every waiter `reason`, close the files."""
        if self._check is not None:
            self._check.cancel()
            await asyncio.wait([self._check])
        await self._commits.close()
        self._tail.dismiss(LogClosedError(f"the log is closed: {reason}"))
        await self._reader.close()
        await self._writer.close()
        self._upkeep.close()

    def _checked(self, check: "asyncio.Task[None]") -> None:
        if not check.cancelled() and (error := check.exception()) is not None:
            self._commits.fail(error)

    def _record(self, event: Event) -> None:
        """Queue the log's own `event` without waiting for room in the queue."""
        acknowledgement = self._commits.put(self._intake.values([event], self.clock.now_us()))
        acknowledgement.add_done_callback(lambda done: done.exception())


async def open_log(data_dir: Path, clock: Clock | None = None, reserve_bytes: int = RESERVE_BYTES) -> EventLog:
    """Open the log of `data_dir` for writing, creating both when missing.

    The caller holds the directory's InstanceLock. Raises FormatError for a newer or foreign file, DamagedLogError,
    CorruptEventError or LostEventsError for a log that must not be written to, LogFailedError for a disk that fails.
    """
    await asyncio.to_thread(data_dir.mkdir, mode=0o700, parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as undo:
        try:
            await _refuse_foreign(data_dir / LOG_FILE)
            mark = HeadMark(data_dir)
            undo.callback(mark.close)
            writer = await database.open_writer(data_dir / LOG_FILE, "FULL")
            undo.push_async_callback(writer.close)
            intake = await writer.run(lambda connection: startup.prepare(connection, mark))
            log_reader = await open_log_reader(data_dir)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise DamagedLogError(str(error)) from error
            raise LogFailedError(f"events.db cannot be opened ({error}): check the disk, then start again") from error
        undo.pop_all()
    return EventLog(writer, log_reader, clock or SystemClock(), intake, mark, Room(data_dir, reserve_bytes))


async def _refuse_foreign(path: Path) -> None:
    """Look at the format read-only first: a writing connection would already change the file."""
    if not await asyncio.to_thread(path.exists):
        return
    looked_at = await database.open_reader(path)
    try:
        # A kill while the file was made leaves a journal that only a writer can roll back; it looks again then.
        with contextlib.suppress(sqlite3.OperationalError):
            await looked_at.run(schema.check)
    finally:
        await looked_at.close()
