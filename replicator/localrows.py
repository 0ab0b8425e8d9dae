"""What a destination should hold, read from the log and from state.db in key order, page by page."""

import functools
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

from eventlog import ranges
from eventlog.api import TimedLog
from eventlog.database import Database
from eventlog.events import StoredEvent
from replicator import rows
from replicator.rows import Row
from replicator.sources import position_column
from replicator.tables import NO_TICKER, TableSpec

PAGE = 5_000


class LocalRows:
    """The rows of one table, with their positions."""

    def __init__(self, table: TableSpec, log: TimedLog, state: Database) -> None:
        self._table = table
        self._log = log
        self._state = state

    async def tickers(self) -> list[str]:
        """The tickers that have rows, as the destination names them, sorted."""
        if not self._table.kinds:
            sql = f"SELECT DISTINCT ticker FROM {self._table.name} ORDER BY ticker"  # noqa: S608
            found = await self._state.run(lambda connection: connection.execute(sql).fetchall())
            return [ticker for (ticker,) in found]
        return sorted(ticker or NO_TICKER for ticker in await self._log.tickers(self._table.kinds))

    async def between(self, ticker: str, since_us: int, until_us: int) -> AsyncIterator[tuple[int, Row]]:
        """(position, row) with since_us <= timestamp < until_us, in time order."""
        if not self._table.kinds:
            pages = self._of_state(ticker, since_us, until_us)
        elif self._table.name == "stream_gaps":
            pages = self._of_gaps(ticker, since_us, until_us)
        else:
            pages = self._of_events(ticker, since_us, until_us)
        async for position, row in pages:
            yield position, row

    def _row(self, event: StoredEvent) -> Row | None:
        """None for what cannot be a row; it is a dead letter."""
        try:
            return self._table.rows_of([event])[0]
        except (ValueError, TypeError):
            return None

    async def _of_events(self, ticker: str, since_us: int, until_us: int) -> AsyncIterator[tuple[int, Row]]:
        async for event in ranges.events_of(self._log, ticker, since_us, until_us, self._table.kinds):
            row = self._row(event)
            if row is not None:
                yield event.seq, row

    async def _of_gaps(self, ticker: str, since_us: int, until_us: int) -> AsyncIterator[tuple[int, Row]]:
        """Gaps are few. Of those with the same beginning, their key, the one recorded last counts."""
        found: dict[int, tuple[int, Row]] = {}
        about = "" if ticker == NO_TICKER else ticker
        async for event in ranges.events_of(self._log, about, 0, ranges.FOR_EVER_US, self._table.kinds):
            row = self._row(event)
            if row is None:
                continue
            begin_us = rows.microseconds(row.timestamp)
            if since_us <= begin_us < until_us and event.seq > found.get(begin_us, (0,))[0]:
                found[begin_us] = (event.seq, row)
        for begin_us in sorted(found):
            yield found[begin_us]

    async def _of_state(self, ticker: str, since_us: int, until_us: int) -> AsyncIterator[tuple[int, Row]]:
        names = ", ".join("ts_us" if column == "timestamp" else column for column in self._table.columns)
        sql = (
            f"SELECT {position_column(self._table)}, {names} FROM {self._table.name}"  # noqa: S608
            " WHERE ticker = ? AND ts_us >= ? AND ts_us < ? ORDER BY ts_us LIMIT ?"
        )
        when = self._table.columns.index("timestamp")
        while True:
            values = (ticker, since_us, until_us, PAGE)
            page = await self._state.run(functools.partial(_fetch, sql=sql, values=values))
            for position, *fields in page:
                since_us = fields[when] + 1
                fields[when] = rows.timestamp(fields[when])
                yield position, self._table.row_type(*fields)
            if len(page) < PAGE:
                return


def _fetch(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return connection.execute(sql, values).fetchall()
