"""Doubts the silence: a half-open socket never fails by itself, and a stream may live while a ticker has died."""

from loguru import logger

from eventlog.clock import Clock
from feed import errors
from feed.intake import Intake
from feed.options import Options
from feed.pulse import Pulses
from feed.status import Status
from market import calendar
from market.calendar import SessionKind

SILENT_TICKER_SECONDS = 15.0


class Watchdog:
    """Watches one connection. `now` is always seconds of the event loop's clock.

    `look` raises SilentStreamError or StaleTickerError when the connection must be given up.
    """

    def __init__(self, options: Options, intake: Intake, status: Status, clock: Clock) -> None:
        self._options = options
        self._watch = options.watch
        self._intake = intake
        self._status = status
        self._clock = clock
        self._pulses = Pulses()
        self._silent_seconds = 0.0
        self._looked_at: float | None = None
        self._subscribed_at = 0.0
        self._resubscribed_at: float | None = None

    @property
    def interval_seconds(self) -> float:
        """How often to look."""
        return min(self._watch.poll_seconds, self._watch.dead_after_seconds / 4, self._watch.stale_after_seconds / 4)

    def subscribed(self, now: float) -> None:
        """Everything is subscribed."""
        self._subscribed_at = now

    def frame(self) -> None:
        """A frame arrived."""
        self._silent_seconds = 0.0

    def tick(self, ticker: str, now: float) -> None:
        """A tick arrived."""
        self._pulses.beat(ticker, now)

    def quote(self, ticker: str, now: float) -> None:
        """A quote arrived."""
        self._pulses.quote(ticker, now)

    def look(self, now: float, is_reading: bool) -> bool:
        """Look once; True asks for a new subscription of the equities."""
        self._look_for_silence(now, is_reading)
        self._look_for_silent_tickers(now)
        return self._look_for_stale_tickers(now)

    def _look_for_silence(self, now: float, is_reading: bool) -> None:
        elapsed = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        # A process that stood still must not take its own silence for the peer's: frames may wait in the socket.
        self._silent_seconds += min(elapsed, 2 * self.interval_seconds)
        if not is_reading:
            self._silent_seconds = 0.0
        if self._silent_seconds >= self._watch.dead_after_seconds:
            raise errors.SilentStreamError(f"no frame for {self._watch.dead_after_seconds:g} s")

    def _look_for_silent_tickers(self, now: float) -> None:
        if now - self._subscribed_at < SILENT_TICKER_SECONDS:
            return
        silent = [ticker for ticker in self._options.tickers if not self._intake.equity(ticker).has_data]
        if silent != self._status.silent_tickers:
            self._status.silent_tickers = silent
            if silent:
                logger.bind(event="feed.silent_tickers", tickers=silent).warning(
                    "Schwab has sent nothing for {}: is the symbol right?", ", ".join(silent)
                )

    def _look_for_stale_tickers(self, now: float) -> bool:
        """Warn and ask for a new subscription; when that did not help in the same time again, give up."""
        stale = self._stale_tickers(now)
        self._status.suspicious_tickers = stale
        if not stale:
            self._resubscribed_at = None
            return False
        names, seconds = ", ".join(stale), self._watch.stale_after_seconds
        if self._resubscribed_at is not None:
            if now - self._resubscribed_at >= seconds:
                raise errors.StaleTickerError(f"neither tick nor quote of {names} although subscribed anew")
            return False
        self._resubscribed_at = now
        logger.bind(event="feed.stale", tickers=stale).warning(
            "neither tick nor quote of {} for {:g} s in the session: subscribing anew", names, seconds
        )
        return True

    def _stale_tickers(self, now: float) -> list[str]:
        kind: SessionKind = "extended" if self._options.session == "extended" else "regular"
        if calendar.session_at(self._clock.now_us(), kind) is None:
            return []
        stale = self._pulses.stale(now, self._watch.stale_after_seconds)
        return [ticker for ticker in stale if self._intake.equity(ticker).is_trading]
