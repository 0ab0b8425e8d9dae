"""fsync of what SQLite does not sync itself: files that are not its own, and the names of new ones."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Make the content of a file durable, or the names in a folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
