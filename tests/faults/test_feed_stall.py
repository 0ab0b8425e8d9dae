"""The process or the log stands still: what is read late must not hide the hole behind it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from eventlog.clock import ManualClock
from feed import appender, lateness
from feed.exchange import Exchange
from feed.exchange.protocol import EQUITIES
from tests.faults.test_feed_connection import BlockedLog
from tests.feed.harness import TRADE_MS, Bench, StillMarket, exchanging, feeding, trade

MINUTE_US = 60_000_000
BEGAN_US = TRADE_MS * 1000


def heartbeat(sent_us: int) -> str:
    return f'{{"notify":[{{"heartbeat":"{sent_us // 1000}"}}]}}'


class StandStill:
    """Lets time pass in which this process does nothing."""

    def __init__(self, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clock = clock
        self._passed_us = 0
        plain = lateness.boot_us
        monkeypatch.setattr(lateness, "boot_us", lambda: plain() + self._passed_us)

    def for_us(self, passed_us: int) -> None:
        self._passed_us += passed_us
        self._clock.advance_us(passed_us)


@contextlib.asynccontextmanager
async def recording(clock: ManualClock) -> AsyncIterator[tuple[Exchange, Bench]]:
    """A feed that has its first tick, from an exchange that says nothing by itself."""
    async with (
        exchanging(StillMarket("QQQ"), heartbeat_seconds=1000.0) as exchange,
        feeding(exchange, clock=clock) as bench,
    ):
        await bench.stored("equity_tick")
        yield exchange, bench


async def test_the_hole_of_a_stall_begins_with_what_was_sent_last(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(BEGAN_US)
    stall = StandStill(clock, monkeypatch)
    async with recording(clock) as (exchange, bench):
        stall.for_us(10 * MINUTE_US)
        sent_us = time.time_ns() // 1000
        await exchange.send(heartbeat(sent_us))
        frames = bench.feed.status.counters.frames
        await bench.until(lambda: bench.feed.status.counters.frames > frames)
        await exchange.close_streams(1011)
        [gap] = await bench.payloads("feed_gap")
        assert gap.from_us == pytest.approx(BEGAN_US, abs=1_000_000)
        assert gap.to_us == BEGAN_US + 10 * MINUTE_US


async def test_a_stall_that_lost_nothing_is_no_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(BEGAN_US)
    stall = StandStill(clock, monkeypatch)
    async with recording(clock) as (exchange, bench):
        stall.for_us(MINUTE_US)
        await exchange.send(heartbeat(time.time_ns() // 1000))
        await exchange.send(heartbeat(time.time_ns() // 1000 + MINUTE_US))
        await bench.until(lambda: bench.feed.status.last_frame_us == BEGAN_US + MINUTE_US)
        assert await bench.log.last_of_kind("feed_gap") is None


async def test_the_hole_of_a_log_that_hangs_begins_with_what_was_sent_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appender, "MAX_WAITING", 5)
    clock, log = ManualClock(BEGAN_US), BlockedLog()
    stall = StandStill(clock, monkeypatch)
    async with (
        exchanging(StillMarket("QQQ"), heartbeat_seconds=1000.0) as exchange,
        feeding(exchange, clock=clock, log=log) as bench,
    ):
        await bench.stored("equity_tick")
        log.is_open.clear()
        await exchange.publish(EQUITIES, [("QQQ", trade(number)) for number in range(1, 20)])
        await bench.until(lambda: bench.feed._appender.is_full)
        for number in range(20, 30):
            await bench.trade(number)
        closing = asyncio.create_task(exchange.close_streams(1011))
        stall.for_us(MINUTE_US)
        log.is_open.set()
        [gap] = await bench.payloads("feed_gap")
        await closing
        assert gap.from_us == pytest.approx(BEGAN_US, abs=1_000_000)
        assert gap.to_us == BEGAN_US + MINUTE_US
