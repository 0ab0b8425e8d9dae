"""`ticktape doctor` as a command: a line each, the worst level as exit code, also for settings that cannot be read."""

import json
from pathlib import Path

import pytest

from service import cli


def _doctor(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str, **settings: str) -> int:
    monkeypatch.chdir(folder)
    for name, value in ({"SCHWAB_URL": "http://127.0.0.1:1", "HEALTH_PORT": "0"} | settings).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", *options])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_wrong_setting_is_a_line_and_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _doctor(monkeypatch, tmp_path, BATCH_SIZE="many") == 2
    out = capsys.readouterr().out
    assert out.startswith("error    settings")
    assert "BATCH_SIZE=many" in out
    assert out.count("\n") == 1


def test_every_line_is_printed_and_the_worst_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _doctor(monkeypatch, tmp_path, "--json", DESTINATION="none") == 2
    report = json.loads(capsys.readouterr().out)
    assert [check["name"] for check in report["checks"]] == [
        "settings", "data_dir", "disk", "sqlite", "port", "schwab_app", "token", "schwab", "clock", "destination",
        "alerts",
    ]  # fmt: skip
    assert report["checks"][0]["level"] == "ok"
    assert report["level"] == "error"
    assert list(tmp_path.iterdir()) == []
