"""The one door to asyncpg's connections: a small pool, and asyncpg's errors in the replicator's classes."""

import asyncio
import contextlib
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg

from replicator import answers
from replicator.errors import HaltingError, RetryableError

# What the server itself refused; carries `sqlstate`.
ServerError = asyncpg.PostgresError

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 60.0
IDLE_SECONDS = 300.0


def identity(dsn: str) -> str:
    """Host, port and database of `dsn`, never user or password: `postgres:host:port/database`."""
    parts = urllib.parse.urlsplit(dsn)
    query = urllib.parse.parse_qs(parts.query)
    host = parts.hostname or query.get("host", ["localhost"])[0]
    port = parts.port or int(query.get("port", ["5432"])[0])
    return f"postgres:{host}:{port}{parts.path or '/'}"


@contextlib.asynccontextmanager
async def connected(dsn: str, application: str) -> AsyncIterator[Any]:
    """A connection of its own. Raises the replicator's errors, ValueError for a malformed `dsn`.

    Nothing is kept in the session, so that a pooler which changes it between transactions does no harm.
    """
    settings = {"application_name": application, "timezone": "UTC"}
    with translated():
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_SECONDS, statement_cache_size=0, server_settings=settings
        )
        try:
            yield connection
        finally:
            await connection.close()


class Pool:
    """Connections made on demand, each prepared once by `on_connect`."""

    def __init__(self, dsn: str, on_connect: str, size: int) -> None:
        self._dsn = dsn
        self._on_connect = on_connect
        self._size = size
        self._pool: Any = None
        self._opening = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """A connection inside a transaction. Raises the replicator's errors, and no other."""
        with translated():
            pool = await self._open()
            async with pool.acquire(timeout=CONNECT_SECONDS) as connection, connection.transaction():
                yield connection

    async def _open(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._size,
                    max_inactive_connection_lifetime=IDLE_SECONDS,
                    timeout=CONNECT_SECONDS,
                    command_timeout=COMMAND_SECONDS,
                    init=self._prepare,
                    reset=_keep,
                    server_settings={"application_name": "ticktape", "timezone": "UTC"},
                )
            return self._pool

    async def _prepare(self, connection: Any) -> None:
        await connection.execute(self._on_connect)

    async def close(self) -> None:
        """Give the connections back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with contextlib.suppress(TimeoutError, OSError):
                await asyncio.wait_for(pool.close(), CONNECT_SECONDS)


async def _keep(connection: Any) -> None:
    """Nothing to reset: only this room's statements run there, and the temporary tables are to stay."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """asyncpg's and the socket's errors as RetryableError, PermanentError or HaltingError."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise answers.of_sqlstate(error.sqlstate or "", str(error)) from error
    except ssl.SSLError as error:
        raise HaltingError(f"TLS with PostgreSQL failed ({error}); check sslmode in POSTGRES_DSN") from error
    except TimeoutError as error:
        raise answers.timed_out("PostgreSQL") from error
    except asyncpg.ClientConfigurationError as error:
        raise HaltingError(f"POSTGRES_DSN cannot be used: {error}") from error
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise RetryableError(f"PostgreSQL cannot be reached ({type(error).__name__}: {error})") from error
