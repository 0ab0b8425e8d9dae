"""The projection on real files: resume, tail, halt, outdated rows, failed writes."""

import asyncio
import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from eventlog import log as event_log
from eventlog.api import Page
from eventlog.clock import ManualClock
from eventlog.errors import CorruptEventError
from eventlog.events import BarBackfill, EquityQuote, Event
from eventlog.memory import MemoryLog
from indicators import projection as projection_module
from indicators import store
from indicators.definition import Definition
from indicators.errors import ProjectionError
from indicators.projection import Projection
from tests.eventlog.ticks import trade_of
from tests.indicators import worlds


class CorruptLog:
    """A log one of whose events cannot be read."""

    def __init__(self, inner: MemoryLog, seq: int) -> None:
        self._inner = inner
        self.seq = seq

    @property
    def head(self) -> int:
        return self._inner.head

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        if after < self.seq <= after + limit:
            raise CorruptEventError(self.seq, "its content does not match its CRC")
        return await self._inner.read(after, limit, kinds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def test_rows_bars_and_checkpoint_are_stored(tmp_path: Path) -> None:
    log = await worlds.memory_log(worlds.tape())
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition())
        kept = await worlds.stored(state)
    assert projection.checkpoint == log.head == 159
    assert [row[0] for row in kept["indicators"]] == list(range(1, 160))
    assert sum(bar[6] for bar in kept["bars"]) == sum(trade_of(event).volume for event in worlds.tape())
    assert projection.status().state == "following"


async def test_it_resumes_from_the_stored_kernels_without_reading_what_it_has_folded(tmp_path: Path) -> None:
    events = worlds.random_ticks(5, 3000)
    log = await worlds.memory_log(events)
    async with worlds.opened_state(tmp_path / "whole.db") as state:
        await worlds.projected(log, state, Definition())
        expected = await worlds.stored(state)
    async with worlds.opened_state(tmp_path / "state.db") as state:
        first = Projection(log, state, Definition())
        await first.start()
        await first.fold_once(1234)
        first_again = Projection(CorruptLog(log, 1000), state, Definition())
        await first_again.start()
        assert first_again.checkpoint == 1234
        while first_again.checkpoint < log.head:
            await first_again.fold_once(777)
        assert await worlds.stored(state) == expected


async def test_it_follows_the_tail_of_a_real_log_and_tells_of_new_rows(tmp_path: Path) -> None:
    events = worlds.tape()
    log = await event_log.open_log(tmp_path, ManualClock(worlds.CLOSE_US))
    woken, stop = asyncio.Event(), asyncio.Event()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(log, state, Definition())
        projection.on_rows = woken.set
        await projection.start()
        running = asyncio.ensure_future(projection.run(stop))
        for start in range(0, len(events), 8):
            woken.clear()
            await log.append(events[start : start + 8])
            await asyncio.wait_for(woken.wait(), 5)
            assert projection.checkpoint == log.head
        stop.set()
        await asyncio.wait_for(running, 5)
        online = await worlds.stored(state)
    async with worlds.opened_state(tmp_path / "other.db") as state:
        await worlds.projected(log, state, Definition())
        assert await worlds.stored(state) == online
    await log.close()


class WatchedLog:
    """A log that tells when its follower waits for the next event."""

    def __init__(self, inner: MemoryLog) -> None:
        self._inner = inner
        self.is_waited_for = asyncio.Event()

    async def wait_beyond(self, seq: int) -> int:
        if self._inner.head <= seq:
            self.is_waited_for.set()
        return await self._inner.wait_beyond(seq)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def test_a_busy_log_is_folded_at_a_pace_and_an_idle_one_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace_seconds = 0.5
    monkeypatch.setattr(projection_module, "PACE_SECONDS", pace_seconds)
    log, stop, folds, woken = await worlds.memory_log([]), asyncio.Event(), 0, asyncio.Event()

    def note() -> None:
        nonlocal folds
        folds += 1
        woken.set()

    async with worlds.opened_state(tmp_path / "state.db") as state:
        watched = WatchedLog(log)
        projection = Projection(watched, state, Definition())
        projection.on_rows = note
        await projection.start()
        running = asyncio.ensure_future(projection.run(stop))
        await asyncio.wait_for(watched.is_waited_for.wait(), 5)
        began = time.monotonic()
        first, *others = worlds.tape()[:40]
        await log.append([first])
        await asyncio.wait_for(woken.wait(), 5)
        assert time.monotonic() - began < pace_seconds
        for event in others:
            await log.append([event])
            await asyncio.sleep(0.02)
        assert 2 <= folds <= 1 + (time.monotonic() - began) / pace_seconds
        stop.set()
        await asyncio.wait_for(running, 5)


