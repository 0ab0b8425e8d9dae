"""When to be connected: the calendar, overridden by Schwab's own market hours where they can be had."""

from datetime import date, datetime
from typing import Any

from market import calendar
from market.calendar import Session, SessionKind

CONNECT_AHEAD_US = 120_000_000
STAY_BEHIND_US = 10_000_000
_DAYS_AHEAD = 30


class Hours:
    """Sessions of one kind. With `always`, the market never closes."""

    def __init__(self, kind: SessionKind, always: bool = False) -> None:
        self.kind: SessionKind = "all" if always else kind
        self._overrides: dict[date, Session | None] = {}

    @property
    def is_always_open(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.kind == "all"

    def is_known(self, day: date) -> bool:
        """Whether Schwab's answer for `day` has been taken over."""
        return day in self._overrides

    def override(self, day: date, answer: dict[str, Any]) -> None:
        """Take over Schwab's answer for `day`. Raises ValueError when it says nothing about that day."""
        self._overrides[day] = parse_market_hours(day, answer, self.kind)

    def session_of(self, day: date) -> Session | None:
        """The session of an ET day."""
        if day in self._overrides:
            return self._overrides[day]
        return calendar.session_of(day, self.kind)

    def session_at(self, now_us: int) -> Session | None:
        """The session that holds `now_us`."""
        session = self.session_of(calendar.trading_day(now_us))
        return session if session is not None and session.open_us <= now_us < session.close_us else None

    def session_to_stream(self, now_us: int) -> Session | None:
        """The session to be connected for: the present one, one that opens within two minutes, or has just closed.

        The last trades of a session arrive after it.
        """
        found = (self.session_at(at_us) for at_us in (now_us, now_us + CONNECT_AHEAD_US, now_us - STAY_BEHIND_US))
        return next(filter(None, found), None)

    def next_session(self, now_us: int) -> Session:
        """The first session that opens after `now_us`."""
        at_us = now_us
        for _ in range(_DAYS_AHEAD):
            day = calendar.trading_day(at_us)
            session = self.session_of(day)
            if session is not None and session.open_us > now_us:
                return session
            at_us = calendar.eastern_us(day, datetime.min.time()) + calendar.DAY_US + calendar.DAY_US // 8
        return calendar.next_session(now_us, self.kind)

    def within_sessions(self, from_us: int, to_us: int) -> list[tuple[int, int]]:
        """The parts of a period in which the market was open, in order."""
        if self.is_always_open:
            return [(from_us, to_us)] if from_us < to_us else []
        parts = []
        at_us = from_us
        while at_us < to_us:
            session = self.session_at(at_us) or self.next_session(at_us)
            begin_us, end_us = max(from_us, session.open_us), min(to_us, session.close_us)
            if begin_us >= to_us:
                break
            parts.append((begin_us, end_us))
            at_us = session.close_us
        return parts


def parse_market_hours(day: date, answer: dict[str, Any], kind: SessionKind) -> Session | None:
    """The session in Schwab's answer to GET /markets, None when it says that the market is closed.

    Raises ValueError for an answer that is not about `day`, or makes no sense.
    """
    products = answer.get("equity")
    if not isinstance(products, dict) or not products:
        raise ValueError("no equity market in the answer")
    product = products.get("EQ") or next(iter(products.values()))
    if not isinstance(product, dict) or product.get("date") != day.isoformat():
        raise ValueError(f"the answer is not about {day}")
    if not product.get("isOpen"):
        return None
    names = ("preMarket", "regularMarket", "postMarket") if kind == "extended" else ("regularMarket",)
    try:
        periods = _periods(product["sessionHours"], names)
        session = Session(day, min(begin for begin, _ in periods), max(end for _, end in periods))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ValueError("the answer has no session hours that can be read") from error
    if any(begin >= end for begin, end in periods) or calendar.trading_day(session.open_us) != day:
        raise ValueError(f"the session hours are not within {day}")
    return session


def _periods(hours: dict[str, Any], names: tuple[str, ...]) -> list[tuple[int, int]]:
    periods = [period for name in names for period in hours.get(name) or []]
    return [(_parse_us(period["start"]), _parse_us(period["end"])) for period in periods]


def _parse_us(text: Any) -> int:
    time = datetime.fromisoformat(str(text))
    if time.tzinfo is None:
        raise ValueError(f"{text} has no UTC offset")
    return round(time.timestamp() * 1_000_000)
