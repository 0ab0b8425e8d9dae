"""One instance per data directory, held by flock on a file of its own.

Not on events.db: closing any descriptor of a database would drop SQLite's own locks. The kernel frees the lock when the
process ends in whatever way, so that there is never a stale one to remove.
"""

import datetime
import fcntl
import os
from pathlib import Path
from types import TracebackType

from eventlog.clock import SystemClock
from eventlog.errors import AlreadyRunningError


class InstanceLock:
    """The right to write in `data_dir`. A context manager; `acquire` raises AlreadyRunningError when it is taken."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise AlreadyRunningError(f"{self._path.parent} is in use by {holder}; stop that one first") from error
        since = datetime.datetime.fromtimestamp(SystemClock().now_us() // 1_000_000, datetime.UTC)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()} since {since:%Y-%m-%dT%H:%M:%SZ}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            # Closing would not do: a process that was just started may hold a copy of the descriptor for a moment.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "InstanceLock":
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
