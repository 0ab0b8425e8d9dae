"""The stored rows beside replayed ones."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from indicators import registry
from indicators.fold import IndicatorRow

_COLUMNS = ("seq", "ticker", "ts_us", *registry.INDICATORS)
_TICKER, _TS_US = 1, 2


class OldRows:
    """Finds the revision under which the same values are stored already. `found` counts the keys that were there."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._indexes = [_COLUMNS.index(name) for name in columns]
        self._any = False
        self.found = 0

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Look whether there is anything to compare with, by the columns that are there."""
        stored = {row[1] for row in connection.execute("PRAGMA table_info(indicators)")}
        rows = connection.execute("SELECT 1 FROM indicators LIMIT 1").fetchone()
        self._any = rows is not None and stored.issuperset(self._columns)

    def revisions(self, connection: sqlite3.Connection, rows: Sequence[IndicatorRow]) -> list[int | None]:
        """For each row the revision of the stored row with the same key and values, or None."""
        if not self._any or not rows:
            return [None] * len(rows)
        stored = self._stored(connection, rows)
        revisions: list[int | None] = []
        for row in rows:
            old = stored.get((row[_TICKER], row[_TS_US]))
            self.found += old is not None
            same = old is not None and old[3:] == tuple([row[index] for index in self._indexes])
            revisions.append(old[2] if same and old is not None else None)
        return revisions

    def _stored(
        self, connection: sqlite3.Connection, rows: Sequence[IndicatorRow]
    ) -> dict[tuple[str, int], tuple[Any, ...]]:
        spans: dict[str, list[int]] = {}
        for row in rows:
            spans.setdefault(row[_TICKER], [row[_TS_US], 0])[1] = row[_TS_US]
        columns = ", ".join(f'"{name}"' for name in self._columns)
        select = f"SELECT ticker, ts_us, revision, {columns} FROM indicators WHERE ticker = ? AND ts_us BETWEEN ? AND ?"
        return {
            (found[0], found[1]): found
            for ticker, span in spans.items()
            for found in connection.execute(select, (ticker, *span))
        }