async def test_stopping_does_not_wait_for_the_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection_module, "PACE_SECONDS", 3600.0)
    log, stop, folded = await worlds.memory_log(worlds.tape()), asyncio.Event(), asyncio.Event()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(log, state, Definition())
        projection.on_rows = folded.set
        await projection.start()
        running = asyncio.ensure_future(projection.run(stop))
        await asyncio.wait_for(folded.wait(), 5)
        stop.set()
        await asyncio.wait_for(running, 5)


async def test_run_ends_with_the_log(tmp_path: Path) -> None:
    log = await worlds.memory_log(worlds.tape())
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(log, state, Definition())
        folded = asyncio.Event()
        projection.on_rows = folded.set
        await projection.start()
        running = asyncio.ensure_future(projection.run(asyncio.Event()))
        await folded.wait()
        await log.close()
        await asyncio.wait_for(running, 5)


@pytest.mark.parametrize("seq", [1, 57, 159])
async def test_a_corrupt_event_halts_it_at_that_event(tmp_path: Path, seq: int, alarms: "Alarms") -> None:
    log = CorruptLog(await worlds.memory_log(worlds.tape()), seq)
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(log, state, Definition())
        await projection.start()
        stop = asyncio.Event()
        running = asyncio.ensure_future(projection.run(stop))
        await asyncio.wait_for(alarms.rang.wait(), 5)
        assert projection.status().state == "halted"
        assert projection.checkpoint == seq - 1
        assert f"event {seq} is corrupt" in str(projection.status().error)
        assert any(f"event {seq} is corrupt" in line for line in alarms.lines)
        assert len((await worlds.stored(state))["indicators"]) == seq - 1
        with pytest.raises(CorruptEventError):
            await projection.fold_once()
        assert not running.done()
        stop.set()
        await asyncio.wait_for(running, 5)


async def test_an_event_of_a_newer_version_halts_it_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await worlds.memory_log(worlds.tape())
    broken = log._events[99]
    log._events[99] = type(broken)(broken.seq, broken.kind, broken.ticker, broken.ts_us, broken.recorded_us, b"{}")
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(log, state, Definition())
        await projection.start()
        await projection.fold_once()
        assert projection.checkpoint == 99
        with pytest.raises(ProjectionError, match="event 100"):
            await projection.fold_once()
        assert projection.checkpoint == 99
        assert len((await worlds.stored(state))["indicators"]) == 99


@pytest.mark.parametrize(
    "changed", [Definition(session="all"), Definition(sma_interval="60"), Definition(names=("ema9",))]
)
async def test_rows_of_another_definition_are_replaced_never_mixed(tmp_path: Path, changed: Definition) -> None:
    log = await worlds.memory_log(worlds.random_ticks(3, 2500))
    async with worlds.opened_state(tmp_path / "fresh.db") as state:
        await worlds.projected(log, state, changed)
        fresh = await worlds.stored(state)
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        projection = Projection(log, state, changed)
        await projection.start()
        assert projection.outdated
        assert projection.checkpoint == 0
        assert projection.status().state == "rebuilding"
        await projection.fold_once()
        assert projection.checkpoint == log.head
        kept = await worlds.stored(state)
    assert [row[1:] for row in sorted(kept["indicators"], key=lambda row: row[1])] == [
        row[1:] for row in fresh["indicators"]
    ]
    assert kept["bars"] == fresh["bars"]
    assert kept["projection_tickers"] == fresh["projection_tickers"]


async def test_rows_of_another_log_are_replaced(tmp_path: Path) -> None:
    events = worlds.tape()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(await worlds.memory_log(events), state, Definition())
        shorter = await worlds.memory_log(events[:50])
        projection = await worlds.projected(shorter, state, Definition())
        assert projection.checkpoint == 50
        assert len((await worlds.stored(state))["indicators"]) == 50


