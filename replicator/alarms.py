"""What the log says about a table that fails: at once, then once a minute for the same error, then the recovery."""

import time

from loguru import logger

from eventlog.errors import TicktapeError

REPEATED_SECONDS = 60.0


class Alarms:
    """The log lines of one table."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._failing_since: float | None = None
        self._last_text = ""
        self._last_logged = 0.0

    def failed(self, error: TicktapeError, halted: bool, wait_seconds: float) -> None:
        """Say it, unless it was said less than a minute ago."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        text = str(error)
        if text == self._last_text and now - self._last_logged < REPEATED_SECONDS:
            return
        self._last_text, self._last_logged = text, now
        if halted:
            bound = logger.bind(event="replicator.halted", table=self._table)
            bound.error("{} is halted, nothing is dropped, next probe in {:.0f} s: {}", self._table, wait_seconds, text)
        else:
            bound = logger.bind(event="replicator.retrying", table=self._table)
            bound.warning("{} was not delivered, next try in {:.1f} s: {}", self._table, wait_seconds, text)

    def worked(self, rows_behind: int) -> None:
        """Say that an outage is over."""
        if self._failing_since is None:
            return
        seconds = time.monotonic() - self._failing_since
        self._failing_since = None
        self._last_text = ""
        logger.bind(
            event="replicator.recovered", table=self._table, seconds=round(seconds, 1), behind=rows_behind
        ).info("{} recovered after {:.1f} s, {} rows behind", self._table, seconds, rows_behind)
