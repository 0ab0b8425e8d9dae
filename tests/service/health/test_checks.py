"""Every check, both ways: each cause raises exactly its own check, to the right level, and says what to do."""

import pytest

from service.health import checks
from service.health.check import worst
from service.health.facts import Facts, GapFacts, LogFacts, ProjectionFacts
from tests.service.health.samples import HEALTHY, NOW_US, SECOND_US, facts, feed, storage, table

DAY_SECONDS = 86_400


def test_a_healthy_service_is_ok_in_every_line() -> None:
    found = checks.evaluate(HEALTHY)
    assert [(check.name, check.level) for check in found if check.level != "ok"] == []
    assert [check.name for check in found] == [
        "process", "feed", "token", "log", "projection", "replication", "dead_letters", "gaps", "disk", "wal",
    ]  # fmt: skip


def _since(seconds: float) -> int:
    return NOW_US - round(seconds * SECOND_US)


CAUSES = [
    ("process", "error", facts(started_us=None), "ticktape run"),
    ("feed", "error", facts(feed=None), "ticktape run"),
    ("feed", "error", feed(state="login_needed"), "ticktape login"),
    ("feed", "error", feed(state="stream_taken"), "Another program"),
    ("feed", "warning", feed(state="backing_off", last_frame_us=_since(31), last_error="refused"), "refused"),
    ("feed", "error", feed(state="backing_off", last_frame_us=_since(121)), "network"),
    ("feed", "warning", feed(last_tick_us=_since(61)), "No tick"),
    ("feed", "error", feed(last_tick_us=_since(301)), "No tick"),
    ("feed", "warning", feed(refused_tickers=("ZZZ",)), "ZZZ"),
    ("feed", "error", feed(last_tick_us=_since(301), refused_tickers=("ZZZ",)), "No tick"),
    ("feed", "warning", feed(received=(("garbage", 3),), last_garbage_us=_since(599)), "3 frames or items"),
    ("feed", "error", feed(last_tick_us=_since(301), last_garbage_us=_since(1)), "No tick"),
    ("feed", "warning", feed(quiet_tickers=("QQQQ",)), "QQQQ"),
    ("token", "error", facts(token_age_seconds=None), "ticktape login"),
    ("token", "warning", facts(token_age_seconds=5.1 * DAY_SECONDS), "ticktape login"),
    ("token", "error", facts(token_age_seconds=6.6 * DAY_SECONDS), "ticktape login"),
    ("token", "error", facts(token_age_seconds=7.1 * DAY_SECONDS), "expired"),
    ("log", "error", facts(log=LogFacts("full", 42)), "make room"),
    ("log", "error", facts(log=LogFacts("failed", 42)), "ticktape log verify"),
    ("log", "warning", facts(log=LogFacts("open", 42, refused=3)), "3 events"),
    ("projection", "error", facts(projection=ProjectionFacts("halted", 1, 41, "event 2 is corrupt")), "corrupt"),
    ("projection", "warning", facts(projection=ProjectionFacts("catching_up", 1, 20_000)), "catching up"),
    ("replication", "error", table(state="halted", last_error="bad key"), "bad key"),
    ("replication", "warning", table(state="retrying", behind_since_us=_since(61), last_error="timeout"), "timeout"),
    ("replication", "error", table(state="retrying", behind_since_us=_since(901)), "nothing is lost"),
    ("replication", "warning", table(behind_since_us=_since(61)), "catching up"),
    ("dead_letters", "warning", table(dead_letters=1), "ticktape deadletters list"),
    ("dead_letters", "error", table(dead_letters=100), "ticktape deadletters list"),
    ("gaps", "warning", facts(gaps=GapFacts(2, 61.0, "socket closed")), "socket closed"),
    ("disk", "warning", storage(free_bytes=900_000_000), "RETENTION_DAYS"),
    ("disk", "error", storage(free_bytes=100_000_000), "RETENTION_DAYS"),
    ("disk", "warning", storage(bytes_per_day=1e9), "make room"),
    ("disk", "error", storage(bytes_per_day=5e9), "make room"),
    ("wal", "warning", storage(wal_bytes=65_000_000), "read transaction"),
    ("wal", "error", storage(wal_bytes=600_000_000), "read transaction"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "level", "given", "says"), CAUSES)
def test_each_cause_raises_its_check_alone(name: str, level: str, given: Facts, says: str) -> None:
    found = checks.evaluate(given)
    assert {check.name: check.level for check in found if check.level != "ok"} == {name: level}
    assert says in next(check.sentence for check in found if check.name == name)
    assert worst(found) == level


QUIET_BUT_FINE = [
    feed(state="waiting_for_session", session_open_us=None, is_regular=False, last_tick_us=_since(9e4)),
    feed(state="starting", last_frame_us=None, session_open_us=_since(10)),
    feed(last_tick_us=_since(9e4), session_open_us=_since(50)),
    feed(last_tick_us=_since(600), is_regular=False),
    feed(received=(("garbage", 3),), last_garbage_us=_since(601)),
    feed(quiet_tickers=("QQQ",), is_regular=False),
    facts(is_token_needed=False, token_age_seconds=None),
    facts(destination="none", tables=()),
    table(state="retrying", last_error="timeout"),
    facts(gaps=GapFacts(1, 4.0, "a blink")),
    storage(bytes_per_day=0.0),
]


@pytest.mark.parametrize("given", QUIET_BUT_FINE)
def test_what_needs_no_hand_is_ok(given: Facts) -> None:
    assert worst(checks.evaluate(given)) == "ok"


def test_the_next_opening_is_told() -> None:
    given = feed(session_open_us=None, state="waiting_for_session", next_open_us=1_795_186_800_000_000)
    assert "2026-11-20 15:00 UTC" in checks.feed(given).sentence
