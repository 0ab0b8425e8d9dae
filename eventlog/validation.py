"""What the log refuses before it reaches the queue: a wrong number on record would stay wrong for ever."""

import math
from collections.abc import Callable
from typing import Any

from eventlog import events
from eventlog.errors import InvalidEventError

EARLIEST_US = 631_152_000_000_000
"""1990-01-01, before which no tick was ever streamed."""
FUTURE_TOLERANCE_US = 60_000_000
"""How far ahead of the clock a time may be. The feed believes 5 s; clocks that drift must not cost ticks."""
MAX_TICKER_LENGTH = 32
MAX_PRICE = 10_000_000.0
MAX_VOLUME = 10**12


def check_ticker(ticker: object, may_be_empty: bool) -> None:
    """Raise InvalidEventError unless `ticker` is 1-32 printable ASCII characters (or empty, where it may be)."""
    if ticker == "" and may_be_empty:
        return
    if (
        not isinstance(ticker, str)
        or not 1 <= len(ticker) <= MAX_TICKER_LENGTH
        or not ticker.isascii()
        or not ticker.isprintable()
        or ticker != ticker.strip()
    ):
        shown = ticker[:MAX_TICKER_LENGTH] + "..." if isinstance(ticker, str) and len(ticker) > 40 else ticker
        raise InvalidEventError("ticker", shown, f"a ticker has 1 to {MAX_TICKER_LENGTH} printable ASCII characters")


def check_time(ts_us: object, horizon_us: int) -> None:
    """Raise InvalidEventError unless `ts_us` is an integer from 1990 to `horizon_us`."""
    if type(ts_us) is not int:
        raise InvalidEventError("ts_us", ts_us, "a time is an integer of microseconds since 1970")
    if ts_us < EARLIEST_US:
        raise InvalidEventError("ts_us", ts_us, "a time before 1990 is not a trade's")
    if ts_us > horizon_us:
        raise InvalidEventError("ts_us", ts_us, f"it lies in the future (the latest accepted is {horizon_us})")


def check_tick(tick: events.EquityTick) -> None:
    """Raise InvalidEventError for the first field of `tick` that no market can have produced.

    On the path of every tick, hence one expression for the sound ones; which field is wrong is asked afterwards.
    """
    size, volume, total_volume, bid, ask = tick.size, tick.volume, tick.total_volume, tick.bid, tick.ask
    try:
        sound = (
            0.0 < tick.price <= MAX_PRICE
            and type(size) is type(volume) is type(total_volume) is int
            and 0 <= size <= MAX_VOLUME
            and 0 <= volume <= MAX_VOLUME
            and 0 <= total_volume <= MAX_VOLUME
            and (bid is None or 0.0 <= bid <= MAX_PRICE)
            and (ask is None or 0.0 <= ask <= MAX_PRICE)
        )
    except TypeError:
        sound = False
    if sound:
        return
    _price("price", tick.price)
    for field in ("size", "volume", "total_volume"):
        _volume(field, getattr(tick, field))
    for field in ("bid", "ask"):
        _bid_or_ask(field, getattr(tick, field))


def _check_bar(bar: events.BarBackfill) -> None:
    for field in ("open", "high", "low", "close"):
        _price(field, getattr(bar, field))
    _volume("volume", bar.volume)


def _check_gap(gap: events.FeedGap) -> None:
    if not EARLIEST_US <= gap.from_us <= gap.to_us:
        raise InvalidEventError("from_us", gap.from_us, f"a gap lies after 1990 and ends after its start ({gap.to_us})")


def _check_quote(quote: events.EquityQuote) -> None:
    _bid_or_ask("bid", quote.bid)
    _bid_or_ask("ask", quote.ask)
    for field in ("bid_size", "ask_size"):
        if getattr(quote, field) is not None:
            _volume(field, getattr(quote, field))


def _check_option(quote: events.OptionQuote) -> None:
    check_ticker(quote.symbol.replace(" ", ""), may_be_empty=False)
    _price("strike", quote.strike)
    for field in ("bid", "ask", "last"):
        _bid_or_ask(field, getattr(quote, field))
    for field in ("volume", "open_interest"):
        if getattr(quote, field) is not None:
            _volume(field, getattr(quote, field))
    for field in ("implied_volatility", "delta", "gamma", "theta", "vega", "rho"):
        value = getattr(quote, field)
        if value is not None and not (_is_number(value) and math.isfinite(value)):
            raise InvalidEventError(field, value, "a finite number or nothing")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _price(field: str, value: Any) -> None:
    if not _is_number(value) or not 0 < value <= MAX_PRICE:
        raise InvalidEventError(field, value, f"a price is above 0 and at most {MAX_PRICE:,.0f} dollars")


def _bid_or_ask(field: str, value: Any) -> None:
    """A bid of 0 is real: it says that nobody bids."""
    if value is not None and (not _is_number(value) or not 0 <= value <= MAX_PRICE):
        raise InvalidEventError(field, value, f"a quote is 0 to {MAX_PRICE:,.0f} dollars, or nothing")


def _volume(field: str, value: Any) -> None:
    if type(value) is not int or not 0 <= value <= MAX_VOLUME:
        raise InvalidEventError(field, value, f"a size or volume is an integer of 0 to {MAX_VOLUME:,} shares")


CHECKS: dict[str, Callable[[Any], None]] = {
    "equity_tick": check_tick,
    "equity_quote": _check_quote,
    "option_quote": _check_option,
    "bar_backfill": _check_bar,
    "feed_gap": _check_gap,
}
"""What to check in the payload of each kind; kinds that carry no numbers are missing."""
