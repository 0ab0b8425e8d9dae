"""What the log says about tables that fail: at once, then once a minute for the same error, then the recovery."""

import time

from loguru import logger

from eventlog.errors import TicktapeError

REPEATED_SECONDS = 60.0
MOST_TEXTS = 100


class Alarms:
    """The log lines of one destination. What strikes all tables alike, as a wrong key does, is said once."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._failing_since: dict[str, float] = {}
        self._logged: dict[str, float] = {}

    def failed(self, table: str, error: TicktapeError, halted: bool, wait_seconds: float) -> None:
        """Say it, unless it was said less than a minute ago."""
        now = time.monotonic()
        self._failing_since.setdefault(table, now)
        text = str(error)
        if now - self._logged.get(text, -REPEATED_SECONDS) < REPEATED_SECONDS:
            return
        if len(self._logged) >= MOST_TEXTS:
            self._logged.clear()
        self._logged[text] = now
        bound = logger.bind(table=table, destination=self._destination)
        if halted:
            bound = bound.bind(event="replicator.halted")
            bound.error("{} is halted, nothing is dropped, next probe in {:.0f} s: {}", table, wait_seconds, text)
        else:
            bound = bound.bind(event="replicator.retrying")
            bound.warning("{} was not delivered, next try in {:.1f} s: {}", table, wait_seconds, text)

    def worked(self, table: str, rows_behind: int) -> None:
        """Say that an outage is over."""
        since = self._failing_since.pop(table, None)
        if since is None:
            return
        seconds = time.monotonic() - since
        bound = logger.bind(event="replicator.recovered", table=table, seconds=round(seconds, 1), behind=rows_behind)
        bound.info("{} recovered after {:.1f} s, {} rows behind", table, seconds, rows_behind)
        if not self._failing_since:
            self._logged.clear()
