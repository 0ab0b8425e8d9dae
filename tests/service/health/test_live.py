"""How long a table is behind, by its position; what a look finds on record, and how fast the databases grow."""

import asyncio
import contextlib
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

from eventlog import log as event_log
from eventlog.clock import ManualClock
from eventlog.events import EquityTick, Event, FeedGap
from feed.schwab import SimulatedSource
from market import calendar
from replicator.standing import TableStatus
from service.health.live import Behind, Gatherer, storage
from tests.service.configured import settings_with

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


def test_growth_is_unknown_before_a_day_is_over(tmp_path: Path) -> None:
    (tmp_path / "events.db").write_bytes(b"x" * 1000)
    (tmp_path / "state.db-wal").write_bytes(b"x" * 10)
    young, old = storage(tmp_path, 0.5), storage(tmp_path, 2.0)
    assert (young.database_bytes, young.wal_bytes, young.bytes_per_day) == (1000, 10, 0.0)
    assert old.bytes_per_day == 500.0


async def test_growth_is_measured_from_the_first_event_that_retention_has_left(tmp_path: Path) -> None:
    clock = ManualClock(NOW_US - 30 * calendar.DAY_US)
    log = await event_log.open_log(tmp_path, clock)
    gatherer = Gatherer(settings_with(), log, clock, SimulatedSource("http://127.0.0.1:1"))
    await log.append([_tick(clock.now_us())])
    clock.advance_us(28 * calendar.DAY_US)
    await log.append([_tick(clock.now_us())])
    assert await gatherer.days_recorded(NOW_US) == 30.0
    await log.prune(NOW_US - 10 * calendar.DAY_US, {})
    assert await gatherer.days_recorded(NOW_US) == 2.0
    with contextlib.closing(sqlite3.connect(tmp_path / "events.db")) as failing_disk, failing_disk:
        failing_disk.execute("DROP TRIGGER events_never_change")
        failing_disk.execute("UPDATE events SET crc = crc + 1")
    assert await gatherer.days_recorded(NOW_US) == 0.0
    await log.close()


def _tick(ts_us: int) -> Event:
    return Event("QQQ", ts_us, EquityTick(price=1.0, size=1, volume=1, total_volume=1))


async def test_a_look_between_a_gap_and_its_commit_does_not_hide_it(tmp_path: Path) -> None:
    clock, slow_disk = ManualClock(NOW_US), threading.Event()
    log = await event_log.open_log(tmp_path, clock)
    gatherer = Gatherer(settings_with(), log, clock, SimulatedSource("http://127.0.0.1:1"))
    assert (await gatherer.gaps_today(NOW_US)).count == 0
    log._writer.submit(lambda _connection: slow_disk.wait())
    gap = FeedGap(from_us=NOW_US - 60 * SECOND_US, to_us=NOW_US, reason="socket closed")
    appending = asyncio.create_task(log.append([Event("", gap.from_us, gap)]))
    while not log.status().queued:  # noqa: ASYNC110 - the loop's own turn is what is waited for
        await asyncio.sleep(0)
    await gatherer.gaps_today(NOW_US)
    slow_disk.set()
    await appending
    assert (await gatherer.gaps_today(NOW_US)).seconds == 60.0
    await log.close()


async def test_unreadable_frames_are_news_for_as_long_as_they_rise(tmp_path: Path) -> None:
    log = await event_log.open_log(tmp_path, ManualClock(NOW_US))
    gatherer = Gatherer(settings_with(), log, ManualClock(NOW_US), SimulatedSource("http://127.0.0.1:1"))
    looks = [(0, NOW_US), (2, NOW_US + 1), (2, NOW_US + 2), (3, NOW_US + 3)]
    seen = [gatherer.last_garbage_us(count, now_us) for count, now_us in looks]
    assert seen == [None, NOW_US + 1, NOW_US + 1, NOW_US + 3]
    await log.close()
