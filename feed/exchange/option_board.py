"""Option contracts of the random market: a chain of today's expiry around each price, quoted as the price moves."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from feed.exchange import protocol
from feed.exchange.protocol import Fields, OptionField

STRIKES_PER_SIDE = 40


class OptionBoard:
    """The contracts of one underlying. Values are made up plausibly, not by a pricing model."""

    def __init__(self, underlying: str, price: float, expiration: date) -> None:
        self._underlying = underlying
        self._expiration = expiration
        middle = round(price)
        self._strikes = [
            float(strike) for strike in range(max(1, middle - STRIKES_PER_SIDE), middle + STRIKES_PER_SIDE)
        ]
        self._volume = 0

    def snapshots(self, price: float) -> Iterable[tuple[str, Fields]]:
        """Symbol and all fields of every contract."""
        for strike in self._strikes:
            for letter in "CP":
                yield self._symbol(strike, letter), self._static(strike, letter) | self._quote(strike, letter, price)

    def move(self, price: float, strikes: int = 3) -> Iterable[tuple[str, Fields]]:
        """What changes of the contracts nearest to the money."""
        self._volume += 1
        for strike in sorted(self._strikes, key=lambda strike: abs(strike - price))[:strikes]:
            for letter in "CP":
                yield self._symbol(strike, letter), self._quote(strike, letter, price)

    def chain(self, price: float) -> dict[str, Any]:
        """The answer to GET /chains."""
        maps: dict[str, Any] = {}
        for name, letter in (("callExpDateMap", "C"), ("putExpDateMap", "P")):
            strikes = {str(strike): [{"symbol": self._symbol(strike, letter)}] for strike in self._strikes}
            maps[name] = {f"{self._expiration.isoformat()}:0": strikes}
        return {"symbol": self._underlying, "status": "SUCCESS", "underlyingPrice": price, **maps}

    def _symbol(self, strike: float, letter: str) -> str:
        return f"{self._underlying:<6}{self._expiration:%y%m%d}{letter}{round(strike * 1000):08d}"

    def _static(self, strike: float, letter: str) -> Fields:
        return {
            OptionField.OPEN_INTEREST: int(1000 + strike),
            OptionField.EXPIRATION_YEAR: self._expiration.year,
            OptionField.EXPIRATION_MONTH: self._expiration.month,
            OptionField.EXPIRATION_DAY: self._expiration.day,
            OptionField.STRIKE: strike,
            OptionField.CONTRACT_TYPE: letter,
            OptionField.UNDERLYING: self._underlying,
        }

    def _quote(self, strike: float, letter: str, price: float) -> Fields:
        inside = price - strike if letter == "C" else strike - price
        value = max(0.05, inside + max(0.0, 3.0 - abs(inside) / 4))
        delta = min(0.99, max(0.01, 0.5 + inside / 20))
        now_ms = protocol.now_ms()
        return {
            OptionField.BID: round(value - 0.02, 2),
            OptionField.ASK: round(value + 0.02, 2),
            OptionField.LAST: round(value, 2),
            OptionField.TOTAL_VOLUME: self._volume,
            OptionField.VOLATILITY: round(18.0 + abs(inside) / 10, 4),
            OptionField.DELTA: round(delta if letter == "C" else -delta, 4),
            OptionField.GAMMA: 0.05,
            OptionField.THETA: -0.4,
            OptionField.VEGA: 0.1,
            OptionField.RHO: 0.01,
            OptionField.QUOTE_MS: now_ms,
            OptionField.TRADE_MS: now_ms,
        }
