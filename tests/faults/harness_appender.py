"""A process that appends and says what was acknowledged, to be killed or starved by a test.

`python -m tests.faults.harness_appender DIR [LIMIT]`: the event with seq n is tick(n). Each acknowledged batch prints
`ack FIRST LAST`; the end prints one line `error: ...` and exits with the error's code, as the service does.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from loguru import logger

from eventlog import commits
from eventlog.errors import TicktapeError
from eventlog.events import Event
from eventlog.lock import InstanceLock
from eventlog.log import EventLog, open_log
from tests.eventlog.ticks import tick

_APPENDERS = 3


def expected(seq: int) -> Event:
    """The event that has this seq, whoever appended it."""
    return tick(seq)


async def _append_for_ever(log: EventLog, randomness: random.Random, limit: int) -> None:
    while log.status().head < limit:
        count = randomness.choice((1, 1, 2, 5, 30))
        first = log._intake.next_seq
        seqs = await log.append([expected(seq) for seq in range(first, first + count)])
        os.write(1, f"ack {seqs.start} {seqs.stop - 1}\n".encode())


async def _run(directory: Path, limit: int, seed: int) -> None:
    commits.PROBE_SECONDS = 0.05
    log = await open_log(directory, reserve_bytes=0)
    os.write(1, b"open\n")
    randomness = random.Random(seed)
    await asyncio.gather(*(_append_for_ever(log, randomness, limit) for _ in range(_APPENDERS)))
    await log.close()


def main() -> int:
    logger.remove()
    directory, limit = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10**9
    try:
        with InstanceLock(directory):
            asyncio.run(_run(directory, limit, os.getpid()))
    except TicktapeError as error:
        print(f"error: {error}", flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
