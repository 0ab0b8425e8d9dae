"""state.db: what can be rebuilt from events.db. Each room brings the steps of its own schema.

synchronous=NORMAL: a power cut may lose the last transactions, which are then folded or sent once more.
"""

import functools
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from eventlog import database

_STEPS_TABLE = """
CREATE TABLE IF NOT EXISTS schema_steps (
    component TEXT NOT NULL, step INTEGER NOT NULL, PRIMARY KEY (component, step)
) STRICT, WITHOUT ROWID
"""


async def open_state(path: Path, schemas: Mapping[str, Sequence[str]]) -> database.Database:
    """Open the only writing connection of state.db with every component's schema steps applied.

    `schemas` maps a component to its steps, each one or more SQL statements; a released step is never edited, only
    followed by another. A step and its record share one transaction.
    """
    state = await database.open_writer(path, "NORMAL")
    await state.run(lambda connection: _apply(connection, schemas))
    return state


def _apply(connection: sqlite3.Connection, schemas: Mapping[str, Sequence[str]]) -> None:
    connection.execute(_STEPS_TABLE)
    for component, steps in schemas.items():
        done = connection.execute("SELECT count(*) FROM schema_steps WHERE component = ?", (component,)).fetchone()[0]
        for number, step in enumerate(steps[done:], start=done + 1):
            work = functools.partial(_apply_step, component=component, number=number, step=step)
            database.in_transaction(connection, work)


def _apply_step(connection: sqlite3.Connection, component: str, number: int, step: str) -> None:
    for statement in filter(None, map(str.strip, step.split(";\n"))):
        connection.execute(statement)
    connection.execute("INSERT INTO schema_steps VALUES (?, ?)", (component, number))
