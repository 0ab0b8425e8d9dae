"""Bring a PostgreSQL to the schema of supabase/migrations, and record it as the Supabase CLI does.

Each migration and its record share one transaction, so `ticktape migrate` and `supabase db push` can take turns.
"""

import contextlib
import re
import urllib.parse
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import asyncpg

from replicator import errors

# Any number, as long as nothing else in the database takes the same advisory lock.
_LOCK = 7_346_297_011

_ROLES = {
    "anon": "create role anon nologin noinherit",
    "authenticated": "create role authenticated nologin noinherit",
    "service_role": "create role service_role nologin noinherit bypassrls",
}

_HISTORY = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""

_TOKEN = re.compile(
    r"""
    --[^\n]*                       # comment to the end of the line
    | /\*.*?\*/                    # block comment
    | '(?:[^']|'')*'               # string
    | "(?:[^"]|"")*"               # identifier
    | (\$\w*\$).*?\1               # dollar-quoted body
    | ;
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Migration:
    """One file: `version` and `name` are the two halves of its file name."""

    version: str
    name: str
    sql: str

    def statements(self) -> list[str]:
        """The statements without their closing semicolons, as the history keeps them."""
        parts = [""]
        for token in _TOKEN.finditer(self.sql):
            if token.group() == ";":
                parts.append("")
            else:
                parts[-1] += token.group()
        return [statement for statement in map(str.strip, parts) if _says_something(statement)]


def _says_something(statement: str) -> bool:
    return any(not line.lstrip().startswith("--") and line.strip() for line in statement.splitlines())


def load() -> list[Migration]:
    """All migrations in order, from the wheel or the checkout."""
    found = []
    for file in _directory().iterdir():
        if file.name.endswith(".sql"):
            version, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(version, name, file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)


def _directory() -> Traversable:
    in_wheel = resources.files("replicator") / "migrations"
    return in_wheel if in_wheel.is_dir() else Path(__file__).parents[1] / "supabase" / "migrations"


async def apply(dsn: str) -> list[str]:
    """Apply what is pending, in order, and return the applied versions. Raises MigrationError."""
    async with _connected(dsn) as connection:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await _ensure_roles(connection)
        await connection.execute(_HISTORY)
        waiting = await _pending(connection)
        for migration in waiting:
            await _apply_one(connection, migration)
        return [migration.version for migration in waiting]


async def pending(dsn: str) -> list[str]:
    """The versions `apply` would apply; changes nothing. Raises MigrationError."""
    async with _connected(dsn) as connection:
        return [migration.version for migration in await _pending(connection)]


async def _pending(connection: Any) -> Sequence[Migration]:
    if await connection.fetchval("select to_regclass('supabase_migrations.schema_migrations')") is None:
        return load()
    done = {
        row["version"] for row in await connection.fetch("select version from supabase_migrations.schema_migrations")
    }
    return [migration for migration in load() if migration.version not in done]


async def _ensure_roles(connection: Any) -> None:
    """Supabase's roles, which the policies and grants name; on Supabase they are there already."""
    there = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
    for role, statement in _ROLES.items():
        if role not in there:
            with contextlib.suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                await connection.execute(statement)


async def _apply_one(connection: Any, migration: Migration) -> None:
    record = "insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3)"
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(record, migration.version, migration.name, migration.statements())
    except asyncpg.PostgresError as error:
        where = f"migration {migration.version}_{migration.name}.sql"
        raise errors.MigrationError(f"{where} was refused ({error.sqlstate}): {error}") from error


@contextlib.asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Any]:
    """A connection of its own, so that closing it also gives back the advisory lock."""
    try:
        connection = await asyncpg.connect(dsn, timeout=30, server_settings={"application_name": "ticktape migrate"})
    except (OSError, ValueError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise errors.MigrationError(f"cannot connect to {without_password(dsn)}: {type(error).__name__}") from error
    try:
        yield connection
    finally:
        await connection.close()


def without_password(dsn: str) -> str:
    """The DSN as it may be shown: user, host, port and database alone."""
    parts = urllib.parse.urlsplit(dsn)
    host = parts.hostname or urllib.parse.parse_qs(parts.query).get("host", ["(default host)"])[0]
    return f"postgresql://{host}{parts.path}"
