"""One instance per data directory, held by flock on a file of its own.

Not on events.db: closing any descriptor of a database would drop SQLite's own locks. The kernel frees the lock when the
process ends in whatever way, so that there is never a stale one to remove.
"""

import contextlib
import datetime
import fcntl
import os
from pathlib import Path
from types import TracebackType

from eventlog.clock import SystemClock
from eventlog.errors import AlreadyRunningError

_NOTE_BYTES = 64


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
        _note(descriptor, f"pid {os.getpid()} since {since:%Y-%m-%dT%H:%M:%SZ}")
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is not None:
            _note(self._descriptor, "")
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


def _note(descriptor: int, holder: str) -> None:
    """Write who holds the lock, for people and `ticktape health`. The lock is the flock: a full disk must not deny it.

    Written over and never cut, so that the file keeps its block, which a full disk could not give it again.
    """
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, holder.ljust(_NOTE_BYTES - 1).encode() + b"\n", 0)
