"""`ticktape login`, `exchange` and `record` as a person runs them, against a simulated exchange."""

import contextlib
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feed import token
from service import cli

TAPE = Path("tests/data/aapl_2012-06-21_open.csv").absolute()
CALLBACK = "https://127.0.0.1:8182"


def _start(folder: Path, *arguments: str, **settings: str) -> "subprocess.Popen[str]":
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder / "data"), **settings}
    return subprocess.Popen(
        [Path(sys.executable).parent / "ticktape", *arguments],
        cwd=folder, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, in an empty folder: exit code, stdout, stderr."""

    def call(*arguments: str, stdin: str = "", **settings: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        for name, value in {"DATA_DIR": "data", **settings}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@contextlib.contextmanager
def _exchange(folder: Path, *arguments: str) -> Iterator[str]:
    process = _start(folder, "exchange", "--port", "0", *arguments)
    assert process.stdout is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found, process.communicate()[1]
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def _account(url: str) -> dict[str, str]:
    return {
        "SCHWAB_APP_KEY": "planted-key",
        "SCHWAB_APP_SECRET": "planted-secret",
        "SCHWAB_URL": url,
        "SCHWAB_CALLBACK_URL": CALLBACK,
    }


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _visit(url: str) -> str:
    try:
        urllib.request.build_opener(_NoRedirect).open(url)
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers["Location"])
    raise AssertionError("no redirect")


def test_login_check_and_record(tmp_path: Path, run: Run) -> None:
    with _exchange(tmp_path, "--tape", str(TAPE), "--ticker", "AAPL", "--speed", "1000") as url:
        login = _start(tmp_path, "login", **_account(url))
        assert login.stdout is not None
        page = ""
        while not page.startswith("http"):
            page = login.stdout.readline().strip()
        out, err = login.communicate(_visit(page) + "\n", timeout=60)
        assert (login.returncode, err) == (0, ""), out
        path = tmp_path / "data" / "schwab_token.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

        code, out, _ = run("login", "--check")
        assert (code, out.split(" (")[0]) == (0, "7.0 days left")

        code, out, err = run("record", "day.gz", "--seconds", "2", "--ticker", "AAPL", **_account(url))
        assert (code, err) == (0, "")
        assert int(out.split()[0]) >= 3
        secrets = {"planted-key", "planted-secret", *map(str, token.read(path)["token"].values())} - {"Bearer", "api"}
        recorded = subprocess.run(
            ["gunzip", "-c", str(tmp_path / "day.gz")], capture_output=True, text=True, check=True
        )
        assert "LEVELONE_EQUITIES" in recorded.stdout
        assert not [secret for secret in secrets if len(secret) > 5 and secret in recorded.stdout]
    with _exchange(tmp_path, "--recording", "day.gz"):
        pass


@pytest.mark.parametrize(
    ("days", "code", "said"), [(1.0, 0, "6.0 days left"), (5.5, 0, "run `ticktape login` soon"), (8.0, 1, "has ended")]
)
def test_login_check_tells_the_days_left(tmp_path: Path, run: Run, days: float, code: int, said: str) -> None:
    granted = {"access_token": "a", "refresh_token": "r"}
    token.write(tmp_path / "t.json", {"creation_timestamp": time.time() - days * 86_400, "token": granted})
    returned, out, err = run("login", "--check", SCHWAB_TOKEN_PATH="t.json")
    assert (returned, err) == (code, "")
    assert said in out
    _, out, _ = run("login", "--check", "--json", SCHWAB_TOKEN_PATH="t.json")
    assert json.loads(out)["days_left"] == pytest.approx(max(0.0, 7 - days), abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["login", "--check"], "no token file"),
        (["login"], "SCHWAB_APP_KEY is missing"),
        (["exchange", "--tape", "none.csv"], "none.csv"),
        (["exchange", "--recording", "none.gz"], "none.gz"),
        (["exchange", "--scenario", "none"], "scenario none"),
        (["exchange", "--tape", "a", "--recording", "b"], "not both"),
        (["record", "x.gz"], "SCHWAB_APP_KEY is missing"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path: Path, run: Run, arguments: list[str], said: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_record_without_a_login_says_so_and_leaves_nothing(tmp_path: Path, run: Run) -> None:
    code, _, err = run("record", "x.gz", **_account("http://127.0.0.1:9"))
    assert (code, err.count("\n")) == (2, 1)
    assert "ticktape login" in err
    assert not (tmp_path / "x.gz").exists()


def test_a_pasted_answer_that_is_wrong(run: Run) -> None:
    code, _, err = run("login", stdin="https://example.com/?code=planted-code\n", **_account("http://127.0.0.1:9"))
    assert (code, err.count("\n")) == (2, 1)
    assert "callback mismatch" in err
    assert "planted-code" not in err


def test_record_that_receives_nothing_says_why_and_leaves_nothing(tmp_path: Path, run: Run) -> None:
    granted = {"access_token": "a", "refresh_token": "r", "expires_at": time.time() + 1800}
    token.write(tmp_path / "t.json", {"creation_timestamp": int(time.time()), "token": granted})
    account = {**_account("http://127.0.0.1:9"), "SCHWAB_TOKEN_PATH": "t.json"}
    code, _, err = run("record", "x.gz", "--seconds", "0.3", **account)
    assert (code, err.count("\n")) == (1, 1)
    assert "cannot be reached" in err
    assert not (tmp_path / "x.gz").exists()
