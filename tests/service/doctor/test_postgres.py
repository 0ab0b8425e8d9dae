"""Every line about a PostgreSQL of one's own, both ways, on a real one."""

import asyncpg

from service.doctor import postgres
from service.health.check import Check
from tests.service.configured import settings_with


async def _lines(dsn: str) -> dict[str, Check]:
    return {check.name: check for check in await postgres.checks(settings_with(postgres_dsn=dsn))}


async def test_a_database_is_fine(database: str) -> None:
    assert {name: check.level for name, check in (await _lines(database)).items()} == {
        "postgres": "ok",
        "tables": "ok",
        "grants": "ok",
    }


async def test_an_empty_database_wants_migrations(empty_database: str) -> None:
    lines = await _lines(empty_database)
    assert (lines["tables"].level, "ticktape migrate" in lines["tables"].sentence) == ("error", True)


async def test_a_user_without_rights(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("drop role if exists reader")
    await connection.execute("create role reader login")
    await connection.execute("grant usage on schema supabase_migrations to reader")
    await connection.execute("grant select on all tables in schema supabase_migrations to reader")
    try:
        lines = await _lines(database.replace("postgres@", "reader@", 1))
    finally:
        await connection.execute("drop owned by reader")
        await connection.execute("drop role reader")
        await connection.close()
    assert (lines["grants"].level, "equity_data" in lines["grants"].sentence) == ("error", True)


async def test_not_set_or_not_there() -> None:
    assert (await _lines(""))["postgres"].value == "not set"
    line = (await _lines("postgresql://someone:planted-password@127.0.0.1:1/db"))["postgres"]
    assert (line.level, "planted-password" in line.sentence) == ("error", False)
