"""Shares per tick from TOTAL_VOLUME, which is cumulative, at times revised downwards, and zeroed at about 07:28 ET.

Invariant: within one ET trading day and without a reset, the sum of volumes is the rise of the high-water mark since
the first tick, plus that tick's own size. A drop is not taken for a reset unless all signs agree (see `is_reset`): code
that took every drop for one counted up to 2.5 times the volume.
"""

import functools
from datetime import date, time

import msgspec

from market import calendar

_RESET_BEGINS = time(7, 25)
_RESET_ENDS = time(7, 35)
_LONGEST_CLOSURE_US = 7 * calendar.DAY_US


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The largest TOTAL_VOLUME seen on the ET trading day `day`, and when it was last raised."""

    day: date
    total: int
    raised_us: int


def advance(mark: Mark | None, day: date, total: int, last_size: int, at_us: int) -> tuple[int, Mark]:
    """The shares of a tick at `at_us` on `day`, and the mark after it.

    The first tick of a day without a mark counts its own size: what was traded before it was not recorded.
    """
    if mark is None or mark.day != day:
        return last_size, Mark(day, total, at_us)
    if is_reset(mark, day, total, at_us):
        return total, Mark(day, total, at_us)
    if total > mark.total:
        return total - mark.total, Mark(day, total, at_us)
    return 0, mark


def observe(mark: Mark, day: date, total: int, at_us: int) -> Mark:
    """The mark after a TOTAL_VOLUME that came without a trade: only a reset moves it."""
    return Mark(day, total, at_us) if is_reset(mark, day, total, at_us) else mark


def is_reset(mark: Mark, day: date, total: int, at_us: int) -> bool:
    """Whether Schwab zeroed its counter: a drop to less than half across that morning's reset.

    The mark must have been raised before the reset's window ended and the drop be seen after it began. On a day that
    has no mark yet, only a counter seen at zero counts, where any other value may hold trades from before the
    recording, and only if the recording was going on (an old tape also begins at zero).
    """
    begins_us, ends_us = _reset_window_us(day)
    if not (total * 2 < mark.total and at_us >= begins_us and mark.raised_us < ends_us):
        return False
    return mark.day == day or (total == 0 and at_us - mark.raised_us <= _LONGEST_CLOSURE_US)


@functools.lru_cache(maxsize=16)
def _reset_window_us(day: date) -> tuple[int, int]:
    return calendar.eastern_us(day, _RESET_BEGINS), calendar.eastern_us(day, _RESET_ENDS)
