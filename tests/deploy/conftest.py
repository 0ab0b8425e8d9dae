"""The world every test of the deployment scripts starts in."""

from pathlib import Path

import pytest

from tests.deploy.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")
