"""Query parameters, read strictly: a wrong one is named, with what it should be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from market import calendar
from service.web.errors import BadQueryError

LARGEST = 2**53
"""The largest integer that JavaScript, too, can tell from its neighbour."""


@dataclass(frozen=True)
class Span:
    """The times `since_us <= ts_us < until_us`."""

    since_us: int
    until_us: int


def ticker(query: Mapping[str, str]) -> str:
    """The ticker, in capitals."""
    value = query.get("ticker")
    if not value or len(value) > 10:
        raise BadQueryError("ticker", value, "a ticker, such as QQQ")
    return value.upper()


def day(query: Mapping[str, str]) -> date:
    """The ET trading day."""
    value = query.get("day")
    try:
        return date.fromisoformat(value or "")
    except ValueError:
        raise BadQueryError("day", value, "an ET day, such as 2026-11-20") from None


def span(query: Mapping[str, str]) -> Span:
    """Either `day`, or `since_us` and `until_us`."""
    if "since_us" in query or "until_us" in query:
        since_us = integer(query, "since_us", 0)
        return Span(since_us, integer(query, "until_us", LARGEST))
    whole_day = calendar.session_of(day(query), "all")
    assert whole_day is not None
    return Span(whole_day.open_us, whole_day.close_us)


def integer(query: Mapping[str, str], name: str, default: int, largest: int = LARGEST) -> int:
    """A whole number from 0 to `largest`."""
    value = query.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdecimal() or len(value) > 16 or int(value) > largest:
        raise BadQueryError(name, value, f"a whole number from 0 to {largest}")
    return int(value)
