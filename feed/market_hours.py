"""Asking Schwab for the market hours of the day, once a day: its answer overrides the calendar."""

import asyncio
from datetime import date

from loguru import logger

from feed import errors
from feed.hours import Hours
from feed.schwab import Source
from market import calendar

RETRY_SECONDS = 1800.0
TIMEOUT_SECONDS = 10.0


class MarketHours:
    """Keeps `hours` overridden with what Schwab says. Without a sensible answer the calendar holds."""

    def __init__(self, hours: Hours, source: Source) -> None:
        self._hours = hours
        self._source = source
        self._not_before = -RETRY_SECONDS
        self._warned_of: date | None = None

    async def ask(self, now_us: int) -> None:
        """Ask for the ET day of `now_us` unless it is known, or was asked for in vain within half an hour."""
        day = calendar.trading_day(now_us)
        now = asyncio.get_running_loop().time()
        if self._hours.is_always_open or self._hours.is_known(day) or now < self._not_before:
            return
        self._not_before = now + RETRY_SECONDS
        try:
            client = self._source.client()
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    self._hours.override(day, await client.market_hours(day))
                self._not_before = now
            finally:
                await client.close()
        except (errors.ConnectionEndedError, TimeoutError) as error:
            self._tell("INFO", day, error)
        except ValueError as error:
            self._tell("INFO" if self._warned_of == day else "WARNING", day, error)
            self._warned_of = day

    def _tell(self, level: str, day: date, error: Exception) -> None:
        logger.bind(event="feed.market_hours", day=str(day)).log(
            level, "Schwab's market hours could not be had ({}); the calendar holds", error
        )
