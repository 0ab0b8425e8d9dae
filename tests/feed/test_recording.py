"""Raw frames recorded as they came, without secrets, and played back."""

import gzip
import json
import math
import stat
from pathlib import Path

import pytest

from eventlog.clock import ManualClock
from eventlog.errors import UsageError
from feed.errors import TapeError
from feed.exchange import Recording, Tape
from feed.recorder import Recorder
from tests.feed.harness import exchanging, feeding

TAPE = Path("tests/data/aapl_2012-06-21_open.csv")


async def test_a_recorded_day_plays_back_to_the_same_ticks(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson.gz"
    with Recorder(path, ["simulated-correlation"], ManualClock(1)) as recorder:
        async with (
            exchanging(Tape(TAPE, "AAPL", math.inf)) as exchange,
            feeding(exchange, "AAPL", tap=recorder) as bench,
        ):
            recorded = await bench.stored("equity_tick", 159)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    async with exchanging(Recording(path, math.inf)) as exchange, feeding(exchange, "AAPL") as bench:
        played = await bench.stored("equity_tick", 159)
    assert [(tick.ts_us, tick.payload) for tick in played] == [(tick.ts_us, tick.payload) for tick in recorded]
    text = gzip.decompress(path.read_bytes()).decode()
    assert "simulated-correlation" not in text
    assert '\\"code\\":0' in text, "answers are kept, too"


def test_secrets_are_removed_and_all_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson.gz"
    frames = [
        '{"response":[{"SchwabClientCorrelId":"planted-1","content":{"code":0}}]}',
        '{"x":{"access_token" : "planted-2\\"3","other":"kept"}}',
        "garbage with planted-4 in it",
    ]
    with Recorder(path, ["planted-4", ""], ManualClock(77)) as recorder:
        for frame in frames:
            recorder(frame)
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert [line["received_us"] for line in lines] == [77, 77, 77]
    assert [line["frame"] for line in lines] == [
        '{"response":[{"SchwabClientCorrelId":"removed","content":{"code":0}}]}',
        '{"x":{"access_token" : "removed","other":"kept"}}',
        "garbage with removed in it",
    ]


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson.gz"
    path.write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        Recorder(path, [], ManualClock(1))
    assert path.read_text() == "precious"


def test_a_recording_that_was_cut_off_plays_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson.gz"
    with Recorder(path, [], ManualClock(1)) as recorder:
        for number in range(10_000):
            recorder(f'{{"data":[{number}]}}')
    path.write_bytes(path.read_bytes()[:-20])
    Recording(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"plain text", "behind line 0"),
        (gzip.compress(b'{"received_us":1,"frame":"{}"}\nnonsense\n'), "line 2"),
        (gzip.compress(b'{"received_us":1}\n'), "line 1"),
        (gzip.compress(b""), "no frames"),
    ],
    ids=["plain", "second", "first", "empty"],
)
def test_a_bad_recording_is_named_by_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "day.ndjson.gz"
    path.write_bytes(content)
    with pytest.raises(TapeError, match=said) as raised:
        Recording(path)
    assert str(path) in str(raised.value)
    with pytest.raises(TapeError, match=r"cannot|not a file"):
        Recording(tmp_path / "none")
