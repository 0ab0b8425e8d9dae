"""The whole way of a tick, as a user runs it."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import numpy
import pytest

from replicator import embedded
from tests.e2e import demo

pytestmark = pytest.mark.xdist_group("demo")

TAPE_ARGUMENTS = ("demo", "--tape", str(demo.TAPE), "--ticker", "AAPL", "--json")


def fetch(data_dir: Path, query: str) -> list[Any]:
    """Rows of the demo's own database, after the demo has ended."""
    server = embedded.start(data_dir)
    try:
        return asyncio.run(_fetch(server.dsn, query))
    finally:
        server.stop()


async def _fetch(dsn: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


def expected_indicators() -> tuple[list[float | None], list[float]]:
    """SMA9 and VWAP of the tape by NumPy, independent of ticktape's kernels."""
    prices, sizes = (numpy.array(column, dtype=float) for column in zip(*demo.tape_trades(), strict=True))
    means = numpy.lib.stride_tricks.sliding_window_view(prices, 9).mean(axis=1)
    vwap = (prices * sizes).cumsum() / sizes.cumsum()
    return [None] * 8 + list(means), list(vwap)


def test_the_real_tape_arrives_whole_and_exact(tmp_path: Path) -> None:
    result = demo.summary(demo.run(tmp_path, *TAPE_ARGUMENTS, "--speed", "60", "--data-dir", "d"))
    assert result["ticks_appended"] == 159
    assert result["rows_delivered"]["equity_data"] == 159
    assert result["rows_delivered"]["indicators"] == 159
    assert (result["unsent"], result["dead_letters"]) == (0, 0)

    with contextlib.closing(sqlite3.connect(result["events_db"])) as log:
        recorded = log.execute("SELECT price, volume FROM ticks ORDER BY seq").fetchall()
    assert recorded == demo.tape_trades()

    rows = fetch(tmp_path / "d", "SELECT price, volume FROM equity_data ORDER BY timestamp")
    assert [(float(row["price"]), row["volume"]) for row in rows] == demo.tape_trades()

    sma9, vwap = expected_indicators()
    rows = fetch(tmp_path / "d", "SELECT sma9, vwap FROM indicators ORDER BY timestamp")
    assert [row["sma9"] is None for row in rows] == [value is None for value in sma9]
    numpy.testing.assert_allclose([row["sma9"] for row in rows[8:]], numpy.array(sma9[8:], dtype=float), rtol=1e-9)
    numpy.testing.assert_allclose([row["vwap"] for row in rows], vwap, rtol=1e-9)


def test_killed_in_the_middle_it_goes_on_without_loss_or_doubles(tmp_path: Path) -> None:
    arguments = demo.command(*TAPE_ARGUMENTS, "--speed", "10", "--data-dir", "d")
    process = subprocess.Popen(arguments, cwd=tmp_path, env=demo.environment(), stdout=subprocess.DEVNULL)
    events_db = tmp_path / "d" / "events.db"
    acknowledged = wait_for_ticks(process, events_db, 40)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    result = demo.summary(demo.run(tmp_path, *TAPE_ARGUMENTS, "--speed", "200", "--data-dir", "d"))
    assert result["ticks_appended"] <= 159 - acknowledged
    with contextlib.closing(sqlite3.connect(events_db)) as log:
        recorded = log.execute("SELECT price, volume FROM ticks ORDER BY seq").fetchall()
    assert recorded == demo.tape_trades()
    rows = fetch(tmp_path / "d", "SELECT price, volume FROM equity_data ORDER BY timestamp")
    assert [(float(row["price"]), row["volume"]) for row in rows] == demo.tape_trades()


def wait_for_ticks(process: subprocess.Popen[Any], events_db: Path, count: int) -> int:
    """Poll the log as a user with sqlite3 would, while the recorder writes it."""
    while process.poll() is None:
        with contextlib.suppress(sqlite3.OperationalError):
            with contextlib.closing(sqlite3.connect(f"file:{events_db}?mode=ro", uri=True)) as log:
                seen = log.execute("SELECT count(*) FROM ticks").fetchone()[0]
            if seen >= count:
                return int(seen)
    raise AssertionError("the demo ended before it was killed")


def test_a_random_market_runs_for_its_seconds_and_leaves_nothing_unsent(tmp_path: Path) -> None:
    result = demo.summary(demo.run(tmp_path, "demo", "--seconds", "3", "--ticker", "QQQ,AAPL", "--json", DATA_DIR="d"))
    assert result["ticks_appended"] > 0
    assert result["rows_delivered"]["equity_data"] == result["ticks_appended"]
    assert result["unsent"] == 0
    with contextlib.closing(sqlite3.connect(result["events_db"])) as log:
        assert log.execute("SELECT DISTINCT ticker FROM ticks ORDER BY ticker").fetchall() == [("AAPL",), ("QQQ",)]
    for name in ("events.db", "state.db"):
        assert stat.S_IMODE((tmp_path / "d" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700


def test_an_interrupt_drains_and_sums_up(tmp_path: Path) -> None:
    arguments = demo.command("demo", "--json", "--data-dir", "d")
    process = subprocess.Popen(arguments, cwd=tmp_path, env=demo.environment(), stdout=subprocess.PIPE, text=True)
    wait_for_ticks(process, tmp_path / "d" / "events.db", 3)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert '"unsent":0' in output


@pytest.mark.parametrize(
    ("arguments", "settings", "named"),
    [
        (("demo", "--nonsense"), {}, "--nonsense"),
        (("nonsense",), {}, "nonsense"),
        (("demo", "--seconds", "soon"), {}, "--seconds"),
        (("demo",), {"BATCH_SIZE": "abc"}, "BATCH_SIZE=abc"),
        (("demo", "--tape", "missing.csv"), {}, "missing.csv"),
        (("demo", "--tape", "bad.csv", "--ticker", "AAPL"), {}, "3"),
        (("demo", "--data-dir", "/proc/nowhere"), {}, "/proc/nowhere"),
        (("demo", "--data-dir", "bad.csv"), {}, "bad.csv"),
        (("run",), {}, "SCHWAB_APP_KEY"),
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str], named: str
) -> None:
    (tmp_path / "bad.csv").write_text("time,price,size\n2012-06-21T13:30:00Z,585.74,40\n2012-06-21T13:30:01Z,zero,4\n")
    finished = demo.run(tmp_path, *arguments, **settings)
    assert finished.returncode == 2, finished.stderr
    assert named in finished.stderr
    assert len(finished.stderr.strip().splitlines()) == 1
    assert finished.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]
