"""Old events go through one door, never beyond who still needs them, and their seqs are never used again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eventlog import retention, verify
from eventlog.clock import ManualClock
from eventlog.errors import UsageError
from eventlog.log import EventLog, open_log
from tests.eventlog.ticks import NOW_US, ticks

DAY_US = 86_400_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_US)


@pytest.fixture
async def log(tmp_path: Path, clock: ManualClock) -> AsyncIterator[EventLog]:
    """Ten days with 1,000 ticks each, recorded a day apart."""
    opened = await open_log(tmp_path, clock)
    for day in range(10):
        await opened.append(ticks(1_000, first=1_000 * day))
        clock.advance_us(DAY_US)
    yield opened
    await opened.close()


async def test_only_old_events_go(log: EventLog) -> None:
    pruned = await log.prune(NOW_US + 3 * DAY_US, {})
    assert (pruned.events, pruned.through_seq, pruned.held_by) == (3_000, 3_000, None)
    assert pruned.freed_bytes > 300_000, "pages are given back to the disk"
    page = await log.read(0, 1)
    assert page.events[0].seq == 3_001
    assert (await log.prune(NOW_US + 3 * DAY_US, {})).events == 0
    result = await verify.verify(log._reader.database, lambda done, total: None)
    assert result.is_sound, result.findings


@pytest.mark.parametrize(("cursor", "kept_from"), [(0, 1), (1, 2), (1_500, 1_501), (2_999, 3_000), (9_000, 3_001)])
async def test_never_beyond_the_slowest(log: EventLog, cursor: int, kept_from: int) -> None:
    pruned = await log.prune(NOW_US + 3 * DAY_US, {"the indicators": 8_000, "the destination": cursor})
    assert (await log.read(0, 1)).events[0].seq == kept_from
    assert pruned.held_by == (None if cursor > 3_000 else "the destination")
    assert (await log.prune(NOW_US + 3 * DAY_US, {"late": 0})).events == 0, "what is gone stays gone, nothing is raised"


async def test_a_seq_is_never_used_again_not_even_after_all_were_pruned(tmp_path: Path, log: EventLog) -> None:
    assert (await log.prune(NOW_US + 100 * DAY_US, {})).events == 10_000
    assert (await log.read(0, 10)).events == []
    assert log.head == 10_000
    await log.close()
    again = await open_log(tmp_path, log.clock)
    assert again.head == 10_000
    await again.start_recording("1.0")
    assert (await again.read(0, 10)).events[0].seq == 10_001
    assert (await verify.verify(again._reader.database, lambda done, total: None)).is_sound
    await again.close()


async def test_appends_go_on_between_the_steps(log: EventLog) -> None:
    heads = []

    def progress(done: int, total: int | None) -> None:
        heads.append(done)

    await log.prune(NOW_US + 9 * DAY_US, {}, progress)
    assert heads == [0, 2_000, 4_000, 6_000, 8_000, 9_000]
    assert log.status().wal_bytes < 4_000_000


async def test_appends_go_on_while_the_boundary_is_looked_for(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may go, so that looking is all there is to do."""
    monkeypatch.setattr(retention, "_EVENTS_PER_STEP", 5)
    head = log.head
    pruning = asyncio.create_task(log.prune(NOW_US + 9 * DAY_US, {"somebody": 0}))
    while not pruning.done():
        await log.append(ticks(1, first=log.head))
    assert (await pruning).held_by == "somebody"
    assert log.head - head > 4, "9,000 events are looked at in 1,800 steps"


async def test_a_clock_set_back_keeps_what_lies_behind_a_newer_event(log: EventLog, clock: ManualClock) -> None:
    clock.advance_us(-9 * DAY_US)
    await log.append(ticks(10, ticker="AAPL"))
    pruned = await log.prune(NOW_US + 5 * DAY_US, {})
    assert pruned.through_seq == 5_000


async def test_an_export_keeps_retention_away(log: EventLog, tmp_path: Path) -> None:
    with retention.export_running(tmp_path), pytest.raises(UsageError, match="an export is reading"):
        await log.prune(NOW_US + 3 * DAY_US, {})
    assert (await log.prune(NOW_US + 3 * DAY_US, {})).events == 3_000
