"""Schwab's equity deltas merged into self-contained events: the rule of what is a tick."""

import msgspec
from msgspec import UNSET, UnsetType

from eventlog.events import EquityQuote, EquityTick, Event
from feed import keys, volume
from feed.merge import Count, Millis, Price, merged
from market import calendar

REGULAR_STATUS = "Normal"


class EquityItem(msgspec.Struct, gc=False):
    """One content item of LEVELONE_EQUITIES as schwab-py labels it; what did not change is unset."""

    key: str
    delayed: bool | UnsetType = UNSET
    BID_PRICE: Price | UnsetType | None = UNSET
    ASK_PRICE: Price | UnsetType | None = UNSET
    LAST_PRICE: Price | UnsetType | None = UNSET
    BID_SIZE: Count | UnsetType | None = UNSET
    ASK_SIZE: Count | UnsetType | None = UNSET
    TOTAL_VOLUME: Count | UnsetType | None = UNSET
    LAST_SIZE: Count | UnsetType | None = UNSET
    SECURITY_STATUS: str | UnsetType | None = UNSET
    QUOTE_TIME_MILLIS: Millis | UnsetType | None = UNSET
    TRADE_TIME_MILLIS: Millis | UnsetType | None = UNSET


class Trade(msgspec.Struct, frozen=True, gc=False):
    """What tells one trade from another, apart from the total volume. `time_us` is Schwab's, believable or not."""

    time_us: int
    price: float
    size: int


class Quote(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask; sizes are lots."""

    bid: float | None = None
    ask: float | None = None
    bid_size: int | None = None
    ask_size: int | None = None


class Equity:
    """All that is known of one ticker. `apply` turns a delta into at most one event."""

    def __init__(self, ticker: str) -> None:
        self.ticker = ticker
        self.status = REGULAR_STATUS
        self.has_data = False
        self.mark: volume.Mark | None = None
        self._delayed = False
        self._trade = Trade(0, 0.0, 0)
        self._quote = Quote()
        self._total = 0
        self._last_trade: Trade | None = None
        self._last_trade_us = 0
        self._last_quote = Quote()
        self._last_tick_key_us: int | None = None
        self._last_quote_key_us: int | None = None

    @property
    def is_trading(self) -> bool:
        """Whether Schwab calls the security's status normal, and not halted."""
        return self.status == REGULAR_STATUS

    @property
    def price(self) -> float | None:
        """The last price, None before the first."""
        price = self._trade.price or (self._last_trade.price if self._last_trade else 0.0)
        return price or None

    def recover(self, tick: tuple[int, EquityTick] | None, quote: tuple[int, EquityQuote] | None) -> None:
        """Take over the last tick and quote of the log, each with its `ts_us`, before the first delta."""
        if quote is not None:
            self._last_quote_key_us, payload = quote
            self._last_quote = Quote(payload.bid, payload.ask, payload.bid_size, payload.ask_size)
        if tick is None:
            return
        ts_us, last = tick
        self._last_tick_key_us = ts_us
        self._last_trade = Trade(ts_us if last.trade_us is None else last.trade_us, last.price, last.size)
        self._last_trade_us = min(self._last_trade.time_us, ts_us)
        self._total = last.total_volume
        self.mark = volume.Mark(calendar.trading_day(ts_us), last.total_volume, ts_us)

    def apply(self, item: EquityItem, received_us: int) -> Event | None:
        """The event that `item` amounts to: a tick if it tells of a new trade, else a quote if bid or ask changed."""
        self._merge(item)
        event = self._tick(received_us) if self._is_new_trade() else None
        # Also after a tick: a first snapshot may tell of an old trade and of a counter that was zeroed since.
        self._observe_volume(item, received_us)
        if event is not None:
            return event
        if self._quote != self._last_quote:
            return self._quote_event(item, received_us)
        return None

    def _merge(self, item: EquityItem) -> None:
        self.has_data = True
        trade, quote = self._trade, self._quote
        trade_ms = merged(item.TRADE_TIME_MILLIS, None)
        new_trade = Trade(
            trade.time_us if trade_ms is None else trade_ms * 1000,
            merged(item.LAST_PRICE, trade.price) or 0.0,
            merged(item.LAST_SIZE, trade.size) or 0,
        )
        new_quote = Quote(
            merged(item.BID_PRICE, quote.bid),
            merged(item.ASK_PRICE, quote.ask),
            merged(item.BID_SIZE, quote.bid_size),
            merged(item.ASK_SIZE, quote.ask_size),
        )
        self._trade, self._quote = new_trade, new_quote
        self._total = merged(item.TOTAL_VOLUME, self._total) or 0
        self._delayed = merged(item.delayed, self._delayed)
        self.status = merged(item.SECURITY_STATUS, self.status) or REGULAR_STATUS

    def _is_new_trade(self) -> bool:
        """Later than the last trade, or more volume than ever that day, or another price or size at the same time.

        Anything else is old news: a snapshot repeated after a reconnect, or a stream that was wound back.
        """
        trade = self._trade
        if trade.price <= 0 or trade.time_us == 0:
            return False
        mark_total = 0 if self.mark is None else self.mark.total
        if self._total > mark_total:
            return True
        if trade == self._last_trade:
            return False
        if trade.time_us == self._last_trade_us:
            return self._total == mark_total
        return trade.time_us > self._last_trade_us

    def _tick(self, received_us: int) -> Event:
        trade = self._trade
        believable = keys.is_believable(trade.time_us, received_us)
        time_us = trade.time_us if believable else received_us
        ts_us = keys.next_key(time_us, self._last_tick_key_us)
        day = calendar.trading_day(ts_us)
        shares, self.mark = volume.advance(self.mark, day, self._total, trade.size, ts_us)
        self._last_trade, self._last_tick_key_us, self._last_quote = trade, ts_us, self._quote
        if believable:
            self._last_trade_us = max(self._last_trade_us, trade.time_us)
        payload = EquityTick(
            price=trade.price,
            size=trade.size,
            volume=shares,
            total_volume=self.mark.total,
            bid=self._quote.bid,
            ask=self._quote.ask,
            trade_us=None if ts_us == trade.time_us else trade.time_us,
            delayed=self._delayed,
            time_source="trade" if believable else "receive",
        )
        return Event(self.ticker, ts_us, payload)

    def _observe_volume(self, item: EquityItem, received_us: int) -> None:
        if item.TOTAL_VOLUME is not UNSET and self.mark is not None and self._total < self.mark.total:
            self.mark = volume.observe(self.mark, calendar.trading_day(received_us), self._total, received_us)

    def _quote_event(self, item: EquityItem, received_us: int) -> Event:
        quote_ms = merged(item.QUOTE_TIME_MILLIS, None)
        time_us = received_us if quote_ms is None else quote_ms * 1000
        if not keys.is_believable(time_us, received_us):
            time_us = received_us
        ts_us = keys.next_quote_key(time_us, self._last_quote_key_us, received_us)
        self._last_quote, self._last_quote_key_us = self._quote, ts_us
        quote = self._quote
        payload = EquityQuote(quote.bid, quote.ask, quote.bid_size, quote.ask_size, self._delayed)
        return Event(self.ticker, ts_us, payload)
