"""Merging equity deltas: what is a tick, what is a quote, what is nothing."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.events import EquityQuote, EquityTick, Event
from feed.equity import Equity, EquityItem
from feed.intake import Intake
from feed.schwab.library import streaming

PROPERTY = settings(max_examples=200, deadline=None, derandomize=True, print_blob=True)
FRAME = json.loads(Path("tests/data/schwab/levelone_equities_frame.json").read_bytes())
LABELS = streaming.StreamClient.LevelOneEquityFields.key_mapping()
NOON_MS = 1_763_657_000_000
NOW_US = NOON_MS * 1000 + 3_600_000_000

FULL = {
    "key": "QQQ",
    "delayed": False,
    "BID_PRICE": 99.0,
    "ASK_PRICE": 101.0,
    "LAST_PRICE": 100.0,
    "BID_SIZE": 1,
    "ASK_SIZE": 2,
    "TOTAL_VOLUME": 1000,
    "LAST_SIZE": 10,
    "SECURITY_STATUS": "Normal",
    "QUOTE_TIME_MILLIS": NOON_MS,
    "TRADE_TIME_MILLIS": NOON_MS,
}


def take(intake: Intake, *items: dict[str, Any], now_us: int = NOW_US) -> list[Event]:
    return intake.take_equities({"content": [{"key": "QQQ", **item} for item in items]}, now_us)


def ticks(found: list[Event]) -> list[EquityTick]:
    return [event.payload for event in found if isinstance(event.payload, EquityTick)]


def test_a_real_frame() -> None:
    content = [{LABELS.get(name, name): value for name, value in item.items()} for item in FRAME["data"][0]["content"]]
    microsoft, google = Intake().take_equities({"content": content}, NOW_US)
    assert microsoft == Event(
        "MSFT",
        1_715_777_953_982_000,
        EquityTick(price=417.09, size=10, volume=10, total_volume=162_750, bid=417.01, ask=417.08, delayed=True),
    )
    assert isinstance(google.payload, EquityTick)
    assert google.payload.price == 172.7786, "sub-penny digits stay"


def test_a_repeated_snapshot_is_nothing() -> None:
    intake = Intake()
    assert len(take(intake, FULL)) == 1
    assert take(intake, FULL, FULL) == []


def test_trades_of_one_millisecond_are_told_apart_by_the_total_volume() -> None:
    intake = Intake()
    found = take(intake, FULL, {"TOTAL_VOLUME": 1010}, {"TOTAL_VOLUME": 1020}, {"TOTAL_VOLUME": 1020})
    assert [tick.volume for tick in ticks(found)] == [10, 10, 10]
    assert [event.ts_us - NOON_MS * 1000 for event in found] == [0, 1, 2]
    assert [tick.trade_us for tick in ticks(found)] == [None, NOON_MS * 1000, NOON_MS * 1000]


def test_a_price_or_size_that_changes_is_a_tick() -> None:
    intake = Intake()
    found = take(intake, FULL, {"LAST_PRICE": 100.01}, {"LAST_SIZE": 11}, {"TRADE_TIME_MILLIS": NOON_MS + 1})
    assert [(tick.price, tick.size, tick.volume) for tick in ticks(found)] == [
        (100.0, 10, 10),
        (100.01, 10, 0),
        (100.01, 11, 0),
        (100.01, 11, 0),
    ]


def test_bid_or_ask_alone_is_a_quote() -> None:
    intake = Intake()
    take(intake, FULL)
    [event] = take(intake, {"BID_PRICE": 99.5, "QUOTE_TIME_MILLIS": NOON_MS + 5})
    assert event == Event("QQQ", NOON_MS * 1000 + 5000, EquityQuote(bid=99.5, ask=101.0, bid_size=1, ask_size=2))
    assert take(intake, {"BID_PRICE": 99.5}) == []


def test_a_downward_revision_is_no_trade_and_its_next_trade_counts_nothing() -> None:
    intake = Intake()
    take(intake, FULL)
    assert take(intake, {"TOTAL_VOLUME": 990}) == []
    assert take(intake, {"TOTAL_VOLUME": 1000}) == [], "taken back again"
    take(intake, {"TOTAL_VOLUME": 990})
    [tick] = ticks(take(intake, {"TOTAL_VOLUME": 995, "TRADE_TIME_MILLIS": NOON_MS + 1, "LAST_SIZE": 5}))
    assert (tick.volume, tick.total_volume) == (0, 1000)


def test_a_late_print_keeps_its_true_time_beside_an_increasing_key() -> None:
    intake = Intake()
    take(intake, FULL)
    [event] = take(intake, {"TOTAL_VOLUME": 1050, "TRADE_TIME_MILLIS": NOON_MS - 60_000, "LAST_SIZE": 50})
    assert isinstance(event.payload, EquityTick)
    assert event.ts_us == NOON_MS * 1000 + 1
    assert event.payload.trade_us == (NOON_MS - 60_000) * 1000
    assert event.payload.volume == 50


def test_a_late_print_does_not_wind_the_clock_back() -> None:
    intake = Intake()
    take(intake, FULL)
    take(intake, {"TOTAL_VOLUME": 1050, "TRADE_TIME_MILLIS": NOON_MS - 60_000})
    assert take(intake, {"TOTAL_VOLUME": 1040, "TRADE_TIME_MILLIS": NOON_MS - 30_000}) == [], "old news"


def test_a_time_in_the_future_is_marked_and_poisons_nothing() -> None:
    intake = Intake()
    take(intake, FULL)
    leap_ms = 1_900_000_000_000
    [event] = take(intake, {"TRADE_TIME_MILLIS": leap_ms, "TOTAL_VOLUME": 1010})
    assert isinstance(event.payload, EquityTick)
    assert (event.ts_us, event.payload.time_source, event.payload.trade_us) == (NOW_US, "receive", leap_ms * 1000)
    later_ms = NOW_US // 1000 + 1000
    [event] = take(intake, {"TRADE_TIME_MILLIS": later_ms, "TOTAL_VOLUME": 1020}, now_us=later_ms * 1000)
    assert event.ts_us == later_ms * 1000
    assert (
        intake.take_equities({"content": [{**FULL, "TRADE_TIME_MILLIS": later_ms, "TOTAL_VOLUME": 1020}]}, NOW_US) == []
    )


def test_five_seconds_ahead_are_believed() -> None:
    [event] = take(Intake(), FULL, now_us=NOON_MS * 1000 - 5_000_000)
    assert event.ts_us == NOON_MS * 1000
    [event] = take(Intake(), FULL, now_us=NOON_MS * 1000 - 5_000_001)
    assert event.ts_us == NOON_MS * 1000 - 5_000_001


def test_a_ticker_that_never_traded_gives_no_tick() -> None:
    assert ticks(take(Intake(), {**FULL, "LAST_PRICE": 0, "TRADE_TIME_MILLIS": 0})) == []


def test_garbage_costs_its_item_only() -> None:
    intake = Intake()
    found = take(intake, {**FULL, "LAST_PRICE": "many"}, {**FULL, "TOTAL_VOLUME": -1}, {**FULL, "TOTAL_VOLUME": 1000.0})
    assert len(found) == 1
    assert intake.counters.garbage == 2


TRADES = st.lists(
    st.tuples(
        st.integers(0, 3),  # ms since the trade before
        st.sampled_from([100.0, 100.01, 99.99]),
        st.integers(1, 300),
        st.sampled_from([99.0, 99.5]),
    ),
    min_size=1,
    max_size=40,
)


def _states(trades: list[tuple[int, float, int, float]]) -> list[dict[str, Any]]:
    states, time_ms, total = [], NOON_MS, 0
    for gap_ms, price, size, bid in trades:
        time_ms, total = time_ms + gap_ms, total + size
        changes = {"LAST_PRICE": price, "LAST_SIZE": size, "TOTAL_VOLUME": total, "TRADE_TIME_MILLIS": time_ms}
        states.append({**FULL, **changes, "BID_PRICE": bid})
    return states


@PROPERTY
@given(trades=TRADES, data=st.data())
def test_any_cut_into_deltas_gives_the_same_ticks(trades: list[tuple[int, float, int, float]], data: Any) -> None:
    """Full snapshots, minimal deltas, unchanged fields sent again, snapshots repeated by reconnects: all the same."""
    states = _states(trades)
    expected = take(Intake(), *states)
    intake, found = Intake(), list[Event]()
    before: dict[str, Any] = {}
    for state in states:
        changed = {name for name in state if state[name] != before.get(name)} | {"key"}
        extra = data.draw(st.sets(st.sampled_from(sorted(state))))
        found += take(intake, {name: state[name] for name in changed | (extra if before else set(state))})
        for _ in range(data.draw(st.integers(0, 2))):
            found += take(intake, state)
        before = state
    assert found == expected
    assert len(ticks(found)) == len(trades)
    assert sum(tick.volume for tick in ticks(found)) == sum(size for _, _, size, _ in trades)


@PROPERTY
@given(trades=TRADES, order=st.randoms(use_true_random=False), cut=st.integers(0, 40))
def test_repeats_and_restarts_collide_nowhere(
    trades: list[tuple[int, float, int, float]], order: Any, cut: int
) -> None:
    """Duplicated, reordered, and with a restart in between: deterministic, keys strictly increasing, volume true."""
    states = _states(trades) * 2
    order.shuffle(states)
    runs = []
    for _ in range(2):
        intake = Intake()
        found = take(intake, *states[:cut])
        again = Intake()
        recovered_tick = next(
            ((event.ts_us, event.payload) for event in reversed(found) if isinstance(event.payload, EquityTick)), None
        )
        again.equity("QQQ").recover(recovered_tick, None)
        found += take(again, *states[cut:])
        runs.append(found)
    assert runs[0] == runs[1]
    found_ticks = [event for event in runs[0] if isinstance(event.payload, EquityTick)]
    keys = [event.ts_us for event in found_ticks]
    assert keys == sorted(set(keys))
    first = next(event.payload for event in found_ticks if isinstance(event.payload, EquityTick))
    highest = max(state["TOTAL_VOLUME"] for state in states)
    assert sum(tick.volume for tick in ticks(runs[0])) == highest - first.total_volume + first.size


def test_a_counter_seen_at_zero_is_heeded_also_beside_a_trade_that_was_missed() -> None:
    """A thin ticker: traded after hours while nothing was recorded, then not before the next day's opening."""
    morning_us = NOON_MS * 1000
    evening_us = morning_us - 20 * 3_600_000_000
    equity = Equity("QQQ")
    equity.recover((evening_us, EquityTick(price=10.0, size=100, volume=100, total_volume=9000)), None)
    after_hours = EquityItem(
        "QQQ", LAST_PRICE=10.0, LAST_SIZE=100, TOTAL_VOLUME=0, TRADE_TIME_MILLIS=evening_us // 1000 + 60_000
    )
    first = equity.apply(after_hours, morning_us)
    assert first is not None
    assert isinstance(first.payload, EquityTick)
    assert (first.ts_us, first.payload.volume) == (evening_us + 60_000_000, 0)
    second = equity.apply(EquityItem("QQQ", TOTAL_VOLUME=5000, TRADE_TIME_MILLIS=NOON_MS + 1), morning_us + 1000)
    assert second is not None
    assert isinstance(second.payload, EquityTick)
    assert second.payload.volume == 5000
