"""The JSON answers, against a real log and projection; references are computed here, from the ticks appended."""

from datetime import date, time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from market import calendar
from tests.eventlog.ticks import trade_of
from tests.web import recorder, sse
from tests.web.recorder import MINUTE_US, Recorder

OPEN_US = recorder.opening_us(date(2025, 11, 20))
DAY = "2025-11-20"
ALL_ANSWERS = ("about", "days", "bars", "indicators", "ticks", "gaps", "sessions", "options")


async def get(client: aiohttp.ClientSession, path: str, status: int = 200, **query: Any) -> Any:
    """The answer's JSON."""
    async with client.get(path, params=query) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def test_about_tells_what_is_recorded_and_nothing_secret(client: aiohttp.ClientSession) -> None:
    about = await get(client, "/api/about")
    assert about["tickers"] == ["QQQ", "SPY"]
    assert set(about) == {
        "version", "tickers", "origin", "session", "sma_interval", "options", "today", "head",
    }  # fmt: skip


async def test_bars_are_the_ticks_of_their_minute(recording: Recorder, client: aiohttp.ClientSession) -> None:
    walk = list(recorder.walk("QQQ", OPEN_US, OPEN_US + 5 * MINUTE_US, 1_700_000, 600.0))
    head = await recording.record(walk)
    answer = await get(client, "/api/bars", ticker="qqq", day=DAY)
    assert answer["through_seq"] == head
    second = [trade_of(event) for event in walk if event.ts_us // MINUTE_US == OPEN_US // MINUTE_US + 1]
    prices = [tick.price for tick in second]
    volume = sum(tick.volume for tick in second)
    row = dict(zip(answer["columns"], answer["rows"][1], strict=True))
    assert row["ts_us"] == OPEN_US + MINUTE_US
    assert [row["open"], row["high"], row["low"], row["close"]] == [prices[0], max(prices), min(prices), prices[-1]]
    assert row["volume"] == volume
    assert len(answer["rows"]) == 5


async def test_indicators_are_the_last_of_each_step(recording: Recorder, client: aiohttp.ClientSession) -> None:
    walk = list(recorder.walk("QQQ", OPEN_US, OPEN_US + 3 * MINUTE_US, 7_000_000, 600.0))
    await recording.record(walk)
    every = await get(client, "/api/indicators", ticker="QQQ", day=DAY, every_seconds=0)
    thinned = await get(client, "/api/indicators", ticker="QQQ", day=DAY)
    assert len(every["rows"]) == len(walk)
    last_of_minute = {row[0] // MINUTE_US: row for row in every["rows"]}
    assert thinned["rows"] == list(last_of_minute.values())
    assert every["rows"][7][1] is None
    prices = [trade_of(event).price for event in walk]
    assert every["rows"][8][1] == pytest.approx(sum(prices[:9]) / 9, rel=1e-12)


async def test_ticks_are_paged(recording: Recorder, client: aiohttp.ClientSession) -> None:
    walk = list(recorder.walk("QQQ", OPEN_US, OPEN_US + MINUTE_US, 2_500_000, 600.0))
    await recording.record(walk)
    rows, since_us = [], OPEN_US
    while since_us is not None:
        page = await get(client, "/api/ticks", ticker="QQQ", since_us=since_us, limit=10)
        rows += page["rows"]
        since_us = page["next_since_us"]
    assert [row[1] for row in rows] == [event.ts_us for event in walk]


async def test_days_are_eastern_and_newest_first(recording: Recorder, client: aiohttp.ClientSession) -> None:
    evening = calendar.eastern_us(date(2025, 11, 19), time(23, 59))
    await recording.record([recorder.tick("QQQ", evening, 600.0), recorder.tick("QQQ", OPEN_US, 601.0)])
    assert (await get(client, "/api/days", ticker="QQQ"))["days"] == ["2025-11-20", "2025-11-19"]
    assert (await get(client, "/api/days", ticker="SPY"))["days"] == []


async def test_gaps_touch_the_day_and_concern_the_ticker(recording: Recorder, client: aiohttp.ClientSession) -> None:
    midnight = recorder.opening_us(date(2025, 11, 20), "all")
    await recording.record(
        [
            recorder.gap(midnight - MINUTE_US, midnight + MINUTE_US, "across midnight"),
            recorder.gap(midnight - 3 * MINUTE_US, midnight - 2 * MINUTE_US, "the day before"),
            recorder.gap(OPEN_US, OPEN_US + 1, "only SPY", "SPY"),
            recorder.gap(OPEN_US, OPEN_US + 2, "only QQQ", "QQQ"),
        ]
    )
    answer = await get(client, "/api/gaps", ticker="QQQ", day=DAY)
    assert [row[3] for row in answer["rows"]] == ["across midnight", "only QQQ"]


async def test_sessions_know_half_days_and_closed_days(client: aiohttp.ClientSession) -> None:
    half_day = await get(client, "/api/sessions", day="2025-11-28")
    assert half_day["regular"]["close_us"] - half_day["regular"]["open_us"] == 3.5 * 3600 * 1_000_000
    assert (await get(client, "/api/sessions", day="2025-11-22"))["regular"] is None


async def test_the_chain_has_the_newest_quote_of_each_contract(
    recording: Recorder, client: aiohttp.ClientSession
) -> None:
    await recording.record(recorder.chain("QQQ", OPEN_US, 600.0, DAY) + recorder.chain("QQQ", OPEN_US + 1, 601.5, DAY))
    rows = (await get(client, "/api/options", ticker="QQQ"))["rows"]
    assert len({row["symbol"] for row in rows}) == len(rows)
    assert {row["ts_us"] for row in rows if row["strike"] > 600} == {OPEN_US + 1}


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("/api/bars", {"day": DAY}, "ticker"),
        ("/api/bars", {"ticker": "QQQ", "day": "yesterday"}, "day"),
        ("/api/ticks", {"ticker": "QQQ", "day": DAY, "limit": "0"}, "limit"),
        ("/api/ticks", {"ticker": "QQQ", "since_us": "-1"}, "since_us"),
        ("/api/indicators", {"ticker": "QQQ", "day": DAY, "every_seconds": "1e9"}, "every_seconds"),
        ("/api/live", {"ticker": "QQQ", "after": "9" * 40}, "after"),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: aiohttp.ClientSession, path: str, query: dict[str, str], named: str
) -> None:
    assert named in (await get(client, path, 400, **query))["error"]


async def test_a_corrupt_event_is_told_not_shown(recording: Recorder, client: aiohttp.ClientSession) -> None:
    await recording.record([recorder.tick("QQQ", OPEN_US, 600.0)])
    recorder.corrupt(recording, seq=1)
    answer = await get(client, "/api/ticks", 500, ticker="QQQ", day=DAY)
    assert "event 1 is corrupt" in answer["error"]


async def test_no_answer_holds_a_secret(tmp_path: Path) -> None:
    planted = {
        "schwab_app_key": "planted-key",
        "schwab_app_secret": "planted-secret",
        "supabase_service_role_key": "sb_secret_planted",
        "postgres_dsn": "postgresql://me:planted@127.0.0.1/x",
        "alert_webhook": "https://example.com/planted",
    }
    async with recorder.recording(tmp_path, **planted) as recording, aiohttp.ClientSession(recording.url) as client:
        await recording.record([recorder.tick("QQQ", OPEN_US, 600.0)])
        answers = [(await client.get(f"/api/{name}?ticker=QQQ&day={DAY}")) for name in ALL_ANSWERS]
        texts = [await answer.text() for answer in answers]
        async with client.get("/api/live?ticker=QQQ&after=0") as response:
            stream = sse.messages(response)
            texts += [str(await anext(stream)) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * len(answers)
    assert not [text for text in texts if "planted" in text]
