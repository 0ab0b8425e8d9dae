"""What each end of a connection deserves. Pure: the transitions of the connection's state machine."""

import random
from typing import NamedTuple

from feed import errors
from feed.options import Watch
from feed.status import State

LOGIN_DENIED = 3
STREAM_TAKEN = 12
LONGEST_TAKEN_RETRY_SECONDS = 3600.0


class Step(NamedTuple):
    """What comes next: the state while waiting, how long, whether to fetch a new access token first, what to alarm."""

    state: State
    wait_seconds: float
    refresh_token: bool = False
    alarm: str | None = None


class Attempts:
    """Failures in a row, and the step each new one leads to."""

    def __init__(self, watch: Watch, dice: random.Random) -> None:
        self._watch = watch
        self._dice = dice
        self._failed = 0
        self._taken = 0
        self._denied = 0

    def good(self) -> None:
        """The connection has lasted: start anew."""
        self._failed = self._taken = self._denied = 0

    def accepted(self) -> None:
        """The login was accepted."""
        self._denied = 0

    def after(self, error: errors.ConnectionEndedError) -> Step:
        """The step after `error`.

        Code 3: refresh the access token once; if the login is denied again, a person must log in. Code 12: another
        program of the same user took the stream; taking it back would start a fight, so wait long. All else, codes 19
        and 30 and every close included: reconnect with a capped, jittered backoff.
        """
        if isinstance(error, errors.LoginNeededError):
            return Step("login_needed", self._watch.poll_seconds, alarm=str(error))
        code = error.code if isinstance(error, errors.StreamerCodeError) else None
        if code == LOGIN_DENIED:
            return self._after_denial(error)
        if code == STREAM_TAKEN:
            return self._after_takeover()
        self._failed += 1
        return Step("backing_off", self._backoff_seconds())

    def _after_denial(self, error: errors.ConnectionEndedError) -> Step:
        self._denied += 1
        if self._denied == 1:
            return Step("backing_off", 0.0, refresh_token=True)
        return Step("login_needed", self._watch.poll_seconds, alarm=f"{error}; run `ticktape login`")

    def _after_takeover(self) -> Step:
        wait_seconds = min(LONGEST_TAKEN_RETRY_SECONDS, self._watch.taken_retry_seconds * 2.0 ** min(self._taken, 30))
        self._taken += 1
        alarm = "another program took the stream (Schwab allows one per user): stop one of the two"
        return Step("stream_taken", wait_seconds, alarm=alarm)

    def _backoff_seconds(self) -> float:
        ceiling = self._watch.first_retry_seconds * 2.0 ** min(self._failed - 1, 30)
        return self._dice.uniform(0.5, 1.0) * min(self._watch.longest_retry_seconds, ceiling)
