from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.replicator import doubles


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[doubles.Bench]:
    async with doubles.bench(tmp_path) as made:
        yield made
