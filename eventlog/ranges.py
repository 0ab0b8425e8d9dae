"""All events of a ticker and a time, however many they are, read in pages."""

from collections.abc import AsyncIterator, Collection
from typing import Protocol

from eventlog.events import StoredEvent

PAGE_EVENTS = 5_000
FOR_EVER_US = 2**62
"""Beyond every time of an event."""


class Ranged(Protocol):
    """A log, or a reader of one."""

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


async def events_of(
    log: Ranged, ticker: str, since_us: int, until_us: int, kinds: Collection[str] | None = None
) -> AsyncIterator[StoredEvent]:
    """Events of `ticker` with since_us <= ts_us < until_us, in the order of time. Raises CorruptEventError."""
    last: StoredEvent | None = None
    while True:
        page = await log.read_range(ticker, since_us, until_us, kinds, PAGE_EVENTS, last)
        for event in page:
            yield event
        if len(page) < PAGE_EVENTS:
            return
        last = page[-1]
