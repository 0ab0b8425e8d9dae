"""Trades, closes, codes, garbage, repeated snapshots and restarts in any order: what is on record stays true."""

import itertools
import random

import pytest

from eventlog import events
from eventlog.events import EquityTick, FeedGap
from eventlog.memory import MemoryLog
from feed.exchange import Exchange
from feed.exchange.protocol import EQUITIES
from tests.feed.harness import Bench, StillMarket, exchanging, feeding, trade

LAST_NUMBER = 1_000_000


class Chaos:
    """A bad day drawn from a seed. Every step leaves the feed to find its own way back."""

    def __init__(self, seed: int, exchange: Exchange) -> None:
        self.dice = random.Random(seed)
        self.exchange = exchange
        self.number = 0

    async def step(self, bench: Bench) -> None:
        """Do one thing."""
        choice = self.dice.random()
        if choice < 0.70:
            await self._trade(bench)
        elif choice < 0.76:
            await self.exchange.send(self.dice.choice(("garbage", '{"data":[{"service":', "[]", '{"data":7}')))
        elif choice < 0.84:
            revised = max(1, 1000 + self.number * 10 - self.dice.randrange(5))
            await self.exchange.publish(EQUITIES, [("QQQ", {"8": revised})])
        elif choice < 0.90:
            await self.exchange.close_streams(self.dice.choice((1000, 1006, 1011, 1012)))
        elif choice < 0.95:
            await self.exchange.stop_streams(self.dice.choice((12, 30)))
        else:
            self.exchange.refuse(*self.dice.choice((("LOGIN", 3), ("LOGIN", 11), ("SUBS", 22))))
            await self.exchange.close_streams(1011)

    async def _trade(self, bench: Bench) -> None:
        for _ in range(self.dice.randint(1, 5)):
            self.number += 1
            await bench.trade(self.number, price=self.dice.choice((100.0, 100.01, 99.99)))


async def _play(seed: int) -> MemoryLog:
    log = MemoryLog()
    async with exchanging(StillMarket("QQQ")) as exchange:
        chaos = Chaos(seed, exchange)
        for _ in range(3):
            async with feeding(exchange, log=log, watch={"login_retry_seconds": 0.05}) as bench:
                await bench.connected()
                for _ in range(25):
                    await chaos.step(bench)
                    for _ in range(chaos.dice.randrange(20)):
                        await bench.until(lambda: True)
                await bench.finish()
        async with feeding(exchange, log=log, watch={"login_retry_seconds": 0.05}) as bench:
            await bench.connected()
            await exchange.publish(EQUITIES, [("QQQ", trade(LAST_NUMBER, price=77.0))])
            await bench.until(lambda: bench.feed._intake.equity("QQQ").price == 77.0)
            await bench.finish()
    return log


async def _check(log: MemoryLog) -> None:
    page = await log.read(0, 1_000_000)
    assert [event.seq for event in page.events] == list(range(1, log.head + 1))
    ticks = [event for event in page.events if event.kind == "equity_tick"]
    payloads = [payload for event in ticks if isinstance(payload := events.decode(event), EquityTick)]
    keys = [event.ts_us for event in ticks]
    assert keys == sorted(set(keys))
    rise = payloads[-1].total_volume - payloads[0].total_volume
    assert sum(payload.volume for payload in payloads) == rise + payloads[0].size
    assert (payloads[-1].price, payloads[-1].total_volume) == (77.0, 1000 + LAST_NUMBER * 10)
    seen = [(payload.trade_us, payload.price, payload.size, payload.total_volume) for payload in payloads]
    assert len(seen) == len(set(seen)), "a repeated snapshot became a tick"
    _check_holes([event for event in page.events if event.kind in ("feed_connected", "feed_gap")])


def _check_holes(facts: list[events.StoredEvent]) -> None:
    """Between any two connections lies a hole, or two where the feed was stopped within one; none overlap."""
    kinds = [event.kind for event in facts]
    assert (kinds[0], kinds[-1]) == ("feed_connected", "feed_connected")
    ended_us = 0
    for before, event in itertools.pairwise(facts):
        if event.kind == "feed_connected":
            assert before.kind == "feed_gap"
            assert ended_us <= event.ts_us
            continue
        gap = events.decode(event)
        assert isinstance(gap, FeedGap)
        assert gap.reason
        assert ended_us <= gap.from_us < gap.to_us
        ended_us = gap.to_us


@pytest.mark.parametrize("seed", range(6))
async def test_a_bad_day(seed: int) -> None:
    print(f"seed {seed}")
    await _check(await _play(seed))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1040))
async def test_many_bad_days(seed: int) -> None:
    print(f"seed {seed}")
    await _check(await _play(seed))
