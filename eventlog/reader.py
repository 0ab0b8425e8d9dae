"""Reading a log that another process may be writing: a connection with mode=ro, every event checked against its CRC."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from eventlog import codec, database, queries, schema
from eventlog.api import Page
from eventlog.database import Database
from eventlog.errors import CorruptEventError, DamagedLogError, TicktapeError, UnreadableLogError, UsageError
from eventlog.events import StoredEvent

T = TypeVar("T")

LOG_FILE = "events.db"
_POLL_SECONDS = 0.2


class LogReader:
    """Read methods of the log. Each call is one short read transaction, so that the WAL is never pinned for long."""

    def __init__(self, connection: Database) -> None:
        self.database = connection
        self._decoder = codec.RowDecoder()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` reads, in one call. Raises DamagedLogError, CorruptEventError, or UnreadableLogError."""
        try:
            return await self._try(work)
        except (DamagedLogError, CorruptEventError) as error:
            if not isinstance(error.__cause__, sqlite3.DatabaseError):
                raise
        # SQLite calls a read that the disk has failed damage too: it is damage when it is found again.
        return await self._try(work)

    async def _try(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self.database.run(work)
        except sqlite3.DatabaseError as error:
            raise failure(self.database.path, error) from error

    async def head(self) -> int:
        """The last seq ever given out, 0 for an empty log."""
        return await self.run(queries.head)

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        """As `eventlog.api.Log.read`; looks at `limit` rows at most."""
        return await self.run(lambda raw: queries.page(raw, self._decoder, after, limit, kinds))

    async def latest(self, kind: str, ticker: str) -> StoredEvent | None:
        """The event of `kind` and `ticker` with the largest time. Raises CorruptEventError."""
        return await self.run(lambda raw: queries.latest(raw, self._decoder, kind, ticker))

    async def last_event(self) -> StoredEvent | None:
        """The event with the largest seq. Raises CorruptEventError."""
        return await self.run(lambda raw: queries.last_event(raw, self._decoder))

    async def last_of_kind(self, kind: str) -> StoredEvent | None:
        """The event of `kind` about the whole recording that was appended last. Raises CorruptEventError."""
        return await self.run(lambda raw: queries.last_of_kind(raw, self._decoder, kind))

    async def last(self, count: int, kinds: Collection[str] | None = None) -> list[StoredEvent]:
        """The last `count` events, of `kinds` when given, in seq order. Raises CorruptEventError."""
        return await self.run(lambda raw: queries.last(raw, self._decoder, count, kinds))

    async def read_range(
        self,
        ticker: str,
        since_us: int,
        until_us: int,
        kinds: Collection[str] | None = None,
        limit: int = 10_000,
        after: StoredEvent | None = None,
    ) -> list[StoredEvent]:
        """At most `limit` events of `ticker` with since_us <= ts_us < until_us, in (ts_us, seq) order.

        `after` is the last event of the page before. Raises CorruptEventError.
        """
        return await self.run(
            lambda raw: queries.time_range(raw, self._decoder, ticker, since_us, until_us, kinds, limit, after)
        )

    async def pruned_through_us(self) -> int:
        """As `eventlog.api.Log.pruned_through_us`."""
        return await self.run(queries.pruned_through_us)

    async def tickers(self, kinds: Collection[str] = ("equity_tick",)) -> list[str]:
        """As `eventlog.api.TimedLog.tickers`."""
        return await self.run(lambda raw: queries.tickers(raw, kinds))

    async def wait_beyond(self, seq: int) -> int:
        """Wait until the head is larger than `seq`, looking five times a second, and return it."""
        # Another process appends: there is nothing to be woken by.
        while (head := await self.head()) <= seq:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        return head

    async def close(self) -> None:
        await self.database.close()


def failure(path: Path, error: sqlite3.DatabaseError) -> TicktapeError:
    """What to raise for an error of SQLite while the log in `path` is read: only damage asks for a backup."""
    return DamagedLogError(str(error)) if queries.is_damage(error) else UnreadableLogError(path, error)


def _is_disk(error: sqlite3.OperationalError) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY)


async def open_log_reader(data_dir: Path) -> LogReader:
    """Open the log of `data_dir` read-only.

    Raises UsageError when there is none that may be read, FormatError for an unknown format, DamagedLogError, or
    UnreadableLogError for a disk that fails.
    """
    path = data_dir / LOG_FILE
    if not path.is_file():
        raise UsageError(f"there is no log in {data_dir}; set DATA_DIR or give --data-dir")
    async with contextlib.AsyncExitStack() as undo:
        try:
            connection = await database.open_reader(path)
            undo.push_async_callback(connection.close)
            version = await connection.run(schema.check)
            await connection.run(codec.use_bytes)
        except sqlite3.OperationalError as error:
            if _is_disk(error):
                raise UnreadableLogError(path, error) from error
            raise UsageError(f"{path} cannot be read ({error}); look at its owner and permissions") from error
        except sqlite3.DatabaseError as error:
            raise failure(path, error) from error
        if not version:
            raise UsageError(f"the log in {data_dir} is empty: nothing was ever recorded")
        undo.pop_all()
    return LogReader(connection)
