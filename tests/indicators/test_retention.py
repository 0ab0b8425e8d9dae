"""Rows go with the events they were folded from, but not before the destination has them; the rest stays true."""

from pathlib import Path

import pytest

from eventlog import log as event_log
from eventlog import space
from eventlog.clock import ManualClock
from eventlog.events import Event
from indicators import check, retention
from indicators.definition import Definition
from indicators.projection import Projection
from tests.indicators import worlds

DAY = 3_000
FOR_EVER = 2**62


def _two_days() -> list[Event]:
    ticks = [worlds.tick(worlds.OPEN_US + number * 1_000, 580 + number % 7 / 100) for number in range(DAY)]
    return ticks + [worlds.tick(event.ts_us + worlds.DAY_US, 580 + event.ts_us % 7 / 100) for event in ticks]


async def test_rows_of_pruned_events_go_and_bars_stay(tmp_path: Path) -> None:
    log = await worlds.memory_log(_two_days())
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        before = await worlds.stored(state)
        assert await retention.prune(state, DAY + 1_500, FOR_EVER) == DAY + 1_500
        kept = await worlds.stored(state)
        assert kept["indicators"] == before["indicators"][DAY + 1_500 :]
        assert {**kept, "indicators": []} == {**before, "indicators": []}
        assert await space.give_back(state) > (DAY + 1_500) * 50
        assert await state.run(lambda raw: raw.execute("PRAGMA freelist_count").fetchone()) == (0,)


@pytest.mark.parametrize("through_revision", [0, 1, 1_999, 2_000, 2_001, DAY])
async def test_what_is_not_acknowledged_stays(tmp_path: Path, through_revision: int) -> None:
    log = await worlds.memory_log(_two_days())
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        assert await retention.prune(state, DAY, through_revision) == through_revision
        revisions = [row[0] for row in (await worlds.stored(state))["indicators"]]
        assert revisions == list(range(through_revision + 1, 2 * DAY + 1))
        assert await retention.prune(state, DAY, FOR_EVER) == DAY - through_revision
        assert await retention.prune(state, DAY, FOR_EVER) == 0


async def test_the_projection_goes_on_and_a_rebuild_agrees_once_the_log_is_pruned_too(tmp_path: Path) -> None:
    clock = ManualClock(worlds.OPEN_US + 6 * worlds.DAY_US)
    log = await event_log.open_log(tmp_path, clock, reserve_bytes=0)
    await log.append(_two_days()[:DAY])
    clock.advance_us(worlds.DAY_US)
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        pruned = await log.prune(clock.now_us(), {})
        assert await retention.prune(state, pruned.through_seq, FOR_EVER) == DAY == pruned.through_seq
        assert await retention.prune(state, pruned.through_seq, FOR_EVER) == 0
        await log.append(_two_days()[DAY:])
        await log.append([worlds.tick(event.ts_us + 4 * worlds.DAY_US) for event in _two_days()[:DAY]])
        while projection.checkpoint < log.head:
            await projection.fold_once()
        await _agrees(log, projection)
        assert (await projection.rebuild()).changed == 0
        await _agrees(log, projection)
        assert len((await worlds.stored(state))["indicators"]) == 2 * DAY
    await log.close()


async def _agrees(log: event_log.EventLog, projection: Projection) -> None:
    report = await check.check(log, projection.state, lambda done, total: None)
    assert (report.agrees, report.rows) == (True, 2 * DAY), report.difference


async def test_an_empty_table(tmp_path: Path) -> None:
    async with worlds.opened_state(tmp_path / "state.db") as state:
        assert await retention.prune(state, FOR_EVER, FOR_EVER) == 0
