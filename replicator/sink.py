"""What the loop knows of a destination."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from replicator.rows import Row
from replicator.tables import TableSpec


class Digest(msgspec.Struct, frozen=True):
    """How many rows of a ticker fall into the hour that begins at `hour_us`, and a digest of their contents."""

    ticker: str
    hour_us: int
    row_count: int
    digest: str


class Sink(Protocol):
    """A destination. Every method raises RetryableError, PermanentError or HaltingError, and nothing else."""

    @property
    def identity(self) -> str:
        """Names the destination without credentials; cursors belong to it."""

    async def upsert(self, table: TableSpec, rows: Sequence[Row], merge: bool) -> None:
        """Deliver all rows or none, in one transaction; returns once the destination has acknowledged.

        `rows` hold no key twice. With `merge` a known key is replaced, without it is left as it is.
        """

    async def probe(self, table: TableSpec) -> None:
        """Return if the destination can be reached and has the table with all its columns."""

    async def digest(self, table: TableSpec, since_us: int, until_us: int, ticker: str | None) -> list[Digest]:
        """The destination's own digests of the rows with `since_us` <= timestamp < `until_us`."""

    async def close(self) -> None:
        """Give the connections back. Idempotent."""
