"""How a table stands, and what one call of its pump has brought."""

from dataclasses import dataclass
from typing import Literal

from eventlog.errors import TicktapeError

RESTORED = "restored"
"""The state written down for a table whose cursor lies beyond the log's end. It outlasts restarts, because new events
will soon carry the seqs that were delivered already."""

State = Literal["ok", "retrying", "halted"]


@dataclass(frozen=True)
class SyncResult:
    """One call of `sync_once`. `wait_seconds` is how long to wait before the next one after an error.

    `more`: something is unsent. `is_catching_up`: so much that the next call should follow at once.
    """

    delivered: int = 0
    dead: int = 0
    more: bool = False
    is_catching_up: bool = False
    error: TicktapeError | None = None
    wait_seconds: float = 0.0


@dataclass(frozen=True)
class TableStatus:
    """What a person wants to know of a table. `unsent` counts positions, so it may include other kinds of events.

    `failures` counts calls that failed since the start, `retries` those of them that are simply tried again.
    """

    table: str
    cursor: int
    unsent: int
    oldest_unsent_us: int | None
    delivered: int
    dead_letters: int
    state: State
    last_error: str | None
    rows_per_second: float
    failures: int = 0
    retries: int = 0
