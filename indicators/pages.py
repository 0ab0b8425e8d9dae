"""Reading the log up to the very event that cannot be read."""

from collections.abc import Collection
from typing import Protocol

from eventlog.api import Page
from eventlog.errors import CorruptEventError
from indicators.fold import KINDS
from market import calendar

SIZE = 2000
"""Events folded at a time: 2 to 4 ms of the event loop, so that ingest never waits long."""


class Readable(Protocol):
    """The one method of a log, or of a reader of it, that folding needs."""

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        """See `eventlog.api.Log.read`."""


async def read(log: Readable, after: int, limit: int = SIZE) -> Page:
    """The next page of at most `limit` events; the part before a corrupt event when there is one within.

    Raises CorruptEventError when the very next event is corrupt.
    """
    while True:
        try:
            return await log.read(after, limit, KINDS)
        except CorruptEventError:
            if limit == 1:
                raise
            limit //= 2


async def begins_at_us(log: Readable) -> int:
    """The time from which on `log` can be folded: 0, or the first midnight in New York after its beginning was pruned.

    The day of its first event then lacks ticks, so that a fold of it would give wrong sums.
    """
    try:
        first = (await log.read(0, 1)).events
    except CorruptEventError:
        return 0  # Folding stops at that event.
    if not first or first[0].seq == 1:
        return 0
    return calendar.next_session(first[0].ts_us, "all").open_us