async def test_a_write_that_failed_is_folded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await worlds.memory_log(worlds.tape())
    async with worlds.opened_state(tmp_path / "whole.db") as state:
        await worlds.projected(log, state, Definition())
        expected = await worlds.stored(state)
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(log, state, Definition())
        await projection.start()
        await projection.fold_once(50)

        def full(connection: sqlite3.Connection, states: Any) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as failing:
            failing.setattr(store, "write_states", full)
            with pytest.raises(sqlite3.OperationalError):
                await projection.fold_once(50)
        assert projection.checkpoint == 50
        while projection.checkpoint < log.head:
            await projection.fold_once(50)
        assert await worlds.stored(state) == expected


async def test_quotes_move_the_checkpoint_without_a_write_each(tmp_path: Path) -> None:
    quotes = [Event("AAPL", worlds.OPEN_US + i, EquityQuote(bid=1.0)) for i in range(1500)]
    log = await worlds.memory_log([*worlds.tape(), *quotes])
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(log, state, Definition())
        await projection.start()
        await projection.fold_once(159)
        await projection.fold_once(100)
        assert projection.checkpoint == 259
        assert (await worlds.stored(state))["projection"][0][2] == 159
        while projection.checkpoint < log.head:
            await projection.fold_once(400)
        assert (await worlds.stored(state))["projection"][0][2] > 1159


async def test_a_fetched_bar_stands_above_the_ticks_whichever_comes_first(tmp_path: Path) -> None:
    fetched = Event("AAPL", worlds.OPEN_US, BarBackfill(1.0, 2.0, 0.5, 1.5, 70))
    before, after = worlds.tick(worlds.OPEN_US + 1, 5.0), worlds.tick(worlds.OPEN_US + 2, 6.0)
    log = await worlds.memory_log([before, fetched, after])
    for limit in (1, 3):
        async with worlds.opened_state(tmp_path / f"state{limit}.db") as state:
            await worlds.projected(log, state, Definition(), limit)
            kept = (await worlds.stored(state))["bars"]
        assert kept == [("AAPL", worlds.OPEN_US, 1.0, 2.0, 0.5, 1.5, 70, None, "schwab_price_history")]


async def test_a_log_whose_beginning_was_pruned_is_folded_from_its_first_whole_day(tmp_path: Path) -> None:
    first, second = worlds.tape(), [worlds.tick(worlds.OPEN_US + worlds.DAY_US + i, 7.0) for i in range(20)]
    log = await event_log.open_log(tmp_path, ManualClock(worlds.CLOSE_US + 2 * worlds.DAY_US))
    await log.append([*first, *second])
    pruned = [event for event in (await log.read(0, 1000)).events if event.seq > 100]
    double = MemoryLog()
    double._events = pruned

    class Pruned(CorruptLog):
        head = 179

        async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
            found = [event for event in pruned if event.seq > after][:limit]
            return Page(found, found[-1].seq if found else after)

    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(Pruned(double, 0), state, Definition())
        assert projection.checkpoint == 179
        assert [row[1] for row in (await worlds.stored(state))["indicators"]] == list(range(160, 180))
    await log.close()


async def test_an_emptied_log_leaves_nothing_to_wait_for(tmp_path: Path) -> None:
    class Emptied(CorruptLog):
        head = 50

        async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
            return Page([], after)

    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = Projection(Emptied(MemoryLog(), 0), state, Definition())
        await projection.start()
        assert await projection.fold_once() == 0
        assert projection.checkpoint == 50


async def test_the_views_show_iso_times(tmp_path: Path) -> None:
    log = await worlds.memory_log(worlds.tape())
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        select = "SELECT time FROM indicators_iso ORDER BY seq LIMIT 1"
        times = await state.run(lambda raw: raw.execute(select).fetchall())
        bars = await state.run(lambda raw: raw.execute("SELECT min(time), sum(volume) FROM bars_iso").fetchone())
    assert times == [("2012-06-21T13:30:00.275016Z",)]
    assert bars[0] == "2012-06-21T13:30:00.000000Z"


class Alarms:
    """Error lines of the log."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.rang = asyncio.Event()

    def write(self, line: str) -> None:
        self.lines.append(line)
        self.rang.set()


@pytest.fixture
def alarms() -> Iterator[Alarms]:
    heard = Alarms()
    handler = logger.add(heard.write, level="ERROR")
    yield heard
    logger.remove(handler)
