"""An embedded PostgreSQL per test process, and a fresh migrated database per test."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import pytest

from replicator import embedded, migrate

# A crash loses nothing a test would miss.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_TEMPLATE = "migrated"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedPostgres]:
    """A running server, shared by all tests of this process."""
    server = embedded.start(tmp_path_factory.mktemp("server"), settings=_FAST)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated_server(postgres_server: embedded.EmbeddedPostgres) -> embedded.EmbeddedPostgres:
    """The same server, with a template database that has every migration applied."""
    run_apart(_make_template(postgres_server))
    return postgres_server


@pytest.fixture
async def empty_database(postgres_server: embedded.EmbeddedPostgres) -> AsyncIterator[str]:
    """The DSN of a new database without a table."""
    async with _new_database(postgres_server, "template1") as dsn:
        yield dsn


@pytest.fixture
async def database(migrated_server: embedded.EmbeddedPostgres) -> AsyncIterator[str]:
    """The DSN of a new database with every migration applied."""
    async with _new_database(migrated_server, _TEMPLATE) as dsn:
        yield dsn


@contextlib.asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Any]:
    """A superuser's connection for looking at what the code under test did."""
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def recreate(server: embedded.EmbeddedPostgres, name: str, template: str = _TEMPLATE) -> None:
    """Make the database `name` anew; whoever is still connected to the old one is cut off."""
    async with connected(server.dsn) as connection:
        await connection.execute(f'drop database if exists "{name}" with (force)')
        await connection.execute(f'create database "{name}" template "{template}" strategy file_copy')


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` on a thread with a loop of its own, for fixtures that outlive the tests' loops."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


@contextlib.asynccontextmanager
async def _new_database(server: embedded.EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    name = f"test_{next(_numbers)}"
    await recreate(server, name, template)
    try:
        yield server.database_dsn(name)
    finally:
        async with connected(server.dsn) as connection:
            await connection.execute(f'drop database if exists "{name}" with (force)')


async def _make_template(server: embedded.EmbeddedPostgres) -> None:
    async with connected(server.dsn) as connection:
        await connection.execute(f"create database {_TEMPLATE}")
    await migrate.apply(server.database_dsn(_TEMPLATE))
