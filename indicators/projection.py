"""The projection: folds the log into rows of state.db, page by page, and follows its tail.

Rows, bars, kernel states and checkpoint are written in one transaction: a crash anywhere repeats a page at most.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from loguru import logger

from eventlog.api import Page, TimedLog
from eventlog.database import Database
from eventlog.errors import CorruptEventError, LogClosedError, TicktapeError
from indicators import leftovers, pages, replay, store
from indicators.definition import Definition
from indicators.errors import LogPrunedError, ProjectionError, RebuildRunningError
from indicators.fold import Fold, Folded
from indicators.replay import EVERYTHING, Progress, Replay, Scope, Summary
from indicators.store import Position

_UNSAVED_EVENTS = 1000
"""How far the checkpoint may move in memory alone, over events that give no rows."""

_RETRY_SECONDS = 5.0

PACE_SECONDS = 0.05
"""Between the starts of two folds of the tail: each costs a read, a write and two thread hops, however many ticks."""


class ProjectionStatus(msgspec.Struct, frozen=True):
    """`lag_events` is how many events of the log are not folded yet; `error` says why it halted."""

    state: Literal["following", "catching_up", "rebuilding", "halted"]
    checkpoint: int
    lag_events: int
    revision: int
    error: str | None


class Projection:
    """The indicators and bars of `log`, kept in `state` by `definition`. Call `start` first."""

    def __init__(self, log: TimedLog, state: Database, definition: Definition) -> None:
        self.log = log
        self.state = state
        self.definition = definition
        self.on_rows: Callable[[], None] = lambda: None
        """Called after rows were committed."""
        self.lock = asyncio.Lock()
        """Held while a page is folded, and by a rebuild while it swaps."""
        self._position = Position(definition.stored(), 0, 0)
        self._saved_checkpoint = 0
        self._fold = Fold(definition)
        self._must_load = True
        self._outdated = False
        self._rebuild_lock = asyncio.Lock()
        self._error: TicktapeError | None = None

    @property
    def checkpoint(self) -> int:
        """Every event through this seq is folded, and what it gave is in state.db."""
        return self._position.checkpoint

    @property
    def outdated(self) -> bool:
        """Whether the stored rows were made by another definition or from another log, and wait for their rebuild."""
        return self._outdated

    def status(self) -> ProjectionStatus:
        """Where the projection stands."""
        lag = max(0, self.log.head - self.checkpoint)
        state: Literal["following", "catching_up", "rebuilding", "halted"]
        if self._error is not None:
            state = "halted"
        elif self._outdated or self._rebuild_lock.locked():
            state = "rebuilding"
        else:
            state = "catching_up" if lag > pages.SIZE else "following"
        error = None if self._error is None else str(self._error)
        return ProjectionStatus(state, self.checkpoint, lag, self._position.revision, error)

    async def start(self) -> None:
        """Resume from the stored kernels, or notice that the stored rows are not of this definition and log.

        Does nothing when already started.
        """
        async with self.lock:
            if not self._must_load:
                return
            await self._load()
        if self._outdated:
            logger.bind(event="projection.outdated").warning(
                "the stored indicators were made with other settings, kernels or another log; they are rebuilt"
            )

    async def fold_once(self, limit: int = pages.SIZE) -> int:
        """Fold the next page of at most `limit` events; the number of ticks and bars folded.

        Rebuilds first when the stored rows are outdated. Raises CorruptEventError or ProjectionError once every event
        before the one at fault is folded.
        """
        if self._outdated:
            await self._replace_outdated()
        async with self.lock:
            if self._must_load:
                await self._load()
            head = self.log.head
            page = await pages.read(self.log, self.checkpoint, limit)
            if page.through_seq == self.checkpoint:
                # Nothing there below the head: it was pruned.
                page = Page([], max(head, self.checkpoint))
            return await self._fold_page(page)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the log until `stop` or its end. An event that cannot be folded halts this, not the recording."""
        stopped = asyncio.ensure_future(stop.wait())
        removing = asyncio.create_task(self._remove_leftovers())
        try:
            while not stop.is_set():
                await self._follow(stopped)
        except LogClosedError:
            return
        except (CorruptEventError, ProjectionError) as error:
            self._error = error
            logger.bind(event="projection.halted", checkpoint=self.checkpoint).error("the projection halts: {}", error)
            await stopped
        finally:
            stopped.cancel()
            removing.cancel()
            await asyncio.gather(removing, return_exceptions=True)

    async def _remove_leftovers(self) -> None:
        """What a killed rebuild has left; a full disk is told by the folds, and the next start tries again."""
        with contextlib.suppress(sqlite3.OperationalError):
            async with self._rebuild_lock:
                await leftovers.remove(self.state)

    async def _follow(self, stopped: asyncio.Future[Literal[True]]) -> None:
        began = time.monotonic()
        try:
            await self.fold_once()
        except sqlite3.OperationalError as error:
            # A full disk, mostly. Nothing was written; the page is folded again from the stored kernels.
            logger.bind(event="projection.write_failed").error(
                "state.db refused a write ({}): trying again every {:.0f} seconds", error, _RETRY_SECONDS
            )
            await asyncio.wait([stopped], timeout=_RETRY_SECONDS)
            return
        if self.log.head - self.checkpoint < pages.SIZE:
            # An idle log waits longer than this anyway, so that its next tick is folded at once.
            await asyncio.wait([stopped], timeout=began + PACE_SECONDS - time.monotonic())
            await self._wait_for_more(stopped)

    async def _wait_for_more(self, stopped: asyncio.Future[Literal[True]]) -> None:
        beyond = asyncio.ensure_future(self.log.wait_beyond(self.checkpoint))
        waiting: list[asyncio.Future[Any]] = [stopped, beyond]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if beyond.done():
                beyond.result()
        finally:
            beyond.cancel()

    async def rebuild(self, scope: Scope = EVERYTHING, progress: Progress = replay.no_progress) -> Summary:
        """Replay the log into new tables and swap them in; outdated rows are always replaced as a whole.

        The projection goes on meanwhile, save for the last page and the swap. Raises RebuildRunningError when another
        is under way, CorruptEventError or ProjectionError; then the old rows stay.
        """
        if self._rebuild_lock.locked():
            raise RebuildRunningError("a rebuild is under way; wait for its end")
        async with self._rebuild_lock:
            await self.start()
            # Where nothing was folded yet there is nothing to meet: replay the whole log at once.
            self._outdated = self._outdated or self.checkpoint == 0
            summary = await self._replay(EVERYTHING if self._outdated else scope, progress)
        self.on_rows()
        return summary

    async def _replace_outdated(self) -> None:
        async with self._rebuild_lock:
            if self._outdated:
                await self._replay(EVERYTHING, replay.no_progress)
        self.on_rows()

    async def _replay(self, scope: Scope, progress: Progress) -> Summary:
        while True:
            try:
                summary = await self._replay_once(scope, progress)
            except LogPrunedError:
                continue  # Retention runs once a day, so that this ends.
            await leftovers.remove(self.state)
            return summary

    async def _replay_once(self, scope: Scope, progress: Progress) -> Summary:
        run = Replay(self.log, self.state, self.definition, scope, replace_all=self._outdated)
        await run.begin()
        goes_on = await self._replay_pages(run, pages.SIZE, progress)
        async with self.lock:
            if goes_on:
                await self._replay_pages(run, 0, progress)
            return await self._swap(run)

    async def _replay_pages(self, run: Replay, short_of: int, progress: Progress) -> bool:
        """Replay until `short_of` events before the target. False at an event that cannot be folded.

        What comes before it then takes the place of outdated rows, and the next fold halts at it; other rows stay, and
        its error is raised.
        """
        try:
            while run.through + short_of < self._target():
                await run.replay_page(self._target())
                progress(run.through, self._target())
                await asyncio.sleep(0)
        except (CorruptEventError, ProjectionError):
            if not self._outdated:
                raise
            return False
        return True

    async def _swap(self, run: Replay) -> Summary:
        summary = await run.swap()
        await self._load()
        return summary

    def _target(self) -> int:
        """Where a replay meets the projection; the head of the log when the stored rows do not count."""
        return self.log.head if self._outdated else self.checkpoint

    async def _load(self) -> None:
        stored = await self.state.run(store.position)
        wanted = self.definition.stored()
        if stored is None:
            stored = await self.state.transaction(lambda connection: store.create(connection, wanted))
        foreign = stored.definition != wanted or stored.checkpoint > self.log.head
        foreign = foreign or (stored.checkpoint > 0 and await pages.has_lost_since(self.log, stored.checkpoint))
        # A replay knows where a log that was pruned can be folded from.
        self._outdated = foreign or (stored.checkpoint == 0 and await pages.begins_at_us(self.log) > 0)
        self._fold = Fold(self.definition)
        if self._outdated:
            # The revision goes on; nothing is folded by this definition yet.
            self._position = Position(wanted, 0, stored.revision)
        else:
            self._fold.restore(await self.state.run(store.states))
            self._position = stored
        self._saved_checkpoint = self._position.checkpoint
        self._must_load = False

    async def _fold_page(self, page: Page) -> int:
        self._must_load = True  # Until the page is committed, the kernels in memory are ahead of the stored ones.
        try:
            folded = self._fold.page(page.events)
        except ProjectionError as error:
            readable = [event for event in page.events if event.seq < error.seq]
            if not readable:
                raise
            page = Page(readable, readable[-1].seq)
            folded = self._fold.page(readable)
        revision = self._position.revision + len(folded.rows)
        moved = Position(self._position.definition, page.through_seq, revision)
        if page.events or page.through_seq - self._saved_checkpoint > _UNSAVED_EVENTS:
            await self._save(folded, moved)
            self._saved_checkpoint = page.through_seq
        self._position = moved
        self._must_load = False
        if folded.rows:
            self.on_rows()
        return len(page.events)

    async def _save(self, folded: Folded, moved: Position) -> None:
        first = self._position.revision + 1
        rows = [(revision, *row) for revision, row in enumerate(folded.rows, first)]
        states = {ticker: self._fold.state(ticker) for ticker in folded.tickers}

        def write(connection: sqlite3.Connection) -> None:
            store.write_rows(connection, rows)
            store.write_bars(connection, folded)
            store.write_states(connection, states)
            store.move(connection, moved)

        await self.state.transaction(write)
