"""When commits start, what they share, and what a failed one does."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eventlog import commits, store, upkeep
from eventlog.clock import ManualClock
from eventlog.errors import LogClosedError, LogFailedError
from eventlog.log import EventLog, open_log
from tests.eventlog.ticks import NOW_US, ticks


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    opened = await open_log(tmp_path, ManualClock(NOW_US))
    yield opened
    await opened.close()


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of events of each commit."""
    sizes: list[int] = []
    real = store.commit

    def counted(connection: sqlite3.Connection, values: list[Any]) -> None:
        sizes.append(len(values) // 7)
        real(connection, values)

    monkeypatch.setattr(store, "commit", counted)
    return sizes


async def test_an_idle_log_commits_at_once_and_a_busy_one_shares(
    tmp_path: Path, groups: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "INTERVAL_SECONDS", 3600.0)
    log = await open_log(tmp_path, ManualClock(NOW_US))
    await asyncio.wait_for(log.append(ticks(1)), 30)
    assert groups == [1]
    waiting = [asyncio.ensure_future(log.append(ticks(1, ticker=f"T{number}"))) for number in range(40)]
    await asyncio.sleep(0)
    assert (groups, log.status().queued) == ([1], 40)
    await log.close()
    assert groups == [1, 40], "what queued up within the interval is one commit"
    assert [len(await answer) for answer in waiting] == [1] * 40


async def test_a_busy_log_commits_when_the_interval_has_passed(tmp_path: Path, groups: list[int]) -> None:
    log = await open_log(tmp_path, ManualClock(NOW_US))
    for number in range(5):
        await asyncio.wait_for(log.append(ticks(1, first=number)), 30)
    assert groups == [1] * 5
    await log.close()


async def test_a_large_group_does_not_wait_for_the_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "INTERVAL_SECONDS", 3600.0)
    log = await open_log(tmp_path, ManualClock(NOW_US))
    await log.append(ticks(1))
    await asyncio.wait_for(log.append(ticks(commits.EAGER_EVENTS, first=1)), 5)
    waiting = asyncio.ensure_future(log.append(ticks(1, first=500)))
    await asyncio.sleep(0)
    await asyncio.wait_for(log.close(), 5)
    assert await waiting == range(66, 67), "closing commits what is queued"


async def test_a_failed_commit_is_final(log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await log.append(ticks(3))
    tail = asyncio.ensure_future(log.wait_beyond(3))
    calls = []

    def fail(connection: sqlite3.Connection, values: list[Any]) -> None:
        calls.append(values)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    monkeypatch.setattr(store, "commit", fail)
    answers = await asyncio.gather(
        *(log.append(ticks(5, first=9, ticker=f"T{number}")) for number in range(4)), return_exceptions=True
    )
    assert all(isinstance(answer, LogFailedError) for answer in answers)
    assert len(calls) == 1, "never tried again"
    assert log.failed.is_set()
    assert log.failure is answers[0]
    assert log.status().state == "failed"
    with pytest.raises(LogClosedError):
        await tail
    with pytest.raises(LogFailedError):
        await log.append(ticks(1, first=90))
    assert log.head == 3


async def test_a_failed_checkpoint_is_final_too(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: sqlite3.Connection) -> store.Checkpoint:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    monkeypatch.setattr(store, "checkpoint", fail)
    monkeypatch.setattr(upkeep, "CHECKPOINT_PAGES", 1)
    await log.append(ticks(3))
    await asyncio.wait_for(log.failed.wait(), 5)
    with pytest.raises(LogFailedError):
        await log.append(ticks(1, first=90))


async def test_the_queue_is_bounded(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "QUEUE_EVENTS", 50)
    most = 0

    async def watched(number: int) -> range:
        nonlocal most
        answer = await log.append(ticks(20, ticker=f"T{number}"))
        most = max(most, log.status().queued)
        return answer

    answers = await asyncio.gather(*(watched(number) for number in range(100)))
    assert sum(len(answer) for answer in answers) == log.head == 2_000
    assert most < 50 + 20


async def test_the_wal_is_checkpointed_and_stays_small(log: EventLog) -> None:
    for number in range(60):
        await log.append(ticks(500, first=500 * number))
    assert log.status().wal_bytes < 8_000_000
    assert (log._writer.path).stat().st_size > 2_000_000


async def test_a_reader_that_pins_the_wal_is_reported_and_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(upkeep, "WAL_CAP_BYTES", 200_000)
    monkeypatch.setattr("eventlog.log.WAL_CAP_BYTES", 200_000)
    monkeypatch.setattr("eventlog.startup.WAL_BYTES_AFTER_RESET", 100_000)
    log = await open_log(tmp_path, ManualClock(NOW_US))
    await log.append(ticks(100))
    pinning = sqlite3.connect(f"file:{tmp_path}/events.db?mode=ro", uri=True, isolation_level=None)
    pinning.execute("BEGIN")
    pinning.execute("SELECT count(*) FROM events").fetchone()
    for number in range(1, 40):
        await log.append(ticks(100, first=100 * number))
    assert log.status().wal_is_pinned
    assert log.status().wal_bytes > 200_000
    pinning.close()
    for number in range(40, 60):
        await log.append(ticks(100, first=100 * number))
    assert not log.status().wal_is_pinned
    assert log.status().wal_bytes <= 300_000
    await log.close()


async def test_a_waiter_that_gives_up_is_forgotten_though_nothing_is_appended(log: EventLog) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(log.wait_beyond(log.head), 0.001)
    assert log._tail._waiters == []
