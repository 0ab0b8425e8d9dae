"""A caller cancelled at any await: nothing stays open half-way, nothing acknowledged is missing."""

import asyncio
from pathlib import Path

import pytest

from eventlog.clock import ManualClock
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, ticks


@pytest.mark.parametrize("turns", range(8))
async def test_cancelled_append(tmp_path: Path, turns: int) -> None:
    log = await open_log(tmp_path, ManualClock(NOW_US))
    appending = asyncio.ensure_future(log.append(ticks(10)))
    for _ in range(turns):
        await asyncio.sleep(0)
    appending.cancel()
    answers = await asyncio.gather(appending, return_exceptions=True)
    await log.append(ticks(5, ticker="AAPL"))
    assert log.head in (5, 15), "the whole batch or nothing of it"
    if isinstance(answers[0], range):
        assert log.head == 15
    page = await log.read(0, 100)
    assert [event.seq for event in page.events] == list(range(1, log.head + 1))
    await log.close()


async def test_cancelled_while_the_commit_runs(tmp_path: Path) -> None:
    log = await open_log(tmp_path, ManualClock(NOW_US))
    tasks = [asyncio.ensure_future(log.append(ticks(10, ticker=f"T{number}"))) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    await log.append(ticks(1))
    acknowledged = [seq for answer in answers if isinstance(answer, range) for seq in answer]
    assert len(acknowledged) == 250
    assert len((await log.read(0, 1_000)).events) == log.head >= max(acknowledged)
    await log.close()


async def test_cancelled_read_and_wait(tmp_path: Path) -> None:
    log = await open_log(tmp_path, ManualClock(NOW_US))
    waits = [asyncio.ensure_future(log.wait_beyond(0)), asyncio.ensure_future(log.read(0, 10))]
    await asyncio.sleep(0)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    await log.append(ticks(3))
    assert len((await log.read(0, 10)).events) == 3
    await log.close()
