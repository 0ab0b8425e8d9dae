"""Logging in without a browser on the machine, against the simulated exchange's own token endpoint."""

import asyncio
import stat
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from feed import errors, login, schwab, token
from feed.exchange import Exchange
from tests.feed.harness import StillMarket, exchanging, feeding

KEY, SECRET = SecretStr("key"), SecretStr("secret")
CALLBACK = "https://127.0.0.1:8182/back"


async def _visit(request: schwab.LoginRequest) -> str:
    """What the browser's address bar shows in the end."""
    async with httpx.AsyncClient() as browser:
        return (await browser.get(request.url)).headers["Location"]


async def _finish(exchange: Exchange, request: schwab.LoginRequest, answer_url: str, path: Path) -> None:
    await asyncio.to_thread(login.finish, KEY, SECRET, request, answer_url, path, exchange.url)


async def test_a_login_writes_a_token_file_that_streams(tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    async with exchanging(StillMarket("QQQ")) as exchange:
        exchange.rest.tokens.is_strict = True
        request = schwab.begin_login(KEY, CALLBACK, exchange.url)
        await _finish(exchange, request, await _visit(request) + "\n", path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        source = schwab.LiveSource(KEY, SECRET, path, exchange.url)
        async with feeding(exchange, source=source) as bench:
            await bench.stored("equity_tick")


async def test_a_code_is_good_once(tmp_path: Path) -> None:
    async with exchanging(StillMarket("QQQ")) as exchange:
        exchange.rest.tokens.is_strict = True
        request = schwab.begin_login(KEY, CALLBACK, exchange.url)
        answer_url = await _visit(request)
        await _finish(exchange, request, answer_url, tmp_path / "first.json")
        with pytest.raises(errors.LoginFailedError, match=r"expired .* or was used before"):
            await _finish(exchange, request, answer_url, tmp_path / "second.json")
        assert not (tmp_path / "second.json").exists()


async def test_schwab_being_down_is_said(tmp_path: Path) -> None:
    async with exchanging(StillMarket("QQQ")) as exchange:
        request = schwab.begin_login(KEY, CALLBACK, exchange.url)
        answer_url = await _visit(request)
        exchange.rest.tokens.failing_with = 503
        with pytest.raises(errors.UnreachableError, match="HTTP 503"):
            await _finish(exchange, request, answer_url, tmp_path / "token.json")


@pytest.mark.parametrize(
    ("answer_url", "said"),
    [
        ("C0.b2F1dGgy", "no address"),
        ("https://127.0.0.1:8182/back", "no code"),
        ("https://127.0.0.1:8182/back?code=C0.b2F1&state=another", "another login attempt"),
        ("https://127.0.0.1:8182/back/?code=C0.b2F1&state=STATE", "callback mismatch.*trailing slash"),
        ("https://127.0.0.1:9999/back?code=C0.b2F1&state=STATE", "callback mismatch"),
        ("http://127.0.0.1:8182/back?code=C0.b2F1&state=STATE", "callback mismatch"),
        ("https://127.0.0.1:8182/back?error=access_denied&state=STATE", "not allowed"),
        ("https://127.0.0.1:8182/back?error=unauthorized_client", "Ready For Use"),
        ("https://127.0.0.1:8182/back?error=something_new", "refused"),
    ],
)
def test_what_is_wrong_with_a_pasted_answer(answer_url: str, said: str) -> None:
    request = schwab.LoginRequest("https://x", "STATE", CALLBACK)
    with pytest.raises(errors.LoginFailedError, match=said) as raised:
        login.check_answer(request, answer_url)
    assert "C0.b2F1" not in str(raised.value), "the code is a secret"


def test_a_browser_login_needs_a_local_callback(tmp_path: Path) -> None:
    with pytest.raises(errors.LoginFailedError, match="without --browser"):
        schwab.browser_login(KEY, SECRET, "https://example.com/back", tmp_path / "token.json")


def test_a_failed_write_leaves_the_old_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token.json"
    content = {"creation_timestamp": 1, "token": {"access_token": "a", "refresh_token": "r"}}
    token.write(path, content)

    def fail(_: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        token.write(path, {"creation_timestamp": 2, "token": {}})
    assert token.read(path) == content
    assert list(tmp_path.iterdir()) == [path]
