"""`ticktape log ...` as a person or a script runs it."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import indicators.schema
import replicator.schema
from eventlog import state
from eventlog.clock import ManualClock
from eventlog.events import Event
from eventlog.lock import InstanceLock
from eventlog.log import open_log
from indicators.projection import Projection
from service import cli, composition, settings
from tests.eventlog.ticks import NOW_US, ticks

TAPE = Path(__file__).parents[1] / "data" / "aapl_2012-06-21_open.csv"


class Shell:
    """Runs commands on one data directory."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        with pytest.raises(SystemExit) as caught:
            cli.main(["log", *arguments, "--data-dir", str(self.directory)])
        code = caught.value.code
        output = self._capsys.readouterr()
        return code if isinstance(code, int) else 0, output.out, output.err

    def json(self, *arguments: str) -> Any:
        code, output, errors = self.run(*arguments, "--json")
        assert code == 0, errors
        return json.loads(output)


@pytest.fixture
def empty(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("DESTINATION", "none")
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path / "data", capsys)


@pytest.fixture
def shell(empty: Shell) -> Shell:
    """A log that holds the tape."""
    assert empty.json("import", str(TAPE), "--ticker", "AAPL") == {"events": 159, "skipped": 0}
    return empty


def test_stats(shell: Shell) -> None:
    stats = shell.json("stats")
    (kind,) = stats["kinds"]
    assert (kind["kind"], kind["ticker"], kind["events"]) == ("equity_tick", "AAPL", 159)
    assert (stats["head"], stats["gaps_today"]) == (159, 0)
    code, output, _ = shell.run("stats")
    assert code == 0
    assert "equity_tick" in output
    assert "0 gaps today" in output


def test_tail_and_show(shell: Shell) -> None:
    _, output, _ = shell.run("tail", "-n", "2")
    assert [line.split()[0] for line in output.splitlines()] == ["158", "159"]
    _, output, _ = shell.run(
        "show", "--ticker", "AAPL", "--since", "2012-06-21", "--until", "2012-06-21T13:30:01", "--json"
    )
    shown = [json.loads(line) for line in output.splitlines()]
    assert [event["seq"] for event in shown] == list(range(1, 29))
    assert shown[0]["time"] == "2012-06-21T13:30:00.275016Z"
    assert shown[0]["payload"] == {"price": 585.74, "size": 40, "volume": 40, "total_volume": 40}
    _, output, _ = shell.run("show", "--ticker", "AAPL", "--since", "2012-06-21", "--kind", "equity_quote")
    assert output == ""


def test_verify(shell: Shell) -> None:
    assert shell.json("verify")["sound"] is True
    path = shell.directory / "events.db"
    path.write_bytes(path.read_bytes().replace(b'"price":585.74,"size":40,', b'"price":585.74,"size":41,'))
    code, output, _ = shell.run("verify")
    assert code == 5
    assert output.splitlines()[0].startswith("event 1 is corrupt")


