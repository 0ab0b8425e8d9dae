"""`ticktape rebuild` and `ticktape indicators show` as a person runs them."""

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from eventlog import log as event_log
from eventlog.clock import ManualClock
from eventlog.events import Event, FeedGap
from service import cli
from tests.eventlog.ticks import trade_of
from tests.indicators import worlds


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory whose log holds the AAPL tape and a gap, with no destination."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESTINATION", "none")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))

    async def fill() -> None:
        log = await event_log.open_log(tmp_path / "data", ManualClock(worlds.CLOSE_US))
        events = worlds.tape()
        from_us, to_us = events[80].ts_us, events[81].ts_us
        await log.append([*events, Event("", to_us, FeedGap(from_us=from_us, to_us=to_us, reason="test"))])
        await log.close()

    asyncio.run(fill())
    return tmp_path / "data"


def ticktape(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def spoil(data_dir: Path) -> None:
    with sqlite3.connect(data_dir / "state.db", isolation_level=None) as connection:
        connection.execute("UPDATE indicators SET vwap = 1 WHERE seq = 100")
    connection.close()


def test_rebuild_check_damage_and_mend(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ticktape("rebuild") == 0
    assert capsys.readouterr().out == (
        "159 events gave 159 rows (before: 0); 159 are new or differ and are sent again\n"
    )
    assert ticktape("rebuild", "--check") == 0
    assert capsys.readouterr().out == "159 rows and 1 bars agree with the log through seq 160\n"
    spoil(data_dir)
    assert ticktape("rebuild", "--check") == 1
    assert "(seq 100): vwap is stored as 1.0, replayed as 58" in capsys.readouterr().out
    assert ticktape("rebuild", "--from", "2012-06-21", "--ticker", "aapl", "--json") == 0
    assert json.loads(capsys.readouterr().out)["changed"] == 1
    assert ticktape("rebuild", "--check", "--json") == 0
    assert json.loads(capsys.readouterr().out)["agrees"] is True


def test_show_prints_the_values_with_the_price(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ticktape("rebuild")
    capsys.readouterr()
    assert ticktape("indicators", "show", "--ticker", "aapl", "--since", "2012-06-21", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    tape = worlds.tape()
    assert [(line["ts_us"], line["price"]) for line in lines] == [(one.ts_us, trade_of(one).price) for one in tape]
    assert lines[7]["sma9"] is None
    assert lines[8]["sma9"] == pytest.approx(sum(trade_of(one).price for one in tape[:9]) / 9)
    assert ticktape("indicators", "show", "--ticker", "AAPL", "--since", "2012-06-21", "--limit", "1") == 0
    assert capsys.readouterr().out.startswith("2012-06-21T13:30:4")


def test_show_draws_a_picture(data_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    ticktape("rebuild")
    picture = tmp_path / "aapl.png"
    assert ticktape("indicators", "show", "--ticker", "AAPL", "--since", "2012-06-21", "--plot", str(picture)) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rebuild", "--from", "yesterday"), "--from yesterday: write a day as 2026-11-20"),
        (("rebuild", "--check", "--ticker", "AAPL"), "--check compares everything"),
        (("rebuild", "--data-dir", "nowhere"), "there is no log in nowhere"),
        (("rebuild", "--check"), "there are no indicators in"),
        (("indicators", "show", "--ticker", "AAPL"), "there are no indicators in"),
    ],
)
def test_a_wrong_request_is_one_line(
    data_dir: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert ticktape(*arguments) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_what_is_not_there_is_told_with_what_is(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ticktape("rebuild")
    capsys.readouterr()
    assert ticktape("indicators", "show", "--ticker", "MSFT", "--since", "2012-06-21") == 2
    assert "no indicators of MSFT since 2012-06-21T00:00:00.000000Z; tickers with rows: AAPL" in capsys.readouterr().err
    assert ticktape("indicators", "show", "--ticker", "MSFT", "--since", "999999d") == 2
    assert "no indicators of MSFT since 1970-01-01" in capsys.readouterr().err
    target = ("--plot", "picture.gif")
    assert ticktape("indicators", "show", "--ticker", "AAPL", "--since", "2012-06-21", *target) == 2
    assert "name a .png file" in capsys.readouterr().err


def test_a_changed_indicators_setting_must_name_known_columns(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDICATORS", "ema10")
    assert ticktape("rebuild") == 2
    assert "INDICATORS=ema10: no such indicator; known are ema9" in capsys.readouterr().err
