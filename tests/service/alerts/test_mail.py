"""A mail goes out through a real SMTP conversation, and every failure is one of two kinds."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from loguru import logger

from service.alerts.errors import RefusedError, UndeliveredError
from service.alerts.mail import Mail
from service.alerts.message import Message
from tests.service.configured import settings_with

MESSAGE = Message("ticktape error: feed (no tick)", "No tick für 5 min.\nSince then.", {})
USUAL = {"EHLO": "250-test\r\n250 AUTH PLAIN", "AUTH": "235 welcome", "QUIT": "221 bye"}


@dataclass
class Server:
    """Speaks just enough SMTP. `answers` has for a command, such as RCPT, what it answers one after another."""

    answers: dict[str, list[str]]
    mails: list[str] = field(default_factory=list)
    port: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{self._next('CONNECT', '220 test')}\r\n".encode())
        while line := await reader.readline():
            command = line.split()[0].decode().upper()
            if command == "DATA":
                writer.write(b"354 go on\r\n")
                mail = (await reader.readuntil(b"\r\n.\r\n")).decode()
                answer = self._next("DATA", "250 ok")
                if answer.startswith("250"):
                    self.mails.append(mail)
            else:
                answer = self._next(command, USUAL.get(command, "250 ok"))
            writer.write(f"{answer}\r\n".encode())
            if command == "QUIT":
                break
        writer.close()
        await writer.wait_closed()

    def _next(self, command: str, otherwise: str) -> str:
        scripted = self.answers.get(command)
        return scripted.pop(0) if scripted else otherwise


@asynccontextmanager
async def mail_server(**answers: list[str]) -> AsyncIterator[Server]:
    """A running one."""
    found = Server(answers)
    async with await asyncio.start_server(found.handle, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


def _mail(port: int, **more: Any) -> Mail:
    given = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "smtp_to": "a@x.example"}
    return Mail(settings_with(smtp_from="ticktape@x.example", **given | more))


async def test_a_mail_goes_out() -> None:
    async with mail_server() as server:
        await _mail(server.port).send(MESSAGE)
    (mail,) = server.mails
    assert "Subject: ticktape error: feed (no tick)" in mail
    assert "From: ticktape@x.example" in mail
    assert "To: a@x.example" in mail


@pytest.mark.parametrize(
    "answers",
    [
        {"RCPT": ["550 nobody of that name"]},
        {"MAIL": ["550 not from you"]},
        {"DATA": ["554 looks like spam"]},
        {"AUTH": ["535 wrong password"]},
        {"CONNECT": ["554 no mail here"]},
    ],
)
async def test_what_is_refused_for_good_is_not_tried_again(answers: dict[str, list[str]]) -> None:
    async with mail_server(**answers) as server:
        with pytest.raises(RefusedError, match=r"5\d\d.*SMTP_TO"):
            await _mail(server.port, smtp_user="u", smtp_password="planted").send(MESSAGE)
    assert server.mails == []


@pytest.mark.parametrize(
    "answers",
    [
        {"RCPT": ["450 greylisted, try again in 60 s"] * 2},
        {"RCPT": ["550 nobody of that name", "450 greylisted"]},
        {"MAIL": ["451 later"]},
        {"DATA": ["452 no room"]},
        {"AUTH": ["454 temporary authentication failure"]},
        {"CONNECT": ["421 too busy"]},
    ],
)
async def test_what_is_refused_for_now_is_tried_again(answers: dict[str, list[str]]) -> None:
    async with mail_server(**answers) as server:
        mail = _mail(server.port, smtp_user="u", smtp_password="planted", smtp_to="a@x.example, b@x.example")
        with pytest.raises(UndeliveredError, match=r"4\d\d"):
            await mail.send(MESSAGE)
        assert server.mails == []
        await mail.send(MESSAGE)
    assert len(server.mails) == 1


async def test_a_receiver_that_is_refused_beside_one_that_is_not_is_logged() -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{extra[event]}: {message}")
    try:
        async with mail_server(RCPT=["250 ok", "550 nobody"]) as server:
            await _mail(server.port, smtp_to="a@x.example, b@x.example").send(MESSAGE)
    finally:
        logger.remove(sink)
    assert len(server.mails) == 1
    (line,) = lines
    assert line.startswith("alert.partly_refused: ")
    assert "b@x.example (550)" in line


async def test_a_farewell_that_fails_does_not_send_the_mail_twice() -> None:
    async with mail_server(QUIT=["421 gone"]) as server:
        await _mail(server.port).send(MESSAGE)
    assert len(server.mails) == 1


async def test_nobody_there_and_no_encryption_are_tried_again() -> None:
    with pytest.raises(UndeliveredError, match=r"127\.0\.0\.1:1"):
        await _mail(1).send(MESSAGE)
    async with mail_server() as server:
        with pytest.raises(UndeliveredError):
            await _mail(server.port, smtp_security="starttls").send(MESSAGE)
    assert server.mails == []


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
