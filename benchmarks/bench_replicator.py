"""Catch-up through both sinks beside bare loops that send the same rows, ready-made, to the same servers."""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
from pydantic import SecretStr

import indicators.schema
import replicator.schema
from benchmarks import measure, null_server
from eventlog import log as event_log
from eventlog import state
from eventlog.clock import SystemClock
from eventlog.events import EquityTick, Event
from replicator import embedded, migrate
from replicator.chunks import MOST_ROWS
from replicator.postgres_sink import PostgresSink
from replicator.replicator import Options, Replicator
from replicator.rows import EquityRow, timestamp
from replicator.sink import Sink
from replicator.supabase_sink import SupabaseSink
from replicator.tables import EQUITY_DATA
from tests.servers import lite, postgres
from tests.servers.forward import Forward

ROWS = 200_000
LITE_ROWS = 40_000
KEY = "sb_secret_bench"
T0_US = 1_700_000_000_000_000

NULL_GOAL = measure.Goal(of="ratio", bound="least", value=0.5, peer="httpx")
LITE_GOAL = measure.Goal(of="ratio", bound="least", value=0.8, peer="httpx")
POSTGRES_GOAL = measure.Goal(of="ratio", bound="least", value=0.6, peer="asyncpg")
MEMORY_GOAL = measure.Goal(of="figure", bound="most", value=40.0)


def results() -> Iterator[measure.Result]:
    """Rows a second of a catch-up from an empty cursor, and the memory it takes."""
    with tempfile.TemporaryDirectory() as directory:
        many, few = _recorded(Path(directory) / "many", ROWS), _recorded(Path(directory) / "few", LITE_ROWS)
        with null_server.running() as url:
            yield measure.compare(
                "catch-up, supabase sink, a server that only answers 201",
                "rows/s",
                lambda: _rate(ROWS, lambda: _catch_up(many, SupabaseSink(url, SecretStr(KEY)))),
                {"httpx": _bare_httpx(url, KEY, ROWS)},
                NULL_GOAL,
                note="ours reads the log, checks CRCs, makes JSON and keeps a cursor; httpx posts ready-made chunks",
            )
            yield measure.compare(
                "resident memory above idle while catching up",
                "MB",
                lambda: _growth_mb(lambda: _catch_up(many, SupabaseSink(url, SecretStr(KEY)))),
                goal=MEMORY_GOAL,
                rounds=1,
            )
        server = embedded.start(Path(directory) / "server")
        try:
            yield _against_postgres(server, many)
            yield _against_lite(server, few, Path(directory))
        finally:
            server.stop()


def _against_postgres(server: embedded.EmbeddedPostgres, data_dir: Path) -> measure.Result:
    asyncio.run(migrate.apply(server.dsn))
    return measure.compare(
        "catch-up, postgres sink",
        "rows/s",
        lambda: _emptied(
            server.dsn, lambda: _rate(ROWS, lambda: _catch_up(data_dir, PostgresSink(SecretStr(server.dsn))))
        ),
        {"asyncpg": lambda: _emptied(server.dsn, lambda: _bare_asyncpg(server.dsn))},
        POSTGRES_GOAL,
        note="asyncpg: COPY of ready tuples into a temporary table, INSERT ON CONFLICT, the same chunks",
    )


def _against_lite(server: embedded.EmbeddedPostgres, data_dir: Path, directory: Path) -> measure.Result:
    (directory / "lite").mkdir()
    with Forward(server.socket_dir / ".s.PGSQL.5432") as forward:
        url = f"postgres://postgres@127.0.0.1:{forward.port}/postgres"
        project = lite.make_project(directory / "lite", driver="postgres", url=url)
        with lite.running(project) as address:
            key = SecretStr(lite.SERVICE_KEY)
            bare = _bare_httpx(address, lite.SERVICE_KEY, LITE_ROWS)
            return measure.compare(
                "catch-up, supabase sink, @supabase/lite on PostgreSQL",
                "rows/s",
                lambda: _emptied(
                    server.dsn, lambda: _rate(LITE_ROWS, lambda: _catch_up(data_dir, SupabaseSink(address, key)))
                ),
                {"httpx": lambda: _emptied(server.dsn, bare)},
                LITE_GOAL,
            )


