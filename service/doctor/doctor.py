"""All lines of `ticktape doctor`, in the order in which things must be right."""

from collections.abc import AsyncIterator
from dataclasses import replace

from service import redaction
from service.doctor import alerts, login, machine, postgres, supabase
from service.health.check import Check
from service.settings import Settings


async def examine(settings: Settings) -> AsyncIterator[Check]:
    """Line by line, as they are found. Changes nothing anywhere."""
    redaction.learn_token_file(settings.token_path)
    yield Check("settings", "ok", "valid", f"Every setting can be used; recording {', '.join(settings.stream_ticker)}.")
    found = [*machine.checks(settings), *await login.checks(settings), *await _destination(settings)]
    for check in [*found, *alerts.checks(settings)]:
        yield replace(check, sentence=redaction.redact(check.sentence))


async def _destination(settings: Settings) -> list[Check]:
    if settings.destination == "supabase":
        return await supabase.checks(settings)
    if settings.destination == "postgres":
        return await postgres.checks(settings)
    return [Check("destination", "ok", "none", "DESTINATION=none: rows stay in the local databases.")]
