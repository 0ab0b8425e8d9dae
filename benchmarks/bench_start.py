"""From the start of the process to the first tick on record, beside an interpreter that only imports the libraries."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import measure, nano_budget, rig
from benchmarks.exchange_process import TICKERS

ROUNDS = 3
LOAD = nano_budget.Load("start", 100, TICKERS, 0.0)
LIBRARIES = "import schwab, supabase, aiosqlite, apscheduler, msgspec, loguru, aiohttp, pydantic_settings"
TIMEOUT_SECONDS = 30.0

GOAL = measure.Goal(of="ratio", bound="most", value=2.0, peer="importing the libraries")

_FIRST = "SELECT recorded_us FROM events WHERE kind = 'equity_tick' ORDER BY seq LIMIT 1"


def results() -> Iterator[measure.Result]:
    """Seconds, with an exchange that trades 100 times a second already waiting."""
    yield measure.compare(
        "`ticktape run` to the first recorded tick", "s", lambda: rig.run(_first_tick),
        {"importing the libraries": _imports}, GOAL, ROUNDS,
        note="settings, token, log, state, login and subscription included",
    )  # fmt: skip


async def _first_tick(folder: Path) -> float:
    async with rig.exchange(LOAD.rate, 60.0, folder) as exchange, nano_budget.destination() as url:
        began_us = time.time_ns() // 1_000
        async with nano_budget.service(folder / "data", exchange.url, url, LOAD):
            recorded_us = await _recorded_us(folder / "data" / "events.db")
        # Left to itself it would wait for its last trade.
        exchange.process.kill()
    return (recorded_us - began_us) / 1e6


async def _recorded_us(path: Path) -> int:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (found := await asyncio.to_thread(_first_on_record, path)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


def _first_on_record(path: Path) -> int | None:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        row = connection.execute(_FIRST).fetchone()
        connection.close()
    except sqlite3.OperationalError:
        return None  # There is no log yet.
    return None if row is None else int(row[0])


def _imports() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", LIBRARIES], check=True)
    return time.perf_counter() - began
