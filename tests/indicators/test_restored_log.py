"""After a restore of the log the indicators are those of the log that is there, without being asked."""

from pathlib import Path
from typing import Any

import pytest

from eventlog import backup
from eventlog import log as event_log
from eventlog.api import Page
from eventlog.clock import ManualClock
from eventlog.events import Event
from indicators import check
from indicators.definition import Definition
from indicators.projection import Projection
from tests.indicators import worlds


def _ticks(first: int, end: int, price: float) -> list[Event]:
    return [worlds.tick(worlds.OPEN_US + number * 1_000_000, price) for number in range(first, end)]


async def _vwap(tmp_path: Path, data_dir: Path, clock: ManualClock, events: list[Event]) -> float | None:
    """Record and fold `events`, and check all rows; the last VWAP."""
    log = await event_log.open_log(data_dir, clock, reserve_bytes=0)
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(log, state, Definition())
        await projection.start()
        await log.append(events)
        while projection.checkpoint < log.head:
            await projection.fold_once()
        report = await check.check(log, state, lambda done, total: None)
        assert report.agrees, report.difference
        vwaps = await worlds.column(state, "vwap")
    await log.close()
    return vwaps[-1]


async def test_a_restored_log_is_folded_anew(tmp_path: Path) -> None:
    data_dir, copy = tmp_path / "data", tmp_path / "copy.db"
    clock = ManualClock(worlds.CLOSE_US)
    assert await _vwap(tmp_path, data_dir, clock, _ticks(0, 300, 100.0)) == 100.0
    await backup.backup(data_dir, copy, lambda done, total: None)
    assert await _vwap(tmp_path, data_dir, clock, _ticks(300, 600, 200.0)) == 150.0
    await backup.restore(data_dir, copy, lambda done, total: None, clock)
    assert await _vwap(tmp_path, data_dir, clock, _ticks(600, 620, 100.0)) == 100.0
    assert await _vwap(tmp_path, data_dir, clock, _ticks(620, 621, 100.0)) == 100.0


async def test_it_is_folded_anew_once(tmp_path: Path) -> None:
    data_dir, copy = tmp_path / "data", tmp_path / "copy.db"
    clock = ManualClock(worlds.CLOSE_US)
    await _vwap(tmp_path, data_dir, clock, _ticks(0, 300, 100.0))
    await backup.backup(data_dir, copy, lambda done, total: None)
    await backup.restore(data_dir, copy, lambda done, total: None, clock)
    outdated = []
    for _ in range(2):
        log = await event_log.open_log(data_dir, clock, reserve_bytes=0)
        async with worlds.opened_state(tmp_path / "state.db") as state:
            projection = Projection(log, state, Definition())
            await projection.start()
            outdated.append(projection.outdated)
            await projection.fold_once()
        await log.close()
    assert outdated == [True, False]


async def test_a_prune_under_a_rebuild_does_not_give_sums_of_half_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(worlds.CLOSE_US)
    log = await event_log.open_log(tmp_path, clock, reserve_bytes=0)
    await log.append(_ticks(0, 3_000, 100.0))
    clock.advance_us(10 * worlds.DAY_US)
    await log.append(_ticks(3_000, 9_000, 200.0))
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        before = await worlds.column(state, "vwap")
        real, has_pruned = log.read, False

        async def read(after: int, *arguments: Any) -> Page:
            """As the log; its retention runs when the rebuild has read the first event."""
            nonlocal has_pruned
            page = await real(after, *arguments)
            if after == 0 and not has_pruned:
                has_pruned = True
                assert (await log.prune(clock.now_us() - worlds.DAY_US, {})).events == 3_000
            return page

        monkeypatch.setattr(log, "read", read)
        assert (await projection.rebuild()).changed == 0
        assert await worlds.column(state, "vwap") == before
    await log.close()
