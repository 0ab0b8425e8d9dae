"""The end of the log: the events committed last, and those who wait for the next."""

import asyncio
from collections.abc import Collection
from typing import Any

from eventlog import codec
from eventlog.api import Page
from eventlog.errors import TicktapeError
from eventlog.events import StoredEvent

KEPT_EVENTS = 1_000
"""More than a busy feed brings between two flushes. At most four times as many are kept, one to two megabytes."""


class Tail:
    """Used on the event loop only.

    Who follows the log finds what was committed last in memory: a read of ten events from the file costs as much as its
    thread hop. Invariant: the seqs kept are without a hole and end at the head.
    """

    def __init__(self) -> None:
        self._waiters: list[tuple[int, asyncio.Future[int]]] = []
        self._events: list[StoredEvent] = []
        self._rows: list[Any] = []
        """What follows `_events`, as it was committed: events are made of it once somebody reads."""

    def extend(self, values: list[Any]) -> None:
        """Rows, given as one flat list, were committed: keep them, and wake who waits for them."""
        self._rows += values
        if len(self._rows) > 2 * KEPT_EVENTS * codec.WIDTH:
            self._events = []
            del self._rows[: len(self._rows) - KEPT_EVENTS * codec.WIDTH]
        self._wake(values[-codec.WIDTH])

    def page(self, after: int, limit: int, kinds: Collection[str] | None) -> Page | None:
        """As `eventlog.api.Log.read`; None when not all events beyond `after` are kept."""
        self._make_events()
        if not self._events or after + 1 < self._events[0].seq:
            return None
        start = after + 1 - self._events[0].seq
        looked_at = self._events[start : start + limit]
        through_seq = looked_at[-1].seq if looked_at else after
        return Page([event for event in looked_at if kinds is None or event.kind in kinds], through_seq)

    def forget(self, through_seq: int) -> None:
        """Events up to `through_seq` were deleted."""
        self._make_events()
        self._events = [event for event in self._events if event.seq > through_seq]

    async def wait_beyond(self, seq: int) -> int:
        """Wait until the head is larger than `seq`, and return it."""
        wake: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiter = seq, wake
        self._waiters.append(waiter)
        try:
            return await wake
        except asyncio.CancelledError:
            # While nothing is appended, nobody else would forget those who come and go.
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            raise

    def dismiss(self, error: TicktapeError) -> None:
        """End every wait with `error`."""
        for _, wake in self._waiters:
            if not wake.done():
                wake.set_exception(error)
        self._waiters = []

    def _make_events(self) -> None:
        if not self._rows:
            return
        columns = iter(self._rows)
        for seq, kind, ticker, ts_us, recorded_us, payload, _ in zip(*[columns] * codec.WIDTH, strict=True):
            self._events.append(StoredEvent(seq, kind, ticker, ts_us, recorded_us, payload.encode()))
        self._rows = []
        if len(self._events) > 2 * KEPT_EVENTS:
            self._events = self._events[-KEPT_EVENTS:]

    def _wake(self, head: int) -> None:
        if not self._waiters:
            return
        waiters, self._waiters = self._waiters, []
        for seq, wake in waiters:
            if wake.done():
                continue
            if head > seq:
                wake.set_result(head)
            else:
                self._waiters.append((seq, wake))
