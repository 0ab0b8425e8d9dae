"""What the feed must know of its past, from the log: the last tick and quote of each ticker, where a hole began."""

from datetime import time
from typing import NamedTuple

from eventlog import events, ranges
from eventlog.api import TimedLog
from eventlog.events import EquityQuote, EquityTick, OptionQuote
from feed.intake import Intake
from market import calendar

MIDNIGHT = time(0)


async def recover_equities(log: TimedLog, intake: Intake, tickers: tuple[str, ...]) -> None:
    """Continue each ticker where the log ends, so that a repeated snapshot is recognised after a restart, too."""
    for ticker in tickers:
        stored_tick = await log.latest("equity_tick", ticker)
        stored_quote = await log.latest("equity_quote", ticker)
        tick = events.decode(stored_tick) if stored_tick else None
        quote = events.decode(stored_quote) if stored_quote else None
        intake.equity(ticker).recover(
            (stored_tick.ts_us, tick) if stored_tick and isinstance(tick, EquityTick) else None,
            (stored_quote.ts_us, quote) if stored_quote and isinstance(quote, EquityQuote) else None,
        )


async def recover_options(log: TimedLog, intake: Intake, underlying: str, now_us: int) -> None:
    """Continue each contract of `underlying` that was quoted this ET day."""
    since_us = calendar.eastern_us(calendar.trading_day(now_us), MIDNIGHT)
    async for stored in ranges.events_of(log, underlying, since_us, now_us + 1, ["option_quote"]):
        payload = events.decode(stored)
        assert isinstance(payload, OptionQuote)
        intake.recover_option(stored.ts_us, payload)


class Ended(NamedTuple):
    """When a recording ended, and how."""

    at_us: int
    reason: str


async def last_recorded(log: TimedLog) -> Ended | None:
    """How the recording before this one ended. None when the stream was never recorded.

    By the order of the log, not by time: one run whose clock was ahead must not count for ever. After a kill the log
    itself puts the hole up to the new start on record: what remains begins at its last event.
    """
    connected = await log.last_of_kind("feed_connected")
    if connected is None:
        return None
    stopped = await log.last_of_kind("service_stopped")
    if stopped is not None and stopped.seq > connected.seq:
        return Ended(stopped.ts_us, "not_running")
    last = (await log.read(log.head - 1, 1)).events[-1]
    return Ended(last.recorded_us, "restart")
