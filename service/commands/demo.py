"""`ticktape demo`: everything at once, without any account."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from eventlog.errors import UsageError
from service import logs, options
from service import settings as settings_module
from service.app import Service
from service.demo import demo as demo_service
from service.demo import screen, summary
from service.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.", min=0.1)] = None,
    ticker: Annotated[str | None, typer.Option(help="Tickers, comma-separated.", show_default="QQQ")] = None,
    tape: Annotated[Path | None, typer.Option(help="Play a CSV of time,price,size (UTC) instead.")] = None,
    speed: Annotated[float, typer.Option(help="How many times as fast as it was to play the tape.", min=0.001)] = 1.0,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Simulated market to embedded PostgreSQL. Example: ticktape demo --ticker AAPL,QQQ --seconds 30."""
    settings = settings_module.load(data_dir=data_dir, stream_ticker=ticker, skip_market_hours=True)
    _check_tape(settings, tape)
    logs.silence()
    result = asyncio.run(_play(settings, demo_service.Options(seconds, tape, speed), as_json))
    print(msgspec.json.encode(result).decode() if as_json else summary.lines(result))
    return 0 if result.unsent == 0 else 1


def _check_tape(settings: Settings, tape: Path | None) -> None:
    if tape is None:
        return
    if not tape.is_file():
        raise UsageError(f"--tape {tape}: no such file")
    if len(settings.stream_ticker) != 1:
        raise UsageError("--tape plays one ticker: name it with --ticker AAPL")


async def _play(settings: Settings, chosen: demo_service.Options, as_json: bool) -> summary.Summary:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    is_drawn = sys.stdout.isatty() and not as_json
    return await demo_service.play(settings, chosen, stop, screen.shown if is_drawn else _address_shown)


def _address_shown(service: Service) -> contextlib.AbstractContextManager[None]:
    """Where nothing is drawn, standard output is the summary's alone."""
    print(f"live page: {service.url}", file=sys.stderr, flush=True)
    return contextlib.nullcontext()
