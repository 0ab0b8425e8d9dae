"""`ticktape doctor`: everything that must be right before the first start."""

import asyncio
import json

import typer

from eventlog.errors import UsageError
from service import options
from service import settings as settings_module
from service.doctor import doctor as examination
from service.health.check import SEVERITY, Check, worst
from service.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(data_dir: options.DataDir = None, as_json: options.Json = False) -> int:
    """Check settings, machine, Schwab and destination before the first start. Example: ticktape doctor."""
    try:
        settings = settings_module.load(data_dir=data_dir)
    except UsageError as error:
        found = [Check("settings", "error", "invalid", str(error))]
    else:
        found = asyncio.run(_examine(settings))
    if as_json:
        print(json.dumps({"level": worst(found), "checks": [vars(check) for check in found]}))
    else:
        print("\n".join(f"{check.level:<8} {check.name:<11} {check.value}: {check.sentence}" for check in found))
    return SEVERITY[worst(found)]


async def _examine(settings: Settings) -> list[Check]:
    return [check async for check in examination.examine(settings)]
