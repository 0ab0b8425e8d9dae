"""The data directory: made 0700, checked, and held by one process before anything is opened in it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from eventlog.errors import UsageError
from eventlog.lock import InstanceLock
from service import full_disk, provenance


def prepare(data_dir: Path) -> None:
    """Make `data_dir` when it is missing. Raises UsageError when it cannot be written."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"DATA_DIR={data_dir} cannot be made: {error.strerror}") from error
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise UsageError(f"DATA_DIR={data_dir} is not writable: change its owner or choose another with --data-dir")


@contextlib.contextmanager
def held_for_recording(data_dir: Path, source: provenance.Source) -> Iterator[None]:
    """Hold `data_dir` as its only recorder.

    Raises AlreadyRunningError, FullDiskError, or UsageError for ticks of another source.
    """
    prepare(data_dir)
    lock = InstanceLock(data_dir)
    with full_disk.named(data_dir):
        lock.acquire()
    try:
        with full_disk.named(data_dir):
            provenance.claim(data_dir, source)
        yield
    finally:
        lock.release()
