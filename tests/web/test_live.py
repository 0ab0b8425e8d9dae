"""The stream: nothing missed, nothing twice, whatever the page does; a slow page costs only itself."""

import asyncio
import sqlite3
from datetime import date
from typing import Any

import aiohttp
import pytest
from loguru import logger

from eventlog import database
from eventlog.events import BarBackfill, Event
from service.web import frames, tail, viewer
from service.web.frames import Batch, FrameReader
from tests.web import recorder, sse
from tests.web.recorder import MINUTE_US, Recorder

OPEN_US = recorder.opening_us(date(2025, 11, 20))


def walk(count: int, since_us: int = OPEN_US, ticker: str = "QQQ") -> list[Any]:
    """`count` ticks, one each second."""
    return list(recorder.walk(ticker, since_us, since_us + count * 1_000_000, 1_000_000, 600.0))


async def test_ticks_come_with_their_indicators_once_these_are_folded(
    recording: Recorder, client: aiohttp.ClientSession
) -> None:
    async with client.get("/api/live", params={"ticker": "QQQ"}) as response:
        await recording.record(walk(12))
        rows = await sse.ticks(response, 12)
    stored = await (await client.get("/api/indicators?ticker=QQQ&day=2025-11-20&every_seconds=0")).json()
    assert [row[1] for row in rows] == [event.ts_us for event in walk(12)]
    assert [[row[1], row[4], row[5]] for row in rows] == stored["rows"]


async def test_history_and_stream_join_without_hole_or_overlap(
    recording: Recorder, client: aiohttp.ClientSession
) -> None:
    await recording.record(walk(70))
    bars = await (await client.get("/api/bars?ticker=QQQ&day=2025-11-20")).json()
    await recording.record(walk(20, OPEN_US + 70_000_000))
    async with client.get("/api/live", params={"ticker": "QQQ", "after": bars["through_seq"]}) as response:
        await recording.record(walk(10, OPEN_US + 90_000_000))
        rows = await sse.ticks(response, 30)
    assert [row[0] for row in rows] == list(range(71, 101))


