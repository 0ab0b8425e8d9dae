"""One batch to one destination: every row of it is acknowledged, or named as refused."""

import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field

from replicator import rows as row_module
from replicator.cursors import NewDeadLetter
from replicator.errors import ChunkTooLargeError, HaltingError, PermanentError
from replicator.rows import Row
from replicator.sink import Sink
from replicator.sources import Batch
from replicator.tables import TableSpec

HANDFUL = 5
ONE_IN = 20
"""So many rows of a batch may be refused, or one in twenty of a large one: a catch-up holds what came one by one."""


@dataclass
class Delivered:
    """The outcome of a batch."""

    rows: int = 0
    dead: list[NewDeadLetter] = field(default_factory=list)


class Delivery:
    """Delivers batches of one table. Remembers how many rows in a row were refused (the circuit breaker)."""

    def __init__(self, sink: Sink, table: TableSpec) -> None:
        self._sink = sink
        self._table = table
        self._refused_in_succession = 0

    async def deliver(self, batch: Batch) -> Delivered:
        """Raises RetryableError or HaltingError; then nothing of the batch counts as delivered."""
        rows, positions = unique(self._table, batch.rows, batch.positions)
        attempt = _Attempt(self._sink, self._table, rows, positions)
        if rows:
            await attempt.send(0, len(rows), None)
        refused = 0 if attempt.delivered else self._refused_in_succession + len(attempt.dead)
        if refused > HANDFUL:
            raise too_many(self._table, attempt.dead[-1].reason, attempt.dead[-1].code)
        self._refused_in_succession = refused
        flawed = [NewDeadLetter(flaw.position, "", flaw.reason, flaw.text) for flaw in batch.flawed]
        return Delivered(attempt.delivered, flawed + attempt.dead)


def too_many(table: TableSpec, reason: str, code: str) -> HaltingError:
    """The circuit breaker: it is the schema that is wrong, not the rows."""
    return HaltingError(
        f"too many rows of {table.name} were refused, the last one with: {reason}; that is the schema, not "
        "the rows: run `ticktape migrate`, or compare the table with docs/SCHEMA.md",
        code,
    )


def unique(table: TableSpec, rows: list[Row], positions: list[int]) -> tuple[list[Row], list[int]]:
    """The rows without repeated keys: the first one of a fact, the last one where rows replace each other."""
    moments = [row.timestamp for row in rows]
    if all(map(operator.lt, moments, itertools.islice(moments, 1, None))):
        return rows, positions  # each later than the one before, as the ticks of one ticker are; hashing costs more
    keys = list(map(table.key_of, rows))
    if len(set(keys)) == len(rows):
        return rows, positions
    kept: dict[object, int] = {}
    for index, key in enumerate(keys):
        if table.merge:
            kept[key] = index
        else:
            kept.setdefault(key, index)
    indexes = sorted(kept.values())
    return [rows[index] for index in indexes], [positions[index] for index in indexes]


class _Attempt:
    """Halves a refused chunk until each refused row stands alone: at most 2 k log2 n + 1 requests for k of n."""

    def __init__(self, sink: Sink, table: TableSpec, rows: Sequence[Row], positions: Sequence[int]) -> None:
        self._sink = sink
        self._table = table
        self._rows = rows
        self._positions = positions
        self.delivered = 0
        self.dead: list[NewDeadLetter] = []

    async def send(self, start: int, end: int, known: PermanentError | None) -> None:
        """Deliver rows[start:end]. With `known` the range is known to hold a refused row, so it is halved at once."""
        refusal = known if known is not None and end - start > 1 else await self._try(start, end)
        if refusal is None:
            self.delivered += end - start
        elif end - start == 1:
            self._refuse(start, refusal)
        else:
            middle = (start + end) // 2
            dead_before = len(self.dead)
            await self.send(start, middle, None)
            left_was_clean = len(self.dead) == dead_before
            await self.send(middle, end, refusal if left_was_clean else None)

    async def _try(self, start: int, end: int) -> PermanentError | None:
        try:
            await self._sink.upsert(self._table, self._rows[start:end], self._table.merge)
        except PermanentError as refusal:
            return refusal
        except ChunkTooLargeError as error:
            error.rows = end - start
            raise
        return None

    def _refuse(self, index: int, refusal: PermanentError) -> None:
        if len(self.dead) >= max(HANDFUL, len(self._rows) // ONE_IN):
            raise too_many(self._table, str(refusal), refusal.code) from refusal
        row = row_module.to_text(self._rows[index])
        self.dead.append(NewDeadLetter(self._positions[index], refusal.code, str(refusal), row))
