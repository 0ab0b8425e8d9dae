"""`ticktape migrate`: the destination's schema."""

import asyncio
from typing import Annotated

import msgspec
import typer

from eventlog.errors import UsageError
from replicator import migrate as migrations
from service import options
from service import settings as settings_module


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate")(migrate)


def migrate(
    dsn: Annotated[
        str | None, typer.Option(help="postgresql://user:password@host/database", show_default="POSTGRES_DSN")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be applied.")] = False,
    as_json: options.Json = False,
) -> int:
    """Bring a PostgreSQL or Supabase database to ticktape's schema. Example: ticktape migrate --dry-run.

    The DSN holds a password, which POSTGRES_DSN keeps out of the process list. Supabase shows it under Connect.
    """
    settings = settings_module.load(postgres_dsn=dsn)
    address = settings.postgres_dsn.get_secret_value()
    if not address:
        raise UsageError("no database given: set POSTGRES_DSN, or pass --dsn postgresql://user:password@host/database")
    labels = asyncio.run(migrations.pending(address) if dry_run else migrations.apply(address))
    _report(labels, dry_run, as_json)
    return 0


def _report(labels: list[str], dry_run: bool, as_json: bool) -> None:
    key = "pending" if dry_run else "applied"
    if as_json:
        print(msgspec.json.encode({key: labels}).decode())
        return
    for label in labels:
        print(f"{key} {label}")
    if not labels:
        print("the schema is up to date")
