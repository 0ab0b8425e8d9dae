import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from eventlog.errors import LogFailedError, TicktapeError
from service.supervisor import DeadTaskError, Supervisor


async def _fails(error: Exception) -> None:
    raise error


async def _ends() -> None:
    return


@pytest.mark.parametrize(
    ("work", "expected", "exit_code"),
    [
        (_fails(ValueError("odd")), DeadTaskError, 6),
        (_ends(), DeadTaskError, 6),
        (_fails(LogFailedError("fsync failed")), LogFailedError, 4),
    ],
)
async def test_a_task_that_ends_by_itself_ends_the_service(
    work: Coroutine[Any, Any, None], expected: type[TicktapeError], exit_code: int
) -> None:
    supervisor = Supervisor()
    supervisor.start("projection", work)
    with pytest.raises(expected) as caught:
        await supervisor.watch(asyncio.Event())
    assert caught.value.exit_code == exit_code


async def test_stop_ends_the_watch_and_leaves_the_tasks_to_end_in_order() -> None:
    supervisor = Supervisor()
    stop = asyncio.Event()

    async def until_stopped() -> None:
        await stop.wait()

    supervisor.start("feed", until_stopped())
    watching = asyncio.create_task(supervisor.watch(stop))
    stop.set()
    await watching
    await supervisor.finish("feed")
