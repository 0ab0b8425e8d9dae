"""Alerts as mail, through the standard library's SMTP client on a thread of its own."""

import asyncio
import concurrent.futures
import contextlib
import email.message
import email.utils
import smtplib
import ssl
import threading

from loguru import logger

from service.alerts.errors import RefusedError, UndeliveredError
from service.alerts.message import Message
from service.settings import Settings

TIMEOUT_SECONDS = 20.0
FINAL_CODE = 500


class Mail:
    """Sends to SMTP_TO by way of SMTP_HOST."""

    name = "mail"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, message: Message) -> None:
        """Send the mail. Raises UndeliveredError or RefusedError."""
        # A daemon thread, not the loop's executor: a mail server that hangs must not hold up the end of the process.
        sent: concurrent.futures.Future[None] = concurrent.futures.Future()
        threading.Thread(target=self._work, args=(message, sent), name="mail", daemon=True).start()
        await asyncio.wrap_future(sent)

    def _work(self, message: Message, sent: "concurrent.futures.Future[None]") -> None:
        try:
            self._send(message)
        except BaseException as error:
            _settle(sent, error)
        else:
            _settle(sent, None)

    def _send(self, message: Message) -> None:
        host = f"{self._settings.smtp_host}:{self._settings.smtp_port}"
        try:
            refused = self._handed_over(self._mail(message))
        except (OSError, smtplib.SMTPException) as error:
            codes = _codes(error)
            what = " ".join([type(error).__name__, *map(str, sorted(codes))])
            if codes and min(codes) >= FINAL_CODE:
                raise RefusedError(f"{host} refused the mail ({what}): check SMTP_USER, SMTP_FROM, SMTP_TO") from error
            raise UndeliveredError(f"no mail through {host} ({what})") from error
        if refused:
            whom = ", ".join(f"{address} ({code})" for address, (code, _) in refused.items())
            logger.bind(event="alert.partly_refused").warning("{} took the mail, but not for {}", host, whom)

    def _handed_over(self, mail: email.message.EmailMessage) -> dict[str, tuple[int, bytes]]:
        """Who was refused while others were not."""
        server = self._connected()
        try:
            refused = server.send_message(mail)
            # The server has the mail: what goes wrong from here on must not send it again.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
            return refused
        finally:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        server: smtplib.SMTP
        if settings.smtp_security == "tls":
            context = ssl.create_default_context()
            server = smtplib.SMTP_SSL(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_SECONDS)
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _mail(self, message: Message) -> email.message.EmailMessage:
        mail = email.message.EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = self._settings.smtp_from or self._settings.smtp_user
        mail["To"] = self._settings.smtp_to
        mail["Date"] = email.utils.localtime()
        mail.set_content(message.text)
        return mail


def _codes(error: Exception) -> set[int]:
    """What the server answered: below FINAL_CODE, such as 450 of greylisting, it may take the mail later."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return {code for code, _ in error.recipients.values()}
    return {error.smtp_code} if isinstance(error, smtplib.SMTPResponseException) else set()


def _settle(sent: "concurrent.futures.Future[None]", error: BaseException | None) -> None:
    # The one who waited may have gone, and the event loop with him.
    with contextlib.suppress(concurrent.futures.InvalidStateError, RuntimeError):
        if error is None:
            sent.set_result(None)
        else:
            sent.set_exception(error)
