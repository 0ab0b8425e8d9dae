"""`ticktape run`: the production service."""

import asyncio
import signal

import typer

from feed import schwab
from service import app as service_app
from service import directory, logs, options
from service import settings as settings_module
from service.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(data_dir: options.DataDir = None) -> int:
    """Record, derive and ship until SIGTERM. Example: ticktape run --data-dir /data."""
    settings = settings_module.load(data_dir=data_dir)
    settings_module.require_schwab(settings)
    settings_module.require_destination(settings)
    logs.configure(settings)
    asyncio.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    source = schwab.LiveSource(settings.schwab_app_key, settings.schwab_app_secret, settings.token_path)
    with directory.held_for_recording(settings.data_dir, "schwab"):
        async with service_app.running(settings, source) as service:
            await service.watch(stop)
            await service.stop("signal")
