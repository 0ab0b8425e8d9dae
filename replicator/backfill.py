"""The history once more, from the first event up to the cursor: for a destination that lost rows, or got a new table.

The live cursor does not move, so ticks of today are held up by one chunk of last year at most.
"""

from collections.abc import Callable
from dataclasses import dataclass

from eventlog.errors import UsageError
from replicator import rows
from replicator.delivery import Delivered, Delivery
from replicator.errors import ChunkTooLargeError
from replicator.patience import patient
from replicator.pump import Pump
from replicator.replicator import Replicator
from replicator.sources import Batch

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Scope:
    """Which rows of a table: of one ticker, with a timestamp not before `since_us`."""

    ticker: str | None = None
    since_us: int = 0

    def of(self, batch: Batch, end: int) -> Batch:
        """The part of `batch` that is in scope and not beyond position `end`."""
        inside = Batch(through=batch.through)
        for position, row in zip(batch.positions, batch.rows, strict=True):
            wanted = self.ticker in (None, row.ticker) and rows.microseconds(row.timestamp) >= self.since_us
            if wanted and position <= end:
                inside.rows.append(row)
                inside.positions.append(position)
        if self == Scope():
            inside.flawed += [flaw for flaw in batch.flawed if flaw.position <= end]
        return inside


@dataclass
class BackfillReport:
    """Rows acknowledged (most of them may have been there already), and rows that were refused."""

    table: str
    acknowledged: int = 0
    refused: int = 0


async def backfill(replicator: Replicator, table: str, scope: Scope, progress: Progress) -> BackfillReport:
    """Deliver the rows of `table` in `scope` again. Raises RetryableError after some attempts, or HaltingError.

    `progress` takes positions done and in all. A log that was restored from an older backup must be delivered as a
    whole (UsageError); the table then goes on by itself.
    """
    pump = replicator.pump(table)
    restored, end = pump.is_restored, pump.cursor.position
    if restored:
        if scope != Scope():
            raise UsageError(f"{table}: the log was restored: first deliver all of it, without --ticker and --since")
        end = pump.source.head() or 0
    report = await _deliver(replicator, pump, scope, end, progress)
    if restored:
        await pump.accept_restored_log(end)
    return report


async def _deliver(replicator: Replicator, pump: Pump, scope: Scope, end: int, progress: Progress) -> BackfillReport:
    table = pump.table.name
    report = BackfillReport(table)
    delivery = Delivery(replicator.sink, pump.table)
    after = 0
    while after < end:
        try:
            through, outcome = await _send(pump, delivery, scope, after, end)
        except ChunkTooLargeError as error:
            if not pump.chunk.refused(error.rows):
                raise
            continue
        report.acknowledged += outcome.rows
        report.refused += len(outcome.dead)
        await replicator.record_dead_letters(table, outcome.dead)
        after = through
        progress(min(after, end), end)
    return report


@patient
async def _send(pump: Pump, delivery: Delivery, scope: Scope, after: int, end: int) -> tuple[int, Delivered]:
    """Deliver one chunk while nothing else of the table is under way: an older row must not replace a newer one."""
    async with pump.paused():
        batch = await pump.source.read(after, pump.chunk.rows)
        through = batch.through if batch.through > after else end
        return through, await delivery.deliver(scope.of(batch, end))
