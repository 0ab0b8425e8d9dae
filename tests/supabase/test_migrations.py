"""Each migration from an empty database and from the original tables, once and twice, by every way it is applied."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from replicator import embedded, migrate
from tests.servers import lite, postgres
from tests.servers.forward import Forward

SUPABASE = Path(__file__).parents[2] / "supabase"
FILES = sorted((SUPABASE / "migrations").glob("*.sql"))
ORIGINAL = Path(__file__).parent / "fixtures" / "original_schema.sql"

_SHAPE = """
select 'column', table_name || '.' || column_name,
    format('%s %s %s %s', data_type, numeric_precision, numeric_scale, is_nullable)
from information_schema.columns where table_schema = 'public'
union all
select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
union all
select 'policy', tablename || '.' || policyname, format('%s %s %s', roles, cmd, qual) from pg_policies
union all
select 'relation', oid::regclass::text, relacl::text from pg_class where relnamespace = 'public'::regnamespace
union all
select 'function', oid::regprocedure::text, proacl::text || prosrc from pg_proc
where pronamespace = 'public'::regnamespace
order by 1, 2, 3
"""


async def shape(dsn: str) -> list[tuple[Any, ...]]:
    """Everything the migrations make, in words."""
    async with postgres.connected(dsn) as connection:
        return [tuple(row) for row in await connection.fetch(_SHAPE)]


async def run(dsn: str, *files: Path) -> None:
    """Each file in one transaction, as `supabase db push` does it."""
    async with postgres.connected(dsn) as connection:
        for file in files:
            async with connection.transaction():
                await connection.execute(file.read_text())


@pytest.fixture
async def original_database(empty_database: str) -> str:
    await run(empty_database, SUPABASE / "roles.sql", ORIGINAL)
    return empty_database


async def test_every_file_runs_twice_and_then_all_of_them_again(empty_database: str, database: str) -> None:
    await run(empty_database, SUPABASE / "roles.sql")
    for file in FILES:
        await run(empty_database, file, file)
        once = await shape(empty_database)
        await run(empty_database, file)
        assert await shape(empty_database) == once, file.name
    await run(empty_database, *FILES)

    assert await shape(empty_database) == await shape(database)


async def test_one_file_again_later_changes_nothing(database: str) -> None:
    before = await shape(database)
    for file in FILES:
        await run(database, file)
        assert await shape(database) == before, file.name


async def test_the_original_tables_keep_their_rows_and_gain_the_types(original_database: str, database: str) -> None:
    await migrate.apply(original_database)
    await run(original_database, *FILES)

    async with postgres.connected(original_database) as connection:
        prices = await connection.fetch('select price::text, volume from equity_data order by ticker, "timestamp"')
        options = await connection.fetch("select bid::text, delta, volume from option_prices")
        means = await connection.fetch("select sma9, vwap from indicators")
        days = await connection.fetch("select ticker, trading_day::text, ticks from equity_data_stats order by 1, 2")
    assert [tuple(row) for row in prices] == [("247.4500", 7), ("598.1200", 100), ("598.1000", 50)]
    assert [tuple(row) for row in options] == [("1.2300", 0.512345, None)]
    assert [tuple(row) for row in means] == [(None, 598.12)]
    assert [tuple(row) for row in days] == [("AAPL", "2025-10-15", 1), ("QQQ", "2025-10-14", 2)]
    columns = {row for row in await shape(database) if row[0] == "column"}
    assert columns <= set(await shape(original_database))


async def test_no_index_is_paid_for_twice_or_half_empty(original_database: str, database: str) -> None:
    await migrate.apply(original_database)
    for dsn in (original_database, database):
        columns = [re.sub(r".*USING", "", row[2]).replace(" DESC", "") for row in await shape(dsn) if row[0] == "index"]
        tables = [row[2].split(" ON ")[1].split()[0] for row in await shape(dsn) if row[0] == "index"]
        pairs = list(zip(tables, columns, strict=True))
        assert sorted(set(pairs)) == sorted(pairs)
        assert [row[2] for row in await shape(dsn) if row[0] == "index" and ' ("timestamp" DESC)' in row[2]] == []


async def test_nobody_but_the_service_role_writes_to_original_tables(original_database: str) -> None:
    await migrate.apply(original_database)
    async with postgres.connected(original_database) as connection:
        await connection.execute("set role service_role")
        await connection.execute("insert into equity_data (ticker, timestamp, price, volume) values ('A', now(), 1, 1)")
        await connection.execute("set role anon")
        with pytest.raises(Exception, match="permission denied"):
            await connection.execute(
                "insert into equity_data (ticker, timestamp, price, volume) values ('B', now(), 1, 1)"
            )


async def test_a_project_whose_history_names_the_first_three_in_an_earlier_form(
    original_database: str, database: str
) -> None:
    await run(original_database, ORIGINAL.with_name("original_optimizations.sql"))

    assert await migrate.apply(original_database) == [file.stem for file in FILES[3:]]

    await run(original_database, *FILES)
    found = set(await shape(original_database))
    expected = await shape(database)
    assert {row for row in expected if row[0] in ("column", "policy", "function")} <= found
    async with postgres.connected(original_database) as connection:
        metrics = await connection.fetch("select ticker, records_processed, processing_time_ms from streaming_metrics")
        assert [tuple(row) for row in metrics] == [("QQQ", 2, 4)]
        await connection.execute("set role service_role")
        for table in ("equity_data", "indicators", "option_prices", "streaming_metrics", "stream_gaps"):
            key = "ticker, timestamp" + (
                ", option_type, strike_price, expiration_date" if table == "option_prices" else ""
            )
            await connection.execute(
                f"insert into {table} select * from {table} where false on conflict ({key}) do nothing"
            )
        await connection.execute("select refresh_equity_stats()")
        await connection.execute("set role anon")
        assert await connection.fetchval("select count(*) from equity_data_stats where trading_day = '2025-10-14'") == 1
        assert await connection.fetchval("select count(*) from option_prices") == 1
        assert await connection.fetchval("select records_last_hour from get_streaming_health('QQQ')") == 0


async def test_psql_gives_the_same_database(empty_database: str, database: str) -> None:
    files = [argument for file in (SUPABASE / "roles.sql", *FILES) for argument in ("--file", str(file))]
    command = [str(embedded.binaries() / "psql"), empty_database, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", *files]
    for _ in range(2):
        await asyncio.to_thread(subprocess.run, command, check=True)

    assert await shape(empty_database) == await shape(database)


async def test_realtime_gets_each_table_once(empty_database: str) -> None:
    async with postgres.connected(empty_database) as connection:
        await connection.execute("create publication supabase_realtime")
        await migrate.apply(empty_database)
        await run(empty_database, *FILES)
        published = await connection.fetch("select tablename from pg_publication_tables order by 1")
    assert [row[0] for row in published] == [
        "equity_data",
        "indicators",
        "option_prices",
        "stream_gaps",
        "streaming_metrics",
    ]


async def test_jobs_are_scheduled_once_where_pg_cron_is(empty_database: str) -> None:
    async with postgres.connected(empty_database) as connection:
        await connection.execute(
            """
            create schema cron;
            create table cron.job (jobname text primary key, schedule text, command text);
            create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql
            as 'insert into cron.job values ($1, $2, $3); select 1::bigint';
            """
        )
        await migrate.apply(empty_database)
        await connection.execute("update cron.job set schedule = '0 0 * * *' where jobname = 'ticktape refresh'")
        await run(empty_database, *FILES)
        jobs = await connection.fetch("select jobname, schedule, command from cron.job order by 1")
        for job in jobs:
            await connection.execute(job["command"])
    assert len(jobs) == 6
    assert [job["schedule"] for job in jobs if job["jobname"] == "ticktape refresh"] == ["0 0 * * *"]


def test_the_supabase_cli_pushes_them_and_ticktape_agrees(
    postgres_server: embedded.EmbeddedPostgres, empty_database: str, tmp_path: Path
) -> None:
    if shutil.which("supabase") is None:
        pytest.skip("the Supabase CLI is not installed (npm install -g supabase)")
    shutil.copytree(SUPABASE, tmp_path / "supabase")
    postgres.run_apart(run(empty_database, SUPABASE / "roles.sql"))
    database_name = empty_database.partition("?")[0].rpartition("/")[2]
    with Forward(postgres_server.socket_dir / ".s.PGSQL.5432") as forward:
        url = f"postgresql://postgres:unused@127.0.0.1:{forward.port}/{database_name}?sslmode=disable"
        command = ["supabase", "db", "push", "--yes", "--db-url", url]
        subprocess.run(command, cwd=tmp_path, check=True, stdin=subprocess.DEVNULL)

    assert asyncio.run(migrate.pending(empty_database)) == []


@pytest.mark.long
def test_lite_applies_them_by_its_own_command_on_its_own_database(tmp_path: Path) -> None:
    """With config.toml as it is: PostgreSQL in WebAssembly."""
    lite.require_node()
    project = lite.make_project(tmp_path)
    environment = lite.environment()
    for _ in range(2):
        subprocess.run(
            lite.command(project, "migration", "up"), cwd=project, env=environment, check=True, capture_output=True
        )
    done = subprocess.run(
        lite.command(project, "migration", "list"), cwd=project, env=environment, check=True, capture_output=True
    )

    assert all(file.stem.partition("_")[0] in done.stdout.decode() for file in FILES)
    with lite.running(project):
        pass
