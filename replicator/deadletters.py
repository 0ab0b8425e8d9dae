"""Rows that a destination refused for good: look at them, try them again, give them up."""

import sqlite3
from collections.abc import Sequence

import msgspec

from eventlog.database import Database
from eventlog.errors import UsageError
from replicator.errors import PermanentError
from replicator.replicator import Replicator
from replicator.rows import Row
from replicator.tables import TableSpec

_COLUMNS = "id, destination, table_name, seq, dead_us, code, reason, row"


class DeadLetter(msgspec.Struct, frozen=True):
    """A refused row. `row` is its JSON text, `seq` its position in the log (in state.db for derived tables)."""

    id: int
    destination: str
    table: str
    seq: int
    dead_us: int
    code: str
    reason: str
    row: str


class Retried(msgspec.Struct, frozen=True):
    """How many letters were delivered at last, and how many were refused again."""

    delivered: int
    refused: int


async def find(state: Database, table: str | None = None, ids: Sequence[int] = ()) -> list[DeadLetter]:
    """All letters, or those of a table, or those with the given numbers. Raises UsageError for an unknown number."""
    letters = await state.run(_all)
    known = {letter.id for letter in letters}
    for number in ids:
        if number not in known:
            raise UsageError(f"there is no dead letter {number}; `ticktape deadletters list` shows them")
    wanted = set(ids)
    return [
        letter for letter in letters if (table is None or letter.table == table) and (not wanted or letter.id in wanted)
    ]


def _all(connection: sqlite3.Connection) -> list[DeadLetter]:
    sql = f"SELECT {_COLUMNS} FROM dead_letters ORDER BY id"  # noqa: S608
    return [DeadLetter(*row) for row in connection.execute(sql).fetchall()]


async def retry(replicator: Replicator, letters: Sequence[DeadLetter]) -> Retried:
    """Send the letters of this destination once more, each by itself. Raises RetryableError or HaltingError."""
    delivered = refused = 0
    for letter in letters:
        if letter.destination != replicator.sink.identity:
            continue
        if await _send(replicator, replicator.pump(letter.table).table, letter):
            await drop(replicator, [letter])
            delivered += 1
        else:
            refused += 1
    return Retried(delivered, refused)


async def _send(replicator: Replicator, table: TableSpec, letter: DeadLetter) -> bool:
    """Whether the destination took the row this time."""
    async with replicator.pump(table.name).paused():
        row, is_current = await _row(replicator, table, letter)
        if row is None:
            return False
        try:
            # A text that its source no longer has may fill a hole, never replace what came after it.
            await replicator.sink.upsert(table, [row], table.merge and is_current)
        except PermanentError:
            return False
        return True


async def _row(replicator: Replicator, table: TableSpec, letter: DeadLetter) -> tuple[Row | None, bool]:
    """The row and whether its source still has it; None when no destination can take it."""
    source = replicator.pump(letter.table).source
    batch = await source.read(letter.seq - 1, 1)
    if batch.positions == [letter.seq]:
        return batch.rows[0], True
    if not letter.code:
        return None, False
    # Retention has deleted the event, or a newer row has taken its place; the text was kept because of that.
    return msgspec.json.decode(letter.row, type=table.row_type), False


async def drop(replicator: Replicator, letters: Sequence[DeadLetter]) -> int:
    """Forget the letters; their rows stay in the log. The number of them."""

    def work(connection: sqlite3.Connection) -> None:
        connection.executemany("DELETE FROM dead_letters WHERE id = ?", [(letter.id,) for letter in letters])

    await replicator.state.transaction(work)
    await replicator.count_dead_letters()
    return len(letters)
