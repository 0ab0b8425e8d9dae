"""Every indicator by the name of its column. One line here is all that a new kernel needs."""

from collections.abc import Callable
from dataclasses import dataclass

from indicators import kernels
from indicators.kernels import Kernel


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a session's kernels may depend on: the bar length of SMA_INTERVAL (0: every tick), the session's opening."""

    interval_us: int
    open_us: int


@dataclass(frozen=True, slots=True)
class Indicator:
    """`make` gives a session's fresh kernel, of type `kernel`. Raise `version` when a change of code changes values."""

    kernel: type[Kernel]
    make: Callable[[Parameters], Kernel]
    version: int = 1


CUSTOMER = ("sma9", "vwap")
"""The columns that every destination has."""

INDICATORS: dict[str, Indicator] = {
    "sma9": Indicator(kernels.Sma, lambda p: kernels.Sma(window=9, interval_us=p.interval_us, open_us=p.open_us)),
    "vwap": Indicator(kernels.Vwap, lambda _: kernels.Vwap()),
    "ema9": Indicator(kernels.Ema, lambda _: kernels.Ema(period=9)),
    "rsi14": Indicator(kernels.Rsi, lambda _: kernels.Rsi(period=14)),
    "session_open": Indicator(kernels.SessionOpen, lambda _: kernels.SessionOpen()),
    "session_high": Indicator(kernels.SessionHigh, lambda _: kernels.SessionHigh()),
    "session_low": Indicator(kernels.SessionLow, lambda _: kernels.SessionLow()),
    "session_close": Indicator(kernels.SessionClose, lambda _: kernels.SessionClose()),
}
