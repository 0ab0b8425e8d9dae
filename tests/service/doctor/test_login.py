"""Every line about Schwab, both ways, against a server that answers as Schwab's does without a login."""

import email.utils
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from feed import token
from service.doctor import login
from service.health.check import Check
from tests.service.configured import settings_with

DAY_SECONDS = 86_400


@pytest.fixture
async def schwab() -> AsyncIterator[str]:
    async def unauthorized(_request: web.Request) -> web.Response:
        return web.Response(status=401)

    application = web.Application()
    application.router.add_get("/", unauthorized)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def _line(name: str, data_dir: Path, url: str = "http://127.0.0.1:1", **more: Any) -> Check:
    settings = settings_with(data_dir=data_dir, schwab_url=url, **more)
    return next(check for check in await login.checks(settings) if check.name == name)


def _write_token(data_dir: Path, age_days: float) -> Path:
    tokens = {"access_token": "planted-access", "refresh_token": "planted-refresh"}
    path = data_dir / "schwab_token.json"
    token.write(path, {"creation_timestamp": int(time.time() - age_days * DAY_SECONDS), "token": tokens})
    return path


async def test_credentials(tmp_path: Path) -> None:
    line = await _line("schwab_app", tmp_path, schwab_app_key="planted-key")
    assert (line.level, line.value) == ("error", "no SCHWAB_APP_SECRET")
    line = await _line("schwab_app", tmp_path, schwab_app_key="planted-key", schwab_app_secret="planted-secret")
    assert line.level == "ok"
    assert "planted" not in repr(line)


@pytest.mark.parametrize(
    ("age_days", "level"), [(0.1, "ok"), (4.9, "ok"), (5.1, "warning"), (6.8, "warning"), (7.1, "error")]
)
async def test_token_age(tmp_path: Path, age_days: float, level: str) -> None:
    _write_token(tmp_path, age_days)
    line = await _line("token", tmp_path)
    assert (line.level, level == "ok" or "ticktape login" in line.sentence) == (level, True)


async def test_token_missing_broken_or_open_to_others(tmp_path: Path) -> None:
    assert (await _line("token", tmp_path)).level == "error"
    path = _write_token(tmp_path, 1)
    path.chmod(0o644)
    line = await _line("token", tmp_path)
    assert (line.level, "chmod 600" in line.sentence) == ("error", True)
    path.write_text("{planted")
    line = await _line("token", tmp_path)
    assert (line.level, "planted" in line.sentence) == ("error", False)


async def test_schwab_reachable_and_the_clock_by_its_answer(tmp_path: Path, schwab: str) -> None:
    assert (await _line("schwab", tmp_path, schwab)).level == "ok"
    assert (await _line("clock", tmp_path, schwab)).level == "ok"


async def test_schwab_out_of_reach(tmp_path: Path) -> None:
    line = await _line("schwab", tmp_path)
    assert (line.level, "network" in line.sentence) == ("error", True)
    assert (await _line("clock", tmp_path)).level == "warning"


@pytest.mark.parametrize(("off", "level"), [(0, "ok"), (1.5, "ok"), (3, "warning"), (-3, "warning"), (-3600, "error")])
def test_clock(off: float, level: str) -> None:
    now = time.time()
    assert login.clock(email.utils.formatdate(int(now), usegmt=True), int(now) + 0.5 + off).level == level


def test_clock_of_an_answer_without_a_time() -> None:
    assert login.clock("", time.time()).level == "warning"
