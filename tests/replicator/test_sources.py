"""Tables that follow the tail share one read of the log."""

import time
from collections.abc import Collection

import pytest

from eventlog.api import Page
from eventlog.clock import ManualClock
from eventlog.memory import MemoryLog
from replicator.sources import SHARED_EVENTS, SHARED_SECONDS, LogPages
from tests.replicator.doubles import T0_US, tick


class CountingLog(MemoryLog):
    """A log that counts its reads."""

    reads = 0

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        self.reads += 1
        return await super().read(after, limit, kinds)


async def _log(ticks: int) -> CountingLog:
    log = CountingLog(ManualClock(T0_US + 1_000_000))
    await log.append([tick(number) for number in range(ticks)])
    return log


async def test_tables_at_the_tail_share_a_page_while_events_come_in() -> None:
    log = await _log(200)
    pages = LogPages(log)
    first = await pages.read(50, 1_000)
    await log.append([tick(200)])
    assert await pages.read(50, 1_000) is first
    assert log.reads == 1
    assert [event.seq for event in first.events] == list(range(51, 201))
    assert [event.seq for event in (await pages.read(200, 1_000)).events] == [201]


async def test_the_end_of_the_log_is_read_again_only_when_it_has_moved() -> None:
    log = await _log(3)
    pages = LogPages(log)
    for _ in range(2):
        assert (await pages.read(3, 100)).events == []
    assert log.reads == 1
    await log.append([tick(3)])
    assert [event.seq for event in (await pages.read(3, 100)).events] == [4]


async def test_a_page_that_has_grown_old_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    log = await _log(20)
    pages = LogPages(log)
    assert len((await pages.read(10, 100)).events) == 10
    await log.append([tick(20)])
    later = time.monotonic() + 2 * SHARED_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert len((await pages.read(10, 100)).events) == 11


async def test_a_shared_page_is_never_larger_than_asked_for() -> None:
    log = await _log(10)
    pages = LogPages(log)
    await pages.read(0, 100)
    assert len((await pages.read(0, 4)).events) == 4


async def test_a_page_of_a_catch_up_is_not_kept() -> None:
    log = await _log(SHARED_EVENTS + 1)
    pages = LogPages(log)
    await pages.read(0, 2 * SHARED_EVENTS)
    assert pages._last is None
