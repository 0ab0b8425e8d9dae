"""1-minute bars of every tick, whatever the session: what charts are drawn from."""

import bisect

import msgspec

from indicators import exact
from indicators.ticks import Ticks

MINUTE_US = 60_000_000

FROM_TICKS = "ticks"

BarRow = tuple[str, int, float, float, float, float, int, float | None, str]
"""ticker, ts_us (start of the minute), open, high, low, close in dollars, volume in shares, vwap, source."""


class Bar(msgspec.Struct):
    """The ticks of one minute so far. `notional` is the sum of price x volume in the units of `exact`."""

    ts_us: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    notional: int

    def row(self, ticker: str) -> BarRow:
        """The bar as it is stored. Its VWAP is None while the volume is 0."""
        vwap = exact.mean(self.notional, self.volume)
        return ticker, self.ts_us, self.open, self.high, self.low, self.close, self.volume, vwap, FROM_TICKS


def extend(forming: Bar | None, ticks: Ticks) -> list[Bar]:
    """Every bar that the ticks touch, in time order; the first continues `forming` when it is of the same minute."""
    bars: list[Bar] = []
    start = 0
    while start < len(ticks.times_us):
        minute_us = ticks.times_us[start] // MINUTE_US * MINUTE_US
        end = bisect.bisect_left(ticks.times_us, minute_us + MINUTE_US, start)
        bar = _bar(minute_us, ticks, slice(start, end))
        if forming is not None and forming.ts_us == minute_us:
            bar = _joined(forming, bar)
        bars.append(bar)
        start = end
    return bars


def _bar(minute_us: int, ticks: Ticks, within: slice) -> Bar:
    prices = ticks.prices[within]
    volume, notional = sum(ticks.volumes[within]), sum(ticks.notionals[within])
    return Bar(minute_us, prices[0], max(prices), min(prices), prices[-1], volume, notional)


def _joined(first: Bar, second: Bar) -> Bar:
    return Bar(
        first.ts_us,
        first.open,
        max(first.high, second.high),
        min(first.low, second.low),
        second.close,
        first.volume + second.volume,
        first.notional + second.notional,
    )
