"""Reading the log up to the very event that cannot be read."""

from collections.abc import Collection
from typing import Protocol

from eventlog import ranges
from eventlog.api import Page, TimedLog
from eventlog.errors import CorruptEventError
from eventlog.events import LOSSES, FeedGap, decode
from indicators.fold import KINDS
from market import calendar

SIZE = 2000
"""Events folded at a time: 2 to 4 ms of the event loop, so that ingest never waits long."""


class Readable(Protocol):
    """What folding needs of a log, or of a reader of it."""

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        """See `eventlog.api.Log.read`."""

    async def pruned_through_us(self) -> int:
        """See `eventlog.api.Log.pruned_through_us`."""


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
    """The time from which on `log` can be folded: 0, or the first midnight in New York after what was pruned.

    A day that lacks ticks would give wrong sums. Where it is not known what was pruned, the first event's day may be
    such a day.
    """
    try:
        first = (await log.read(0, 1)).events
    except CorruptEventError:
        return 0  # Folding stops at that event.
    if not first or first[0].seq == 1:
        return 0
    return calendar.next_session(await log.pruned_through_us() or first[0].ts_us, "all").open_us


async def has_lost_since(log: TimedLog, seq: int) -> bool:
    """Whether `log` has on record, beyond `seq`, that it was restored or lost events: what came before was another."""
    try:
        gaps = [gap async for gap in ranges.events_of(log, "", 0, ranges.FOR_EVER_US, ["feed_gap"])]
    except CorruptEventError:
        return False  # Folding stops at that event.
    decoded = (decode(gap) for gap in gaps if gap.seq > seq)
    return any(isinstance(gap, FeedGap) and gap.reason in LOSSES for gap in decoded)
