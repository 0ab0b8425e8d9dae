"""The root of ticktape's error tree. Every room derives its own errors from `TicktapeError` in its own `errors.py`."""


class TicktapeError(Exception):
    """Something ticktape can name. The message tells a person what happened and what to do.

    `exit_code` is what the process ends with when the error reaches the command line.
    """

    exit_code = 1


class UsageError(TicktapeError):
    """A setting, an option or an input file is wrong; nothing was changed."""

    exit_code = 2


class AlreadyRunningError(TicktapeError):
    """Another process holds the data directory."""

    exit_code = 3


class SecondWriterError(TicktapeError):
    """A second connection of this process was to write a database that has its writer."""


class LogFailedError(TicktapeError):
    """A commit or fsync of the event log failed: nothing of that group was acknowledged, the process must end."""

    exit_code = 4


class UnreadableLogError(LogFailedError):
    """The disk did not give what it holds, this time; nothing says that the log is damaged."""

    def __init__(self, place: object, reason: object) -> None:
        super().__init__(f"{place} cannot be read ({reason}): check its disk, then start again")


class LogClosedError(TicktapeError):
    """The log was asked for something after it was closed."""


class LogFullError(TicktapeError):
    """The log was closed while the disk was full: the events that waited for room were not appended."""


class FormatError(TicktapeError):
    """The file is not a log of a format this version knows."""

    exit_code = 2


class DamagedLogError(TicktapeError):
    """SQLite itself finds the file damaged."""

    exit_code = 5

    def __init__(self, finding: str) -> None:
        super().__init__(f"events.db is damaged ({finding}); restore a backup with `ticktape log restore FILE`")


class LostEventsError(TicktapeError):
    """The log ends before the last acknowledged event: a missing or truncated WAL, or an old copy of the file."""

    exit_code = 5

    def __init__(self, head: int, acknowledged: int) -> None:
        super().__init__(
            f"events.db ends at {head} but {acknowledged} were acknowledged: its WAL is missing or truncated; put "
            "events.db-wal back, or `ticktape log restore FILE`, or `ticktape log accept-loss` to go on without them"
        )
        self.head = head
        self.acknowledged = acknowledged


class CorruptEventError(TicktapeError):
    """An event does not match its CRC. `seq` names it."""

    exit_code = 5

    def __init__(self, seq: int, detail: str) -> None:
        super().__init__(f"event {seq} is corrupt ({detail}); run `ticktape log verify`, then restore a backup")
        self.seq = seq


class InvalidEventError(TicktapeError):
    """An event was refused before it reached the queue. `field` and `value` say why."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field}={value!r} refused: {expected}")
        self.field = field
        self.value = value
