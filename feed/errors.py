"""What can go wrong between Schwab and the log. The feed survives all of these but a `UsageError`."""

from eventlog.errors import TicktapeError, UsageError


class FeedError(TicktapeError):
    """Root of the feed's errors."""


class TapeError(UsageError):
    """A tape, recording or scenario cannot be played; the message names file and line."""


class ConnectionEndedError(FeedError):
    """A connection ended, or never came about. `reason` is what a `feed_gap` records; the message is for people."""

    reason = "ended"


class StreamClosedError(ConnectionEndedError):
    """The socket was closed. `code` is the WebSocket close code, 1006 when there was none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"stream closed ({code}{': ' + reason if reason else ''})")
        self.code = code
        self.reason = f"socket_closed_{code}"


class StreamerCodeError(ConnectionEndedError):
    """The streamer refused a request, or gave notice, with one of its codes."""

    def __init__(self, code: int, message: str, request: str = "") -> None:
        super().__init__(
            f"streamer code {code}{' to ' + request if request else ''}{': ' + message if message else ''}"
        )
        self.code = code
        self.reason = f"streamer_code_{code}"


class SilentStreamError(ConnectionEndedError):
    """No frame, heartbeats included, for longer than the watchdog allows."""

    reason = "silent_stream"


class StaleTickerError(ConnectionEndedError):
    """A liquid ticker stayed without ticks and quotes although it was subscribed anew."""

    reason = "stale_ticker"


class UnreachableError(ConnectionEndedError):
    """Schwab cannot be reached or answers with an error: try again later."""

    reason = "unreachable"


class ProtocolError(ConnectionEndedError):
    """Schwab sent something that is not its protocol, too often to go on."""

    reason = "protocol_error"


class LoginNeededError(ConnectionEndedError):
    """No valid refresh token: a person must run `ticktape login`."""

    reason = "login_needed"


class GarbageFrameError(FeedError):
    """One frame could not be read; the stream goes on."""


class LoginFailedError(FeedError):
    """The interactive login failed. The message says what is wrong and what to do."""

    exit_code = 2

    def __init__(self, message: str, oauth_error: str | None = None) -> None:
        super().__init__(f"{message}{f' ({oauth_error})' if oauth_error else ''}")
        self.oauth_error = oauth_error
