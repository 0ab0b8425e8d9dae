"""Holes in the record: each becomes one `feed_gap` event per session it touches, and is filled with minute bars.

A hole begins when the last frame was sent that was received, and ends when all is subscribed again. The clock may be
set meanwhile: what was noted by a clock that was ahead is not believed, and no hole reaches beyond the present.
"""

from typing import NamedTuple

from loguru import logger

from eventlog import events
from eventlog.api import TimedLog
from eventlog.clock import Clock
from eventlog.events import Event, FeedGap
from feed import lateness, recovery
from feed.appender import Appender
from feed.backfill import Backfill
from feed.hours import Hours
from feed.status import Status


class _Hole(NamedTuple):
    """`since_us` is its beginning, `since_boot_us` the same on the clock that nobody sets."""

    since_us: int
    since_boot_us: int
    reason: str


class Holes:
    """At most one hole is open."""

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
        self._open: _Hole | None = None

    async def recover(self) -> None:
        """Open the hole that reaches back to the recording before this one; the log may hold its first part already."""
        ended = await recovery.last_recorded(self._log)
        if ended is not None:
            self.open(ended.reason, ended.at_us)
        started = await self._log.last_of_kind("service_started")
        stored = await self._log.last_of_kind("feed_gap")
        if started is not None and stored is not None and stored.seq > started.seq:
            gap = events.decode(stored)
            assert isinstance(gap, FeedGap)
            for begin_us, end_us in self._hours.within_sessions(gap.from_us, gap.to_us):
                self._backfill.add(self._tickers, begin_us, end_us)

    def none_before_now(self) -> None:
        """A connection is about to be made, or is complete: a hole that opens next begins here at the earliest."""
        self._earliest_us = self._clock.now_us()

    def open(self, reason: str, since_us: int | None = None) -> None:
        """Nothing is recorded since `since_us` (default: the last frame). An open hole stays as it is."""
        if self._open is not None:
            return
        now_us = self._clock.now_us()
        since_us = min(self._last_known_us(now_us) if since_us is None else since_us, now_us)
        self._open = _Hole(since_us, lateness.boot_us() - (now_us - since_us), reason)

    def _last_known_us(self, now_us: int) -> int:
        earliest_us = self._earliest_us if self._earliest_us <= now_us else 0
        return max(self._status.last_frame_us or 0, earliest_us) or now_us

    def close(self) -> None:
        """Put the hole on record up to now, where the market was open."""
        if self._open is None:
            return
        hole, self._open = self._open, None
        now_us = self._clock.now_us()
        # Where the clock was set back behind the beginning, the hole is as long as it lasted.
        since_us = hole.since_us if hole.since_us <= now_us else now_us - (lateness.boot_us() - hole.since_boot_us)
        for begin_us, end_us in self._hours.within_sessions(since_us, now_us):
            gap = FeedGap(from_us=begin_us, to_us=end_us, reason=hole.reason)
            self._appender.add([Event("", begin_us, gap)])
            self._backfill.add(self._tickers, begin_us, end_us)
            self._status.gaps += 1
            logger.bind(event="feed.gap", seconds=(end_us - begin_us) / 1e6).warning("hole on record: {}", hole.reason)
