"""Tables that a rebuild has replaced, or left unfinished, are emptied little by little and dropped.

DROP TABLE notes every page that it frees, in memory: for a table of months that is more than a small machine has.
"""

import functools
import sqlite3

from eventlog import space
from eventlog.database import Database
from indicators import schema

_ROWS_PER_STEP = 2_000


async def remove(state: Database) -> None:
    """Remove what is there, in steps between which others write, and give the pages back to the disk."""
    found = await state.run(_tables)
    for table in found:
        step = functools.partial(_delete_some, table=table, key=schema.KEYS[table.partition("_")[0]])
        while await state.transaction(step):
            pass
        await state.transaction(functools.partial(_drop, table=table))
    if found:
        await space.give_back(state)


def _tables(connection: sqlite3.Connection) -> list[str]:
    names = [f"{table}{suffix}" for suffix in (schema.REBUILT, schema.REPLACED) for table in schema.KEYS]
    marks = ", ".join("?" * len(names))
    return [row[0] for row in connection.execute(f"SELECT name FROM sqlite_schema WHERE name IN ({marks})", names)]


def _delete_some(connection: sqlite3.Connection, table: str, key: str) -> int:
    some = f"SELECT {key} FROM {table} LIMIT {_ROWS_PER_STEP}"
    return connection.execute(f"DELETE FROM {table} WHERE ({key}) IN ({some})").rowcount


def _drop(connection: sqlite3.Connection, table: str) -> None:
    connection.execute(f"DROP TABLE {table}")
