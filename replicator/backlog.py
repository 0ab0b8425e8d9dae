"""How many rows of a table wait, known from memory. Each event is counted once, while the destination fails."""

from replicator.sources import Batch, Source

PARTS = 10  # pages counted per failure, so that counting a long outage never holds anything up


class Backlog:
    """`counted` rows lie between the cursor and position `through`; what lies beyond was not looked at yet."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._through = 0
        self._counted = 0

    def rows(self, cursor: int) -> int:
        """Rows beyond `cursor`; positions that were not looked at yet count as rows."""
        head = self._source.head()
        if head is None:
            return self._counted
        if self._through < cursor:
            return max(0, head - cursor)
        return self._counted + max(0, head - self._through)

    async def count(self, cursor: int) -> None:
        """Look at some more of what waits beyond `cursor`. Raises what reading raises."""
        head = self._source.head()
        if head is None:
            self._counted = await self._source.count(cursor)
            return
        if self._through < cursor:
            self._through, self._counted = cursor, 0
        for _ in range(PARTS):
            if self._through >= head:
                return
            rows, through = await self._source.count_part(self._through)
            if through == self._through:
                return
            self._through, self._counted = through, self._counted + rows

    async def shrink(self, batch: Batch) -> None:
        """`batch` was acknowledged."""
        if self._source.head() is None:
            self._counted = await self._source.count(batch.through) if batch.more else 0
        elif batch.through >= self._through:
            self._through, self._counted = batch.through, 0
        else:
            self._counted -= len(batch.rows) + len(batch.flawed)
