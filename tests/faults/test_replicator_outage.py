"""Fault 7: an outage of a whole day, then catch-up: nothing lost, memory bounded, recording undisturbed."""

import asyncio
import os
import statistics
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

import indicators.schema
import replicator.schema
from eventlog import log as event_log
from eventlog import state
from eventlog.clock import ManualClock
from eventlog.events import EquityTick, Event
from eventlog.log import EventLog
from eventlog.memory import MemoryLog
from replicator import embedded, migrate
from replicator.errors import RetryableError
from replicator.postgres_sink import PostgresSink
from replicator.replicator import Options, Replicator
from replicator.tables import EQUITY_DATA
from replicator.verify import Scope, Verification
from tests.replicator import doubles
from tests.replicator.doubles import T0_US, FaultySink, bench
from tests.servers import postgres

TICKERS = ("AAPL", "QQQ", "SPY", "MSFT", "NVDA")


def tick(number: int) -> Event:
    price = 100 + number % 10_000 * 0.0137
    return Event(TICKERS[number % 5], T0_US + number * 46_000, EquityTick(price, 100, 100, 100 * number))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def append_latencies(log: EventLog, first: int, until: asyncio.Event) -> list[float]:
    """Seconds per append of one tick, about a hundred a second, until told to end."""
    seconds: list[float] = []
    while not until.is_set() or len(seconds) < 50:
        began = time.perf_counter()
        await log.append([tick(first + len(seconds))])
        seconds.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)
    return seconds


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1e3:.2f} (at most {max(seconds) * 1e3:.1f})"


@pytest.mark.parametrize("rows", [20_000, pytest.param(500_000, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
async def test_7_catching_up_after_an_outage(tmp_path: Path, database: str, rows: int) -> None:
    clock = ManualClock(T0_US + (rows + 100_000) * 46_000)
    log = await event_log.open_log(tmp_path, clock)
    schemas = {"indicators": indicators.schema.STEPS, "replicator": replicator.schema.STEPS}
    state_database = await state.open_state(tmp_path / "state.db", schemas)
    dead_sink = FaultySink()
    dead_sink.broken = RetryableError("network is unreachable")
    sink = PostgresSink(SecretStr(database))
    dead_sink.identity = sink.identity
    during = Replicator(log, state_database, dead_sink, Options(shipped=(EQUITY_DATA,)))
    await during.start()
    for start in range(0, rows, 1_000):
        await log.append([tick(number) for number in range(start, start + 1_000)])
        if start % 50_000 == 0:
            await during.sync_once("equity_data")
    assert (during.status()[0].cursor, during.status()[0].unsent) == (0, rows)

    quiet = asyncio.Event()
    quiet.set()
    before = await append_latencies(log, rows, quiet)
    idle_bytes = resident_bytes()
    peak_bytes = idle_bytes
    after = Replicator(log, state_database, sink, Options(shipped=(EQUITY_DATA,)))
    await after.start()
    caught_up = asyncio.Event()
    meanwhile = asyncio.create_task(append_latencies(log, rows + len(before), caught_up))
    while (result := await after.sync_once("equity_data")).more and after.status()[0].unsent > 100:
        assert result.error is None, result.error
        peak_bytes = max(peak_bytes, resident_bytes())
    caught_up.set()
    beside = await meanwhile
    assert await after.drain(10) == 0

    async with postgres.connected(database) as connection:
        assert await connection.fetchval("SELECT count(*) FROM equity_data") == rows + len(before) + len(beside)
    verification = Verification(EQUITY_DATA, after, log, repair=False)
    assert (await verification.run(Scope(), lambda done, total: None)).agrees
    assert peak_bytes - idle_bytes < 40 * 1024 * 1024
    print(f"ms per append: median {_ms(before)}, beside the catch-up {_ms(beside)}; +{peak_bytes - idle_bytes} bytes")
    assert statistics.median(beside) < statistics.median(before) + 0.010
    assert max(beside) < 0.5
    await after.close()
    await during.close()
    await state_database.close()
    await log.close()


async def test_a_server_that_stops_and_starts_again_gets_everything_once(tmp_path: Path) -> None:
    server = await asyncio.to_thread(embedded.start, tmp_path / "server")
    stop = asyncio.Event()
    try:
        await migrate.apply(server.dsn)
        async with bench(tmp_path) as made:
            sink = PostgresSink(SecretStr(server.dsn))
            shipping = Replicator(made.log, made.database, sink, Options(clock=made.clock, shipped=(EQUITY_DATA,)))
            await shipping.start()
            running = asyncio.create_task(shipping.run(stop))
            await _append(made.log, 0, 10)
            assert await _delivered(shipping, 10) == "ok"
            await asyncio.to_thread(server.stop)
            await _append(made.log, 10, 30)
            assert await _delivered(shipping, 10, state="retrying") == "retrying"
            server = await asyncio.to_thread(embedded.start, tmp_path / "server")
            assert await _delivered(shipping, 30) == "ok"
            async with postgres.connected(server.dsn) as connection:
                assert await connection.fetchval("SELECT count(*) FROM equity_data") == 30
            stop.set()
            await running
            await shipping.close()
    finally:
        await asyncio.to_thread(server.stop)


async def _append(log: MemoryLog, first: int, end: int) -> None:
    for number in range(first, end):
        await log.append([doubles.tick(number)])


async def _delivered(shipping: Replicator, rows: int, state: str = "ok") -> str:
    """Wait, for the loop's own retries only, until so many rows are acknowledged and the table stands like that."""
    async with asyncio.timeout(30):
        while (status := shipping.status()[0]).delivered != rows or status.state != state:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return status.state
