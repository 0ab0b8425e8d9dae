"""What each destination has acknowledged, and what it will never take, in state.db."""

import sqlite3
from collections.abc import Sequence

import msgspec

from eventlog.clock import Clock
from eventlog.database import Database

_STORED = "SELECT position FROM cursors WHERE destination = ? AND table_name = ?"


class Cursor(msgspec.Struct, frozen=True):
    """Everything up to `position` was delivered or is a dead letter; `delivered` counts rows over all time."""

    position: int
    delivered: int


class NewDeadLetter(msgspec.Struct, frozen=True):
    """A row that was refused: `seq` is its position in the source, `row` its JSON text."""

    seq: int
    code: str
    reason: str
    row: str


class CursorStore:
    """The cursors of one destination."""

    def __init__(self, state: Database, destination: str, clock: Clock) -> None:
        self._state = state
        self.destination = destination
        self._clock = clock

    async def load(self) -> dict[str, Cursor]:
        """Table -> cursor; a table that was never shipped there is missing."""
        sql = "SELECT table_name, position, delivered FROM cursors WHERE destination = ?"
        found = await self._state.run(lambda connection: connection.execute(sql, (self.destination,)).fetchall())
        return {table: Cursor(position, delivered) for table, position, delivered in found}

    async def advance(self, table: str, before: Cursor, after: Cursor, dead: Sequence[NewDeadLetter]) -> None:
        """Move the cursor and record the dead letters of the batch in one transaction."""
        assert after.position >= before.position, f"{table}: cursor would move back from {before} to {after}"
        now_us = self._clock.now_us()

        def work(connection: sqlite3.Connection) -> None:
            # A cancelled flush may have been acknowledged after all: what is stored never moves back.
            stored = connection.execute(_STORED, (self.destination, table)).fetchone()
            if stored is None or stored[0] <= after.position:
                self._put(connection, table, after, now_us)
            self._put_dead(connection, table, dead, now_us)

        await self._state.transaction(work)

    async def record_dead(self, table: str, dead: Sequence[NewDeadLetter]) -> None:
        """Record dead letters without moving the cursor."""
        now_us = self._clock.now_us()
        await self._state.transaction(lambda connection: self._put_dead(connection, table, dead, now_us))

    async def reset(self, table: str, cursor: Cursor) -> None:
        """Set the cursor outright: only for a log that was restored from a backup."""
        now_us = self._clock.now_us()
        await self._state.transaction(lambda connection: self._put(connection, table, cursor, now_us))

    def _put(self, connection: sqlite3.Connection, table: str, cursor: Cursor, now_us: int) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?, ?)",
            (self.destination, table, cursor.position, cursor.delivered, now_us),
        )

    def _put_dead(self, connection: sqlite3.Connection, table: str, dead: Sequence[NewDeadLetter], now_us: int) -> None:
        connection.executemany(
            "INSERT OR REPLACE INTO dead_letters (destination, table_name, seq, dead_us, code, reason, row)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(self.destination, table, letter.seq, now_us, letter.code, letter.reason, letter.row) for letter in dead],
        )

    async def note_state(self, table: str, state: str, last_error: str | None) -> None:
        """Write down how the table stands, for readers in other processes."""
        values = (self.destination, table, state, last_error, self._clock.now_us())
        sql = "INSERT OR REPLACE INTO table_states VALUES (?, ?, ?, ?, ?)"
        await self._state.transaction(lambda connection: connection.execute(sql, values))

    async def states(self) -> dict[str, str]:
        """Table -> the state that was noted last."""
        sql = "SELECT table_name, state FROM table_states WHERE destination = ?"
        return dict(await self._state.run(lambda connection: connection.execute(sql, (self.destination,)).fetchall()))

    async def dead_letters(self) -> dict[str, int]:
        """Table -> number of dead letters of this destination."""
        sql = "SELECT table_name, count(*) FROM dead_letters WHERE destination = ? GROUP BY table_name"
        return dict(await self._state.run(lambda connection: connection.execute(sql, (self.destination,)).fetchall()))

    async def dead_seqs(self, table: str) -> set[int]:
        """The positions of the table's dead letters."""
        sql = "SELECT seq FROM dead_letters WHERE destination = ? AND table_name = ?"
        values = (self.destination, table)
        found = await self._state.run(lambda connection: connection.execute(sql, values).fetchall())
        return {seq for (seq,) in found}
