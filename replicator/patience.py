"""Work of a command that waits out a short outage, so that a lost packet does not end a long verification."""

import tenacity

from replicator.errors import ChunkTooLargeError, RetryableError

ATTEMPTS = 5


def _is_outage(error: BaseException) -> bool:
    return isinstance(error, RetryableError) and not isinstance(error, ChunkTooLargeError)


patient = tenacity.retry(
    retry=tenacity.retry_if_exception(_is_outage),
    wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=10),
    stop=tenacity.stop_after_attempt(ATTEMPTS),
    reraise=True,
)
"""Decorates a coroutine function: a RetryableError is raised only after `ATTEMPTS` attempts."""
