"""Planted secrets are in no log line, event, status or recorded frame, even when everything logs at DEBUG."""

import gzip
import io
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger
from pydantic import SecretStr

from eventlog.clock import SystemClock
from feed import token
from feed.recorder import Recorder
from feed.schwab import LiveSource
from tests.feed.harness import StillMarket, exchanging, feeding

KEY, SECRET = "planted-app-key", "planted-app-secret"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything logged, by loguru and by the libraries, with every variable of a traceback."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    number = logger.add(written, level=0, diagnose=True, backtrace=True)
    yield written
    logger.remove(number)
    root.removeHandler(handler)
    root.setLevel(level)


async def test_secrets_stay_secret(tmp_path: Path, lines: io.StringIO) -> None:
    path, frames = tmp_path / "token.json", tmp_path / "frames.gz"
    async with exchanging(StillMarket("QQQ")) as exchange:
        exchange.rest.tokens.is_strict = True
        granted = exchange.rest.tokens.issue()
        token.write(path, {"creation_timestamp": int(time.time()), "token": granted | {"expires_at": 1}})
        secrets = {KEY, SECRET, granted["access_token"], granted["refresh_token"]}
        source = LiveSource(SecretStr(KEY), SecretStr(SECRET), path, exchange.url)
        with Recorder(frames, secrets, SystemClock()) as recorder:
            async with feeding(exchange, source=source, tap=recorder) as bench:
                await bench.stored("equity_tick")
                secrets.add(token.read(path)["token"]["access_token"])
                exchange.refuse("SUBS", 21, f"bad token {granted['refresh_token']}"[:9])
                await exchange.send("garbage")
                await exchange.close_streams(1011)
                await bench.stored("feed_connected", 2)
                exchange.rest.tokens.expire_access()
                await exchange.close_streams(1011)
                await bench.stored("feed_connected", 3)
                secrets.add(token.read(path)["token"]["access_token"])
                exchange.rest.tokens.expire_refresh()
                await exchange.close_streams(1011)
                await bench.until(lambda: bench.feed.status.state == "login_needed")
                status = repr(bench.feed.status)
                page = await bench.log.read(0, 1000)
    assert len(secrets) == 6
    places = {
        "log": lines.getvalue(),
        "status": status,
        "events": repr(page.events),
        "frames": gzip.decompress(frames.read_bytes()).decode(),
    }
    for place, text in places.items():
        for secret in secrets:
            assert secret not in text, f"{secret} is in the {place}"
    assert "login" in places["log"]
