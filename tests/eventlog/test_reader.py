"""Reading beside a writer: from another connection, following its tail, and what the figures say."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from loguru import logger

from eventlog import reader, stats
from eventlog.clock import ManualClock
from eventlog.errors import InvalidEventError, UsageError
from eventlog.events import Event, FeedGap
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, OPEN_US, tick, ticks

CLOCK = ManualClock(NOW_US)
MINUTE_US = 60_000_000


async def test_a_reader_follows_a_writer(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append(ticks(3))
    beside = await reader.open_log_reader(tmp_path)
    assert await beside.head() == 3
    waiting = asyncio.ensure_future(beside.wait_beyond(3))
    await log.append(ticks(2, first=3))
    assert await asyncio.wait_for(waiting, 5) == 5
    assert [event.seq for event in await beside.last(2)] == [4, 5]
    assert [event.seq for event in await beside.last(9, ["feed_gap"])] == []
    assert await beside.tickers() == ["QQQ"]
    await beside.close()
    await log.close()


async def test_a_reader_never_writes(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    beside = await reader.open_log_reader(tmp_path)
    with pytest.raises(Exception, match="readonly"):
        await beside.database.run(lambda raw: raw.execute("PRAGMA user_version = 7"))
    await beside.close()
    await log.close()


async def test_where_there_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no log"):
        await reader.open_log_reader(tmp_path)
    (tmp_path / "events.db").touch()
    with pytest.raises(UsageError, match="is empty"):
        await reader.open_log_reader(tmp_path)


async def test_a_log_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.close()

    def refuse(name: str, **options: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(UsageError, match="owner and permissions"):
        await reader.open_log_reader(tmp_path)


async def test_figures(tmp_path: Path) -> None:
    log = await open_log(tmp_path, ManualClock(NOW_US))
    await log.append([*ticks(121, step_us=500_000), *ticks(5, ticker="AAPL")])
    await log.append([Event("", OPEN_US, FeedGap(OPEN_US - MINUTE_US, OPEN_US + 2 * MINUTE_US, "spans midnight"))])
    await log.append([Event("", OPEN_US, FeedGap(OPEN_US - 9 * MINUTE_US, OPEN_US - 8 * MINUTE_US, "yesterday"))])
    beside = await reader.open_log_reader(tmp_path)
    day = OPEN_US, OPEN_US + 60 * MINUTE_US
    found = await beside.database.run(lambda raw: stats.collect(raw, tmp_path / "events.db", NOW_US + 30_000_000, day))
    await beside.close()
    await log.close()
    by_kind = {(one.kind, one.ticker): one for one in found.kinds}
    assert by_kind["equity_tick", "QQQ"].events == 121
    assert by_kind["equity_tick", "QQQ"].events_per_minute == 121.0
    assert by_kind["equity_tick", "AAPL"].last_us == tick(4).ts_us
    assert (found.events, found.head, found.recorded_last_minute) == (128, 128, 128)
    assert (found.gaps_today, found.gap_seconds_today) == (1, 120.0), "only what lies in the day counts"
    assert found.wal_bytes > 0


async def test_refusals_do_not_flood_the_log_output(tmp_path: Path) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    log = await open_log(tmp_path, CLOCK)
    for _ in range(500):
        with pytest.raises(InvalidEventError):
            await log.append([tick(1, ticker="")])
    logger.remove(sink)
    await log.close()
    assert len(lines) == 1
    assert lines[0].startswith("event refused: ticker=''")
    assert log.status().refused == {"ticker": 500}
