"""Schwab refuses options: equities stream all the same, and what was refused is shown and asked for again."""

import asyncio
from typing import Any

import pytest

from eventlog.clock import ManualClock
from feed.exchange import Exchange, protocol
from tests.feed.harness import TRADE_MS, Bench, StillMarket, exchanging, feeding
from tests.feed.test_options_0dte import OptionMarket

SYMBOL = "QQQ   251120C00100000"
OTHER = "QQQ   251120C00101000"


class OptionDesk:
    """Refuses what is asked of options beyond `allowed` symbols with `code`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, exchange: Exchange, code: int, allowed: int = 0) -> None:
        self.refusals = 0
        self.allowed = allowed
        self._code = code
        self._plain = exchange.answer
        monkeypatch.setattr(exchange, "answer", self.answer)

    def answer(self, request: dict[str, Any]) -> tuple[int, str]:
        keys = str(request.get("parameters", {}).get("keys", "")).split(",")
        if request["service"] != protocol.OPTIONS or len(keys) <= self.allowed:
            return self._plain(request)
        self.refusals += 1
        return self._code, "scripted"


async def _ticks(bench: Bench, count: int) -> None:
    await bench.trade(count)
    await bench.stored("equity_tick", count)


@pytest.mark.parametrize("code", [19, 22])
async def test_refused_symbols_cost_no_equities(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    async with exchanging(StillMarket("QQQ")) as exchange:
        desk = OptionDesk(monkeypatch, exchange, code)
        async with feeding(exchange, option_symbols=(SYMBOL,)) as bench:
            [connected] = await bench.payloads("feed_connected")
            assert connected.tickers == ["QQQ"]
            assert bench.feed.status.refused_tickers == [SYMBOL]
            await bench.until(lambda: desk.refusals >= 3)
            desk.allowed = 1
            await bench.until(lambda: exchange.streamers[0].keys_of(protocol.OPTIONS) == {SYMBOL})
            await bench.until(lambda: not bench.feed.status.refused_tickers)
            await _ticks(bench, 2)
            assert bench.feed.status.connections == 1


@pytest.mark.parametrize("code", [19, 22])
async def test_contracts_refused_after_a_reconnect_cost_no_equities(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    async with (
        exchanging(OptionMarket("QQQ")) as exchange,
        feeding(exchange, clock=ManualClock(TRADE_MS * 1000), options_0dte=True, options_strikes=1) as bench,
    ):
        await bench.until(lambda: exchange.streamers and exchange.streamers[0].keys_of(protocol.OPTIONS))
        OptionDesk(monkeypatch, exchange, code)
        await exchange.close_streams(1011)
        _, connected = await bench.payloads("feed_connected", 2)
        assert connected.tickers == ["QQQ"]
        assert len(bench.feed.status.refused_tickers) == 4
        await _ticks(bench, 2)


async def test_the_symbols_over_the_limit_are_shown_and_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with exchanging(StillMarket("QQQ")) as exchange:
        desk = OptionDesk(monkeypatch, exchange, 19, allowed=1)
        async with feeding(exchange, option_symbols=(SYMBOL, OTHER)) as bench:
            [connected] = await bench.payloads("feed_connected")
            assert connected.tickers == ["QQQ", SYMBOL]
            await bench.until(lambda: exchange.streamers[0].keys_of(protocol.OPTIONS) == {SYMBOL, OTHER})
            await asyncio.wait_for(bench.stored("equity_tick"), 10)
            await bench.until(lambda: not bench.feed.status.refused_tickers)
            assert desk.refusals == 1
