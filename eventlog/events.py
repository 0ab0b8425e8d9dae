"""What the log records. Each payload is self-contained, so that a replay needs no history.

Times are microseconds since 1970-01-01 UTC, prices are dollars, sizes and volumes are shares (contracts for options).
Fields at their default are left out of the JSON, which keeps a tick below 200 bytes on disk.
"""

from typing import Literal

import msgspec


class EquityTick(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A new trade. `volume` is what was traded since the previous tick, `total_volume` the day's high-water mark.

    `trade_us` is Schwab's trade time where the event's own `ts_us` differs from it (the key is strictly increasing
    per ticker). `time_source` is "receive" when the trade time was too far in the future to be believed.
    """

    price: float
    size: int
    volume: int
    total_volume: int
    bid: float | None = None
    ask: float | None = None
    trade_us: int | None = None
    delayed: bool = False
    time_source: Literal["trade", "receive"] = "trade"


class EquityQuote(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Only bid or ask changed. Sizes are lots, as Schwab sends them."""

    bid: float | None = None
    ask: float | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    delayed: bool = False


class OptionQuote(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """All that is known of one contract. The event's ticker is the underlying; `expiration` is an ISO date.

    `implied_volatility` is in percent, as Schwab sends it. `quote_us` is Schwab's time where `ts_us` differs from it.
    """

    symbol: str
    option_type: Literal["CALL", "PUT"]
    strike: float
    expiration: str
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    volume: int | None = None
    open_interest: int | None = None
    implied_volatility: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    rho: float | None = None
    quote_us: int | None = None
    delayed: bool = False
    time_source: Literal["trade", "receive"] = "trade"


class BarBackfill(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A minute bar fetched after a gap; the event's `ts_us` is the start of the minute. Never a tick."""

    open: float
    high: float
    low: float
    close: float
    volume: int
    source: str = "schwab_price_history"


class FeedConnected(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The stream is subscribed in full. `tickers` are the symbols subscribed."""

    tickers: list[str]


class FeedGap(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Nothing can have been recorded between `from_us` and `to_us`. An empty event ticker means: all tickers."""

    from_us: int
    to_us: int
    reason: str


LOSSES = frozenset({"restored_from_backup", "events_lost"})
"""Reasons of a FeedGap: before it the log held other events than it does now."""


class ServiceStarted(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A recorder began to run."""

    version: str
    pid: int


class ServiceStopped(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The recorder ended in order."""

    reason: str


Payload = (
    EquityTick | EquityQuote | OptionQuote | BarBackfill | FeedConnected | FeedGap | ServiceStarted | ServiceStopped
)

KIND_OF_PAYLOAD: dict[type[Payload], str] = {
    EquityTick: "equity_tick",
    EquityQuote: "equity_quote",
    OptionQuote: "option_quote",
    BarBackfill: "bar_backfill",
    FeedConnected: "feed_connected",
    FeedGap: "feed_gap",
    ServiceStarted: "service_started",
    ServiceStopped: "service_stopped",
}


class Event(msgspec.Struct, frozen=True, gc=False):
    """What a producer hands to `append`. `ticker` is empty for facts about the whole recording."""

    ticker: str
    ts_us: int
    payload: Payload


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """What a reader gets: the CRC has been checked, the payload is JSON text, decoded on demand."""

    seq: int
    kind: str
    ticker: str
    ts_us: int
    recorded_us: int
    payload: bytes


_DECODERS = {kind: msgspec.json.Decoder(payload) for payload, kind in KIND_OF_PAYLOAD.items()}


def decode(event: StoredEvent) -> Payload | None:
    """The typed payload, or None for a kind that a newer version wrote."""
    decoder = _DECODERS.get(event.kind)
    return None if decoder is None else decoder.decode(event.payload)
