"""Commands around the feed: log in at Schwab, run a simulated exchange, record raw frames."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from eventlog.clock import SystemClock
from eventlog.errors import UsageError
from eventlog.lock import InstanceLock
from feed import login as feed_login
from feed import schwab, token
from feed.errors import FeedError
from feed.exchange import Exchange, RandomMarket, Recording, Tape, scenario
from feed.feed import Feed
from feed.options import Options
from feed.recorder import NoLog, Recorder
from service import directory, logs, options
from service import settings as settings_module
from service.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("login")(login)
    app.command("exchange")(exchange)
    app.command("record")(record)


def login(
    check: Annotated[bool, typer.Option("--check", help="Only tell how many days the present login has left.")] = False,
    browser: Annotated[bool, typer.Option("--browser", help="Open a browser on this machine.")] = False,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Log in at Schwab, which a person must do every seven days. Example: ticktape login --check."""
    settings = settings_module.load(data_dir=data_dir)
    if check:
        return _check_login(settings.token_path, as_json)
    settings_module.require_schwab(settings)
    directory.prepare(settings.token_path.parent)
    key, secret = settings.schwab_app_key, settings.schwab_app_secret
    if browser:
        schwab.browser_login(key, secret, settings.schwab_callback_url, settings.token_path)
    else:
        request = schwab.begin_login(key, settings.schwab_callback_url, settings.schwab_url)
        print(f"1. Open this address in any browser, log in, and allow the access:\n\n   {request.url}\n")
        print(f"2. The browser then goes to {settings.schwab_callback_url}, where nothing may be shown. Within half a")
        print("   minute, copy all of its address bar and paste it here:\n")
        feed_login.finish(key, secret, request, _read_answer(), settings.token_path, settings.schwab_url)
    print(f"Logged in for 7 days. Token file: {settings.token_path}")
    return 0


def _read_answer() -> str:
    print("> ", end="", flush=True)
    answer = sys.stdin.readline().strip()
    if not answer:
        raise UsageError("nothing was pasted; run `ticktape login` again")
    return answer


def _check_login(path: Path, as_json: bool) -> int:
    age_seconds = time.time() - float(token.read(path)["creation_timestamp"])
    state = token.state(age_seconds)
    days_left = max(0.0, (token.LIFETIME_SECONDS - age_seconds) / token.DAY_SECONDS)
    if as_json:
        print(msgspec.json.encode({"state": state, "days_left": round(days_left, 2), "path": str(path)}).decode())
    elif state == "expired":
        print(f"The login has ended (token file: {path}): run `ticktape login`")
    else:
        hint = "" if state == "ok" else ": run `ticktape login` soon"
        print(f"{days_left:.1f} days left (token file: {path}){hint}")
    return 1 if state == "expired" else 0


def exchange(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8765,
    ticker: Annotated[str | None, typer.Option(help="Tickers, comma-separated.", show_default="QQQ")] = None,
    tape: Annotated[Path | None, typer.Option(help="Play a CSV of time,price,size (UTC).")] = None,
    recording: Annotated[Path | None, typer.Option(help="Play a file of `ticktape record`.")] = None,
    speed: Annotated[float, typer.Option(help="How many times as fast as it was to play.", min=0.001)] = 1.0,
    scenario_name: Annotated[
        str | None, typer.Option("--scenario", help=f"A JSON file of steps, or {', '.join(scenario.NAMED)}.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.", min=0.1)] = None,
) -> int:
    """Run a simulated exchange alone. Example: ticktape exchange --port 8765 --scenario closes."""
    settings = settings_module.load(stream_ticker=ticker)
    if tape is not None and recording is not None:
        raise UsageError("give --tape or --recording, not both")
    market: RandomMarket | Tape | Recording = RandomMarket(settings.stream_ticker)
    if tape is not None:
        market = Tape(tape, settings.stream_ticker[0], speed)
    if recording is not None:
        market = Recording(recording, speed)
    steps = scenario.load(scenario_name) if scenario_name else []
    asyncio.run(_serve_exchange(Exchange(market, port=port), steps, seconds))
    return 0


async def _serve_exchange(served: Exchange, steps: list[scenario.Step], seconds: float | None) -> None:
    async with _until_signal(seconds) as stop:
        await served.start()
        script = asyncio.create_task(scenario.play(served, steps))
        hint = f"SCHWAB_URL={served.url} points the service at it; Ctrl-C ends it"
        print(f"simulated exchange at {served.url} ({hint})", flush=True)
        try:
            await stop.wait()
        finally:
            script.cancel()
            await asyncio.gather(script, return_exceptions=True)
            await served.stop()


def record(
    file: Annotated[Path, typer.Argument(help="Where to keep the frames (gzip NDJSON); must not exist yet.")],
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.", min=0.1)] = None,
    ticker: Annotated[str | None, typer.Option(help="Tickers, comma-separated.", show_default="STREAM_TICKER")] = None,
    data_dir: options.DataDir = None,
) -> int:
    """Keep Schwab's raw frames, secrets removed. Example: ticktape record day.ndjson.gz --seconds 600."""
    settings = settings_module.load(data_dir=data_dir, stream_ticker=ticker)
    settings_module.require_schwab(settings)
    directory.prepare(settings.data_dir)
    logs.silence()
    # Schwab allows one stream per user: with the service running, both would fight for it.
    with InstanceLock(settings.data_dir), Recorder(file, _secrets(settings), SystemClock()) as recorder:
        last_error = asyncio.run(_record(settings, recorder, seconds))
    if recorder.frames == 0:
        file.unlink()
        raise FeedError(f"nothing was received, so there is no {file}: {last_error or 'no frame came'}")
    print(f"{recorder.frames} frames in {file}; play them with: ticktape exchange --recording {file}")
    return 0


def _secrets(settings: Settings) -> list[str]:
    secrets = [settings.schwab_app_key.get_secret_value(), settings.schwab_app_secret.get_secret_value()]
    content: dict[str, Any] = token.read(settings.token_path)["token"]
    return secrets + [str(content.get(name, "")) for name in ("access_token", "refresh_token", "id_token")]


async def _record(settings: Settings, recorder: Recorder, seconds: float | None) -> str | None:
    """Record until asked to stop; returns the last error of a connection that was not made up for."""
    source = schwab.LiveSource(
        settings.schwab_app_key, settings.schwab_app_secret, settings.token_path, settings.schwab_url
    )
    chosen = Options(
        tickers=settings.stream_ticker,
        skip_market_hours=True,
        options_0dte=settings.options_0dte,
        options_strikes=settings.options_strikes,
        option_symbols=settings.option_symbols,
    )
    async with _until_signal(seconds) as stop:
        feed = Feed(NoLog(), source, chosen, tap=recorder)
        await feed.run(stop)
    return feed.status.last_error


@contextlib.asynccontextmanager
async def _until_signal(seconds: float | None) -> AsyncIterator[asyncio.Event]:
    """An event that is set by Ctrl-C, SIGTERM, or after `seconds`."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    timer = loop.call_later(seconds, stop.set) if seconds is not None else None
    try:
        yield stop
    finally:
        if timer is not None:
            timer.cancel()
