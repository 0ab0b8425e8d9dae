"""The clock steps by an hour, backwards, leaps into 2030: no tick is lost, no key poisoned, no wait negative."""

from datetime import datetime

import pytest

from eventlog import events
from eventlog.clock import ManualClock
from eventlog.events import EquityTick, Event, FeedConnected, FeedGap, ServiceStarted, ServiceStopped
from eventlog.memory import MemoryLog
from feed.exchange.protocol import EQUITIES, EquityField
from tests.feed.harness import TRADE_MS, StillMarket, exchanging, feeding
from tests.feed.test_sessions import lose_connection, us

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


async def test_a_clock_put_right_moves_no_later_hole() -> None:
    clock = ManualClock(us("16:00:00"))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        await bench.stored("equity_tick")
        clock.advance_us(us("15:10:00") - clock.now_us())
        await bench.until(lambda: bench.feed.status.last_frame_us == us("15:10:00"))
        await lose_connection(bench)
        clock.advance_us(60_000_000)
        exchange.rest.failing_with = None
        [gap] = await bench.payloads("feed_gap")
        assert (gap.from_us, gap.to_us) == (us("15:10:00"), us("15:11:00"))


async def test_a_hole_in_which_the_clock_is_put_right_is_as_long_as_it_lasted() -> None:
    clock = ManualClock(us("16:00:00"))
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, session="regular", clock=clock) as bench:
        await bench.stored("equity_tick")
        await lose_connection(bench)
        clock.advance_us(us("15:10:00") - clock.now_us())
        exchange.rest.failing_with = None
        [gap] = await bench.payloads("feed_gap")
        assert us("15:09:30") < gap.from_us < gap.to_us == us("15:10:00")


async def test_a_run_with_a_clock_in_the_future_does_not_count_for_ever() -> None:
    clock = ManualClock(us("15:00:00") + TO_2030_US)
    log = MemoryLog(clock)
    for payload in (ServiceStarted("1", 1), FeedConnected(["QQQ"]), ServiceStopped("signal")):
        await log.append([Event("", clock.now_us(), payload)])
    clock.advance_us(-TO_2030_US)
    for _ in range(2):
        await log.append([Event("", clock.now_us(), ServiceStarted("1", 1))])
        async with (
            exchanging(StillMarket("QQQ")) as exchange,
            feeding(exchange, session="regular", clock=clock, log=log) as bench,
        ):
            await bench.connected()
            await bench.finish()
        await log.append([Event("", clock.now_us(), ServiceStopped("signal"))])
        clock.advance_us(60_000_000)
    decoded = [events.decode(event) for event in (await log.read(0, 1000, ["feed_gap"])).events]
    found = [gap for gap in decoded if isinstance(gap, FeedGap)]
    assert max(gap.to_us for gap in found) <= us("15:01:00")
    assert (found[-1].from_us, found[-1].to_us) == (us("15:00:00"), us("15:01:00"))
    assert sum(gap.to_us - gap.from_us for gap in found) < 90_000_000
