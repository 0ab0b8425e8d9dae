"""Watches the age of the refresh token, which a person must renew every seven days."""

from loguru import logger

from feed import token
from feed.schwab import Source
from feed.status import Status


class TokenKeeper:
    """Keeps the status' token fields up to date; warns at five days, alarms at six and a half, once each."""

    def __init__(self, source: Source, status: Status) -> None:
        self._source = source
        self._status = status

    def look(self) -> None:
        """Look at the age now."""
        age_seconds = self._source.token_age_seconds()
        state = None if age_seconds is None else token.state(age_seconds)
        self._status.token_age_seconds = age_seconds
        if state == self._status.token_state:
            return
        self._status.token_state = state
        if age_seconds is None or state in (None, "ok"):
            return
        days_left = max(0.0, (token.LIFETIME_SECONDS - age_seconds) / token.DAY_SECONDS)
        level = "WARNING" if state == "warn" else "ERROR"
        logger.bind(event="feed.token", state=state, days_left=round(days_left, 1)).log(
            level, "the Schwab login ends in {:.1f} days: run `ticktape login`", days_left
        )
