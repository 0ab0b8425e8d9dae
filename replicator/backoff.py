"""How long to wait after an error."""

import random

FIRST_SECONDS = 0.5
CAP_SECONDS = 30.0
RETRY_AFTER_CAP_SECONDS = 300.0


class Backoff:
    """Doubling waits with jitter; what the destination asked for is honoured up to a cap."""

    def __init__(self, randomness: random.Random) -> None:
        self._random = randomness
        self.failures = 0

    def next_seconds(self, retry_after_seconds: float | None) -> float:
        """The wait after one more failure. Never below what was asked for (capped), never above the caps by 25 %."""
        wait: float = min(CAP_SECONDS, FIRST_SECONDS * 2.0 ** min(self.failures, 16)) * self._random.uniform(0.5, 1.0)
        self.failures += 1
        if retry_after_seconds is None:
            return wait
        asked = min(max(retry_after_seconds, 0.0), RETRY_AFTER_CAP_SECONDS)
        return max(wait, asked * self._random.uniform(1.0, 1.25))

    def reset(self) -> None:
        """Something worked."""
        self.failures = 0
