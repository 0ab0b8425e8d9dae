"""Holes in the record: each becomes one `feed_gap` event per session it touches, and is filled with minute bars."""

import asyncio
from collections import deque

from loguru import logger

from eventlog import events
from eventlog.clock import Clock
from eventlog.events import Event, FeedGap
from feed import backfill, errors, recovery
from feed.appender import Appender
from feed.hours import Hours
from feed.recovery import History
from feed.schwab import Source
from feed.status import Status

SETTLE_US = 5_000_000
BACKFILL_TRIES = 5


class Holes:
    """At most one hole is open. It begins with the last frame received and ends when everything is subscribed again."""

    def __init__(
        self,
        log: History,
        source: Source,
        tickers: tuple[str, ...],
        hours: Hours,
        appender: Appender,
        clock: Clock,
        status: Status,
    ) -> None:
        self._log = log
        self._source = source
        self._tickers = tickers
        self._hours = hours
        self._appender = appender
        self._clock = clock
        self._status = status
        self._earliest_us = 0
        self._open: tuple[int, str] | None = None
        self._to_fill: deque[tuple[int, int]] = deque()

    async def recover(self) -> None:
        """Open the hole that reaches back to the recording before this one; the log may hold its first part already."""
        self._open = await recovery.last_recorded(self._log)
        started = await self._log.latest("service_started", "")
        stored = await self._log.latest("feed_gap", "")
        if started is not None and stored is not None and stored.seq > started.seq:
            gap = events.decode(stored)
            assert isinstance(gap, FeedGap)
            self._to_fill.extend(self._hours.within_sessions(gap.from_us, gap.to_us))

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
            self._to_fill.append((begin_us, end_us))
            self._status.gaps += 1
            logger.bind(event="feed.gap", seconds=(end_us - begin_us) / 1e6).warning("hole on record: {}", because)

    async def backfill_for_ever(self, poll_seconds: float) -> None:
        """Fetch minute bars for holes once their last minute is over. Failing costs bars, never the stream."""
        tries = 0
        while True:
            await asyncio.sleep(poll_seconds)
            if not self._to_fill:
                continue
            from_us, to_us = self._to_fill[0]
            last_minute_ends_us = to_us - to_us % backfill.MINUTE_US + backfill.MINUTE_US
            if not self._status.connected or self._clock.now_us() < last_minute_ends_us + SETTLE_US:
                continue
            tries += 1
            if await self._fill(from_us, to_us) or tries >= BACKFILL_TRIES:
                self._to_fill.popleft()
                tries = 0

    async def _fill(self, from_us: int, to_us: int) -> bool:
        try:
            client = self._source.client()
            try:
                for ticker in self._tickers:
                    bars = await backfill.fetch(client, self._log, ticker, from_us, to_us)
                    self._appender.add(bars)
                    self._status.backfilled_bars += len(bars)
            finally:
                await client.close()
        except (errors.ConnectionEndedError, ValueError) as error:
            logger.bind(event="feed.backfill").warning("no minute bars for a hole yet: {}", error)
            return False
        return True
