"""A process that folds a log in small pages, to be killed by a test: `python -m tests.faults.harness_projection DIR`.

Prints `at N` when it has opened at event N and after each commit of a page, and `end` at the log's head, where it waits
to be killed: how far it came is never left to a race. With `rebuild` as second argument it rebuilds, over and over.
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
    _say(f"at {projection.checkpoint}")
    while rebuilds:
        await projection.rebuild(progress=lambda done, _: _say(f"at {done}"))
    while projection.checkpoint < log.head:
        await projection.fold_once(11)
        _say(f"at {projection.checkpoint}")
    _say("end")
    await asyncio.Event().wait()


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    logger.remove()
    pages.SIZE = 20
    replay._ROWS_PER_WRITE = 50
    asyncio.run(_run(Path(sys.argv[1]), "rebuild" in sys.argv[2:]))
