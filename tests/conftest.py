"""Fixtures of every room's tests. Each group lives in its own module."""

import freezegun

# freezegun touches every attribute of every module: pydantic's lazy ones would be imported with a frozen clock inside.
freezegun.configure(extend_ignore_list=["pydantic"])

pytest_plugins = ["tests.servers.postgres", "tests.servers.lite", "tests.servers.chromium"]
