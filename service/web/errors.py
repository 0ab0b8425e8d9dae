"""What a reader of the API can do wrong."""

from eventlog.errors import UsageError


class BadQueryError(UsageError):
    """A query parameter is missing or wrong; answered with HTTP 400 and this message."""

    def __init__(self, name: str, value: str | None, expected: str) -> None:
        super().__init__(f"{name} is missing: {expected}" if value is None else f"{name}={value!r}: {expected}")
