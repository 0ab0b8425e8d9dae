"""Every way a stream can end: reconnect as each deserves, put the hole on record, live on."""

import asyncio
from typing import Any

import pytest

from eventlog.memory import MemoryLog
from feed import appender
from feed.exchange import scenario
from feed.exchange.protocol import EQUITIES
from tests.feed.harness import Bench, StillMarket, exchanging, feeding, trade

TICKERS = ("QQQ", "SPY")


async def _assert_recovers(bench: Bench, reason: str) -> None:
    """The stream is back in full, and exactly one hole is on record, from the last frame to the new subscription."""
    before, after = (await bench.stored("feed_connected", 2))[:2]
    [gap] = await bench.payloads("feed_gap")
    assert gap.reason == reason
    assert before.recorded_us <= gap.from_us <= gap.to_us <= after.ts_us
    assert after.payload == before.payload
    await bench.trade(7, ticker="SPY")
    ticks = await bench.stored("equity_tick", 3)
    assert ticks[-1].ticker == "SPY"
    assert len(ticks) == 3, "a snapshot repeated after the reconnect became a tick"


@pytest.mark.parametrize("code", [1000, 1006, 1011, 1012])
async def test_a_closed_socket_is_opened_anew(code: int) -> None:
    async with exchanging(StillMarket(*TICKERS)) as exchange, feeding(exchange, *TICKERS) as bench:
        await bench.stored("equity_tick", 2)
        await exchange.close_streams(code)
        await _assert_recovers(bench, f"socket_closed_{code}")
        assert bench.feed.status.state == "streaming"


async def test_stop_streaming_is_heeded() -> None:
    async with exchanging(StillMarket(*TICKERS)) as exchange, feeding(exchange, *TICKERS) as bench:
        await bench.stored("equity_tick", 2)
        await exchange.stop_streams(30, "slow reader")
        await _assert_recovers(bench, "streamer_code_30")


async def test_a_takeover_is_not_fought() -> None:
    async with (
        exchanging(StillMarket(*TICKERS)) as exchange,
        feeding(exchange, *TICKERS, watch={"taken_retry_seconds": 3600.0}) as bench,
    ):
        await bench.stored("equity_tick", 2)
        await exchange.stop_streams(12)
        await bench.until(lambda: bench.feed.status.state == "stream_taken")
        assert "another program" in str(bench.feed.status.alarm)
        assert not bench.feed.status.connected
        await bench.until(lambda: not exchange.streamers)
        assert bench.feed.status.connections == 1
        await bench.finish()
        [gap] = await bench.payloads("feed_gap")
        assert gap.reason == "streamer_code_12"


async def test_after_a_takeover_the_stream_is_taken_back_later() -> None:
    async with exchanging(StillMarket(*TICKERS)) as exchange, feeding(exchange, *TICKERS) as bench:
        await bench.stored("equity_tick", 2)
        await exchange.stop_streams(12)
        await _assert_recovers(bench, "streamer_code_12")
        assert bench.feed.status.alarm is None


async def test_a_denied_login_refreshes_the_token_and_tries_again() -> None:
    async with exchanging(StillMarket(*TICKERS)) as exchange, feeding(exchange, *TICKERS) as bench:
        await bench.stored("equity_tick", 2)
        exchange.refuse("LOGIN", 3)
        await exchange.close_streams(1011)
        await _assert_recovers(bench, "socket_closed_1011")
        assert exchange.rest.tokens.refreshes == 1


@pytest.mark.parametrize("code", [9, 11, 20, 21, 22])
async def test_a_refused_subscription_is_tried_again(code: int) -> None:
    async with exchanging(StillMarket(*TICKERS)) as exchange:
        exchange.refuse("SUBS", code)
        async with feeding(exchange, *TICKERS) as bench:
            [gap] = await bench.payloads("feed_gap")
            assert gap.reason == f"streamer_code_{code}"
            assert bench.feed.status.connected


async def test_tickers_over_the_symbol_limit_are_named() -> None:
    tickers = [f"T{number}" for number in range(10)]
    async with exchanging(StillMarket(*tickers)) as exchange:
        exchange.max_keys = 7
        async with feeding(exchange, *tickers) as bench:
            ticks = await bench.stored("equity_tick", 7)
            [connected] = await bench.payloads("feed_connected")
            assert bench.feed.status.refused_tickers == ["T7", "T8", "T9"]
            assert connected.tickers == [f"T{number}" for number in range(7)]
            assert {tick.ticker for tick in ticks} == set(connected.tickers)


async def test_a_half_open_socket_is_found_out() -> None:
    async with (
        exchanging(StillMarket(*TICKERS)) as exchange,
        feeding(exchange, *TICKERS, watch={"dead_after_seconds": 0.3}) as bench,
    ):
        await bench.stored("equity_tick", 2)
        exchange.freeze()
        await _assert_recovers(bench, "silent_stream")


