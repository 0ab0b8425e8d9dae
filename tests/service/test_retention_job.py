"""What retention may take: only what is folded, delivered, and known to be so."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import indicators.schema
import replicator.schema
from eventlog import log as event_log
from eventlog import state
from eventlog.clock import ManualClock
from indicators.definition import Definition
from indicators.projection import Projection
from replicator.replicator import Options, Replicator
from service import jobs
from service.context import Context
from tests.replicator import doubles
from tests.service.configured import settings_with

DAY_US = 86_400_000_000


@contextlib.asynccontextmanager
async def _context(directory: Path, sink: doubles.FaultySink, days: int) -> AsyncIterator[Context]:
    """Everything in `directory`, so many days after the first tick."""
    log = await event_log.open_log(directory, ManualClock(doubles.T0_US + days * DAY_US + 10**6), reserve_bytes=0)
    schemas = {"indicators": indicators.schema.STEPS, "replicator": replicator.schema.STEPS}
    database = await state.open_state(directory / "state.db", schemas)
    projection = Projection(log, database, Definition(session="all"))
    shipping = Replicator(log, database, sink, Options())
    await projection.start()
    await shipping.start()
    yield Context(settings_with(data_dir=directory), log, database, projection, shipping)
    await shipping.close()
    await database.close()
    await log.close()


async def _record(context: Context, first: int, count: int) -> None:
    await context.log.append([doubles.tick(number) for number in range(first, first + count)])
    while context.projection.checkpoint < context.log.head:
        await context.projection.fold_once()


async def _prune(context: Context) -> tuple[int, int, str | None]:
    done = await jobs.run("log_prune", context, {"keep_days": 7}, lambda done, total: None)
    return done["events"], done["rows"], done["held_by"]


async def test_rows_wait_for_their_delivery(tmp_path: Path) -> None:
    sink = doubles.FaultySink()
    async with _context(tmp_path, sink, days=0) as context:
        await _record(context, 0, 100)
    async with _context(tmp_path, sink, days=8) as context:
        assert context.replicator is not None
        assert await _prune(context) == (0, 0, "the destination's equity_data")
        for table in ("equity_data", "option_prices", "stream_gaps"):
            await context.replicator.sync_once(table)
        assert await _prune(context) == (100, 0, None), "indicators are not delivered yet"
        await context.replicator.sync_once("indicators")
        assert len(sink.indicators()) == 100
        assert await _prune(context) == (0, 100, None)


async def test_a_cursor_of_another_log_lets_nothing_go(tmp_path: Path) -> None:
    sink = doubles.FaultySink()
    async with _context(tmp_path, sink, days=0) as context:
        assert context.replicator is not None
        await _record(context, 0, 100)
        await context.replicator.drain(5)
    for file in await asyncio.to_thread(lambda: list(tmp_path.glob("events.*"))):
        file.unlink()
    async with _context(tmp_path, sink, days=0) as context:
        await _record(context, 1_000, 50)
    async with _context(tmp_path, sink, days=8) as context:
        assert (await _prune(context))[0] == 0
        assert context.log.head == 50
