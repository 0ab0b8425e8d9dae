"""Hands events to the log in order, without a wait for each commit.

One append is on its way at a time; what arrives meanwhile goes into the next. So the order
cannot change, nothing is dropped, and fsync does not limit the rate. When too many events wait, `room` does, and the
socket is not read.
"""

import asyncio

from loguru import logger

from eventlog.api import Log
from eventlog.errors import InvalidEventError, LogFullError
from eventlog.events import Event
from feed.status import Status

MAX_WAITING = 10_000
MAX_BATCH = 5_000


class Appender:
    """`add` is synchronous, so that a cancelled reader loses nothing it has already taken off the socket."""

    def __init__(self, log: Log, status: Status, retry_seconds: float = 1.0) -> None:
        self._log = log
        self._status = status
        self._retry_seconds = retry_seconds
        self._waiting: list[Event] = []
        self._arrived = asyncio.Event()
        self._moved = asyncio.Condition()
        self._on_its_way = False

    def add(self, events: list[Event]) -> None:
        """Queue events behind those already waiting."""
        if events:
            self._waiting += events
            self._arrived.set()

    @property
    def is_full(self) -> bool:
        """Whether the reader must wait for `room`."""
        return len(self._waiting) >= MAX_WAITING

    async def room(self) -> None:
        """Wait until there is room."""
        async with self._moved:
            await self._moved.wait_for(lambda: not self.is_full)

    async def drained(self) -> None:
        """Wait until everything added is durable."""
        async with self._moved:
            await self._moved.wait_for(lambda: not self._waiting and not self._on_its_way)

    async def run(self) -> None:
        """Append for ever. Raises what the log raises when it cannot go on."""
        while True:
            await self._arrived.wait()
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            self._on_its_way = True
            if not self._waiting:
                self._arrived.clear()
            await self._append(batch)
            self._on_its_way = False
            async with self._moved:
                self._moved.notify_all()

    async def _append(self, batch: list[Event]) -> None:
        try:
            await self._append_patiently(batch)
        except InvalidEventError as error:
            if len(batch) > 1:
                # The log refuses a batch as a whole; only the event that is wrong may be left out.
                for event in batch:
                    await self._append([event])
                return
            self._status.refused_events += 1
            logger.bind(event="feed.refused", ticker=batch[0].ticker).error("the log refused an event: {}", error)

    async def _append_patiently(self, batch: list[Event]) -> None:
        while True:
            try:
                await self._log.append(batch)
            except LogFullError:
                await asyncio.sleep(self._retry_seconds)
                continue
            return
