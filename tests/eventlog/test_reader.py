"""Reading beside a writer: from another connection, following its tail, and what the figures say."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from loguru import logger

from eventlog import codec, queries, reader, schema, stats, verify
from eventlog.clock import ManualClock
from eventlog.errors import (
    CorruptEventError,
    DamagedLogError,
    InvalidEventError,
    LogFailedError,
    UnreadableLogError,
    UsageError,
)
from eventlog.events import Event, FeedGap
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, OPEN_US, tick, ticks

CLOCK = ManualClock(NOW_US)
MINUTE_US = 60_000_000


def _quiet(done: int, total: int | None) -> None:
    pass


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


def _error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


class Failing:
    """A connection whose every statement fails."""

    def __init__(self, code: int) -> None:
        self._code = code

    def execute(self, *statement: object) -> None:
        raise _error(self._code)

    async def run(self, work: Callable[[Any], Any]) -> Any:
        return work(self)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_CANTOPEN])
async def test_a_disk_that_fails_once_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append(ticks(3))
    await log.close()
    beside = await reader.open_log_reader(tmp_path)
    reads = beside.head, beside.last_event, lambda: beside.read(0, 9), lambda: verify.verify(beside.database, _quiet)
    monkeypatch.setattr(beside.database, "run", Failing(code).run)
    for read in reads:
        with pytest.raises(UnreadableLogError, match=r"events.db cannot be read \(disk I") as caught:
            await read()
        assert str(tmp_path) in str(caught.value)
        assert caught.value.exit_code == LogFailedError.exit_code
    monkeypatch.undo()
    assert len((await beside.read(0, 10)).events) == 3
    await beside.close()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB])
async def test_damage_asks_for_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.close()
    beside = await reader.open_log_reader(tmp_path)
    monkeypatch.setattr(beside.database, "run", Failing(code).run)
    with pytest.raises(DamagedLogError, match="restore a backup"):
        await beside.head()
    assert not (await verify.verify(beside.database, _quiet)).is_sound
    monkeypatch.undo()
    await beside.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [(sqlite3.SQLITE_IOERR_READ, sqlite3.OperationalError), (sqlite3.SQLITE_CORRUPT, CorruptEventError)],
)
def test_a_page_that_cannot_be_read_names_its_event_where_it_is_damaged(
    monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(queries, "head", lambda connection: 10)
    with pytest.raises(error):
        queries.page(cast("sqlite3.Connection", Failing(code)), codec.RowDecoder(), 3, 10, None)


async def test_damage_that_is_not_found_again_was_a_read_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append(ticks(3))
    await log.close()
    beside = await reader.open_log_reader(tmp_path)

    async def fail_once(work: Callable[[Any], Any]) -> Any:
        monkeypatch.undo()
        return work(Failing(sqlite3.SQLITE_CORRUPT))

    monkeypatch.setattr(beside.database, "run", fail_once)
    assert await beside.head() == 3
    monkeypatch.setattr(beside.database, "run", fail_once)
    assert len((await beside.read(0, 10)).events) == 3
    await beside.close()


async def test_a_disk_that_fails_at_the_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.close()

    def fail(connection: sqlite3.Connection) -> int:
        raise _error(sqlite3.SQLITE_IOERR_READ)

    monkeypatch.setattr(schema, "check", fail)
    with pytest.raises(UnreadableLogError):
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
