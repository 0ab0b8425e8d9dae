"""Kernels against TA-Lib, NumPy and exact fractions, on the real tape and on random ones."""

import itertools
import json
import statistics
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from indicators import registry
from indicators.kernels import Ema, Kernel, Rsi, SessionHigh, SessionLow, SessionOpen, Sma, Value, Vwap
from indicators.registry import Parameters
from indicators.ticks import Ticks
from tests.indicators import worlds

TAPES = [worlds.tape(), worlds.random_ticks(1, 5000), worlds.random_ticks(2, 5000)]

prices_and_volumes = st.lists(
    st.tuples(st.floats(1e-12, 1e7) | st.integers(1, 10**9).map(lambda n: n / 10_000), st.integers(0, 10**9)),
    min_size=1,
    max_size=80,
) | st.lists(st.tuples(st.floats(1e-4, 1e7), st.integers(0, 10**9)), min_size=20, max_size=80)


def columns(events: list[Any]) -> Ticks:
    return Ticks.of(
        range(1, len(events) + 1),
        [event.ts_us for event in events],
        [event.payload.price for event in events],
        [event.payload.volume for event in events],
    )


def spaced(pairs: list[tuple[float, int]], step_us: int = 700_000) -> Ticks:
    times_us = [worlds.OPEN_US + step_us * index for index in range(len(pairs))]
    return Ticks.of(range(1, len(pairs) + 1), times_us, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def updated(kernel: Kernel, ticks: Ticks) -> list[Value]:
    return [kernel.update(*each) for each in zip(ticks.prices, ticks.volumes, ticks.times_us, strict=True)]


def assert_like(values: list[Value], reference: Any) -> None:
    ours = np.array([np.nan if value is None else value for value in values])
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(reference))
    np.testing.assert_allclose(ours, reference, rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("events", TAPES, ids=["AAPL", "random 1", "random 2"])
class TestAgainstTheLibrariesOfTheField:
    def test_sma(self, events: list[Any]) -> None:
        ticks = columns(events)
        assert_like(Sma().fold(ticks), talib.SMA(np.array(ticks.prices), 9))

    def test_ema(self, events: list[Any]) -> None:
        ticks = columns(events)
        assert_like(Ema().fold(ticks), talib.EMA(np.array(ticks.prices), 9))

    def test_rsi(self, events: list[Any]) -> None:
        ticks = columns(events)
        assert_like(updated(Rsi(), ticks), talib.RSI(np.array(ticks.prices), 14))

    def test_vwap(self, events: list[Any]) -> None:
        ticks = columns(events)
        prices, volumes = np.array(ticks.prices), np.array(ticks.volumes, dtype=float)
        traded = np.cumsum(volumes)
        reference = np.divide(np.cumsum(prices * volumes), traded, out=np.full_like(prices, np.nan), where=traded > 0)
        assert_like(Vwap().fold(ticks), reference)

    def test_session_high_and_low(self, events: list[Any]) -> None:
        ticks = columns(events)
        assert SessionHigh().fold(ticks) == np.maximum.accumulate(ticks.prices).tolist()
        assert SessionLow().fold(ticks) == np.minimum.accumulate(ticks.prices).tolist()
        assert SessionOpen().fold(ticks) == [ticks.prices[0]] * len(ticks.prices)


@given(pairs=prices_and_volumes, window=st.integers(1, 12))
def test_the_sma_is_a_fresh_mean_of_its_window(pairs: list[tuple[float, int]], window: int) -> None:
    ticks = spaced(pairs)
    for values in (updated(Sma(window=window), ticks), Sma(window=window).fold(ticks)):
        for end, value in enumerate(values, 1):
            last = ticks.prices[max(0, end - window) : end]
            assert value == (statistics.fmean(last) if end >= window else None)


@given(pairs=prices_and_volumes, interval=st.sampled_from((1, 2, 60)))
def test_the_sma_of_bars_is_the_mean_of_their_last_prices(pairs: list[tuple[float, int]], interval: int) -> None:
    ticks = spaced(pairs)
    values = Sma(interval_us=interval * 1_000_000, open_us=worlds.OPEN_US).fold(ticks)
    for end, value in enumerate(values, 1):
        closes = {
            (ts_us - worlds.OPEN_US) // (interval * 1_000_000): price
            for ts_us, price in zip(ticks.times_us[:end], ticks.prices[:end], strict=True)
        }
        assert value == (statistics.fmean(list(closes.values())[-9:]) if len(closes) >= 9 else None)


@given(pairs=prices_and_volumes)
def test_the_vwap_is_the_exact_quotient_of_sums(pairs: list[tuple[float, int]]) -> None:
    pairs = [(max(price, 2.0**-20), volume) for price, volume in pairs]
    notional, traded = Fraction(0), 0
    for (price, volume), value in zip(pairs, Vwap().fold(spaced(pairs)), strict=True):
        notional += Fraction(price) * volume
        traded += volume
        assert value == (float(notional / traded) if traded else None)


@given(pairs=prices_and_volumes, cuts=st.lists(st.integers(0, 80)), interval_us=st.sampled_from((0, 2_000_000)))
@pytest.mark.parametrize("name", registry.INDICATORS)
def test_updated_folded_and_resumed_kernels_agree_to_the_bit(
    name: str, pairs: list[tuple[float, int]], cuts: list[int], interval_us: int
) -> None:
    indicator = registry.INDICATORS[name]
    parameters = Parameters(interval_us, worlds.OPEN_US)
    ticks = spaced(pairs)
    one_by_one = indicator.make(parameters)
    expected = updated(one_by_one, ticks)

    kernel, values = indicator.make(parameters), []
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(pairs)}), len(pairs)]
    for start, end in itertools.pairwise(edges):
        kernel = indicator.kernel.from_state(json.loads(json.dumps(kernel.state())))
        values += kernel.fold(ticks.part(start, end))
    assert values == expected
    assert json.dumps(kernel.state()) == json.dumps(one_by_one.state())
    assert kernel.value == (expected[-1] if expected else None)


