"""Rebuild: what is unchanged keeps its revision, what differs is sent again, and a crash leaves the old rows."""

import asyncio
import datetime
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from eventlog import log as event_log
from eventlog.clock import ManualClock
from eventlog.database import Database
from eventlog.errors import CorruptEventError
from eventlog.memory import MemoryLog
from indicators import kernels, pages, registry, replay
from indicators.definition import Definition
from indicators.errors import RebuildRunningError
from indicators.projection import Projection
from indicators.registry import Indicator
from tests.indicators import worlds
from tests.indicators.test_projection import CorruptLog


async def two_days() -> MemoryLog:
    first = worlds.random_ticks(1, 1500)
    second = [worlds.tick(event.ts_us + worlds.DAY_US, 50.0 + i / 8, 10, "AAPL") for i, event in enumerate(first[:900])]
    other = worlds.random_ticks(2, 1500, "QQQ")
    return await worlds.memory_log([*first, *second, *other])


async def spoil(state: Database, where: str) -> None:
    """Make some stored rows wrong."""
    await state.run(lambda raw: raw.execute(f"UPDATE indicators SET vwap = vwap + 1, sma9 = 0 WHERE {where}"))


async def test_a_rebuild_of_right_rows_changes_nothing(tmp_path: Path) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        before = await worlds.stored(state)
        reported: list[tuple[int, int | None]] = []
        summary = await projection.rebuild(progress=lambda done, total: reported.append((done, total)))
        assert await worlds.stored(state) == before
    assert summary == replay.Summary(3900, 3900, 3900, 0, 3900)
    assert reported[-1] == (3900, 3900)
    assert [done for done, _ in reported] == sorted(done for done, _ in reported)


async def test_only_rows_whose_values_differ_get_new_revisions_above_all(tmp_path: Path) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        before = await worlds.stored(state)
        await spoil(state, "seq IN (12, 900, 2500)")
        summary = await projection.rebuild()
        after = await worlds.stored(state)
        assert summary.changed == 3
        assert [row[1] for row in after["indicators"] if row[0] > 3900] == [12, 900, 2500]
        assert [row[0] for row in after["indicators"]][-3:] == [3901, 3902, 3903]
        right = {row[1]: row[1:] for row in before["indicators"]}
        assert all(row[1:] == right[row[1]] for row in after["indicators"])
        untouched = [row for row in after["indicators"] if row[0] <= 3900]
        assert untouched == [row for row in before["indicators"] if row[1] not in (12, 900, 2500)]
        await log.append([worlds.tick(worlds.CLOSE_US - 1, ticker="QQQ")])
        await projection.fold_once()
        assert (await worlds.stored(state))["indicators"][-1][:2] == (3904, 3901)


async def test_a_column_that_is_not_shipped_does_not_send_a_row_again(tmp_path: Path) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        before = await worlds.stored(state)
        await state.run(lambda raw: raw.execute("UPDATE indicators SET rsi14 = 1"))
        assert (await projection.rebuild()).changed == 0
        assert await worlds.stored(state) == before
    async with worlds.opened_state(tmp_path / "shipped.db") as state:
        projection = await worlds.projected(log, state, Definition(names=("rsi14",)))
        await state.run(lambda raw: raw.execute("UPDATE indicators SET rsi14 = 1 WHERE seq = 40"))
        assert (await projection.rebuild()).changed == 1


@pytest.mark.parametrize(
    ("day", "ticker", "mended"),
    [
        (datetime.date(2012, 6, 22), None, "seq > 1500 AND ticker = 'AAPL'"),
        (None, "QQQ", "ticker = 'QQQ'"),
        (datetime.date(2012, 6, 22), "AAPL", "seq > 1500 AND ticker = 'AAPL'"),
        (datetime.date(2012, 6, 25), None, "0"),
    ],
)
async def test_a_narrow_rebuild_mends_its_scope_only(
    tmp_path: Path, day: datetime.date | None, ticker: str | None, mended: str
) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        right = {row[1]: row[1:] for row in (await worlds.stored(state))["indicators"]}
        kernels_before = (await worlds.stored(state))["projection_tickers"]
        await spoil(state, "1")
        await projection.rebuild(replay.scope_from(day, ticker))
        kept = await worlds.stored(state)
        inside = await state.run(
            lambda raw: {row[0] for row in raw.execute(f"SELECT seq FROM indicators WHERE {mended}")}
        )
        assert {row[1] for row in kept["indicators"] if row[1:] == right[row[1]]} == inside
        assert kept["projection_tickers"] == kernels_before
        revisions = [row[0] for row in kept["indicators"] if row[1] in inside]
        assert all(revision > 3900 for revision in revisions)


