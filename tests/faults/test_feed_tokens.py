"""Access tokens expire, refresh tokens die, a process is killed in mid-refresh: the feed waits and goes on."""

import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from feed import token
from feed.exchange import Exchange
from feed.keeper import TokenKeeper
from feed.schwab import LiveSource
from feed.status import Status
from tests.feed.harness import StillMarket, exchanging, feeding


def _write_token(path: Path, exchange: Exchange, age_seconds: float = 0.0, access_seconds: float = 1800.0) -> None:
    granted = exchange.rest.tokens.issue()
    granted["expires_at"] = int(time.time() + access_seconds)
    token.write(path, {"creation_timestamp": int(time.time() - age_seconds), "token": granted})


def _source(path: Path, exchange: Exchange) -> LiveSource:
    return LiveSource(SecretStr("planted-key"), SecretStr("planted-secret"), path, exchange.url)


async def test_an_expired_access_token_is_refreshed_and_written_back(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    async with exchanging(StillMarket("QQQ")) as exchange:
        exchange.rest.tokens.is_strict = True
        _write_token(path, exchange, age_seconds=3600, access_seconds=-60)
        before = token.read(path)
        exchange.rest.tokens.access_tokens.clear()
        async with feeding(exchange, source=_source(path, exchange)) as bench:
            await bench.stored("equity_tick")
    after = token.read(path)
    assert after["token"]["access_token"] != before["token"]["access_token"]
    assert after["token"]["refresh_token"] == before["token"]["refresh_token"]
    assert after["creation_timestamp"] == before["creation_timestamp"], "the seven days do not begin anew"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_an_access_token_revoked_in_mid_life_is_refreshed(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    async with exchanging(StillMarket("QQQ")) as exchange:
        exchange.rest.tokens.is_strict = True
        _write_token(path, exchange)
        async with feeding(exchange, source=_source(path, exchange)) as bench:
            await bench.stored("equity_tick")
            exchange.rest.tokens.expire_access()
            await exchange.close_streams(1011)
            await bench.stored("feed_connected", 2)
            assert exchange.rest.tokens.refreshes == 1
            assert bench.feed.status.alarm is None


async def test_a_dead_refresh_token_waits_for_a_login_and_takes_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    async with exchanging(StillMarket("QQQ")) as exchange:
        exchange.rest.tokens.is_strict = True
        _write_token(path, exchange)
        async with feeding(exchange, source=_source(path, exchange)) as bench:
            await bench.stored("equity_tick")
            exchange.rest.tokens.expire_refresh()
            await exchange.close_streams(1011)
            await bench.until(lambda: bench.feed.status.state == "login_needed")
            assert "ticktape login" in str(bench.feed.status.alarm)
            attempts = bench.feed.status.connections
            for _ in range(200):
                await bench.until(lambda: True)
            assert bench.feed.status.connections <= attempts + 1, "a denied login is not repeated in a loop"
            _write_token(path, exchange)
            await bench.stored("feed_connected", 2)
            [gap] = await bench.payloads("feed_gap")
            assert gap.reason == "socket_closed_1011"
            assert bench.feed.status.alarm is None


async def test_a_refresh_of_the_old_login_does_not_overwrite_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    async with exchanging(StillMarket("QQQ")) as exchange:
        _write_token(path, exchange, age_seconds=6 * token.DAY_SECONDS, access_seconds=-60)
        old = _source(path, exchange).client()
        _write_token(path, exchange)
        new = token.read(path)
        await old.refresh_token()
        await old.close()
        assert exchange.rest.tokens.refreshes == 1
        assert token.read(path) == new


async def test_a_login_denied_for_good_is_tried_again_now_and_then(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    async with exchanging(StillMarket("QQQ")) as exchange:
        _write_token(path, exchange)
        exchange.refuse("LOGIN", 3, times=4)
        watch = {"login_retry_seconds": 0.02}
        async with feeding(exchange, source=_source(path, exchange), watch=watch) as bench:
            await bench.stored("equity_tick")


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"token": {}}', b'{"creation_timestamp": 1, "token": {}}'])
async def test_without_a_token_the_feed_starts_and_waits(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token.json"
    if content is not None:
        path.write_bytes(content)
    async with (
        exchanging(StillMarket("QQQ")) as exchange,
        feeding(exchange, source=_source(path, exchange)) as bench,
    ):
        await bench.until(lambda: bench.feed.status.state == "login_needed")
        _write_token(path, exchange)
        await bench.stored("equity_tick")


async def test_a_token_endpoint_that_is_down_is_no_dead_login(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    async with exchanging(StillMarket("QQQ")) as exchange:
        _write_token(path, exchange, access_seconds=-60)
        exchange.rest.tokens.failing_with = 503
        async with feeding(exchange, source=_source(path, exchange)) as bench:
            await bench.until(lambda: bench.feed.status.reconnects >= 3)
            assert bench.feed.status.state != "login_needed"
            assert bench.feed.status.alarm is None
            exchange.rest.tokens.failing_with = None
            await bench.stored("equity_tick")


@pytest.mark.parametrize(
    ("days", "state"), [(0, "ok"), (4.99, "ok"), (5, "warn"), (6.49, "warn"), (6.5, "alarm"), (7, "expired")]
)
async def test_the_age_warns_and_alarms(tmp_path: Path, days: float, state: str) -> None:
    path = tmp_path / "token.json"
    async with exchanging(StillMarket("QQQ")) as exchange:
        _write_token(path, exchange, age_seconds=days * token.DAY_SECONDS)
        status = Status()
        TokenKeeper(_source(path, exchange), status).look()
    assert status.token_state == state
    assert status.token_age_seconds == pytest.approx(days * token.DAY_SECONDS, abs=5)


def test_a_kill_in_mid_write_leaves_a_whole_token_file(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from feed import token
        number = 0
        while True:
            number += 1
            filler = "x" * (number % 7 * 1000)
            content = {"access_token": f"a{number}", "refresh_token": "r", "filler": filler}
            token.write(Path(sys.argv[1]), {"creation_timestamp": 1, "token": content})
            print(number, flush=True)
        """
    )
    for rounds in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, cwd=Path.cwd(), text=True
        )
        assert writer.stdout is not None
        acknowledged = 0
        for _ in range(3 + rounds * 5):
            acknowledged = int(writer.stdout.readline())
        writer.kill()
        writer.wait()
        writer.stdout.close()
        assert int(token.read(path)["token"]["access_token"][1:]) >= acknowledged
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
