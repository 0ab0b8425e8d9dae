"""The feed as a whole, over real sockets and the real schwab-py."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from eventlog import events
from eventlog.errors import LogFailedError
from eventlog.events import EquityTick, Event
from eventlog.memory import MemoryLog
from feed.exchange import Tape
from tests.feed.harness import TRADE_MS, StillMarket, exchanging, feeding

TAPE = Path("tests/data/aapl_2012-06-21_open.csv")
REAL_FRAMES = [Path(f"tests/data/schwab/levelone_{kind}_frame.json").read_text() for kind in ("equities", "options")]


async def test_every_trade_of_a_tape_becomes_one_tick() -> None:
    async with exchanging(Tape(TAPE, "AAPL", math.inf)) as exchange, feeding(exchange, "AAPL") as bench:
        ticks = await bench.stored("equity_tick", 159)
        volumes = [tick.volume for tick in await bench.payloads("equity_tick")]
        await bench.finish()
        assert exchange.played.is_set()
    keys = [tick.ts_us for tick in ticks]
    assert len(ticks) == 159
    assert keys == sorted(set(keys))
    assert sum(volumes) == 10_592


async def test_a_tape_goes_on_behind_what_was_played() -> None:
    async with (
        exchanging(Tape(TAPE, "AAPL", math.inf, played_volume=66)) as exchange,
        feeding(exchange, "AAPL") as bench,
    ):
        await bench.until(lambda: exchange.played.is_set() and bench.feed.status.last_tick_us)
        await bench.finish()
        volumes = [tick.volume for tick in await bench.payloads("equity_tick")]
    # The snapshot is the third trade, of one share; 156 trades are left.
    assert (len(volumes), volumes[0]) == (157, 1)
    assert sum(volumes) == 10_592 - 66 + 1


async def test_a_rewound_tape_gives_nothing_new() -> None:
    async with exchanging(Tape(TAPE, "AAPL", math.inf)) as exchange, feeding(exchange, "AAPL") as bench:
        await bench.stored("equity_tick", 159)
        await bench.finish()
        log = bench.log
    async with exchanging(Tape(TAPE, "AAPL", math.inf)) as exchange, feeding(exchange, "AAPL", log=log) as bench:
        await asyncio.wait_for(exchange.played.wait(), 10)
        await bench.finish()
        assert len(await bench.stored("equity_tick")) == 159


async def test_a_snapshot_is_a_tick_once_and_deltas_are_merged() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange) as bench:
        await bench.stored("equity_tick", 1)
        await bench.trade(1, price=101.0)
        await bench.trade(2, price=101.0)
        first, second, third = await bench.payloads("equity_tick", 3)
    assert (first.price, first.volume, first.bid) == (100.0, 10, 99.5)
    assert (second.price, second.volume, second.total_volume, second.ask) == (101.0, 10, 1010, 100.5)
    assert (third.price, third.size, third.volume) == (101.0, 10, 10)


async def test_the_feed_recovers_its_state_from_the_log() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange:
        async with feeding(exchange) as bench:
            await bench.stored("equity_tick", 1)
            await bench.finish()
        await exchange.publish("LEVELONE_EQUITIES", [("QQQ", {"35": TRADE_MS + 1, "8": 1500, "9": 7})])
        async with feeding(exchange, log=bench.log) as again:
            ticks = await again.payloads("equity_tick", 2)
            await again.finish()
            assert len(await again.stored("equity_tick")) == 2
    assert ticks[1].volume == 500


async def test_connected_is_on_record_with_what_is_subscribed() -> None:
    async with exchanging(StillMarket("QQQ", "SPY")) as exchange, feeding(exchange, "QQQ", "SPY") as bench:
        [connected] = await bench.payloads("feed_connected")
        assert connected.tickers == ["QQQ", "SPY"]
        assert bench.feed.status.state == "streaming"
        assert await bench.log.latest("feed_gap", "") is None


async def test_the_first_recording_has_no_hole_and_the_next_has_one() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange:
        async with feeding(exchange) as bench:
            await bench.stored("feed_connected")
            await bench.log.append([events.Event("", bench.feed._clock.now_us(), events.ServiceStopped("test"))])
            await bench.finish()
            assert await bench.log.latest("feed_gap", "") is None
        async with feeding(exchange, log=bench.log) as again:
            [gap] = await again.payloads("feed_gap")
    stopped = await bench.log.latest("service_stopped", "")
    connected = await bench.log.latest("feed_connected", "")
    assert stopped is not None and connected is not None
    assert gap.from_us == stopped.ts_us
    assert gap.from_us < gap.to_us <= connected.ts_us
    assert gap.reason == "not_running"


async def test_a_log_that_failed_ends_the_feed() -> None:
    class FailingLog(MemoryLog):
        async def append(self, batch: Sequence[Event]) -> range:
            if any(isinstance(event.payload, EquityTick) for event in batch):
                raise LogFailedError("fsync")
            return await super().append(batch)

    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, log=FailingLog()) as bench:
        with pytest.raises(LogFailedError, match="fsync"):
            await asyncio.wait_for(bench.running, 10)
        assert exchange.streamers == []
        assert bench.feed.status.state == "stopped"


async def test_a_stop_does_not_wait_for_ever_for_a_log_that_takes_nothing() -> None:
    class StuckLog(MemoryLog):
        async def append(self, batch: Sequence[Event]) -> range:
            await asyncio.Event().wait()
            raise AssertionError

    async with (
        exchanging(StillMarket("QQQ")) as exchange,
        feeding(exchange, log=StuckLog(), watch={"drain_seconds": 0.05}) as bench,
    ):
        await bench.until(lambda: bench.feed.status.counters.ticks)
        await bench.finish()
        assert bench.feed.status.state == "stopped"


async def test_real_frames_through_the_real_client() -> None:
    async with (
        exchanging(StillMarket("QQQ")) as exchange,
        feeding(exchange, "MSFT", "GOOG", option_symbols=("GOOG  240517C00070000",)) as bench,
    ):
        await bench.until(lambda: bench.feed.status.connected)
        for frame in REAL_FRAMES:
            await exchange.send(frame)
        ticks = await bench.stored("equity_tick", 2)
        quotes = await bench.payloads("option_quote", 2)
        assert bench.feed.status.counters.garbage == 0
    assert [(tick.ticker, tick.ts_us) for tick in ticks] == [
        ("MSFT", 1_715_777_953_982_000),
        ("GOOG", 1_715_777_950_470_000),
    ]
    assert [(quote.symbol, quote.bid, quote.open_interest) for quote in quotes] == [
        ("GOOG  240517C00070000", 102.15, 5),
        ("MSFT  240517C00160000", 259.9, 2),
    ]
