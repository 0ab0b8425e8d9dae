"""A command's work is the same function whether it runs under the instance lock or inside the service."""

import asyncio
import errno
import stat
from pathlib import Path
from typing import Any

import pytest

from eventlog import events
from eventlog.errors import AlreadyRunningError, UsageError
from eventlog.lock import InstanceLock
from service import control, job, jobs, work
from service.context import Context, open_context
from service.settings import Settings
from tests.service.configured import settings_with


async def _count(context: Context, args: dict[str, Any], progress: job.Progress) -> dict[str, Any]:
    progress(1, 2)
    if args.get("fail"):
        raise UsageError("told to fail")
    if args.get("crash"):
        raise RuntimeError("unforeseen")
    await context.log.append([events.Event("", 1_700_000_000_000_000, events.FeedConnected(tickers=["QQQ"]))])
    return {"head": context.log.head, "echo": args.get("echo")}


@pytest.fixture(autouse=True)
def _job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jobs.JOBS, "count", _count)
    monkeypatch.setattr(jobs, "BEGINS_A_LOG", jobs.BEGINS_A_LOG | {"count"})


@pytest.fixture(params=["short", "x" * 120])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    return settings_with(data_dir=tmp_path / request.param, destination="none")


async def test_without_a_service_the_work_is_done_under_the_lock(settings: Settings) -> None:
    seen: list[tuple[int, int | None]] = []
    result = await work.perform(settings, "count", {"echo": "é"}, lambda done, total: seen.append((done, total)))
    assert result == {"head": 1, "echo": "é"}
    assert seen == [(1, 2)]
    InstanceLock(settings.data_dir).acquire()


async def test_a_running_service_does_the_work(settings: Settings) -> None:
    seen: list[tuple[int, int | None]] = []
    settings.data_dir.mkdir()
    with InstanceLock(settings.data_dir):
        async with open_context(settings) as context, control.serve(context):
            mode = (settings.data_dir / control.SOCKET_NAME).stat().st_mode
            assert stat.S_IMODE(mode) == 0o600
            result = await work.perform(settings, "count", {}, lambda done, total: seen.append((done, total)))
            assert result["head"] == context.log.head == 1
    assert seen == [(1, 2)]
    assert not (settings.data_dir / control.SOCKET_NAME).exists()


@pytest.mark.parametrize(
    ("args", "message", "exit_code"), [({"fail": True}, "told to fail", 2), ({"crash": True}, "unforeseen", 1)]
)
async def test_what_fails_in_the_service_is_told_and_the_service_goes_on(
    settings: Settings, args: dict[str, Any], message: str, exit_code: int
) -> None:
    settings.data_dir.mkdir()
    with InstanceLock(settings.data_dir):
        async with open_context(settings) as context, control.serve(context):
            with pytest.raises(control.RemoteError, match=message) as caught:
                await work.perform(settings, "count", args, lambda done, total: None)
            assert caught.value.exit_code == exit_code
            await work.perform(settings, "count", {}, lambda done, total: None)


async def test_an_unknown_job_is_refused(settings: Settings) -> None:
    await work.perform(settings, "count", {}, lambda *_: None)
    with pytest.raises(UsageError, match="nonsense"):
        await work.perform(settings, "nonsense", {}, lambda done, total: None)


async def test_a_directory_held_by_another_command_is_named(settings: Settings) -> None:
    settings.data_dir.mkdir()
    with InstanceLock(settings.data_dir), pytest.raises(AlreadyRunningError, match="in use"):
        await work.perform(settings, "count", {}, lambda done, total: None)


async def test_garbage_on_the_socket_does_not_disturb_the_service(settings: Settings) -> None:
    settings.data_dir.mkdir()
    with InstanceLock(settings.data_dir):
        async with open_context(settings) as context, control.serve(context):
            for garbage in (b"\n", b"{]\n", b'{"job": 1}\n', b"[]\n", b""):
                with control._short_path(settings.data_dir) as path:
                    reader, writer = await asyncio.open_unix_connection(path)
                writer.write(garbage)
                writer.write_eof()
                await reader.read()
                writer.close()
            assert (await work.perform(settings, "count", {}, lambda done, total: None))["head"] == 1


async def test_a_client_that_does_not_read_holds_up_nobody(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = asyncio.Event()

    async def talkative(_context: Context, _args: dict[str, Any], _progress: job.Progress) -> dict[str, Any]:
        answered.set()
        return {"much": "x" * 8_000_000}

    monkeypatch.setitem(jobs.JOBS, "talkative", talkative)
    settings.data_dir.mkdir()
    with InstanceLock(settings.data_dir):
        async with open_context(settings) as context, control.serve(context):
            with control._short_path(settings.data_dir) as path:
                _, writer = await asyncio.open_unix_connection(path, limit=1)
            writer.write(b'{"job": "talkative", "args": {}}\n')
            await answered.wait()
            asking = work.perform(settings, "count", {}, lambda *_: None)
            assert (await asyncio.wait_for(asking, 10))["head"] == 1
            writer.transport.abort()


async def test_a_full_disk_is_told_as_one_by_the_service_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_context: Context, _args: dict[str, Any], _progress: job.Progress) -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setitem(jobs.JOBS, "count", full)
    settings.data_dir.mkdir()
    with InstanceLock(settings.data_dir):
        async with open_context(settings) as context, control.serve(context):
            with pytest.raises(control.RemoteError, match="is full: free some space") as caught:
                await work.perform(settings, "count", {}, lambda *_: None)
    assert caught.value.exit_code == 7


async def test_a_rebuild_needs_no_destination_but_a_prune_does(settings: Settings) -> None:
    await work.perform(settings, "count", {}, lambda *_: None)
    unset = settings.model_copy(update={"destination": "supabase"})
    await work.perform(unset, "rebuild", {}, lambda *_: None)
    with pytest.raises(UsageError, match="SUPABASE_URL is missing"):
        await work.perform(unset, "log_prune", {"keep_days": 1}, lambda *_: None)


@pytest.mark.parametrize("name", sorted(jobs.JOBS.keys() - {"log_import"}))
async def test_what_needs_a_log_makes_none(settings: Settings, name: str) -> None:
    with pytest.raises(UsageError, match="there is no log in"):
        await work.perform(settings, name, {}, lambda *_: None)
    assert not settings.data_dir.exists()
