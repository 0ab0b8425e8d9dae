"""NYSE trading sessions by event time.

Regular hours are 09:30 to 16:00 ET, 13:00 on a half day; extended hours 04:00 to 20:00 ET, 17:00 on a half day
(NYSE Arca ends its late session four hours after an early close). Holidays and half days come from the `holidays`
package. An unscheduled closure can be unknown to it: then a session is reported in which no tick arrives.

Source: NYSE, "Holidays & Trading Hours". All times are microseconds since 1970-01-01 UTC; intervals are half-open.
"""

import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from market import closures

SessionKind = Literal["regular", "extended", "all"]

NEW_YORK = ZoneInfo("America/New_York")
DAY_US = 86_400_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.date()
_MICROSECOND = timedelta(microseconds=1)
_ONE_DAY = timedelta(days=1)
_LONGEST_CLOSURE_DAYS = 30

_FULL_DAY = {"regular": (time(9, 30), time(16)), "extended": (time(4), time(20))}
_HALF_DAY = {"regular": (time(9, 30), time(13)), "extended": (time(4), time(17))}


@dataclass(frozen=True, slots=True)
class Session:
    """One session of the ET trading day `day`: it holds the times `open_us <= ts_us < close_us`."""

    day: date
    open_us: int
    close_us: int


def session_at(ts_us: int, kind: SessionKind) -> Session | None:
    """The session of `kind` that holds `ts_us`, or None when the market is closed then.

    "all" is the whole ET calendar day, weekends and holidays included, so that it is never None.
    """
    session = session_of(trading_day(ts_us), kind)
    if session is None or not session.open_us <= ts_us < session.close_us:
        return None
    return session


def next_session(ts_us: int, kind: SessionKind) -> Session:
    """The first session of `kind` that opens after `ts_us`."""
    day = trading_day(ts_us)
    for _ in range(_LONGEST_CLOSURE_DAYS):
        session = session_of(day, kind)
        if session is not None and session.open_us > ts_us:
            return session
        day += _ONE_DAY
    raise AssertionError(f"no {kind} session within {_LONGEST_CLOSURE_DAYS} days of {ts_us}")


def trading_day(ts_us: int) -> date:
    """The ET calendar day of `ts_us`."""
    midnight_us, before, after = _midnight_within(ts_us // DAY_US)
    return before if ts_us < midnight_us else after


@functools.lru_cache(maxsize=4096)
def session_of(day: date, kind: SessionKind) -> Session | None:
    """The session of `kind` on the ET day `day`, or None when there is none."""
    if kind == "all":
        return Session(day, eastern_us(day, time(0)), eastern_us(day + _ONE_DAY, time(0)))
    if day.weekday() >= 5 or closures.has("public", day):
        return None
    opens, closes = (_HALF_DAY if closures.has("half_day", day) else _FULL_DAY)[kind]
    return Session(day, eastern_us(day, opens), eastern_us(day, closes))


def eastern_us(day: date, at: time) -> int:
    """The wall-clock time `at` of `day` in New York."""
    return (datetime.combine(day, at, NEW_YORK) - _EPOCH) // _MICROSECOND


@functools.lru_cache(maxsize=64)
def _midnight_within(utc_day: int) -> tuple[int, date, date]:
    """The ET midnight inside a UTC day (counted from 1970), and the ET days before and after it."""
    after = _EPOCH_DAY + timedelta(days=utc_day)
    return eastern_us(after, time(0)), after - _ONE_DAY, after
