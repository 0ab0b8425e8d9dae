"""Compares a destination with the log by count and digest, narrows a difference down to rows, and repairs it.

No row is downloaded: the destination computes its digests itself. Rows that only it has are counted, never deleted.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from eventlog.api import TimedLog
from replicator import digests, rows
from replicator.errors import ChunkTooLargeError, PermanentError
from replicator.localrows import LocalRows
from replicator.patience import patient
from replicator.replicator import Replicator
from replicator.rows import Row
from replicator.sink import Digest
from replicator.tables import TableSpec

HOUR_US = 3_600_000_000
MOST_ANSWERS = 1_000  # PostgREST cuts longer answers without a word
LAST_US = 4_102_444_800_000_000  # the year 2100
REPAIR_ROWS = 500
EXAMPLES = 10
_NOTHING = 0, digests.md5([])


@dataclass
class TableReport:
    """What was found. `refused` rows could not be repaired; `examples` are the first differing keys, as text."""

    table: str
    hours: int = 0
    rows: int = 0
    missing: int = 0
    different: int = 0
    only_remote: int = 0
    repaired: int = 0
    refused: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether both sides hold the same rows."""
        return not (self.missing or self.different or self.only_remote)


@dataclass(frozen=True)
class Scope:
    """What is compared: one ticker or all, since_us <= timestamp < until_us."""

    ticker: str | None = None
    since_us: int = 0
    until_us: int = LAST_US


@dataclass(frozen=True)
class Window:
    """Rows of one ticker with since_us <= timestamp < until_us."""

    ticker: str
    since_us: int
    until_us: int


