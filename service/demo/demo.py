"""The demo: the production service, with the simulated exchange for Schwab and an embedded PostgreSQL for Supabase."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from eventlog import events
from eventlog.reader import open_log_reader
from feed.exchange import Exchange, RandomMarket, Tape
from feed.schwab import SimulatedSource
from replicator import embedded, migrate
from service import app, directory
from service.app import Service
from service.demo import summary
from service.demo.summary import Summary
from service.settings import Settings

PLAYED_OUT_TIMEOUT_SECONDS = 30.0
# Nobody is to be woken by a simulated market.
_NO_ALERTS = {"alert_webhook": SecretStr(""), "smtp_host": ""}


@dataclass(frozen=True)
class Options:
    """What to play, and for how long: `seconds` None means until Ctrl-C, or until a tape has been delivered."""

    seconds: float | None = None
    tape: Path | None = None
    speed: float = 1.0


async def play(settings: Settings, options: Options, stop: asyncio.Event, on_start: "OnStart") -> Summary:
    """Run until `stop`, the time or the tape is up; then drain and sum up."""
    market = await _market(settings, options)
    with directory.held_for_recording(settings.data_dir, "simulated"):
        async with _database(settings) as dsn, _exchange(market) as exchange:
            settings = settings.model_copy(
                update={"destination": "postgres", "postgres_dsn": SecretStr(dsn), "session": "all"} | _NO_ALERTS
            )
            any_port = "health_port" not in settings.model_fields_set
            async with app.running(settings, SimulatedSource(exchange.url), any_port=any_port) as service:
                with on_start(service):
                    await _until_done(service, exchange, options, stop)
                outcome = await service.stop("demo ended")
                return await summary.sum_up(service, outcome, dsn)


OnStart = summary.OnStart


@contextlib.asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[str]:
    """The embedded PostgreSQL with production's migrations applied."""
    server = await asyncio.to_thread(embedded.start, settings.data_dir)
    try:
        await migrate.apply(server.dsn)
        yield server.dsn
    finally:
        await asyncio.to_thread(server.stop)


async def _market(settings: Settings, options: Options) -> RandomMarket | Tape:
    """What the exchange plays. A bad tape is refused here, before anything is made."""
    if options.tape is None:
        return RandomMarket(settings.stream_ticker)
    ticker = settings.stream_ticker[0]
    played_volume = await _recorded_volume(settings.data_dir, ticker)
    return Tape(options.tape, ticker, options.speed, played_volume=played_volume)


@contextlib.asynccontextmanager
async def _exchange(market: RandomMarket | Tape) -> AsyncIterator[Exchange]:
    exchange = Exchange(market)
    await exchange.start()
    try:
        yield exchange
    finally:
        await exchange.stop()


async def _recorded_volume(data_dir: Path, ticker: str) -> int:
    """How much of a tape an earlier, interrupted run has recorded: the tape goes on from there."""
    if not (data_dir / "events.db").exists():
        return 0
    reader = await open_log_reader(data_dir)
    try:
        last = await reader.latest("equity_tick", ticker)
    finally:
        await reader.close()
    payload = events.decode(last) if last else None
    return payload.total_volume if isinstance(payload, events.EquityTick) else 0


async def _until_done(service: Service, exchange: Exchange, options: Options, stop: asyncio.Event) -> None:
    ends = [asyncio.create_task(service.watch(stop))]
    if options.tape is not None:
        ends.append(asyncio.create_task(_played_out(service, exchange)))
    try:
        done, _ = await asyncio.wait(ends, timeout=options.seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in ends:
            task.cancel()


async def _played_out(service: Service, exchange: Exchange) -> None:
    """Wait until the tape's last trade is durable."""
    await exchange.played.wait()
    log = service.context.log
    assert isinstance(exchange.market, Tape)
    async with asyncio.timeout(PLAYED_OUT_TIMEOUT_SECONDS):
        while True:
            head = log.head
            last = await log.latest("equity_tick", exchange.market.ticker)
            payload = events.decode(last) if last else None
            recorded = payload.total_volume if isinstance(payload, events.EquityTick) else 0
            if recorded >= exchange.market.total_volume:
                return
            await log.wait_beyond(head)
