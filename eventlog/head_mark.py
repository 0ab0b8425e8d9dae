"""The last acknowledged seq, kept outside SQLite, so that a missing or truncated WAL cannot pass unnoticed.

Written after every COMMIT and never fsynced: the kernel keeps it when the process is killed, and after a power cut it
may be older than the log, never newer. So a mark beyond the log's head proves that the log has lost events.
"""

import contextlib
import os
from pathlib import Path

_MARK_FILE = "events.head"


class HeadMark:
    """An open mark file. Used on the writer's worker thread only."""

    def __init__(self, data_dir: Path) -> None:
        descriptor = os.open(data_dir / _MARK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "r+b", buffering=0)

    def read(self) -> int:
        """The marked seq, 0 when nothing readable is marked."""
        text = os.pread(self._file.fileno(), 64, 0).strip()
        return int(text) if text.isdigit() else 0

    def write(self, seq: int) -> None:
        """Mark `seq`. Where the disk refuses, the older mark stays, which is as true."""
        with contextlib.suppress(OSError):
            os.pwrite(self._file.fileno(), b"%020d\n" % seq, 0)

    def close(self) -> None:
        """Close the file; harmless when it is closed already."""
        self._file.close()
