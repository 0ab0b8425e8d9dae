"""Applying and recording migrations; what they contain is tested in tests/supabase."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from replicator import errors, migrate
from tests.servers import postgres

SQL = Path(__file__).parents[2] / "supabase" / "migrations"
LABELS = [file.stem for file in sorted(SQL.glob("*.sql"))]


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> list[migrate.Migration]:
    """Migrations after the real ones."""
    more: list[migrate.Migration] = []
    real = migrate.load()
    monkeypatch.setattr(migrate, "load", lambda: [*real, *more])
    return more


async def history(dsn: str) -> list[Any]:
    async with postgres.connected(dsn) as connection:
        sql = "select version, name, statements from supabase_migrations.schema_migrations order by version"
        return list(await connection.fetch(sql))


async def test_everything_once_and_in_order(empty_database: str) -> None:
    assert await migrate.pending(empty_database) == LABELS
    assert await migrate.apply(empty_database) == LABELS
    assert await migrate.apply(empty_database) == []
    assert await migrate.pending(empty_database) == []


async def test_the_history_is_that_of_the_supabase_cli(empty_database: str) -> None:
    await migrate.apply(empty_database)

    records = await history(empty_database)

    assert [f"{row['version']}_{row['name']}" for row in records] == LABELS
    first = records[0]["statements"]
    assert first[0].endswith(")") and "create table if not exists public.equity_data" in first[0]
    assert first[-1].startswith('create policy "Everybody can read" on public.indicators')


async def test_the_recorded_statements_make_the_same_database(empty_database: str, database: str) -> None:
    """Splitting goes through quotes, comments and dollar-quoted bodies without harm."""
    async with postgres.connected(empty_database) as connection:
        for row in await history(database):
            for statement in row["statements"]:
                await connection.execute(statement)
        made = await connection.fetchval("select count(*) from pg_proc where pronamespace = 'public'::regnamespace")
    async with postgres.connected(database) as connection:
        sql = "select count(*) from pg_proc where pronamespace = 'public'::regnamespace"
        assert made == await connection.fetchval(sql) > 5


def test_statements() -> None:
    sql = """
    -- a comment; with a semicolon
    select ';' , '''; '; /* ; */ select "a;b";
    do $body$ begin perform 1; end $body$;
    -- the end;
    """

    assert [statement.split("\n")[-1].strip() for statement in migrate.Migration("1", "n", sql).statements()] == [
        "select ';' , '''; '",
        '/* ; */ select "a;b"',
        "do $body$ begin perform 1; end $body$",
    ]


async def test_a_refused_migration_leaves_nothing_of_itself(
    empty_database: str, extra: list[migrate.Migration]
) -> None:
    extra += [
        migrate.Migration("3", "good", "create table good ()"),
        migrate.Migration("4", "bad", "create table half (); select 1 / 0"),
        migrate.Migration("5", "never", "create table never ()"),
    ]

    with pytest.raises(errors.MigrationError, match=r"4_bad\.sql was refused \(22012\): division by zero"):
        await migrate.apply(empty_database)

    assert await migrate.pending(empty_database) == ["4_bad", "5_never"]
    async with postgres.connected(empty_database) as connection:
        sql = "select tablename::text from pg_tables where tablename in ('good', 'half', 'never')"
        assert [row[0] for row in await connection.fetch(sql)] == ["good"]


async def test_what_the_supabase_cli_applied_is_not_applied_again(
    empty_database: str, extra: list[migrate.Migration]
) -> None:
    await migrate.apply(empty_database)
    extra.append(migrate.Migration("6", "by_the_cli", "create table by_the_cli ()"))
    async with postgres.connected(empty_database) as connection:
        await connection.execute("insert into supabase_migrations.schema_migrations (version) values ('6')")

    assert await migrate.apply(empty_database) == []


async def test_two_migrators_at_once_share_the_work(empty_database: str) -> None:
    applied = await asyncio.gather(*(migrate.apply(empty_database) for _ in range(4)))

    assert sorted(label for labels in applied for label in labels) == LABELS


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("postgresql://u:top-secret@127.0.0.1:1/db", "postgres:127.0.0.1:1/db: PostgreSQL cannot be reached"),
        ("postgresql://u:top#secret@h/db", "malformed"),
        ("postgresql://u:top/secret@h/db", "malformed"),
        ("mysql://u:top-secret@127.0.0.1/db", "postgresql"),
        ("nonsense", "postgresql"),
    ],
)
async def test_a_wrong_address_is_told_without_the_password(dsn: str, message: str) -> None:
    with pytest.raises(errors.MigrationError, match=message) as told:
        await migrate.pending(dsn)
    for part in ("top", "secret"):
        assert part not in str(told.value)


async def test_a_user_without_rights_is_told_whom_to_connect_as(empty_database: str) -> None:
    async with postgres.connected(empty_database) as connection:
        await connection.execute("create role visitor login")
    try:
        with pytest.raises(errors.MigrationError, match=r"\(42501\).*connect as the database's owner"):
            await migrate.apply(empty_database.replace("postgres@", "visitor@"))
    finally:
        async with postgres.connected(empty_database) as connection:
            await connection.execute("drop role visitor")
