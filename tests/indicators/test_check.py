"""`check` sees every kind of wrong row and names it; right rows agree, also while the projection goes on."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from eventlog.events import Event
from indicators import check, store
from indicators.definition import Definition
from indicators.errors import NotProjectedError
from indicators.replay import no_progress
from tests.indicators import worlds
from tests.indicators.test_replay import two_days

_SET_STATE = "UPDATE projection_tickers SET state = ? WHERE ticker = ?"


async def test_what_the_projection_made_agrees(tmp_path: Path) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        projection = await worlds.projected(log, state, Definition(session="extended", sma_interval="60"))
        await log.append([worlds.tick(worlds.CLOSE_US - 5, ticker="QQQ")])
        report = await check.check(log, state, no_progress)
        assert (report.agrees, report.checkpoint, report.rows) == (True, 3900, 3900)
        await projection.fold_once()
        assert (await check.check(log, state, no_progress)).rows == 3901


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            "UPDATE indicators SET vwap = vwap + 1e-9 WHERE seq = 77",
            r"row AAPL 2012-06-21T.*\(seq 77\): vwap is stored",
        ),
        ("UPDATE indicators SET rsi14 = NULL WHERE seq = 3000", r"\(seq 3000\): rsi14 is stored as None"),
        ("DELETE FROM indicators WHERE seq = 500", r"\(seq 500\) is missing"),
        ("DELETE FROM indicators WHERE ticker = 'QQQ'", r"row QQQ .* is missing"),
        ("UPDATE indicators SET ts_us = ts_us + 1 WHERE seq = 900", r"is missing"),
        ("INSERT INTO indicators (revision, seq, ticker, ts_us) VALUES (9999, 8, 'AAPL', 2)", "log does not give it"),
        (
            "INSERT INTO indicators (revision, seq, ticker, ts_us) VALUES (9999, 8, 'MSFT', 2)",
            "row MSFT .* not give it",
        ),
        ("UPDATE bars SET volume = volume + 1 WHERE ts_us % 600000000 = 0", "bar AAPL .*: volume is stored as"),
        ("UPDATE bars SET low = 1 WHERE ts_us = (SELECT max(ts_us) FROM bars)", "bar AAPL .*: low is stored as 1.0"),
        ("DELETE FROM bars WHERE ticker = 'QQQ'", "bar QQQ .* is missing"),
        ("UPDATE projection_tickers SET state = replace(state, '\"period\":9', '\"period\":8')", "AAPL: kernels are"),
        ("DELETE FROM projection_tickers WHERE ticker = 'QQQ'", "QQQ: kernels are None"),
    ],
)
async def test_the_first_difference_is_named(tmp_path: Path, damage: str, named: str) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        await state.run(lambda raw: raw.execute(damage))
        report = await check.check(log, state, no_progress)
    assert not report.agrees
    assert report.difference is not None
    assert re.search(named, report.difference), report.difference


async def test_kernels_that_are_only_written_otherwise_agree(tmp_path: Path) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        await worlds.projected(log, state, Definition())
        ticker, written = (await state.run(store.states))[0]
        otherwise = json.dumps(json.loads(written), indent=1)
        await state.run(lambda raw: raw.execute(_SET_STATE, (otherwise, ticker)))
        report = await check.check(log, state, no_progress)
    assert report.agrees, report.difference


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(events=worlds.event_lists(), definition=worlds.definitions)
async def test_any_log_agrees_with_its_projection(
    events: list[Event], definition: Definition, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = await worlds.memory_log(events)
    async with worlds.opened_state(tmp_path_factory.mktemp("check") / "state.db") as state:
        await worlds.projected(log, state, definition, limit=7)
        report = await check.check(log, state, no_progress)
    assert report.agrees, report.difference


async def test_rows_of_another_version_are_not_compared(tmp_path: Path) -> None:
    log = await two_days()
    async with worlds.opened_state(tmp_path / "state.db") as state:
        with pytest.raises(NotProjectedError, match="ticktape rebuild"):
            await check.check(log, state, no_progress)
        await worlds.projected(log, state, Definition())
        await state.run(lambda raw: raw.execute("UPDATE projection SET definition = '{}'"))
        with pytest.raises(NotProjectedError):
            await check.check(log, state, no_progress)
