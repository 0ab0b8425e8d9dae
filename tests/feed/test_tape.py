"""Reading tapes: a bad line is named by file and number."""

from pathlib import Path

import pytest

from feed.errors import TapeError
from feed.exchange import Tape

GOOD = "2012-06-21T13:30:00.275016Z,585.74,40"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["price,time,size", GOOD], "line 1"),
        (["time,price,size", GOOD, "2012-06-21T13:30:01Z,abc,4"], "line 3"),
        (["time,price,size", "yesterday,585.74,40"], "line 2"),
        (["time,price,size", GOOD, "2012-06-21T13:30:01Z,585.74"], "line 3"),
        (["time,price,size", GOOD, ""], "line 3"),
        (["time,price,size", "2012-06-21T13:30:01Z,0,4"], "line 2.*larger than 0"),
        (["time,price,size", "2012-06-21T13:30:01Z,nan,4"], "line 2"),
        (["time,price,size", "2012-06-21T13:30:01Z,1.5,-4"], "line 2"),
        (["time,price,size", "2012-06-21T13:30:01Z,1.5,4.5"], "line 2"),
        (["time,price,size", GOOD, "2012-06-21T13:29:59Z,1.5,4"], "line 3.*before the line above"),
        (["time,price,size"], "no trades"),
        ([], "line 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, lines: list[str], said: str) -> None:
    path = tmp_path / "tape.csv"
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(TapeError, match=said) as raised:
        Tape(path, "AAPL")
    assert str(path) in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_tape_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="cannot be read"):
        Tape(tmp_path / "none.csv", "AAPL")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TapeError, match="not a CSV"):
        Tape(binary, "AAPL")
    with pytest.raises(TapeError, match="speed"):
        Tape(binary, "AAPL", speed=0)


def test_the_total_is_that_of_the_tape() -> None:
    assert Tape(Path("tests/data/aapl_2012-06-21_open.csv"), "AAPL").total_volume == 10_592
