"""A full disk, three ways: no false acknowledgement, callers wait, and it goes on by itself with the hole on record."""

import asyncio
import errno
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from eventlog import commits, events, room, store
from eventlog.clock import ManualClock
from eventlog.errors import LogFailedError, LogFullError
from eventlog.log import EventLog, open_log
from tests.eventlog.ticks import NOW_US, ticks
from tests.faults import harness_log


@pytest.fixture(autouse=True)
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "PROBE_SECONDS", 0.01)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_US)


@pytest.fixture
async def log(tmp_path: Path, clock: ManualClock) -> AsyncIterator[EventLog]:
    opened = await open_log(tmp_path, clock, reserve_bytes=4096)
    yield opened
    await opened.close()


@pytest.fixture
def file_size_limit() -> Iterator[None]:
    """Puts the limit back."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def _pages(log: EventLog, most: int) -> None:
    await log._writer.run(lambda raw: raw.execute(f"PRAGMA max_page_count = {most}").fetchone())


async def _until_full(log: EventLog) -> None:
    async def look() -> None:
        while log.status().state != "full":  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    await asyncio.wait_for(look(), 5)


async def _reader_drains(log: EventLog) -> None:
    """What is there can still be read while the log is full."""
    page = await log.read(0, 10_000)
    assert page.through_seq == log.head


async def _check_gap(log: EventLog, since_us: int, until_us: int) -> None:
    stored = await log.latest("feed_gap", "")
    assert stored is not None
    assert events.decode(stored) == events.FeedGap(since_us, until_us, "disk_full")


async def test_no_page_left(log: EventLog, clock: ManualClock, tmp_path: Path) -> None:
    await log.start_recording("test")
    assert (tmp_path / "reserve").exists()
    await log.append(ticks(200))
    await _pages(log, 1)
    waiting = asyncio.ensure_future(log.append(ticks(500, first=200)))
    await _until_full(log)
    assert log.status().full_since_us == NOW_US
    assert not (tmp_path / "reserve").exists(), "the reserve is given to the others"
    assert log.head == 201
    assert not waiting.done()
    await _reader_drains(log)

    clock.advance_us(90_000_000)
    await _pages(log, 1_000_000)
    assert await asyncio.wait_for(waiting, 5) == range(202, 702)
    assert log.status().state == "open"
    await log.append(ticks(1, first=700))
    await _check_gap(log, NOW_US, NOW_US + 90_000_000)
    assert (tmp_path / "reserve").exists()


async def test_a_file_size_limit(log: EventLog, clock: ManualClock, tmp_path: Path, file_size_limit: None) -> None:
    await log.append(ticks(200))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "events.db-wal").stat().st_size, hard))
    waiting = asyncio.ensure_future(log.append(ticks(500, first=200)))
    await _until_full(log)
    assert log.head == 200
    await _reader_drains(log)
    clock.advance_us(1_000_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert await asyncio.wait_for(waiting, 5) == range(201, 701)
    await log.append(ticks(1, first=700))
    await _check_gap(log, NOW_US, NOW_US + 1_000_000)


async def test_writes_that_find_no_space(tmp_path: Path) -> None:
    harness_log.require_strace()
    told = harness_log.run_to_end(tmp_path, 1_500, ["-e", "inject=pwrite64:error=ENOSPC:when=70..74"])
    assert told.exit_code == 0, told.lines[-3:]
    head = await harness_log.check(tmp_path, told.acknowledged)
    assert head >= 1_500
    log = await open_log(tmp_path)
    gap = await log.latest("feed_gap", "")
    await log.close()
    assert gap is not None


async def test_closing_while_full_says_that_nothing_was_appended(log: EventLog) -> None:
    await log.append(ticks(10))
    await _pages(log, 1)
    waiting = asyncio.ensure_future(log.append(ticks(500, first=10)))
    await _until_full(log)
    await asyncio.wait_for(log.stop_recording("shutdown"), 1)
    await log.close()
    with pytest.raises(LogFullError):
        await waiting
    assert log.head == 10


async def test_a_probe_tells_a_full_disk_from_a_broken_one(tmp_path: Path) -> None:
    broken = sqlite3.OperationalError("disk I/O error")
    broken.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert not room.Room(tmp_path).is_full_error(broken, 4096)
    failed_sync = sqlite3.OperationalError("disk I/O error")
    failed_sync.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    assert not room.Room(tmp_path).is_full_error(failed_sync, 4096)


async def test_many_appenders_wait_in_a_bounded_queue(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "QUEUE_EVENTS", 100)
    await log.append(ticks(10))
    await _pages(log, 1)
    waiting = [asyncio.ensure_future(log.append(ticks(30, ticker=f"T{number}"))) for number in range(30)]
    await _until_full(log)
    await asyncio.sleep(0.02)
    assert log.status().queued < 100 + 30
    await _pages(log, 1_000_000)
    seqs = [seq for answer in await asyncio.wait_for(asyncio.gather(*waiting), 5) for seq in answer]
    assert len(set(seqs)) == 900


def test_nothing_is_written_outside_the_data_directory(tmp_path: Path) -> None:
    """A full /tmp must not stop a commit, and a read-only container may have none."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = temporary.stat().st_mtime_ns
    told = subprocess.run(
        [sys.executable, "-m", "tests.faults.harness_tempfiles", str(tmp_path / "data")],
        env={**os.environ, "SQLITE_TMPDIR": str(temporary)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.strip() == "12800"
    assert temporary.stat().st_mtime_ns == before, "a temporary file came and went"


async def test_a_clock_that_was_set_back_meanwhile_leaves_nobody_waiting(log: EventLog, clock: ManualClock) -> None:
    await log.append(ticks(10))
    await _pages(log, 1)
    waiting = asyncio.ensure_future(log.append(ticks(500, first=10)))
    await _until_full(log)
    clock.advance_us(-3_600_000_000)
    await _pages(log, 1_000_000)
    assert len(await asyncio.wait_for(waiting, 5)) == 500
    await asyncio.wait_for(log.wait_beyond(510), 5)
    gap = await log.latest("feed_gap", "")
    assert gap is not None and gap.ts_us == clock.now_us()


async def test_a_disk_that_became_read_only_ends_the_log(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite calls it a write error, as it calls a quota; and no probe file can be made."""
    real_open = os.open

    def refused(path: Path, flags: int, *mode: int, **place: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system")
        return real_open(path, flags, *mode, **place)

    def commit(connection: sqlite3.Connection, values: list[object]) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        raise error

    await log.append(ticks(10))
    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(store, "commit", commit)
    with pytest.raises(LogFailedError):
        await asyncio.wait_for(log.append(ticks(10, first=10)), 5)
    assert log.failed.is_set()
    await asyncio.wait_for(log.close(), 5)


async def test_whatever_goes_wrong_after_a_commit_leaves_nobody_waiting(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(seq: int) -> None:
        raise RuntimeError("a surprise")

    monkeypatch.setattr(log._upkeep, "committed", broken)
    with pytest.raises(LogFailedError, match="a surprise"):
        await asyncio.wait_for(log.append(ticks(10)), 5)
