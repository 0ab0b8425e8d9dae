"""Schwab's option deltas merged into self-contained `option_quote` events."""

from datetime import date

import msgspec
from msgspec import UNSET, UnsetType, structs

from eventlog.events import Event, OptionQuote
from feed import keys
from feed.merge import Count, Millis, Number, Price, merged


class OptionItem(msgspec.Struct, gc=False):
    """One content item of LEVELONE_OPTIONS as schwab-py labels it; what did not change is unset."""

    key: str
    delayed: bool | UnsetType = UNSET
    BID_PRICE: Price | UnsetType | None = UNSET
    ASK_PRICE: Price | UnsetType | None = UNSET
    LAST_PRICE: Price | UnsetType | None = UNSET
    TOTAL_VOLUME: Count | UnsetType | None = UNSET
    OPEN_INTEREST: Count | UnsetType | None = UNSET
    VOLATILITY: Number | UnsetType | None = UNSET
    UNDERLYING: str | UnsetType | None = UNSET
    DELTA: Number | UnsetType | None = UNSET
    GAMMA: Number | UnsetType | None = UNSET
    THETA: Number | UnsetType | None = UNSET
    VEGA: Number | UnsetType | None = UNSET
    RHO: Number | UnsetType | None = UNSET
    QUOTE_TIME_MILLIS: Millis | UnsetType | None = UNSET
    TRADE_TIME_MILLIS: Millis | UnsetType | None = UNSET


class Contract(msgspec.Struct, frozen=True):
    """What an option symbol says: root padded to 6, YYMMDD, C or P, strike in thousandths of a dollar."""

    symbol: str
    underlying: str
    expiration: date
    option_type: str
    strike: float


def parse_symbol(symbol: str) -> Contract:
    """The contract of a symbol such as `GOOG  240517C00070000`. Raises ValueError."""
    root, stamp, letter, strike = symbol[:6].rstrip(), symbol[6:12], symbol[12:13], symbol[13:]
    if not root or letter not in ("C", "P") or len(strike) != 8 or not (stamp + strike).isdecimal():
        raise ValueError(f"{symbol!r} is not an option symbol such as 'GOOG  240517C00070000'")
    expiration = date(2000 + int(stamp[:2]), int(stamp[2:4]), int(stamp[4:]))
    return Contract(symbol, root, expiration, "CALL" if letter == "C" else "PUT", int(strike) / 1000)


class Option:
    """All that is known of one contract. `apply` turns a delta into at most one event.

    Symbol, underlying, expiry, strike and type come from the symbol itself, so that they can never be missing.
    """

    def __init__(self, symbol: str) -> None:
        contract = parse_symbol(symbol)
        self.underlying = contract.underlying
        self.expiration = contract.expiration
        self._known = OptionQuote(
            symbol=symbol,
            option_type="CALL" if contract.option_type == "CALL" else "PUT",
            strike=contract.strike,
            expiration=contract.expiration.isoformat(),
        )
        self._recorded = self._known
        self._quote_us = 0
        self._last_key_us: int | None = None

    def recover(self, ts_us: int, last: OptionQuote) -> None:
        """Take over the contract's last event of the log."""
        self._last_key_us = ts_us
        self._quote_us = ts_us if last.quote_us is None else last.quote_us
        self._known = self._recorded = structs.replace(last, quote_us=None, time_source="trade")

    def apply(self, item: OptionItem, received_us: int) -> Event | None:
        """The event that `item` amounts to, or None when nothing that is recorded changed."""
        self._merge(item, received_us)
        if self._known == self._recorded:
            return None
        believable = keys.is_believable(self._quote_us, received_us)
        time_us = self._quote_us if believable else received_us
        ts_us = keys.next_quote_key(time_us, self._last_key_us, received_us)
        self._recorded, self._last_key_us = self._known, ts_us
        payload = structs.replace(
            self._known,
            quote_us=None if self._quote_us in (ts_us, 0) else self._quote_us,
            time_source="trade" if believable else "receive",
        )
        return Event(self.underlying, ts_us, payload)

    def _merge(self, item: OptionItem, received_us: int) -> None:
        known = self._known
        self._known = structs.replace(
            known,
            bid=merged(item.BID_PRICE, known.bid),
            ask=merged(item.ASK_PRICE, known.ask),
            last=merged(item.LAST_PRICE, known.last),
            volume=merged(item.TOTAL_VOLUME, known.volume),
            open_interest=merged(item.OPEN_INTEREST, known.open_interest),
            implied_volatility=merged(item.VOLATILITY, known.implied_volatility),
            delta=merged(item.DELTA, known.delta),
            gamma=merged(item.GAMMA, known.gamma),
            theta=merged(item.THETA, known.theta),
            vega=merged(item.VEGA, known.vega),
            rho=merged(item.RHO, known.rho),
            delayed=merged(item.delayed, known.delayed),
        )
        # The root of an index option is not its underlying (SPXW, $SPX).
        self.underlying = merged(item.UNDERLYING, None) or self.underlying
        times_ms = (merged(item.QUOTE_TIME_MILLIS, None), merged(item.TRADE_TIME_MILLIS, None))
        quote_us = max(1000 * (time_ms or 0) for time_ms in times_ms)
        if quote_us > self._quote_us or (quote_us and not keys.is_believable(self._quote_us, received_us)):
            self._quote_us = quote_us
