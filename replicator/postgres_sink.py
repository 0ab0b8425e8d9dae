"""Rows to any engine that speaks PostgreSQL: COPY into a temporary table + INSERT ... ON CONFLICT, one transaction."""

from collections.abc import Sequence
from typing import Any

import msgspec
from pydantic import SecretStr

from replicator import postgres, rows, tables
from replicator.rows import Row
from replicator.sink import Digest
from replicator.tables import TableSpec

CONNECTIONS = 3
COPIED_AT_ONCE = 2_500  # asyncpg encodes them without a pause for the event loop

_TYPES = {
    "ticker": "text",
    "timestamp": "timestamptz",
    "ended_at": "timestamptz",
    "expiration_date": "date",
    "option_type": "text",
    "option_symbol": "text",
    "service_status": "text",
    "reason": "text",
}


class PostgresSink:
    """Keeps `replicator.sink.Sink` over asyncpg. A lost connection is replaced by the next call; TLS by DSN."""

    def __init__(self, dsn: SecretStr, shipped: Sequence[TableSpec] = tables.TABLES) -> None:
        self._identity = postgres.identity(dsn.get_secret_value())
        stages = ";\n".join(_stage(table) for table in shipped)
        self._pool = postgres.Pool(dsn.get_secret_value(), stages, CONNECTIONS)

    @property
    def identity(self) -> str:
        return self._identity

    async def upsert(self, table: TableSpec, rows: Sequence[Row], merge: bool) -> None:
        async with self._pool.transaction() as connection:
            for start in range(0, len(rows), COPIED_AT_ONCE):
                part = map(msgspec.structs.astuple, rows[start : start + COPIED_AT_ONCE])
                await connection.copy_records_to_table(f"stage_{table.name}", records=part, columns=table.columns)
            await connection.execute(_insert(table, merge))

    async def probe(self, table: TableSpec) -> None:
        columns = ", ".join(f'"{column}"' for column in table.columns)
        async with self._pool.transaction() as connection:
            await connection.execute(f"SELECT {columns} FROM {table.name} LIMIT 0")  # noqa: S608

    async def digest(self, table: TableSpec, since_us: int, until_us: int, ticker: str | None) -> list[Digest]:
        sql = "SELECT ticker, hour, row_count, digest FROM replication_digest($1, $2, $3, $4)"
        async with self._pool.transaction() as connection:
            found = await connection.fetch(sql, table.name, rows.timestamp(since_us), rows.timestamp(until_us), ticker)
        return [_digest(record) for record in found]

    async def close(self) -> None:
        await self._pool.close()


def _digest(record: Any) -> Digest:
    return Digest(record["ticker"], rows.microseconds(record["hour"]), record["row_count"], str(record["digest"]))


def _stage(table: TableSpec) -> str:
    """The temporary table. Numbers travel as double precision, which is COPY's fastest and loses no bit."""
    columns = ", ".join(f'"{column}" {_type(table, column)}' for column in table.columns)
    return f"CREATE TEMPORARY TABLE stage_{table.name} ({columns}) ON COMMIT DELETE ROWS"


def _type(table: TableSpec, column: str) -> str:
    return "double precision" if column in table.decimals | table.floats else _TYPES.get(column, "bigint")


def _insert(table: TableSpec, merge: bool) -> str:
    """Through text, a double becomes the shortest decimal that means it; a direct cast would cut it at 15 digits."""
    names = ", ".join(f'"{column}"' for column in table.columns)
    values = ", ".join(
        f'"{column}"::text::numeric' if column in table.decimals else f'"{column}"' for column in table.columns
    )
    key = ", ".join(f'"{column}"' for column in table.key)
    changed = [column for column in table.columns if column not in table.key]
    update = ", ".join(f'"{column}" = excluded."{column}"' for column in changed)
    action = f"UPDATE SET {update}" if merge else "NOTHING"
    return f"INSERT INTO {table.name} ({names}) SELECT {values} FROM stage_{table.name} ON CONFLICT ({key}) DO {action}"  # noqa: S608
