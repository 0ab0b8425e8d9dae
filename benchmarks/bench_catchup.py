"""Catch-up after an outage of a day, ten tickers and two tables, through both sinks, while ticks go on coming in."""

import asyncio
import contextlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

import indicators.schema
import replicator.schema
from benchmarks import days, measure
from eventlog import log as event_log
from eventlog import state as state_file
from eventlog.clock import ManualClock
from eventlog.log import EventLog
from indicators.definition import Definition
from indicators.projection import Projection
from replicator import embedded, migrate
from replicator.postgres_sink import PostgresSink
from replicator.replicator import Options, Replicator
from replicator.sink import Sink
from replicator.supabase_sink import SupabaseSink
from replicator.tables import EQUITY_DATA, INDICATORS
from tests.servers import lite, postgres
from tests.servers.forward import Forward

TENTH_SECONDS = days.SESSION_SECONDS // 10
LIVE_STEP_SECONDS = 0.01
"""Ten ticks each: 1,000 ticks a second."""
IDLE_SECONDS = 1.0
ROUNDS = 2
TIMEOUT_SECONDS = 120.0

DAY_GOAL = measure.Goal(of="figure", bound="most", value=60.0)
GROWTH_GOAL = measure.Goal(of="ratio", bound="least", value=0.8, peer="a tenth of the day")
MEMORY_GOAL = measure.Goal(of="figure", bound="most", value=64.0)

_LIVE = "1,000 ticks a second come in, are logged and folded meanwhile"
NOTES = {"postgres sink": _LIVE, "supabase sink": f"{_LIVE}; through @supabase/lite on PostgreSQL, on the same cores"}


@dataclass
class CaughtUp:
    """`rows` of the day in both tables; milliseconds of the appends meanwhile, and of those before it began."""

    rows: int
    seconds: float
    append_ms: list[float]
    idle_append_ms: list[float]
    grown_mb: float


def results() -> Iterator[measure.Result]:
    """The day and a tenth of it through each sink, into a destination that has neither."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorded = {
            "tenth": days.recorded(folder / "tenth", TENTH_SECONDS),
            "day": days.recorded(folder / "day"),
        }
        server = embedded.start(folder / "server")
        try:
            asyncio.run(migrate.apply(server.dsn))
            with _lite(server, folder / "lite") as url:
                made: dict[str, Callable[[], Sink]] = {
                    "postgres sink": lambda: PostgresSink(SecretStr(server.dsn)),
                    "supabase sink": lambda: SupabaseSink(url, SecretStr(lite.SERVICE_KEY)),
                }
                for sink, make in made.items():
                    found: dict[str, list[CaughtUp]] = {share: [] for share in recorded}
                    for _ in range(ROUNDS):
                        for share, data_dir in recorded.items():
                            copy = Path(shutil.copytree(data_dir, folder / f"{share}, {sink}"))
                            asyncio.run(_emptied(server.dsn))
                            found[share].append(asyncio.run(_caught_up(copy, make())))
                            shutil.rmtree(copy)
                    yield from _reported(sink, found["day"], found["tenth"])
        finally:
            server.stop()


def _reported(sink: str, found: list[CaughtUp], tenth: list[CaughtUp]) -> Iterator[measure.Result]:
    yield measure.figure(
        f"a day of ten tickers ({days.DAY_TICKS:,} ticks, two tables), {sink}", "s", [one.seconds for one in found],
        DAY_GOAL, NOTES[sink],
    )  # fmt: skip
    peer = measure.Series(GROWTH_GOAL.peer, [one.rows / one.seconds for one in tenth])
    ours = measure.Series("ticktape", [one.rows / one.seconds for one in found])
    yield measure.Result(f"rows of both tables, the whole day, {sink}", "rows/s", ours, [peer], GROWTH_GOAL)
    idle_ms = [taken for one in found for taken in one.idle_append_ms]
    idle = f"before the catch-up began: {statistics.median(idle_ms):.1f} ms, p99 {_p99(idle_ms):.1f} ms"
    medians = [statistics.median(one.append_ms) for one in found]
    yield measure.figure(f"append meanwhile, median, {sink}", "ms", medians, None, idle)
    yield measure.figure(f"append meanwhile, p99, {sink}", "ms", [_p99(one.append_ms) for one in found])
    grown_mb = [one.grown_mb for one in found]
    yield measure.figure(f"resident memory grown at its peak, {sink}", "MB", grown_mb, MEMORY_GOAL)


async def _emptied(dsn: str) -> None:
    async with postgres.connected(dsn) as connection:
        await connection.execute("TRUNCATE equity_data, indicators")


async def _caught_up(data_dir: Path, sink: Sink) -> CaughtUp:
    log = await event_log.open_log(data_dir, ManualClock(days.OPEN_US + days.DAY_US))
    schemas = {"indicators": indicators.schema.STEPS, "replicator": replicator.schema.STEPS}
    state = await state_file.open_state(data_dir / "state.db", schemas)
    projection = Projection(log, state, Definition(session="all"))
    await projection.start()
    while projection.checkpoint < log.head:
        await projection.fold_once()
    shipping = Replicator(log, state, sink, Options(shipped=(EQUITY_DATA, INDICATORS)))
    await shipping.start()
    projection.on_rows = shipping.wake
    goals = {"equity_data": log.head, "indicators": projection.status().revision}
    stop, idle_ms, append_ms = asyncio.Event(), list[float](), list[float]()
    folding = asyncio.create_task(projection.run(stop))
    async with _live(log, idle_ms):
        await asyncio.sleep(IDLE_SECONDS)
    async with _live(log, append_ms, since_step=10_000):
        began, before = time.perf_counter(), _resident_mb()
        sending = asyncio.create_task(shipping.run(stop))
        peak = await _peak_until_reached(shipping, goals)
        seconds = time.perf_counter() - began
    stop.set()
    await asyncio.gather(folding, sending)
    await shipping.close()
    await state.close()
    await log.close()
    return CaughtUp(sum(goals.values()), seconds, append_ms, idle_ms, peak - before)


@contextlib.asynccontextmanager
async def _live(log: EventLog, taken_ms: list[float], since_step: int = 0) -> AsyncIterator[None]:
    """Ten new ticks every LIVE_STEP_SECONDS until the block ends."""
    stop = asyncio.Event()

    async def feed() -> None:
        since_us = days.OPEN_US + days.SESSION_SECONDS * days.SECOND_US + since_step * 1_000
        live = iter(list(days.ticks(10_000, since_us, 1_000)))
        while not stop.is_set():
            batch = [next(live) for _ in days.TICKERS]
            began = time.perf_counter()
            await log.append(batch)
            taken_ms.append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(LIVE_STEP_SECONDS)

    feeding = asyncio.create_task(feed())
    try:
        yield
    finally:
        stop.set()
        await feeding


async def _peak_until_reached(shipping: Replicator, goals: dict[str, int]) -> float:
    """The peak resident memory in MB until every table's cursor has passed its goal."""
    peak = _resident_mb()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while any(table.cursor < goals[table.table] for table in shipping.status()):
            await asyncio.sleep(LIVE_STEP_SECONDS)
            peak = max(peak, _resident_mb())
    return peak


@contextlib.contextmanager
def _lite(server: embedded.EmbeddedPostgres, directory: Path) -> Iterator[str]:
    directory.mkdir()
    with Forward(server.socket_dir / ".s.PGSQL.5432") as forward:
        url = f"postgres://postgres@127.0.0.1:{forward.port}/postgres"
        with lite.running(lite.make_project(directory, driver="postgres", url=url)) as address:
            yield address


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
