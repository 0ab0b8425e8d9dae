"""A small log as release 0.1.0 wrote it (`log_0_1_0.sql`), and what it gives, for each definition (`*.json`).

The files are facts: a release that folds them to anything else would silently change rows that were sent long ago.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

from indicators.definition import Definition

HERE = Path(__file__).parent

DEFINITIONS = {
    "regular_tick": Definition(),
    "extended_60": Definition(session="extended", sma_interval="60"),
}


def write_log(data_dir: Path) -> None:
    """Make events.db in `data_dir` from the dump."""
    connection = sqlite3.connect(data_dir / "events.db", isolation_level=None)
    connection.executescript((HERE / "log_0_1_0.sql").read_text())
    connection.close()


def expected(name: str) -> dict[str, Any]:
    """`indicators` (seq, ticker, ts_us, values by column) and `bars` in key order."""
    content: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return content
