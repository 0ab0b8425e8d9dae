"""Facts from the files alone, for a service that does not run or does not answer. Reads mode=ro, touches no network."""

import sqlite3
import time
from importlib.metadata import version
from pathlib import Path

from eventlog import database
from eventlog.clock import Clock
from eventlog.database import Database
from eventlog.errors import UsageError
from eventlog.reader import LogReader, open_log_reader
from feed import token
from indicators import store
from market import calendar
from replicator import tables
from replicator.cursors import Cursor, CursorStore
from service.health import holes
from service.health.facts import Facts, LogFacts, ProjectionFacts, TableFacts
from service.health.live import storage
from service.settings import Settings

_LAST_USED = "SELECT destination FROM cursors ORDER BY updated_us DESC LIMIT 1"


async def facts(settings: Settings, clock: Clock) -> Facts:
    """What the files of DATA_DIR tell. Raises UsageError when there is no log."""
    reader = await open_log_reader(settings.data_dir)
    try:
        return await _from_log(settings, clock.now_us(), reader, clock)
    finally:
        await reader.close()


async def _from_log(settings: Settings, now_us: int, reader: LogReader, clock: Clock) -> Facts:
    head = await reader.head()
    first = (await reader.read(0, 1)).events
    days = (now_us - first[0].recorded_us) / calendar.DAY_US if first else 0.0
    projection, shipped = await _from_state(settings, head, clock)
    return Facts(
        now_us=now_us,
        started_us=None,
        version=version("ticktape"),
        destination=settings.destination,
        feed=None,
        log=LogFacts("closed", head),
        projection=projection,
        tables=shipped,
        gaps=await holes.today(reader, settings, now_us),
        storage=storage(settings.data_dir, days),
        is_token_needed=_is_recorded_from_schwab(settings.data_dir),
        token_age_seconds=token_age_seconds(settings.token_path),
    )


async def _from_state(settings: Settings, head: int, clock: Clock) -> tuple[ProjectionFacts, tuple[TableFacts, ...]]:
    path = settings.data_dir / "state.db"
    if not path.is_file():
        return ProjectionFacts("following", 0, head), ()
    state = await database.open_reader(path)
    try:
        stored = await state.run(store.position)
        checkpoint, revision = (0, 0) if stored is None else (stored.checkpoint, stored.revision)
        projection = ProjectionFacts("following", checkpoint, max(0, head - checkpoint))
        return projection, await _tables(state, head, revision, clock)
    except sqlite3.OperationalError as error:
        raise UsageError(f"{path} cannot be read ({error}): was it made by another version?") from error
    finally:
        await state.close()


async def _tables(state: Database, head: int, revision: int, clock: Clock) -> tuple[TableFacts, ...]:
    destination = await state.run(lambda raw: raw.execute(_LAST_USED).fetchone())
    if destination is None:
        return ()
    cursors = CursorStore(state, destination[0], clock)
    known, dead = await cursors.load(), await cursors.dead_letters()
    found = []
    for table in tables.TABLES:
        cursor = known.get(table.name, Cursor(0, 0))
        through = head if table.kinds else revision if table is tables.INDICATORS else cursor.position
        unsent = max(0, through - cursor.position)
        found.append(TableFacts(table.name, unsent, None, cursor.delivered, dead.get(table.name, 0), "unknown"))
    return tuple(found)


def token_age_seconds(path: Path) -> float | None:
    """The age of the login in the token file, None when there is no usable one."""
    try:
        return time.time() - float(token.read(path)["creation_timestamp"])
    except token.TokenFileError:
        return None


def _is_recorded_from_schwab(data_dir: Path) -> bool:
    try:
        return (data_dir / "source").read_text().strip() == "schwab"
    except OSError:
        return True
