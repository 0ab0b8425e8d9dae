"""`ticktape health` and systemd's watchdog, on a service that runs as a user runs it."""

import asyncio
import json
import os
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from eventlog import log as event_log
from feed.exchange import RandomMarket
from tests.e2e import recorder as recording
from tests.e2e.recorder import Recorder
from tests.servers import postgres
from tests.servers.lite import Lite


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def _health(folder: Path, *arguments: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of `ticktape health --json`."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("ticktape")), "health", "--json", *arguments,
        cwd=folder, env={"PATH": os.environ["PATH"]} | settings,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert out, errors.decode()
    return process.returncode or 0, json.loads(out)


def _level(report: dict[str, Any], name: str) -> str:
    return next(str(check["level"]) for check in report["checks"] if check["name"] == name)


def _settings(data_dir: Path, exchange_url: str, lite: Lite) -> dict[str, str]:
    return {
        "DATA_DIR": str(data_dir),
        "HEALTH_PORT": str(_free_port()),
        "SCHWAB_URL": exchange_url,
        "SUPABASE_URL": lite.url,
        "SUPABASE_SERVICE_ROLE_KEY": lite.service_key,
        "SESSION": "all",
    }


async def _something_arrived(service: Recorder) -> bool:
    return 'ticktape_sent_rows_total{table="equity_data"} 0.0' not in await service.get("/metrics")


async def test_healthy_then_a_warning_then_an_error_then_gone(tmp_path: Path, lite: Lite) -> None:
    data_dir = tmp_path / "data"
    recording.write_token(data_dir)
    async with recording.exchanging(RandomMarket(["QQQ"])) as exchange:
        settings = _settings(data_dir, exchange.url, lite)
        async with recording.recorder(data_dir, **settings) as service:
            await service.start()
            await service.until(lambda: _something_arrived(service))
            assert await _health(tmp_path, "--local", **settings) == (0, await _report(service))
            code, report = await _health(tmp_path, **settings)
            assert {name: _level(report, name) for name in ("remote", "remote_rows", "remote_errors")} == {
                "remote": "ok",
                "remote_rows": "ok",
                "remote_errors": "ok",
            }
            recording.write_token(data_dir, age_seconds=5.5 * 86_400)
            code, report = await _health(tmp_path, "--local", **settings)
            assert (code, _level(report, "token")) == (1, "warning")
            (data_dir / "schwab_token.json").unlink()
            code, report = await _health(tmp_path, "--local", **settings)
            assert (code, _level(report, "token")) == (2, "error")
            # It records all the same: no reason to restart it, or to go back to another version.
            code, report = await _health(tmp_path, "--alive", **settings)
            assert (code, {check["name"] for check in report["checks"]}) == (0, {"process", "log"})
            # Another directory's service does not vouch for this one.
            recording.write_token(tmp_path / "other")
            await _record_something(tmp_path / "other")
            code, report = await _health(tmp_path, "--local", **settings | {"DATA_DIR": str(tmp_path / "other")})
            assert (code, _level(report, "process")) == (2, "error")
            assert await service.stop() == 0
        recording.write_token(data_dir)
        code, report = await _health(tmp_path, "--local", **settings)
    assert (code, _level(report, "process"), _level(report, "log")) == (2, "error", "ok")
    assert report["checks"][3]["value"] == f"head {_head(data_dir)}"
    code, report = await _health(tmp_path, "--alive", **settings)
    assert (code, report["level"]) == (2, "error")


async def _record_something(data_dir: Path) -> None:
    log = await event_log.open_log(data_dir)
    await log.start_recording("test")
    await log.close()


async def _report(service: Recorder) -> dict[str, Any]:
    """What the service says itself, once it agrees with what was asked a moment before."""
    report: dict[str, Any] = json.loads(await service.get("/readyz"))
    return Same(report)


class Same(dict[str, Any]):
    """Equal to a report with the same levels from the same process: figures move on between two calls."""

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, dict)
        return [(c["name"], c["level"]) for c in self["checks"]] == [
            (c["name"], c["level"]) for c in other["checks"]
        ] and self["pid"] == other["pid"]

    __hash__ = None


def _head(data_dir: Path) -> int:
    connection = sqlite3.connect(f"file:{data_dir / 'events.db'}?mode=ro", uri=True)
    head = int(connection.execute("SELECT max(seq) FROM events").fetchone()[0])
    connection.close()
    return head


async def test_a_destination_that_lost_its_function_is_an_error_of_the_remote_line(tmp_path: Path, lite: Lite) -> None:
    data_dir = tmp_path / "data"
    recording.write_token(data_dir)
    async with recording.exchanging(RandomMarket(["QQQ"])) as exchange:
        settings = _settings(data_dir, exchange.url, lite)
        async with recording.recorder(data_dir, **settings) as service:
            await service.start()
            async with postgres.connected(lite.dsn) as connection:
                await connection.execute(
                    "revoke execute on function public.get_streaming_health(text) from service_role"
                )
            code, report = await _health(tmp_path, **settings)
    assert (code, _level(report, "remote")) == (2, "error")
    assert lite.service_key not in json.dumps(report)


async def test_systemd_hears_that_it_is_ready_alive_and_stopping(tmp_path: Path) -> None:
    recording.write_token(tmp_path / "data")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        async with (
            recording.exchanging(RandomMarket(["QQQ"])) as exchange,
            recording.recorder(
                tmp_path / "data",
                SCHWAB_URL=exchange.url,
                DESTINATION="none",
                NOTIFY_SOCKET=str(tmp_path / "notify"),
                WATCHDOG_USEC="1500000",
            ) as service,
        ):
            await service.start()
            loop = asyncio.get_running_loop()
            began = time.monotonic()
            heard: list[bytes] = []
            while heard.count(b"WATCHDOG=1") < 4:
                heard.append(await asyncio.wait_for(loop.sock_recv(manager, 100), 10))
            assert time.monotonic() - began < 1.5 * 4
            assert await service.stop() == 0
            while heard[-1] != b"STOPPING=1":
                heard.append(await asyncio.wait_for(loop.sock_recv(manager, 100), 10))
    assert b"READY=1" in heard
