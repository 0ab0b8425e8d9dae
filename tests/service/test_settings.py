import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.errors import UsageError
from service import settings


@pytest.fixture(autouse=True)
def _no_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_tickers_are_split_uppercased_and_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_TICKER", "qqq, aapl,QQQ")
    assert settings.load().stream_ticker == ("QQQ", "AAPL")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("BATCH_SIZE", "abc", "valid integer"),
        ("BATCH_INTERVAL", "0", "greater than 0"),
        ("STREAM_TICKER", ",", "1 to 500"),
        ("STREAM_TICKER", "TOOLONGTICKER", "not a ticker"),
        ("SESSION", "night", "regular"),
        ("SMA_INTERVAL", "1m", "whole seconds"),
        ("HEALTH_PORT", "99999", "65535"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_should_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        settings.load()
    assert name in str(caught.value)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_command_gives_goes_above_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "from-environment")
    assert settings.load(data_dir=Path("given")).data_dir == Path("given")
    assert settings.load(data_dir=None).data_dir == Path("from-environment")


@contextlib.contextmanager
def _as_ordinary_user() -> Iterator[None]:
    """Root may read everything."""
    before = os.geteuid()
    os.seteuid(before or 65_534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_directory_that_may_not_be_looked_into_has_no_dotenv(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    with _as_ordinary_user():
        assert settings.load().stream_ticker == ("QQQ",)
    tmp_path.chmod(0o700)


def test_a_dotenv_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"STREAM_TICKER=\xff\n")
    with pytest.raises(UsageError, match=r"^\.env .*utf-8"):
        settings.load()
    path.write_text("STREAM_TICKER=AAPL\n")
    assert settings.load().stream_ticker == ("AAPL",)
    tmp_path.chmod(0o755)
    path.chmod(0)
    with _as_ordinary_user(), pytest.raises(UsageError, match=r"^\.env .*Permission denied"):
        settings.load()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_planted")
    assert "planted" not in repr(settings.load())


def test_a_missing_destination_names_the_first_setting_to_set() -> None:
    with pytest.raises(UsageError, match="SUPABASE_URL is missing"):
        settings.require_destination(settings.load())
    with pytest.raises(UsageError, match="SCHWAB_APP_KEY is missing"):
        settings.require_schwab(settings.load())
    with pytest.raises(UsageError, match="POSTGRES_DSN is missing"):
        settings.require_destination(settings.load(destination="postgres"))
