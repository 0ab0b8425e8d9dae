"""The service: starts the rooms in the order of the way of a tick, watches them, and ends them in that order."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version

from loguru import logger

from eventlog.clock import Clock, SystemClock
from eventlog.errors import TicktapeError
from feed.feed import Feed
from feed.schwab import Source
from service import composition, control, monitor, scheduler
from service.context import Context, open_context
from service.health import http as health
from service.health.live import Gatherer
from service.settings import Settings
from service.supervisor import DeadTaskError, Supervisor
from service.web import page, server


@dataclass(frozen=True)
class Outcome:
    """What an ended run leaves: rows that no destination has acknowledged (safe in the log)."""

    unsent: int


@dataclass(frozen=True)
class Began:
    """Where a run began: the log's head, and the rows delivered per table by the runs before it."""

    head: int
    delivered: dict[str, int]


class Service:
    """One recorder on one data directory: `async with running(...)` starts it, `stop` ends it in order.

    `url` is where health, metrics and the live page are served.
    """

    def __init__(self, context: Context, feed: Feed, gatherer: Gatherer, clock: Clock) -> None:
        self.context = context
        self.feed = feed
        self.gatherer = gatherer
        self.url = ""
        self.monitor = monitor.open_monitor(self, clock)
        self._supervisor = Supervisor()
        self._stop_feed = asyncio.Event()
        self._stop_rest = asyncio.Event()

    async def start(self) -> None:
        """Start every room: log first, feed last, so that nothing arrives that cannot be recorded."""
        context = self.context
        first_seq = context.log.head
        await context.log.start_recording(version("ticktape"))
        await context.projection.start()
        if context.replicator is not None:
            await context.replicator.start()
        self.began = Began(first_seq, self.delivered())
        self._supervisor.start("projection", context.projection.run(self._stop_rest))
        if context.replicator is not None:
            context.projection.on_rows = context.replicator.wake
            self._supervisor.start("replicator", context.replicator.run(self._stop_rest))
        self._supervisor.start("feed", self.feed.run(self._stop_feed))
        self._supervisor.start("monitor", self.monitor.run(self._stop_rest))

    def delivered(self) -> dict[str, int]:
        """Table -> rows delivered to this destination over all time."""
        replicator = self.context.replicator
        return {} if replicator is None else {table.table: table.delivered for table in replicator.status()}

    async def watch(self, stop: asyncio.Event) -> None:
        """Wait for `stop`; raises when a task dies, and why the log failed when it died of that."""
        try:
            await self._supervisor.watch(stop)
        except DeadTaskError as error:
            if self.context.log.failure is not None:
                raise self.context.log.failure from error
            raise

    async def stop(self, reason: str) -> Outcome:
        """End in order: feed, log, projection, replicator. What cannot be sent in SHUTDOWN_SECONDS stays in the log."""
        context = self.context
        loop = asyncio.get_running_loop()
        deadline = loop.time() + context.settings.shutdown_seconds
        self._stop_feed.set()
        await self._supervisor.finish("feed")
        await self._record_stop(reason)
        await self._fold_rest(deadline)
        unsent = 0
        if context.replicator is not None:
            unsent = await context.replicator.drain(max(0.0, deadline - loop.time()))
        self._stop_rest.set()
        await self._supervisor.finish("monitor")
        if unsent:
            logger.bind(event="service.unsent", rows=unsent).warning(
                "{} rows are unsent; they are safe in the log and go out after the next start", unsent
            )
        return Outcome(unsent)

    async def _record_stop(self, reason: str) -> None:
        is_recorded = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.context.settings.shutdown_seconds):
                is_recorded = await self.context.log.stop_recording(reason)
        if not is_recorded:
            logger.bind(event="service.stop_unrecorded").error(
                "the log takes nothing (is the disk full?): this stop is not on record, the next start records a gap"
            )

    async def _fold_rest(self, deadline: float) -> None:
        """Fold what was recorded last, unless that needs a whole rebuild, or more time than there is."""
        projection, log, loop = self.context.projection, self.context.log, asyncio.get_running_loop()
        why = "no time was left"
        try:
            while projection.checkpoint < log.head and not projection.outdated and loop.time() < deadline:
                await projection.fold_once()
        except (TicktapeError, sqlite3.Error) as error:
            why = str(error)
        if projection.checkpoint < log.head:
            logger.bind(event="service.unfolded", checkpoint=projection.checkpoint).warning(
                "the indicators end at seq {} of {} ({}); the next start goes on there",
                projection.checkpoint, log.head, why,
            )  # fmt: skip

    async def abandon(self) -> None:
        """End what still runs after a failure."""
        self._stop_feed.set()
        self._stop_rest.set()
        await self._supervisor.cancel_all()


def compose(context: Context, source: Source, clock: Clock) -> Service:
    """A service that has not been started: nothing runs and nothing is served yet."""
    gatherer = Gatherer(context.settings, context.log, clock, source)
    return Service(context, composition.feed(context.settings, context.log, source, clock), gatherer, clock)


@contextlib.asynccontextmanager
async def running(
    settings: Settings, source: Source, clock: Clock | None = None, any_port: bool = False
) -> AsyncIterator[Service]:
    """A started service. The caller holds the data directory, and decides when to call `stop`.

    With `any_port` another port serves health when HEALTH_PORT is in use.
    """
    clock = clock or SystemClock()
    async with open_context(settings, clock) as context:
        service = compose(context, source, clock)
        # Served before anything starts, so that a taken port leaves no trace of a run in the record.
        async with _served(service, clock, any_port):
            try:
                await service.start()
                async with control.serve(context), scheduler.serve(context):
                    yield service
            finally:
                await service.abandon()


@contextlib.asynccontextmanager
async def _served(service: Service, clock: Clock, any_port: bool) -> AsyncIterator[None]:
    settings = service.context.settings
    async with (
        page.open_routes(service, clock) as routes,
        server.serve(settings, [*health.routes(service), *routes], any_port) as service.url,
    ):
        yield
