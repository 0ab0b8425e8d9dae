"""The plain figures that the checks judge. Gathered from the running service, or from its files."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FeedFacts:
    """The stream. `session_open_us` is when the present session began, None while the market is closed.

    `is_regular` tells whether the regular session is on: only then must a liquid ticker tick every minute. `received`
    counts what came since the start, by kind; `last_garbage_us` is when it was last seen that something was unreadable.
    """

    state: str
    session_open_us: int | None
    is_regular: bool
    next_open_us: int | None
    last_frame_us: int | None
    last_tick_us: int | None
    reconnects: int = 0
    received: tuple[tuple[str, int], ...] = ()
    alarm: str | None = None
    last_error: str | None = None
    quiet_tickers: tuple[str, ...] = ()
    refused_tickers: tuple[str, ...] = ()
    last_garbage_us: int | None = None


@dataclass(frozen=True)
class LogFacts:
    """events.db: `state` is open, full, failed or closed; `refused` counts events that could not be written."""

    state: str
    head: int
    queued: int = 0
    refused: int = 0


@dataclass(frozen=True)
class ProjectionFacts:
    """The fold of the log."""

    state: str
    checkpoint: int
    lag_events: int
    error: str | None = None


@dataclass(frozen=True)
class TableFacts:
    """One table on its way to the destination; `unsent` counts rows or events not looked at yet.

    `behind_since_us` is a moment whose last row has not arrived yet, None when all that was seen to be unsent has.
    """

    table: str
    unsent: int
    behind_since_us: int | None
    delivered: int
    dead_letters: int
    state: Literal["ok", "retrying", "halted", "unknown"]
    last_error: str | None = None
    failures: int = 0
    retries: int = 0


@dataclass(frozen=True)
class GapFacts:
    """The holes of the present ET day, as far as they lie in a session."""

    count: int
    seconds: float
    last_reason: str | None = None


@dataclass(frozen=True)
class StorageFacts:
    """Sizes in bytes. `bytes_per_day` is what the databases grow by on an average day, 0 while that is unknown."""

    free_bytes: int
    database_bytes: int
    wal_bytes: int
    bytes_per_day: float


@dataclass(frozen=True)
class Facts:
    """Everything at one moment. `feed` and `started_us` are None where no service runs."""

    now_us: int
    started_us: int | None
    version: str
    destination: str
    feed: FeedFacts | None
    log: LogFacts
    projection: ProjectionFacts
    tables: tuple[TableFacts, ...]
    gaps: GapFacts
    storage: StorageFacts
    is_token_needed: bool
    token_age_seconds: float | None
