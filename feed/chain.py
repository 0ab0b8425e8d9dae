"""Which option contracts to stream: those near the money of the expiry at hand. Pure."""

import bisect
from datetime import date
from typing import Any

MAX_DAYS_TO_EXPIRY = 10


class Chain:
    """The contracts of one underlying that expire on `expiration`, and those chosen so far.

    Following the money only ever adds: what was streamed stays until the session closes.
    """

    def __init__(self, expiration: date, contracts: dict[float, list[str]], price: float | None) -> None:
        self.expiration = expiration
        self.chosen: dict[str, None] = {}
        self._contracts = contracts
        self._strikes = sorted(contracts)
        self._price = price

    def follow(self, price: float | None, strikes_per_side: int) -> list[str]:
        """The contracts that come in addition now that the underlying is at `price` (default: as in the chain)."""
        price = price or self._price
        if price is None:
            return []
        middle = bisect.bisect_left(self._strikes, price)
        near = self._strikes[max(0, middle - strikes_per_side) : middle + strikes_per_side]
        added = [symbol for strike in near for symbol in self._contracts[strike] if symbol not in self.chosen]
        self.chosen.update(dict.fromkeys(added))
        return added


def parse_chain(answer: dict[str, Any], today: date) -> Chain:
    """The contracts of the first expiry on or after `today` in Schwab's answer to GET /chains. Raises ValueError."""
    try:
        maps = [answer[name] for name in ("callExpDateMap", "putExpDateMap") if answer.get(name)]
        expirations = {date.fromisoformat(key.split(":")[0]) for expiries in maps for key in expiries}
        expiration = min(day for day in expirations if day >= today)
        contracts: dict[float, list[str]] = {}
        for expiries in maps:
            for key, strikes in expiries.items():
                if key.startswith(expiration.isoformat()):
                    for strike, found in strikes.items():
                        contracts.setdefault(float(strike), []).extend(str(one["symbol"]) for one in found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError("the chain has no contracts that expire today or later") from error
    price = answer.get("underlyingPrice")
    return Chain(expiration, contracts, float(price) if isinstance(price, int | float) and price > 0 else None)
