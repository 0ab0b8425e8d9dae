"""`ticktape run` hears a signal also while it starts: a start waits for as long as the disk is full."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import pytest

from service.app import Service
from service.commands import run

SERVICE = cast("Service", object())


class Start:
    """A service that starts when it may."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.is_cleaned_up = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        try:
            self.has_begun.set()
            await self.may_end.wait()
            yield SERVICE
        finally:
            self.is_cleaned_up = True


async def test_a_start_that_waits_is_ended_by_a_signal() -> None:
    start, stop = Start(), asyncio.Event()
    async with asyncio.timeout(5), contextlib.AsyncExitStack() as stack:
        started = asyncio.create_task(run._started(stack, start.running(), stop))
        await start.has_begun.wait()
        stop.set()
        assert await started is None
    assert start.is_cleaned_up


async def test_a_start_that_succeeds_is_ended_by_who_asked_for_it() -> None:
    start, stop = Start(), asyncio.Event()
    start.may_end.set()
    async with contextlib.AsyncExitStack() as stack:
        assert await run._started(stack, start.running(), stop) is SERVICE
        assert not start.is_cleaned_up
    assert start.is_cleaned_up


async def test_a_start_that_fails_says_why() -> None:
    @contextlib.asynccontextmanager
    async def failing() -> AsyncIterator[Service]:
        raise ValueError("why")
        yield SERVICE

    async with contextlib.AsyncExitStack() as stack:
        with pytest.raises(ValueError, match="why"):
            await run._started(stack, failing(), asyncio.Event())
