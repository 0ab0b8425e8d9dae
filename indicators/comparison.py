"""The stored rows beside replayed ones."""

import operator
import sqlite3
from collections.abc import Sequence
from typing import Any

from indicators import registry
from indicators.fold import IndicatorRow


class OldRows:
    """Finds the revision under which the same values of `columns` are stored already."""

    def __init__(self, columns: Sequence[str]) -> None:
        columns_of_row = ("seq", "ticker", "ts_us", *registry.INDICATORS)
        compared = ("ts_us", *columns)
        names = ", ".join(f'"{name}"' for name in compared)
        self._columns = columns
        self._select = f"SELECT {names}, revision FROM indicators WHERE ticker = ? AND ts_us BETWEEN ? AND ?"
        self._content = operator.itemgetter(*(columns_of_row.index(name) for name in compared))
        self._any = False

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Look whether there is anything to compare with, in the columns that are there."""
        stored = {row[1] for row in connection.execute("PRAGMA table_info(indicators)")}
        rows = connection.execute("SELECT 1 FROM indicators LIMIT 1").fetchone()
        self._any = rows is not None and stored.issuperset(self._columns)

    def revisions(self, connection: sqlite3.Connection, rows: Sequence[IndicatorRow]) -> list[int | None]:
        """For each row the revision of the stored row with the same key and values, or None."""
        if not self._any:
            return [None] * len(rows)
        stored: dict[str, dict[int, tuple[Any, ...]]] = {
            span[0]: {found[0]: found for found in connection.execute(self._select, span)} for span in _spans(rows)
        }
        content, revisions = self._content, list[int | None]()
        for row in rows:
            found = stored[row[1]].get(row[2])
            revisions.append(found[-1] if found is not None and found[:-1] == content(row) else None)
        return revisions


def _spans(rows: Sequence[IndicatorRow]) -> list[tuple[str, int, int]]:
    """The first and last time of each ticker in `rows`, whose times increase per ticker."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for _, ticker, ts_us, *_ in rows:
        first.setdefault(ticker, ts_us)
        last[ticker] = ts_us
    return [(ticker, first[ticker], last[ticker]) for ticker in first]
