"""Merging option deltas."""

import json
from pathlib import Path

import pytest

from eventlog.events import Event, OptionQuote
from feed.intake import Intake
from feed.option import parse_symbol
from feed.schwab.library import streaming

FRAME = json.loads(Path("tests/data/schwab/levelone_options_frame.json").read_bytes())
LABELS = streaming.StreamClient.LevelOneOptionFields.key_mapping()
CONTENT = [{LABELS.get(name, name): value for name, value in item.items()} for item in FRAME["data"][0]["content"]]
QUOTE_US = 1_715_786_878_997_000
NOW_US = QUOTE_US + 1_000_000

GOOGLE = OptionQuote(
    symbol="GOOG  240517C00070000",
    option_type="CALL",
    strike=70.0,
    expiration="2024-05-17",
    bid=102.15,
    ask=103.75,
    last=103.07,
    volume=0,
    open_interest=5,
    implied_volatility=354.99208367,
    delta=0.99961827,
    gamma=2.799e-05,
    theta=-0.01339331,
    vega=0.00018508,
    rho=0.00434917,
    delayed=True,
)


def test_a_real_frame() -> None:
    first, second = Intake().take_options({"content": CONTENT}, NOW_US)
    assert first == Event("GOOG", QUOTE_US, GOOGLE)
    assert second.ticker == "MSFT"


def test_a_delta_keeps_what_it_does_not_carry_and_a_repeat_is_nothing() -> None:
    intake = Intake()
    intake.take_options({"content": CONTENT}, NOW_US)
    assert intake.take_options({"content": CONTENT}, NOW_US) == []
    [event] = intake.take_options({"content": [{"key": GOOGLE.symbol, "BID_PRICE": 102.2}]}, NOW_US)
    assert event.ts_us == QUOTE_US + 1
    assert isinstance(event.payload, OptionQuote)
    assert (event.payload.bid, event.payload.ask, event.payload.quote_us) == (102.2, 103.75, QUOTE_US)


def test_a_contract_recovered_from_the_log_is_not_recorded_twice() -> None:
    intake = Intake()
    intake.recover_option(QUOTE_US, GOOGLE)
    assert intake.take_options({"content": CONTENT[:1]}, NOW_US) == []
    [event] = intake.take_options({"content": [{"key": GOOGLE.symbol, "ASK_PRICE": 104.0}]}, NOW_US)
    assert event.ts_us == QUOTE_US + 1


def test_a_quote_time_in_the_future_is_marked() -> None:
    [event] = Intake().take_options({"content": CONTENT[:1]}, QUOTE_US - 6_000_000)
    assert isinstance(event.payload, OptionQuote)
    assert (event.ts_us, event.payload.time_source) == (QUOTE_US - 6_000_000, "receive")
    assert event.payload.quote_us == QUOTE_US


def test_one_absurd_quote_time_does_not_stay() -> None:
    intake = Intake()
    intake.take_options({"content": CONTENT[:1]}, NOW_US)
    found = []
    for number, quote_ms in enumerate((32_000_000_000_000, QUOTE_US // 1000 + 2, QUOTE_US // 1000 + 3)):
        content = [{"key": GOOGLE.symbol, "BID_PRICE": 1.0 + number, "QUOTE_TIME_MILLIS": quote_ms}]
        [event] = intake.take_options({"content": content}, NOW_US + number)
        assert isinstance(event.payload, OptionQuote)
        found.append((event.payload.time_source, event.payload.quote_us))
    assert found[0] == ("receive", 32_000_000_000_000_000)
    assert [source for source, _ in found[1:]] == ["trade", "trade"]
    assert [quote_us for _, quote_us in found[1:]] == [QUOTE_US + 2000, QUOTE_US + 3000]


@pytest.mark.parametrize("name", ["VOLATILITY", "DELTA", "BID_PRICE"])
def test_a_value_that_is_not_a_number_costs_only_itself(name: str) -> None:
    intake = Intake()
    [before] = intake.take_options({"content": CONTENT[:1]}, NOW_US)
    [event] = intake.take_options({"content": [{"key": GOOGLE.symbol, "ASK_PRICE": 104.0, name: "NaN"}]}, NOW_US)
    assert isinstance(event.payload, OptionQuote)
    assert event.payload.ask == 104.0
    column = {"VOLATILITY": "implied_volatility", "DELTA": "delta", "BID_PRICE": "bid"}[name]
    assert getattr(event.payload, column) is None
    assert getattr(before.payload, column) is not None
    assert intake.counters.garbage == 0


def test_after_the_clock_was_set_back_quotes_follow_it() -> None:
    intake = Intake()
    intake.take_options({"content": CONTENT[:1]}, NOW_US)
    back_us = QUOTE_US - 3_600_000_000
    [event] = intake.take_options({"content": [{"key": GOOGLE.symbol, "BID_PRICE": 1.0}]}, back_us)
    assert event.ts_us == back_us, "the log refuses quotes from the future"


@pytest.mark.parametrize(
    "symbol", ["", "QQQ", "GOOG  24051XC00070000", "GOOG  240517X00070000", "GOOG  241317C00070000"]
)
def test_what_is_not_an_option_symbol(symbol: str) -> None:
    with pytest.raises(ValueError):
        parse_symbol(symbol)
