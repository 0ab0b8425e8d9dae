"""The feed through the day: waiting, connecting ahead, holes with their true bounds, bars for them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from eventlog.clock import ManualClock
from eventlog.events import Event, FeedGap, ServiceStarted
from eventlog.memory import MemoryLog
from feed.exchange.protocol import EQUITIES, EquityField
from tests.feed.harness import Bench, StillMarket, exchanging, feeding

DAY = "2025-11-20"
MINUTE_US = 60_000_000


def us(clock: str) -> int:
    return round(datetime.fromisoformat(f"{DAY}T{clock}").replace(tzinfo=UTC).timestamp() * 1_000_000)


def bar(clock: str) -> dict[str, Any]:
    return {"datetime": us(clock) // 1000, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 100}


async def lose_connection(bench: Bench) -> None:
    bench.exchange.rest.failing_with = 503
    await bench.exchange.close_streams(1011)
    await bench.until(lambda: bench.feed.status.reconnects >= 2)


async def test_a_day_without_a_hole() -> None:
    clock = ManualClock(us("14:27:59"))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        await bench.until(lambda: bench.feed.status.state == "waiting_for_session")
        assert bench.feed.status.next_open_us == us("14:30:00")
        assert exchange.streamers == []
        clock.advance_us(1_000_000)
        [connected] = await bench.stored("feed_connected")
        assert connected.ts_us == us("14:28:00"), "two minutes before the opening"
        clock.advance_us(us("20:59:59") - us("14:28:00"))
        await bench.trade(1)
        await bench.stored("equity_tick", 2)
        clock.advance_us(10_999_999)
        frames = bench.feed.status.counters.frames
        await bench.until(lambda: bench.feed.status.counters.frames > frames + 2)
        last = {EquityField.LAST: 101.0, EquityField.TRADE_MS: us("20:59:59") // 1000 + 900, "8": 99_000}
        await exchange.publish(EQUITIES, [("QQQ", last)])
        assert (await bench.payloads("equity_tick", 3))[-1].price == 101.0, "it arrived after the close"
        assert bench.feed.status.connected
        clock.advance_us(1)
        await bench.until(lambda: bench.feed.status.state == "waiting_for_session")
        assert exchange.streamers == []
        await bench.finish()
        assert await bench.log.latest("feed_gap", "") is None


@pytest.mark.parametrize(("awake", "ends"), [("15:30:00", "15:30:00"), ("22:00:00", "21:00:00")])
async def test_an_opening_that_was_slept_over_is_on_record(awake: str, ends: str) -> None:
    clock = ManualClock(us("14:20:00"))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        await bench.until(lambda: bench.feed.status.state == "waiting_for_session")
        clock.advance_us(us(awake) - us("14:20:00"))
        [gap] = await bench.payloads("feed_gap")
        assert (gap.from_us, gap.to_us, gap.reason) == (us("14:30:00"), us(ends), "opening_missed")


async def test_ticks_that_arrive_before_the_opening_are_recorded() -> None:
    clock = ManualClock(us("14:28:30"))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        await bench.until(lambda: bench.feed.status.connected)
        await exchange.publish(EQUITIES, [("QQQ", {EquityField.TRADE_MS: us("14:28:31") // 1000, "8": 2000})])
        ticks = await bench.stored("equity_tick", 2)
        assert ticks[-1].ts_us == us("14:28:31")


async def test_schwab_says_that_the_market_is_closed() -> None:
    clock = ManualClock(us("15:00:00"))
    async with exchanging(StillMarket("QQQ")) as exchange:
        exchange.rest.market_hours[DAY] = {"equity": {"equity": {"date": DAY, "isOpen": False}}}
        async with feeding(exchange, session="regular", clock=clock) as bench:
            await bench.until(lambda: bench.feed.status.state == "waiting_for_session")
            assert bench.feed.status.next_open_us == us("14:30:00") + 86_400_000_000
            assert exchange.rest.calls == ["/marketdata/v1/markets"], "asked once"


async def test_a_hole_has_its_true_bounds() -> None:
    clock = ManualClock(us("15:00:00"))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        await bench.stored("equity_tick")
        clock.advance_us(us("15:10:20") - us("15:00:00"))
        await bench.trade(1)
        await bench.stored("equity_tick", 2)
        await lose_connection(bench)
        clock.advance_us(us("15:12:30") - us("15:10:20"))
        exchange.rest.failing_with = None
        [gap] = await bench.payloads("feed_gap")
        assert (gap.from_us, gap.to_us) == (us("15:10:20"), us("15:12:30"))
        assert gap.reason == "socket_closed_1011"


async def test_a_hole_that_outlasts_the_session_ends_with_it() -> None:
    clock = ManualClock(us("20:59:00"))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        await bench.stored("equity_tick")
        await lose_connection(bench)
        clock.advance_us(us("21:30:00") - us("20:59:00"))
        [gap] = await bench.payloads("feed_gap")
        assert (gap.from_us, gap.to_us) == (us("20:59:00"), us("21:00:00"))
        assert bench.feed.status.state == "waiting_for_session"


async def test_a_stream_lost_right_after_the_close_leaves_a_hole_up_to_the_close_only() -> None:
    clock = ManualClock(us("20:59:58"))
    async with (
        exchanging(StillMarket("QQQ"), heartbeat_seconds=1000.0) as exchange,
        feeding(exchange, session="regular", clock=clock) as bench,
    ):
        await bench.stored("equity_tick")
        clock.advance_us(us("21:00:05") - us("20:59:58"))
        await lose_connection(bench)
        clock.advance_us(us("21:00:10") - us("21:00:05"))
        [gap] = await bench.payloads("feed_gap")
        assert (gap.from_us, gap.to_us) == (us("20:59:58"), us("21:00:00"))


async def test_a_hole_that_is_open_at_the_stop_is_on_record() -> None:
    clock = ManualClock(us("15:00:00"))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        await bench.stored("equity_tick")
        await lose_connection(bench)
        clock.advance_us(60_000_000)
        await bench.finish()
        [gap] = await bench.payloads("feed_gap")
        assert (gap.from_us, gap.to_us) == (us("15:00:00"), us("15:01:00"))


async def test_a_hole_is_filled_with_minute_bars_once() -> None:
    clock = ManualClock(us("15:10:20"))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        exchange.rest.bars["QQQ"] = [bar(f"15:{minute:02d}:00") for minute in range(8, 18)]
        await bench.stored("equity_tick")
        await lose_connection(bench)
        clock.advance_us(2 * MINUTE_US)
        exchange.rest.failing_with = None
        await bench.stored("feed_connected", 2)
        for _ in range(50):
            await bench.until(lambda: True)
        assert "/marketdata/v1/pricehistory" not in exchange.rest.calls, "the last minute is not over"
        clock.advance_us(MINUTE_US)
        bars = await bench.stored("bar_backfill", 3)
        assert [stored.ts_us for stored in bars] == [us("15:10:00"), us("15:11:00"), us("15:12:00")]
        [first, *_] = await bench.payloads("bar_backfill")
        assert (first.open, first.high, first.low, first.close, first.volume) == (1.0, 2.0, 0.5, 1.5, 100)
        assert len(await bench.stored("equity_tick")) == 1, "bars are never ticks"
        await lose_connection(bench)
        clock.advance_us(MINUTE_US)
        exchange.rest.failing_with = None
        await bench.stored("feed_connected", 3)
        clock.advance_us(2 * MINUTE_US)
        bars = await bench.stored("bar_backfill", 4)
        times = [stored.ts_us for stored in bars]
        assert len(set(times)) == len(times), "what is known is not fetched again"


async def test_a_ticker_that_died_is_subscribed_anew_then_reconnected() -> None:
    clock = ManualClock(us("15:00:00"))
    async with (
        exchanging(StillMarket("QQQ"), heartbeat_seconds=0.02) as exchange,
        feeding(exchange, session="regular", clock=clock, watch={"stale_after_seconds": 0.4}) as bench,
    ):
        await bench.until(lambda: bench.feed.status.connected)
        for number in range(1, 30):
            await bench.trade(number)
        await bench.until(lambda: bench.feed.status.suspicious_tickers == ["QQQ"])
        assert bench.feed.status.connected
        await bench.until(lambda: not bench.feed.status.connected)
        clock.advance_us(1_000_000)
        await bench.stored("feed_connected", 2)
        subscriptions = [request for request in exchange.requests if request["command"] == "SUBS"]
        assert len(subscriptions) == 3, "at the start, anew, and after the reconnect"
        [gap] = await bench.payloads("feed_gap")
        assert gap.reason == "stale_ticker"
        for _ in range(100):
            await bench.until(lambda: True)
        assert bench.feed.status.reconnects == 1, "a silent ticker does not make it reconnect for ever"


async def test_a_halted_ticker_may_be_silent() -> None:
    clock = ManualClock(us("15:00:00"))
    async with (
        exchanging(StillMarket("QQQ"), heartbeat_seconds=0.02) as exchange,
        feeding(exchange, session="regular", clock=clock, watch={"stale_after_seconds": 0.2}) as bench,
    ):
        await bench.until(lambda: bench.feed.status.connected)
        for number in range(1, 30):
            await bench.trade(number)
        await exchange.publish(EQUITIES, [("QQQ", {EquityField.STATUS: "Halted"})])
        frames = bench.feed.status.counters.frames
        await bench.until(lambda: bench.feed.status.counters.frames > frames + 30)
        assert bench.feed.status.suspicious_tickers == []
        assert bench.feed.status.reconnects == 0


async def test_the_hole_of_a_kill_is_filled_with_bars_too() -> None:
    clock = ManualClock(us("15:10:00"))
    log = MemoryLog(clock)
    started = Event("", us("15:05:30"), ServiceStarted(version="1", pid=1))
    gap = FeedGap(from_us=us("15:02:10"), to_us=us("15:05:30"), reason="no_stop_on_record")
    await log.append([started, Event("", gap.from_us, gap)])
    async with exchanging(StillMarket("QQQ")) as exchange:
        exchange.rest.bars["QQQ"] = [bar(f"15:{minute:02d}:00") for minute in range(10)]
        async with feeding(exchange, session="regular", clock=clock, log=log) as bench:
            bars = await bench.stored("bar_backfill", 4)
    assert [stored.ts_us for stored in bars] == [us(f"15:0{minute}:00") for minute in range(2, 6)]


async def test_a_thin_ticker_that_is_quoted_may_be_without_trades() -> None:
    clock = ManualClock(us("15:00:00"))
    async with (
        exchanging(StillMarket("THIN"), heartbeat_seconds=0.02) as exchange,
        feeding(exchange, "THIN", session="regular", clock=clock, watch={"stale_after_seconds": 0.3}) as bench,
    ):
        await bench.until(lambda: bench.feed.status.connected)
        for number in range(1, 30):
            await bench.trade(number, "THIN")
        await bench.stored("equity_tick", 30)
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while loop.time() - began < 1.0:
            number += 1
            await exchange.publish(EQUITIES, [("THIN", {EquityField.BID: 90 + number / 100})])
            await bench.stored("equity_quote", number)
        assert bench.feed.status.suspicious_tickers == []
        assert bench.feed.status.reconnects == 0
