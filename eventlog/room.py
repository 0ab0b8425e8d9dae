"""Room on the disk: how a full disk is told from a broken one, and the reserve that keeps a little for the others.

The reserve file is deleted when the disk is full, so that state.db and its cursors still have room to move and
replication goes on draining; ingest resumes only when there is room for the reserve again.
"""

import contextlib
import errno
import os
import sqlite3
from pathlib import Path

RESERVE_BYTES = 16 * 1024 * 1024
_RESERVE_FILE = "reserve"
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
"""How the system says that a disk, a file-size limit or a quota is used up."""
_PROBE_BYTES = 65_536


class Room:
    """The disk under one data directory. `reserve_bytes` 0 keeps no reserve."""

    def __init__(self, data_dir: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._directory = data_dir
        self._reserve = data_dir / _RESERVE_FILE
        self._reserve_bytes = reserve_bytes

    def free_bytes(self) -> int:
        """What an ordinary user may still write."""
        figures = os.statvfs(self._directory)
        return figures.f_bavail * figures.f_frsize

    def has_room(self) -> bool:
        """Whether the reserve fits beside what it is there to protect."""
        return self.free_bytes() > 2 * self._reserve_bytes

    def keep_reserve(self) -> bool:
        """Make the reserve file, with real blocks behind it; False when there is no room for it."""
        if not self._reserve_bytes or (self._reserve.exists() and self._reserve.stat().st_size == self._reserve_bytes):
            return True
        if not self.has_room():
            return False
        try:
            descriptor = os.open(self._reserve, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(descriptor, 0, self._reserve_bytes)
        except OSError:
            self._reserve.unlink()
            return False
        finally:
            os.close(descriptor)
        return True

    def give_reserve(self) -> None:
        """Delete the reserve file, if the disk lets it go."""
        with contextlib.suppress(OSError):
            self._reserve.unlink(missing_ok=True)

    def is_full_error(self, error: BaseException, largest_bytes: int) -> bool:
        """Whether a failed commit means "no room": SQLite has rolled it back, so that it may be tried again.

        SQLite reports a file-size limit or a quota as a mere write error, hence the probe beyond `largest_bytes`, the
        size of the largest file of the log. A failed fsync is never taken for a full disk.
        """
        if not isinstance(error, sqlite3.OperationalError):
            return False
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            return True
        return error.sqlite_errorcode == sqlite3.SQLITE_IOERR_WRITE and not can_write_at(self._directory, largest_bytes)


def can_write_at(directory: Path, offset: int, count: int = _PROBE_BYTES) -> bool:
    """Whether a file in `directory` may hold `count` bytes from `offset` on.

    False only for a lack of room: a disk that became read-only, say, is broken.
    """
    probe = directory / "probe"
    try:
        descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        return error.errno not in NO_ROOM
    try:
        return os.pwrite(descriptor, bytes(count), offset) == count
    except OSError as error:
        return error.errno not in NO_ROOM
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            probe.unlink()
