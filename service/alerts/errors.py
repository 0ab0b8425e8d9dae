"""What can go wrong on an alert's way out."""

from eventlog.errors import TicktapeError


class UndeliveredError(TicktapeError):
    """The alert did not get out this time; it may the next time."""


class RefusedError(TicktapeError):
    """The receiver does not take the alert; asking again would not help."""
