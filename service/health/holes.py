"""The holes of the present ET day, from the gaps on record."""

import datetime

from eventlog import events, ranges
from eventlog.events import FeedGap, StoredEvent
from eventlog.ranges import Ranged
from feed.hours import Hours
from market import calendar
from service.health.facts import GapFacts
from service.settings import Settings

LOOK_BACK_US = 31 * calendar.DAY_US
"""A gap stands in the log at the time it began, which for a machine that was off may be days ago."""


async def today(log: Ranged, settings: Settings, now_us: int) -> GapFacts:
    """What of the sessions since midnight in New York is not on record."""
    since_us = calendar.eastern_us(calendar.trading_day(now_us), datetime.time(0))
    found: list[StoredEvent] = []
    for ticker in ("", *settings.stream_ticker):
        gaps = ranges.events_of(log, ticker, since_us - LOOK_BACK_US, now_us + 1, ["feed_gap"])
        found += [gap async for gap in gaps]
    return count(found, settings, since_us)


def count(found: list[StoredEvent], settings: Settings, since_us: int) -> GapFacts:
    """How many gaps of `found` lie in a session after `since_us`, and how long nothing was recorded in all."""
    hours = Hours(settings.session, always=settings.skip_market_hours)
    gaps: list[FeedGap] = []
    parts: list[tuple[int, int]] = []
    for gap in map(events.decode, found):
        assert isinstance(gap, FeedGap)
        in_sessions = hours.within_sessions(max(gap.from_us, since_us), gap.to_us)
        if in_sessions:
            gaps.append(gap)
            parts += in_sessions
    last = max(gaps, key=lambda gap: gap.to_us, default=None)
    return GapFacts(len(gaps), covered_us(parts) / 1_000_000, last.reason if last else None)


def covered_us(parts: list[tuple[int, int]]) -> int:
    """The length of all `parts` together; what several of them cover counts once."""
    covered, through_us = 0, 0
    for from_us, to_us in sorted(parts):
        covered += max(0, to_us - max(from_us, through_us))
        through_us = max(through_us, to_us)
    return covered
