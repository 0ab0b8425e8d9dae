"""Bring a PostgreSQL to the schema of supabase/migrations, and record it as the Supabase CLI does.

Each migration and its record share one transaction, so `ticktape migrate` and `supabase db push` can take turns.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from replicator import errors, postgres

# Any number, as long as nothing else in the database takes the same advisory lock.
_LOCK = 7_346_297_011

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

    @property
    def label(self) -> str:
        """The file's name without `.sql`."""
        return f"{self.version}_{self.name}"

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
    for file in (_sql() / "migrations").iterdir():
        if file.name.endswith(".sql"):
            version, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(version, name, file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)


def _sql() -> Traversable:
    """Where roles.sql and migrations/ are: beside this module in the wheel, in supabase/ in a checkout."""
    beside = resources.files("replicator")
    return beside if (beside / "migrations").is_dir() else Path(__file__).parents[1] / "supabase"


async def apply(dsn: str) -> list[str]:
    """Apply what is pending, in order, and return the applied file names without `.sql`. Raises MigrationError."""
    async with _connected(dsn) as connection:
        await _prepare(connection)
        return [migration.label for migration in load() if await _apply_one(connection, migration)]


async def pending(dsn: str) -> list[str]:
    """What `apply` would apply; changes nothing. Raises MigrationError."""
    async with _connected(dsn) as connection:
        if await connection.fetchval("select to_regclass('supabase_migrations.schema_migrations')") is None:
            return [migration.label for migration in load()]
        return [migration.label for migration in load() if not await _is_applied(connection, migration)]


async def _prepare(connection: Any) -> None:
    try:
        async with _exclusive(connection):
            await connection.execute((_sql() / "roles.sql").read_text(encoding="utf-8"))
            await connection.execute(_HISTORY)
    except postgres.ServerError as error:
        raise errors.MigrationError(
            f"the roles or the history of migrations cannot be made ({error.sqlstate}): {error}; "
            "connect as the database's owner, and where roles are missing let a superuser run supabase/roles.sql once"
        ) from error


async def _apply_one(connection: Any, migration: Migration) -> bool:
    """Whether it was this call that applied it."""
    record = "insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3)"
    try:
        async with _exclusive(connection):
            if await _is_applied(connection, migration):
                return False
            await connection.execute(migration.sql)
            await connection.execute(record, migration.version, migration.name, migration.statements())
    except postgres.ServerError as error:
        raise errors.MigrationError(f"{migration.label}.sql was refused ({error.sqlstate}): {error}") from error
    return True


async def _is_applied(connection: Any, migration: Migration) -> bool:
    sql = "select exists (select from supabase_migrations.schema_migrations where version = $1)"
    return bool(await connection.fetchval(sql, migration.version))


@contextlib.asynccontextmanager
async def _exclusive(connection: Any) -> AsyncIterator[None]:
    """A transaction that no other migrator's overlaps."""
    async with connection.transaction():
        await connection.execute(f"select pg_advisory_xact_lock({_LOCK})")
        yield


@contextlib.asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Any]:
    try:
        identity = postgres.identity(dsn)
        async with postgres.connected(dsn, "ticktape migrate") as connection:
            yield connection
    except errors.SinkError as error:
        raise errors.MigrationError(f"{identity}: {error}") from error
    except ValueError:
        # Its text may quote a part of the password.
        raise errors.MigrationError(
            "the DSN is malformed: postgresql://user:password@host:port/database is expected, with special characters "
            "of the password as %XX"
        ) from None
