"""The flushes of one table: when the next one may begin, and the one under way."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from eventlog.api import Log
from replicator.pump import Pump
from replicator.standing import SyncResult

FLUSHES_PER_SECOND = 5
"""Of each table, at most. A request costs about 2 ms of CPU, and a nano has 100 ms a second for everything."""


class Flushes:
    """Never two under way at a time. `on_end` is called when one has ended."""

    def __init__(self, pump: Pump, log: Log, on_end: Callable[[], None]) -> None:
        self.pump = pump
        self.dirty = True
        """Whether rows may have been derived since the last flush."""
        self.not_before = 0.0
        """A time of `time.monotonic`, after which the next one may begin."""
        self._log = log
        self._on_end = on_end
        self._head_before = 0
        self._task: asyncio.Task[SyncResult] | None = None

    @property
    def under_way(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def has_unsent(self) -> bool:
        """Whether anything may be unsent; looks at memory only."""
        head = self.pump.source.head()
        if not self.pump.is_settled:
            return True
        return self.dirty if head is None else head != self.pump.cursor.position

    @property
    def gathered(self) -> int:
        """Events since the last flush; a row derived from an earlier one counts for itself."""
        derived = self.dirty and self.pump.source.head() is None
        return max(self._log.head - self._head_before, int(derived))

    def start(self) -> "asyncio.Task[SyncResult]":
        """The flush under way, or a new one."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_all())
            self._task.add_done_callback(lambda _: self._on_end())
        return self._task

    def collect(self) -> None:
        """Forget a flush that has ended. Raises what it raised."""
        if self._task is not None and self._task.done():
            ended, self._task = self._task, None
            if not ended.cancelled():
                ended.result()

    async def empty(self) -> None:
        """Flush until nothing is unsent, or an error."""
        self.dirty = True
        while True:
            result = await asyncio.shield(self.start())
            if result.error is not None or not self.has_unsent:
                return

    async def cancel(self) -> None:
        """End the flush under way. What it had in hand is not acknowledged."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _send_all(self) -> SyncResult:
        """One chunk; while catching up chunk after chunk. What arrives meanwhile waits for the next flush."""
        self.not_before = time.monotonic() + 1 / FLUSHES_PER_SECOND
        self.dirty = False
        head = self._log.head
        while True:
            result = await self.pump.sync_once()
            if result.error is not None:
                self.dirty = True
                self.not_before = time.monotonic() + result.wait_seconds
                return result
            if result.delivered or result.dead:
                self._head_before = head
            if not result.is_catching_up:
                self.dirty = self.dirty or result.more
                return result
