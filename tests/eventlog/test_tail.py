"""Who follows the log reads what was committed last from memory, and it is what a reader of the file finds."""

from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from eventlog import tail
from eventlog.clock import ManualClock
from eventlog.events import Event, FeedGap
from eventlog.log import EventLog, open_log
from eventlog.reader import LogReader
from tests.eventlog.ticks import NOW_US, OPEN_US, tick, ticks

KEPT = 10
GAP = Event("", OPEN_US, FeedGap(OPEN_US, OPEN_US, "test"))


@pytest.fixture
async def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EventLog]:
    monkeypatch.setattr(tail, "KEPT_EVENTS", KEPT)
    opened = await open_log(tmp_path, ManualClock(NOW_US))
    yield opened
    await opened.close()


@pytest.fixture
def file_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where each page that was read from the file began."""
    began_after: list[int] = []
    read = LogReader.read

    async def counted(reader: LogReader, after: int, limit: int, kinds: Collection[str] | None = None) -> object:
        began_after.append(after)
        return await read(reader, after, limit, kinds)

    monkeypatch.setattr(LogReader, "read", counted)
    return began_after


@pytest.mark.parametrize("groups", [[3], [1, 1, 1], [7, 8, 9, 10], [20], [20, 1], [5, 30], [30, 1, 30]])
async def test_every_page_is_that_of_the_file(log: EventLog, groups: list[int]) -> None:
    number = 0
    for count in groups:
        await log.append([*ticks(count - 1, first=number), GAP])
        number += count
        for after in range(number + 2):
            for limit in (1, 4, 100):
                for kinds in (None, ["feed_gap"], ["equity_tick"]):
                    assert await log.read(after, limit, kinds) == await log._reader.read(after, limit, kinds)


async def test_the_tail_is_read_without_the_file(log: EventLog, file_reads: list[int]) -> None:
    for number in range(100):
        await log.append([tick(number)])
        assert [event.seq for event in (await log.read(number, 10)).events] == [number + 1]
    assert len((await log.read(100 - KEPT, 100)).events) == KEPT
    assert (await log.read(100, 10)).events == []
    assert file_reads == []
    assert len((await log.read(0, 100)).events) == 100
    assert file_reads == [0]


async def test_a_log_that_was_opened_again_is_read_from_the_file(
    log: EventLog, tmp_path: Path, file_reads: list[int]
) -> None:
    await log.append(ticks(3))
    await log.close()
    again = await open_log(tmp_path, ManualClock(NOW_US))
    await again.append([tick(3)])
    assert [event.seq for event in (await again.read(2, 10)).events] == [3, 4]
    assert file_reads == [2]
    assert [event.seq for event in (await again.read(3, 10)).events] == [4]
    assert file_reads == [2]
    await again.close()


@pytest.mark.parametrize("is_read", [True, False])
async def test_memory_is_bounded_whether_it_is_read_or_not(log: EventLog, is_read: bool) -> None:
    for number in range(0, 300, 3):
        await log.append(ticks(3, first=number))
        if is_read:
            await log.read(log.head, 1)
        kept = log._tail
        assert len(kept._events) + len(kept._rows) / 7 <= 4 * KEPT


async def test_what_was_pruned_is_forgotten(log: EventLog) -> None:
    await log.append(ticks(8))
    await log.prune(2**62, {"somebody": 5})
    page = await log.read(0, 100)
    assert [event.seq for event in page.events] == [6, 7, 8]
    assert page == await log._reader.read(0, 100)
