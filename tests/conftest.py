"""Fixtures of every room's tests. Each group lives in its own module."""

pytest_plugins = ["tests.servers.postgres", "tests.servers.lite", "tests.servers.chromium"]
