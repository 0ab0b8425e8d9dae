"""0DTE options: the chain once, the strikes near the money, following it without dropping any."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from eventlog.clock import ManualClock
from eventlog.errors import UsageError
from feed.chain import Chain, parse_chain
from feed.contracts import Contracts
from feed.exchange import RandomMarket
from feed.exchange.protocol import OPTIONS, Fields
from feed.intake import Intake
from feed.options import Options
from market import calendar
from tests.feed.harness import TRADE_MS, StillMarket, exchanging, feeding

TODAY = date(2025, 11, 20)


def answer(*expirations: str, price: float | None = 100.2) -> dict[str, Any]:
    maps: dict[str, Any] = {"callExpDateMap": {}, "putExpDateMap": {}, "underlyingPrice": price}
    for name, letter in (("callExpDateMap", "C"), ("putExpDateMap", "P")):
        for expiration in expirations:
            stamp = expiration[2:].replace("-", "")
            strikes = {
                f"{strike}.0": [{"symbol": f"QQQ   {stamp}{letter}{strike * 1000:08d}"}] for strike in range(90, 111)
            }
            maps[name][f"{expiration}:0"] = strikes
    return maps


def strikes(symbols: list[str]) -> list[int]:
    return sorted({int(symbol[13:]) // 1000 for symbol in symbols})


def test_todays_expiry_or_the_next() -> None:
    assert parse_chain(answer("2025-11-19", "2025-11-20", "2025-11-21"), TODAY).expiration == TODAY
    assert parse_chain(answer("2025-11-19", "2025-11-24"), TODAY).expiration == date(2025, 11, 24)


def test_strikes_on_both_sides_of_the_money_calls_and_puts() -> None:
    chain = parse_chain(answer("2025-11-20"), TODAY)
    symbols = chain.follow(None, 2)
    assert strikes(symbols) == [99, 100, 101, 102]
    assert len(symbols) == 8


def test_the_money_is_followed_and_nothing_dropped() -> None:
    chain = parse_chain(answer("2025-11-20"), TODAY)
    chain.follow(100.2, 2)
    assert strikes(chain.follow(103.5, 2)) == [103, 104, 105]
    assert strikes(list(chain.chosen)) == [99, 100, 101, 102, 103, 104, 105]
    assert chain.follow(100.2, 2) == []
    assert strikes(chain.follow(500.0, 2)) == [109, 110]


def test_without_any_price_nothing_is_chosen() -> None:
    assert parse_chain(answer("2025-11-20", price=None), TODAY).follow(None, 2) == []


@pytest.mark.parametrize(
    "wrong",
    [{}, {"status": "FAILED"}, answer("2025-11-19"), {"callExpDateMap": 5}, {"callExpDateMap": {"2025-11-20:0": 5}}],
)
def test_a_chain_without_contracts_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no contracts"):
        parse_chain(wrong, TODAY)


def test_a_chain_is_a_value() -> None:
    assert Chain(TODAY, {}, None).follow(100.0, 10) == []


class OptionMarket(StillMarket):
    """QQQ at 100 with a chain that expires on the day of the test."""

    def chains(self) -> dict[str, Any]:
        return {"QQQ": answer("2025-11-20", "2025-11-21", price=100.0)}


async def test_contracts_are_subscribed_followed_and_restored() -> None:
    async with (
        exchanging(OptionMarket("QQQ")) as exchange,
        feeding(exchange, clock=ManualClock(TRADE_MS * 1000), options_0dte=True, options_strikes=1) as bench,
    ):
        streams = exchange.streamers
        await bench.until(lambda: streams and strikes(list(streams[0].keys_of(OPTIONS))) == [99, 100])
        [symbol, *_] = streams[0].keys_of(OPTIONS)
        await bench.trade(1, price=104.5)
        await bench.until(lambda: strikes(list(streams[0].keys_of(OPTIONS))) == [99, 100, 104, 105])
        await exchange.publish(OPTIONS, [(symbol, {"2": 1.5, "3": 1.6, "28": 0.5, "38": 1_763_650_000_000})])
        [quote] = await bench.payloads("option_quote")
        assert (quote.symbol, quote.bid, quote.delta) == (symbol, 1.5, 0.5)
        await exchange.close_streams(1011)
        _, connected = await bench.payloads("feed_connected", 2)
        assert len(connected.tickers) == 9
        assert exchange.rest.calls.count("/marketdata/v1/chains") == 1, "once a session"


async def test_explicit_symbols_are_streamed_with_all_columns() -> None:
    symbol = "GOOG  240517C00070000"
    fields: Fields = {"2": 102.15, "3": 103.75, "4": 103.07, "8": 7, "9": 5, "10": 35.5, "28": 0.9, "29": 0.01}
    async with (
        exchanging(StillMarket("QQQ")) as exchange,
        feeding(exchange, option_symbols=(symbol,)) as bench,
    ):
        await bench.until(lambda: bench.feed.status.connected)
        await exchange.publish(
            OPTIONS, [(symbol, fields | {"30": -0.01, "31": 0.2, "32": 0.3, "38": 1_763_650_000_000})]
        )
        [stored] = await bench.stored("option_quote")
        [quote] = await bench.payloads("option_quote")
    assert stored.ticker == "GOOG"
    assert (quote.option_type, quote.strike, quote.expiration) == ("CALL", 70.0, "2024-05-17")
    assert (quote.volume, quote.open_interest, quote.implied_volatility, quote.theta) == (7, 5, 35.5, -0.01)
    assert (quote.vega, quote.rho, quote.gamma, quote.last) == (0.2, 0.3, 0.01, 103.07)


async def test_a_chain_that_cannot_be_had_costs_no_equities() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange, options_0dte=True) as bench:
        await bench.until(lambda: exchange.rest.calls.count("/marketdata/v1/chains") >= 2)
        await bench.trade(1)
        await bench.stored("equity_tick", 2)
        assert bench.feed.status.connections == 1


async def test_the_random_market_has_a_chain() -> None:
    async with (
        exchanging(RandomMarket(["QQQ"], rate=500.0, seed=1)) as exchange,
        feeding(exchange, options_0dte=True, options_strikes=3) as bench,
    ):
        quotes = await bench.payloads("option_quote", 20)
        ticks = await bench.stored("equity_tick", 5)
        assert len(ticks) >= 5
    assert {quote.option_type for quote in quotes} == {"CALL", "PUT"}


async def test_another_day_forgets_the_contracts_of_yesterday() -> None:
    contracts = Contracts(("QQQ",), ("GOOG  240517C00070000",), with_chains=True, strikes=1)
    intake = Intake()
    contracts.roll(1_763_650_000_000_000, intake)
    intake.option("GOOG  240517C00070000")
    intake.option("QQQ   251120C00100000")
    contracts._chains["QQQ"] = parse_chain(answer("2025-11-20"), TODAY)
    contracts._chains["QQQ"].follow(None, 1)
    contracts.roll(1_763_650_000_000_000 + 3_600_000_000, intake)
    assert len(contracts.chosen()) == 5
    contracts.roll(1_763_650_000_000_000 + 86_400_000_000, intake)
    assert contracts.chosen() == ["GOOG  240517C00070000"]
    assert list(intake.options) == ["GOOG  240517C00070000"]


async def test_a_ticker_without_a_chain_costs_no_options_of_the_others() -> None:
    async with (
        exchanging(OptionMarket("BRK.A", "QQQ")) as exchange,
        feeding(
            exchange,
            "BRK.A",
            "QQQ",
            clock=ManualClock(TRADE_MS * 1000),
            options_0dte=True,
            options_strikes=1,
            watch={"options_retry_seconds": 1000.0},
        ) as bench,
    ):
        await bench.until(lambda: exchange.streamers and exchange.streamers[0].keys_of(OPTIONS))
        await bench.trade(1, price=104.5)
        await bench.until(lambda: 104 in strikes(list(exchange.streamers[0].keys_of(OPTIONS))))
        assert exchange.rest.calls.count("/marketdata/v1/chains") == 2, "the missing one is asked for later"


class FridayMarket(StillMarket):
    """QQQ on a Thursday, with a chain that expires on Friday and one contract that has traded."""

    symbol = "QQQ   251121C00100000"

    def snapshots(self) -> Iterable[tuple[str, str, Fields]]:
        yield from super().snapshots()
        yield OPTIONS, self.symbol, {"2": 1.0, "3": 1.1, "8": 10, "9": 500, "28": 0.5, "38": TRADE_MS}

    def chains(self) -> dict[str, Any]:
        return {"QQQ": answer("2025-11-21", price=100.0)}


async def test_a_contract_that_lives_on_over_midnight_keeps_all_columns() -> None:
    clock = ManualClock(TRADE_MS * 1000)
    async with (
        exchanging(FridayMarket("QQQ")) as exchange,
        feeding(exchange, clock=clock, options_0dte=True) as bench,
    ):
        await bench.stored("option_quote")
        chain_requests = exchange.rest.calls.count("/marketdata/v1/chains")
        clock.advance_us(calendar.DAY_US)
        await bench.until(lambda: exchange.rest.calls.count("/marketdata/v1/chains") > chain_requests)
        await exchange.publish(OPTIONS, [(FridayMarket.symbol, {"2": 1.2, "38": TRADE_MS + 86_400_000})])
        _, quote = await bench.payloads("option_quote", 2)
    assert (quote.bid, quote.ask, quote.volume, quote.open_interest, quote.delta) == (1.2, 1.1, 10, 500, 0.5)


async def test_contracts_that_were_refused_are_asked_for_again() -> None:
    async with (
        exchanging(OptionMarket("QQQ")) as exchange,
        feeding(exchange, clock=ManualClock(TRADE_MS * 1000), options_0dte=True, options_strikes=1) as bench,
    ):
        await bench.until(lambda: exchange.streamers and exchange.streamers[0].keys_of(OPTIONS))
        exchange.refuse("ADD", 24, times=2)
        await bench.trade(1, price=104.5)
        await bench.until(lambda: 104 in strikes(list(exchange.streamers[0].keys_of(OPTIONS))))
        assert bench.feed.status.connections == 1


def test_a_wrong_symbol_is_named_at_the_start() -> None:
    with pytest.raises(UsageError, match="OPTION_SYMBOLS: 'GOOG 70'"):
        Options(("QQQ",), option_symbols=("GOOG 70",))


async def test_after_a_restart_a_repeated_snapshot_is_nothing_and_a_change_gets_a_new_key() -> None:
    symbol = "GOOG  251120C00070000"
    clock = ManualClock(TRADE_MS * 1000 + 1_000_000)
    async with exchanging(StillMarket("QQQ")) as exchange:
        async with feeding(exchange, clock=clock, option_symbols=(symbol,)) as bench:
            await bench.until(lambda: bench.feed.status.connected)
            await exchange.publish(OPTIONS, [(symbol, {"2": 1.5, "3": 1.6, "38": TRADE_MS})])
            await bench.stored("option_quote")
            await bench.finish()
        async with feeding(exchange, clock=clock, option_symbols=(symbol,), log=bench.log) as again:
            await again.until(lambda: again.feed.status.connected)
            await exchange.publish(OPTIONS, [(symbol, {"2": 1.55})])
            first, second = await again.stored("option_quote", 2)
            await again.finish()
            assert len(await again.stored("option_quote")) == 2
    assert (first.ts_us, second.ts_us) == (TRADE_MS * 1000, TRADE_MS * 1000 + 1)
