"""The embedded server through everything its service may do to it."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator import embedded, embedded_process, errors
from tests.servers import postgres

_START_AND_SLEEP = """
import sys, time, pathlib
from replicator import embedded
print(embedded.start(pathlib.Path(sys.argv[1])).dsn, flush=True)
time.sleep(600)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A directory whose server, if one runs at the end, is stopped."""
    directory = tmp_path / "data"
    yield directory
    if (directory / "postgres" / "postmaster.pid").exists():
        embedded.start(directory).stop()


async def count(dsn: str) -> int:
    async with postgres.connected(dsn) as connection:
        await connection.execute("create table if not exists kept (n integer); insert into kept values (1)")
        return int(await connection.fetchval("select count(*) from kept"))


def postmaster_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def start_and_die(data_dir: Path) -> str:
    """The DSN of a server whose service was killed."""
    with subprocess.Popen([sys.executable, "-c", _START_AND_SLEEP, data_dir], stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        dsn = service.stdout.readline().decode().strip()
        service.send_signal(signal.SIGKILL)
    return dsn


async def test_what_was_written_is_there_after_a_restart(data_dir: Path) -> None:
    for expected in (1, 2):
        server = embedded.start(data_dir)
        assert await count(server.dsn) == expected
        server.stop()
        server.stop()
        assert not (data_dir / "postgres" / "postmaster.pid").exists()


async def test_only_the_user_gets_in(data_dir: Path) -> None:
    server = embedded.start(data_dir)
    async with postgres.connected(server.dsn) as connection:
        assert await connection.fetchval("show listen_addresses") == ""
    for path in (data_dir, server.cluster, server.socket_dir):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


async def test_two_servers_run_side_by_side(data_dir: Path, tmp_path: Path) -> None:
    first, second = embedded.start(data_dir), embedded.start(tmp_path / "other")
    try:
        assert await count(first.dsn) == 1
        assert await count(second.dsn) == 1
    finally:
        second.stop()
    assert await count(first.dsn) == 2


async def test_a_server_that_outlived_its_service_is_used_as_it_runs(data_dir: Path) -> None:
    dsn = start_and_die(data_dir)
    pid = postmaster_pid(data_dir)
    assert await count(dsn) == 1

    server = embedded.start(data_dir)

    assert (server.dsn, postmaster_pid(data_dir)) == (dsn, pid)
    server.stop()
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


async def test_a_killed_server_starts_again_with_its_data(data_dir: Path) -> None:
    server = embedded.start(data_dir)
    assert await count(server.dsn) == 1
    os.kill(postmaster_pid(data_dir), signal.SIGKILL)

    assert await count(embedded.start(data_dir).dsn) == 2


async def test_a_pid_that_now_belongs_to_another_process_is_not_believed(data_dir: Path) -> None:
    """As after a restart of the machine or container."""
    server = embedded.start(data_dir)
    pid_file = data_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    server.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    assert await count(embedded.start(data_dir).dsn) == 1


async def test_a_half_made_cluster_is_made_again(data_dir: Path) -> None:
    unfinished = data_dir / "postgres.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    assert await count(embedded.start(data_dir).dsn) == 1


def test_a_directory_of_somebody_else_is_left_alone(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "mine").write_text("kept")

    with pytest.raises(errors.EmbeddedPostgresError, match="move it away"):
        embedded.start(data_dir)

    assert (data_dir / "postgres" / "mine").read_text() == "kept"


@pytest.mark.parametrize("name", ["a" * 120, "größe a$b", "it's"])
async def test_any_directory_will_do(tmp_path: Path, name: str) -> None:
    server = embedded.start(tmp_path / name)
    try:
        assert await count(server.dsn) == 1
        assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) <= 107
    finally:
        server.stop()
    assert not (server.socket_dir / ".s.PGSQL.5432").exists()


def test_a_server_that_cannot_start_says_where_to_look(data_dir: Path) -> None:
    with pytest.raises(errors.EmbeddedPostgresError, match=r"pg_ctl failed.*see .*/log"):
        embedded.start(data_dir, settings=["no_such_setting=1"])


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(errors.EmbeddedPostgresError, match="file"):
        embedded.start(tmp_path / "file" / "data")


def test_an_incomplete_postmaster_file_is_no_server(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text("")

    assert embedded_process.read_postmaster(tmp_path) is None
    assert embedded_process.find_running(tmp_path) is None
