"""A full disk, told from a broken one where something is opened: the running log waits for room, a start cannot."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from eventlog import room
from eventlog.errors import TicktapeError

# SQLite tells a quota, or no room for its shared memory, as it tells a broken disk. Opening needs less than this.
PROBE_BYTES = 262_144


class FullDiskError(TicktapeError):
    """There is no room for what was to be done; it was not begun, or rolled back."""

    exit_code = 7


@contextlib.contextmanager
def named(data_dir: Path) -> Iterator[None]:
    """Raises FullDiskError in the place of whatever fails in the block for want of room in `data_dir`."""
    try:
        yield
    except Exception as error:
        if any(_wants_room(one, data_dir) for one in _with_causes(error)):
            raise FullDiskError(f"the disk of {data_dir} is full: free some space") from error
        raise


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _wants_room(error: BaseException, data_dir: Path) -> bool:
    if isinstance(error, OSError):
        return error.errno in room.NO_ROOM
    if not isinstance(error, sqlite3.OperationalError):
        return False
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return True
    may_be = code & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and code != sqlite3.SQLITE_IOERR_FSYNC
    return may_be and not _has_room(data_dir)


def _has_room(data_dir: Path) -> bool:
    """Whether a file can be made there, as large as the largest and a little larger."""
    largest = 0
    with contextlib.suppress(OSError):  # a file that went meanwhile
        largest = max((path.stat().st_size for path in data_dir.glob("*.db*")), default=0)
    return room.can_write_at(data_dir, largest, PROBE_BYTES)
