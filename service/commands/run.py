"""`ticktape run`: the production service."""

import asyncio
import contextlib
import signal

import typer
from loguru import logger

from eventlog.errors import TicktapeError
from feed import schwab
from service import app as service_app
from service import directory, full_disk, logs, notify, options, provenance
from service import settings as settings_module
from service.alerts import last_words
from service.app import Service
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
    source = schwab.LiveSource(
        settings.schwab_app_key, settings.schwab_app_secret, settings.token_path, settings.schwab_url
    )
    origin: provenance.Source = "schwab" if settings.schwab_url == schwab.SCHWAB_URL else "simulated"
    with directory.held_for_recording(settings.data_dir, origin):
        try:
            with full_disk.named(settings.data_dir):
                await _run(settings, source, stop)
        except Exception as error:
            code = error.exit_code if isinstance(error, TicktapeError) else 1
            logger.bind(event="service.failed", exit_code=code).critical("the service ends with {}: {}", code, error)
            await last_words.tell(settings, error)
            raise


async def _run(settings: Settings, source: schwab.LiveSource, stop: asyncio.Event) -> None:
    async with contextlib.AsyncExitStack() as stack:
        service = await _started(stack, service_app.running(settings, source), stop)
        if service is not None:
            await _until_stopped(service, stop)
            return
    logger.bind(event="service.stopped", unsent=0).info("stopped before it had started")


async def _started(
    stack: contextlib.AsyncExitStack, running: contextlib.AbstractAsyncContextManager[Service], stop: asyncio.Event
) -> Service | None:
    """The started service, to be ended by `stack`. None when told to stop before: a start may wait for a full disk."""
    starting = asyncio.ensure_future(stack.enter_async_context(running))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        return await starting
    notify.stopping()
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        return await starting
    return None


async def _until_stopped(service: Service, stop: asyncio.Event) -> None:
    notify.ready()
    logger.bind(event="service.started", url=service.url, head=service.context.log.head).info(
        "recording; health and the live page are at {}", service.url
    )
    await service.watch(stop)
    notify.stopping()
    outcome = await service.stop("signal")
    logger.bind(event="service.stopped", unsent=outcome.unsent).info("stopped in order, {} rows unsent", outcome.unsent)
