"""`ticktape health` against others that answer in the place of the service or of Supabase: a clean line, never a 1."""

import os
from pathlib import Path

import pytest
from aiohttp import web

from eventlog import log as event_log
from eventlog.errors import CorruptEventError, LogClosedError
from service import cli
from service.commands import health
from service.health import client, remote
from service.settings import Settings
from service.web import server
from tests.servers import scripted
from tests.servers.scripted import Answer
from tests.service.configured import settings_with

PORTAL = "<html>Please log in to the Wi-Fi</html>"


async def _record_something(data_dir: Path) -> None:
    log = await event_log.open_log(data_dir)
    await log.start_recording("test")
    await log.close()


def _answering(text: str, headers: dict[str, str]) -> list[web.AbstractRouteDef]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text, headers=headers)

    return [web.route("*", "/{_:.*}", answer)]


@pytest.mark.parametrize("text", ['["other program"]', "7", "null", '{"pid": null}', PORTAL])
async def test_another_program_on_the_port_is_not_the_service(tmp_path: Path, text: str) -> None:
    await _record_something(tmp_path)
    (tmp_path / "lock").write_text(f"pid {os.getpid()} since today")
    async with server.serve(settings_with(health_port=0), _answering(text, {})) as url:
        settings = settings_with(data_dir=tmp_path, destination="none", health_port=int(url.rsplit(":", 1)[1]))
        report = await health._report(settings, local=True)
    assert (report["level"], report["checks"][0]["value"]) == ("error", "does not answer")


RANGE = {"Content-Range": "*/0"}


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        (PORTAL, {}), (PORTAL, RANGE), ("[]", {}), ("[]", {"Content-Range": "0-0/*"}), ("{}", RANGE), ("[7]", RANGE),
        ('[{"ticker": "QQQ"}]', RANGE),
    ],
)  # fmt: skip
async def test_what_is_not_supabase_is_an_error_of_the_remote_line(text: str, headers: dict[str, str]) -> None:
    async with scripted.serving() as server:
        server.read_answer = Answer(200, text, headers)
        server.otherwise = lambda _: Answer(200, text, headers)
        settings = settings_with(supabase_url=server.url, supabase_service_role_key="sb_secret_abcdefgh")
        (found,) = await remote.checks(settings)
    assert (found.name, found.level, found.value) == ("remote", "error", "no answer")
    assert "is not Supabase" in found.sentence


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (RuntimeError("unforeseen"), 2, "RuntimeError: unforeseen (a bug in ticktape"),
        (LogClosedError("the log is closed"), 2, "the log is closed"),
        (CorruptEventError(7, "CRC"), 5, "event 7 is corrupt"),
    ],
)
def test_a_failure_is_never_taken_for_a_warning(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    line: str,
) -> None:
    def fail(_settings: Settings) -> None:
        raise error

    monkeypatch.setattr(client, "ask", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main(["health", "--local", "--data-dir", str(tmp_path)])
    assert ended.value.code == code
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"ticktape: {line}")
