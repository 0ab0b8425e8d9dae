"""1-minute bars of every tick, whatever the session: what charts are drawn from."""

import bisect
from collections.abc import Sequence

import msgspec

from indicators.kernels import VWAP_SCALE

MINUTE_US = 60_000_000

FROM_TICKS = "ticks"

BarRow = tuple[str, int, float, float, float, float, int, float | None, str]
"""ticker, ts_us (start of the minute), open, high, low, close in dollars, volume in shares, vwap, source."""


class Bar(msgspec.Struct):
    """The ticks of one minute so far. `notional` is the exact sum of price x volume in 2**-80 dollars."""

    ts_us: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    notional: int

    def row(self, ticker: str) -> BarRow:
        """The bar as it is stored. Its VWAP is None while the volume is 0."""
        vwap = self.notional / self.volume / VWAP_SCALE if self.volume else None
        return ticker, self.ts_us, self.open, self.high, self.low, self.close, self.volume, vwap, FROM_TICKS


def extend(forming: Bar | None, prices: Sequence[float], volumes: Sequence[int], times_us: Sequence[int]) -> list[Bar]:
    """Every bar that the ticks touch, in time order; the first continues `forming` when it is of the same minute."""
    bars: list[Bar] = []
    start = 0
    while start < len(times_us):
        minute_us = times_us[start] // MINUTE_US * MINUTE_US
        end = bisect.bisect_left(times_us, minute_us + MINUTE_US, start)
        bar = _bar(minute_us, prices[start:end], volumes[start:end])
        if forming is not None and forming.ts_us == minute_us:
            bar = _joined(forming, bar)
        bars.append(bar)
        start = end
    return bars


def _bar(minute_us: int, prices: Sequence[float], volumes: Sequence[int]) -> Bar:
    notional = sum([int(price * VWAP_SCALE) * volume for price, volume in zip(prices, volumes, strict=True)])
    return Bar(minute_us, prices[0], max(prices), min(prices), prices[-1], sum(volumes), notional)


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
