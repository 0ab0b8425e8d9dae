"""Every line about the machine, both ways."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from service.doctor import machine
from service.health.check import Check
from tests.service.configured import settings_with


def _line(name: str, data_dir: Path, **more: Any) -> Check:
    settings = settings_with(data_dir=data_dir, health_port=more.pop("health_port", 0), **more)
    return next(check for check in machine.checks(settings) if check.name == name)


def test_a_private_directory_and_one_to_be_made_are_fine(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert _line("data_dir", tmp_path).level == "ok"
    assert _line("data_dir", tmp_path / "a" / "b").level == "ok"
    assert not (tmp_path / "a").exists()


def test_a_directory_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    line = _line("data_dir", tmp_path)
    assert (line.level, f"chmod 700 {tmp_path}" in line.sentence) == ("warning", True)


def test_a_file_or_an_unwritable_place_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert _line("data_dir", tmp_path / "file").level == "error"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert _line("data_dir", tmp_path).level == "error"


@pytest.mark.parametrize(("free", "level"), [(10**8, "error"), (5 * 10**8, "warning"), (10**10, "ok")])
def test_disk(free: int, level: str) -> None:
    assert machine.disk(free).level == level


@pytest.mark.parametrize(("version", "level"), [((3, 37, 2), "error"), ((3, 38, 0), "ok"), ((3, 51, 3), "ok")])
def test_sqlite(version: tuple[int, ...], level: str) -> None:
    assert machine.sqlite(version).level == level


def test_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        line = _line("port", tmp_path, health_port=taken)
        assert (line.level, "HEALTH_PORT" in line.sentence) == ("error", True)
        (tmp_path / "lock").write_text(f"pid {os.getpid()} since 2026-11-20T15:00:00Z\n")
        assert _line("port", tmp_path, health_port=taken).level == "ok"
    assert _line("port", tmp_path / "other").level == "ok"
    assert _line("port", tmp_path / "other", health_host="192.0.2.1").level == "error"
