"""Giving what deleted rows have left back to the disk; the file was made with auto_vacuum=INCREMENTAL."""

import sqlite3

from eventlog import store
from eventlog.database import Database

_PAGES_PER_STEP = 256


async def give_back(writer: Database) -> int:
    """Shrink the file by its free pages, a few at a time, between which others write; the bytes given back."""
    pages_before = await writer.run(_page_count)
    while await writer.run(_free_pages) > 0:
        before = await writer.run(_page_count)
        await writer.run(_vacuum_step)
        if await writer.run(_page_count) >= before:
            break
    return (pages_before - await writer.run(_page_count)) * await writer.run(_page_bytes)


def _vacuum_step(connection: sqlite3.Connection) -> None:
    # It frees one page a step of the statement; `execute` would take a single step.
    connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_PER_STEP})")
    store.checkpoint(connection)


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def _page_count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0])


def _page_bytes(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])
