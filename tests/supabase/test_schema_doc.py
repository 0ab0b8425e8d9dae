"""docs/SCHEMA.md by running it: every SQL block, every output it shows, its JavaScript; every column is explained."""

import asyncio
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from replicator import embedded
from tests.servers import lite as lite_module
from tests.servers import postgres
from tests.servers.lite import Lite

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "SCHEMA.md"
ROWS = Path(__file__).parent / "fixtures" / "example_rows.sql"
_BLOCK = re.compile(r"^```(sql|js)(?: (\w+))?\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_CRON = """
create publication supabase_realtime for table option_prices;
create schema cron;
create function cron.schedule(job_name text, schedule text, command text) returns bigint
language sql as 'select 1::bigint';
"""

# supabase-js refuses to be made where there is no WebSocket (before Node 22), wanted or not.
_OLD_NODE = ["--import", "data:text/javascript,globalThis.WebSocket||=class{}"]


class Block(NamedTuple):
    language: str
    role: str
    code: str
    output: str | None


BLOCKS = [Block(*match) for match in _BLOCK.findall(PAGE.read_text())]
QUERIES = [block for block in BLOCKS if block.language == "sql"]


@pytest.fixture(scope="module")
def example(migrated_server: embedded.EmbeddedPostgres) -> str:
    """A database with the rows behind the examples."""

    async def fill() -> None:
        await postgres.recreate(migrated_server, "example")
        async with postgres.connected(migrated_server.database_dsn("example")) as connection:
            await connection.execute(ROWS.read_text())
            await connection.execute(_CRON)

    postgres.run_apart(fill())
    return migrated_server.database_dsn("example")


def psql(dsn: str, block: Block) -> str:
    """What psql prints for the block, run by its role and rolled back."""
    script = f"begin; set local role {block.role or 'anon'};\n\\pset footer off\n{block.code}\nrollback;"
    done = subprocess.run(
        [embedded.binaries() / "psql", dsn, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"],
        input=script,
        text=True,
        capture_output=True,
        check=False,
        env=os.environ | {"PGTZ": "UTC"},
    )
    assert done.returncode == 0, f"{block.code}\n{done.stderr}"
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


@pytest.mark.parametrize("block", QUERIES, ids=lambda block: block.code.split("\n")[0][:60])
def test_an_sql_block_runs_and_prints_what_the_page_shows(example: str, block: Block) -> None:
    printed = psql(example, block)
    if block.output:
        assert printed == "\n".join(line.rstrip() for line in block.output.strip("\n").splitlines())


def test_there_are_examples_with_output_and_ten_queries() -> None:
    page = PAGE.read_text().split("## Ten queries for a dashboard")[1].split("## Realtime")[0]
    assert len(re.findall(r"^\d+\. ", page, re.MULTILINE)) == page.count("```sql") == 10
    assert sum(bool(block.output) for block in QUERIES) >= 12


def test_the_lines_of_the_digest_have_the_md5_that_is_shown() -> None:
    page = PAGE.read_text()
    lines = re.findall(r"^    (AAPL\|.*)$", page, re.MULTILINE)
    assert len(lines) == 2
    assert hashlib.md5("\n".join(lines).encode()).hexdigest() in page


async def test_every_column_and_every_function_is_explained(database: str) -> None:
    page = PAGE.read_text()
    async with postgres.connected(database) as connection:
        columns = await connection.fetch(
            "select table_name, column_name from information_schema.columns where table_schema = 'public'"
        )
        functions = await connection.fetch("select proname from pg_proc where pronamespace = 'public'::regnamespace")
    for table, column in columns:
        assert f"**`{table}`**" in page, table
        section = page.split(f"**`{table}`**")[1].split("\n**`")[0]
        assert f"`{column}`" in section or column in ("ticker", "timestamp"), f"{table}.{column}"
    for (name,) in functions:
        assert f"`{name}" in page, name


async def test_the_javascript_reads_through_the_api(lite: Lite, tmp_path: Path) -> None:
    async with postgres.connected(lite.dsn) as connection:
        await connection.execute(ROWS.read_text())
    for number, block in enumerate(block for block in BLOCKS if block.language == "js"):
        script = tmp_path / f"{number}.mjs"
        script.write_text(block.code)
        (tmp_path / "node_modules").unlink(missing_ok=True)
        (tmp_path / "node_modules").symlink_to(REPOSITORY / "tests" / "node_modules")
        # The server of the tests has no realtime: that block is only parsed.
        options = ["--check"] if block.role == "realtime" else _OLD_NODE
        environment = {**lite_module.environment(), "SUPABASE_URL": lite.url}
        done = await asyncio.to_thread(
            subprocess.run,
            ["node", *options, str(script)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert block.role or done.stdout.split() == ["600.3", "600.2435", "600"], json.dumps(done.stdout)
