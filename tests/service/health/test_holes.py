"""How much of a day is lost: by sessions, wherever a gap begins, and once for each moment."""

import datetime
from pathlib import Path

import msgspec
import pytest

from eventlog import log as event_log
from eventlog.clock import ManualClock
from eventlog.events import EquityTick, Event, FeedGap, StoredEvent
from feed.schwab import SimulatedSource
from market import calendar
from service.health import files, holes
from service.health.live import Gatherer
from tests.service.configured import settings_with

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
# A Wednesday, an hour after the open.
NOW_US = 1_795_015_800_000_000
OPEN_US = NOW_US - HOUR_US
MIDNIGHT_US = calendar.eastern_us(calendar.trading_day(NOW_US), datetime.time(0))


def _gap(from_us: int, to_us: int, reason: str = "closed") -> StoredEvent:
    payload = msgspec.json.encode(FeedGap(from_us=from_us, to_us=to_us, reason=reason))
    return StoredEvent(1, "feed_gap", "", from_us, to_us, payload)


def test_only_what_lies_in_a_session_of_the_day_counts() -> None:
    settings = settings_with()
    night = _gap(MIDNIGHT_US - HOUR_US, OPEN_US - 1)
    morning = _gap(OPEN_US - 600 * SECOND_US, OPEN_US + 60 * SECOND_US, "restart")
    later = _gap(NOW_US, NOW_US + 5 * SECOND_US, "reset")
    found = holes.count([later, night, morning], settings, MIDNIGHT_US)
    assert (found.count, found.seconds, found.last_reason) == (2, 65.0, "reset")
    always = settings.model_copy(update={"skip_market_hours": True})
    assert holes.count([night], always, MIDNIGHT_US).seconds == (OPEN_US - 1 - MIDNIGHT_US) / SECOND_US


def test_what_two_gaps_cover_is_lost_once() -> None:
    full_disk = _gap(NOW_US, NOW_US + 600 * SECOND_US, "disk_full")
    meanwhile = _gap(NOW_US + 60 * SECOND_US, NOW_US + 660 * SECOND_US, "code_30")
    within = _gap(NOW_US + 60 * SECOND_US, NOW_US + 120 * SECOND_US)
    found = holes.count([full_disk, meanwhile, within], settings_with(), MIDNIGHT_US)
    assert (found.count, found.seconds, found.last_reason) == (3, 660.0, "code_30")


@pytest.mark.parametrize("days_off", [0, 1, 14])
async def test_a_gap_that_began_before_today_is_found(tmp_path: Path, days_off: int) -> None:
    """A power cut after the close; the machine is back in the middle of a session."""
    settings = settings_with(data_dir=tmp_path, destination="none")
    cut_us = MIDNIGHT_US - 2 * HOUR_US - days_off * calendar.DAY_US
    before = await event_log.open_log(tmp_path, ManualClock(cut_us))
    await before.start_recording("1")
    await before.append([Event("QQQ", cut_us, EquityTick(price=1.0, size=1, volume=1, total_volume=1))])
    await before.close()
    clock = ManualClock(NOW_US)
    log = await event_log.open_log(tmp_path, clock)
    await log.start_recording("1")
    found = await Gatherer(settings, log, clock, SimulatedSource("http://127.0.0.1:1")).gaps_today(NOW_US)
    await log.close()
    assert (found.count, found.seconds, found.last_reason) == (1, 3600.0, "no_stop_on_record")
    assert (await files.facts(settings, clock)).gaps == found


async def test_today_is_not_hidden_behind_many_old_gaps(tmp_path: Path) -> None:
    log = await event_log.open_log(tmp_path, ManualClock(NOW_US))
    flapping = [FeedGap(from_us=MIDNIGHT_US - us, to_us=MIDNIGHT_US - us + 1, reason="old") for us in range(1, 10_002)]
    new = FeedGap(from_us=NOW_US - 7 * SECOND_US, to_us=NOW_US, reason="new")
    await log.append([Event("", gap.from_us, gap) for gap in [*flapping, new]])
    assert (await holes.today(log, settings_with(), NOW_US)).seconds == 7.0
    await log.close()
