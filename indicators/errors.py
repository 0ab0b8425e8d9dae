"""What can go wrong with derived rows. The log is never touched, so each of these can be mended by a rebuild."""

from eventlog.errors import TicktapeError, UsageError


class UnknownIndicatorError(UsageError):
    """`INDICATORS` names a column that no kernel gives."""


class ProjectionError(TicktapeError):
    """The event `seq` cannot be folded. Nothing beyond it is derived until it can."""

    def __init__(self, seq: int, detail: str) -> None:
        super().__init__(
            f"event {seq} cannot be folded ({detail}): was it written by a newer ticktape? Install that one"
        )
        self.seq = seq


class NotProjectedError(UsageError):
    """What is stored was not made by the definition in force."""


class RebuildRunningError(TicktapeError):
    """A rebuild is under way; a second one waits for nobody."""


class LogPrunedError(TicktapeError):
    """Retention took events from under a replay: what it has folded may lack the beginning of a day."""
