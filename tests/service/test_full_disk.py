"""A disk without room: one line that says so, wherever the first write fails; a broken disk is not taken for it."""

import contextlib
import errno
import http.server
import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eventlog.errors import LogFailedError
from service import full_disk, provenance
from service.full_disk import FullDiskError
from tests.e2e import recorder


def _sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "no room"), OSError(errno.EDQUOT, "quota"), _sqlite_error(sqlite3.SQLITE_FULL)],
)
def test_what_says_so_is_a_full_disk_also_as_a_cause(tmp_path: Path, error: Exception) -> None:
    with (
        pytest.raises(FullDiskError, match=f"the disk of {tmp_path} is full: free some space"),
        full_disk.named(tmp_path),
    ):
        raise error
    with pytest.raises(FullDiskError), full_disk.named(tmp_path):
        raise LogFailedError("cannot be opened") from error


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_CANTOPEN])
def test_a_disk_error_is_a_full_disk_only_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with pytest.raises(sqlite3.OperationalError), full_disk.named(tmp_path):
        raise _sqlite_error(code)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "probe").symlink_to("/dev/full")
    with pytest.raises(FullDiskError), full_disk.named(tmp_path):
        raise _sqlite_error(code)


def test_a_failed_sync_is_never_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "probe").symlink_to("/dev/full")
    with pytest.raises(sqlite3.OperationalError), full_disk.named(tmp_path):
        raise _sqlite_error(sqlite3.SQLITE_IOERR_FSYNC)


def test_a_mark_that_found_no_room_is_made_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "source").touch()
    provenance.claim(tmp_path, "schwab")
    assert (tmp_path / "source").read_text() == "schwab\n"


def _limited(size: int) -> Callable[[], None]:
    """No file may grow beyond `size`, which the kernel tells as EFBIG."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _run(data_dir: Path, size: int, *command: str) -> subprocess.CompletedProcess[str]:
    settings = {"DESTINATION": "none", "SCHWAB_APP_KEY": "k", "SCHWAB_APP_SECRET": "s", "HEALTH_PORT": "0"}
    return subprocess.run(
        [str(Path(sys.executable).with_name("ticktape")), *command, "--data-dir", str(data_dir)],
        env=os.environ | settings | {"SCHWAB_URL": "http://127.0.0.1:1"},
        cwd=data_dir.parent,
        preexec_fn=_limited(size),
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("size", [0, 100, 40_000])
def test_a_start_without_room_is_one_line_and_a_code_of_its_own(tmp_path: Path, size: int) -> None:
    data_dir = tmp_path / "data"
    recorder.write_token(data_dir)
    for _ in range(2):
        done = _run(data_dir, size, "run")
        assert done.returncode == FullDiskError.exit_code == 7, done.stderr
        assert done.stderr == f"ticktape: the disk of {data_dir} is full: free some space\n"


@contextlib.contextmanager
def _receiving() -> Iterator[tuple[str, list[str]]]:
    """A webhook's address, and what it was posted."""
    posted: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", posted
        finally:
            server.shutdown()


def test_a_start_without_room_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder.write_token(tmp_path / "data")
    with _receiving() as (url, posted):
        monkeypatch.setenv("ALERT_WEBHOOK", url)
        for _ in range(2):
            assert _run(tmp_path / "data", 40_000, "run").returncode == 7
    (alert,) = posted
    assert "is full: free some space" in alert


def test_a_command_without_room_is_one_line(tmp_path: Path) -> None:
    tape = Path(__file__).parents[1] / "data" / "aapl_2012-06-21_open.csv"
    done = _run(tmp_path / "data", 40_000, "log", "import", str(tape), "--ticker", "AAPL")
    assert (done.returncode, len(done.stderr.splitlines())) == (7, 1), done.stderr
