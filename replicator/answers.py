"""What to do with a destination's answer. The one place where codes are looked at.

Codes are SQLSTATEs (https://www.postgresql.org/docs/current/errcodes-appendix.html), PostgREST's PGRST codes
(https://docs.postgrest.org/en/stable/references/errors.html) or, where the body has none, HTTP statuses.
"""

from replicator.errors import ChunkTooLargeError, HaltingError, PermanentError, RetryableError, SinkError

_ROW_CLASS = "22"
_ROW_CODES = frozenset({"23502", "23503", "23505", "23514", "21000", "PGRST102"})
_SLOW_CODES = frozenset({"57014", "413"})
_BUSY_CLASSES = ("08", "40", "53", "55", "57")
_BUSY_CODES = frozenset(
    {
        "PGRST000",
        "PGRST001",
        "PGRST002",
        "PGRST003",
        "408",
        "425",
        "429",
        "502",
        "503",
        "504",
        "520",
        "521",
        "522",
        "523",
        "524",
    }
)

_ADVICE = {
    "401": "check SUPABASE_SERVICE_ROLE_KEY: it must be the service role key (JWT or sb_secret_...) of this project",
    "402": "the project is restricted by its plan's limits; see its usage page",
    "403": "check SUPABASE_SERVICE_ROLE_KEY: the publishable (anon) key cannot write",
    "404": "check SUPABASE_URL: there is no REST API",
    "540": "the project is paused: restore it in the dashboard",
    "25006": "the database is read-only (full?): free space or enlarge the plan",
    "28000": "check user and host in POSTGRES_DSN",
    "28P01": "check user and password in POSTGRES_DSN",
    "3D000": "check the database name in POSTGRES_DSN",
    "42501": "the key's role has no right on the table: run `ticktape migrate` (grants), and check the key",
    "42703": "a column is missing: run `ticktape migrate`",
    "42P01": "the table is missing: run `ticktape migrate`",
    "42P10": "the unique key is missing: run `ticktape migrate`",
    "PGRST125": "check SUPABASE_URL: there is no such path",
    "PGRST202": "the function is missing: run `ticktape migrate`",
    "PGRST204": "a column is missing: run `ticktape migrate`, then reload the schema cache",
    "PGRST205": "the table is missing: run `ticktape migrate`",
    "PGRST300": "the server has no JWT secret",
    "PGRST301": "check SUPABASE_SERVICE_ROLE_KEY: it does not belong to this project",
    "PGRST302": "SUPABASE_SERVICE_ROLE_KEY was not accepted",
    "PGRST303": "SUPABASE_SERVICE_ROLE_KEY has expired",
}


def of_sqlstate(code: str, message: str, retry_after_seconds: float | None = None) -> SinkError:
    """The error for a SQLSTATE or PGRST code. An unknown one halts, because halting loses nothing."""
    text = f"{code}: {_one_line(message)}"
    if code in _SLOW_CODES:
        return ChunkTooLargeError(text, code, retry_after_seconds)
    if (code.startswith(_ROW_CLASS) and len(code) == 5) or code in _ROW_CODES:
        return PermanentError(text, code)
    if code in _BUSY_CODES or (code.startswith(_BUSY_CLASSES) and len(code) == 5):
        return RetryableError(text, code, retry_after_seconds)
    return halting(code, message)


def of_http(status: int, code: str, message: str, retry_after_seconds: float | None) -> SinkError:
    """The error for an answer of PostgREST, or of a proxy before it. `code` is the JSON body's, if any."""
    known = code if code and (len(code) == 5 or not code.isdigit()) else str(status)
    return of_sqlstate(known, message, retry_after_seconds)


def halting(code: str, message: str) -> HaltingError:
    """A halt with what to do about it."""
    advice = _ADVICE.get(code, "an unknown answer: nothing is dropped; see docs/REPLICATION.md")
    return HaltingError(f"{code}: {_one_line(message)}; {advice}" if message else f"{code}; {advice}", code)


def timed_out(who: str) -> ChunkTooLargeError:
    """No answer in time: perhaps there were too many rows."""
    return ChunkTooLargeError(f"{who} did not answer in time")


def _one_line(message: str) -> str:
    return " ".join(message.split())[:300]