def test_export_import_prune(shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert shell.json("export", str(out), "--format", "csv") == {"events": 159, "files": 1, "through_seq": 159}
    assert shell.json("import", str(out)) == {"events": 0, "skipped": 159}
    pruned = shell.json("prune", "--keep-days", "1", "--exported", str(out))
    assert (pruned["events"], pruned["held_by"]) == (0, None)


def test_prune_stops_at_what_is_not_folded(empty: Shell) -> None:
    asyncio.run(_record_long_ago(empty.directory, folded=False))
    pruned = empty.json("prune", "--keep-days", "1")
    assert (pruned["events"], pruned["held_by"]) == (0, "the indicators")
    assert empty.json("verify")["events"] == 10


def test_prune_takes_what_nobody_needs(empty: Shell) -> None:
    asyncio.run(_record_long_ago(empty.directory, folded=True))
    pruned = empty.json("prune", "--keep-days", "1")
    assert (pruned["events"], pruned["through_seq"], pruned["held_by"]) == (10, 10, None)
    assert pruned["rows"] == 10
    assert empty.json("verify")["sound"] is True
    assert empty.json("stats")["head"] == 10


async def _record_long_ago(directory: Path, folded: bool) -> None:
    month_us = 28 * 86_400_000_000
    log = await open_log(directory, ManualClock(NOW_US - month_us))
    await log.append([Event(event.ticker, event.ts_us - month_us, event.payload) for event in ticks(10)])
    if folded:
        schemas = {"indicators": indicators.schema.STEPS, "replicator": replicator.schema.STEPS}
        database = await state.open_state(directory / "state.db", schemas)
        projection = Projection(log, database, composition.definition(settings.load()))
        await projection.start()
        await projection.fold_once()
        await database.close()
    await log.close()


def test_backup_and_restore(shell: Shell, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert shell.json("backup", str(copy))["last_seq"] == 159
    (shell.directory / "events.db").write_bytes(b"ruined" * 5000)
    code, _, errors = shell.run("tail")
    assert code == 5
    assert "restore a backup" in errors
    restored = shell.json("restore", str(copy))
    assert (restored["sound"], restored["kept_as"]) == (True, str(shell.directory / "events.db.before-restore"))
    assert shell.json("verify")["events"] == 160
    _, output, _ = shell.run("restore", str(copy))
    assert f"the log that was there is now {shell.directory}/events.db.before-restore-2;" in output


def test_accept_loss(shell: Shell) -> None:
    (shell.directory / "events.head").write_text("00000000000000000200\n")
    code, _, errors = shell.run("import", str(TAPE), "--ticker", "AAPL")
    assert code == 5
    assert "events.db ends at 159 but 200 were acknowledged" in errors
    assert shell.json("accept-loss") == {"after_seq": 159, "through_seq": 200}
    assert shell.json("import", str(TAPE), "--ticker", "AAPL") == {"events": 0, "skipped": 159}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "/nowhere"], "no such file or folder"),
        (["import", str(TAPE)], "name its ticker"),
        (["import", str(TAPE), "--ticker", "T" * 40], "ticker="),
        (["export", "out", "--format", "xml"], "parquet or csv"),
        (["show", "--ticker", "AAPL", "--since", "yesterday"], "is not a time"),
        (["restore", "/nowhere"], "no such backup"),
        (["accept-loss"], "nothing is lost"),
        (["prune", "--keep-days", "0"], "keep-days"),
        (["prune", "--keep-days", "1", "--exported", "/nowhere"], "is not an export"),
        (["tail", "-n", "-1"], "-n"),
        (["export", "/proc/out", "--format", "csv"], "/proc/out cannot be written"),
        (["export", str(TAPE / "out"), "--format", "csv"], "cannot be written"),
        (["backup", "/proc/copy.db"], "/proc/copy.db cannot be written"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(shell: Shell, arguments: list[str], message: str) -> None:
    before = (shell.directory / "events.db").read_bytes()
    code, output, errors = shell.run(*arguments)
    assert (code, output) == (2, "")
    assert message in errors
    assert len(errors.splitlines()) == 1, errors
    assert (shell.directory / "events.db").read_bytes() == before


@pytest.mark.parametrize(
    "command",
    [
        ["log", "stats"],
        ["log", "tail"],
        ["log", "verify"],
        ["log", "accept-loss"],
        ["log", "prune", "--keep-days", "1"],
        ["verify"],
        ["replicate", "--from-start"],
        ["deadletters", "retry", "--all"],
        ["deadletters", "drop", "--all"],
        ["rebuild"],
    ],
)
def test_without_a_log_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("DESTINATION", "none")
    with pytest.raises(SystemExit) as caught:
        cli.main([*command, "--data-dir", str(tmp_path / "misspelt")])
    assert (caught.value.code, list(tmp_path.iterdir())) == (2, [])
    assert "there is no log in" in capsys.readouterr().err


def test_a_backup_that_is_not_there_makes_no_directory(empty: Shell) -> None:
    code, _, errors = empty.run("restore", "/nowhere")
    assert (code, empty.directory.exists()) == (2, False)
    assert "no such backup" in errors


@pytest.mark.parametrize("directory", ["misspelt", "mis/spelt"])
def test_a_backup_that_is_refused_makes_no_directory(empty: Shell, tmp_path: Path, directory: str) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database" * 1000)
    empty.directory = tmp_path / directory
    code, _, errors = empty.run("restore", str(tmp_path / "bad.db"))
    assert (code, [path.name for path in tmp_path.iterdir()]) == (5, ["bad.db"]), errors


def test_a_backup_that_is_refused_leaves_a_directory_that_was_there(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database" * 1000)
    before = {path.name for path in shell.directory.iterdir()}
    assert shell.run("restore", str(tmp_path / "bad.db"))[0] == 5
    assert before <= {path.name for path in shell.directory.iterdir()}
    (tmp_path / "empty").mkdir()
    shell.directory = tmp_path / "empty"
    assert shell.run("restore", str(tmp_path / "bad.db"))[0] == 5
    assert shell.directory.is_dir()


def test_stats_of_a_damaged_log_ask_for_a_backup(shell: Shell) -> None:
    path = shell.directory / "events.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    code, _, errors = shell.run("stats")
    assert code == 5
    assert "events.db is damaged" in errors and "log restore" in errors


def test_times_that_have_no_date_are_the_first_and_the_last_that_have(shell: Shell) -> None:
    for span in (["--since", "999999d"], ["--since", "0001-01-01T00:00:00+14:00", "--until", "9999-12-31T23:59-12:00"]):
        code, output, errors = shell.run("show", "--ticker", "AAPL", *span)
        assert (code, len(output.splitlines())) == (0, 159), errors


def test_tail_follows_until_interrupted(shell: Shell) -> None:
    command = [sys.executable, "-c", "from service.cli import main; main()", "log", "tail", "-f", "-n", "1"]
    following = subprocess.Popen([*command, "--data-dir", str(shell.directory)], stdout=subprocess.PIPE, text=True)
    assert following.stdout is not None
    assert following.stdout.readline().split()[0] == "159"

    async def append() -> None:
        log = await open_log(shell.directory)
        await log.append(ticks(1))
        await log.close()

    asyncio.run(append())
    assert following.stdout.readline().split()[:3] == ["160", "2026-07-20T13:30:00.000000Z", "QQQ"]
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=10)
    assert following.returncode == 130


def test_restore_is_refused_while_somebody_writes(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("backup", str(tmp_path / "copy.db"))[0] == 0
    with InstanceLock(shell.directory):
        code, _, errors = shell.run("restore", str(tmp_path / "copy.db"))
    assert code == 3
    assert "is in use by pid" in errors
