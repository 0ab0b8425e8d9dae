"""What the feed can be told. Durations are parameters, so that tests need not wait."""

from dataclasses import dataclass, field

from eventlog.errors import UsageError
from feed.option import parse_symbol
from market.calendar import SessionKind


@dataclass(frozen=True)
class Watch:
    """Durations of the connection, in seconds."""

    connect_seconds: float = 30.0
    """To open, log in and subscribe."""
    dead_after_seconds: float = 30.0
    """Without any frame, heartbeats included."""
    stale_after_seconds: float = 60.0
    """Without a tick or quote of a ticker that had a tick every few seconds."""
    stable_after_seconds: float = 30.0
    """After which a connection counts as good and the backoff starts anew."""
    first_retry_seconds: float = 0.5
    longest_retry_seconds: float = 30.0
    taken_retry_seconds: float = 300.0
    """After another program took the stream; doubles each time up to an hour."""
    login_retry_seconds: float = 900.0
    """After a login was denied for good, in case Schwab was wrong; a new token file is tried at once."""
    options_retry_seconds: float = 60.0
    """After option contracts could not be had or added."""
    drain_seconds: float = 10.0
    """For the log to take what was received before a stop."""
    poll_seconds: float = 1.0
    """How often the wall clock, the token file and the options are looked at."""


@dataclass(frozen=True)
class Options:
    """Which symbols to stream, when, and how patiently."""

    tickers: tuple[str, ...]
    session: SessionKind = "regular"
    skip_market_hours: bool = False
    options_0dte: bool = False
    options_strikes: int = 10
    option_symbols: tuple[str, ...] = ()
    watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        for symbol in self.option_symbols:
            try:
                parse_symbol(symbol)
            except ValueError as error:
                raise UsageError(f"OPTION_SYMBOLS: {error}") from error
