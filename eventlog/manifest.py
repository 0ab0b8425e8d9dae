"""What an export says of itself: written last, when all of it is on the disk; checked before events go on its word."""

import contextlib
from pathlib import Path

import msgspec

from eventlog import durable
from eventlog.errors import UsageError

NAME = "_ticktape.json"
_PARTIAL = f"{NAME}.partial"


class Manifest(msgspec.Struct):
    """`files` maps a name below the export's folder to its size in bytes."""

    events: int
    through_seq: int
    is_everything: bool
    files: dict[str, int] | None = None


def write(target: Path, manifest: Manifest) -> None:
    """Put the manifest into `target`; after a crash there is the whole of it or none."""
    partial = target / _PARTIAL
    partial.write_bytes(msgspec.json.encode(manifest) + b"\n")
    durable.sync(partial)
    partial.rename(target / NAME)
    durable.sync(target)
    # A folder that may be written to need not be one that may be opened.
    with contextlib.suppress(PermissionError):
        durable.sync(target.parent)


def discard(target: Path) -> None:
    """Leave nothing of what `write` made."""
    for name in (_PARTIAL, NAME):
        (target / name).unlink(missing_ok=True)


def read(target: Path) -> Manifest:
    """The manifest of a whole export whose files are all there, as large as they were. Raises UsageError."""
    try:
        manifest = msgspec.json.decode((target / NAME).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{target} is not an export: it has no readable {NAME}") from error
    if manifest.files is None:
        raise UsageError(f"{target} has no list of its files, as an older ticktape wrote it: export again")
    for name, size in manifest.files.items():
        if _size_of(target / name) != size:
            raise UsageError(f"{target / name} is missing or was changed since it was exported: export again")
    return manifest


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
