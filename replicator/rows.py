"""The rows of the destination's tables. Field order is column order; every row of a table has every column.

Prices are floats here and exact decimals on the wire: the shortest text that reads back as the same float.
"""

import datetime

import msgspec

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_from_seconds = datetime.datetime.fromtimestamp


class EquityRow(msgspec.Struct, frozen=True, gc=False):
    """A trade. Dollars and shares."""

    ticker: str
    timestamp: datetime.datetime
    price: float
    volume: int


class IndicatorRow(msgspec.Struct, frozen=True, gc=False):
    """What the indicators were after the tick with the same key; None during warm-up."""

    ticker: str
    timestamp: datetime.datetime
    sma9: float | None
    vwap: float | None


class OptionRow(msgspec.Struct, frozen=True, gc=False):
    """A quote of one contract. Dollars and contracts, implied volatility in percent."""

    ticker: str
    timestamp: datetime.datetime
    option_type: str
    strike_price: float
    expiration_date: datetime.date
    last_price: float | None
    bid: float | None
    ask: float | None
    volume: int | None
    open_interest: int | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    implied_volatility: float | None
    option_symbol: str


class MetricsRow(msgspec.Struct, frozen=True, gc=False):
    """What was delivered for a ticker in the minute that begins at `timestamp`."""

    ticker: str
    timestamp: datetime.datetime
    records_processed: int
    batch_size: int
    processing_time_ms: int
    error_count: int
    service_status: str


class GapRow(msgspec.Struct, frozen=True, gc=False):
    """A hole in the recording. Ticker `*` means all of them."""

    ticker: str
    timestamp: datetime.datetime
    ended_at: datetime.datetime
    reason: str


Row = EquityRow | IndicatorRow | OptionRow | MetricsRow | GapRow


def timestamp(ts_us: int) -> datetime.datetime:
    """Microseconds since 1970 as a UTC datetime, exactly: a double holds a time of this century to a quarter of one."""
    return _from_seconds(ts_us / 1_000_000, datetime.UTC)


def microseconds(moment: datetime.datetime) -> int:
    """The inverse of `timestamp`."""
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


def to_text(row: Row) -> str:
    """The row as JSON text, for a person and for a retry."""
    return msgspec.json.encode(row).decode()
