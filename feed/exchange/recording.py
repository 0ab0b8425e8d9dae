"""A recording of raw frames, played back as it came."""

import asyncio
import gzip
import math
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from feed.errors import TapeError
from feed.exchange.protocol import Fields
from feed.exchange.server import Publisher


class _Line(msgspec.Struct):
    received_us: int
    frame: str


class Recording:
    """Plays what `ticktape record` wrote to `path`, gaps divided by `speed`; answers and heartbeats are left out.

    Raises TapeError for a bad line, naming file and line.
    """

    def __init__(self, path: Path, speed: float = 1.0) -> None:
        if not speed > 0:
            raise TapeError(f"speed {speed} must be larger than 0")
        self._speed = speed
        self._frames = list(_read(path))

    def snapshots(self) -> Iterable[tuple[str, str, Fields]]:
        """None: the recording brings its own."""
        return []

    def chains(self) -> dict[str, dict[str, Any]]:
        """None: REST answers are not recorded."""
        return {}

    async def run(self, exchange: Publisher) -> None:
        """Play it once."""
        loop = asyncio.get_running_loop()
        began, first_us = loop.time(), self._frames[0].received_us
        for line in self._frames:
            if not math.isinf(self._speed):
                due = began + (line.received_us - first_us) / 1e6 / self._speed
                await asyncio.sleep(max(0.0, due - loop.time()))
            await exchange.send(line.frame)


def _read(path: Path) -> Iterator[_Line]:
    found = False
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            for text in file:
                number += 1
                line = msgspec.json.decode(text, type=_Line)
                if '"response"' not in line.frame[:20] and '"heartbeat"' not in line.frame[:40]:
                    found = True
                    yield line
    except msgspec.MsgspecError as error:
        raise TapeError(f"{path}, line {number}: not a line of `ticktape record` ({error})") from error
    except EOFError:
        # A recorder that was killed leaves a file without its end; what came before is whole.
        pass
    except (OSError, zlib.error) as error:
        raise TapeError(f"{path}, behind line {number}: not a file of `ticktape record` ({error})") from error
    if not found:
        raise TapeError(f"{path}: holds no frames")
