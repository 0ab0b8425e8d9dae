"""What the log refuses, field by field, and that nothing sound is refused."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog import validation
from eventlog.clock import ManualClock
from eventlog.errors import InvalidEventError
from eventlog.events import BarBackfill, EquityQuote, EquityTick, Event, FeedGap, OptionQuote
from eventlog.intake import Intake
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, OPEN_US, tick

SOUND = EquityTick(price=100.0, size=1, volume=1, total_volume=1, bid=99.0, ask=101.0)
OPTION = OptionQuote(symbol="QQQ   260720C00400000", option_type="CALL", strike=400.0, expiration="2026-07-20", bid=0.0)


def refusal(event: Event) -> InvalidEventError:
    with pytest.raises(InvalidEventError) as caught:
        Intake(1, {}).values([event], NOW_US)
    return caught.value


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e9, None, "100"])
def test_prices(price: Any) -> None:
    for field in ("price",):
        error = refusal(Event("QQQ", OPEN_US, msgspec.structs.replace(SOUND, price=price)))
        assert error.field == field
        assert repr(price) in str(error)


@pytest.mark.parametrize("field", ["size", "volume", "total_volume"])
@pytest.mark.parametrize("value", [-1, 10**13, 1.5, None, True])
def test_volumes(field: str, value: Any) -> None:
    error = refusal(Event("QQQ", OPEN_US, msgspec.structs.replace(SOUND, **{field: value})))
    assert error.field == field


@pytest.mark.parametrize("field", ["bid", "ask"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -0.01, 1e9])
def test_quotes_of_a_tick(field: str, value: float) -> None:
    assert refusal(Event("QQQ", OPEN_US, msgspec.structs.replace(SOUND, **{field: value}))).field == field


@pytest.mark.parametrize("ticker", ["", "Q" * 300, "QQQ\n", " QQQ", "Q\0Q", "QÜQ"])
def test_tickers(ticker: str) -> None:
    error = refusal(Event(ticker, OPEN_US, SOUND))
    assert error.field == "ticker"
    assert len(str(error)) < 200


@pytest.mark.parametrize(
    "ts_us", [0, -1, validation.EARLIEST_US - 1, NOW_US + validation.FUTURE_TOLERANCE_US + 1, 2**63, 1.5e15]
)
def test_times(ts_us: Any) -> None:
    for payload in (SOUND, EquityQuote(bid=1.0)):
        assert refusal(Event("QQQ", ts_us, payload)).field == "ts_us"


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (EquityQuote(bid=math.nan), "bid"),
        (EquityQuote(ask_size=-1), "ask_size"),
        (msgspec.structs.replace(OPTION, strike=0.0), "strike"),
        (msgspec.structs.replace(OPTION, delta=math.inf), "delta"),
        (msgspec.structs.replace(OPTION, open_interest=-5), "open_interest"),
        (msgspec.structs.replace(OPTION, symbol=""), "ticker"),
        (BarBackfill(open=1.0, high=0.0, low=1.0, close=1.0, volume=1), "high"),
        (FeedGap(from_us=OPEN_US, to_us=OPEN_US - 1, reason="backwards"), "from_us"),
        ("text", "payload"),
    ],
)
def test_other_kinds(payload: Any, field: str) -> None:
    assert refusal(Event("QQQ", OPEN_US, payload)).field == field


def test_a_bid_of_zero_is_real() -> None:
    assert Intake(1, {}).values([Event("QQQ", OPEN_US, OPTION)], NOW_US)


@given(
    price=st.floats(min_value=1e-4, max_value=validation.MAX_PRICE),
    size=st.integers(0, validation.MAX_VOLUME),
    bid=st.none() | st.floats(0, validation.MAX_PRICE),
)
@settings(max_examples=200, derandomize=True, print_blob=True)
def test_every_sound_tick_is_taken(price: float, size: int, bid: float | None) -> None:
    sound = EquityTick(price=price, size=size, volume=size, total_volume=size, bid=bid)
    assert Intake(1, {}).values([Event("QQQ", OPEN_US, sound)], NOW_US)


def test_after_a_clock_was_set_back_the_successor_of_the_last_tick_is_taken() -> None:
    intake = Intake(1, {})
    intake.values([tick(0)], OPEN_US)
    hour_us = 3_600_000_000
    successor = Event("QQQ", OPEN_US + 1, SOUND)
    assert intake.values([successor], OPEN_US - hour_us)
    with pytest.raises(InvalidEventError, match="future"):
        intake.values([Event("QQQ", OPEN_US + 100, SOUND)], OPEN_US - hour_us)


async def test_refusals_are_counted_by_field(tmp_path: Path) -> None:
    log = await open_log(tmp_path, ManualClock(NOW_US))
    for _ in range(3):
        with pytest.raises(InvalidEventError):
            await log.append([Event("QQQ", OPEN_US, msgspec.structs.replace(SOUND, price=0.0))])
    with pytest.raises(InvalidEventError):
        await log.append([Event("", OPEN_US, SOUND)])
    assert log.status().refused == {"price": 3, "ticker": 1}
    await log.close()
