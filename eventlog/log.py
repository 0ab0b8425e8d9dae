"""The event log: the source of truth. What `append` has returned survives kill -9 and power loss.

One connection writes (and checkpoints), one reads; both run whole functions on their own worker threads.
"""

import asyncio
import os
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from eventlog import commits, database, queries, schema
from eventlog.api import Page
from eventlog.clock import Clock, SystemClock
from eventlog.database import Database
from eventlog.errors import LogClosedError, LogFailedError
from eventlog.events import Event, FeedGap, ServiceStarted, ServiceStopped, StoredEvent
from eventlog.intake import Intake
from eventlog.reader import LOG_FILE, LogReader, open_log_reader


@dataclass(frozen=True)
class LogStatus:
    """`state` is open, full, failed or closed; `refused` counts refused events by field."""

    state: str
    head: int
    queued: int
    refused: dict[str, int]


class EventLog:
    """Keeps `eventlog.api.Log`. Made by `open_log`, ended by `close`."""

    def __init__(self, writer: Database, log_reader: LogReader, clock: Clock, intake: Intake) -> None:
        self.failed = asyncio.Event()
        """Set when a commit failed; `failure` says why, and the process must end."""
        self._writer = writer
        self._reader = log_reader
        self._clock = clock
        self._intake = intake
        self._commits = commits.GroupCommit(writer, intake.next_seq - 1, self._advanced, self._has_failed)
        self._beyond: list[tuple[int, asyncio.Future[int]]] = []

    @property
    def head(self) -> int:
        return self._commits.head

    @property
    def failure(self) -> LogFailedError | None:
        return self._commits.failure

    def status(self) -> LogStatus:
        return LogStatus(self._commits.state.value, self.head, self._commits.queued, dict(self._intake.refused))

    async def append(self, batch: Sequence[Event]) -> range:
        """See `eventlog.api.Log.append`."""
        await self._commits.admit()
        rows = self._intake.rows(batch, self._clock.now_us())
        end = self._intake.next_seq
        if rows:
            await self._commits.put(rows)
        return range(end - len(rows), end)

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        """See `eventlog.api.Log.read`."""
        return await self._reader.read(after, limit, kinds)

    async def latest(self, kind: str, ticker: str) -> StoredEvent | None:
        """The event of `kind` and `ticker` with the largest time. Raises CorruptEventError."""
        return await self._reader.latest(kind, ticker)

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

    async def wait_beyond(self, seq: int) -> int:
        """See `eventlog.api.Log.wait_beyond`."""
        if self._commits.state in (commits.State.FAILED, commits.State.CLOSED):
            raise LogClosedError("the log is closed")
        if self.head > seq:
            return self.head
        wake: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._beyond.append((seq, wake))
        return await wake

    async def start_recording(self, version: str) -> None:
        """Put `service_started` on record, and a `feed_gap` when the run before has no stop on record."""
        now_us = self._clock.now_us()
        started = Event("", now_us, ServiceStarted(version=version, pid=os.getpid()))
        last_start = await self.latest("service_started", "")
        last_stop = await self.latest("service_stopped", "")
        if last_start is None or (last_stop is not None and last_stop.seq > last_start.seq):
            await self.append([started])
            return
        last = (await self.read(self.head - 1, 1)).events[0]
        from_us = min(last.recorded_us, now_us)
        gap = Event("", from_us, FeedGap(from_us=from_us, to_us=now_us, reason="no stop on record before this start"))
        await self.append([started, gap])

    async def stop_recording(self, reason: str) -> None:
        """Put `service_stopped` on record."""
        await self.append([Event("", self._clock.now_us(), ServiceStopped(reason=reason))])

    async def close(self, reason: str = "closed") -> None:
        """Commit what is queued, tell every waiter `reason`, checkpoint, close."""
        await self._commits.close()
        self._dismiss(LogClosedError(f"the log is closed: {reason}"))
        await self._reader.close()
        await self._writer.close()

    def _advanced(self, head: int) -> None:
        still_waiting = []
        for seq, wake in self._beyond:
            if head <= seq:
                still_waiting.append((seq, wake))
            elif not wake.done():
                wake.set_result(head)
        self._beyond = still_waiting

    def _has_failed(self) -> None:
        self.failed.set()
        self._dismiss(LogClosedError("the log has failed"))

    def _dismiss(self, error: LogClosedError) -> None:
        for _, wake in self._beyond:
            if not wake.done():
                wake.set_exception(error)
        self._beyond = []


async def open_log(data_dir: Path, clock: Clock | None = None) -> EventLog:
    """Open the log of `data_dir` for writing, creating both when missing.

    The caller holds the directory's InstanceLock. Raises FormatError for a file of a newer or foreign format.
    """
    os.makedirs(data_dir, mode=0o700, exist_ok=True)
    writer = await database.open_writer(data_dir / LOG_FILE, "FULL")
    try:
        intake = await writer.run(_prepare)
        log_reader = await open_log_reader(data_dir)
    except BaseException:
        await writer.close()
        raise
    return EventLog(writer, log_reader, clock or SystemClock(), intake)


def _prepare(connection: sqlite3.Connection) -> Intake:
    schema.prepare(connection)
    return Intake(queries.head(connection) + 1, queries.last_tick_times(connection))