async def test_a_stream_without_heartbeats_is_dead() -> None:
    async with (
        exchanging(StillMarket(*TICKERS)) as exchange,
        feeding(exchange, *TICKERS, watch={"dead_after_seconds": 0.3}) as bench,
    ):
        await bench.stored("equity_tick", 2)
        exchange.fall_silent()
        await _assert_recovers(bench, "silent_stream")


async def test_heartbeats_alone_keep_a_stream_alive() -> None:
    async with (
        exchanging(StillMarket(*TICKERS), heartbeat_seconds=0.02) as exchange,
        feeding(exchange, *TICKERS, watch={"dead_after_seconds": 0.3}) as bench,
    ):
        await bench.until(lambda: bench.feed.status.counters.frames > 40)
        assert bench.feed.status.connections == 1


@pytest.mark.parametrize(
    "frame",
    [
        '{"data":[{"service":',
        "not json",
        "[1,2,3]",
        "5",
        '{"data":5}',
        '{"data":[{"content":[]}]}',
        '{"data":[{"service":"LEVELONE_EQUITIES"}]}',
        '{"data":[{"service":"LEVELONE_EQUITIES","content":[{"key":"QQQ","3":"many"}]}]}',
        '{"data":[{"service":"LEVELONE_EQUITIES","content":[{"key":"QQQ","3":-4,"35":1763650001000}]}]}',
        '{"data":[{"service":"LEVELONE_EQUITIES","content":[{"key":"QQQ","8":1e300}]}]}',
        '{"data":[{"service":"LEVELONE_EQUITIES","content":[{"3":4.5}]}]}',
        '{"data":[{"service":"LEVELONE_EQUITIES","content":[7]}]}',
        '{"data":[{"service":"LEVELONE_OPTIONS","content":[{"key":"QQQ","2":1.0}]}]}',
        '{"notify":[{"service":"ADMIN"}]}',
        '{"notify":[{"service":"ADMIN","content":"gone"}]}',
    ],
)
async def test_a_garbage_frame_costs_only_itself(frame: str) -> None:
    async with exchanging(StillMarket(*TICKERS)) as exchange, feeding(exchange, *TICKERS) as bench:
        await bench.stored("equity_tick", 2)
        await exchange.send(frame)
        await bench.trade(7)
        ticks = await bench.stored("equity_tick", 3)
        assert (len(ticks), ticks[-1].ticker) == (3, "QQQ")
        assert bench.feed.status.connections == 1
        assert bench.feed.status.counters.garbage == (0 if "notify" in frame else 1)


async def test_nothing_but_garbage_ends_the_connection() -> None:
    async with exchanging(StillMarket(*TICKERS)) as exchange, feeding(exchange, *TICKERS) as bench:
        await bench.stored("equity_tick", 2)
        for _ in range(20):
            await exchange.send("garbage")
        await _assert_recovers(bench, "protocol_error")


async def test_a_frame_of_10_mb_is_read() -> None:
    async with exchanging(StillMarket(*TICKERS)) as exchange, feeding(exchange, *TICKERS) as bench:
        await bench.stored("equity_tick", 2)
        await exchange.send(scenario.big_frame())
        await bench.trade(7)
        await bench.stored("equity_tick", 3)
        assert bench.feed.status.connections == 1


async def test_an_unknown_symbol_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feed.watchdog.SILENT_TICKER_SECONDS", 0.0)
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, "QQQ", "NOSUCH") as bench:
        await bench.stored("equity_tick", 1)
        await bench.until(lambda: bench.feed.status.silent_tickers == ["NOSUCH"])
        assert bench.feed.status.connected


async def test_an_exchange_that_cannot_be_reached_is_tried_again() -> None:
    async with exchanging(StillMarket(*TICKERS)) as exchange:
        exchange.rest.failing_with = 503
        async with feeding(exchange, *TICKERS) as bench:
            await bench.until(lambda: bench.feed.status.reconnects >= 3)
            assert "HTTP 503" in str(bench.feed.status.last_error)
            exchange.rest.failing_with = None
            [gap] = await bench.payloads("feed_gap")
            assert gap.reason == "unreachable"


async def test_a_slow_reader_is_stopped_by_the_exchange_and_comes_back() -> None:
    async with exchanging(StillMarket(*TICKERS), slow_reader_seconds=0.05) as exchange:
        log = BlockedLog()
        async with feeding(exchange, *TICKERS, log=log) as bench:
            await bench.stored("equity_tick", 2)
            log.is_open.clear()
            number = 0
            while exchange.streamers:
                number += 100
                trades = [("QQQ", trade(n, price=1 + n / 1e4)) for n in range(number, number + 100)]
                await exchange.publish(EQUITIES, trades)
                await asyncio.sleep(0)
            assert len(bench.feed._appender._waiting) < 2 * appender.MAX_WAITING
            log.is_open.set()
            [gap] = await bench.payloads("feed_gap")
            assert gap.reason
            await bench.trade(number + 100)
            assert (await bench.payloads("equity_tick", number // 100))[-1].price


class BlockedLog(MemoryLog):
    """A log whose disk can stand still."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def append(self, batch: Any) -> range:
        await self.is_open.wait()
        return await super().append(batch)
