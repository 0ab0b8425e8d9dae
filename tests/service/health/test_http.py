"""/healthz asks for a restart only where one may help, /readyz tells whether all is well, both with the reasons."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from eventlog.clock import ManualClock
from feed.schwab import SimulatedSource
from service import app, directory
from service.app import Service
from tests.service.configured import settings_with

# A Wednesday, an hour after the open.
NOW_US = 1_795_015_800_000_000


async def _get(service: Service, path: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as client, client.get(service.url + path) as answer:
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, json.loads(await answer.text())


async def test_a_lost_stream_is_no_reason_to_restart_but_a_full_log_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOW_US)
    settings = settings_with(data_dir=tmp_path, destination="none", health_port=0)
    with directory.held_for_recording(tmp_path, "simulated"):
        async with app.running(settings, SimulatedSource("http://127.0.0.1:1"), clock) as service:
            status, report = await _get(service, "/readyz")
            assert (status, report["level"]) == (200, "ok")
            assert {"name", "level", "value", "sentence"} == report["checks"][0].keys()
            clock.advance_us(200_000_000)
            assert [(await _get(service, path))[0] for path in ("/healthz", "/readyz")] == [200, 503]
            full = replace(service.context.log.status(), state="full")
            monkeypatch.setattr(service.context.log, "status", lambda: full)
            code, report = await _get(service, "/healthz")
            assert (code, report["level"]) == (503, "error")
            monkeypatch.undo()
            await service.stop("test")


async def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    settings = settings_with(data_dir=tmp_path, destination="none", health_port=0)
    with directory.held_for_recording(tmp_path, "simulated"):
        async with app.running(settings, SimulatedSource("http://127.0.0.1:1"), ManualClock(NOW_US)) as service:
            async with aiohttp.ClientSession() as client, client.get(service.url + "/metrics") as answer:
                assert answer.headers["Content-Type"].startswith("text/plain; version=")
                assert "ticktape_health 0.0" in await answer.text()
            await service.stop("test")
