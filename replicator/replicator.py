"""Ships what the destination has not acknowledged: all tables, each on its own, so that none holds up another.

`sync_once` and `sync_all` are free of loops over time; `run` and the scheduler only call them.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from loguru import logger

from eventlog.api import Log
from eventlog.clock import Clock, SystemClock
from eventlog.database import Database
from eventlog.errors import LogClosedError
from replicator import sources, tables
from replicator.alarms import Alarms
from replicator.cursors import Cursor, CursorStore, NewDeadLetter
from replicator.flushes import Flushes
from replicator.metrics import Summary
from replicator.pump import Pump
from replicator.sink import Sink
from replicator.standing import RESTORED, SyncResult, TableStatus

LOOK_SECONDS = 0.025
"""Between two looks for what is due, however often the log and the projection wake the loop."""
SUMMARY = tables.STREAMING_METRICS.name


@dataclass(frozen=True)
class Options:
    """A flush runs when `batch_size` events are unsent or `batch_interval_seconds` have passed."""

    batch_size: int = 1
    batch_interval_seconds: float = 1.0
    shipped: tuple[tables.TableSpec, ...] = tables.TABLES
    clock: Clock = field(default_factory=SystemClock)
    seed: int | None = None


class Replicator:
    """The rows of a log and a state.db on their way to one sink."""

    def __init__(self, log: Log, state: Database, sink: Sink, options: Options | None = None) -> None:
        self.options = options or Options()
        self.sink = sink
        self._log = log
        self.state = state
        self.cursors = CursorStore(state, sink.identity, self.options.clock)
        self.summary = Summary(state, self.options.clock)
        self._woken = asyncio.Event()
        alarms = Alarms(sink.identity)
        randomness = random.Random(self.options.seed)
        self._flushes = {
            table.name: Flushes(self._pump_of(table, alarms, randomness), log, self._woken.set)
            for table in self.options.shipped
        }
        # Taken before the service appends anything: a log shorter than a cursor must not grow past it unnoticed.
        self._head_at_first = log.head
        self._draining = False
        self._started = False

    def _pump_of(self, table: tables.TableSpec, alarms: Alarms, randomness: random.Random) -> Pump:
        source = sources.of_table(table, self._log, self.state)
        return Pump(
            table, source, self.sink, self.cursors, self.summary.delivered, self.summary.failed, alarms, randomness
        )

    async def start(self) -> None:
        """Load the cursors of this destination, once. No network is touched."""
        if self._started:
            return
        self._started = True
        known = await self.cursors.load()
        dead = await self.cursors.dead_letters()
        states = await self.cursors.states()
        for name, flushes in self._flushes.items():
            cursor = known.get(name, Cursor(0, 0))
            is_restored = states.get(name) == RESTORED or cursor.position > self._head_at_first
            derived = not flushes.pump.table.kinds
            error = None if derived or not is_restored else sources.beyond_head(name, cursor.position, self._log.head)
            flushes.pump.start(cursor, dead.get(name, 0), error)
            await flushes.pump.count_backlog()
        if not known:
            logger.bind(event="replicator.new_destination", destination=self.sink.identity).info(
                "{} is new: its history is shipped from the first event", self.sink.identity
            )

    def pump(self, table: str) -> Pump:
        """The pump of `table`."""
        return self._flushes[table].pump

    async def sync_once(self, table: str) -> SyncResult:
        """Deliver the next chunk of `table`, whatever the waits say."""
        return await self._flushes[table].pump.sync_once()

    async def sync_all(self) -> None:
        """Flush every table that may have something unsent and is not waiting after an error.

        Returns after `batch_interval_seconds` at the latest, so that a hanging table does not hold up the others. Does
        nothing once `drain` has begun.
        """
        if self._draining:
            return
        if self.summary.due:
            await self.summary.save()
            self._mark(SUMMARY)
        now = time.monotonic()
        tasks = [
            flushes.start()
            for flushes in self._flushes.values()
            if flushes.under_way or (flushes.has_unsent and now >= flushes.not_before)
        ]
        if tasks:
            done, _ = await asyncio.wait(tasks, timeout=self.options.batch_interval_seconds)
            for task in done:
                if not task.cancelled():
                    task.result()

    def wake(self) -> None:
        """Something was derived, or asked for from outside; what is appended needs no call."""
        self._mark("indicators")
        self._woken.set()

    def _mark(self, name: str) -> None:
        if name in self._flushes:
            self._flushes[name].dirty = True

    async def run(self, stop: asyncio.Event) -> None:
        """Flush on appends, wake-ups and after waits until `stop`. Raises what is not an error of the destination."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                looked, head = time.monotonic(), self._log.head
                self._woken.clear()
                wait = self._start_due()
                next_look = max(looked + LOOK_SECONDS, self._resting_until())
                if next_look == looked + LOOK_SECONDS:
                    await self._pause(stopped, head, wait)
                await asyncio.wait([stopped], timeout=next_look - time.monotonic())
        finally:
            stopped.cancel()
            await self._settle()

    def _resting_until(self) -> float:
        """When the first table may be flushed again, whatever comes in; the summary's turn is the scheduler's."""
        return min((flushes.not_before for name, flushes in self._flushes.items() if name != SUMMARY), default=0.0)

    def _start_due(self) -> float | None:
        """Start every flush that is due; the seconds until the next one becomes due, or None."""
        now = time.monotonic()
        waits: list[float] = []
        for flushes in self._flushes.values():
            flushes.collect()
            if self._draining or flushes.under_way or not flushes.has_unsent:
                continue
            if flushes.gathered < self.options.batch_size and flushes.pump.state == "ok":
                continue
            if now >= flushes.not_before:
                flushes.start()
            else:
                waits.append(flushes.not_before - now)
        return min(waits, default=None)

    async def _pause(self, stopped: "asyncio.Task[bool]", head: int, seconds: float | None) -> None:
        """Wait for a `wake`, an append beyond `head`, `stopped`, or the time to pass."""
        woken = asyncio.create_task(self._woken.wait())
        appended = asyncio.create_task(self._appended_beyond(head))
        waiting = {woken, appended, stopped}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()
        appended.cancel()

    async def _appended_beyond(self, head: int) -> None:
        with contextlib.suppress(LogClosedError):  # what the log holds is sent all the same
            await self._log.wait_beyond(head)

    async def drain(self, timeout_seconds: float) -> int:
        """Flush what can be flushed in time, write the cursors down; the number of rows left unsent."""
        deadline = time.monotonic() + timeout_seconds
        self._draining = True
        await self._empty_all([name for name in self._flushes if name != SUMMARY], deadline)
        # The summary tells of the flushes above as well, so it goes last.
        await self.summary.save()
        await self._empty_all([name for name in self._flushes if name == SUMMARY], deadline)
        unsent = 0
        for flushes in self._flushes.values():
            await flushes.pump.close()
            unsent += await flushes.pump.count_unsent()
        return unsent

    async def _empty_all(self, names: Sequence[str], deadline: float) -> None:
        """Empty the tables side by side; what is not done at `deadline` is given up."""
        tasks = [asyncio.create_task(self._flushes[name].empty()) for name in names]
        if not tasks:
            return
        done, late = await asyncio.wait(tasks, timeout=max(0.0, deadline - time.monotonic()))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await self._settle()
        for task in done:
            task.result()

    def status(self) -> list[TableStatus]:
        """Every table, from memory."""
        return [flushes.pump.status() for flushes in self._flushes.values()]

    async def record_dead_letters(self, table: str, dead: Sequence[NewDeadLetter]) -> None:
        """Record rows that were refused outside of the loop."""
        if dead:
            await self.cursors.record_dead(table, dead)
            await self.count_dead_letters()

    async def count_dead_letters(self) -> None:
        """Count anew what `status` tells, after a command changed the dead letters."""
        dead = await self.cursors.dead_letters()
        for name, flushes in self._flushes.items():
            flushes.pump.dead_letters = dead.get(name, 0)

    async def _settle(self) -> None:
        for flushes in self._flushes.values():
            await flushes.cancel()

    async def close(self) -> None:
        """Stop, write the cursors down and close the sink."""
        await self._settle()
        for flushes in self._flushes.values():
            await flushes.pump.close()
        await self.sink.close()
