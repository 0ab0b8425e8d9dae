"""The one reader of the log's tail for all viewers. It runs while somebody watches, and costs nothing otherwise."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from loguru import logger

from eventlog.errors import CorruptEventError, LogClosedError, TicktapeError
from service.web import frames, history
from service.web.frames import Batch, FrameReader
from service.web.viewer import Viewer

if TYPE_CHECKING:
    from service.app import Service

PAGE_EVENTS = 1_000
PACE_SECONDS = 0.2
"""Between two frames: what came meanwhile shares one read, one encoding and one write per viewer."""
VITALS_SECONDS = 1.0
FOLD_PATIENCE_SECONDS = 1.0
FOLD_POLL_SECONDS = 0.01
TROUBLE_PAUSE_SECONDS = 5.0
MAX_RESUME_EVENTS = 20_000
MAX_VIEWERS = 100

TakeVitals = Callable[[], Awaitable[dict[str, Any]]]


class TooManyViewersError(TicktapeError):
    """MAX_VIEWERS pages are open."""


class Tail:
    """Follows the log from `position` and hands every viewer what happened to its ticker."""

    def __init__(self, service: "Service", reader: FrameReader, take_vitals: TakeVitals) -> None:
        self.position = 0
        self._log = service.context.log
        self._projection = service.context.projection
        self._tickers = service.context.settings.stream_ticker
        self._reader = reader
        self._take_vitals = take_vitals
        self._viewers: set[Viewer] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._prices: dict[str, float] = {}
        self._contracts: dict[str, dict[str, dict[str, Any]]] = {}

    @contextlib.asynccontextmanager
    async def watched_by(self, viewer: Viewer, after: int | None) -> AsyncIterator[AsyncIterator[bytes]]:
        """Hand `viewer` what happens from now on; the value is what it has missed since `after`, to be sent first.

        Between the two lies no event. Raises TooManyViewersError.
        """
        if len(self._viewers) >= MAX_VIEWERS:
            raise TooManyViewersError(f"{MAX_VIEWERS} pages are open: close some")
        self._start()
        since = self.position if after is None else after
        is_known = since <= self._log.head and self.position - since <= MAX_RESUME_EVENTS
        viewer.through_seq = max(since, self.position) if is_known else self.position
        self._viewers.add(viewer)
        try:
            yield self._missed(viewer.ticker, since, self.position) if is_known else _resync(self.position)
        finally:
            self._viewers.discard(viewer)
            if not self._viewers:
                await self._stop()

    def _start(self) -> None:
        if self._tasks:
            return
        self.position = self._log.head
        self._tasks = [
            asyncio.create_task(self._follow(), name="live page: follow"),
            asyncio.create_task(self._report(), name="live page: report"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The log was closed, or a task died: dismiss the viewers; the first that comes back starts anew.

        One that sleeps leaves later, and must not keep the others with what has ended.
        """
        if task not in self._tasks:
            return
        if not task.cancelled() and task.exception() is not None:
            logger.opt(exception=task.exception()).bind(event="page.failed").error("the live page stopped")
        tasks, self._tasks = self._tasks, []
        for other in tasks:
            other.cancel()
        viewers, self._viewers = self._viewers, set()
        for viewer in viewers:
            viewer.dismiss()

    async def _missed(self, ticker: str, after: int, until: int) -> AsyncIterator[bytes]:
        """The messages of after < seq <= until in pages."""
        try:
            while after < until:
                batch = await self._reader.read(after, min(PAGE_EVENTS, until - after))
                if batch.through_seq == after:
                    break
                after = batch.through_seq
                yield batch.message(ticker)
        except TicktapeError as error:
            yield frames.message("trouble", {"error": str(error)})

    async def _follow(self) -> None:
        while True:
            pause_seconds = PACE_SECONDS
            try:
                if await self._next() == PAGE_EVENTS:
                    pause_seconds = 0.0
            except LogClosedError:
                return  # the service is ending
            except TicktapeError as error:
                logger.bind(event="page.paused").warning("the live page is paused: {}", error)
                for viewer in self._viewers:
                    viewer.offer_latest("trouble", frames.message("trouble", {"error": str(error)}))
                await asyncio.sleep(TROUBLE_PAUSE_SECONDS)
            await asyncio.sleep(pause_seconds)

    async def _next(self) -> int:
        """Hand out the next page; the number of events it was asked for."""
        head = await self._log.wait_beyond(self.position)
        limit, batch = await self._read(await self._folded(head))
        before, self.position = self.position, batch.through_seq
        self._keep(batch)
        for viewer in self._viewers:
            if viewer.through_seq <= before:
                viewer.offer(batch.message(viewer.ticker), batch.through_seq)
        return limit

    async def _read(self, through: int) -> tuple[int, Batch]:
        """The next page, and the number of events it was asked for. No viewer's history ends within it.

        History may be ahead of the tail, whose pace is slower than a fold: such a viewer begins with a later page.
        """
        while True:
            ends = (viewer.through_seq for viewer in self._viewers if viewer.through_seq > self.position)
            limit = min(PAGE_EVENTS, min([through, *ends]) - self.position)
            batch = await self._reader.read(self.position, limit)
            # A viewer may have come meanwhile.
            if not any(self.position < viewer.through_seq < batch.through_seq for viewer in self._viewers):
                return limit, batch

    async def _folded(self, head: int) -> int:
        """How far to send: as far as the indicators are known, or everything when these stay behind for too long."""
        deadline = time.monotonic() + FOLD_PATIENCE_SECONDS
        while self._projection.checkpoint <= self.position:
            if time.monotonic() > deadline:
                return head
            await asyncio.sleep(FOLD_POLL_SECONDS)
        return min(head, self._projection.checkpoint)

    def _keep(self, batch: Batch) -> None:
        self._prices.update(batch.prices)
        for ticker, contracts in batch.contracts.items():
            self._contracts.setdefault(ticker, {}).update(contracts)

    async def _report(self) -> None:
        """Vitals, the last price of every ticker, and the contracts quoted since the last time."""
        await self._load_prices()
        while True:
            vitals = frames.message("vitals", await self._take_vitals())
            prices = frames.message("prices", self._prices)
            contracts = {
                ticker: frames.message("options", {"ticker": ticker, "rows": list(rows.values())})
                for ticker, rows in self._contracts.items()
            }
            self._contracts = {}
            for viewer in self._viewers:
                viewer.offer_latest("prices", prices)
                viewer.offer_latest("vitals", vitals)
                if viewer.ticker in contracts:
                    viewer.offer_latest("options", contracts[viewer.ticker])
            await asyncio.sleep(VITALS_SECONDS)

    async def _load_prices(self) -> None:
        for ticker in self._tickers:
            with contextlib.suppress(CorruptEventError):  # the tab waits for the next price
                last = await self._log.latest("equity_tick", ticker)
                if last is not None:
                    self._prices.setdefault(ticker, history.tick_row(last)[2])


async def _resync(position: int) -> AsyncIterator[bytes]:
    yield frames.message("resync", {"reason": "too much has happened since"}, position)
