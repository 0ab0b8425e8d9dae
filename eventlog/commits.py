"""Group commit: whatever has queued up while the last commit ran is committed next, as one transaction.

A group is one call on the writer's worker thread and is acknowledged only after its COMMIT with synchronous=FULL. An
idle log commits at once. A busy one starts a commit at most every `interval_seconds`, so that a thread hop and an fsync
are shared, unless `EAGER_EVENTS` already wait, which make a commit worth its cost.
"""

import asyncio
import collections
import enum
from typing import Any, Protocol

from eventlog import codec, store
from eventlog.database import Database
from eventlog.errors import LogClosedError, LogFailedError, LogFullError, TicktapeError

INTERVAL_SECONDS = 0.005
EAGER_EVENTS = 64
QUEUE_EVENTS = 20_000
"""`admit` waits while this many events are queued, a few megabytes."""
PROBE_SECONDS = 1.0
"""How often a log on a full disk looks for room."""


class State(enum.Enum):
    """OPEN accepts; FULL holds its group until there is room; FAILED and CLOSED are final."""

    OPEN = "open"
    FULL = "full"
    FAILED = "failed"
    CLOSED = "closed"


class Observer(Protocol):
    """What the log does around commits. `durable` runs on the worker thread, the others on the event loop."""

    def durable(self, seq: int) -> None:
        """A group up to `seq` has been committed."""

    def committed(self, values: list[Any]) -> None:
        """The head has moved to the last of these rows, one flat list; their appenders are told next."""

    def is_full_error(self, error: BaseException) -> bool:
        """Whether `error` means that the disk is full and SQLite has rolled back."""

    def became_full(self) -> None:
        """The group is held."""

    def has_room(self) -> bool:
        """Whether to try the held group again."""

    def resumed(self) -> None:
        """The held group has been committed."""

    def failed(self, error: LogFailedError) -> None:
        """Nothing will be committed any more."""


class GroupCommit:
    """Commits rows in the order given. Only the event loop's thread touches its fields."""

    def __init__(self, writer: Database, head: int, observer: Observer, interval_seconds: float) -> None:
        self.state = State.OPEN
        self.head = head
        self.failure: LogFailedError | None = None
        self._writer = writer
        self._observer = observer
        self._interval_seconds = interval_seconds
        self._loop = asyncio.get_running_loop()
        self._values: list[Any] = []
        self._acknowledgements: list[asyncio.Future[None]] = []
        self._in_flight: tuple[list[Any], list[asyncio.Future[None]]] | None = None
        self._running: asyncio.Future[None] | None = None
        self._started_at = -interval_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: collections.deque[asyncio.Future[None]] = collections.deque()

    @property
    def queued(self) -> int:
        """Events accepted and not yet committed."""
        in_flight = len(self._in_flight[0]) if self._in_flight else 0
        return (len(self._values) + in_flight) // codec.WIDTH

    async def admit(self) -> None:
        """Wait until the queue has room. Raises when the log is failed or closed."""
        while self.accepting and self.queued >= QUEUE_EVENTS:
            turn: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append(turn)
            await turn
        if not self.accepting:
            raise self.failure or LogClosedError("the log is closed")

    @property
    def accepting(self) -> bool:
        return self.state in (State.OPEN, State.FULL)

    def put(self, values: list[Any]) -> "asyncio.Future[None]":
        """Queue rows (one flat list) as a whole; the future is done once they are durable."""
        acknowledgement: asyncio.Future[None] = self._loop.create_future()
        self._values += values
        self._acknowledgements.append(acknowledgement)
        self._consider()
        return acknowledgement

    async def close(self) -> None:
        """Commit what is queued, unless the disk is full or the log has failed; then refuse everything."""
        while self.queued and (self.state is State.OPEN or self._running is not None):
            if self._running is None:
                self._start()
            assert self._running is not None
            await asyncio.wait([self._running])
        self._stop_timer()
        if self.state is State.FULL:
            self._refuse_all(LogFullError("the log was closed while the disk was full: free some space, start again"))
        if self.state is not State.FAILED:
            self.state = State.CLOSED
        self._wake_waiting()

    def fail(self, error: BaseException) -> None:
        """End in FAILED: after a failed fsync the kernel may have dropped the pages, so nothing is ever tried again."""
        self.state = State.FAILED
        if isinstance(error, TicktapeError):
            # Damage, say: its words, and its code, which keeps it from being restarted for ever.
            self.failure = LogFailedError(str(error))
            self.failure.exit_code = error.exit_code
        else:
            self.failure = LogFailedError(f"the event log failed ({error}): check the disk, then start again")
        self.failure.__cause__ = error
        self._stop_timer()
        self._refuse_all(self.failure)
        self._wake_waiting()
        self._observer.failed(self.failure)

    def _consider(self) -> None:
        """Start a commit now, or set the timer for it, or leave it to the end of the running one."""
        if self._in_flight is not None or not self._values or self.state is not State.OPEN:
            return
        wait_seconds = self._started_at + self._interval_seconds - self._loop.time()
        if wait_seconds <= 0 or len(self._values) >= EAGER_EVENTS * codec.WIDTH:
            self._start()
        elif self._timer is None:
            self._timer = self._loop.call_later(wait_seconds, self._start)

    def _start(self) -> None:
        """Submit the held group of a full disk again, or else all that is queued as the next group."""
        self._stop_timer()
        if self._in_flight is None:
            self._in_flight = self._values, self._acknowledgements
            self._values, self._acknowledgements = [], []
        self._started_at = self._loop.time()
        values = self._in_flight[0]
        durable = self._observer.durable

        def work(connection: Any) -> None:
            store.commit(connection, values)
            durable(values[-codec.WIDTH])

        self._running = self._writer.submit(work)
        self._running.add_done_callback(self._finished)

    def _finished(self, outcome: "asyncio.Future[None]") -> None:
        try:
            self._finish(outcome)
        except Exception as error:
            # An appender that is never answered would wait for ever.
            self.fail(error)

    def _finish(self, outcome: "asyncio.Future[None]") -> None:
        self._running = None
        error = outcome.exception()
        if self.state is State.FAILED:
            return
        if error is not None and self._observer.is_full_error(error):
            self._hold()
            return
        if error is not None:
            self.fail(error)
            return
        assert self._in_flight is not None
        values, acknowledgements = self._in_flight
        seq = values[-codec.WIDTH]
        assert seq > self.head
        self.head = seq
        if self.state is State.FULL:
            self.state = State.OPEN
            self._observer.resumed()
        self._observer.committed(values)
        self._in_flight = None
        for acknowledgement in acknowledgements:
            if not acknowledgement.done():
                acknowledgement.set_result(None)
        self._wake_waiting()
        self._consider()

    def _hold(self) -> None:
        if self.state is State.OPEN:
            self.state = State.FULL
            self._observer.became_full()
        self._timer = self._loop.call_later(PROBE_SECONDS, self._look_for_room)

    def _look_for_room(self) -> None:
        try:
            has_room = self._observer.has_room()
        except OSError as error:
            self.fail(error)
            return
        if has_room:
            self._start()
        else:
            self._timer = self._loop.call_later(PROBE_SECONDS, self._look_for_room)

    def _refuse_all(self, error: TicktapeError) -> None:
        in_flight = self._in_flight[1] if self._in_flight else []
        for acknowledgement in [*in_flight, *self._acknowledgements]:
            if not acknowledgement.done():
                acknowledgement.set_exception(error)
        self._values, self._acknowledgements, self._in_flight = [], [], None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake_waiting(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