def _tick(number: int) -> Event:
    price = 100 + number % 9_973 * 0.0137
    return Event("AAPL", T0_US + number * 1_000, EquityTick(price, 100, 100, 100 * number))


def _row(number: int) -> EquityRow:
    event = _tick(number)
    assert isinstance(event.payload, EquityTick)
    return EquityRow(event.ticker, timestamp(event.ts_us), event.payload.price, event.payload.volume)


def _chunks(rows: int) -> Iterator[list[EquityRow]]:
    for start in range(0, rows, MOST_ROWS):
        yield [_row(number) for number in range(start, min(rows, start + MOST_ROWS))]


def _recorded(data_dir: Path, rows: int) -> Path:
    """A log of `rows` ticks."""

    async def record() -> None:
        log = await event_log.open_log(data_dir, SystemClock())
        for start in range(0, rows, 1_000):
            await log.append([_tick(number) for number in range(start, start + 1_000)])
        await log.close()

    asyncio.run(record())
    return data_dir


async def _catch_up(data_dir: Path, sink: Sink) -> None:
    """Deliver the log to a destination that has nothing yet."""
    log = await event_log.open_log(data_dir, SystemClock())
    (data_dir / "state.db").unlink(missing_ok=True)
    schemas = {"indicators": indicators.schema.STEPS, "replicator": replicator.schema.STEPS}
    database = await state.open_state(data_dir / "state.db", schemas)
    shipping = Replicator(log, database, sink, Options(shipped=(EQUITY_DATA,)))
    await shipping.start()
    unsent = await shipping.drain(600)
    assert unsent == 0, f"{unsent} rows unsent: {shipping.status()}"
    await shipping.close()
    await database.close()
    await log.close()


def _rate(rows: int, work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    asyncio.run(_awaited(work))
    return rows / (time.perf_counter() - began)


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _bare_httpx(url: str, key: str, rows: int) -> Callable[[], float]:
    """A loop that posts ready-made chunks, one after the other, as fast as httpx can."""
    bodies = [msgspec.json.encode(chunk) for chunk in _chunks(rows)]
    headers = {
        "apikey": key,
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Prefer": "return=minimal,resolution=ignore-duplicates",
    }
    query = {"on_conflict": "ticker,timestamp", "columns": '"ticker","timestamp","price","volume"'}

    async def post() -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            for body in bodies:
                answer = await client.post(f"{url}/rest/v1/equity_data", content=body, headers=headers, params=query)
                assert answer.status_code == 201, answer.text

    return lambda: _rate(rows, post)


def _bare_asyncpg(dsn: str) -> float:
    tuples = [[msgspec.structs.astuple(row) for row in chunk] for chunk in _chunks(ROWS)]

    async def insert() -> None:
        connection: Any = await asyncpg.connect(dsn)
        await connection.execute(
            "CREATE TEMPORARY TABLE stage (ticker text, timestamp timestamptz, price double precision, volume bigint)"
            " ON COMMIT DELETE ROWS"
        )
        for chunk in tuples:
            async with connection.transaction():
                await connection.copy_records_to_table("stage", records=chunk)
                await connection.execute(
                    "INSERT INTO equity_data SELECT ticker, timestamp, price::text::numeric, volume FROM stage"
                    " ON CONFLICT (ticker, timestamp) DO NOTHING"
                )
        await connection.close()

    return _rate(ROWS, insert)


def _emptied(dsn: str, measured: Callable[[], float]) -> float:
    async def empty() -> None:
        async with postgres.connected(dsn) as connection:
            await connection.execute("TRUNCATE equity_data")

    asyncio.run(empty())
    return measured()


def _growth_mb(work: Callable[[], Awaitable[None]]) -> float:
    """How far the resident memory rises above what it is when everything is warm and idle."""

    async def watch() -> float:
        await work()
        idle = peak = _resident_mb()
        task = asyncio.ensure_future(work())
        while not task.done():
            peak = max(peak, _resident_mb())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(task), 0.01)
        await task
        return peak - idle

    return asyncio.run(watch())


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
