"""`ticktape health`: how the service is, for people, scripts and container health checks."""

import asyncio
import json
import sys
import traceback
from typing import Annotated, Any

import typer

from eventlog.errors import TicktapeError
from service import options, redaction
from service import settings as settings_module
from service.health.check import SEVERITY, VITAL, Level
from service.settings import Settings


class NotTakenError(TicktapeError):
    """Health could not be taken. Not exit code 1, which is a warning here: who asks would take that for healthy."""

    exit_code = SEVERITY["error"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("health")(health)


def health(
    local: Annotated[bool, typer.Option("--local", help="Ask this machine only, not the destination.")] = False,
    alive: Annotated[bool, typer.Option("--alive", help="Only: does it run and record? Exit code 0 or 2.")] = False,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Is all well? Exit code 0 healthy, 1 warning, 2 error. Example: ticktape health --local."""
    settings = settings_module.load(data_dir=data_dir)
    report = asyncio.run(_report_or_failure(settings, local or alive))
    if alive:
        report["checks"] = [check for check in report["checks"] if check["name"] in VITAL]
        report["level"] = _level(report)
    print(json.dumps(report) if as_json else _table(report))
    return 0 if alive and report["level"] == "warning" else SEVERITY[_level(report)]


async def _report_or_failure(settings: Settings, local: bool) -> dict[str, Any]:
    try:
        return await _report(settings, local)
    except TicktapeError as error:
        if error.exit_code != SEVERITY["warning"]:
            raise
        raise NotTakenError(str(error)) from error
    except Exception as error:
        print(redaction.redact(traceback.format_exc()), file=sys.stderr)
        raise NotTakenError(
            f"{type(error).__name__}: {error} (a bug in ticktape: please report the lines above)"
        ) from error


async def _report(settings: Settings, local: bool) -> dict[str, Any]:
    # Imported when needed: a container's health check runs every minute on a small machine.
    from service.health import client

    report = await asyncio.to_thread(client.ask, settings) or await _from_files(settings)
    if not local:
        from service.health import remote

        report["checks"] += [vars(check) for check in await remote.checks(settings)]
    report["level"] = _level(report)
    return report


async def _from_files(settings: Settings) -> dict[str, Any]:
    from eventlog.clock import SystemClock
    from service.health import client, files, snapshot

    report = snapshot.judge(await files.facts(settings, SystemClock())).report()
    pid = client.holder(settings.data_dir)
    if pid is not None:
        process, feed = report["checks"][:2]
        process["value"] = "does not answer"
        process["sentence"] = f"Process {pid} holds the directory but does not answer on HEALTH_PORT: see its log."
        feed["value"] = "unknown"
        feed["sentence"] = "Only the running service knows."
    return report


def _level(report: dict[str, Any]) -> Level:
    levels: list[Level] = [check["level"] for check in report["checks"]]
    return max(levels, key=SEVERITY.__getitem__)


def _table(report: dict[str, Any]) -> str:
    width = max(len(check["value"]) for check in report["checks"])
    lines = [
        f"{check['level']:<8} {check['name']:<13} {check['value']:<{width}}  {check['sentence']}"
        for check in report["checks"]
    ]
    return "\n".join([*lines, f"{report['level']}: ticktape {report['version']}"])
