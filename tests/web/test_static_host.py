"""The page on a static host, with history from a real PostgREST; and what is refused to get onto it."""

import base64
import errno
import json
import os
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import time_ns
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from eventlog.errors import UsageError
from market import calendar
from service import cli
from service.web import static_host
from tests.servers import lite as lite_module
from tests.servers import postgres
from tests.servers.chromium import opened
from tests.web import static_site
from tests.web.realtime import Realtime

MINUTE = timedelta(minutes=1)
KEY = lite_module.ANON_KEY


def token(role: str) -> str:
    """A JWT's shape; its signature is no matter here."""
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256"}, {"role": role}))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + ".signature"


@pytest.mark.parametrize("key", ["sb_secret_abc", token("service_role"), "", "nonsense", "a.b.c"])
def test_a_key_that_may_write_never_gets_into_the_page(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError, match="publishable"):
        static_host.write(tmp_path / "site", "https://abc.supabase.co", key, ("QQQ",), has_options=False)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("key", ["sb_publishable_abc", token("anon")])
def test_the_page_may_talk_to_its_project_alone(tmp_path: Path, key: str) -> None:
    static_host.write(tmp_path, "https://abc.supabase.co/", key, ("QQQ", "SPY"), has_options=False)
    policy = json.loads((tmp_path / "vercel.json").read_text())["headers"][0]["headers"][0]["value"]
    assert "connect-src 'self' https://abc.supabase.co wss://abc.supabase.co;" in policy
    assert "unsafe" not in policy
    static_host.write(tmp_path, "https://abc.supabase.co/", key, ("QQQ",), has_options=False)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="other files"):
        static_host.write(tmp_path, "https://abc.supabase.co", "sb_publishable_abc", ("QQQ",), has_options=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_site_with_a_config_of_its_own_is_no_earlier_page(tmp_path: Path) -> None:
    (tmp_path / "config.js").write_text('export const config = { theme: "dark" };\n')
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(UsageError, match="other files"):
        static_host.write(tmp_path, "https://abc.supabase.co", "sb_publishable_abc", ("QQQ",), has_options=False)
    assert (tmp_path / "index.html").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_one_line_and_nothing_is_half_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", Path("/proc/site"), tmp_path / "file" / "site"):
        code, said = _write_by_command(out, "sb_publishable_abc", capsys)
        assert (code, len(said.err.splitlines())) == (2, 1), said.err
        assert str(out) in said.err
    assert (tmp_path / "file").read_text() == "mine"
    monkeypatch.setattr(json, "dumps", _no_room)
    code, said = _write_by_command(tmp_path / "site", "sb_publishable_abc", capsys)
    assert (code, "No space left" in said.err) == (2, True)
    assert not (tmp_path / "site").exists()


def _no_room(*_: object, **__: object) -> str:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _write_by_command(out: Path, key: str, capsys: pytest.CaptureFixture[str]) -> tuple[object, Any]:
    arguments = ["page", "--out", str(out), "--key", key, "--url", "https://abc.supabase.co"]
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return ended.value.code, capsys.readouterr()


@pytest.mark.parametrize(("key", "code"), [("sb_publishable_abc", 0), ("sb_secret_abc", 2)])
def test_the_command_writes_a_folder_or_says_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, code: int
) -> None:
    site = tmp_path / "site"
    with pytest.raises(SystemExit) as ended:
        cli.main(["page", "--out", str(site), "--key", key, "--url", "https://abc.supabase.co", "--ticker", "QQQ,SPY"])
    assert ended.value.code == code
    told = capsys.readouterr()
    assert (site / "index.html").exists() == (code == 0)
    assert "sb_secret_abc" not in told.out + told.err
    assert len((told.out + told.err).splitlines()) == 1


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.xdist_group("chromium")
async def test_history_comes_from_supabase(browser: Browser, tmp_path: Path, lite_server: lite_module.Lite) -> None:
    day = calendar.trading_day(time_ns() // 1000) - timedelta(days=1)
    start = datetime.fromtimestamp(calendar.eastern_us(day, time(4)) / 1e6, UTC)
    minutes = 1200  # more than one answer of PostgREST holds
    async with postgres.connected(lite_server.dsn) as connection:
        await connection.execute("truncate equity_data, indicators, stream_gaps, streaming_metrics")
        await connection.executemany(
            "insert into equity_data values ('QQQ', $1, $2, 100)",
            [(start + n * MINUTE / 2, 600 + n % 7) for n in range(2 * minutes)],
        )
        await connection.executemany(
            "insert into indicators values ('QQQ', $1, $2, 601.5)",
            [(start + n * MINUTE / 2, 600 + n / 8) for n in range(2 * minutes)],
        )
        await connection.execute(
            "insert into stream_gaps values ('*', $1, $2, 'socket closed 1006')",
            start + 30 * MINUTE,
            start + 33 * MINUTE,
        )
        await connection.execute("refresh materialized view equity_data_stats")
    site = tmp_path / "site"
    async with static_site.served(site, lite_server.url, Realtime()) as url:
        static_host.write(site, url, KEY, ("QQQ", "SPY"), has_options=False)
        async with opened(browser, f"{url}/#QQQ/{day}", "supabase", color_scheme="light") as page:
            await expect(page.locator("#price")).to_have_text("605.00")
            await expect(page.locator('[data-value="sma9"]')).to_have_text("899.875")
            await expect(page.locator('[data-value="vwap"]')).to_have_text("601.50")
            await expect(page.locator("#gaps tr")).to_contain_text("socket closed 1006")
            assert await page.evaluate("ticktape.view.bars.minutes.length") == minutes
            first = await page.evaluate("ticktape.view.bars.first")
            assert (first["tsUs"], first["open"], first["close"], first["volume"]) == (
                int(start.timestamp() * 1e6), 600, 601, 200,
            )  # fmt: skip
            await expect(page.locator('[data-name="last_tick"]')).to_be_visible()
            await expect(page.locator("#day")).to_have_value(day.isoformat())


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.xdist_group("chromium")
async def test_realtime_rows_move_the_page_and_what_it_missed_is_fetched(
    browser: Browser, tmp_path: Path, lite_server: lite_module.Lite
) -> None:
    site, realtime = tmp_path / "site", Realtime()
    async with (
        postgres.connected(lite_server.dsn) as connection,
        static_site.served(site, lite_server.url, realtime) as url,
    ):
        await connection.execute("truncate equity_data, indicators, stream_gaps, streaming_metrics")

        async def insert(price: float, is_told: bool) -> None:
            """A tick and its indicators, in the tables and, when `is_told`, by Realtime, indicators first."""
            moment = datetime.now(UTC)
            await connection.execute("insert into equity_data values ('QQQ', $1, $2, 100)", moment, price)
            await connection.execute("insert into indicators values ('QQQ', $1, $2, $2)", moment, price - 1)
            if is_told:
                key = {"ticker": "QQQ", "timestamp": moment.isoformat()}
                await realtime.insert("indicators", key | {"sma9": price - 1, "vwap": price - 1})
                await realtime.insert("equity_data", key | {"price": price, "volume": 100})

        await insert(600, is_told=False)
        static_host.write(site, url, KEY, ("QQQ",), has_options=False)
        async with opened(browser, f"{url}/", "supabase-live", color_scheme="dark") as page:
            price, sma9 = page.locator("#price"), page.locator('[data-value="sma9"]')
            await expect(price).to_have_text("600.00")
            await expect(page.locator('[data-name="realtime"] .value')).to_have_text("subscribed", timeout=15_000)
            await insert(601, is_told=True)
            await expect(price).to_have_text("601.00")
            await expect(sma9).to_have_text("600.00")

            await realtime.break_connections()
            await insert(602, is_told=False)
            await expect(price).to_have_text("602.00", timeout=15_000)
            await expect(sma9).to_have_text("601.00")
            await expect(page.locator('[data-name="realtime"] .value')).to_have_text("subscribed", timeout=15_000)
            await insert(603, is_told=True)
            await expect(price).to_have_text("603.00")
            assert await page.evaluate("ticktape.view.bars.minutes.reduce((sum, { volume }) => sum + volume, 0)") == 400
