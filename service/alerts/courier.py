"""Carries messages to their channels, each at its own pace. What cannot be sent waits, is tried again, then dropped."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import tenacity
from loguru import logger

from service import redaction
from service.alerts.errors import RefusedError, UndeliveredError
from service.alerts.mail import Mail
from service.alerts.message import Message
from service.alerts.webhook import Webhook, format_of
from service.settings import Settings

WAITING_MAX = 100
TRY_FOR_SECONDS = 6 * 3600
WAIT_MAX_SECONDS = 300.0


class Channel(Protocol):
    """One way to a person."""

    @property
    def name(self) -> str:
        """For log lines."""

    async def send(self, message: Message) -> None:
        """Raises UndeliveredError or RefusedError."""


def channels(settings: Settings) -> list[Channel]:
    """The channels that the settings ask for."""
    found: list[Channel] = []
    url = settings.alert_webhook.get_secret_value()
    if url:
        form = format_of(url) if settings.alert_format == "auto" else settings.alert_format
        found.append(Webhook(url, form))
    if settings.smtp_host:
        found.append(Mail(settings))
    return found


def _nothing() -> None:
    pass


def _always() -> bool:
    return True


@dataclass(frozen=True)
class _Parcel:
    message: Message
    taken: Callable[[], None]
    wanted: Callable[[], bool]


class Courier:
    """A bounded queue and a task for each channel. `post` never waits and never raises."""

    def __init__(self, to: Sequence[Channel], first_wait_seconds: float = 2.0) -> None:
        self._lanes = [_Lane(channel, first_wait_seconds) for channel in to]
        self._tasks: list[asyncio.Task[None]] = []

    def post(
        self, message: Message, taken: Callable[[], None] = _nothing, wanted: Callable[[], bool] = _always
    ) -> None:
        """Put the message on its way. Every channel that takes it calls `taken`, and so does having none.

        `wanted` is asked when a channel's turn has come, after what was posted before: False drops the message there.
        """
        if not self._lanes and wanted():
            taken()
        for lane in self._lanes:
            lane.put(_Parcel(message, taken, wanted))

    def start(self) -> None:
        """Begin to carry."""
        self._tasks = [asyncio.create_task(lane.run(), name=f"alerts by {lane.channel.name}") for lane in self._lanes]

    async def close(self, timeout_seconds: float) -> None:
        """Give what is on its way so long, then end."""
        if self._tasks:
            waiting = [asyncio.create_task(lane.idle()) for lane in self._lanes]
            await asyncio.wait(waiting, timeout=timeout_seconds)
            for task in (*waiting, *self._tasks):
                task.cancel()
            await asyncio.gather(*waiting, *self._tasks, return_exceptions=True)


class _Lane:
    def __init__(self, channel: Channel, first_wait_seconds: float) -> None:
        self.channel = channel
        self._first_wait_seconds = first_wait_seconds
        self._waiting: deque[_Parcel] = deque(maxlen=WAITING_MAX)
        self._has_some = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def put(self, parcel: _Parcel) -> None:
        """The oldest goes when there are too many: the newest says best how things are."""
        self._waiting.append(parcel)
        self._has_some.set()
        self._is_idle.clear()

    async def idle(self) -> None:
        await self._is_idle.wait()

    async def run(self) -> None:
        while True:
            await self._has_some.wait()
            while self._waiting:
                parcel = self._waiting.popleft()
                if parcel.wanted() and await self._deliver(parcel.message):
                    parcel.taken()
            self._has_some.clear()
            self._is_idle.set()

    async def _deliver(self, message: Message) -> bool:
        first = self._first_wait_seconds
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(UndeliveredError),
            wait=tenacity.wait_exponential_jitter(multiplier=first, max=WAIT_MAX_SECONDS, jitter=first),
            stop=tenacity.stop_after_delay(TRY_FOR_SECONDS),
            before_sleep=self._note,
            reraise=True,
        )
        try:
            await retrying(self.channel.send, message)
        except (UndeliveredError, RefusedError) as error:
            logger.bind(event="alert.dropped", channel=self.channel.name, subject=message.subject).error("{}", error)
        except Exception as error:
            # Whatever a library does wrong here, the recording goes on.
            detail = redaction.redact(f"{type(error).__name__}: {error}")
            logger.bind(event="alert.dropped", channel=self.channel.name, subject=message.subject).error("{}", detail)
        else:
            return True
        return False

    def _note(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0.0
        logger.bind(event="alert.undelivered", channel=self.channel.name).warning(
            "{}; next attempt in {:.0f} s", error, wait
        )


async def send_now(to: Sequence[Channel], message: Message, timeout_seconds: float) -> bool:
    """One attempt on every channel, for the last words of a process; True when one took it, or there is none."""
    sending = [asyncio.create_task(channel.send(message)) for channel in to]
    if not sending:
        return True
    done, late = await asyncio.wait(sending, timeout=timeout_seconds)
    for task in late:
        task.cancel()
    return any(not task.cancelled() and task.exception() is None for task in done)
