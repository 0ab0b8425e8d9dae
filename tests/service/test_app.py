"""How a service ends when a disk is full, and what it does on a schedule."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from loguru import logger

from eventlog import commits
from feed.exchange import Exchange, RandomMarket
from feed.schwab import SimulatedSource
from service import app, directory, scheduler
from service.app import Service
from tests.eventlog.ticks import tick
from tests.service.configured import settings_with


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    settings = settings_with(
        data_dir=tmp_path / "d",
        destination="none",
        session="all",
        skip_market_hours=True,
        health_port=0,
        shutdown_seconds=0.2,
        retention_days=1,
    )
    exchange = Exchange(RandomMarket(["QQQ"], rate=200.0))
    await exchange.start()
    with directory.held_for_recording(settings.data_dir, "simulated"):
        async with app.running(settings, SimulatedSource(exchange.url)) as running:
            yield running
    await exchange.stop()


@pytest.fixture
def told() -> Iterator[list[str]]:
    """The events of the log lines of this test."""
    found: list[str] = []
    handler = logger.add(lambda message: found.append(message.record["extra"].get("event", "")))
    yield found
    logger.remove(handler)


async def _until_full(service: Service) -> None:
    async with asyncio.timeout(10):
        while service.context.log.status().state != "full":  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_stop_on_a_full_disk_keeps_its_deadline_and_says_so(
    service: Service, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "PROBE_SECONDS", 0.05)
    log = service.context.log
    await log.wait_beyond(5)
    await log._writer.run(lambda raw: raw.execute("PRAGMA max_page_count = 1").fetchone())
    await _until_full(service)
    async with asyncio.timeout(5):
        await service.stop("test")
    assert "service.stop_unrecorded" in told


async def test_a_disk_that_fills_up_while_stopping_keeps_the_deadline_too(service: Service, told: list[str]) -> None:
    await service.context.log.wait_beyond(5)
    await service.context.log._writer.run(lambda raw: raw.execute("PRAGMA max_page_count = 1").fetchone())
    async with asyncio.timeout(5):
        await service.stop("wider than what is left of any page" * 1000)
    assert "service.stop_unrecorded" in told


async def test_a_state_db_that_takes_nothing_does_not_hold_up_the_stop(service: Service, told: list[str]) -> None:
    await service.context.log.wait_beyond(5)
    await service.context.state.run(lambda raw: raw.execute("PRAGMA query_only = ON"))
    await service.context.log.append([tick(0, "SPY")])
    async with asyncio.timeout(5):
        await service.stop("test")
    assert "service.unfolded" in told
    assert (await service.context.log.latest("service_stopped", "")) is not None


async def test_retention_is_a_job_of_its_own(service: Service) -> None:
    await service.context.log.wait_beyond(5)
    assert (await scheduler.prune(service.context))["events"] == 0
