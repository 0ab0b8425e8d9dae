"""One live table on a terminal: price, indicators, counts and lag per ticker."""

import asyncio
import contextlib
from collections.abc import Iterator

import rich.console
import rich.live
import rich.table

from eventlog import events
from service.app import Service

REFRESH_SECONDS = 0.25

_LATEST_ROW = "SELECT sma9, vwap FROM indicators WHERE ticker = ? ORDER BY ts_us DESC LIMIT 1"


@contextlib.contextmanager
def shown(service: Service) -> Iterator[None]:
    """Keep the table up to date until the block ends."""
    with rich.live.Live(console=rich.console.Console(), auto_refresh=False) as live:
        task = asyncio.create_task(_refresh(service, live))
        try:
            yield
        finally:
            task.cancel()


async def _refresh(service: Service, live: rich.live.Live) -> None:
    while True:
        live.update(await _table(service), refresh=True)
        await asyncio.sleep(REFRESH_SECONDS)


async def _table(service: Service) -> rich.table.Table:
    context = service.context
    unsent = sum(table.unsent for table in context.replicator.status()) if context.replicator else 0
    lag = context.log.head - context.projection.checkpoint
    table = rich.table.Table(
        title=f"seq {context.log.head:,}   unsent {unsent:,}   lag {lag:,} events   Ctrl-C ends",
        title_justify="left",
        caption=f"live page: {service.url}",
        caption_justify="left",
    )
    for column in ("ticker", "price", "SMA9", "VWAP", "day volume"):
        table.add_column(column, justify="left" if column == "ticker" else "right")
    for ticker in context.settings.stream_ticker:
        table.add_row(*await _row(service, ticker))
    return table


async def _row(service: Service, ticker: str) -> tuple[str, ...]:
    context = service.context
    last = await context.log.latest("equity_tick", ticker)
    tick = events.decode(last) if last else None
    if not isinstance(tick, events.EquityTick):
        return ticker, "-", "-", "-", "-"
    row = await context.state.run(lambda connection: connection.execute(_LATEST_ROW, (ticker,)).fetchone())
    sma9, vwap = row or (None, None)
    return ticker, _price(tick.price), _price(sma9), _price(vwap), f"{tick.total_volume:,}"


def _price(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4f}"
