"""The data directory: made 0700, and checked before anything is opened in it."""

import os
from pathlib import Path

from eventlog.errors import UsageError


def prepare(data_dir: Path) -> None:
    """Make `data_dir` when it is missing. Raises UsageError when it cannot be written."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"DATA_DIR={data_dir} cannot be made: {error.strerror}") from error
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise UsageError(f"DATA_DIR={data_dir} is not writable: change its owner or choose another with --data-dir")
