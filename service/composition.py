"""Settings turned into rooms."""

from collections.abc import Sequence

from eventlog.clock import Clock
from eventlog.database import Database
from eventlog.errors import UsageError
from eventlog.log import EventLog
from feed import options as feed_options
from feed.feed import Feed
from feed.schwab import Source
from indicators.definition import Definition
from replicator import tables
from replicator.replicator import Options, Replicator
from replicator.sink import Sink
from replicator.tables import TableSpec
from service.settings import Settings, require_destination


def definition(settings: Settings) -> Definition:
    """What the projection computes."""
    return Definition(session=settings.session, sma_interval=settings.sma_interval, names=settings.indicators)


async def open_replicator(settings: Settings, log: EventLog, state: Database) -> Replicator | None:
    """The replicator for DESTINATION, or None for `none`. No network is touched."""
    if settings.destination == "none":
        return None
    require_destination(settings)
    shipped = tables.with_indicators(settings.indicators)
    options = Options(settings.batch_size, settings.batch_interval, shipped)
    return Replicator(log, state, _sink(settings, shipped), options)


def _sink(settings: Settings, shipped: Sequence[TableSpec]) -> Sink:
    # Imported here: each is megabytes that the other destination's users need not pay.
    if settings.destination == "supabase":
        from replicator.supabase_sink import SupabaseSink

        return SupabaseSink(settings.supabase_url, settings.supabase_service_role_key)
    if settings.destination == "postgres":
        from replicator.postgres_sink import PostgresSink

        return PostgresSink(settings.postgres_dsn, shipped)
    raise UsageError(f"DESTINATION={settings.destination}: supabase, postgres or none")


def feed(settings: Settings, log: EventLog, source: Source, clock: Clock) -> Feed:
    """The feed of STREAM_TICKER from `source`."""
    options = feed_options.Options(
        tickers=settings.stream_ticker,
        session=settings.session,
        skip_market_hours=settings.skip_market_hours,
        options_0dte=settings.options_0dte,
        options_strikes=settings.options_strikes,
        option_symbols=settings.option_symbols,
        watch=feed_options.Watch(drain_seconds=settings.shutdown_seconds / 2),
    )
    return Feed(log, source, options, clock)
