"""Keeps simulated ticks out of a real record: DATA_DIR/source says what was recorded there first."""

from pathlib import Path
from typing import Literal

from eventlog.errors import UsageError

Source = Literal["schwab", "simulated"]


def claim(data_dir: Path, source: Source) -> None:
    """Mark `data_dir` as holding ticks of `source`. Raises UsageError when it holds those of the other."""
    marker = data_dir / "source"
    found = marker.read_text().strip() if marker.exists() else ""
    if not found:
        marker.write_text(source + "\n")
        marker.chmod(0o600)
    elif found != source:
        raise UsageError(
            f"{data_dir} holds {found} ticks, and {source} ones must not be mixed in: choose another --data-dir"
        )
