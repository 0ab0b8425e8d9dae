"""A small data directory with a bit of everything, the one that docs/inspecting.md looks into.

`python -m tests.eventlog.sample DIR` makes it. The ticks are the AAPL trades of the first 48 s of 2012-06-21.
"""

import asyncio
import sys
from pathlib import Path

import indicators.schema
import replicator.schema
from eventlog import imports, state
from eventlog.clock import ManualClock
from eventlog.events import EquityQuote, Event, FeedConnected, FeedGap, OptionQuote, decode
from eventlog.log import EventLog, open_log
from indicators.definition import Definition
from indicators.projection import Projection

TAPE = Path(__file__).parents[1] / "data" / "aapl_2012-06-21_open.csv"
OPEN_US = 1_340_285_400_000_000
"""2012-06-21 09:30 ET."""
_SECOND_US = 1_000_000


async def make(directory: Path) -> None:
    """Two runs, the first without a stop; a gap between ticks; all folded, most of it delivered, one dead letter."""
    clock = ManualClock(OPEN_US - 60 * _SECOND_US)
    log = await open_log(directory, clock, reserve_bytes=0)
    await log.start_recording("0.1.0")
    await log.append([Event("", clock.now_us(), FeedConnected(["AAPL"]))])
    await _play(log, clock)
    gap = FeedGap(OPEN_US + 49 * _SECOND_US, OPEN_US + 52 * _SECOND_US, "socket_closed_1006")
    clock.advance_us(5 * _SECOND_US)
    await log.append([Event("", gap.from_us, gap), Event("AAPL", clock.now_us(), EquityQuote(bid=585.61, ask=585.7))])
    await log.append([Event("AAPL", clock.now_us(), _option(strike)) for strike in (580.0, 585.0)])
    clock.advance_us(10 * _SECOND_US)
    await log.start_recording("0.1.0")
    await log.stop_recording("signal")
    await _derive(directory, log)
    await log.close()


async def _play(log: EventLog, clock: ManualClock) -> None:
    """Each trade is recorded 12 to 18 ms after it happened."""
    for stored in imports.tape(TAPE, "AAPL", 0):
        payload = decode(stored)
        assert payload is not None
        clock.advance_us(max(0, stored.ts_us + 12_000 + 1_000 * (stored.seq % 7) - clock.now_us()))
        await log.append([Event("AAPL", stored.ts_us, payload)])


def _option(strike: float) -> OptionQuote:
    symbol = f"AAPL  120622C{int(strike * 1000):08d}"
    return OptionQuote(
        symbol,
        "CALL",
        strike,
        "2012-06-22",
        bid=5.1,
        ask=5.2,
        last=5.15,
        volume=12,
        implied_volatility=31.5,
        delta=0.52,
    )


async def _derive(directory: Path, log: EventLog) -> None:
    schemas = {"indicators": indicators.schema.STEPS, "replicator": replicator.schema.STEPS}
    database = await state.open_state(directory / "state.db", schemas)
    projection = Projection(log, database, Definition())
    await projection.start()
    while projection.checkpoint < log.head:
        await projection.fold_once()
    await database.run(
        lambda raw: raw.executescript(
            f"""
            INSERT INTO cursors VALUES ('postgres', 'equity_data', 120, 117, {log.clock.now_us()});
            INSERT INTO cursors VALUES ('postgres', 'indicators', 159, 158, {log.clock.now_us()});
            INSERT INTO dead_letters (destination, table_name, seq, dead_us, code, reason, row)
            VALUES ('postgres', 'indicators', 17, {log.clock.now_us()}, '22003', 'numeric field overflow', '{{}}');
            """
        )
    )
    await database.close()


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1])))
