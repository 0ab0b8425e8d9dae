"""The fold: sessions by event time, and the same result however the log is cut into pages."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.events import BarBackfill, EquityTick, Event, StoredEvent
from indicators import registry
from indicators.definition import Definition
from indicators.errors import ProjectionError, UnknownIndicatorError
from indicators.fold import Fold, Folded
from tests.indicators import worlds
from tests.indicators.worlds import us

NAMES = ("seq", "ticker", "ts_us", *registry.INDICATORS)


async def stored_events(events: list[Event]) -> list[StoredEvent]:
    log = await worlds.memory_log(events)
    return (await log.read(0, 100_000)).events


async def rows(events: list[Event], definition: Definition) -> list[dict[str, Any]]:
    folded = Fold(definition).page(await stored_events(events))
    return [dict(zip(NAMES, row, strict=True)) for row in folded.rows]


@given(events=worlds.event_lists(), cuts=st.lists(st.integers(0, 60)), definition=worlds.definitions)
async def test_any_split_into_pages_with_a_resume_at_each_gives_the_same(
    events: list[Event], cuts: list[int], definition: Definition
) -> None:
    stored = await stored_events(events)
    whole = Fold(definition)
    expected = whole.page(stored)

    fold, parts = Fold(definition), Folded()
    for start, end in itertools.pairwise([0, *sorted(cut for cut in cuts if cut < len(stored)), len(stored)]):
        resumed = Fold(definition)
        resumed.restore(fold.states().items())
        fold = resumed
        parts.extend(fold.page(stored[start:end]))
    assert parts.rows == expected.rows
    assert {bar[:2]: bar for bar in parts.bar_rows} == {bar[:2]: bar for bar in expected.bar_rows}
    assert parts.backfilled == expected.backfilled
    assert fold.states() == whole.states()


@given(events=worlds.event_lists(), definition=worlds.definitions)
async def test_tickers_do_not_touch_each_other(events: list[Event], definition: Definition) -> None:
    stored = await stored_events(events)
    together = Fold(definition).page(stored)
    for ticker in ("AAPL", "QQQ"):
        alone = Fold(definition).page([event for event in stored if event.ticker == ticker])
        assert alone.rows == [row for row in together.rows if row[1] == ticker]


@pytest.mark.parametrize(
    ("session", "inside", "outside"),
    [
        ("regular", ["2026-11-20T09:30:00-05:00", "2026-11-20T15:59:59.999999-05:00"], ["2026-11-20T16:00:00-05:00"]),
        ("regular", ["2026-11-27T12:59:59-05:00"], ["2026-11-27T13:00:00-05:00", "2026-11-28T12:00:00-05:00"]),
        ("regular", ["2026-03-06T14:30:00+00:00", "2026-03-09T13:30:00+00:00"], ["2026-03-09T20:00:00+00:00"]),
        ("extended", ["2026-11-20T04:00:00-05:00", "2026-11-20T19:59:00-05:00"], ["2026-11-20T20:00:00-05:00"]),
        ("all", ["2026-11-21T12:00:00-05:00", "2026-11-26T03:00:00-05:00"], []),
    ],
)
async def test_one_row_per_tick_of_the_session_and_none_outside(
    session: Any, inside: list[str], outside: list[str]
) -> None:
    times = {us(text) for text in inside}
    events = [worlds.tick(ts_us) for ts_us in sorted(times | {us(text) for text in outside})]
    assert {row["ts_us"] for row in await rows(events, Definition(session=session))} == times


async def test_everything_starts_anew_with_the_session() -> None:
    friday = [worlds.tick(us("2026-11-20T15:00:00-05:00") + i, 10.0) for i in range(20)]
    monday = [worlds.tick(us("2026-11-23T09:30:00-05:00") + i, 20.0) for i in range(20)]
    given_rows = await rows([*friday, *monday], Definition())
    assert [row["sma9"] for row in given_rows[20:]] == [None] * 8 + [20.0] * 12
    assert {row["vwap"] for row in given_rows[20:]} == {20.0}
    assert {row["session_open"] for row in given_rows[20:]} == {20.0}


async def test_bars_are_of_every_tick_whatever_the_session() -> None:
    before = us("2026-11-20T09:29:30-05:00")
    events = [
        worlds.tick(before, 10.0, 3),
        worlds.tick(before + 1, 12.0, 1),
        worlds.tick(before + 2, 9.0, 0),
        worlds.tick(before + 30_000_000, 11.0, 0),
    ]
    folded = Fold(Definition()).page(await stored_events(events))
    minute = before // worlds.MINUTE_US * worlds.MINUTE_US
    assert folded.bar_rows == [
        ("AAPL", minute, 10.0, 12.0, 9.0, 9.0, 4, 10.5, "ticks"),
        ("AAPL", minute + worlds.MINUTE_US, 11.0, 11.0, 11.0, 11.0, 0, None, "ticks"),
    ]
    assert len(folded.rows) == 1


async def test_a_fetched_bar_is_a_bar_and_never_a_tick() -> None:
    bar = Event("AAPL", worlds.OPEN_US, BarBackfill(1.0, 2.0, 0.5, 1.5, 70))
    folded = Fold(Definition()).page(await stored_events([bar]))
    assert folded.backfilled == [("AAPL", worlds.OPEN_US, 1.0, 2.0, 0.5, 1.5, 70, None, "schwab_price_history")]
    assert folded.rows == folded.bar_rows == []


async def test_an_unreadable_payload_is_named_before_anything_is_folded() -> None:
    good, bad = await stored_events([worlds.tick(worlds.OPEN_US), worlds.tick(worlds.OPEN_US + 1)])
    fold = Fold(Definition())
    broken = StoredEvent(bad.seq, bad.kind, bad.ticker, bad.ts_us, bad.recorded_us, b'{"prize": 1}')
    with pytest.raises(ProjectionError, match="event 2 cannot be folded") as caught:
        fold.page([good, broken])
    assert caught.value.seq == 2
    assert fold.states() == {}


def test_a_wrong_name_is_told_with_the_right_ones() -> None:
    with pytest.raises(UnknownIndicatorError, match=r"INDICATORS=rsi15.*known are ema9, rsi14, session_close"):
        Definition(names=("rsi15",))


def test_the_partial_decode_reads_what_the_event_type_writes() -> None:
    assert {"price", "volume"} <= set(EquityTick.__struct_fields__)
