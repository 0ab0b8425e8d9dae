"""Room on the disk: how a full disk is told from a broken one, and the reserve that keeps a little for the others.

The reserve file is deleted when the disk is full, so that state.db and its cursors still have room to move and
replication goes on draining; ingest resumes only when there is room for the reserve again.
"""

import errno
import os
import sqlite3
from pathlib import Path

RESERVE_BYTES = 16 * 1024 * 1024
_RESERVE_FILE = "reserve"
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
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
        descriptor = os.open(self._reserve, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._reserve_bytes)
        except OSError:
            self._reserve.unlink()
            return False
        finally:
            os.close(descriptor)
        return True

    def give_reserve(self) -> None:
        """Delete the reserve file."""
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
        return error.sqlite_errorcode == sqlite3.SQLITE_IOERR_WRITE and not self._can_write_at(largest_bytes)

    def _can_write_at(self, offset: int) -> bool:
        probe = self._directory / "probe"
        descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, bytes(_PROBE_BYTES), offset)
        except OSError as error:
            if error.errno in _NO_ROOM:
                return False
        finally:
            os.close(descriptor)
            probe.unlink()
        return True
