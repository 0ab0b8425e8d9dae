"""When the feed is connected: holidays, half days, both changes of daylight saving time, a year boundary."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from freezegun import freeze_time
from loguru import logger

from eventlog.clock import ManualClock, SystemClock
from feed import market_hours
from feed.hours import Hours, parse_market_hours
from feed.market_hours import MarketHours
from feed.schwab import SimulatedSource
from market.calendar import SessionKind
from tests.feed.harness import StillMarket, exchanging, feeding


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def utc(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("now", "kind", "streams", "opens"),
    [
        ("2025-11-20 14:27:59", "regular", False, "2025-11-20 14:30"),
        ("2025-11-20 14:28:00", "regular", True, "2025-11-20 14:30"),
        ("2025-11-20 14:30:00", "regular", True, "2025-11-21 14:30"),
        ("2025-11-20 21:00:09", "regular", True, "2025-11-21 14:30"),
        ("2025-11-20 21:00:10", "regular", False, "2025-11-21 14:30"),
        ("2025-11-20 08:57:59", "extended", False, "2025-11-20 09:00"),
        ("2025-11-20 08:58:00", "extended", True, "2025-11-20 09:00"),
        ("2025-11-21 01:00:09", "extended", True, "2025-11-21 09:00"),
        ("2025-11-21 01:00:10", "extended", False, "2025-11-21 09:00"),
        ("2025-11-27 15:00:00", "regular", False, "2025-11-28 14:30"),  # Thanksgiving
        ("2025-11-28 18:00:09", "regular", True, "2025-12-01 14:30"),  # the half day behind it
        ("2025-11-28 18:00:10", "regular", False, "2025-12-01 14:30"),
        ("2026-03-06 15:00:00", "regular", True, "2026-03-09 13:30"),  # daylight saving time begins on the 8th
        ("2026-03-09 13:28:00", "regular", True, "2026-03-09 13:30"),
        ("2026-10-30 21:00:00", "regular", False, "2026-11-02 14:30"),  # and ends on November 1
        ("2026-11-02 13:30:00", "regular", False, "2026-11-02 14:30"),
        ("2025-12-31 21:30:00", "regular", False, "2026-01-02 14:30"),  # New Year
        ("2025-12-31 23:30:00", "extended", True, "2026-01-02 09:00"),
        ("2026-07-03 15:00:00", "regular", False, "2026-07-06 13:30"),  # Independence Day observed
    ],
)
def test_calendar(now: str, kind: SessionKind, streams: bool, opens: str) -> None:
    with freeze_time(now):
        now_us = SystemClock().now_us()
        hours = Hours(kind)
        assert (hours.session_to_stream(now_us) is not None) is streams
        assert utc(hours.next_session(now_us).open_us) == opens


def test_skip_market_hours_streams_always() -> None:
    hours = Hours("regular", always=True)
    assert hours.is_always_open
    assert hours.session_to_stream(us("2025-11-27 03:00:00")) is not None


def answer(day: str, is_open: bool = True) -> dict[str, Any]:
    product: dict[str, Any] = {"date": day, "product": "EQ", "isOpen": is_open}
    if is_open:
        product["sessionHours"] = {
            "preMarket": [{"start": f"{day}T07:00:00-05:00", "end": f"{day}T09:30:00-05:00"}],
            "regularMarket": [{"start": f"{day}T09:30:00-05:00", "end": f"{day}T12:00:00-05:00"}],
            "postMarket": [{"start": f"{day}T12:00:00-05:00", "end": f"{day}T15:00:00-05:00"}],
        }
    return {"equity": {"EQ" if is_open else "equity": product}}


def test_schwabs_answer_overrides_the_calendar_for_its_day() -> None:
    hours = Hours("regular")
    hours.override(date(2025, 11, 20), answer("2025-11-20"))
    assert hours.session_at(us("2025-11-20 16:59:00")) is not None
    assert hours.session_at(us("2025-11-20 17:00:00")) is None
    assert hours.session_at(us("2025-11-21 17:00:00")) is not None, "the next day keeps to the calendar"


def test_an_unscheduled_closure_is_believed() -> None:
    hours = Hours("regular")
    hours.override(date(2025, 11, 20), answer("2025-11-20", is_open=False))
    assert hours.session_to_stream(us("2025-11-20 16:00:00")) is None
    assert utc(hours.next_session(us("2025-11-20 12:00:00")).open_us) == "2025-11-21 14:30"


def test_extended_hours_reach_from_pre_to_post_market() -> None:
    session = parse_market_hours(date(2025, 11, 20), answer("2025-11-20"), "extended")
    assert session is not None
    assert (utc(session.open_us), utc(session.close_us)) == ("2025-11-20 12:00", "2025-11-20 20:00")


@pytest.mark.parametrize("wrong", [{}, {"equity": {}}, {"equity": {"EQ": 5}}, {"equity": 5}, answer("2025-11-21")])
def test_an_answer_that_says_nothing_about_the_day_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        parse_market_hours(date(2025, 11, 20), wrong, "regular")


def hours_answer(hours: Any) -> dict[str, Any]:
    product = {"date": "2025-11-20", "isOpen": True, "sessionHours": hours}
    return {"equity": {"EQ": product}}


OPENS, CLOSES = "2025-11-20T09:30:00-05:00", "2025-11-20T16:00:00-05:00"


@pytest.mark.parametrize(
    "hours",
    [
        None,
        5,
        {},
        {"regularMarket": 5},
        {"regularMarket": [5]},
        {"regularMarket": {"start": OPENS, "end": CLOSES}},
        {"regularMarket": [{"end": CLOSES}]},
        {"regularMarket": [{"start": OPENS, "end": None}]},
        {"regularMarket": [{"start": CLOSES, "end": OPENS}]},
        {"regularMarket": [{"start": OPENS, "end": OPENS}]},
        {"regularMarket": [{"start": "2025-11-20T09:30:00", "end": CLOSES}]},
        {"regularMarket": [{"start": "2025-11-19T09:30:00-05:00", "end": CLOSES}]},
    ],
)
def test_hours_that_make_no_sense_are_refused(hours: Any) -> None:
    with pytest.raises(ValueError):
        parse_market_hours(date(2025, 11, 20), hours_answer(hours), "regular")


async def test_without_sensible_hours_the_calendar_holds_and_one_warning_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_hours, "RETRY_SECONDS", 0.0)
    warned: list[str] = []
    sink = logger.add(warned.append, level="WARNING", format="{extra[event]}")
    try:
        async with exchanging(StillMarket("QQQ")) as exchange:
            exchange.rest.market_hours["2025-11-20"] = hours_answer({"regularMarket": [{"end": CLOSES}]})
            hours = Hours("regular")
            asked = MarketHours(hours, SimulatedSource(exchange.url))
            for _ in range(3):
                await asked.ask(us("2025-11-20 15:00:00"))
            assert len(exchange.rest.calls) == 3
            assert hours.session_at(us("2025-11-20 15:00:00")) is not None
            clock = ManualClock(us("2025-11-20 15:00:00"))
            async with feeding(exchange, session="regular", clock=clock) as bench:
                await bench.stored("equity_tick")
    finally:
        logger.remove(sink)
    assert warned == ["feed.market_hours\n"] * 2, "once for each process and day"


def test_a_hole_counts_only_where_the_market_was_open() -> None:
    hours = Hours("regular")
    parts = hours.within_sessions(us("2025-11-26 20:00:00"), us("2025-12-01 15:00:00"))
    assert [(utc(begin), utc(end)) for begin, end in parts] == [
        ("2025-11-26 20:00", "2025-11-26 21:00"),
        ("2025-11-28 14:30", "2025-11-28 18:00"),
        ("2025-12-01 14:30", "2025-12-01 15:00"),
    ]
    assert hours.within_sessions(us("2025-11-26 22:00:00"), us("2025-11-27 22:00:00")) == []
    assert Hours("all").within_sessions(5, 9) == [(5, 9)]