@pytest.mark.parametrize("part", [1, 2, 8, 9, 10, 33])
@pytest.mark.parametrize("name", registry.INDICATORS)
def test_the_real_tape_in_parts_gives_the_same_bits(name: str, part: int) -> None:
    indicator, ticks = registry.INDICATORS[name], columns(TAPES[0])
    expected = updated(indicator.make(Parameters(0, worlds.OPEN_US)), ticks)
    kernel, values = indicator.make(Parameters(0, worlds.OPEN_US)), []
    for start in range(0, len(ticks.prices), part):
        kernel = indicator.kernel.from_state(json.loads(json.dumps(kernel.state())))
        values += kernel.fold(ticks.part(start, min(start + part, len(ticks.prices))))
    assert values == expected


def test_the_vwap_is_null_while_the_volume_is_zero() -> None:
    assert Vwap().fold(spaced([(10.0, 0), (11.0, 0), (12.0, 5)])) == [None, None, 12.0]


def test_the_rsi_of_an_unmoved_price_is_what_talib_says() -> None:
    prices = [5.0] * 20
    assert_like(Rsi().fold(spaced([(price, 1) for price in prices])), talib.RSI(np.array(prices), 14))


@pytest.mark.parametrize("name", registry.INDICATORS)
def test_a_kernel_does_not_grow(name: str) -> None:
    kernel = registry.INDICATORS[name].make(Parameters(0, worlds.OPEN_US))
    ticks = columns(TAPES[1])
    kernel.fold(ticks.part(0, 100))
    before = len(json.dumps(kernel.state()))
    kernel.fold(ticks.part(100, 5000))
    assert len(json.dumps(kernel.state())) < before + 100


@pytest.mark.long
def test_ten_million_ticks_do_not_drift() -> None:
    rng = np.random.default_rng(7)
    vwap, sma = Vwap(), Sma()
    notional = traded = 0
    for _ in range(100):
        cents = rng.integers(1_000_000, 1_000_900, 100_000)
        volumes = rng.integers(0, 5000, 100_000)
        prices = (cents / 10_000).tolist()
        ticks = Ticks.of(range(100_000), range(100_000), prices, volumes.tolist())
        vwap.fold(ticks)
        values = sma.fold(ticks)
        notional += int(np.dot(cents, volumes))
        traded += int(volumes.sum())
        assert values[-1] == statistics.fmean(prices[-9:])
    assert vwap.value == pytest.approx(notional / traded / 10_000, rel=4e-16)
