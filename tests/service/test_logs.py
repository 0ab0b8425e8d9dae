"""Log lines are machine-readable, never hold a secret, and repeats do not flood."""

import json
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from service import logs, redaction
from tests.service.configured import settings_with

if TYPE_CHECKING:
    from loguru import Record

SECRET = 'planted/se"cret+value='


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logger.remove()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def _configure(log_format: str, **more: Any) -> None:
    logs.configure(settings_with(log_format=log_format, supabase_service_role_key=SECRET, **more))


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_lines_carry_the_event_name_and_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    _configure("json")
    logger.bind(event="feed.connected", tickers=["QQQ"], seconds=1.5).info("connected after {} s", 1.5)
    (line,) = _lines(capsys)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "INFO",
        "event": "feed.connected",
        "message": "connected after 1.5 s",
        "tickers": ["QQQ"],
        "seconds": 1.5,
    }


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_secret_in_message_field_or_traceback(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    _configure(log_format)
    try:
        secret_in_a_local = SECRET
        raise ConnectionError(f"refused for key {secret_in_a_local}")
    except ConnectionError:
        logger.bind(event="x", header=f"Bearer {SECRET}", raw=SECRET).exception("failed with {}", SECRET)
    logging.getLogger("httpx").warning("GET https://x.example/?apikey=%s", SECRET)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn(f"about {SECRET}", UserWarning, stacklevel=1)
    captured = capsys.readouterr()
    written = captured.out + captured.err
    assert "Traceback" in written
    assert "httpx" in written or log_format == "text"
    for form in (SECRET, json.dumps(SECRET)[1:-1], "cret+value"):
        assert form not in written
    assert written.count(redaction.MASK) >= 4


def test_libraries_are_heard_from_warning_on(capsys: pytest.CaptureFixture[str]) -> None:
    _configure("json", log_level="DEBUG")
    logging.getLogger("apscheduler.executors").info("Running job")
    logging.getLogger("httpx").debug("HTTP Request: GET https://...")
    logging.getLogger("apscheduler.scheduler").error("Job failed")
    (line,) = _lines(capsys)
    assert (line["event"], line["library"], line["message"]) == ("library", "apscheduler.scheduler", "Job failed")


def test_a_closed_stdout_does_not_raise_or_dump_the_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Closed:
        def write(self, _text: str) -> None:
            raise BrokenPipeError

    _configure("json")
    monkeypatch.setattr("sys.stdout", Closed())
    logger.info("nobody reads {}", SECRET)
    assert capsys.readouterr().err == ""


def _limited(now: list[float]) -> "list[Record]":
    """Installs a sink behind a RepeatLimit that reads the time from `now[0]`."""
    seen: list[Record] = []
    logger.remove()
    limit = logs.RepeatLimit(lambda: now[0])
    logger.add(lambda message: seen.append(message.record), filter=limit.admit, format="{message}")
    return seen


def test_repeats_are_held_back_and_counted() -> None:
    now = [0.0]
    seen = _limited(now)
    for _ in range(10):
        logger.bind(event="replicator.retry", table="equity_data").warning("no answer")
    logger.bind(event="replicator.retry", table="indicators").warning("no answer")
    assert len(seen) == logs.REPEATS_ALLOWED + 1
    now[0] = logs.REPEAT_SECONDS
    logger.bind(event="replicator.retry", table="equity_data").warning("no answer")
    assert seen[-1]["extra"]["suppressed"] == 10 - logs.REPEATS_ALLOWED


def test_the_last_words_are_never_held_back() -> None:
    seen = _limited([0.0])
    for _ in range(10):
        logger.bind(event="service.failed").critical("the log failed")
    assert len(seen) == 10


def test_the_memory_of_repeats_is_bounded() -> None:
    now = [0.0]
    limit = logs.RepeatLimit(lambda: now[0])
    logger.remove()
    logger.add(lambda _message: None, filter=limit.admit, format="{message}")
    for number in range(1000):
        now[0] = number * logs.REPEAT_SECONDS
        logger.bind(event="e", ticker=f"T{number}").info("x")
        logger.bind(event="steady").info("x")
    assert len(limit._windows) < 10
