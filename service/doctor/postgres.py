"""A PostgreSQL of one's own: reached, migrated, and its tables writable."""

from replicator import migrate, postgres, tables
from replicator.errors import MigrationError, SinkError
from service.health.check import Check
from service.settings import Settings

_WRITABLE = "select has_table_privilege(to_regclass($1), 'INSERT, UPDATE')"


async def checks(settings: Settings) -> list[Check]:
    """The lines about POSTGRES_DSN; after one that makes the rest pointless there are no more."""
    dsn = settings.postgres_dsn.get_secret_value()
    if not dsn:
        return [Check("postgres", "error", "not set", "Set POSTGRES_DSN in .env: postgresql://user:password@host/db")]
    try:
        async with postgres.connected(dsn, "ticktape doctor") as connection:
            refused = [table.name for table in tables.TABLES if not await connection.fetchval(_WRITABLE, table.name)]
        waiting = await migrate.pending(dsn)
    except (SinkError, MigrationError, ValueError) as error:
        return [Check("postgres", "error", "no answer", f"{error}: check host, user and password in POSTGRES_DSN.")]
    return [Check("postgres", "ok", "reachable", "The database answers."), _migrated(waiting), _writable(refused)]


def _migrated(waiting: list[str]) -> Check:
    if waiting:
        return Check("tables", "error", f"{len(waiting)} migrations wait", "Run `ticktape migrate`.")
    return Check("tables", "ok", "up to date", "Every migration is applied.")


def _writable(refused: list[str]) -> Check:
    if refused:
        sentence = f"The user may not write {', '.join(refused)}: grant INSERT and UPDATE, or migrate as its owner."
        return Check("grants", "error", "missing", sentence)
    return Check("grants", "ok", "may write", "The user may write every table.")
