"""Where the rows of a table come from: facts from the log, derived rows from state.db.

Reads are paged and finished before anything is sent, so that no reader holds the WAL while a request is under way.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from eventlog import events
from eventlog.api import Log, Page
from eventlog.database import Database
from eventlog.errors import CorruptEventError
from replicator import rows
from replicator.errors import CursorBeyondHeadError
from replicator.rows import Row
from replicator.tables import TableSpec

CONVERTED_AT_ONCE = 500  # rows made between two turns of the event loop, about a millisecond's work
READ_AT_ONCE = 1_000
COUNTED_EXACTLY = 100_000
COUNTED_AT_ONCE = 2_000


@dataclass
class Flawed:
    """A row that no destination can take."""

    position: int
    text: str
    reason: str


@dataclass
class Batch:
    """Rows in order of position. Everything up to `through` is in here or is nothing for this table.

    `more`: there are positions beyond. `is_full`: the page was as large as asked for, so the table is catching up.
    """

    rows: list[Row] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    flawed: list[Flawed] = field(default_factory=list)
    through: int = 0
    more: bool = False
    is_full: bool = False

    def add(self, table: TableSpec, positions: Sequence[int], found: Sequence[Row]) -> None:
        """Append rows; those that can never be sent are set aside."""
        if table.are_finite(found):
            self.rows.extend(found)
            self.positions.extend(positions)
            return
        for position, row in zip(positions, found, strict=True):
            reason = table.flaw(row)
            if reason is None:
                self.rows.append(row)
                self.positions.append(position)
            else:
                self.flawed.append(Flawed(position, rows.to_text(row), reason))


class Source(Protocol):
    """Rows of one table by position, which is a seq or a revision."""

    def head(self) -> int | None:
        """The last position there is, if that is known without reading; else None."""

    async def read(self, after: int, limit: int) -> Batch:
        """At most `limit` rows with a position > `after`."""

    async def count_part(self, after: int) -> tuple[int, int]:
        """How many of the next rows beyond `after` there are, and up to which position that was counted."""

    async def count(self, after: int) -> int:
        """How many rows have a position > `after`."""


def beyond_head(table: str, cursor: int, head: int) -> CursorBeyondHeadError:
    """The error of a table that has delivered more than the log holds."""
    return CursorBeyondHeadError(
        f"{table} was sent up to seq {cursor}, but the log ended at {head}: an older backup was restored; run "
        "`ticktape replicate --from-start`"
    )


class LogSource:
    """Facts. The position is the event's seq."""

    def __init__(self, log: Log, table: TableSpec) -> None:
        self._log = log
        self._table = table

    def head(self) -> int | None:
        return self._log.head

    async def read(self, after: int, limit: int) -> Batch:
        """Raises CursorBeyondHeadError, and CorruptEventError of the log."""
        head = self._log.head
        if after > head:
            raise beyond_head(self._table.name, after, head)
        page = await self._in_parts(after, limit)
        # Nothing looked at although the head is beyond: those events were deleted by retention.
        through = page.through_seq if page.through_seq > after else head
        batch = Batch(through=through, more=through < self._log.head, is_full=len(page.events) >= limit)
        kinds = self._table.kinds
        found = [event for event in page.events if event.kind in kinds]
        for start in range(0, len(found), CONVERTED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            self._add(batch, found[start : start + CONVERTED_AT_ONCE])
        return batch

    async def _in_parts(self, after: int, limit: int) -> Page:
        """A large page, read in small ones: while one is checked, no other thread gets on, the writer included."""
        page = await self._before_damage(after, min(limit, READ_AT_ONCE))
        found, through = page.events, page.through_seq
        while READ_AT_ONCE <= len(found) < limit and through < self._log.head:
            page = await self._before_damage(through, min(limit - len(found), READ_AT_ONCE))
            if page.through_seq == through:
                break
            found, through = found + page.events, page.through_seq
        return Page(found, through)

    async def _before_damage(self, after: int, limit: int) -> Page:
        """What can be read in front of a corrupt event. Raises CorruptEventError when that is the next one."""
        while True:
            try:
                return await self._log.read(after, limit)
            except CorruptEventError:
                if limit == 1:
                    raise
                limit //= 2

    def _add(self, batch: Batch, found: Sequence[events.StoredEvent]) -> None:
        try:
            batch.add(self._table, [event.seq for event in found], self._table.rows_of(found))
        except (ValueError, TypeError) as error:
            if len(found) > 1:
                for event in found:
                    self._add(batch, [event])
                return
            text = found[0].payload.decode(errors="replace")
            batch.flawed.append(Flawed(found[0].seq, text, f"not a row: {error}"))

    async def count(self, after: int) -> int:
        """Exact for a backlog that is quickly read; of a larger one all events, other kinds included."""
        if self._log.head - after > COUNTED_EXACTLY:
            return self._log.head - after
        total = 0
        while after < self._log.head:
            rows_of_part, through = await self.count_part(after)
            total += rows_of_part
            if through == after:
                break
            after = through
        return total

    async def count_part(self, after: int) -> tuple[int, int]:
        """How many rows the next page beyond `after` holds, and the position where that page ends."""
        page = await self._log.read(after, COUNTED_AT_ONCE, self._table.kinds)
        return len(page.events), page.through_seq


class StateSource:
    """Rows of a table of state.db. The position is a number that grows with every new or changed row."""

    def __init__(self, state: Database, table: TableSpec) -> None:
        self._state = state
        self._table = table
        self._when = table.columns.index("timestamp")
        position = position_column(table)
        names = ["ts_us" if column == "timestamp" else column for column in table.columns]
        self._page = (
            f"SELECT {position}, {', '.join(names)} FROM {table.name} WHERE {position} > ? ORDER BY {position} LIMIT ?"  # noqa: S608
        )
        self._count = f"SELECT count(*) FROM {table.name} WHERE {position} > ?"  # noqa: S608

    def head(self) -> int | None:
        return None

    async def read(self, after: int, limit: int) -> Batch:
        found = await self._state.run(lambda connection: connection.execute(self._page, (after, limit)).fetchall())
        is_full = len(found) == limit
        batch = Batch(through=found[-1][0] if found else after, more=is_full, is_full=is_full)
        for start in range(0, len(found), CONVERTED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            part = found[start : start + CONVERTED_AT_ONCE]
            batch.add(self._table, [position for position, *_ in part], [self._row(values) for _, *values in part])
        return batch

    async def count_part(self, after: int) -> tuple[int, int]:
        return await self.count(after), after

    def _row(self, values: list[Any]) -> Row:
        values[self._when] = rows.timestamp(values[self._when])
        return self._table.row_type(*values)

    async def count(self, after: int) -> int:
        return await self._state.run(lambda connection: int(connection.execute(self._count, (after,)).fetchone()[0]))


def position_column(table: TableSpec) -> str:
    """The column of state.db that grows with every new or changed row of `table`."""
    return "revision" if table.name == "indicators" else "id"


def of_table(table: TableSpec, log: Log, state: Database) -> Source:
    """The source that `table` is made of."""
    return LogSource(log, table) if table.kinds else StateSource(state, table)
