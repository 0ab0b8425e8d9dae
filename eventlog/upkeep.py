"""What the log does around its commits: the head mark, checkpoints, and what to do when the disk is full or fails."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loguru import logger

from eventlog import codec, store
from eventlog.clock import Clock
from eventlog.database import Database
from eventlog.errors import LogClosedError, LogFailedError
from eventlog.events import Event, FeedGap
from eventlog.head_mark import HeadMark
from eventlog.room import Room
from eventlog.tail import Tail

CHECKPOINT_PAGES = 1000
WAL_CAP_BYTES = 64 * 1024 * 1024
"""A WAL beyond this is reported: a reader keeps a statement open and pins it."""
_PAGE_BYTES = 4096
_EVENTS_PER_PAGE = 16
_PAGES_PER_COMMIT = 4
_WARN_EVERY_SECONDS = 60.0


class Upkeep:
    """The `commits.Observer` of an EventLog."""

    def __init__(self, writer: Database, mark: HeadMark, room: Room, clock: Clock, tail: Tail) -> None:
        self.has_failed = asyncio.Event()
        self.full_since_us: int | None = None
        self.keeps_reserve = False
        self._record: Callable[[Event], None] = _nothing_to_record_with
        self._fail: Callable[[BaseException], None] = _raise
        self._writer = writer
        self._mark = mark
        self._room = room
        self._clock = clock
        self._tail = tail
        self._head = 0
        self._pages = 0
        self._checkpointing = False
        self._pinned_pages = 0
        self._warned_at = -_WARN_EVERY_SECONDS

    def connect(self, head: int, record: Callable[[Event], None], fail: Callable[[BaseException], None]) -> None:
        """Give it the log's own means: `record` queues an event, `fail` ends the log."""
        self._head = head
        self._record = record
        self._fail = fail

    @property
    def wal_bytes(self) -> int:
        """The size of the WAL file, 0 when there is none."""
        wal = _wal_of(self._writer.path)
        return wal.stat().st_size if wal.exists() else 0

    @property
    def pinned_wal_bytes(self) -> int:
        """What readers kept the last checkpoint from moving."""
        return self._pinned_pages * _PAGE_BYTES

    def durable(self, seq: int) -> None:
        self._mark.write(seq)

    def committed(self, values: list[Any]) -> None:
        seq = values[-codec.WIDTH]
        # An estimate: SQLite does not tell how many pages a commit has touched.
        self._pages += _PAGES_PER_COMMIT + (seq - self._head) // _EVENTS_PER_PAGE
        self._head = seq
        self._tail.extend(values)
        if self._pages >= CHECKPOINT_PAGES and not self._checkpointing:
            self._checkpointing = True
            self._writer.submit(store.checkpoint).add_done_callback(self._checkpointed)

    def is_full_error(self, error: BaseException) -> bool:
        return self._room.is_full_error(error, max(self._writer.path.stat().st_size, self.wal_bytes))

    def _means_full(self, error: BaseException) -> bool:
        try:
            return self.is_full_error(error)
        except OSError:
            return False

    def became_full(self) -> None:
        self.full_since_us = self._clock.now_us()
        self._room.give_reserve()
        logger.error(
            "log is full: no room on the disk of {}; recording waits, free some space and it goes on by itself",
            self._writer.path.parent,
        )

    def has_room(self) -> bool:
        return self._room.has_room()

    def resumed(self) -> None:
        assert self.full_since_us is not None
        # The clock may have been set back meanwhile; the log takes no gap of the future.
        to_us = self._clock.now_us()
        from_us = min(self.full_since_us, to_us)
        self.full_since_us = None
        if self.keeps_reserve:
            self._room.keep_reserve()
        logger.warning("log has room again after {:.0f} s: recording goes on", (to_us - from_us) / 1e6)
        self._record(Event("", from_us, FeedGap(from_us=from_us, to_us=to_us, reason="disk_full")))

    def failed(self, error: LogFailedError) -> None:
        logger.critical("{}", error)
        self.has_failed.set()
        self._tail.dismiss(LogClosedError("the log has failed"))

    def keep_reserve(self) -> None:
        """Keep the reserve file from now on."""
        self.keeps_reserve = True
        if not self._room.keep_reserve():
            logger.warning("little room on the disk of {}: {} bytes", self._writer.path.parent, self._room.free_bytes())

    def close(self) -> None:
        self._mark.close()

    def _checkpointed(self, outcome: "asyncio.Future[store.Checkpoint]") -> None:
        self._checkpointing = False
        error = outcome.exception()
        if error is not None:
            # On a full disk the pages stay in the WAL, where they are as durable; the next commit meets the full disk.
            if not self._means_full(error):
                self._fail(error)
            return
        self._pages = 0
        self._pinned_pages = outcome.result().wal_pages - outcome.result().moved_pages
        if self.pinned_wal_bytes > WAL_CAP_BYTES and time.monotonic() - self._warned_at > _WARN_EVERY_SECONDS:
            self._warned_at = time.monotonic()
            logger.warning("a reader pins {} bytes of the log's WAL: end its statement", self.pinned_wal_bytes)


def _wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _nothing_to_record_with(event: Event) -> None:
    raise AssertionError("Upkeep.connect comes first")


def _raise(error: BaseException) -> None:
    raise error
