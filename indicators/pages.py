"""Reading the log up to the very event that cannot be read."""

from eventlog.api import Log, Page
from eventlog.errors import CorruptEventError
from indicators.fold import KINDS

SIZE = 2000
"""Events folded at a time: 2 to 4 ms of the event loop, so that ingest never waits long."""


async def read(log: Log, after: int, limit: int = SIZE) -> Page:
    """The next page of at most `limit` events; the part before a corrupt event when there is one within.

    Raises CorruptEventError when the very next event is corrupt.
    """
    head = log.head
    while True:
        try:
            page = await log.read(after, limit, KINDS)
        except CorruptEventError:
            if limit == 1:
                raise
            limit //= 2
        else:
            # Nothing found below the head: those events were pruned.
            return page if page.through_seq > after else Page([], max(after, head))
