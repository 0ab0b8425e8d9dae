"""What the other rooms know of the log. `EventLog` (SQLite) and `MemoryLog` (the tests' double) both keep it."""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from eventlog import events


class Page(msgspec.Struct, frozen=True):
    """Events in seq order. Everything up to `through_seq` was looked at, other kinds included."""

    events: list[events.StoredEvent]
    through_seq: int


class Log(Protocol):
    """An append-only sequence of events; seq starts at 1 and has no holes."""

    @property
    def head(self) -> int:
        """The seq of the last durable event, 0 for an empty log."""

    def appended(self, kinds: Collection[str]) -> int:
        """How many events of `kinds` were taken since the log was opened, those on their way to the disk included."""

    async def append(self, batch: Sequence[events.Event]) -> range:
        """Append all of `batch` or nothing, in order, and return their seqs once they are durable.

        Waits while the queue or the disk is full, so that the feed stops reading its socket; nothing is dropped. Raises
        InvalidEventError before anything is queued, LogFailedError when a commit failed, LogClosedError after `close`,
        LogFullError when the log is closed while the disk is full. Cancelling the caller abandons the answer only.
        """

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        """At most `limit` events with seq > `after`, only of `kinds` when given. Raises CorruptEventError."""

    async def wait_beyond(self, seq: int) -> int:
        """Wait until the head is larger than `seq`, and return it. Raises LogClosedError when the log is closed."""

    async def pruned_through_us(self) -> int:
        """The latest time of any event that retention has deleted; 0 when none was, or when that is not known."""


class TimedLog(Log, Protocol):
    """A log that can also be asked by ticker and time."""

    async def latest(self, kind: str, ticker: str) -> events.StoredEvent | None:
        """The event of `kind` and `ticker` with the largest time. Raises CorruptEventError."""

    async def last_of_kind(self, kind: str) -> events.StoredEvent | None:
        """The event of `kind` without a ticker with the largest seq, whatever its time. Raises CorruptEventError."""

    async def tickers(self, kinds: Collection[str]) -> list[str]:
        """The tickers that have events of `kinds`, sorted; "" when some are about none."""

    async def read_range(
        self,
        ticker: str,
        since_us: int,
        until_us: int,
        kinds: Collection[str] | None = None,
        limit: int = 10_000,
        after: events.StoredEvent | None = None,
    ) -> list[events.StoredEvent]:
        """See `eventlog.reader.LogReader.read_range`."""
