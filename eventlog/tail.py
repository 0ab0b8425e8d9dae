"""Those who wait for the head to move on."""

import asyncio

from eventlog.errors import TicktapeError


class Tail:
    """Waiters by the seq they wait beyond. Used on the event loop only."""

    def __init__(self) -> None:
        self._waiters: list[tuple[int, asyncio.Future[int]]] = []

    async def wait_beyond(self, seq: int) -> int:
        """Wait until `advance` reports a head larger than `seq`, and return it."""
        wake: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiter = seq, wake
        self._waiters.append(waiter)
        try:
            return await wake
        except asyncio.CancelledError:
            # While nothing is appended, nobody else would forget those who come and go.
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            raise

    def advance(self, head: int) -> None:
        if not self._waiters:
            return
        waiters, self._waiters = self._waiters, []
        for seq, wake in waiters:
            if wake.done():
                continue
            if head > seq:
                wake.set_result(head)
            else:
                self._waiters.append((seq, wake))

    def dismiss(self, error: TicktapeError) -> None:
        """End every wait with `error`."""
        for _, wake in self._waiters:
            if not wake.done():
                wake.set_exception(error)
        self._waiters = []
