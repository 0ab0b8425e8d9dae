"""Minute bars for holes: parsing, retries, giving up, and the pace."""

from datetime import UTC, datetime
from typing import Any

import pytest
from loguru import logger

from eventlog.clock import ManualClock
from eventlog.errors import CorruptEventError
from eventlog.events import BarBackfill, Event, StoredEvent
from eventlog.memory import MemoryLog
from feed import backfill
from tests.feed.harness import Bench, StillMarket, exchanging, feeding

BEGIN_MS = 1_763_650_020_000
CANDLE = {"datetime": BEGIN_MS, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 100}
BEGIN_US = BEGIN_MS * 1000
NOW_US = round(datetime(2025, 11, 20, 15, 10, 20, tzinfo=UTC).timestamp() * 1_000_000)
HISTORY = "/marketdata/v1/pricehistory"


def test_bars_of_the_hole_in_order() -> None:
    later = {**CANDLE, "datetime": BEGIN_MS + 60_000}
    outside = {**CANDLE, "datetime": BEGIN_MS + 120_000}
    bars = backfill.parse_bars({"candles": [outside, later, CANDLE]}, "QQQ", BEGIN_US, BEGIN_US + 120_000_000)
    assert bars[0] == Event("QQQ", BEGIN_US, BarBackfill(open=1.0, high=2.0, low=0.5, close=1.5, volume=100))
    assert [bar.ts_us - BEGIN_US for bar in bars] == [0, 60_000_000]


@pytest.mark.parametrize("wrong", [{}, {"candles": 5}, {"candles": [{}]}, {"candles": [{**CANDLE, "open": None}]}])
def test_an_answer_that_cannot_be_read(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="could not be read"):
        backfill.parse_bars(wrong, "QQQ", 0, 1)


async def _make_hole(bench: Bench, clock: ManualClock) -> None:
    bench.exchange.rest.failing_with = 503
    await bench.exchange.close_streams(1011)
    await bench.until(lambda: bench.feed.status.reconnects >= 2)
    clock.advance_us(30_000_000)
    bench.exchange.rest.failing_with = None
    await bench.stored("feed_connected", 2)


async def test_a_failure_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "RETRY_SECONDS", 0.001)
    clock = ManualClock(NOW_US)
    async with exchanging(StillMarket("QQQ", "SPY")) as exchange, feeding(exchange, "QQQ", "SPY", clock=clock) as bench:
        minute = {**CANDLE, "datetime": (NOW_US - 20_000_000) // 1000}
        exchange.rest.bars = {"QQQ": [minute], "SPY": [minute]}
        await bench.stored("equity_tick", 2)
        await _make_hole(bench, clock)
        exchange.rest.failing_with = 429
        clock.advance_us(60_000_000)
        await bench.until(lambda: exchange.rest.calls.count(HISTORY) >= 2)
        exchange.rest.failing_with = None
        bars = await bench.stored("bar_backfill", 2)
        assert {bar.ticker for bar in bars} == {"QQQ", "SPY"}
        assert bench.feed.status.backfilled_bars == 2


async def test_bars_that_cannot_be_had_are_given_up_and_cost_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "RETRY_SECONDS", 0.0)
    clock = ManualClock(NOW_US)
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, clock=clock) as bench:
        await bench.stored("equity_tick")
        await _make_hole(bench, clock)
        exchange.rest.failing_with = 500
        clock.advance_us(60_000_000)
        await bench.until(lambda: not bench.feed._backfill._requests)
        assert exchange.rest.calls.count(HISTORY) == backfill.MAX_TRIES
        await bench.trade(1)
        await bench.stored("equity_tick", 2)
        assert bench.feed.status.connected


class CorruptLog(MemoryLog):
    """A log in which nothing of QQQ can be read."""

    async def read_range(self, ticker: str, *args: Any, **options: Any) -> list[StoredEvent]:
        if ticker == "QQQ":
            raise CorruptEventError(7, "crc")
        return await super().read_range(ticker, *args, **options)


async def test_an_error_nobody_thought_of_is_told_and_costs_the_bars_of_one_ticker() -> None:
    told: list[str] = []
    sink = logger.add(told.append, level="ERROR", format="{extra[event]} {exception}")
    clock = ManualClock(NOW_US)
    minute = {**CANDLE, "datetime": (NOW_US - 20_000_000) // 1000}
    async with (
        exchanging(StillMarket("QQQ", "SPY")) as exchange,
        feeding(exchange, "QQQ", "SPY", clock=clock, log=CorruptLog(clock)) as bench,
    ):
        exchange.rest.bars = {"QQQ": [minute], "SPY": [minute]}
        await bench.stored("equity_tick", 2)
        await _make_hole(bench, clock)
        clock.advance_us(60_000_000)
        [bar] = await bench.stored("bar_backfill")
        await bench.finish()
    logger.remove(sink)
    assert bar.ticker == "SPY"
    assert len(told) == 1
    assert told[0].startswith("feed.backfill_failed")
    assert "CorruptEventError" in told[0]
