"""Files and folders that a command writes where a person says."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from eventlog.errors import UsageError


@contextlib.contextmanager
def to(target: Path) -> Iterator[None]:
    """Raises UsageError with the system's reason when `target` cannot be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from error
