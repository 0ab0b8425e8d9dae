"""Which tickers used to tick every few seconds and no longer do. Pure; times are seconds of any monotonic clock."""

MIN_BEATS = 20
LIQUID_SHARE = 0.1
_MEMORY = 16


class Pulse:
    """One ticker's ticks: how many, the last one, and the mean interval of about the last sixteen.

    `alive` is the last sign of life, quotes included.
    """

    __slots__ = ("alive", "beats", "last", "mean_interval")

    def __init__(self, now: float) -> None:
        self.beats = 1
        self.last = self.alive = now
        self.mean_interval = 0.0

    def beat(self, now: float) -> None:
        """A tick arrived."""
        self.mean_interval += (now - self.last - self.mean_interval) / min(self.beats, _MEMORY)
        self.beats += 1
        self.last = self.alive = now


class Pulses:
    """The pulses of all tickers of a connection."""

    def __init__(self) -> None:
        self._pulses: dict[str, Pulse] = {}

    def beat(self, ticker: str, now: float) -> None:
        """A tick of `ticker` arrived."""
        pulse = self._pulses.get(ticker)
        if pulse is None:
            self._pulses[ticker] = Pulse(now)
        else:
            pulse.beat(now)

    def quote(self, ticker: str, now: float) -> None:
        """A quote of `ticker` arrived: its stream lives, though nobody trades. It is no measure of liquidity."""
        pulse = self._pulses.get(ticker)
        if pulse is not None:
            pulse.alive = now

    def stale(self, now: float, after_seconds: float) -> list[str]:
        """Tickers without a tick or quote for `after_seconds` that used to have at least ten ticks in such a time."""
        return [
            ticker
            for ticker, pulse in self._pulses.items()
            if pulse.beats >= MIN_BEATS
            and pulse.mean_interval <= after_seconds * LIQUID_SHARE
            and now - pulse.alive >= after_seconds
        ]