@pytest.mark.parametrize("after", [10, 15])
async def test_a_second_page_whose_history_is_ahead_of_the_tail_goes_on_from_there(
    recording: Recorder, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    read, is_asked, may_read = FrameReader.read, asyncio.Event(), asyncio.Event()

    async def read_late(reader: FrameReader, since: int, limit: int) -> Batch:
        is_asked.set()
        await may_read.wait()
        return await read(reader, since, limit)

    monkeypatch.setattr(FrameReader, "read", read_late)
    async with client.get("/api/live", params={"ticker": "QQQ"}) as first:
        await recording.record(walk(15))
        await is_asked.wait()
        async with client.get("/api/live", params={"ticker": "QQQ", "after": after}) as second:
            assert (await anext(sse.messages(second))).last_event_id == str(after)
            may_read.set()
            await recording.record(walk(5, OPEN_US + 15_000_000))
            seen = [await sse.ticks(first, 20), await sse.ticks(second, 20 - after)]
    assert [[row[0] for row in rows] for rows in seen] == [list(range(1, 21)), list(range(after + 1, 21))]


async def test_a_page_that_slept_resumes_from_the_last_seq_it_saw(
    recording: Recorder, client: aiohttp.ClientSession
) -> None:
    await recording.record(walk(5000))
    headers = {"Last-Event-ID": "2000"}
    async with client.get("/api/live", params={"ticker": "QQQ", "after": 1}, headers=headers) as response:
        rows = await sse.ticks(response, 3000)
    assert [row[0] for row in rows] == list(range(2001, 5001))


async def test_a_page_that_slept_too_long_is_told_to_fetch_history(
    recording: Recorder, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MAX_RESUME_EVENTS", 50)
    await recording.record(walk(60))
    for after in (1, 1_000_000):
        async with client.get("/api/live", params={"ticker": "QQQ", "after": after}) as response:
            first = await anext(sse.messages(response))
        assert first.name == "resync"


async def test_each_page_gets_its_ticker_and_the_gaps_of_all(
    recording: Recorder, client: aiohttp.ClientSession
) -> None:
    async with client.get("/api/live", params={"ticker": "SPY"}) as response:
        hole = recorder.gap(OPEN_US, OPEN_US + MINUTE_US, "socket closed 1006")
        await recording.record([*walk(3), recorder.gap(OPEN_US, OPEN_US + 1, "QQQ only", "QQQ"), hole])
        await recording.record(walk(1, ticker="SPY"))
        seen = []
        async for message in sse.messages(response):
            if message.name in ("gap", "ticks"):
                seen.append(message)
            if message.name == "ticks":
                break
    assert [message.data.get("reason", "ticks") for message in seen] == ["socket closed 1006", "ticks"]
    assert [row[1] for row in seen[-1].data["rows"]] == [OPEN_US]


async def test_ticks_do_not_wait_for_a_projection_that_stands_still(
    recording: Recorder, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "FOLD_PATIENCE_SECONDS", 0.05)
    async with client.get("/api/live", params={"ticker": "QQQ"}) as response:
        await recording.append(walk(3))
        async for message in sse.messages(response):
            if message.name == "ticks":
                break
    assert message.data["folded_seq"] < message.data["rows"][0][0]
    assert message.data["rows"][0][4:] == [None, None]


async def test_minutes_filled_in_after_a_hole_are_fetched_anew(
    recording: Recorder, client: aiohttp.ClientSession
) -> None:
    bar = BarBackfill(open=600.0, high=600.5, low=599.5, close=600.25, volume=1000)
    async with client.get("/api/live", params={"ticker": "QQQ"}) as response:
        await recording.record([Event("QQQ", OPEN_US, bar)])
        async for message in sse.messages(response):
            if message.name == "resync":
                break
    assert message.last_event_id == "1"
    bars = await (await client.get("/api/bars?ticker=QQQ&day=2025-11-20")).json()
    assert bars["rows"][0][:6] == [OPEN_US, 600.0, 600.5, 599.5, 600.25, 1000]


async def test_a_page_that_does_not_read_holds_up_nobody(
    recording: Recorder, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "PACE_SECONDS", 0.0)
    monkeypatch.setattr(tail, "FOLD_PATIENCE_SECONDS", 0.0)
    count = 60_000
    slow = client.get("/api/live", params={"ticker": "QQQ"})
    async with slow as sleeping, client.get("/api/live", params={"ticker": "QQQ"}) as reading:
        seen = asyncio.create_task(sse.ticks(reading, count))
        step_us = 100_000
        ticks = list(recorder.walk("QQQ", OPEN_US, OPEN_US + count * step_us, step_us, 600.0))
        for start in range(0, count, 5000):
            await recording.append(ticks[start : start + 5000])
        rows = await seen
        assert [row[0] for row in rows] == list(range(1, count + 1))
        async for message in sse.messages(sleeping):
            if message.name == "resync":
                break
    assert message.data == {"reason": "this page read too slowly"}


async def test_vitals_come_at_once_and_every_second(client: aiohttp.ClientSession) -> None:
    vitals: list[sse.Message] = []
    async with client.get("/api/live", params={"ticker": "QQQ"}) as response:
        async for message in sse.messages(response):
            vitals += [message] if message.name == "vitals" else []
            if len(vitals) == 2:
                break
    names = [sign["name"] for sign in vitals[1].data["checks"]]
    assert names[:3] == ["feed", "last_tick", "ticks_a_second"]
    assert {"log", "projection", "gaps", "disk", "token", "dead_letters"} < set(names)


def test_a_slow_page_holds_a_bounded_amount_and_is_told_to_resync() -> None:
    page = viewer.Viewer("QQQ")
    message = frames.message("ticks", "x" * 1000, 1)
    for _ in range(10 * viewer.MAX_WAITING_BYTES // len(message)):
        page.offer(message, 1)
        assert page.waiting_bytes <= viewer.MAX_WAITING_BYTES
    page.offer_latest("vitals", b"old")
    page.offer_latest("vitals", b"new")
    taken = asyncio.run(page.take())
    assert taken.startswith(b"event: resync")
    assert taken.endswith(b"new")
    assert b"old" not in taken


async def test_nothing_runs_when_nobody_watches(recording: Recorder, client: aiohttp.ClientSession) -> None:
    assert not tail_tasks()
    async with client.get("/api/live", params={"ticker": "QQQ"}) as response:
        await anext(sse.messages(response))
        assert len(tail_tasks()) == 2
    while tail_tasks():  # noqa: ASYNC110 - the loop's own turn is what is waited for
        await asyncio.sleep(0)


class FailingOnce(FrameReader):
    """A disk that answers one read with an error."""

    has_failed = False

    async def read(self, after: int, limit: int) -> Batch:
        if self.has_failed:
            return await super().read(after, limit)
        self.has_failed = True
        raise sqlite3.OperationalError("disk I/O error")


async def test_who_comes_back_after_the_tail_has_died_is_followed_anew_though_one_page_lingers(
    recording: Recorder,
) -> None:
    records: list[Any] = []
    sink = logger.add(lambda message: records.append(message.record), level="ERROR")
    context = recording.service.context
    state = await database.open_reader(context.settings.data_dir / "state.db")
    reader = FailingOnce(context.log, state, lambda: context.projection.checkpoint)
    shared = tail.Tail(recording.service, reader, no_vitals)
    lingering, back = viewer.Viewer("QQQ"), viewer.Viewer("QQQ")
    async with shared.watched_by(lingering, None):
        await recording.record(walk(1))
        while await lingering.take():
            pass
        async with shared.watched_by(back, 0) as missed:
            seen = b"".join([message async for message in missed])
            await recording.record(walk(1, OPEN_US + 1_000_000))
            while b"id: 2\nevent: ticks" not in seen:
                seen += await back.take()
    assert b"id: 1\nevent: ticks" in seen
    assert not await lingering.take()
    await state.close()
    logger.remove(sink)
    assert [(record["extra"]["event"], str(record["exception"].value)) for record in records] == [
        ("page.failed", "disk I/O error")
    ]


async def no_vitals() -> dict[str, Any]:
    return {}


def tail_tasks() -> list[asyncio.Task[Any]]:
    """The tasks of the shared reader."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("live page")]


async def test_too_many_pages_are_turned_away(
    recording: Recorder, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MAX_VIEWERS", 1)
    async with client.get("/api/live", params={"ticker": "QQQ"}) as first:
        assert first.status == 200
        async with client.get("/api/live", params={"ticker": "QQQ"}) as second:
            assert second.status == 503


@pytest.mark.parametrize("is_slept", [True, False])
async def test_a_corrupt_event_is_told_and_vitals_go_on(
    recording: Recorder, client: aiohttp.ClientSession, is_slept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As for a page that lags behind what the log keeps in memory.
    monkeypatch.setattr("eventlog.tail.KEPT_EVENTS", 0)
    await recording.record([*walk(3), recorder.tick("QQQ", OPEN_US + 10_000_000, 600.5)])
    if is_slept:
        recorder.corrupt(recording, seq=4)
    async with client.get("/api/live", params={"ticker": "QQQ", "after": 3 if is_slept else 4}) as response:
        messages = sse.messages(response)
        if not is_slept:
            while (await anext(messages)).name != "vitals":
                pass
            recorder.corrupt_next(recording)
            await recording.append([recorder.tick("QQQ", OPEN_US + 11_000_000, 600.5)])
        while (message := await anext(messages)).name != "trouble":
            assert message.name != "ticks"
        while (await anext(messages)).name != "vitals":
            pass
    assert "is corrupt" in message.data["error"]
