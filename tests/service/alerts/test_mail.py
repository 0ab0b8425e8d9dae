"""A mail goes out through a real SMTP conversation, and every failure is one of two kinds."""

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest

from service.alerts.errors import RefusedError, UndeliveredError
from service.alerts.mail import Mail
from service.alerts.message import Message
from service.settings import Settings

MESSAGE = Message("ticktape error: feed (no tick)", "No tick für 5 min.\nSince then.", {})


@asynccontextmanager
async def mail_server(refuse_receiver: bool = False):
    """Speaks just enough SMTP; yields its port and the mails it was given."""
    mails: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            command = line.strip().upper()
            if command == b"DATA":
                writer.write(b"354 go on\r\n")
                mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            if command.startswith(b"RCPT") and refuse_receiver:
                writer.write(b"550 nobody of that name\r\n")
            elif command == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], mails


def _mail(port: int, **more: object) -> Mail:
    given = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "smtp_to": "a@x.example"}
    return Mail(Settings(_env_file=None, smtp_from="ticktape@x.example", **given | more))


async def test_a_mail_goes_out() -> None:
    async with mail_server() as (port, mails):
        await _mail(port).send(MESSAGE)
    assert "Subject: ticktape error: feed (no tick)" in mails[0]
    assert "From: ticktape@x.example" in mails[0]
    assert "To: a@x.example" in mails[0]


async def test_a_refused_receiver_is_not_tried_again() -> None:
    async with mail_server(refuse_receiver=True) as (port, _):
        with pytest.raises(RefusedError, match="SMTP_TO"):
            await _mail(port).send(MESSAGE)


async def test_nobody_there_and_no_encryption_are_tried_again() -> None:
    with pytest.raises(UndeliveredError, match=r"127\.0\.0\.1:1"):
        await _mail(1).send(MESSAGE)
    async with mail_server() as (port, mails):
        with pytest.raises(UndeliveredError):
            await _mail(port, smtp_security="starttls").send(MESSAGE)
    assert mails == []


async def test_a_hanging_server_does_not_hold_up_who_gave_up_waiting() -> None:
    silent: list[asyncio.StreamWriter] = []

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        sending = _mail(server.sockets[0].getsockname()[1]).send(MESSAGE)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sending, 0.2)
        (worker,) = [thread for thread in threading.enumerate() if thread.name == "mail"]
        assert worker.daemon
        for writer in silent:
            writer.close()
            await writer.wait_closed()
        await asyncio.to_thread(worker.join, 10)
        assert not worker.is_alive()
