"""The Schwab token file: read, written 0600 and atomically, in the form schwab-py accepts.

The refresh token lives seven days from `creation_timestamp`, whatever is refreshed meanwhile; then a person logs in.
"""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any, Literal

import msgspec

from eventlog import durable
from eventlog.errors import UsageError

DAY_SECONDS = 86_400
LIFETIME_SECONDS = 7 * DAY_SECONDS
WARN_AGE_SECONDS = 5 * DAY_SECONDS
ALARM_AGE_SECONDS = 6.5 * DAY_SECONDS

TokenState = Literal["ok", "warn", "alarm", "expired"]


class TokenFileError(UsageError):
    """The token file is missing or cannot be read."""


def read(path: Path) -> dict[str, Any]:
    """The file's content: `creation_timestamp` and `token`. Raises TokenFileError, which never quotes the content."""
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        raise TokenFileError(f"there is no token file at {path}; run `ticktape login`") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise TokenFileError(f"{path} is not a token file ({type(error).__name__}); run `ticktape login`") from None
    token = content.get("token")
    if not isinstance(content.get("creation_timestamp"), int | float) or not isinstance(token, dict):
        raise TokenFileError(f"{path} is not a schwab-py token file; run `ticktape login`")
    if not token.get("refresh_token") or not token.get("access_token"):
        raise TokenFileError(f"{path} holds no access and refresh token; run `ticktape login`")
    return content


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file in one step: a kill at any moment leaves the old or the new one whole."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(content))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    durable.sync(path.parent)


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Something that differs whenever another file was put in place; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def state(age_seconds: float) -> TokenState:
    """How urgent a new login is."""
    if age_seconds >= LIFETIME_SECONDS:
        return "expired"
    if age_seconds >= ALARM_AGE_SECONDS:
        return "alarm"
    return "warn" if age_seconds >= WARN_AGE_SECONDS else "ok"
