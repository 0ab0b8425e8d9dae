"""A rebuild: replaying the log into new tables beside the old ones, and swapping them in.

Order: new tables; pages, while the projection goes on; under its lock the rest up to its checkpoint; one transaction
that swaps; the old tables go, little by little. A crash leaves the old tables or the new ones in force, and others that
the next start removes. A row whose shipped values are as before keeps its revision, so that the replicator sends only
what differs.
"""

import sqlite3
from collections.abc import Callable
from datetime import date, time
from typing import Any

import msgspec

from eventlog.api import Log
from eventlog.database import Database
from eventlog.events import StoredEvent
from indicators import comparison, leftovers, pages, schema, store
from indicators.definition import Definition
from indicators.errors import LogPrunedError
from indicators.fold import Fold, Folded
from indicators.store import Position
from market import calendar

Progress = Callable[[int, int | None], None]
"""Called with (events replayed, events in all)."""

SUFFIX = schema.REBUILT

_ROWS_PER_WRITE = 10_000


class Scope(msgspec.Struct, frozen=True):
    """What is replayed: ticks at or after `from_us`, of `ticker` when given."""

    from_us: int = 0
    ticker: str | None = None

    def sql(self) -> tuple[str, tuple[Any, ...]]:
        """A WHERE clause for `indicators` and `bars`, and its values."""
        if self.ticker is None:
            return "ts_us >= ?", (self.from_us,)
        return "ts_us >= ? AND ticker = ?", (self.from_us, self.ticker)


EVERYTHING = Scope()


class Summary(msgspec.Struct, frozen=True):
    """`events` gave `rows`, where there were `rows_before`; `changed` of them are new or differ, and are sent."""

    events: int
    rows: int
    rows_before: int
    changed: int
    through_seq: int


def no_progress(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def scope_from(day: date | None, ticker: str | None) -> Scope:
    """The scope of `rebuild --from DAY --ticker TICKER`. No session spans two ET days, so a day is a clean start."""
    return Scope(0 if day is None else calendar.eastern_us(day, time(0)), ticker)


class Replay:
    """One replay of the log. Nothing is visible before `swap`.

    `replace_all` gives up whatever rows there are, also those that the log cannot give any more; bars, which mean the
    same in every definition, it keeps. Nothing is folded meanwhile, so that rows are numbered at once.
    """

    def __init__(self, log: Log, state: Database, definition: Definition, scope: Scope, replace_all: bool) -> None:
        self.through = 0
        self._log = log
        self._state = state
        self._definition = definition
        self._scope = scope
        self._replace_all = replace_all
        self._fold = Fold(definition)
        self._pending = Folded()
        self._old = comparison.OldRows(definition.shipped)
        self._events = self._rows = self._changed = 0
        self._last_revision = 0

    async def begin(self) -> None:
        """Make the new tables."""
        await leftovers.remove(self._state)
        await self._state.transaction(self._prepare)
        from_us = max(self._scope.from_us, await pages.begins_at_us(self._log))
        self._scope = msgspec.structs.replace(self._scope, from_us=from_us)

    async def replay_page(self, target: int) -> None:
        """Fold the next page of the log, not beyond the seq `target`, and write what has gathered when it is much.

        Raises CorruptEventError or ProjectionError; `through` then tells what was replayed.
        """
        page = await pages.read(self._log, self.through, min(pages.SIZE, target - self.through))
        events = page.events
        if self._scope != EVERYTHING or page.through_seq > target:
            events = [event for event in events if event.seq <= target and self._wanted(event)]
        self._pending.extend(self._fold.page(events))
        self._events += len(events)
        # A page without events below the target: the rest was pruned.
        self.through = min(page.through_seq, target) if page.through_seq > self.through else target
        if len(self._pending.rows) >= _ROWS_PER_WRITE:
            await self._state.transaction(self._write)

    async def swap(self) -> Summary:
        """Put the new rows in the place of the old ones, with the states and the checkpoint that go with them.

        Raises LogPrunedError when the replay has to begin again.
        """
        await self._state.transaction(self._write)
        if await pages.begins_at_us(self._log) > self._scope.from_us:
            raise LogPrunedError("the log was pruned while it was replayed")
        before = await self._state.transaction(self._swap)
        return Summary(self._events, self._rows, before, self._changed, self.through)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        schema.create_tables(connection, SUFFIX)
        self._old.prepare(connection)
        position = store.position(connection)
        assert position is not None
        self._last_revision = position.revision

    def _wanted(self, event: StoredEvent) -> bool:
        return event.ts_us >= self._scope.from_us and self._scope.ticker in (None, event.ticker)

    def _write(self, connection: sqlite3.Connection) -> None:
        folded, self._pending = self._pending, Folded()
        revisions = self._old.revisions(connection, folded.rows)
        for index, revision in enumerate(revisions):
            if revision is None:
                self._changed += 1
                revisions[index] = self._revision(self._changed)
        rows = [(revision, *row) for revision, row in zip(revisions, folded.rows, strict=True)]
        self._rows += len(rows)
        store.write_rows(connection, rows, SUFFIX)
        store.write_bars(connection, folded, SUFFIX)

    def _revision(self, number: int) -> int:
        """Of the new or changed row `number`: at the swap it must be above what the projection gives out meanwhile."""
        return self._last_revision + number if self._replace_all else -number

    def _swap(self, connection: sqlite3.Connection) -> int:
        position = store.position(connection)
        assert position is not None
        where, values = self._scope.sql()
        before = connection.execute(f"SELECT count(*) FROM indicators WHERE {where}", values).fetchone()[0]
        if not self._replace_all:
            self._number(connection, position.revision)
        if self._replace_all or self._scope == EVERYTHING:
            self._rename(connection)
        else:
            self._replace_scope(connection, where, values)
        store.write_states(connection, self._fold.states())
        revision = position.revision + self._changed
        store.move(connection, Position(self._definition.stored(), self.through, revision))
        return int(before)

    def _number(self, connection: sqlite3.Connection, revision: int) -> None:
        """Give new and changed rows the revisions above `revision`, in parts: SQLite first notes a statement's rows."""
        renumber = f"UPDATE OR ROLLBACK indicators{SUFFIX} SET revision = ? - revision WHERE revision BETWEEN ? AND ?"
        for first in range(1, self._changed + 1, _ROWS_PER_WRITE):
            connection.execute(renumber, (revision, 1 - first - _ROWS_PER_WRITE, -first))

    def _rename(self, connection: sqlite3.Connection) -> None:
        if self._scope.from_us:
            older = f"INSERT OR ROLLBACK INTO bars{SUFFIX} SELECT * FROM bars WHERE ts_us < ?"
            connection.execute(older, (self._scope.from_us,))
        schema.drop_views(connection)
        for table in schema.KEYS:
            connection.execute(f"ALTER TABLE {table} RENAME TO {table}{schema.REPLACED}")
            connection.execute(f"ALTER TABLE {table}{SUFFIX} RENAME TO {table}")
        schema.create_views(connection)
        connection.execute("DELETE FROM projection_tickers")

    @staticmethod
    def _replace_scope(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> None:
        for table in schema.KEYS:
            connection.execute(f"DELETE FROM {table} WHERE {where}", values)
            # OR ROLLBACK: a statement that can be undone alone would keep a copy of every page it changes.
            connection.execute(f"INSERT OR ROLLBACK INTO {table} SELECT * FROM {table}{SUFFIX}")