async def test_the_projection_goes_on_while_a_rebuild_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await two_days()
    monkeypatch.setattr(pages, "SIZE", 20)
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        await spoil(state, "seq < 30")
        ts_us, folded = worlds.CLOSE_US - 1_000_000, 0
        rebuilding = asyncio.ensure_future(projection.rebuild())
        while not rebuilding.done():
            await log.append([worlds.tick(ts_us + folded, ticker="QQQ")])
            folded += await projection.fold_once()
        summary = rebuilding.result()
        while projection.checkpoint < log.head:
            await projection.fold_once()
        kept = await worlds.stored(state)
    assert folded > 0
    assert summary.changed == 29
    revisions = [row[0] for row in kept["indicators"]]
    assert len(set(revisions)) == len(revisions) == log.head
    online_seqs = {row[0]: row[1] for row in kept["indicators"]}
    mended = [revision for revision, seq in online_seqs.items() if seq < 30]
    seen_before_the_swap = [revision for revision, seq in online_seqs.items() if 3900 < seq <= summary.through_seq]
    assert min(mended) > max(seen_before_the_swap)
    async with worlds.opened_state(tmp_path / "fresh.db") as state:
        await worlds.projected(log, state, Definition())
        fresh = await worlds.stored(state)
    assert sorted(row[1:] for row in kept["indicators"]) == sorted(row[1:] for row in fresh["indicators"])
    assert kept["bars"] == fresh["bars"]
    assert kept["projection_tickers"] == fresh["projection_tickers"]


async def test_a_failed_swap_leaves_the_old_rows_and_the_next_start_drops_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await two_days()

    def crash(connection: sqlite3.Connection) -> None:
        raise RuntimeError("crashed")

    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        await spoil(state, "seq = 5")
        before = await worlds.stored(state)
        with monkeypatch.context() as broken:
            broken.setattr("indicators.schema.create_views", crash)
            with pytest.raises(RuntimeError):
                await projection.rebuild()
        assert await worlds.stored(state) == before
        assert "indicators_rebuilt" in await worlds.tables(state)
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(log, state, Definition())
        await projection.start()
        await worlds.without_leftovers(projection)
        assert await worlds.stored(state) == before
        assert (await projection.rebuild()).changed == 1


async def test_a_corrupt_event_ends_a_rebuild_and_the_old_rows_stay(tmp_path: Path) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        before = await worlds.stored(state)
        projection = Projection(CorruptLog(log, 700), state, Definition())
        await projection.start()
        with pytest.raises(CorruptEventError):
            await projection.rebuild()
        assert await worlds.stored(state) == before


@pytest.mark.parametrize("corrupt_seq", [700, 3890])
async def test_outdated_rows_are_replaced_up_to_a_corrupt_event(tmp_path: Path, corrupt_seq: int) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        projection = Projection(CorruptLog(log, corrupt_seq), state, Definition(session="all"))
        await projection.start()
        with pytest.raises(CorruptEventError):
            await projection.fold_once()
        assert projection.checkpoint == corrupt_seq - 1
        assert len((await worlds.stored(state))["indicators"]) == corrupt_seq - 1


async def test_two_rebuilds_do_not_run_at_once(tmp_path: Path) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        first = asyncio.ensure_future(projection.rebuild())
        await asyncio.sleep(0)
        with pytest.raises(RebuildRunningError):
            await projection.rebuild()
        assert (await first).changed == 0


async def test_a_new_kernel_is_noticed_and_sends_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        monkeypatch.setitem(registry.INDICATORS, "ema21", Indicator(kernels.Ema, lambda _: kernels.Ema(period=21)))
        projection = Projection(log, state, Definition())
        await projection.start()
        assert projection.outdated
        assert (await projection.rebuild()).changed == 0
        assert (await worlds.column(state, "ema21"))[20] is not None
        assert projection.status().revision == 3900


async def test_a_changed_definition_keeps_the_bars_of_pruned_days(tmp_path: Path) -> None:
    """Bars mean the same in every definition; rows of another one are given up."""
    clock = ManualClock(worlds.OPEN_US + 5 * worlds.DAY_US)
    log = await event_log.open_log(tmp_path, clock, reserve_bytes=0)
    await log.append(worlds.tape())
    clock.advance_us(worlds.DAY_US)
    await log.append([worlds.tick(event.ts_us + worlds.DAY_US) for event in worlds.tape()])
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        bars = (await worlds.stored(state))["bars"]
        assert (await log.prune(clock.now_us(), {})).events == 159
        await worlds.projected(log, state, Definition(sma_interval="60"))
        kept = await worlds.stored(state)
        assert kept["bars"] == bars
        assert [row[1] for row in kept["indicators"]] == list(range(160, 319))
        assert not {name for name in await worlds.tables(state) if name.endswith(("_rebuilt", "_replaced"))}
    await log.close()


def test_removing_a_large_table_takes_little_memory(tmp_path: Path) -> None:
    """Ninety bytes a row, as DROP TABLE takes them, are gigabytes for a recorder of some months."""
    command = [sys.executable, "-m", "tests.indicators.harness_leftovers", str(tmp_path), "300000"]
    grown_mb = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown_mb < 10
