"""The tables that are shipped: columns, key, conflict mode, and how a fact of the log becomes a row."""

import datetime
import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec

from eventlog import events
from replicator import rows
from replicator.rows import Row

Convert = Callable[[events.StoredEvent, Any], Row]

NO_TICKER = "*"
"""What a destination calls the ticker of a hole of the whole recording."""


@dataclass(frozen=True)
class TableSpec:
    """One destination table.

    `merge` says what a row with a known key does: True replaces it, False leaves the first one (a fact never changes).
    `decimals` are the columns of type numeric, `floats` those of double precision; neither carries NaN or infinity.
    `extra` are columns that INDICATORS= added; the destination's digest does not cover them.
    `kinds` are the events it is made of; empty for a table of state.db.
    """

    name: str
    row_type: type[Row]
    key: tuple[str, ...]
    merge: bool
    decimals: frozenset[str] = frozenset()
    floats: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    payload: type[events.Payload] | None = None
    convert: Convert | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in row order."""
        return self.row_type.__struct_fields__

    @functools.cached_property
    def key_of(self) -> Callable[[Row], Any]:
        """A function that gives the values of a row's unique key."""
        return operator.attrgetter(*self.key)

    @functools.cached_property
    def _decode(self) -> Callable[[bytes], Any]:
        assert self.payload is not None
        return msgspec.json.Decoder(self.payload).decode

    def rows_of(self, found: Sequence[events.StoredEvent]) -> list[Row]:
        """The rows that events of `kinds` become. Raises ValueError or TypeError when one of them cannot be a row."""
        assert self.convert is not None
        decode = self._decode
        return list(map(self.convert, found, [decode(event.payload) for event in found]))

    def are_finite(self, found: Sequence[Row]) -> bool:
        """Whether no row has a flaw."""
        for column in self.decimals | self.floats:
            values = list(map(operator.attrgetter(column), found))
            if None in values:
                values = [value for value in values if value is not None]
            if not all(map(math.isfinite, values)):
                return False
        return True

    def flaw(self, row: Row) -> str | None:
        """Why no destination can take the row, or None."""
        for column in self.decimals | self.floats:
            value = getattr(row, column)
            if value is not None and not math.isfinite(value):
                return f"{column} is {value}: not a number that a destination can store"
        return None


def _equity(event: events.StoredEvent, tick: events.EquityTick) -> Row:
    return rows.EquityRow(event.ticker, rows.timestamp(event.ts_us), tick.price, tick.volume)


def _option(event: events.StoredEvent, quote: events.OptionQuote) -> Row:
    return rows.OptionRow(
        ticker=event.ticker,
        timestamp=rows.timestamp(event.ts_us),
        option_type=quote.option_type,
        strike_price=quote.strike,
        expiration_date=datetime.date.fromisoformat(quote.expiration),
        last_price=quote.last,
        bid=quote.bid,
        ask=quote.ask,
        volume=quote.volume,
        open_interest=quote.open_interest,
        delta=quote.delta,
        gamma=quote.gamma,
        theta=quote.theta,
        vega=quote.vega,
        implied_volatility=quote.implied_volatility,
        option_symbol=quote.symbol,
    )


def _gap(event: events.StoredEvent, gap: events.FeedGap) -> Row:
    return rows.GapRow(event.ticker or NO_TICKER, rows.timestamp(gap.from_us), rows.timestamp(gap.to_us), gap.reason)


EQUITY_DATA = TableSpec(
    name="equity_data",
    row_type=rows.EquityRow,
    key=("ticker", "timestamp"),
    merge=False,
    decimals=frozenset({"price"}),
    kinds=frozenset({"equity_tick"}),
    payload=events.EquityTick,
    convert=_equity,
)
INDICATORS = TableSpec(
    name="indicators",
    row_type=rows.IndicatorRow,
    key=("ticker", "timestamp"),
    merge=True,
    floats=frozenset({"sma9", "vwap"}),
)
OPTION_PRICES = TableSpec(
    name="option_prices",
    row_type=rows.OptionRow,
    key=("ticker", "timestamp", "option_type", "strike_price", "expiration_date"),
    merge=False,
    decimals=frozenset({"strike_price", "last_price", "bid", "ask"}),
    floats=frozenset({"delta", "gamma", "theta", "vega", "implied_volatility"}),
    kinds=frozenset({"option_quote"}),
    payload=events.OptionQuote,
    convert=_option,
)
STREAMING_METRICS = TableSpec(
    name="streaming_metrics",
    row_type=rows.MetricsRow,
    key=("ticker", "timestamp"),
    merge=True,
)
STREAM_GAPS = TableSpec(
    name="stream_gaps",
    row_type=rows.GapRow,
    key=("ticker", "timestamp"),
    merge=True,
    kinds=frozenset({"feed_gap"}),
    payload=events.FeedGap,
    convert=_gap,
)

TABLES = (EQUITY_DATA, INDICATORS, OPTION_PRICES, STREAMING_METRICS, STREAM_GAPS)
BY_NAME = {table.name: table for table in TABLES}


def with_indicators(names: Sequence[str]) -> tuple[TableSpec, ...]:
    """TABLES, with the columns `names` of state.db beside sma9 and vwap in `indicators`."""
    extra = [name for name in names if name not in INDICATORS.columns]
    if not extra:
        return TABLES
    row_type = msgspec.defstruct(
        "WiderIndicatorRow",
        [(name, float | None) for name in extra],
        bases=(INDICATORS.row_type,),
        frozen=True,
        gc=False,
    )
    wider = replace(
        INDICATORS,
        row_type=cast(type[rows.IndicatorRow], row_type),
        floats=INDICATORS.floats | set(extra),
        extra=frozenset(extra),
    )
    return tuple(wider if table is INDICATORS else table for table in TABLES)
