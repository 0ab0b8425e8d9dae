"""How long a table is behind, and how much of a day is lost: by positions and sessions, not by the times of events."""

from dataclasses import replace
from pathlib import Path

import msgspec

from eventlog.events import FeedGap, StoredEvent
from market import calendar
from replicator.pump import TableStatus
from service.health.live import Behind, count_gaps, storage
from service.settings import Settings

SECOND_US = 1_000_000
NOW_US = 1_795_015_800_000_000
STATUS = TableStatus("equity_data", 0, 1, None, 0, 0, "ok", None, 0.0)


def test_a_table_is_behind_since_it_was_seen_not_to_have_something() -> None:
    behind = Behind()
    assert behind.since(replace(STATUS, cursor=10, unsent=0), 10, NOW_US) is None
    assert behind.since(replace(STATUS, cursor=10, unsent=5), 15, NOW_US + 1) == NOW_US + 1
    assert behind.since(replace(STATUS, cursor=10, unsent=9), 19, NOW_US + 2) == NOW_US + 1
    assert behind.since(replace(STATUS, cursor=14, unsent=9), 23, NOW_US + 3) == NOW_US + 1


def test_a_busy_table_that_keeps_up_is_never_long_behind() -> None:
    """At each look something new is on its way, but what was on its way at the look before has arrived."""
    behind = Behind()
    for look in range(100):
        since_us = behind.since(replace(STATUS, cursor=10 * look, unsent=10), 10 * look + 10, NOW_US + look)
        assert since_us == NOW_US + look


def test_indicators_are_counted_by_their_revision() -> None:
    behind = Behind()
    indicators = replace(STATUS, table="indicators", unsent=0, cursor=3)
    assert behind.since(indicators, 4, NOW_US) == NOW_US
    assert behind.since(replace(indicators, cursor=4), 4, NOW_US + 1) is None


def _gap(from_us: int, to_us: int, reason: str = "closed") -> StoredEvent:
    payload = msgspec.json.encode(FeedGap(from_us=from_us, to_us=to_us, reason=reason))
    return StoredEvent(1, "feed_gap", "", from_us, to_us, payload)


def test_only_what_lies_in_a_session_of_the_day_counts() -> None:
    session = calendar.session_at(NOW_US, "regular")
    assert session is not None
    settings = Settings(_env_file=None)
    since_us = calendar.eastern_us(session.day, calendar.time(0))
    night = _gap(since_us - 3_600 * SECOND_US, session.open_us - 1)
    morning = _gap(session.open_us - 600 * SECOND_US, session.open_us + 60 * SECOND_US, "restart")
    later = _gap(NOW_US, NOW_US + 5 * SECOND_US, "reset")
    found = count_gaps([night, morning, later], settings, since_us)
    assert (found.count, found.seconds, found.last_reason) == (2, 65.0, "reset")
    always = settings.model_copy(update={"skip_market_hours": True})
    assert count_gaps([night], always, since_us).seconds == (session.open_us - 1 - since_us) / SECOND_US


def test_growth_is_unknown_before_a_day_is_over(tmp_path: Path) -> None:
    (tmp_path / "events.db").write_bytes(b"x" * 1000)
    (tmp_path / "state.db-wal").write_bytes(b"x" * 10)
    young, old = storage(tmp_path, 0.5), storage(tmp_path, 2.0)
    assert (young.database_bytes, young.wal_bytes, young.bytes_per_day) == (1000, 10, 0.0)
    assert old.bytes_per_day == 500.0
