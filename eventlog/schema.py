"""The file format of events.db: its table, its index, its views, and the steps from one released format to the next.

`application_id` says that a file is a ticktape log, `user_version` how many steps it has seen. A released step is never
edited, only followed by another; a step and its record share one transaction.
"""

import functools
import sqlite3

from eventlog import database, views
from eventlog.errors import FormatError

APPLICATION_ID = 0x7469636B
"""The bytes "tick"."""

# seq is AUTOINCREMENT so that a pruned seq is never used again. The index of ticks is partial: it enforces the key
# (ticker, ts_us) and finds time ranges; all other kinds share the second index and may repeat a time.
_EVENTS = (
    """
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        ticker TEXT NOT NULL,
        ts_us INTEGER NOT NULL,
        recorded_us INTEGER NOT NULL,
        payload TEXT NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX events_tick_key ON events (ticker, ts_us) WHERE kind = 'equity_tick'",
    "CREATE INDEX events_other ON events (ticker, kind, ts_us) WHERE kind <> 'equity_tick'",
    """
    CREATE TRIGGER events_never_change BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END
    """,
)

# The guarded door of retention: `pruned.through_seq` is raised first and never lowered, then rows up to it may go.
_RETENTION = (
    "CREATE TABLE pruned (id INTEGER PRIMARY KEY CHECK (id = 1), through_seq INTEGER NOT NULL) STRICT",
    "INSERT INTO pruned VALUES (1, 0)",
    """
    CREATE TRIGGER pruned_only_rises BEFORE UPDATE ON pruned WHEN NEW.through_seq < OLD.through_seq OR NEW.id <> OLD.id
    BEGIN SELECT RAISE(ABORT, 'the retention mark only rises'); END
    """,
    """
    CREATE TRIGGER pruned_stays BEFORE DELETE ON pruned
    BEGIN SELECT RAISE(ABORT, 'the retention mark stays'); END
    """,
    """
    CREATE TRIGGER events_only_pruned BEFORE DELETE ON events WHEN OLD.seq > (SELECT through_seq FROM pruned)
    BEGIN SELECT RAISE(ABORT, 'events are only deleted by ticktape log prune'); END
    """,
)

# Where acknowledged events were lost (a WAL deleted, an older backup restored), their seqs are skipped, never reused:
# cursors and checkpoints beyond them stay true.
_LOSSES = (
    """
    CREATE TABLE losses (
        after_seq INTEGER PRIMARY KEY, through_seq INTEGER NOT NULL, noticed_us INTEGER NOT NULL,
        CHECK (through_seq > after_seq)
    ) STRICT
    """,
)

# The latest time of what was pruned: whoever needs whole days begins after it.
_PRUNED_TIME = ("ALTER TABLE pruned ADD COLUMN through_us INTEGER NOT NULL DEFAULT 0",)

STEPS: tuple[tuple[str, ...], ...] = (_EVENTS + _RETENTION + views.VERSION_1, _LOSSES, _PRUNED_TIME)
VERSION = len(STEPS)


def prepare(connection: sqlite3.Connection) -> None:
    """Create the schema in an empty file, or bring an older one up to date. Raises FormatError for a foreign file."""
    version = check(connection)
    for number, statements in enumerate(STEPS[version:], start=version + 1):
        database.in_transaction(connection, functools.partial(_apply, number=number, statements=statements))


def check(connection: sqlite3.Connection) -> int:
    """The file's format version, 0 for an empty file. Raises FormatError for a newer or foreign file."""
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if application_id != APPLICATION_ID and connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        raise FormatError("events.db is not a ticktape log (its application_id differs); point DATA_DIR elsewhere")
    if version > VERSION:
        raise FormatError(
            f"the log has format {version}, this ticktape knows up to {VERSION}: install the newer ticktape again"
        )
    return version


def _apply(connection: sqlite3.Connection, number: int, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {number}")
