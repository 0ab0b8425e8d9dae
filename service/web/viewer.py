"""One open page, as the service sees it: what waits to be sent to it is bounded, whatever the page does."""

import asyncio

from service.web import frames

MAX_WAITING_BYTES = 256 * 1024


class Viewer:
    """A mailbox. Ticks wait in order; too many of them give way to one `resync`. Of vitals only the newest waits."""

    def __init__(self, ticker: str) -> None:
        self.ticker = ticker
        self._waiting: list[bytes] = []
        self.waiting_bytes = 0
        self._latest: dict[str, bytes] = {}
        self._something = asyncio.Event()
        self._dismissed = False

    def offer(self, message: bytes) -> None:
        """Put ticks or gaps behind those that wait."""
        if not message:
            return
        if self.waiting_bytes + len(message) > MAX_WAITING_BYTES:
            self._waiting = []
            message = frames.message("resync", {"reason": "this page read too slowly"})
            self.waiting_bytes = 0
        self._waiting.append(message)
        self.waiting_bytes += len(message)
        self._something.set()

    def offer_latest(self, name: str, message: bytes) -> None:
        """Replace the waiting message called `name`."""
        self._latest[name] = message
        self._something.set()

    def dismiss(self) -> None:
        """Nothing more will come."""
        self._dismissed = True
        self._something.set()

    async def take(self) -> bytes:
        """Everything that waits, ticks first; waits for something. Empty after `dismiss`."""
        await self._something.wait()
        taken = b"".join([*self._waiting, *self._latest.values()])
        self._waiting, self.waiting_bytes, self._latest = [], 0, {}
        if not self._dismissed:
            self._something.clear()
        return taken
