"""`python -m tests.faults.harness_tempfiles DATA_DIR`: many tickers appended, folded and rebuilt in large transactions.

A statement that touches many pages of an index keeps what it would have to undo in a journal of its own.
"""

import asyncio
import sys
from pathlib import Path

import indicators.schema
from eventlog.clock import ManualClock
from eventlog.log import open_log
from eventlog.state import open_state
from indicators.definition import Definition
from indicators.projection import Projection
from indicators.replay import Scope
from tests.eventlog.ticks import NOW_US, tick

TICKERS = 64
TICKS_EACH = 200


async def main(data_dir: Path) -> None:
    """Append, fold, and rebuild as a whole and for one ticker."""
    log = await open_log(data_dir, ManualClock(NOW_US), reserve_bytes=0)
    state = await open_state(data_dir / "state.db", {"indicators": indicators.schema.STEPS})
    projection = Projection(log, state, Definition(session="all"))
    await projection.start()
    for number in range(TICKS_EACH):
        await log.append([tick(number, f"T{ticker}") for ticker in range(TICKERS)])
    while projection.checkpoint < log.head:
        await projection.fold_once()
    await projection.rebuild()
    await projection.rebuild(Scope(ticker="T0"))
    await state.close()
    await log.close()
    print(log.head)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
