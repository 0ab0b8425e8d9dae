"""Fault 27 and the exit codes: however `ticktape run` ends, it ends in time, says why, and loses nothing."""

import asyncio
import re
import shutil
import signal
import socket
import sqlite3
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from eventlog.reader import open_log_reader
from feed.exchange import RandomMarket
from tests.e2e import recorder as recording
from tests.e2e.recorder import Recorder

SECRET_KEY = "sb_secret_planted-in-the-fault-tests"


def _service(data_dir: Path, exchange_url: str, **settings: str) -> AbstractAsyncContextManager[Recorder]:
    recording.write_token(data_dir)
    defaults = {
        "SCHWAB_URL": exchange_url,
        "SUPABASE_URL": "http://127.0.0.1:1",
        "SUPABASE_SERVICE_ROLE_KEY": SECRET_KEY,
        "SHUTDOWN_SECONDS": "2",
        "SESSION": "all",
    }
    return recording.recorder(data_dir, **defaults | settings)


async def _recorded(service: Recorder, ticks: int) -> None:
    async def enough() -> bool:
        return _metric(await service.get("/metrics"), 'ticktape_received_total{kind="ticks"}') >= ticks

    await service.until(enough)


def _metric(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else -1.0


def _ticks_on_disk(data_dir: Path) -> int:
    with sqlite3.connect(f"file:{data_dir / 'events.db'}?mode=ro", uri=True) as connection:
        count = int(connection.execute("SELECT count(*) FROM events WHERE kind = 'equity_tick'").fetchone()[0])
    connection.close()
    return count


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_ended_while_behind_it_keeps_its_deadline_and_tells_what_is_unsent(
    number: signal.Signals, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    async with (
        recording.exchanging(RandomMarket(["QQQ"])) as exchange,
        _service(data_dir, exchange.url) as service,
    ):
        await service.start()
        await _recorded(service, 3)
        service.send(number)
        began = time.monotonic()
        assert await service.end() == 0, service.errors
        assert time.monotonic() - began < 2 + 5
    (told,) = service.events("service.unsent")
    assert told["rows"] >= _ticks_on_disk(data_dir) >= 3
    assert service.events("service.stopped")[0]["unsent"] == told["rows"]
    assert "safe in the log" in told["message"]
    assert service.errors == ""
    await _ended_in_order(data_dir)


async def _ended_in_order(data_dir: Path) -> None:
    """The stop is the last thing on record, and everything before it is folded."""
    reader = await open_log_reader(data_dir)
    try:
        head = await reader.head()
        (last,) = (await reader.read(head - 1, 1)).events
    finally:
        await reader.close()
    assert last.kind == "service_stopped"
    with sqlite3.connect(f"file:{data_dir / 'state.db'}?mode=ro", uri=True) as connection:
        assert connection.execute("SELECT count(*) FROM indicators").fetchone()[0] == _ticks_on_disk(data_dir)
    connection.close()


async def test_a_destination_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    hanging = await asyncio.start_server(swallow, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{hanging.sockets[0].getsockname()[1]}"
    async with (
        hanging,
        recording.exchanging(RandomMarket(["QQQ"])) as exchange,
        _service(tmp_path / "data", exchange.url, SUPABASE_URL=url) as service,
    ):
        await service.start()
        await _recorded(service, 2)
        began = time.monotonic()
        assert await service.stop() == 0, service.errors
        assert time.monotonic() - began < 2 + 5
        assert service.events("service.unsent")


async def test_what_was_unsent_goes_out_after_the_next_start(tmp_path: Path) -> None:
    """The kill in between loses nothing either, and its hole is on record."""
    data_dir = tmp_path / "data"
    async with recording.exchanging(RandomMarket(["QQQ"])) as exchange:
        async with _service(data_dir, exchange.url) as service:
            await service.start()
            await _recorded(service, 3)
        before = _ticks_on_disk(data_dir)
        assert before >= 3
        async with _service(data_dir, exchange.url, DESTINATION="none") as service:
            await service.start()
            assert _ticks_on_disk(data_dir) >= before
            assert await service.stop() == 0
    reader = await open_log_reader(data_dir)
    try:
        gaps = await reader.read_range("", 0, 1 << 62, ["feed_gap"])
    finally:
        await reader.close()
    assert any(b"no_stop_on_record" in gap.payload for gap in gaps)


async def _refused(service: Recorder, code: int, says: str) -> None:
    await service.launch()
    assert await service.end() == code
    assert service.errors.startswith("ticktape: ")
    assert service.errors.count("\n") == 1, service.errors
    assert says in service.errors


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"SCHWAB_APP_KEY": ""}, "SCHWAB_APP_KEY"),
        ({"SUPABASE_URL": ""}, "SUPABASE_URL"),
        ({"BATCH_SIZE": "many"}, "BATCH_SIZE=many"),
        ({"STREAM_TICKER": "not a ticker"}, "STREAM_TICKER"),
        ({"HEALTH_HOST": "192.0.2.1"}, "HEALTH_HOST"),
    ],
)
async def test_a_wrong_setting_ends_the_start_with_2(settings: dict[str, str], says: str, tmp_path: Path) -> None:
    async with _service(tmp_path / "data", "http://127.0.0.1:1", **settings) as service:
        await _refused(service, 2, says)


async def test_a_taken_port_ends_the_start_with_2_and_leaves_no_run_on_record(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        async with _service(tmp_path / "data", "http://127.0.0.1:1", HEALTH_PORT=port) as service:
            await _refused(service, 2, f"HEALTH_PORT={port} is taken")
    reader = await open_log_reader(tmp_path / "data")
    try:
        assert await reader.head() == 0
    finally:
        await reader.close()


async def test_a_second_instance_ends_with_3_and_the_first_goes_on(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with (
        recording.exchanging(RandomMarket(["QQQ"])) as exchange,
        _service(data_dir, exchange.url) as first,
    ):
        await first.start()
        async with _service(data_dir, exchange.url) as second:
            await _refused(second, 3, str(first.pid))
        await _recorded(first, 1)
        assert await first.stop() == 0


async def test_a_log_that_fails_ends_it_with_4_and_is_told_once(tmp_path: Path) -> None:
    """fsync fails as on a broken disk. A service that is restarted and fails again does not repeat its alert."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    data_dir = tmp_path / "data"
    async with (
        recording.inbox() as inbox,
        recording.exchanging(RandomMarket(["QQQ"])) as exchange,
    ):
        for _ in range(2):
            async with _service(data_dir, exchange.url, ALERT_WEBHOOK=inbox.url, DESTINATION="none") as service:
                await service.start()
                breaking = await _break_disk(service.pid)
                assert await service.end() == 4, service.output + service.errors
                await breaking.wait()
            assert service.events("service.failed")[0]["exit_code"] == 4
            assert service.errors.startswith("ticktape: ")
            assert service.errors.count("\n") == 1, service.errors
    assert inbox.changes().count(("process", "error")) == 1


async def _break_disk(pid: int) -> asyncio.subprocess.Process:
    """Let every fsync of a running process fail from now on."""
    broken = "-e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=EIO"
    command = f"strace -f -qq -o /dev/null -p {pid} {broken}"
    return await asyncio.create_subprocess_exec(*command.split())
