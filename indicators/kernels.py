"""Pure kernels: one number per tick of a session, in constant time and memory.

A kernel is made anew for each session of each ticker. Its fields are its whole state, kept as JSON with the checkpoint;
a kernel restored from them continues to the same bit. Prices are dollars, volumes shares, times microseconds UTC.
"""

import math
import operator
from itertools import accumulate
from typing import Any, Self

import msgspec

from indicators import exact
from indicators.ticks import Ticks

Value = float | None


class Kernel(msgspec.Struct, kw_only=True):
    """The base of all kernels. `value` is that of the last tick, None while warming up."""

    value: Value = None

    def update(self, price: float, volume: int, ts_us: int) -> Value:
        """Fold one tick and return the new value. Ticks come in strictly increasing `ts_us`."""
        raise NotImplementedError

    def fold(self, ticks: Ticks) -> list[Value]:
        """The values of many ticks: the same bits as `update` for each of them. Overridden only where speed asks."""
        return list(map(self.update, ticks.prices, ticks.volumes, ticks.times_us))

    def state(self) -> dict[str, Any]:
        """All fields as JSON values; integers may exceed 64 bits."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The kernel that `state` was taken from."""
        return msgspec.convert(state, cls)


class Sma(Kernel):
    """Simple moving average in dollars: (c1 + ... + cn) / n over the last n = `window` closes, as TA-Lib's SMA.

    The sum is taken afresh and correctly rounded (`math.fsum`), so that nothing drifts. None before the n-th close.
    A close is every tick when `interval_us` is 0; otherwise the last price of each bar of that length counted from
    `open_us`, the forming bar included. Intervals without a trade have no bar.
    """

    window: int = 9
    interval_us: int = 0
    open_us: int = 0
    interval: int = -1
    closes: list[float] = []

    def update(self, price: float, volume: int, ts_us: int) -> Value:
        closes = self.closes
        if self.interval_us and (interval := (ts_us - self.open_us) // self.interval_us) == self.interval:
            closes[-1] = price
        else:
            if self.interval_us:
                self.interval = interval
            closes.append(price)
            if len(closes) > self.window:
                del closes[0]
        self.value = math.fsum(closes) / self.window if len(closes) == self.window else None
        return self.value

    def fold(self, ticks: Ticks) -> list[Value]:
        if self.interval_us:
            return super().fold(ticks)
        window = self.window
        kept = self.closes if len(self.closes) < window else self.closes[1:]
        closes = [*kept, *ticks.prices]
        if min(closes) < exact.LEAST:
            return super().fold(ticks)
        sums = list(accumulate([*map(exact.units, kept), *ticks.units], initial=0))
        values: list[Value] = [None] * min(len(ticks.prices), window - 1 - len(kept))
        # An integer over a float is rounded as `fsum` rounds, then divided: the same two roundings as in `update`.
        divisor = exact.SCALE * window
        values += [total / divisor for total in map(operator.sub, sums[window:], sums)]
        self.closes = closes[-window:]
        self.value = values[-1]
        return values


class Vwap(Kernel):
    """Volume-weighted average price in dollars since the session began: sum(price x volume) / sum(volume).

    Both sums are exact integers and the quotient is correctly rounded, so that ten million ticks cannot drift.
    None while the volume is 0. Source: Berkowitz, Logue, Noser (1988), "The Total Cost of Transactions on the NYSE".
    """

    notional: int = 0
    volume: int = 0

    def update(self, price: float, volume: int, ts_us: int) -> Value:
        self.notional += exact.units(price) * volume
        self.volume += volume
        self.value = exact.mean(self.notional, self.volume)
        return self.value

    def fold(self, ticks: Ticks) -> list[Value]:
        notionals = list(accumulate(ticks.notionals, initial=self.notional))
        volumes = list(accumulate(ticks.volumes, initial=self.volume))
        sums = zip(notionals, volumes, strict=True)
        values = [total / volume / exact.SCALE if volume else None for total, volume in sums][1:]
        self.notional, self.volume, self.value = notionals[-1], volumes[-1], values[-1]
        return values


class Ema(Kernel):
    """Exponential moving average in dollars: e += (price - e) * 2 / (n + 1), n = `period` ticks, as TA-Lib's EMA.

    The first value is the mean of the first n prices; None before.
    """

    period: int = 9
    first: list[float] = []

    def update(self, price: float, volume: int, ts_us: int) -> Value:
        if self.value is not None:
            self.value += (price - self.value) * (2.0 / (self.period + 1))
            return self.value
        self.first.append(price)
        if len(self.first) == self.period:
            self.value = math.fsum(self.first) / self.period
            self.first = []
        return self.value

    def fold(self, ticks: Ticks) -> list[Value]:
        value = self.value
        if value is None:
            return super().fold(ticks)
        weight = 2.0 / (self.period + 1)
        values: list[Value] = []
        for price in ticks.prices:
            value += (price - value) * weight
            values.append(value)
        self.value = value
        return values


class Rsi(Kernel):
    """Relative strength index, 0 to 100: 100 * gain / (gain + loss) of the averaged price changes, as TA-Lib's RSI.

    The first averages are the means of the first n = `period` changes, then avg += (change - avg) / n. None before the
    n-th change. 0 when the price has not moved (TA-Lib's choice). Source: Wilder (1978), "New Concepts in Technical
    Trading Systems".
    """

    period: int = 14
    changes: int = 0
    last: float | None = None
    gain: float = 0.0
    loss: float = 0.0

    def update(self, price: float, volume: int, ts_us: int) -> Value:
        if self.last is None:
            self.last = price
            return None
        change = price - self.last
        self.last = price
        self.changes += 1
        # While warming up the divisor is the number of changes so far: a running mean, then Wilder's smoothing.
        weight = self.changes if self.changes < self.period else self.period
        self.gain += ((change if change > 0.0 else 0.0) - self.gain) / weight
        self.loss += ((-change if change < 0.0 else 0.0) - self.loss) / weight
        if self.changes >= self.period:
            moved = self.gain + self.loss
            self.value = 100.0 * self.gain / moved if moved else 0.0
        return self.value

    def fold(self, ticks: Ticks) -> list[Value]:
        last, period, gain, loss = self.last, self.period, self.gain, self.loss
        if last is None or self.changes < period:
            return super().fold(ticks)
        values: list[Value] = []
        for price in ticks.prices:
            change = price - last
            last = price
            if change > 0.0:
                gain += (change - gain) / period
                loss -= loss / period
            else:
                gain -= gain / period
                loss -= (change + loss) / period
            moved = gain + loss
            values.append(100.0 * gain / moved if moved else 0.0)
        self.last, self.gain, self.loss, self.value = last, gain, loss, values[-1]
        self.changes += len(values)
        return values


class SessionOpen(Kernel):
    """The session's first price in dollars."""

    def update(self, price: float, volume: int, ts_us: int) -> Value:
        if self.value is None:
            self.value = price
        return self.value

    def fold(self, ticks: Ticks) -> list[Value]:
        if self.value is None:
            self.value = ticks.prices[0]
        return [self.value] * len(ticks.prices)


class SessionHigh(Kernel):
    """The session's highest price so far in dollars."""

    def update(self, price: float, volume: int, ts_us: int) -> Value:
        if self.value is None or price > self.value:
            self.value = price
        return self.value

    def fold(self, ticks: Ticks) -> list[Value]:
        if self.value is None or max(ticks.prices) > self.value:
            return super().fold(ticks)
        return [self.value] * len(ticks.prices)


class SessionLow(Kernel):
    """The session's lowest price so far in dollars."""

    def update(self, price: float, volume: int, ts_us: int) -> Value:
        if self.value is None or price < self.value:
            self.value = price
        return self.value

    def fold(self, ticks: Ticks) -> list[Value]:
        if self.value is None or min(ticks.prices) < self.value:
            return super().fold(ticks)
        return [self.value] * len(ticks.prices)


class SessionClose(Kernel):
    """The session's last price so far in dollars."""

    def update(self, price: float, volume: int, ts_us: int) -> Value:
        self.value = price
        return price

    def fold(self, ticks: Ticks) -> list[Value]:
        self.value = ticks.prices[-1]
        return list(ticks.prices)
