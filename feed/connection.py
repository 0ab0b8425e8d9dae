"""One connection, from login to its end: subscribe in full, read, and doubt the silence."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from loguru import logger

from eventlog.clock import Clock
from eventlog.events import EquityQuote, EquityTick
from feed import errors, lateness
from feed.appender import Appender
from feed.contracts import Contracts
from feed.intake import Intake
from feed.options import Options
from feed.schwab import Client, Stream, Tap
from feed.status import Status
from feed.subscriptions import Subscriptions
from feed.waiting import until_first_end
from feed.watchdog import Watchdog

MAX_GARBAGE_IN_A_ROW = 20


class Connection:
    """`run` returns when `until` is set; every other end is a ConnectionEndedError."""

    def __init__(
        self,
        client: Client,
        options: Options,
        contracts: Contracts,
        intake: Intake,
        appender: Appender,
        status: Status,
        clock: Clock,
        tap: Tap | None = None,
    ) -> None:
        self._client = client
        self._options = options
        self._watch = options.watch
        self._contracts = contracts
        self._intake = intake
        self._appender = appender
        self._status = status
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[tuple[Callable[[dict[str, Any], int], list[Any]], dict[str, Any]]] = deque()
        self._notices: deque[dict[str, Any]] = deque()
        self._lateness = lateness.Lateness(lateness.boot_us())
        self._watchdog = Watchdog(options, intake, status, clock)
        self._stream: Stream = client.stream(
            lambda message: self._inbox.append((intake.take_equities, message)),
            lambda message: self._inbox.append((intake.take_options, message)),
            self._notices.append,
            tap,
        )
        self._subscriptions = Subscriptions(self._stream, options.tickers, contracts, status)

    async def run(self, until: asyncio.Event, on_healthy: Callable[[list[str]], Awaitable[None]]) -> None:
        """Log in, subscribe, call `on_healthy` with what Schwab accepted, then stream."""
        try:
            await until_first_end(self._open(), until.wait())
            if until.is_set():
                return
            self._late_us()
            self._watchdog.subscribed(self._loop.time())
            await on_healthy(self._subscriptions.accepted)
            await until_first_end(self._read(), self._guard(), self._follow_options(), until.wait())
        finally:
            self._status.connected = False
            await self._stream.close()

    async def _open(self) -> None:
        async with self._in_time("login and subscription"):
            await self._stream.login()
            await self._subscriptions.equities()
            # Refused options must not keep the equities away.
            await self._subscribe_options()

    @contextlib.asynccontextmanager
    async def _in_time(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._watch.connect_seconds):
                yield
        except TimeoutError:
            raise errors.UnreachableError(f"{what} took longer than {self._watch.connect_seconds:g} s") from None

    async def _read(self) -> None:
        garbage_in_a_row = 0
        while True:
            try:
                await self._stream.next_frame()
                garbage_in_a_row = 0
            except errors.GarbageFrameError as error:
                garbage_in_a_row += 1
                self._garbage(error, garbage_in_a_row)
            self._take_frame()
            if self._appender.is_full:
                await self._appender.room()

    def _take_frame(self) -> None:
        received_us = self._clock.now_us()
        now = self._loop.time()
        self._watchdog.frame()
        # What is read late tells nothing of the time since it was sent.
        self._status.last_frame_us = received_us - self._late_us()
        self._intake.counters.frames += 1
        while self._inbox:
            take, message = self._inbox.popleft()
            try:
                events = take(message, received_us)
            except (KeyError, TypeError) as error:
                self._garbage(error, 1)
                continue
            self._appender.add(events)
            for event in events:
                if type(event.payload) is EquityTick:
                    self._watchdog.tick(event.ticker, now)
                elif type(event.payload) is EquityQuote:
                    self._watchdog.quote(event.ticker, now)
        while self._notices:
            _heed(self._notices.popleft())

    def _late_us(self) -> int:
        return self._lateness.of(self._stream.sent_us, lateness.boot_us())

    def _garbage(self, error: Exception, in_a_row: int) -> None:
        self._intake.counters.garbage += 1
        logger.bind(event="feed.garbage").warning("{}; the stream goes on", error)
        if in_a_row >= MAX_GARBAGE_IN_A_ROW:
            raise errors.ProtocolError(f"{in_a_row} unreadable frames in a row")

    async def _guard(self) -> None:
        while True:
            await asyncio.sleep(self._watchdog.interval_seconds)
            # While the log is behind, the socket is not read on purpose.
            if self._watchdog.look(self._loop.time(), is_reading=not self._appender.is_full):
                async with self._in_time("subscribing anew"):
                    await self._subscriptions.equities()

    async def _follow_options(self) -> None:
        """Choose contracts as the money moves. A failure costs options only, never the stream of equities."""
        ask_at = self._loop.time()
        while True:
            may_ask = self._loop.time() >= ask_at
            failures = await self._contracts.follow(self._client, self._intake, self._clock.now_us(), may_ask)
            for failure in failures:
                _warn_of_options(failure)
            if failures:
                ask_at = self._loop.time() + self._watch.options_retry_seconds
            has_all = await self._subscribe_options()
            await asyncio.sleep(self._watch.poll_seconds if has_all else self._watch.options_retry_seconds)

    async def _subscribe_options(self) -> bool:
        """Subscribe to the options that are chosen; False when Schwab refuses some: ask again later."""
        try:
            return await self._subscriptions.options()
        except errors.StreamClosedError:
            raise
        except errors.ConnectionEndedError as error:
            _warn_of_options(str(error))
            return False


def _warn_of_options(failure: str) -> None:
    logger.bind(event="feed.options").warning("no option contracts were added: {}", failure)


def _heed(notice: dict[str, Any]) -> None:
    """Raise for an ADMIN notification: codes 12 and 30 announce that the socket is about to close."""
    content = notice.get("content")
    code = content.get("code") if isinstance(content, dict) else None
    if isinstance(code, int) and code != 0:
        raise errors.StreamerCodeError(code, str(content.get("msg", ""))[:200] if isinstance(content, dict) else "")
