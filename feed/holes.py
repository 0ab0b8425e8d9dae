"""Holes in the record: each becomes one `feed_gap` event per session it touches, and is filled with minute bars."""

from loguru import logger

from eventlog import events
from eventlog.api import TimedLog
from eventlog.clock import Clock
from eventlog.events import Event, FeedGap
from feed import recovery
from feed.appender import Appender
from feed.backfill import Backfill
from feed.hours import Hours
from feed.status import Status


class Holes:
    """At most one hole is open. It begins with the last frame received and ends when everything is subscribed again."""

    def __init__(
        self,
        log: TimedLog,
        tickers: tuple[str, ...],
        hours: Hours,
        appender: Appender,
        backfill: Backfill,
        clock: Clock,
        status: Status,
    ) -> None:
        self._log = log
        self._tickers = tickers
        self._hours = hours
        self._appender = appender
        self._backfill = backfill
        self._clock = clock
        self._status = status
        self._earliest_us = 0
        self._open: tuple[int, str] | None = None

    async def recover(self) -> None:
        """Open the hole that reaches back to the recording before this one; the log may hold its first part already."""
        self._open = await recovery.last_recorded(self._log)
        started = await self._log.latest("service_started", "")
        stored = await self._log.latest("feed_gap", "")
        if started is not None and stored is not None and stored.seq > started.seq:
            gap = events.decode(stored)
            assert isinstance(gap, FeedGap)
            for begin_us, end_us in self._hours.within_sessions(gap.from_us, gap.to_us):
                self._backfill.add(self._tickers, begin_us, end_us)

    def none_before_now(self) -> None:
        """A connection is about to be made, or is complete: a hole that opens next begins here at the earliest."""
        self._earliest_us = self._clock.now_us()

    def open(self, reason: str) -> None:
        """The connection ended or did not come about. An open hole keeps its beginning and its reason."""
        if self._open is None:
            since_us = self._status.last_frame_us or 0
            self._open = max(since_us, self._earliest_us), reason

    def close(self) -> None:
        """Put the hole on record up to now, where the market was open."""
        if self._open is None:
            return
        (from_us, because), self._open = self._open, None
        # In order also after the clock was set back, so that the hole stays on record.
        first_us, last_us = sorted((from_us, self._clock.now_us()))
        for begin_us, end_us in self._hours.within_sessions(first_us, last_us):
            gap = FeedGap(from_us=begin_us, to_us=end_us, reason=because)
            self._appender.add([Event("", begin_us, gap)])
            self._backfill.add(self._tickers, begin_us, end_us)
            self._status.gaps += 1
            logger.bind(event="feed.gap", seconds=(end_us - begin_us) / 1e6).warning("hole on record: {}", because)
