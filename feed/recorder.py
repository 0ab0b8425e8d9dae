"""Raw frames as they came, kept as gzip NDJSON without secrets; `feed.exchange.Recording` plays them back."""

import asyncio
import gzip
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from eventlog.api import Page
from eventlog.clock import Clock
from eventlog.errors import UsageError
from eventlog.events import Event, StoredEvent

REMOVED = "removed"
_SECRET_FIELDS = re.compile(
    r'("(?:SchwabClientCustomerId|SchwabClientCorrelId|schwabClientCustomerId|schwabClientCorrelId|Authorization|'
    r'access_token|refresh_token|id_token|accountNumber)"\s*:\s*)"(?:[^"\\]|\\.)*"'
)


class Line(msgspec.Struct):
    """One frame: when it was received, and its text."""

    received_us: int
    frame: str


class Recorder:
    """A context manager and tap that writes every frame to `path`. Raises UsageError when that cannot be written."""

    def __init__(self, path: Path, secrets: Collection[str], clock: Clock) -> None:
        self.frames = 0
        self._clock = clock
        self._secrets = [secret for secret in secrets if secret]
        try:
            path.touch(mode=0o600, exist_ok=False)
            self._file = gzip.open(path, "wb")  # noqa: SIM115
        except FileExistsError:
            raise UsageError(f"{path} exists already; give another file") from None
        except OSError as error:
            raise UsageError(f"{path} cannot be written ({error.strerror})") from error

    def __call__(self, raw: str) -> None:
        """Keep one frame."""
        self._file.write(msgspec.json.encode(Line(self._clock.now_us(), self._clean(raw))) + b"\n")
        self.frames += 1

    def _clean(self, raw: str) -> str:
        text = _SECRET_FIELDS.sub(rf'\1"{REMOVED}"', raw)
        for secret in self._secrets:
            text = text.replace(secret, REMOVED)
        return text

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()


class NoLog:
    """A log that keeps nothing, for a feed that only records frames."""

    head = 0

    def appended(self, kinds: Collection[str]) -> int:
        return 0

    async def append(self, batch: Sequence[Event]) -> range:
        return range(0)

    async def read(self, after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        return Page([], after)

    async def wait_beyond(self, seq: int) -> int:
        return await asyncio.Future()  # nothing is ever appended

    async def pruned_through_us(self) -> int:
        return 0

    async def latest(self, kind: str, ticker: str) -> StoredEvent | None:
        return None

    async def last_of_kind(self, kind: str) -> StoredEvent | None:
        return None

    async def tickers(self, kinds: Collection[str]) -> list[str]:
        return []

    async def read_range(
        self,
        ticker: str,
        since_us: int,
        until_us: int,
        kinds: Collection[str] | None = None,
        limit: int = 0,
        after: StoredEvent | None = None,
    ) -> list[StoredEvent]:
        return []
