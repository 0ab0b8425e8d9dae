"""The page on the whole service: the demo as a user runs it, and a service whose exchange and destination misbehave."""

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from feed.exchange import Exchange, RandomMarket
from feed.schwab import SimulatedSource
from replicator import embedded
from service import app, directory
from service.app import Service
from tests.e2e import demo
from tests.servers import chromium, postgres
from tests.servers.chromium import opened
from tests.service.configured import settings_with

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("chromium")]

DATABASE = "page"


@contextlib.asynccontextmanager
async def running_demo(folder: Path) -> AsyncIterator[str]:
    """`ticktape demo` as a process; yields the address it prints."""
    process = await asyncio.create_subprocess_exec(
        *demo.command("demo", "--ticker", "QQQ,SPY", "--data-dir", "d", "--json"),
        cwd=folder,
        env=demo.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        line = (await asyncio.wait_for(process.stderr.readline(), 30)).decode()
        assert line.startswith("live page: http://127.0.0.1:"), line
        yield line.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()


async def test_the_demos_page_shows_a_price_that_moves(browser: Browser, tmp_path: Path) -> None:
    async with running_demo(tmp_path) as url, opened(browser, url, "demo") as page:
        await expect(page.locator("#price")).to_have_text(re.compile(r"^\d"), timeout=3000)
        await expect(page.locator("#source")).to_have_text("simulated market")
        await expect(page.locator('[data-name="feed"] .value')).to_have_text("streaming")
        sma9 = page.locator('[data-value="sma9"]')
        await expect(sma9).to_have_text(re.compile(r"^\d"), timeout=15_000)
        for moving in (sma9, page.locator("#price")):
            await expect(moving).not_to_have_text(await moving.inner_text(), timeout=15_000)


@contextlib.asynccontextmanager
async def running_service(data_dir: Path, exchange: Exchange, dsn: str) -> AsyncIterator[Service]:
    settings = settings_with(
        data_dir=data_dir,
        destination="postgres",
        postgres_dsn=dsn,
        session="all",
        skip_market_hours=True,
        health_port=0,
    )
    with directory.held_for_recording(data_dir, "simulated"):
        async with app.running(settings, SimulatedSource(exchange.url)) as service:
            yield service
            await service.stop("test ended")


@contextlib.asynccontextmanager
async def outage(server: embedded.EmbeddedPostgres) -> AsyncIterator[None]:
    """The destination takes no connections for the block."""
    async with postgres.connected(server.dsn) as connection:
        await connection.execute(f"alter database {DATABASE} allow_connections false")
        await connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", DATABASE)
        yield
        await connection.execute(f"alter database {DATABASE} allow_connections true")


async def test_a_gap_is_shaded_and_an_outage_of_the_destination_turns_unsent_amber_and_back(
    browser: Browser, tmp_path: Path, migrated_server: embedded.EmbeddedPostgres
) -> None:
    await postgres.recreate(migrated_server, DATABASE)
    exchange = Exchange(RandomMarket(("QQQ",), rate=20))
    await exchange.start()
    try:
        dsn = migrated_server.database_dsn(DATABASE)
        async with running_service(tmp_path, exchange, dsn) as service, opened(browser, service.url, "outage") as page:
            unsent = page.locator('[data-name="unsent_equity_data"]')
            await expect(unsent).to_have_attribute("data-level", "ok")
            async with outage(migrated_server):
                await expect(unsent).to_have_attribute("data-level", "warning", timeout=15_000)
                await expect(unsent).to_contain_text("nothing is lost")
                await expect(page.locator("#overall")).to_contain_text("Needs a look")
                await page.screenshot(path=chromium.ARTEFACTS / "outage-amber.png")
            await expect(unsent).to_have_attribute("data-level", "ok", timeout=30_000)

            await expect(page.locator("#gaps-none")).to_be_visible()
            await exchange.close_streams(1011, "keepalive ping timeout")
            await expect(page.locator("#gaps tr")).to_contain_text("1011", timeout=15_000)
            shaded = "ticktape.chart.overlays.gapsAt(ticktape.view.bars.minutes.length - 1).length"
            assert await page.evaluate(shaded) == 1
    finally:
        await exchange.stop()
