"""Waits that end early."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any


async def until_first_end(*ways: Coroutine[Any, Any, object]) -> None:
    """Run all until one ends, then cancel the others. Raises what the one raised."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def wait_for(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not beyond `stop`. Never negative, whatever the clock did."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await stop.wait()