class Verification:
    """One table of one destination. Only rows up to the cursor are expected there; dead letters are not."""

    def __init__(self, table: TableSpec, replicator: Replicator, log: TimedLog, repair: bool) -> None:
        self.report = TableReport(table.name)
        self._table = table
        self._replicator = replicator
        self._local = LocalRows(table, log, replicator.state)
        self._line = digests.line_maker(table)
        self._repair = repair
        self._dead: set[int] = set()

    async def run(self, scope: Scope, progress: Callable[[int, int | None], None]) -> TableReport:
        """Compare every hour; Raises RetryableError after some attempts, and HaltingError."""
        since_us, until_us = scope.since_us, scope.until_us
        self._dead = await self._replicator.cursors.dead_seqs(self._table.name)
        answers = await self._remote(since_us, until_us, scope.ticker)
        remote = {(digest.ticker, digest.hour_us): digest for digest in answers}
        everybody = sorted({*await self._local.tickers(), *(name for name, _ in remote)})
        for name in [scope.ticker] if scope.ticker else everybody:
            local = await self._local_hours(name, since_us, until_us)
            for hour_us in sorted({hour_us for of_ticker, hour_us in remote if of_ticker == name} | set(local)):
                self.report.hours += 1
                theirs = remote.get((name, hour_us))
                if local.get(hour_us) != (theirs and (theirs.row_count, theirs.digest)):
                    await self._inspect(Window(name, max(hour_us, since_us), min(hour_us + HOUR_US, until_us)))
                progress(self.report.hours, None)
        return self.report

    async def _local_hours(self, ticker: str, since_us: int, until_us: int) -> dict[int, tuple[int, str]]:
        """Hour -> (rows, digest); one hour's rows in memory at a time."""
        cursor = self._replicator.pump(self._table.name).cursor.position
        hours: dict[int, tuple[int, str]] = {}
        found: list[Row] = []
        present_us = -1
        async for position, row in self._local.between(ticker, since_us, until_us):
            if position > cursor or position in self._dead:
                continue
            hour_us = rows.microseconds(row.timestamp) // HOUR_US * HOUR_US
            if hour_us != present_us and found:
                hours[present_us] = self._sum(found)
                found = []
            present_us = hour_us
            found.append(row)
        if found:
            hours[present_us] = self._sum(found)
        self.report.rows += sum(count for count, _ in hours.values())
        return hours

    def _sum(self, found: list[Row]) -> tuple[int, str]:
        unique = self._unique(found)
        return len(unique), digests.md5([self._line(row) for row in unique])

    def _unique(self, found: list[Row]) -> list[Row]:
        kept: dict[object, Row] = {}
        for row in found:
            if self._table.merge:
                kept[self._table.key_of(row)] = row
            else:
                kept.setdefault(self._table.key_of(row), row)
        return digests.in_key_order(self._table, list(kept.values()))

    async def _remote(self, since_us: int, until_us: int, ticker: str | None) -> list[Digest]:
        """The destination's digests; a stretch that is too much for one answer is halved at a full hour."""
        halves = (until_us - since_us) // HOUR_US >= 2
        try:
            found = await self._ask(since_us, until_us, ticker)
            if len(found) < MOST_ANSWERS or not halves:
                return found
        except ChunkTooLargeError:
            if not halves:
                raise
        middle_us = (since_us + until_us) // 2 // HOUR_US * HOUR_US
        first = await self._remote(since_us, middle_us, ticker)
        return first + await self._remote(middle_us, until_us, ticker)

    @patient
    async def _ask(self, since_us: int, until_us: int, ticker: str | None) -> list[Digest]:
        return await self._replicator.sink.digest(self._table, since_us, until_us, ticker)

    async def _inspect(self, window: Window) -> None:
        """Find the rows that differ, and repair them."""
        for part in await self._look(window):
            await self._inspect(part)

    async def _look(self, window: Window) -> list[Window]:
        """Compare one window while nothing of this table is under way; the parts to look at when it differs.

        Between two windows live rows are sent: an hour in which every row differs takes two requests for each of them.
        """
        async with self._replicator.pump(self._table.name).paused() as cursor:
            found: list[Row] = []
            unacknowledged = 0
            async for position, row in self._local.between(window.ticker, window.since_us, window.until_us):
                if position in self._dead:
                    continue
                if position > cursor.position:
                    unacknowledged += 1
                else:
                    found.append(row)
            local = self._unique(found)
            theirs = next(iter(await self._ask(window.since_us, window.until_us, window.ticker)), None)
            if self._sum(local) == ((theirs.row_count, theirs.digest) if theirs else _NOTHING):
                return []
            if theirs is None or not local or window.until_us - window.since_us == 1:
                self._count(local, theirs.row_count if theirs else 0, unacknowledged)
                if self._repair:
                    await self._send(local)
                return []
        return _halves(window, local)

    def _count(self, local: list[Row], there: int, unacknowledged: int) -> None:
        missing = max(0, len(local) - there)
        self.report.missing += missing
        self.report.different += len(local) - missing
        # A row that was applied but not yet acknowledged is not one that only the destination knows.
        self.report.only_remote += max(0, there - len(local) - unacknowledged)
        for row in local[: EXAMPLES - len(self.report.examples)]:
            self.report.examples.append(" ".join(map(str, self._table.key_of(row))))

    async def _send(self, wrong: list[Row]) -> None:
        for start in range(0, len(wrong), REPAIR_ROWS):
            await self._send_part(wrong[start : start + REPAIR_ROWS])

    @patient
    async def _send_part(self, wrong: list[Row]) -> None:
        """Rows that the destination refuses stay different; all others are repaired."""
        try:
            await self._replicator.sink.upsert(self._table, wrong, merge=True)
            self.report.repaired += len(wrong)
        except PermanentError:
            if len(wrong) == 1:
                self.report.refused += 1
                return
            middle = len(wrong) // 2
            await self._send_part(wrong[:middle])
            await self._send_part(wrong[middle:])


def _halves(window: Window, local: list[Row]) -> list[Window]:
    """Parts with about as many local rows each; the only row left gets a window of its own."""
    moments = sorted({rows.microseconds(row.timestamp) for row in local})
    middle_us = moments[len(moments) // 2]
    around = [middle_us, middle_us + 1] if len(moments) == 1 else [middle_us]
    cuts = [window.since_us, *around, window.until_us]
    return [
        Window(window.ticker, since_us, until_us)
        for since_us, until_us in itertools.pairwise(cuts)
        if since_us < until_us
    ]
