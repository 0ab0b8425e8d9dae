"""Strictly increasing keys: (ticker, timestamp) never collides, however many trades share a millisecond."""

BELIEVABLE_LEAD_US = 5_000_000


def next_key(time_us: int, last_key_us: int | None) -> int:
    """`time_us` if it is larger than the last key, otherwise the last key plus one microsecond."""
    if last_key_us is None or time_us > last_key_us:
        return time_us
    return last_key_us + 1


def is_believable(time_us: int, received_us: int) -> bool:
    """Whether a time Schwab gives is positive and at most five seconds ahead of our clock."""
    return 0 < time_us <= received_us + BELIEVABLE_LEAD_US


def next_quote_key(time_us: int, last_key_us: int | None, received_us: int) -> int:
    """As `next_key`, but a last key far ahead of our clock is given up: the clock was set back.

    Ticks keep to the strict rule even then; the log refuses quotes from the future.
    """
    if last_key_us is not None and last_key_us > received_us + BELIEVABLE_LEAD_US:
        return time_us
    return next_key(time_us, last_key_us)
