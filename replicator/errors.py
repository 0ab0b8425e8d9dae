"""What can go wrong between ticktape and a destination. The sink decides the class; the loop never looks at codes."""

from eventlog.errors import TicktapeError, UsageError


class SinkError(TicktapeError):
    """A destination did not acknowledge. `code` is the SQLSTATE, PostgREST code or HTTP status it gave, if any."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class RetryableError(SinkError):
    """It may work a moment later; whether the rows arrived is unknown, which is fine because upserts are idempotent.

    `retry_after_seconds` is what the destination asked for, if it did.
    """

    def __init__(self, message: str, code: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message, code)
        self.retry_after_seconds = retry_after_seconds


class ChunkTooLargeError(RetryableError):
    """The destination did not manage so many rows in one request: the same rows in smaller chunks may pass."""

    rows = 0
    """How many rows were in the refused request; filled in by who sent them."""


class PermanentError(SinkError):
    """At least one row of the chunk can never be accepted; the other rows can."""


class HaltingError(SinkError):
    """No row can be delivered until a person, or time, mends the destination. Nothing may be dropped meanwhile."""


class CursorBeyondHeadError(TicktapeError):
    """The log ends before what was acknowledged: an older backup was restored, and its seqs will be used again."""


class EmbeddedPostgresError(TicktapeError):
    """The embedded PostgreSQL could not be made, started or stopped."""


class MigrationError(UsageError):
    """A database cannot be reached or a migration was refused; the ones before it are applied, of it nothing is."""
