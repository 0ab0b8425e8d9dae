"""Runs `ticktape` as a user does: as a process of its own, in a folder of its own."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TAPE = Path(__file__).parents[1] / "data" / "aapl_2012-06-21_open.csv"


def command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("ticktape")), *arguments]


def environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return kept | {"HEALTH_PORT": "0"} | settings


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def summary(finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def tape_trades() -> list[tuple[float, int]]:
    with TAPE.open() as file:
        return [(float(row["price"]), int(row["size"])) for row in csv.DictReader(file)]
