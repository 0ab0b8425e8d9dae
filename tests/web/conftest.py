"""A recorder with two days of two tickers on record, and a client of its API."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.web import recorder
from tests.web.recorder import Recorder


@pytest.fixture
async def recording(tmp_path: Path) -> AsyncIterator[Recorder]:
    """An empty record, served."""
    async with recorder.recording(tmp_path) as made:
        yield made


@pytest.fixture
async def client(recording: Recorder) -> AsyncIterator[aiohttp.ClientSession]:
    """A client whose paths are relative to the server."""
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(recording.url, timeout=timeout, raise_for_status=False) as session:
        yield session
