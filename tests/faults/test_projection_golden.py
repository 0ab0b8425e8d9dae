"""Fault 13: a rebuild from zero, from any checkpoint, and from the golden log of an older release give I3."""

import random
from pathlib import Path
from typing import Any

import pytest

from eventlog import log as event_log
from eventlog.clock import ManualClock
from eventlog.database import Database
from eventlog.log import EventLog
from indicators import check
from indicators.projection import Projection
from indicators.replay import no_progress
from tests.indicators import golden, worlds

AFTER_US = worlds.CLOSE_US + 10 * worlds.DAY_US


async def opened(path: Path) -> EventLog:
    golden.write_log(path)
    return await event_log.open_log(path, ManualClock(AFTER_US))


async def derived(state: Database) -> dict[str, list[Any]]:
    """Rows, bars and kernels. The stored checkpoint may lag over events that give no rows, to save writes."""
    return {table: rows for table, rows in (await worlds.stored(state)).items() if table != "projection"}


async def kept(state: Database, table: str, columns: list[str]) -> list[list[Any]]:
    order = "seq" if table == "indicators" else "ticker, ts_us"
    sql = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}"
    return [list(row) for row in await state.run(lambda raw: raw.execute(sql).fetchall())]


@pytest.mark.parametrize("name", golden.DEFINITIONS)
async def test_the_golden_log_gives_the_golden_rows(tmp_path: Path, name: str) -> None:
    log = await opened(tmp_path)
    wanted = golden.expected(name)
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, golden.DEFINITIONS[name])
        for _ in range(2):
            for table in ("indicators", "bars"):
                assert await kept(state, table, wanted[table]["columns"]) == wanted[table]["rows"]
            assert (await projection.rebuild()).changed == 0
    await log.close()


@pytest.mark.parametrize("name", golden.DEFINITIONS)
async def test_a_resume_from_any_checkpoint_gives_the_same_state(tmp_path: Path, name: str) -> None:
    log = await opened(tmp_path)
    definition = golden.DEFINITIONS[name]
    async with worlds.opened_state(tmp_path / "whole.db") as state:
        await worlds.projected(log, state, definition)
        expected = await derived(state)
    async with worlds.opened_state(tmp_path / "stepped.db") as state:
        for checkpoint in range(1, log.head + 1):
            projection = Projection(log, state, definition)
            await projection.start()
            assert projection.checkpoint <= checkpoint - 1
            await projection.fold_once(checkpoint - projection.checkpoint)
        assert await derived(state) == expected
    rng = random.Random(13)
    for number, checkpoint in enumerate(rng.sample(range(1, log.head), 10)):
        async with worlds.opened_state(tmp_path / f"state{number}.db") as state:
            first = Projection(log, state, definition)
            await first.start()
            await first.fold_once(checkpoint)
            await worlds.projected(log, state, definition)
            assert await derived(state) == expected
            assert (await check.check(log, state, no_progress)).agrees
    await log.close()
