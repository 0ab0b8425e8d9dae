"""One open page, as the service sees it: what waits to be sent to it is bounded, whatever the page does."""

import asyncio

from service.web import frames

MAX_WAITING_BYTES = 256 * 1024


class Viewer:
    """A mailbox. Ticks wait in order; too many of them give way to one `resync`. Of vitals only the newest waits.

    All through `through_seq` was known to the page when it came, or has been put here since.
    """

    def __init__(self, ticker: str) -> None:
        self.ticker = ticker
        self.through_seq = 0
        self._waiting: list[bytes] = []
        self.waiting_bytes = 0
        self._latest: dict[str, bytes] = {}
        self._something = asyncio.Event()
        self._dismissed = False

    def offer(self, message: bytes, through_seq: int) -> None:
        """Put ticks or gaps behind those that wait."""
        self.through_seq = through_seq
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
        """Everything that waits, ticks first; waits for something. Empty after `dismiss`.

        What comes last has the id, so that a page of a quiet ticker, too, resumes from here.
        """
        await self._something.wait()
        identity = b"id: %d\n" % self.through_seq if self._latest else b""
        taken = b"".join([*self._waiting, identity, *self._latest.values()])
        self._waiting, self.waiting_bytes, self._latest = [], 0, {}
        if not self._dismissed:
            self._something.clear()
        return taken
