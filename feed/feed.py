"""The feed: connected whenever the market is open, for as long as the process lives, with every hole on record."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime

from loguru import logger

from eventlog.api import TimedLog
from eventlog.clock import Clock, SystemClock
from eventlog.events import Event, FeedConnected
from feed import errors, recovery
from feed.appender import Appender
from feed.backfill import Backfill
from feed.connection import Connection
from feed.contracts import Contracts
from feed.holes import Holes
from feed.hours import Hours
from feed.intake import Intake
from feed.keeper import TokenKeeper
from feed.market_hours import MarketHours
from feed.options import Options
from feed.policy import Attempts, Step
from feed.schwab import Client, Source, Tap
from feed.status import Status
from feed.waiting import until_first_end, wait_for


class Feed:
    """Streams `options.tickers` from `source` into `log`. `status` tells how it goes."""

    def __init__(
        self,
        log: TimedLog,
        source: Source,
        options: Options,
        clock: Clock | None = None,
        tap: Tap | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self._log = log
        self._source = source
        self._options = options
        self._watch = options.watch
        self._clock = clock or SystemClock()
        self._tap = tap
        self._intake = Intake()
        self._hours = Hours(options.session, always=options.skip_market_hours)
        self._market_hours = MarketHours(self._hours, source)
        self._attempts = Attempts(self._watch, dice or random.Random())
        self._contracts = Contracts(
            options.tickers, options.option_symbols, options.options_0dte, options.options_strikes
        )
        self.status = Status(counters=self._intake.counters, last_tick_us=self._intake.last_tick_us)
        self._appender = Appender(log, self.status)
        self._tokens = TokenKeeper(source, self.status)
        self._backfill = Backfill(log, source, self._appender, self._clock, self.status)
        self._holes = Holes(log, options.tickers, self._hours, self._appender, self._backfill, self._clock, self.status)

    async def run(self, stop: asyncio.Event) -> None:
        """Stream until `stop` is set, then make everything received durable. Raises only what the log raises."""
        await self._recover()
        appending = asyncio.create_task(self._appender.run())
        streaming = asyncio.create_task(self._stream_for_ever(stop))
        backfilling = asyncio.create_task(self._backfill.run(self._watch.poll_seconds))
        draining: asyncio.Task[None] | None = None
        try:
            await asyncio.wait([appending, streaming], return_when=asyncio.FIRST_COMPLETED)
            # Also when streaming broke: what was received becomes durable before the error ends the process.
            draining = asyncio.create_task(self._appender.drained())
            await asyncio.wait(
                [appending, draining], timeout=self._watch.drain_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for task in (appending, streaming):
                if task.done():
                    task.result()
            if not draining.done():
                logger.bind(event="feed.not_drained").error(
                    "stopped with events the log did not take in {:g} s: is the disk full?", self._watch.drain_seconds
                )
        finally:
            tasks = [task for task in (appending, streaming, backfilling, draining) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.status.state = "stopped"

    async def _recover(self) -> None:
        now_us = self._clock.now_us()
        await recovery.recover_equities(self._log, self._intake, self._options.tickers)
        for underlying in self._option_underlyings():
            await recovery.recover_options(self._log, self._intake, underlying, now_us)
        await self._holes.recover()

    def _option_underlyings(self) -> set[str]:
        explicit = {self._intake.option(symbol).underlying for symbol in self._options.option_symbols}
        return explicit | set(self._contracts.underlyings)

    async def _stream_for_ever(self, stop: asyncio.Event) -> None:
        refresh_token = False
        while not stop.is_set():
            if not await self._await_session(stop):
                break
            stamp = self._source.token_stamp()
            try:
                await self._stream_once(stop, refresh_token)
                refresh_token = False
            except errors.ConnectionEndedError as error:
                step = self._after(error)
                refresh_token = step.refresh_token
                await self._wait(step, stamp, stop)
        self._holes.close()

    async def _await_session(self, stop: asyncio.Event) -> bool:
        """Wait until there is a session to stream. False when asked to stop."""
        told_us: int | None = None
        waited_us: int | None = None
        while not stop.is_set():
            now_us = self._clock.now_us()
            await until_first_end(self._market_hours.ask(now_us), stop.wait())
            self._tokens.look()
            if waited_us is not None and self._hours.within_sessions(waited_us, now_us):
                # The machine slept over the opening, or its clock was behind.
                self._holes.open("opening_missed", waited_us)
            if self._hours.session_to_stream(now_us) is not None:
                self.status.next_open_us = None
                return True
            waited_us = now_us
            self._holes.close()
            self.status.state = "waiting_for_session"
            self.status.next_open_us = self._hours.next_session(now_us).open_us
            if told_us != self.status.next_open_us:
                told_us = self.status.next_open_us
                opens = datetime.fromtimestamp(told_us / 1e6, UTC)
                logger.bind(event="feed.closed", next_open_us=told_us).info(
                    "market closed; it opens next at {:%Y-%m-%d %H:%M} UTC", opens
                )
            await wait_for(stop, self._watch.poll_seconds)
        return False

    async def _stream_once(self, stop: asyncio.Event, refresh_token: bool) -> None:
        self.status.state = "connecting"
        self.status.connections += 1
        self._holes.none_before_now()
        client = self._source.client()
        try:
            if refresh_token:
                await until_first_end(client.refresh_token(), stop.wait())
            await self._stream_from(client, stop)
        finally:
            await client.close()

    async def _stream_from(self, client: Client, stop: asyncio.Event) -> None:
        self._contracts.roll(self._clock.now_us(), self._intake)
        connection = Connection(
            client, self._options, self._contracts, self._intake, self._appender, self.status, self._clock, self._tap
        )
        until = asyncio.Event()
        ending = asyncio.create_task(self._end_of_session(stop, until))
        try:
            await connection.run(until, self._healthy)
        finally:
            ending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ending

    async def _end_of_session(self, stop: asyncio.Event, until: asyncio.Event) -> None:
        """Set `until` when the connection is no longer wanted; meanwhile look after what wants a look now and then."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not stop.is_set():
            if self._hours.session_to_stream(self._clock.now_us()) is None:
                break
            if self.status.connected and loop.time() - began >= self._watch.stable_after_seconds:
                self._attempts.good()
            self._tokens.look()
            await wait_for(stop, self._watch.poll_seconds)
        until.set()

    async def _healthy(self, subscribed: list[str]) -> None:
        """All that Schwab accepts is subscribed: close the hole, then say so, in this order on record."""
        self._attempts.accepted()
        self._holes.close()
        self._holes.none_before_now()
        self._appender.add([Event("", self._clock.now_us(), FeedConnected(tickers=subscribed))])
        self.status.state, self.status.connected = "streaming", True
        self.status.alarm = self.status.last_error = None
        logger.bind(event="feed.connected", tickers=len(subscribed)).info("streaming {} symbols", len(subscribed))

    def _after(self, error: errors.ConnectionEndedError) -> Step:
        step = self._attempts.after(error)
        self._holes.open(error.reason)
        self.status.reconnects += 1
        self.status.state, self.status.last_error, self.status.alarm = step.state, str(error), step.alarm
        log = logger.bind(event="feed.ended", state=step.state)
        log.log(
            "ERROR" if step.alarm else "WARNING", "{}; next attempt in {:.1f} s", step.alarm or error, step.wait_seconds
        )
        return step

    async def _wait(self, step: Step, stamp: object, stop: asyncio.Event) -> None:
        """Wait as `step` says. Where a login is needed: until there is another token file, with a try now and then."""
        if step.state != "login_needed":
            await wait_for(stop, step.wait_seconds)
            return
        deadline = asyncio.get_running_loop().time() + self._watch.login_retry_seconds
        while (
            not stop.is_set() and self._source.token_stamp() == stamp and asyncio.get_running_loop().time() < deadline
        ):
            self._tokens.look()
            await wait_for(stop, step.wait_seconds)
