"""Group commit: whatever has queued up while the last commit ran is committed next, as one transaction.

A group is one call on the writer's worker thread and is acknowledged only after its COMMIT with synchronous=FULL. An
idle log commits at once. A busy one starts a commit at most every `interval_seconds`, so that a thread hop and an fsync
are shared, unless `EAGER_EVENTS` already wait, which make a commit worth its cost.
"""

import asyncio
import collections
import enum
import sqlite3
from collections.abc import Callable

from eventlog import codec
from eventlog.database import Database
from eventlog.errors import LogClosedError, LogFailedError, LogFullError, TicktapeError

INTERVAL_SECONDS = 0.005
EAGER_EVENTS = 64
QUEUE_EVENTS = 20_000
"""`admit` waits while this many events are queued, a few megabytes."""
_INSERT = f"INSERT INTO events ({codec.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"


class State(enum.Enum):
    """OPEN accepts; FULL holds its group until there is room; FAILED and CLOSED are final."""

    OPEN = "open"
    FULL = "full"
    FAILED = "failed"
    CLOSED = "closed"


class GroupCommit:
    """Commits rows in the order given. Only the event loop's thread touches its fields.

    `committed(head)` is called after every COMMIT, `failed()` once when a commit failed.
    """

    def __init__(
        self,
        writer: Database,
        head: int,
        committed: Callable[[int], None],
        failed: Callable[[], None],
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self.state = State.OPEN
        self.head = head
        self.failure: LogFailedError | None = None
        self._writer = writer
        self._committed = committed
        self._failed = failed
        self._interval_seconds = interval_seconds
        self._loop = asyncio.get_running_loop()
        self._rows: list[codec.Row] = []
        self._acknowledgements: list[asyncio.Future[None]] = []
        self._in_flight: tuple[list[codec.Row], list[asyncio.Future[None]]] | None = None
        self._started_at = -interval_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: collections.deque[asyncio.Future[None]] = collections.deque()

    @property
    def queued(self) -> int:
        """Events accepted and not yet committed."""
        return len(self._rows) + (len(self._in_flight[0]) if self._in_flight else 0)

    async def admit(self) -> None:
        """Wait until the queue has room. Raises when the log is failed or closed."""
        while self.state in (State.OPEN, State.FULL) and self.queued >= QUEUE_EVENTS:
            turn: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append(turn)
            await turn
        if self.state not in (State.OPEN, State.FULL):
            raise self._refusal()

    def put(self, rows: list[codec.Row]) -> "asyncio.Future[None]":
        """Queue `rows` as a whole; the future is done once they are durable."""
        acknowledgement: asyncio.Future[None] = self._loop.create_future()
        self._rows += rows
        self._acknowledgements.append(acknowledgement)
        self._consider()
        return acknowledgement

    async def close(self) -> None:
        """Commit what is queued, unless the disk is full or the log has failed; then refuse everything."""
        while self.state is State.OPEN and self.queued:
            await asyncio.wait([*(self._in_flight[1] if self._in_flight else []), *self._acknowledgements])
        if self._timer is not None:
            self._timer.cancel()
        if self.state is State.FULL:
            self._refuse_all(LogFullError("the log was closed while the disk was full: free some space, start again"))
        if self.state is not State.FAILED:
            self.state = State.CLOSED
        self._wake_waiting()

    def _consider(self) -> None:
        """Start a commit now, or set the timer for it, or leave it to the end of the running one."""
        if self._in_flight is not None or not self._rows or self.state is not State.OPEN:
            return
        wait_seconds = self._started_at + self._interval_seconds - self._loop.time()
        if wait_seconds <= 0 or len(self._rows) >= EAGER_EVENTS:
            self._start()
        elif self._timer is None:
            self._timer = self._loop.call_later(wait_seconds, self._start)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._in_flight is None:
            self._in_flight = self._rows, self._acknowledgements
            self._rows, self._acknowledgements = [], []
        self._started_at = self._loop.time()
        rows = self._in_flight[0]
        self._writer.submit(lambda connection: _commit(connection, rows)).add_done_callback(self._finished)

    def _finished(self, outcome: "asyncio.Future[None]") -> None:
        assert self._in_flight is not None
        error = outcome.exception()
        if error is not None:
            self._not_committed(error)
            return
        rows, acknowledgements = self._in_flight
        self._in_flight = None
        assert rows[-1][0] > self.head
        self.head = rows[-1][0]
        self._committed(self.head)
        for acknowledgement in acknowledgements:
            if not acknowledgement.done():
                acknowledgement.set_result(None)
        self._wake_waiting()
        self._consider()

    def _not_committed(self, error: BaseException) -> None:
        """Never retried, except where SQLite has rolled back because the disk was full."""
        self.state = State.FAILED
        self.failure = LogFailedError(f"the event log could not commit ({error}): stop, check the disk, start again")
        self.failure.__cause__ = error
        self._refuse_all(self.failure)
        self._wake_waiting()
        self._failed()

    def _refuse_all(self, error: TicktapeError) -> None:
        in_flight = self._in_flight[1] if self._in_flight else []
        for acknowledgement in [*in_flight, *self._acknowledgements]:
            if not acknowledgement.done():
                acknowledgement.set_exception(error)
        self._rows, self._acknowledgements, self._in_flight = [], [], None

    def _refusal(self) -> TicktapeError:
        return self.failure or LogClosedError("the log is closed")

    def _wake_waiting(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)


def _commit(connection: sqlite3.Connection, rows: list[codec.Row]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_INSERT, rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
