"""A process that ends by an error says so once: it is noted as told when a channel took it, not before."""

from pathlib import Path

import pytest

from eventlog.errors import LogFailedError
from service.alerts import changes, courier, last_words
from service.alerts.errors import UndeliveredError
from service.alerts.message import Message
from service.settings import Settings
from tests.service.configured import settings_with

ERROR = LogFailedError("the disk is broken")


class Line:
    """A channel that is cut off at first."""

    name = "line"

    def __init__(self) -> None:
        self.is_cut_off = True
        self.said: list[str] = []

    async def send(self, message: Message) -> None:
        if self.is_cut_off:
            raise UndeliveredError("no network")
        self.said.append(message.text)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    line = Line()
    monkeypatch.setattr(courier, "channels", lambda _settings: [line])
    return line


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_with(data_dir=tmp_path, destination="none")


async def test_a_crash_that_nobody_heard_of_is_told_by_the_next_one_and_then_no_more(
    settings: Settings, line: Line
) -> None:
    await last_words.tell(settings, ERROR)
    line.is_cut_off = False
    for _ in range(3):
        await last_words.tell(settings, ERROR)
    (said,) = line.said
    assert said.startswith("The service ended: the disk is broken")


async def test_without_channels_it_counts_as_told(settings: Settings) -> None:
    await last_words.tell(settings, ERROR)
    assert changes.load(settings.data_dir / "alerts.json").opened["process"].told == "error"
