"""Events for tests of the log."""

from eventlog.events import EquityTick, Event

OPEN_US = 1_784_554_200_000_000
"""2026-07-20 09:30 ET, a Monday."""
NOW_US = OPEN_US + 8 * 3_600_000_000
"""A clock of that evening."""


def tick(number: int, ticker: str = "QQQ", step_us: int = 1_000) -> Event:
    """The tick `number` of `ticker`; times rise with the number."""
    price = 400 + (number % 997) / 100
    payload = EquityTick(
        price=price, size=100 + number % 7, volume=100, total_volume=100 * number, bid=price - 0.01, ask=price + 0.01
    )
    return Event(ticker, OPEN_US + number * step_us, payload)


def ticks(count: int, first: int = 0, ticker: str = "QQQ", step_us: int = 1_000) -> list[Event]:
    """`count` ticks in a row."""
    return [tick(number, ticker, step_us) for number in range(first, first + count)]


def trade_of(event: Event) -> EquityTick:
    """The payload of a tick."""
    assert isinstance(event.payload, EquityTick)
    return event.payload
