"""A process that folds a log in small pages, to be killed by a test: `python -m tests.faults.harness_projection DIR`.

Prints `at N` after each commit of a page. With `rebuild` as second argument it rebuilds instead, over and over.
"""

import asyncio
import os
import sys
from pathlib import Path

from loguru import logger

from eventlog import log as event_log
from eventlog import state as state_file
from indicators import pages, replay, schema
from indicators.definition import Definition
from indicators.projection import Projection


async def _run(directory: Path, rebuilds: bool) -> None:
    log = await event_log.open_log(directory)
    state = await state_file.open_state(directory / "state.db", {"indicators": schema.STEPS})
    projection = Projection(log, state, Definition())
    await projection.start()
    while rebuilds:
        await projection.rebuild(progress=lambda done, _: _say(done))
    while projection.checkpoint < log.head:
        await projection.fold_once(11)
        _say(projection.checkpoint)
    await state.close()
    await log.close()


def _say(seq: int) -> None:
    os.write(1, f"at {seq}\n".encode())


if __name__ == "__main__":
    logger.remove()
    pages.SIZE = 20
    replay._ROWS_PER_WRITE = 50
    asyncio.run(_run(Path(sys.argv[1]), "rebuild" in sys.argv[2:]))
