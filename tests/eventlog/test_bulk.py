"""Rows in few statements: all of them, in order, and none when one is refused."""

import sqlite3
from collections.abc import Iterator

import pytest

from eventlog import bulk, database


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.execute("CREATE TABLE pairs (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")
    yield opened
    opened.close()


def _flat(count: int) -> list[object]:
    return [value for number in range(count) for value in (number, f"row {number}")]


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 128, 1_000])
def test_every_row_arrives_in_its_columns(connection: sqlite3.Connection, count: int) -> None:
    database.in_transaction(connection, lambda raw: bulk.insert(raw, "pairs", 2, _flat(count)))
    expected = [(number, f"row {number}") for number in range(count)]
    assert connection.execute("SELECT number, name FROM pairs ORDER BY rowid").fetchall() == expected


@pytest.mark.parametrize("refused", [(0, "again"), (5_000, None), (5_000, b"no text")])
def test_a_refused_row_leaves_nothing_of_the_transaction(
    connection: sqlite3.Connection, refused: tuple[int, object]
) -> None:
    values = [*_flat(200), *refused, 6_000, "a sound one behind it"]
    with pytest.raises(sqlite3.IntegrityError):
        database.in_transaction(connection, lambda raw: bulk.insert(raw, "pairs", 2, values))
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM pairs").fetchone() == (0,)
