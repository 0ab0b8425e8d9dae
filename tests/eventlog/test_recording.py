"""Runs on record: starts, stops, the hole after a run that did not stop, and the views a person reads."""

import asyncio
import contextlib
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from eventlog import events, startup
from eventlog.clock import ManualClock
from eventlog.errors import DamagedLogError, LogFailedError
from eventlog.events import EquityQuote, EquityTick, Event, FeedGap, OptionQuote
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, OPEN_US, ticks


def _look(directory: Path, query: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(directory / "events.db")
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(query)]
    finally:
        connection.close()


async def test_an_orderly_run_leaves_no_gap(tmp_path: Path) -> None:
    clock = ManualClock(NOW_US)
    for _ in range(2):
        log = await open_log(tmp_path, clock)
        await log.start_recording("1.0")
        clock.advance_us(60_000_000)
        await log.stop_recording("signal")
        await log.close()
    assert _look(tmp_path, "SELECT * FROM gaps") == []
    runs = _look(tmp_path, "SELECT first_seq, last_seq, started, ended, events, how_it_ended FROM recordings")
    assert runs == [
        {
            "first_seq": 1,
            "last_seq": 2,
            "started": "2026-07-20T21:30:00.000000Z",
            "ended": "2026-07-20T21:31:00.000000Z",
            "events": 2,
            "how_it_ended": "signal",
        },
        {
            "first_seq": 3,
            "last_seq": 4,
            "started": "2026-07-20T21:31:00.000000Z",
            "ended": "2026-07-20T21:32:00.000000Z",
            "events": 2,
            "how_it_ended": "signal",
        },
    ]


async def test_a_start_without_a_stop_is_a_gap_since_the_last_event(tmp_path: Path) -> None:
    clock = ManualClock(NOW_US)
    log = await open_log(tmp_path / "a", clock)
    await log.start_recording("1.0")
    clock.advance_us(5_000_000)
    await log.append(ticks(3))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    await log.close()
    clock.advance_us(100_000_000)
    log = await open_log(tmp_path / "b", clock)
    await log.start_recording("1.0")
    page = await log.read(4, 10)
    await log.close()
    assert [event.kind for event in page.events] == ["service_started", "feed_gap"]
    assert events.decode(page.events[1]) == FeedGap(NOW_US + 5_000_000, NOW_US + 105_000_000, "no_stop_on_record")
    (gap,) = _look(tmp_path / "b", "SELECT ticker, started, ended, seconds, reason FROM gaps")
    assert gap == {
        "ticker": "*",
        "started": "2026-07-20T21:30:05.000000Z",
        "ended": "2026-07-20T21:31:45.000000Z",
        "seconds": 100.0,
        "reason": "no_stop_on_record",
    }
    endings = [row["how_it_ended"] for row in _look(tmp_path / "b", "SELECT how_it_ended FROM recordings")]
    assert endings == ["no stop on record", "running"]


async def test_a_clock_set_back_makes_no_negative_gap(tmp_path: Path) -> None:
    clock = ManualClock(NOW_US)
    for step_us in (0, -3_600_000_000, 3_600_000_000):
        clock.advance_us(step_us)
        log = await open_log(tmp_path, clock)
        await log.start_recording("1.0")
        await log.close()
    gaps = _look(tmp_path, "SELECT seconds, seq FROM gaps")
    assert [gap["seconds"] for gap in gaps] == [0.0, 3600.0]
    assert [gap["seq"] for gap in gaps] == [3, 5]


async def test_a_large_log_is_checked_while_recording_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "QUICK_CHECK_BYTES", 0)
    log = await open_log(tmp_path, ManualClock(NOW_US))
    await log.append(ticks(2_000))
    await log.close()
    path = tmp_path / "events.db"
    content = bytearray(path.read_bytes())
    page = content.index(b'"total_volume":1200,') // 4096
    content[page * 4096 : page * 4096 + 8] = bytes(8)
    path.write_bytes(content)
    log = await open_log(tmp_path, ManualClock(NOW_US))
    with contextlib.suppress(LogFailedError):
        await log.start_recording("1.0")
    await asyncio.wait_for(log.failed.wait(), 5)
    assert log.failure is not None and log.failure.exit_code == DamagedLogError.exit_code
    assert "damaged" in str(log.failure) and "check the disk" not in str(log.failure)
    await log.close()


async def test_the_check_of_a_large_log_does_not_hold_up_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def endless(connection: sqlite3.Connection) -> None:
        begun.set()
        connection.execute("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")

    monkeypatch.setattr(startup, "QUICK_CHECK_BYTES", 0)
    monkeypatch.setattr(startup, "quick_check", endless)
    log = await open_log(tmp_path, ManualClock(NOW_US))
    await log.append(ticks(10))
    await log.start_recording("1.0")
    assert await asyncio.to_thread(begun.wait, 5)
    await asyncio.wait_for(log.close(), 5)


async def test_views_show_what_was_recorded(tmp_path: Path) -> None:
    log = await open_log(tmp_path, ManualClock(NOW_US))
    option = OptionQuote("QQQ   260720C00400000", "CALL", 400.0, "2026-07-20", bid=1.0, delta=0.5)
    await log.append(
        [
            Event("QQQ", OPEN_US + 1, EquityTick(400.25, 5, 7, 70, ask=400.5, trade_us=OPEN_US, delayed=True)),
            Event("QQQ", OPEN_US + 2, EquityQuote(bid=400.0, bid_size=3)),
            Event("QQQ", OPEN_US + 3, option),
        ]
    )
    await log.close()
    (tick,) = _look(tmp_path, "SELECT * FROM ticks")
    assert tick == {
        "seq": 1,
        "ticker": "QQQ",
        "time": "2026-07-20T13:30:00.000001Z",
        "price": 400.25,
        "volume": 7,
        "size": 5,
        "total_volume": 70,
        "bid": None,
        "ask": 400.5,
        "delayed": 1,
        "time_source": "trade",
        "trade_us": OPEN_US,
        "ts_us": OPEN_US + 1,
        "recorded_us": NOW_US,
    }
    (quote,) = _look(tmp_path, "SELECT time, bid, ask, bid_size FROM quotes")
    assert quote == {"time": "2026-07-20T13:30:00.000002Z", "bid": 400.0, "ask": None, "bid_size": 3}
    (shown,) = _look(tmp_path, "SELECT symbol, strike, delta, gamma FROM options")
    assert shown == {"symbol": "QQQ   260720C00400000", "strike": 400.0, "delta": 0.5, "gamma": None}
