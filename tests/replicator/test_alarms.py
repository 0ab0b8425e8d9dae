import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loguru import logger
from pydantic import SecretStr

from replicator.alarms import Alarms
from replicator.errors import HaltingError, RetryableError
from replicator.replicator import Options, Replicator
from replicator.supabase_sink import SupabaseSink
from tests.replicator import doubles
from tests.replicator.doubles import Bench, tick
from tests.servers import scripted
from tests.servers.scripted import error

if TYPE_CHECKING:
    from loguru import Record


class Lines(list["Record"]):
    """What was logged."""

    def events(self) -> list[str]:
        return [line["extra"].get("event", "") for line in self]


@pytest.fixture
def lines() -> Iterator[Lines]:
    found = Lines()
    number = logger.add(lambda message: found.append(message.record))
    yield found
    logger.remove(number)


def test_the_same_error_is_said_once_a_minute(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    made = Alarms("memory:one")
    for _ in range(90):
        made.failed("equity_data", RetryableError("503: busy"), halted=False, wait_seconds=1.0)
        now[0] += 1
    assert lines.events() == ["replicator.retrying"] * 2
    made.failed("equity_data", HaltingError("42P01: no table"), halted=True, wait_seconds=30.0)
    made.worked("equity_data", 5)
    assert lines.events()[2:] == ["replicator.halted", "replicator.recovered"]
    assert "recovered after 90.0 s, 5 rows behind" in lines[-1]["message"]
    made.worked("equity_data", 1)
    assert len(lines) == 4


async def test_a_wrong_key_is_one_line_at_the_start_and_recording_goes_on(tmp_path: Path, lines: Lines) -> None:
    async with doubles.bench(tmp_path) as bench, scripted.serving() as server:
        server.read_answer = error(401, None, "Invalid API key")
        sink = SupabaseSink(server.url, SecretStr("sb_secret_wrong"))
        replicator = Replicator(bench.log, bench.database, sink, Options(clock=bench.clock))
        await replicator.start()
        lines.clear()
        await replicator.sync_all()
        (line,) = [line for line in lines if line["extra"].get("event") == "replicator.halted"]
        assert "SUPABASE_SERVICE_ROLE_KEY" in line["message"] and "sb_secret_wrong" not in line["message"]
        assert await bench.log.append([tick(0)]) == range(1, 2)
        assert {status.state for status in replicator.status()} == {"halted"}
        server.read_answer = None
        for status in replicator.status():
            await replicator.sync_once(status.table)
        assert {status.state for status in replicator.status()} == {"ok"}
        assert len(server.stored["equity_data"]) == 1
        await replicator.close()


async def test_an_outage_ends_with_a_line_that_says_how_far_behind(bench: Bench, lines: Lines) -> None:
    await bench.log.append([tick(number) for number in range(7)])
    bench.sink.faults.append(RetryableError("503: busy"))
    for _ in range(2):
        await bench.replicator.sync_once("equity_data")
    assert "7 rows behind" in lines[-1]["message"]
