"""The commands as a person runs them, against the embedded PostgreSQL, with and without a running service."""

import asyncio
import contextlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import tenacity

from eventlog import log as event_log
from eventlog.clock import ManualClock, SystemClock
from eventlog.events import EquityTick, Event
from eventlog.lock import InstanceLock
from replicator.verify import Verification
from service import cli, control
from service import settings as settings_module
from service.context import open_context
from tests.servers import postgres

BEGIN_US = 1_700_000_000_000_000
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def ticktape(dsn: str, *arguments: str) -> Done:
    """The command line in this process; on a thread, because commands start their own event loop."""
    out, err = io.StringIO(), io.StringIO()
    settings = {"DESTINATION": "postgres", "POSTGRES_DSN": dsn}
    with mock.patch.dict(os.environ, settings), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main(arguments)
        except SystemExit as end:
            return Done(int(end.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("main does not return")


def answer(done: Done) -> Any:
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
async def data_dir(tmp_path: Path, database: str) -> Path:
    """Ten ticks, of which the destination has refused one and lost two."""
    async with postgres.connected(database) as connection:
        await connection.execute("ALTER TABLE equity_data ADD CONSTRAINT odd CHECK (volume <> 7)")
    log = await event_log.open_log(tmp_path, SystemClock())
    await log.append([Event("QQQ", BEGIN_US + n, EquityTick(400.0 + n, 1, n, 100 + n)) for n in range(10)])
    await log.close()
    settings = settings_module.load(data_dir=tmp_path, destination="postgres", postgres_dsn=database)
    async with open_context(settings) as context:
        assert context.replicator is not None
        await context.replicator.start()
        assert await context.replicator.drain(20) == 0
    async with postgres.connected(database) as connection:
        await connection.execute("DELETE FROM equity_data WHERE volume IN (2, 3)")
        await connection.execute("ALTER TABLE equity_data DROP CONSTRAINT odd")
    return tmp_path


async def run(database: str, *arguments: str) -> Done:
    return await asyncio.to_thread(ticktape, database, *arguments)


async def test_status_counts_what_was_delivered(data_dir: Path, database: str) -> None:
    done = await run(database, "status", "--data-dir", str(data_dir), "--json")
    ticks = next(table for table in answer(done) if table["table"] == "equity_data")
    wanted = {"delivered": 9, "unsent": 0, "dead_letters": 1, "state": "ok", "cursor": 10, "seconds_to_go": 0.0}
    assert ticks | wanted == ticks
    text = (await run(database, "status", "--data-dir", str(data_dir))).stdout
    assert "9 delivered" in text and "1 dead letters" in text


async def test_dead_letters_are_listed_shown_retried_and_dropped(data_dir: Path, database: str) -> None:
    place = ("--data-dir", str(data_dir))
    (letter,) = answer(await run(database, "deadletters", "list", *place, "--json"))
    assert (letter["table"], letter["seq"], letter["code"]) == ("equity_data", 8, "23514")
    shown = await run(database, "deadletters", "show", str(letter["id"]), *place)
    assert '"price":407.0' in shown.stdout
    assert answer(await run(database, "deadletters", "retry", "--all", *place, "--json")) == {
        "delivered": 1,
        "refused": 0,
    }
    assert (await run(database, "deadletters", "list", *place)).stdout == "no dead letters\n"
    gone = await run(database, "deadletters", "drop", "1", *place)
    assert (gone.returncode, gone.stdout) == (2, "") and "no dead letter 1" in gone.stderr


async def test_verify_finds_and_repairs(data_dir: Path, database: str) -> None:
    place = ("--data-dir", str(data_dir), "--table", "equity_data", "--json")
    found = await run(database, "verify", *place)
    (table,) = answer(found)["tables"]
    assert (found.returncode, table["missing"], table["rows"]) == (1, 2, 9)
    mended = await run(database, "verify", "--repair", *place)
    assert (mended.returncode, answer(mended)["tables"][0]["repaired"]) == (0, 2)
    assert answer(await run(database, "verify", *place))["tables"][0]["agrees"]


async def test_verify_leaves_out_what_was_pruned(tmp_path: Path, database: str) -> None:
    now_us = SystemClock().now_us()
    for days_ago in (30, 5, 0):
        log = await event_log.open_log(tmp_path, ManualClock(now_us - days_ago * DAY_US))
        first_us = log.clock.now_us() - 100
        await log.append([Event("QQQ", first_us + n, EquityTick(400.0, 1, n, 100 + n)) for n in range(10)])
        await log.close()
    place = ("--data-dir", str(tmp_path))
    settings = settings_module.load(data_dir=tmp_path, destination="postgres", postgres_dsn=database)
    async with open_context(settings) as context:
        await context.projection.start()
        while context.projection.checkpoint < context.log.head:
            await context.projection.fold_once()
        assert context.replicator is not None
        await context.replicator.start()
        assert await context.replicator.drain(20) == 0
    assert answer(await run(database, "log", "prune", "--keep-days", "10", *place, "--json"))["events"] == 10
    compared = await run(database, "verify", *place)
    assert compared.returncode == 0, compared.stdout
    assert compared.stdout.startswith("compared since ")
    assert "equity_data        20 rows in 2 hours: equal" in compared.stdout
    asked = await run(database, "verify", "--since", "1h", *place)
    assert (asked.returncode, "pruned" in asked.stdout) == (0, False)


async def test_the_running_service_does_the_work(data_dir: Path, database: str) -> None:
    settings = settings_module.load(data_dir=data_dir, destination="postgres", postgres_dsn=database)
    with InstanceLock(data_dir):
        async with open_context(settings) as context, control.serve(context):
            place = ("--data-dir", str(data_dir), "--json")
            done = await run(database, "replicate", "--from-start", "--table", "equity_data", *place)
            assert answer(done) == {"tables": [{"table": "equity_data", "acknowledged": 10, "refused": 0}]}
    async with postgres.connected(database) as connection:
        assert await connection.fetchval("SELECT count(*) FROM equity_data") == 10


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("replicate",), "--from-start"),
        (("verify", "--table", "ticks"), "one of equity_data"),
        (("verify", "--since", "yesterday"), "is not a time"),
        (("deadletters", "drop"), "--all"),
        (("deadletters", "show", "99"), "no dead letter 99"),
    ],
)
async def test_wrong_arguments_are_named_in_one_line(
    data_dir: Path, database: str, arguments: tuple[str, ...], says: str
) -> None:
    done = await run(database, *arguments, "--data-dir", str(data_dir))
    assert done.returncode == 2 and says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


async def test_a_folder_without_a_log_is_named(tmp_path: Path, database: str) -> None:
    done = await run(database, "status", "--data-dir", str(tmp_path))
    assert done.returncode == 2 and "there is no log" in done.stderr


async def test_an_unreachable_destination_is_one_line(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Verification._ask.retry, "wait", tenacity.wait_none())
    nowhere = "postgresql://postgres:hidden@127.0.0.1:1/ticks"
    done = await run(nowhere, "verify", "--data-dir", str(data_dir))
    assert (done.returncode, done.stdout) == (1, "") and "cannot be reached" in done.stderr
    assert "hidden" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
