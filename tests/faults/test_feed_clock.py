"""The clock steps by an hour, backwards, leaps into 2030: no tick is lost, no key poisoned, no wait negative."""

from datetime import datetime

import pytest

from eventlog import events
from eventlog.clock import ManualClock
from eventlog.events import EquityTick
from feed.exchange.protocol import EQUITIES, EquityField
from tests.feed.harness import TRADE_MS, StillMarket, exchanging, feeding

HOUR_US = 3_600_000_000
TO_2030_US = 5 * 365 * 24 * HOUR_US


@pytest.mark.parametrize("step_us", [HOUR_US, -HOUR_US, TO_2030_US], ids=["forward", "backward", "2030"])
async def test_a_step_of_the_clock(step_us: int) -> None:
    clock = ManualClock(TRADE_MS * 1000 + 60_000_000)
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, clock=clock) as bench:
        await bench.stored("equity_tick")
        for number in range(1, 4):
            await bench.trade(number)
        await bench.stored("equity_tick", 4)
        clock.advance_us(step_us)
        for number in range(4, 7):
            await bench.trade(number)
            await exchange.publish(EQUITIES, [("QQQ", {EquityField.BID: 90.0 + number})])
        await bench.stored("equity_tick", 7)
        await bench.stored("equity_quote", 3)
        clock.advance_us(-step_us)
        for number in range(7, 10):
            await bench.trade(number)
        ticks = await bench.stored("equity_tick", 10)
        await exchange.close_streams(1011)
        await bench.stored("feed_connected", 2)
        await bench.finish()
        assert bench.feed.status.counters.garbage == 0
        assert bench.feed.status.refused_events == 0
    keys = [tick.ts_us for tick in ticks]
    assert keys == sorted(set(keys))
    payloads = [events.decode(tick) for tick in ticks]
    assert [payload.volume for payload in payloads if isinstance(payload, EquityTick)] == [10] * 10
    page = await bench.log.read(0, 1000)
    assert [event.seq for event in page.events] == list(range(1, bench.log.head + 1))
    if step_us > 0:
        assert keys == [(TRADE_MS + number) * 1000 for number in range(10)], "a clock that is ahead changes no key"


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-08T06:00:00+00:00", "2026-03-09T13:30:00+00:00"),
        ("2026-11-01T05:30:00+00:00", "2026-11-02T14:30:00+00:00"),
    ],
)
async def test_the_wait_over_a_change_of_daylight_saving_time(now: str, opens: str) -> None:
    clock = ManualClock(round(datetime.fromisoformat(now).timestamp() * 1e6))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        opens_us = round(datetime.fromisoformat(opens).timestamp() * 1e6)
        await bench.until(lambda: bench.feed.status.next_open_us == opens_us)
        clock.advance_us(opens_us - 121_000_000 - clock.now_us())
        await bench.until(lambda: bench.feed.status.state == "waiting_for_session")
        assert exchange.streamers == []
        clock.advance_us(1_000_000)
        await bench.until(lambda: bench.feed.status.connected)
