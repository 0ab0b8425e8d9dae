"""One table on its way to one destination: read, deliver, acknowledge, in this order.

Invariant: the cursor moves only after the acknowledgement, and only to what was delivered or recorded as a dead letter.
"""

import asyncio
import contextlib
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence

from loguru import logger

from eventlog.errors import CorruptEventError, TicktapeError
from replicator import rows as row_module
from replicator.alarms import Alarms
from replicator.backlog import Backlog
from replicator.backoff import Backoff
from replicator.chunks import ChunkSize
from replicator.cursors import Cursor, CursorStore, NewDeadLetter
from replicator.delivery import Delivered, Delivery
from replicator.errors import ChunkTooLargeError, CursorBeyondHeadError, HaltingError, RetryableError
from replicator.sink import Sink
from replicator.sources import Batch, Source
from replicator.standing import RESTORED, State, SyncResult, TableStatus
from replicator.tables import TableSpec

PROBE_SECONDS = 30.0
SKIPPED_BEFORE_SAVED = 1_000  # positions that are nothing for this table, passed without writing the cursor


class Pump:
    """Never runs twice at a time: `sync_once` waits for the one under way."""

    def __init__(
        self,
        table: TableSpec,
        source: Source,
        sink: Sink,
        cursors: CursorStore,
        on_delivered: Callable[[TableSpec, Sequence[row_module.Row], float], None],
        on_failed: Callable[[TableSpec, Sequence[row_module.Row]], None],
        alarms: Alarms,
        randomness: random.Random,
    ) -> None:
        self.table = table
        self.source = source
        self.state: State = "ok"
        self.cursor = Cursor(0, 0)
        self.dead_letters = 0
        self.last_error: str | None = None
        self.oldest_unsent_us: int | None = None
        self.chunk = ChunkSize(len(table.columns))
        self._saved = self.cursor
        self._sink = sink
        self._cursors = cursors
        self._delivery = Delivery(sink, table)
        self._backoff = Backoff(randomness)
        self._alarms = alarms
        self._on_delivered = on_delivered
        self._on_failed = on_failed
        self._lock = asyncio.Lock()
        self._ahead: tuple[int, asyncio.Task[Batch]] | None = None
        """The next page and the position it begins after."""
        self._rate = 0.0
        self._backlog = Backlog(source)
        self._probed = False
        self._in_hand = Batch()
        self._restored: CursorBeyondHeadError | None = None
        self._noted_state: State | None = None
        self._failures = 0
        self._retries = 0

    def start(self, cursor: Cursor, dead_letters: int, restored: CursorBeyondHeadError | None) -> None:
        """Begin at what the destination has acknowledged. `restored` halts until `accept_restored_log`."""
        self.cursor = self._saved = cursor
        self.dead_letters = dead_letters
        self._restored = restored

    @property
    def is_settled(self) -> bool:
        """Whether the destination was reached and nothing is wrong."""
        return self._probed and self.state == "ok"

    async def sync_once(self) -> SyncResult:
        """Deliver the next chunk. Errors of the destination are in the result, all others are raised."""
        async with self._lock:
            self._in_hand = Batch()
            try:
                return await self._sync()
            except (RetryableError, HaltingError, CursorBeyondHeadError, CorruptEventError) as error:
                return await self._failed(error)
            except sqlite3.OperationalError as error:
                # A full disk, mostly. The rows may have arrived; they are sent again, which changes nothing.
                return await self._failed(RetryableError(f"state.db refused a write ({error})"))

    async def _sync(self) -> SyncResult:
        if self._restored is not None:
            raise self._restored
        if not self._probed or self.state == "halted":
            await self._sink.probe(self.table)
            self._probed = True
        self._in_hand = await self._next_batch()
        return await self._ship(self._in_hand)

    async def _next_batch(self) -> Batch:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            after, page = ahead
            if after == self.cursor.position:
                return await page
            # The flush before was cancelled: what it had in hand is not acknowledged, and comes first.
            page.cancel()
        return await self.source.read(self.cursor.position, self.chunk.rows)

    async def _ship(self, batch: Batch) -> SyncResult:
        if not batch.rows and not batch.flawed:
            self.cursor = Cursor(batch.through, self.cursor.delivered)
            if self.cursor.position - self._saved.position > SKIPPED_BEFORE_SAVED:
                await self.save()
            await self._backlog.shrink(batch)
            await self._worked(0)
            self.oldest_unsent_us = None
            return SyncResult(more=batch.more, is_catching_up=batch.is_full)
        if batch.rows:
            self.oldest_unsent_us = row_module.microseconds(batch.rows[0].timestamp)
        if batch.more and batch.is_full and self.state == "ok":
            page = asyncio.create_task(self.source.read(batch.through, self.chunk.rows))
            self._ahead = batch.through, page
        sent = time.monotonic()
        delivered = await self._delivery.deliver(batch)
        seconds = time.monotonic() - sent
        await self._acknowledge(batch, delivered)
        self.chunk.delivered(delivered.rows, seconds)
        self._on_delivered(self.table, _without(batch, delivered.dead), seconds)
        self._measure(delivered.rows, seconds)
        await self._backlog.shrink(batch)
        await self._worked(delivered.rows)
        if not batch.more:
            self.oldest_unsent_us = None
        return SyncResult(delivered.rows, len(delivered.dead), batch.more, batch.more and batch.is_full)

    async def _acknowledge(self, batch: Batch, delivered: Delivered) -> None:
        after = Cursor(batch.through, self.cursor.delivered + delivered.rows)
        await self._cursors.advance(self.table.name, self.cursor, after, delivered.dead)
        self.cursor = self._saved = after
        self.dead_letters += len(delivered.dead)
        for letter in delivered.dead:
            logger.bind(event="replicator.dead_letter", table=self.table.name, seq=letter.seq, code=letter.code).error(
                "{} row of seq {} will never be accepted: {}", self.table.name, letter.seq, letter.reason
            )

    @property
    def is_restored(self) -> bool:
        """Whether the log was restored from an older backup: the cursor says nothing of what it holds now."""
        head = self.source.head()
        return self._restored is not None or (head is not None and self.cursor.position > head)

    async def accept_restored_log(self, delivered_through: int) -> None:
        """Go on after `delivered_through`: all of the restored log up to there was delivered by the caller."""
        async with self._lock:
            self.cursor = self._saved = Cursor(delivered_through, self.cursor.delivered)
            await self._cursors.reset(self.table.name, self.cursor)
            self._restored = None
            self._backlog = Backlog(self.source)
            await self._worked(0)

    async def count_backlog(self) -> None:
        """Look at some of what waits, for `status`."""
        with contextlib.suppress(CorruptEventError, sqlite3.OperationalError):  # delivering it will tell
            await self._backlog.count(self.cursor.position)

    async def count_unsent(self) -> int:
        """The rows beyond the cursor; positions, where a corrupt event keeps them from being counted."""
        try:
            return await self.source.count(self.cursor.position)
        except CorruptEventError:
            return self.status().unsent

    async def save(self) -> None:
        """Write down positions that were passed without anything to send."""
        if self.cursor.position > self._saved.position:
            await self._cursors.advance(self.table.name, self._saved, self.cursor, [])
            self._saved = self.cursor

    async def _failed(self, error: TicktapeError) -> SyncResult:
        await self._forget_ahead()
        if isinstance(error, CursorBeyondHeadError):
            self._restored = error
        self._on_failed(self.table, self._in_hand.rows)
        self._rate = 0.0
        self._failures += 1
        self.last_error = str(error)
        if isinstance(error, RetryableError):
            self.state = "retrying"
            self._retries += 1
            shrunk = isinstance(error, ChunkTooLargeError) and self.chunk.refused(error.rows)
            wait = 0.0 if shrunk else self._backoff.next_seconds(error.retry_after_seconds)
        else:
            self.state = "halted"
            wait = PROBE_SECONDS
        self._alarms.failed(self.table.name, error, halted=self.state == "halted", wait_seconds=wait)
        await self._note_state()
        await self.count_backlog()
        return SyncResult(error=error, wait_seconds=wait, more=True)

    async def _worked(self, rows: int) -> None:
        self._backoff.reset()
        self._alarms.worked(self.table.name, rows + self.status().unsent)
        self.state = "ok"
        self.last_error = None
        await self._note_state()

    async def _note_state(self) -> None:
        if self.state != self._noted_state:
            noted = RESTORED if self._restored is not None else self.state
            with contextlib.suppress(sqlite3.OperationalError):  # said by the cursor's own write already
                await self._cursors.note_state(self.table.name, noted, self.last_error)
                self._noted_state = self.state

    def _measure(self, rows: int, seconds: float) -> None:
        now = rows / max(seconds, 1e-6)
        self._rate = now if self._rate == 0.0 else 0.8 * self._rate + 0.2 * now

    async def _forget_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            page = ahead[1]
            page.cancel()
            await asyncio.wait([page])
            if not page.cancelled():
                page.exception()  # the same error comes again when the page is read anew

    def _unsent(self) -> int:
        # Of a restored log nobody knows what was delivered.
        return (self.source.head() or 0) if self._restored is not None else self._backlog.rows(self.cursor.position)

    def status(self) -> TableStatus:
        """How the table stands, from memory."""
        return TableStatus(
            table=self.table.name,
            cursor=self.cursor.position,
            unsent=self._unsent(),
            oldest_unsent_us=self.oldest_unsent_us,
            delivered=self.cursor.delivered,
            dead_letters=self.dead_letters,
            state=self.state,
            last_error=self.last_error,
            rows_per_second=self._rate,
            failures=self._failures,
            retries=self._retries,
        )

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[Cursor]:
        """Nothing of this table is sent inside the block; yields the cursor, which stands still."""
        async with self._lock:
            yield self.cursor

    async def close(self) -> None:
        """Stop reading ahead and write the cursor down."""
        await self._forget_ahead()
        await self.save()


def _without(batch: Batch, dead: Sequence[NewDeadLetter]) -> Sequence[row_module.Row]:
    """The rows of `batch` that were delivered."""
    if not dead:
        return batch.rows
    refused = {letter.seq for letter in dead}
    return [row for row, position in zip(batch.rows, batch.positions, strict=True) if position not in refused]
