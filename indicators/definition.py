"""What a projection computes. It is stored with the projection: rows of two definitions are never mixed."""

import msgspec

from indicators import registry
from indicators.errors import UnknownIndicatorError
from indicators.registry import Parameters
from market.calendar import Session, SessionKind

FORMAT = 1
"""Raised when the meaning of the stored rows, bars or states changes; the next start then rebuilds."""


class Definition(msgspec.Struct, frozen=True):
    """`session` of the indicators, `sma_interval` ("tick" or seconds), and `names` of further columns to ship.

    Every registered indicator is computed and kept in state.db; `names` only says which ones the destination gets
    besides sma9 and vwap. Raises UnknownIndicatorError.
    """

    session: SessionKind = "regular"
    sma_interval: str = "tick"
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in registry.INDICATORS:
                known = ", ".join(sorted(set(registry.INDICATORS) - set(registry.CUSTOMER)))
                raise UnknownIndicatorError(f"INDICATORS={name}: no such indicator; known are {known}")

    @property
    def shipped(self) -> tuple[str, ...]:
        """The columns whose change makes a row be sent again."""
        return (*registry.CUSTOMER, *(name for name in self.names if name not in registry.CUSTOMER))

    def parameters(self, session: Session) -> Parameters:
        """What the kernels of one session are made from."""
        interval_us = 0 if self.sma_interval == "tick" else int(self.sma_interval) * 1_000_000
        return Parameters(interval_us, session.open_us)

    def stored(self) -> str:
        """The text kept with the projection; equal texts give equal rows."""
        kernels = {name: indicator.version for name, indicator in registry.INDICATORS.items()}
        return msgspec.json.encode(
            {
                "format": FORMAT,
                "session": self.session,
                "sma_interval": self.sma_interval,
                "shipped": self.shipped,
                "kernels": kernels,
            }
        ).decode()

    @classmethod
    def from_stored(cls, text: str) -> "Definition | None":
        """The definition that gave `text`, or None when it was another version's."""
        try:
            fields = msgspec.json.decode(text, type=_Stored)
            definition = cls(fields.session, fields.sma_interval, fields.shipped[len(registry.CUSTOMER) :])
        except (msgspec.MsgspecError, UnknownIndicatorError):
            return None
        return definition if definition.stored() == text else None


class _Stored(msgspec.Struct):
    session: SessionKind
    sma_interval: str
    shipped: tuple[str, ...]
