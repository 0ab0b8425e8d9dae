"""One connection, from login to its end: subscribe in full, read, and doubt the silence."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

from loguru import logger

from eventlog.clock import Clock
from eventlog.events import EquityTick
from feed import errors
from feed.appender import Appender
from feed.contracts import Contracts
from feed.intake import Intake
from feed.options import Options
from feed.schwab import Client, Stream, Tap
from feed.status import Status
from feed.watchdog import Watchdog

SYMBOL_LIMIT = 19
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
        self._option_keys: list[str] = []
        self._watchdog = Watchdog(options, intake, status, clock)
        self._stream: Stream = client.stream(
            lambda message: self._inbox.append((intake.take_equities, message)),
            lambda message: self._inbox.append((intake.take_options, message)),
            self._notices.append,
            tap,
        )

    async def run(self, until: asyncio.Event, on_healthy: Callable[[], Awaitable[None]]) -> None:
        """Log in, subscribe, call `on_healthy`, then stream."""
        try:
            await self._open()
            self._watchdog.subscribed(self._loop.time())
            await on_healthy()
            await self._until_first_end(self._read(), self._guard(), self._follow_options(), _wait(until))
        finally:
            self._status.connected = False
            await self._stream.close()

    async def _open(self) -> None:
        async with self._in_time("login and subscription"):
            await self._stream.login()
            self._status.refused_tickers = await self._subscribe(self._stream.subscribe_equities, self._options.tickers)
            await self._subscribe_options()

    @contextlib.asynccontextmanager
    async def _in_time(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._watch.connect_seconds):
                yield
        except TimeoutError:
            raise errors.UnreachableError(f"{what} took longer than {self._watch.connect_seconds:g} s") from None

    async def _subscribe(self, subscribe: Callable[[Sequence[str]], Awaitable[None]], keys: Sequence[str]) -> list[str]:
        """Subscribe to as many leading `keys` as Schwab accepts, and return the others.

        The limit is found by bisection: it counts everything of the user, so that 500 cannot be relied on.
        """
        try:
            await subscribe(keys)
            return []
        except errors.StreamerCodeError as error:
            if error.code != SYMBOL_LIMIT or len(keys) == 1:
                raise
        accepted, refused = 0, len(keys)
        while refused - accepted > 1:
            middle = (accepted + refused) // 2
            try:
                await subscribe(keys[:middle])
                accepted = middle
            except errors.StreamerCodeError as error:
                if error.code != SYMBOL_LIMIT:
                    raise
                refused = middle
        if accepted == 0:
            raise errors.StreamerCodeError(SYMBOL_LIMIT, "not a single ticker is accepted", "SUBS")
        over = list(keys[accepted:])
        logger.bind(event="feed.symbol_limit", tickers=over).error(
            "over Schwab's symbol limit, not recorded: {}", ", ".join(over)
        )
        return over

    async def _until_first_end(self, *ways: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

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
        self._status.last_frame_us = received_us
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
        while self._notices:
            _heed(self._notices.popleft())

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
                    await self._subscribe(self._stream.subscribe_equities, self._options.tickers)

    async def _follow_options(self) -> None:
        """Choose contracts as the money moves. A failure costs options only, never the stream of equities."""
        while True:
            pause_seconds = self._watch.poll_seconds
            try:
                await self._contracts.follow(self._client, self._intake, self._clock.now_us())
                await self._subscribe_options()
            except (errors.ConnectionEndedError, ValueError) as error:
                pause_seconds = self._watch.options_retry_seconds
                logger.bind(event="feed.options").warning("no option contracts were added: {}", error)
            await asyncio.sleep(pause_seconds)

    async def _subscribe_options(self) -> None:
        """Bring the subscription to what is chosen: add what is new, start anew when something has expired."""
        chosen = self._contracts.chosen()
        known = dict.fromkeys(self._option_keys)
        added = [symbol for symbol in chosen if symbol not in known]
        if not added:
            return
        if known and known.keys() <= set(chosen):
            refused = await self._subscribe(self._stream.add_options, added)
        else:
            refused = await self._subscribe(self._stream.subscribe_options, chosen)
        self._option_keys = chosen
        self._status.refused_tickers += refused


def _heed(notice: dict[str, Any]) -> None:
    """Raise for an ADMIN notification: codes 12 and 30 announce that the socket is about to close."""
    content = notice.get("content")
    code = content.get("code") if isinstance(content, dict) else None
    if isinstance(code, int) and code != 0:
        raise errors.StreamerCodeError(code, str(content.get("msg", ""))[:200] if isinstance(content, dict) else "")


async def _wait(until: asyncio.Event) -> None:
    await until.wait()
