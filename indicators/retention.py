"""Rows of events that retention has removed from the log leave state.db too. Bars stay: a year of them takes little."""

import functools
import sqlite3

from eventlog.database import Database

_REVISIONS_PER_STEP = 2_000


async def prune(state: Database, through_seq: int, through_revision: int) -> int:
    """Delete the rows of events up to `through_seq` with a revision up to `through_revision`; how many there were.

    A row beyond `through_revision` is not acknowledged yet. In small steps, between which the projection writes.
    """
    deleted = 0
    revision, last = await state.run(_revisions)
    last = min(last, through_revision)
    while revision <= last:
        end = min(revision + _REVISIONS_PER_STEP - 1, last)
        step = functools.partial(_delete, revisions=(revision, end), through_seq=through_seq)
        deleted += await state.transaction(step)
        revision = await state.run(functools.partial(_next_revision, after=end))
    return deleted


def _revisions(connection: sqlite3.Connection) -> tuple[int, int]:
    first, last = connection.execute("SELECT min(revision), max(revision) FROM indicators").fetchone()
    return (1, 0) if first is None else (first, last)


def _next_revision(connection: sqlite3.Connection, after: int) -> int:
    """The next revision there is, so that a rebuild's unused numbers cost no steps."""
    found = connection.execute("SELECT min(revision) FROM indicators WHERE revision > ?", (after,)).fetchone()[0]
    return after + 1 if found is None else int(found)


def _delete(connection: sqlite3.Connection, revisions: tuple[int, int], through_seq: int) -> int:
    delete = "DELETE FROM indicators WHERE revision BETWEEN ? AND ? AND seq <= ?"
    return connection.execute(delete, (*revisions, through_seq)).rowcount
