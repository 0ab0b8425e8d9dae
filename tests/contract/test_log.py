"""What every `eventlog.api.Log` keeps: the log itself and the in-memory double of the other rooms' tests."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from eventlog import events, ranges, tail
from eventlog.clock import ManualClock
from eventlog.errors import InvalidEventError, LogClosedError
from eventlog.events import EquityTick, Event, FeedConnected, FeedGap
from eventlog.log import EventLog, open_log
from eventlog.memory import MemoryLog
from tests.eventlog.ticks import NOW_US, OPEN_US, tick, ticks

AnyLog = EventLog | MemoryLog


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_US)


@pytest.fixture(params=["sqlite", "sqlite, read from the file", "memory"])
async def log(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AnyLog]:
    if request.param == "sqlite, read from the file":
        monkeypatch.setattr(tail, "KEPT_EVENTS", 0)
    opened: AnyLog = MemoryLog(clock) if request.param == "memory" else await open_log(tmp_path, clock)
    yield opened
    await opened.close()


async def test_seqs_count_from_one_without_holes(log: AnyLog) -> None:
    assert log.head == 0
    assert await log.append(ticks(3)) == range(1, 4)
    assert await log.append([]) == range(4, 4)
    assert await log.append(ticks(2, first=3)) == range(4, 6)
    assert log.head == 5


async def test_what_is_read_is_what_was_appended(log: AnyLog) -> None:
    batch = [tick(1), Event("", OPEN_US, FeedGap(OPEN_US, OPEN_US + 5, "test")), tick(2, "AAPL")]
    await log.append(batch)
    page = await log.read(0, 10)
    assert page.through_seq == 3
    assert [event.seq for event in page.events] == [1, 2, 3]
    found = [(event.ticker, event.ts_us, events.decode(event)) for event in page.events]
    assert found == [(event.ticker, event.ts_us, event.payload) for event in batch]
    assert {event.recorded_us for event in page.events} == {NOW_US}


async def test_pages_join_without_overlap(log: AnyLog) -> None:
    await log.append(ticks(25))
    seqs, position = [], 0
    while (page := await log.read(position, 10)).events:
        seqs += [event.seq for event in page.events]
        position = page.through_seq
    assert seqs == list(range(1, 26))
    assert await log.read(25, 10) == type(page)([], 25)


async def test_reading_one_kind_passes_over_the_others(log: AnyLog) -> None:
    gap = Event("", OPEN_US, FeedGap(OPEN_US, OPEN_US + 1, "test"))
    await log.append([tick(1), gap, tick(2), gap, gap])
    page = await log.read(0, 10, kinds=["equity_tick"])
    assert [event.seq for event in page.events] == [1, 3]
    assert page.through_seq == 5


async def test_what_was_appended_is_counted_by_kind(log: AnyLog) -> None:
    await log.append([tick(1), Event("", OPEN_US, FeedGap(OPEN_US, OPEN_US + 5, "test")), tick(2, "AAPL")])
    with pytest.raises(InvalidEventError):
        await log.append([tick(3), tick(1)])
    assert log.appended(["equity_tick"]) == 2
    assert log.appended(["equity_tick", "feed_gap"]) == 3
    assert log.appended(["option_quote"]) == 0


async def test_a_refused_batch_leaves_nothing_behind(log: AnyLog) -> None:
    await log.append([tick(5)])
    for bad in (tick(5), tick(4)):
        with pytest.raises(InvalidEventError) as caught:
            await log.append([tick(6), bad])
        assert caught.value.field == "ts_us"
    nan = Event("QQQ", OPEN_US + 10_000, EquityTick(price=float("nan"), size=1, volume=1, total_volume=1))
    with pytest.raises(InvalidEventError, match="price=nan"):
        await log.append([tick(7), nan])
    assert log.head == 1
    assert await log.append([tick(6)]) == range(2, 3)


async def test_tickers_do_not_hold_each_other_up(log: AnyLog) -> None:
    await log.append([tick(9), tick(3, "AAPL"), tick(4, "AAPL")])
    assert log.head == 3


async def test_a_waiter_wakes_on_append(log: AnyLog) -> None:
    await log.append([tick(1)])
    assert await log.wait_beyond(0) == 1
    waiting = asyncio.ensure_future(log.wait_beyond(2))
    await log.append([tick(2)])
    await asyncio.sleep(0)
    assert not waiting.done()
    await log.append([tick(3)])
    assert await waiting == 3


async def test_closing_ends_waits_and_appends(log: AnyLog) -> None:
    waiting = asyncio.ensure_future(log.wait_beyond(0))
    await asyncio.sleep(0)
    await log.close("the test is over")
    with pytest.raises(LogClosedError, match="the test is over"):
        await waiting
    with pytest.raises(LogClosedError):
        await log.append([tick(1)])
    with pytest.raises(LogClosedError):
        await log.wait_beyond(0)


async def test_appends_of_many_tasks_keep_their_order(log: AnyLog) -> None:
    async def producer(ticker: str) -> list[int]:
        seqs: list[int] = []
        for number in range(20):
            seqs += await log.append(ticks(3, first=3 * number, ticker=ticker))
        return seqs

    answers = await asyncio.gather(*(producer(ticker) for ticker in ("AAPL", "QQQ", "SPY")))
    assert sorted(seq for seqs in answers for seq in seqs) == list(range(1, 181))
    assert all(seqs == sorted(seqs) for seqs in answers)
    assert log.head == 180


async def test_latest_is_the_last_of_a_kind_and_ticker(log: AnyLog) -> None:
    assert await log.latest("equity_tick", "QQQ") is None
    await log.append([*ticks(5), tick(2, "AAPL")])
    found = await log.latest("equity_tick", "QQQ")
    assert found is not None
    assert (found.seq, found.ts_us) == (5, tick(4).ts_us)
    assert await log.latest("equity_quote", "QQQ") is None


async def test_last_of_kind_is_by_seq_and_not_by_time(log: AnyLog) -> None:
    assert await log.last_of_kind("feed_connected") is None
    await log.append([Event("", ts_us, FeedConnected(["QQQ"])) for ts_us in (OPEN_US + 1, OPEN_US)])
    found = await log.last_of_kind("feed_connected")
    assert found is not None
    assert (found.seq, found.ts_us) == (2, OPEN_US)


async def test_a_range_is_half_open_and_in_time_order(log: AnyLog) -> None:
    gap = Event("QQQ", tick(3).ts_us, FeedGap(OPEN_US, OPEN_US + 1, "test"))
    await log.append([*ticks(10), *ticks(10, ticker="AAPL"), gap])
    found = await log.read_range("QQQ", tick(2).ts_us, tick(5).ts_us)
    assert [event.seq for event in found] == [3, 4, 21, 5]
    only = await log.read_range("QQQ", tick(2).ts_us, tick(5).ts_us, kinds=["feed_gap"])
    assert [event.seq for event in only] == [21]


async def test_a_range_is_read_in_pages(log: AnyLog) -> None:
    gaps = [Event("QQQ", tick(3).ts_us, FeedGap(OPEN_US, OPEN_US + 1, "test"))] * 4
    await log.append([*ticks(10), *gaps])
    whole = await log.read_range("QQQ", 0, 2**62)
    paged = page = await log.read_range("QQQ", 0, 2**62, limit=3)
    while page:
        page = await log.read_range("QQQ", 0, 2**62, limit=3, after=page[-1])
        paged = paged + page
    assert paged == whole
    assert len(whole) == 14


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 7])
async def test_a_range_is_read_to_its_end_whatever_the_page(
    log: AnyLog, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(ranges, "PAGE_EVENTS", 3)
    await log.append([*ticks(count), *ticks(9, ticker="AAPL")])
    found = [event.seq async for event in ranges.events_of(log, "QQQ", 0, ranges.FOR_EVER_US, ["equity_tick"])]
    assert found == list(range(1, count + 1))


async def test_tickers_are_those_with_events_of_the_kinds(log: AnyLog) -> None:
    gaps = [Event(ticker, OPEN_US, FeedGap(OPEN_US, OPEN_US + 1, "test")) for ticker in ("", "SPY")]
    await log.append([*ticks(3), tick(2, "AAPL"), Event("", OPEN_US, FeedConnected(["QQQ"])), *gaps])
    assert await log.tickers(["equity_tick"]) == ["AAPL", "QQQ"]
    assert await log.tickers(["feed_gap"]) == ["", "SPY"]
    assert await log.tickers(["feed_connected"]) == [""]
    assert await log.tickers(["equity_tick", "feed_gap"]) == ["", "AAPL", "QQQ", "SPY"]
    assert await log.tickers(["bar_backfill"]) == []


async def test_payloads_are_plain_json(log: AnyLog) -> None:
    await log.append([tick(1)])
    stored = (await log.read(0, 1)).events[0]
    assert msgspec.json.decode(stored.payload)["price"] == 400.01
