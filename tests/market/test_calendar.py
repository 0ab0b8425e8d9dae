"""The calendar against facts published by the NYSE, and against the time zone database."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import calendar

KINDS: list[calendar.SessionKind] = ["regular", "extended", "all"]
TIMES_US = st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1)).map(lambda t: us(t.replace(tzinfo=UTC)))  # noqa: DTZ001


def us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def eastern(text: str) -> int:
    return us(datetime.fromisoformat(text).replace(tzinfo=calendar.NEW_YORK))


@pytest.mark.parametrize(
    ("day", "opens_utc", "closes_utc"),
    [
        ("2026-03-06", "14:30", "21:00"),  # the Friday before daylight saving time begins
        ("2026-03-09", "13:30", "20:00"),  # the Monday after
        ("2026-10-30", "13:30", "20:00"),
        ("2026-11-02", "14:30", "21:00"),  # standard time again
        ("2026-11-27", "14:30", "18:00"),  # the day after Thanksgiving: closes at 13:00
        ("2024-07-03", "13:30", "17:00"),
        ("2012-06-21", "13:30", "20:00"),
    ],
)
def test_regular_hours(day: str, opens_utc: str, closes_utc: str) -> None:
    session = calendar.session_of(date.fromisoformat(day), "regular")
    assert session is not None
    assert session.open_us == us(datetime.fromisoformat(f"{day}T{opens_utc}:00Z"))
    assert session.close_us == us(datetime.fromisoformat(f"{day}T{closes_utc}:00Z"))


@pytest.mark.parametrize("day", ["2026-01-01", "2026-04-03", "2026-07-03", "2026-11-26", "2025-01-09", "2026-11-21"])
def test_holidays_and_weekends_have_no_session_but_a_calendar_day(day: str) -> None:
    noon = eastern(f"{day}T12:00")
    assert calendar.session_at(noon, "regular") is None
    assert calendar.session_at(noon, "extended") is None
    whole = calendar.session_at(noon, "all")
    assert whole is not None
    assert whole.day == date.fromisoformat(day)


def test_a_session_holds_its_opening_and_not_its_close() -> None:
    opening, closing = eastern("2026-11-20T09:30"), eastern("2026-11-20T16:00")
    assert calendar.session_at(opening - 1, "regular") is None
    assert calendar.session_at(opening, "regular") == calendar.session_at(closing - 1, "regular")
    assert calendar.session_at(closing, "regular") is None


def test_extended_hours_end_early_on_a_half_day() -> None:
    assert calendar.session_at(eastern("2026-11-25T19:59"), "extended") is not None
    assert calendar.session_at(eastern("2026-11-27T16:59"), "extended") is not None
    assert calendar.session_at(eastern("2026-11-27T17:00"), "extended") is None


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-11-20", 24)])
def test_the_whole_day_is_as_long_as_the_clocks_say(day: str, hours: int) -> None:
    session = calendar.session_of(date.fromisoformat(day), "all")
    assert session is not None
    assert session.close_us - session.open_us == hours * 3_600_000_000


def test_next_session_skips_the_holiday_and_the_weekend() -> None:
    after_close = eastern("2026-07-02T16:00")
    assert calendar.next_session(after_close, "regular").day == date(2026, 7, 6)
    before_open = eastern("2026-07-02T09:29")
    assert calendar.next_session(before_open, "regular").day == date(2026, 7, 2)
    assert calendar.next_session(eastern("2026-07-02T09:30"), "regular").day == date(2026, 7, 6)


@given(ts_us=TIMES_US)
def test_the_trading_day_is_the_day_of_the_new_york_clock(ts_us: int) -> None:
    moment = datetime.fromtimestamp(ts_us // 1_000_000, calendar.NEW_YORK)
    assert calendar.trading_day(ts_us) == moment.date()


@given(ts_us=TIMES_US, kind=st.sampled_from(KINDS))
def test_sessions_hold_their_times_and_follow_each_other(ts_us: int, kind: calendar.SessionKind) -> None:
    session, following = calendar.session_at(ts_us, kind), calendar.next_session(ts_us, kind)
    assert following.open_us > ts_us
    if session is not None:
        assert session.open_us <= ts_us < session.close_us <= following.open_us
        assert session.day == calendar.trading_day(ts_us)
