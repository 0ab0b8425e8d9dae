"""@supabase/lite, a PostgREST-compatible Supabase, on the embedded PostgreSQL."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from replicator import embedded
from tests.servers import postgres
from tests.servers.forward import Forward

REPOSITORY = Path(__file__).parents[2]
_PROGRAM = REPOSITORY / "tests" / "node_modules" / "@supabase" / "lite" / "dist" / "cli" / "index.js"
_DATABASE = "lite"
_START_SECONDS = 60
SERVICE_KEY = "sb_secret_ticktape-tests-service-key"
ANON_KEY = "sb_publishable_ticktape-tests-anon-key"


@dataclass(frozen=True)
class Lite:
    """A running server. `dsn` leads to the same database, past the server."""

    url: str
    dsn: str
    service_key: str = SERVICE_KEY
    anon_key: str = ANON_KEY


@pytest.fixture
async def lite(lite_server: Lite, migrated_server: embedded.EmbeddedPostgres) -> AsyncIterator[Lite]:
    """The server with a fresh migrated database behind it."""
    await postgres.recreate(migrated_server, _DATABASE)
    yield lite_server


@pytest.fixture(scope="session")
def lite_server(migrated_server: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lite]:
    """One server per test process; it reads the schema once, so the database is there before it starts."""
    require_node()
    postgres.run_apart(postgres.recreate(migrated_server, _DATABASE))
    with Forward(migrated_server.socket_dir / ".s.PGSQL.5432") as forward:
        url = f"postgres://postgres@127.0.0.1:{forward.port}/{_DATABASE}"
        project = make_project(tmp_path_factory.mktemp("lite"), driver="postgres", url=url)
        with running(project) as address:
            yield Lite(address, migrated_server.database_dsn(_DATABASE))


def require_node() -> None:
    """Skip the test where node or the npm packages are missing."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed: no tests against @supabase/lite")
    if not _PROGRAM.exists():
        pytest.skip("tests/node_modules is missing (npm --prefix tests ci): no tests against @supabase/lite")


def make_project(directory: Path, **settings: str) -> Path:
    """A project with the repository's own config.toml and migrations, only `settings` and the port changed."""
    text = (REPOSITORY / "supabase" / "config.toml").read_text()
    for name, value in settings.items():
        text, found = re.subn(rf'^{name} = ".*"$', f'{name} = "{value}"', text, flags=re.MULTILINE)
        assert found == 1, f"config.toml has {found} settings named {name}"
    text = text.replace("port = 54321", f"port = {_free_port()}")
    (directory / "supabase").mkdir()
    (directory / "supabase" / "config.toml").write_text(text)
    (directory / "supabase" / "migrations").symlink_to(REPOSITORY / "supabase" / "migrations")
    return directory


def command(project: Path, *arguments: str) -> list[str]:
    return ["node", str(_PROGRAM), *arguments, "--config", str(project / "supabase" / "config.toml")]


def environment() -> Mapping[str, str]:
    """Without the caller's own settings, and without telemetry."""
    keys = {"SUPABASE_SECRET_KEY": SERVICE_KEY, "SUPABASE_PUBLISHABLE_KEY": ANON_KEY}
    return {"PATH": os.environ["PATH"], "LITE_TELEMETRY": "0", "DO_NOT_TRACK": "1"} | keys


@contextlib.contextmanager
def running(project: Path) -> Iterator[str]:
    """`lite start` on the project; yields its URL once it answers."""
    port = tomllib.loads((project / "supabase" / "config.toml").read_text())["api"]["port"]
    url = f"http://127.0.0.1:{port}"
    with (project / "lite.log").open("wb") as log:
        process = subprocess.Popen(
            command(project, "start", "--no-admin"), cwd=project, env=environment(), stdout=log, stderr=log
        )
        try:
            _wait_until_it_answers(url, process, project / "lite.log")
            yield url
        finally:
            process.kill()
            process.wait()


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    request = urllib.request.Request(f"{url}/rest/v1/equity_data?limit=1", headers={"apikey": ANON_KEY})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except (urllib.error.URLError, OSError) as error:
            assert process.poll() is None and time.monotonic() < deadline, f"{error}\n{log.read_text()}"
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
