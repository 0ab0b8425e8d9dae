"""`ticktape migrate` as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import postgres

LABELS = [file.stem for file in sorted((Path(__file__).parents[3] / "supabase" / "migrations").glob("*.sql"))]


def ticktape(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command, without the caller's settings."""
    return subprocess.run(
        [Path(sys.executable).with_name("ticktape"), *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]} | environment,
        cwd="/",
        check=False,
    )


@pytest.fixture
def dsn(empty_database: str) -> str:
    return empty_database


def test_a_dry_run_tells_and_changes_nothing(dsn: str) -> None:
    for _ in range(2):
        done = ticktape("migrate", "--dsn", dsn, "--dry-run", "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"pending": LABELS})


async def test_it_applies_what_postgres_dsn_points_to(dsn: str) -> None:
    done = ticktape("migrate", POSTGRES_DSN=dsn)
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"applied {label}" for label in LABELS])

    assert ticktape("migrate", POSTGRES_DSN=dsn).stdout == "the schema is up to date\n"
    assert json.loads(ticktape("migrate", "--json", POSTGRES_DSN=dsn).stdout) == {"applied": []}
    async with postgres.connected(dsn) as connection:
        assert await connection.fetchval("select count(*) from equity_data") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no database given"),
        (("--dsn", "postgresql://u:top-secret@127.0.0.1:1/db"), "cannot be reached"),
        (("--dsn", "postgresql://u:top/secret@h/db"), "malformed"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_bad_input_is_one_line_and_no_password(arguments: tuple[str, ...], message: str) -> None:
    done = ticktape("migrate", *arguments)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr
    assert "secret" not in done.stderr
