"""From a labelled frame to events: one merger per ticker and per option contract. No input or output happens here."""

from collections.abc import Collection
from datetime import date
from typing import Any

import msgspec
from loguru import logger

from eventlog.events import EquityTick, Event, OptionQuote
from feed.equity import Equity, EquityItem
from feed.option import Option, OptionItem


class Counters(msgspec.Struct):
    """What arrived since the process started."""

    frames: int = 0
    ticks: int = 0
    quotes: int = 0
    option_quotes: int = 0
    garbage: int = 0


class Intake:
    """The merge state of the whole feed. It outlives connections, so that a repeated snapshot gives nothing new."""

    def __init__(self) -> None:
        self.equities: dict[str, Equity] = {}
        self.options: dict[str, Option] = {}
        self.counters = Counters()
        self.last_tick_us: dict[str, int] = {}

    def equity(self, ticker: str) -> Equity:
        """The merger of `ticker`."""
        return self.equities.get(ticker) or self.equities.setdefault(ticker, Equity(ticker))

    def option(self, symbol: str) -> Option:
        """The merger of an option contract. Raises ValueError for what is not an option symbol."""
        return self.options.get(symbol) or self.options.setdefault(symbol, Option(symbol))

    def take_equities(self, message: dict[str, Any], received_us: int) -> list[Event]:
        """The events of one `data` element of LEVELONE_EQUITIES, in the order of its content."""
        events: list[Event] = []
        for raw in message["content"]:
            try:
                item = msgspec.convert(raw, EquityItem, strict=False)
                event = self.equity(item.key).apply(item, received_us)
            except (msgspec.ValidationError, ValueError) as error:
                self._refuse(error)
                continue
            if event is None:
                continue
            events.append(event)
            if isinstance(event.payload, EquityTick):
                self.counters.ticks += 1
                self.last_tick_us[event.ticker] = event.ts_us
            else:
                self.counters.quotes += 1
        return events

    def take_options(self, message: dict[str, Any], received_us: int) -> list[Event]:
        """The events of one `data` element of LEVELONE_OPTIONS, in the order of its content."""
        events: list[Event] = []
        for raw in message["content"]:
            try:
                item = _option_item(raw)
                event = self.option(item.key).apply(item, received_us)
            except (msgspec.ValidationError, ValueError) as error:
                self._refuse(error)
                continue
            if event is not None:
                events.append(event)
        self.counters.option_quotes += len(events)
        return events

    def recover_option(self, ts_us: int, last: OptionQuote) -> None:
        """Take over a contract's last event of the log."""
        self.option(last.symbol).recover(ts_us, last)

    def forget_expired(self, today: date, but: Collection[str]) -> None:
        """Forget contracts that expired before `today`, as a process lives for months.

        No other: a stream that goes on sends only what changes of them.
        """
        lasting = self.options.items()
        self.options = {symbol: one for symbol, one in lasting if one.expiration >= today or symbol in but}

    def _refuse(self, error: Exception) -> None:
        self.counters.garbage += 1
        if self.counters.garbage.bit_count() == 1:
            logger.bind(event="feed.garbage", count=self.counters.garbage).warning(
                "an item of the stream could not be read ({}), {} so far", error, self.counters.garbage
            )


def _option_item(raw: Any) -> OptionItem:
    """Raises ValidationError. What Schwab cannot compute, such as a volatility, may be "NaN": that field is None."""
    try:
        return msgspec.convert(raw, OptionItem, strict=False)
    except msgspec.ValidationError:
        if not isinstance(raw, dict) or "NaN" not in raw.values():
            raise
        return msgspec.convert(
            {name: None if value == "NaN" else value for name, value in raw.items()}, OptionItem, strict=False
        )
