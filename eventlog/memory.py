"""The log's in-memory double for tests of other rooms. It keeps the same contract suite as the log, save durability."""

import asyncio
from collections.abc import Collection, Sequence

from eventlog import codec
from eventlog.api import Page
from eventlog.clock import Clock, SystemClock
from eventlog.errors import LogClosedError
from eventlog.events import Event, StoredEvent
from eventlog.intake import Intake


class MemoryLog:
    """Keeps `eventlog.api.Log` in a list."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._events: list[StoredEvent] = []
        self._intake = Intake(1, {})
        self._moved = asyncio.Condition()
        self._closed_because: str | None = None

    @property
    def head(self) -> int:
        return len(self._events)

    def appended(self, kinds: Collection[str]) -> int:
        """See `eventlog.api.Log.appended`."""
        return sum(self._intake.accepted[kind] for kind in kinds)

    async def append(self, batch: Sequence[Event]) -> range:
        """See `eventlog.api.Log.append`."""
        self._check_open()
        first = self._intake.next_seq
        values = self._intake.values(batch, self._clock.now_us())
        for seq, kind, ticker, ts_us, recorded_us, payload, _ in zip(*[iter(values)] * codec.WIDTH, strict=True):
            self._events.append(StoredEvent(seq, kind, ticker, ts_us, recorded_us, payload.encode()))
        async with self._moved:
            self._moved.notify_all()
        return range(first, first + len(batch))

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        """See `eventlog.api.Log.read`."""
        looked_at = self._events[after : after + limit]
        through_seq = looked_at[-1].seq if looked_at else after
        return Page([event for event in looked_at if kinds is None or event.kind in kinds], through_seq)

    async def latest(self, kind: str, ticker: str) -> StoredEvent | None:
        """The event of `kind` and `ticker` with the largest time."""
        matching = [event for event in self._events if event.kind == kind and event.ticker == ticker]
        return max(matching, key=_time_order, default=None)

    async def last_of_kind(self, kind: str) -> StoredEvent | None:
        """See `eventlog.api.TimedLog.last_of_kind`."""
        matching = [event for event in self._events if event.kind == kind and not event.ticker]
        return matching[-1] if matching else None

    async def tickers(self, kinds: Collection[str]) -> list[str]:
        """See `eventlog.api.TimedLog.tickers`."""
        return sorted({event.ticker for event in self._events if event.kind in kinds})

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
        beyond = (since_us, 0) if after is None else _time_order(after)
        found = [
            event
            for event in self._events
            if event.ticker == ticker
            and since_us <= event.ts_us < until_us
            and _time_order(event) > beyond
            and (kinds is None or event.kind in kinds)
        ]
        return sorted(found, key=_time_order)[:limit]

    async def pruned_through_us(self) -> int:
        """See `eventlog.api.Log.pruned_through_us`."""
        return 0

    async def wait_beyond(self, seq: int) -> int:
        """See `eventlog.api.Log.wait_beyond`."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.head > seq or self._closed_because is not None)
        self._check_open()
        return self.head

    async def close(self, reason: str = "closed") -> None:
        self._closed_because = reason
        async with self._moved:
            self._moved.notify_all()

    def _check_open(self) -> None:
        if self._closed_because is not None:
            raise LogClosedError(f"the log is closed: {self._closed_because}")


def _time_order(event: StoredEvent) -> tuple[int, int]:
    return event.ts_us, event.seq
