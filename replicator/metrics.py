"""streaming_metrics: one summary row per ticker and minute of what was delivered, kept in state.db and then shipped."""

import math
import operator
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loguru import logger

from eventlog.clock import Clock
from eventlog.database import Database
from replicator.rows import Row
from replicator.tables import EQUITY_DATA, STREAMING_METRICS, TableSpec

MINUTE_US = 60_000_000
_ticker_of = operator.attrgetter("ticker")

_ADD_AND_REPLACE = """
INSERT OR REPLACE INTO streaming_metrics
    (ticker, ts_us, records_processed, batch_size, processing_time_ms, error_count, service_status)
SELECT
    new.ticker, new.ts_us, new.records + coalesce(old.records_processed, 0), new.batch_size, new.milliseconds,
    new.errors + coalesce(old.error_count, 0), new.status
FROM (
    SELECT ? AS ticker, ? AS ts_us, ? AS records, ? AS batch_size, ? AS milliseconds, ? AS errors, ? AS status
) AS new
LEFT JOIN streaming_metrics AS old ON old.ticker = new.ticker AND old.ts_us = new.ts_us
"""


@dataclass
class _Minute:
    records: int = 0
    flushes: int = 0
    seconds: float = 0.0
    errors: int = 0


class Summary:
    """Counts deliveries of the present minute. Ticks are the records; an error of any table counts for its tickers."""

    def __init__(self, state: Database, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._minute_us = 0
        self._tickers: dict[str, _Minute] = {}

    def delivered(self, table: TableSpec, rows: Sequence[Row], seconds: float) -> None:
        """Rows were acknowledged after `seconds`."""
        if table is not EQUITY_DATA:
            return
        for ticker, records in Counter(map(_ticker_of, rows)).items():
            minute = self._of(ticker)
            minute.records += records
            minute.flushes += 1
            minute.seconds += seconds

    def failed(self, table: TableSpec, rows: Sequence[Row]) -> None:
        """A request with `rows` failed."""
        if table is STREAMING_METRICS:
            return
        for ticker in {row.ticker for row in rows}:
            self._of(ticker).errors += 1

    def _of(self, ticker: str) -> _Minute:
        if not self._tickers:
            self._minute_us = self._clock.now_us() // MINUTE_US * MINUTE_US
        return self._tickers.setdefault(ticker, _Minute())

    @property
    def due(self) -> bool:
        """Whether a minute with something in it is over."""
        return bool(self._tickers) and self._clock.now_us() >= self._minute_us + MINUTE_US

    async def save(self) -> None:
        """Write the rows of the counted minute and begin anew."""
        tickers, self._tickers = self._tickers, {}
        found = [_row(ticker, self._minute_us, minute) for ticker, minute in tickers.items()]

        def work(connection: sqlite3.Connection) -> None:
            # Replaced as a whole, so that a minute that goes on after a restart gets a new id and is shipped again.
            connection.executemany(_ADD_AND_REPLACE, found)

        if found:
            try:
                await self._state.transaction(work)
            except sqlite3.OperationalError as error:
                # A summary is no fact: it is given up rather than kept in memory until the disk has room.
                logger.bind(event="replicator.summary_lost").warning("state.db refused a summary ({})", error)

    async def prune(self, before_us: int, through_id: int) -> int:
        """Delete the rows of minutes before `before_us` with an id up to `through_id`; how many there were."""
        delete = "DELETE FROM streaming_metrics WHERE ts_us < ? AND id <= ?"
        return await self._state.transaction(
            lambda connection: connection.execute(delete, (before_us, through_id)).rowcount
        )


def _row(ticker: str, minute_us: int, minute: _Minute) -> tuple[str, int, int, int, int, int, str]:
    """`batch_size` and `processing_time_ms` are means per request, rounded up: something is never 0."""
    flushes = max(minute.flushes, 1)
    batch = -(-minute.records // flushes)
    milliseconds = math.ceil(minute.seconds * 1_000 / flushes)
    status = "degraded" if minute.errors else "healthy"
    return ticker, minute_us, minute.records, batch, milliseconds, minute.errors, status
