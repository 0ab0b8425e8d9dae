"""Fault 30: secrets planted everywhere a service knows them are in nothing that it writes, answers or sends."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from feed.exchange import RandomMarket
from tests.e2e import recorder as recording

KEY = "sb_secret_planted-supabase-key"
PASSWORD = "planted-smtp-password"
ACCESS, REFRESH = "planted-access-token", "planted-refresh-token"
WEBHOOK_PATH = "planted-webhook-path"


def _forms(*secrets: str) -> set[str]:
    pair = f"{recording.APP_KEY}:{recording.APP_SECRET}"
    encoded = {base64.b64encode(text.encode()).decode().rstrip("=") for text in (*secrets, pair)}
    return {*secrets, *encoded}


PLANTED = _forms(recording.APP_KEY, recording.APP_SECRET, KEY, PASSWORD, ACCESS, REFRESH, WEBHOOK_PATH)


async def _babbling(request: web.Request) -> web.Response:
    """A destination that repeats every secret it is told in its refusal."""
    said = f"refused: {dict(request.headers)} {request.url}"
    return web.json_response({"code": "42501", "message": said, "details": said, "hint": said}, status=403)


@pytest.fixture
async def babbler() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", _babbling)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_planted_secrets_leave_by_no_door(tmp_path: Path, babbler: str) -> None:
    """Everything fails that can: the destination refuses and repeats the key, mail and webhook fail, logins fail."""
    data_dir = tmp_path / "data"
    async with recording.exchanging(RandomMarket(["QQQ"])) as exchange:
        exchange.rest.tokens.expire_refresh()
        recording.write_token(data_dir, access_token=ACCESS, refresh_token=REFRESH)
        async with recording.recorder(
            data_dir,
            LOG_LEVEL="DEBUG",
            SCHWAB_URL=exchange.url,
            SUPABASE_URL=babbler,
            SUPABASE_SERVICE_ROLE_KEY=KEY,
            ALERT_WEBHOOK=f"http://127.0.0.1:1/{WEBHOOK_PATH}",
            SMTP_HOST="127.0.0.1",
            SMTP_PORT="1",
            SMTP_SECURITY="none",
            SMTP_USER="user",
            SMTP_PASSWORD=PASSWORD,
            SMTP_TO="somebody@x.example",
        ) as service:
            await service.start()
            await service.until(lambda: bool(service.events("feed.ended")))
            await service.until(lambda: len(service.events("alert.undelivered")) >= 2)
            answers = [await service.get(path) for path in ("/healthz", "/readyz", "/metrics", "/api/about")]
            checked = await service.check("feed")
            assert checked["level"] == "error", "the login was to be refused"
            assert await service.stop() == 0
    _holds_no_secret("the log", service.output)
    _holds_no_secret("stderr", service.errors)
    for answer in answers:
        _holds_no_secret("an HTTP answer", answer)
    for file in data_dir.iterdir():
        # The token file is where the tokens live; everything else must not know them.
        if file.is_file() and file.name != "schwab_token.json":
            _holds_no_secret(file.name, file.read_bytes().decode("latin-1"))


def _holds_no_secret(where: str, text: str) -> None:
    for secret in PLANTED:
        assert secret not in text, f"{where} holds {secret}: ...{text[max(0, text.find(secret) - 200) :][:400]}"


async def test_a_crash_leaves_a_traceback_without_secrets(tmp_path: Path) -> None:
    """A bug ends the process with code 1 and a traceback for its report, from which the secrets are gone."""
    broken = tmp_path / "broken.py"
    broken.write_text(
        "import sys\n"
        "from service import cli, settings\n"
        "def load(**overrides):\n"
        "    given = settings.Settings(_env_file=None, supabase_service_role_key=sys.argv[1])\n"
        "    raise KeyError(f'a bug about {given.supabase_service_role_key.get_secret_value()}')\n"
        "settings.load = load\n"
        "cli.main(['health'])\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(broken), KEY, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, errors = await process.communicate()
    assert process.returncode == 1
    _holds_no_secret("stderr", errors.decode())
    _holds_no_secret("stdout", out.decode())
    assert "Traceback" in errors.decode()
    assert errors.decode().splitlines()[-1].startswith("ticktape: KeyError")


async def test_doctor_and_health_name_no_secret(tmp_path: Path, babbler: str) -> None:
    data_dir = tmp_path / "data"
    recording.write_token(data_dir, access_token=ACCESS, refresh_token=REFRESH)
    settings = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(data_dir),
        "SCHWAB_APP_KEY": recording.APP_KEY,
        "SCHWAB_APP_SECRET": recording.APP_SECRET,
        "SCHWAB_URL": babbler,
        "SUPABASE_URL": babbler,
        "SUPABASE_SERVICE_ROLE_KEY": KEY,
        "HEALTH_PORT": "1",
    }
    program = str(Path(sys.executable).with_name("ticktape"))
    for command in (["doctor", "--json"], ["doctor"], ["health", "--json"]):
        process = await asyncio.create_subprocess_exec(
            program,
            *command,
            cwd=tmp_path,
            env=settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
        _holds_no_secret(" ".join(command), out.decode() + errors.decode())
        if command == ["doctor", "--json"]:
            assert json.loads(out)["level"] == "error"
