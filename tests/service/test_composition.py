"""Settings reach the rooms."""

import sqlite3
from pathlib import Path

import asyncpg
from pydantic import SecretStr

from eventlog.events import EquityTick, Event
from service import work
from service.context import open_context
from tests.service.configured import settings_with

DAY_US = 1_750_000_000_000_000


def _tick(number: int) -> Event:
    return Event("AAPL", DAY_US + number, EquityTick(100.0 + number % 7, 10, 10, 10 * (number + 1)))


async def test_indicators_that_are_named_are_shipped_beside_the_customers(tmp_path: Path, database: str) -> None:
    settings = settings_with(
        data_dir=tmp_path / "d",
        destination="postgres",
        postgres_dsn=SecretStr(database),
        session="all",
        indicators=("ema9", "rsi14"),
    )
    async with open_context(settings) as context:
        assert context.replicator is not None
        await context.log.append([_tick(number) for number in range(30)])
        await context.projection.start()
        await context.projection.fold_once()
        await context.replicator.start()
        assert await context.replicator.drain(10) == 0

    columns = "sma9, vwap, ema9, rsi14"
    with sqlite3.connect(settings.data_dir / "state.db") as state:
        here = state.execute(f"SELECT {columns} FROM indicators ORDER BY ts_us").fetchall()
    state.close()
    connection = await asyncpg.connect(database)
    there = [tuple(row) for row in await connection.fetch(f"SELECT {columns} FROM indicators ORDER BY timestamp")]
    await connection.close()
    assert len(there) == 30
    assert there == here
    assert there[-1][2] is not None and there[-1][3] is not None

    report = await work.perform(settings, "verify", {}, lambda *_: None)
    assert [table["agrees"] for table in report["tables"]] == [True] * 5
