"""The checks: each a pure function of the facts. docs/OPERATIONS.md explains every one and its thresholds."""

from collections.abc import Callable
from datetime import UTC, datetime

from feed import token
from service.health.check import Check, Level, duration, size
from service.health.facts import Facts, FeedFacts, TableFacts

SECOND_US = 1_000_000

SILENT_WARNING_SECONDS = 60
SILENT_ERROR_SECONDS = 300
GARBAGE_WARNING_US = 600 * SECOND_US
DISCONNECTED_WARNING_SECONDS = 30
DISCONNECTED_ERROR_SECONDS = 120
LAG_WARNING_EVENTS = 10_000
UNSENT_WARNING_SECONDS = 60
UNSENT_ERROR_SECONDS = 900
DEAD_LETTERS_ERROR = 100
GAP_WARNING_SECONDS = 5
DISK_WARNING_DAYS = 14
DISK_ERROR_DAYS = 3
DISK_WARNING_BYTES = 1_000_000_000
DISK_ERROR_BYTES = 200_000_000
WAL_WARNING_BYTES = 64_000_000
WAL_ERROR_BYTES = 512_000_000


def evaluate(facts: Facts) -> list[Check]:
    """Every check, in the order of the way of a tick."""
    return [check(facts) for check in CHECKS]


def process(facts: Facts) -> Check:
    """Does the service run?"""
    if facts.started_us is None:
        return Check("process", "error", "not running", "No service runs on this data directory: start `ticktape run`.")
    up = duration((facts.now_us - facts.started_us) / SECOND_US)
    return Check("process", "ok", f"up {up}", f"ticktape {facts.version} has been running for {up}.")


def feed(facts: Facts) -> Check:
    """Do ticks arrive while the market is open?"""
    status = facts.feed
    if status is None:
        return Check("feed", "error", "not running", "Nothing is recorded: start `ticktape run`.")
    if status.state == "login_needed":
        return Check("feed", "error", "login needed", "Schwab refuses the token: run `ticktape login` on this machine.")
    if status.state == "stream_taken":
        sentence = "Another program took the stream, Schwab allows one per user: stop the other, this one comes back."
        return Check("feed", "error", "stream taken", sentence)
    if status.session_open_us is None:
        opens = f"it opens {_moment(status.next_open_us)}" if status.next_open_us else "it is closed"
        return Check("feed", "ok", "market closed", f"Nothing is expected from the market: {opens}.")
    if status.state != "streaming":
        return _disconnected(facts, status)
    return _freshness(facts, status)


def _disconnected(facts: Facts, status: FeedFacts) -> Check:
    since_us = max(filter(None, (status.last_frame_us, status.session_open_us, facts.started_us)))
    seconds = (facts.now_us - since_us) / SECOND_US
    level = _above(seconds, DISCONNECTED_WARNING_SECONDS, DISCONNECTED_ERROR_SECONDS)
    why = f" ({status.last_error})" if status.last_error else ""
    sentence = f"No stream from Schwab for {duration(seconds)}{why}; it reconnects by itself. Is the network up?"
    return Check("feed", level, status.state.replace("_", " "), sentence)


def _freshness(facts: Facts, status: FeedFacts) -> Check:
    since_us = max(filter(None, (status.last_tick_us, status.session_open_us, facts.started_us)))
    seconds = (facts.now_us - since_us) / SECOND_US
    value = f"{duration(seconds)} ago" if status.last_tick_us else "no tick yet"
    level = _above(seconds, SILENT_WARNING_SECONDS, SILENT_ERROR_SECONDS) if status.is_regular else "ok"
    if level != "ok":
        sentence = f"No tick for {duration(seconds)} in regular hours: is trading halted, is the ticker right?"
        return Check("feed", level, value, sentence)
    if status.refused_tickers:
        names = ", ".join(status.refused_tickers[:5])
        sentence = f"Schwab refuses {names}: its limit of symbols is reached, or OPTION_SYMBOLS is wrong."
        return Check("feed", "warning", f"{len(status.refused_tickers)} refused", sentence)
    if status.last_garbage_us is not None and facts.now_us - status.last_garbage_us < GARBAGE_WARNING_US:
        count = dict(status.received).get("garbage", 0)
        sentence = f"{count} frames or items of the stream were unreadable so far: see the log lines `feed.garbage`."
        return Check("feed", "warning", f"{count} unreadable", sentence)
    if status.quiet_tickers and status.is_regular:
        names = ", ".join(status.quiet_tickers[:5])
        return Check("feed", "warning", value, f"Nothing from {names}: are the symbols right, is trading halted?")
    return Check("feed", "ok", value, "Connected and subscribed; ticks are recorded as they come.")


def token_age(facts: Facts) -> Check:
    """How long can the service still log in?"""
    if not facts.is_token_needed:
        return Check("token", "ok", "none needed", "The simulated exchange asks for no token.")
    if facts.token_age_seconds is None:
        return Check("token", "error", "missing", "There is no usable Schwab token: run `ticktape login`.")
    left = token.LIFETIME_SECONDS - facts.token_age_seconds
    state = token.state(facts.token_age_seconds)
    if state == "expired":
        sentence = (
            "The login has expired, nothing is recorded: run `ticktape login`; it is picked up without a restart."
        )
        return Check("token", "error", "expired", sentence)
    if state == "ok":
        return Check("token", "ok", f"{duration(left)} left", "Schwab's login lasts seven days.")
    sentence = f"The login expires in {duration(left)}: run `ticktape login` before; it is picked up without a restart."
    return Check("token", "warning" if state == "warn" else "error", f"{duration(left)} left", sentence)


def log(facts: Facts) -> Check:
    """Does the log take what arrives?"""
    status = facts.log
    if status.state == "full":
        return Check(
            "log", "error", "disk full", "The disk is full, nothing is recorded: make room, it resumes itself."
        )
    if status.state == "failed":
        sentence = "A commit failed, the service ends: check the disk, then `ticktape log verify`."
        return Check("log", "error", "failed", sentence)
    if status.refused:
        sentence = f"{status.refused} events could not be recorded as they came; the log lines name the fields."
        return Check("log", "warning", f"{status.refused} refused", sentence)
    return Check("log", "ok", f"head {status.head}", "Every acknowledged event is on disk.")


def projection(facts: Facts) -> Check:
    """Do the indicators keep up with the log?"""
    status = facts.projection
    value = f"{status.lag_events} behind"
    if status.state == "halted":
        sentence = f"Indicators have halted, ticks are still recorded: {status.error or 'see the log lines'}"
        return Check("projection", "error", "halted", sentence)
    if status.lag_events >= LAG_WARNING_EVENTS:
        return Check("projection", "warning", value, f"Indicators are {status.state.replace('_', ' ')}; wait.")
    return Check("projection", "ok", value, "Indicators follow the log.")


def replication(facts: Facts) -> Check:
    """Do the rows arrive at the destination?"""
    if facts.destination == "none":
        return Check("replication", "ok", "off", "DESTINATION=none: rows stay in the local databases.")
    if not facts.tables:
        return Check("replication", "ok", "nothing sent yet", "The destination has not been used yet.")
    unsent = sum(table.unsent for table in facts.tables)
    halted = [table for table in facts.tables if table.state == "halted"]
    if halted:
        names = ", ".join(table.table for table in halted)
        sentence = f"{names} halted, nothing is lost and it resumes by itself once mended: {halted[0].last_error}"
        return Check("replication", "error", f"{unsent} unsent", sentence)
    oldest = max(facts.tables, key=lambda table: unsent_seconds(facts, table))
    seconds = unsent_seconds(facts, oldest)
    level = _above(seconds, UNSENT_WARNING_SECONDS, UNSENT_ERROR_SECONDS)
    if level == "ok":
        return Check("replication", "ok", f"{unsent} unsent", f"Rows arrive in DESTINATION={facts.destination}.")
    why = oldest.last_error or "it is catching up"
    sentence = f"{oldest.table} has rows unsent for {duration(seconds)}, nothing is lost: {why}"
    return Check("replication", level, f"{unsent} unsent", sentence)


def unsent_seconds(facts: Facts, table: TableFacts) -> float:
    """How long the table has been behind."""
    if table.behind_since_us is None:
        return 0.0
    return (facts.now_us - table.behind_since_us) / SECOND_US


def dead_letters(facts: Facts) -> Check:
    """Were rows refused for good?"""
    count = sum(table.dead_letters for table in facts.tables)
    if not count:
        return Check("dead_letters", "ok", "0", "The destination has refused no row.")
    level: Level = "error" if count >= DEAD_LETTERS_ERROR else "warning"
    sentence = (
        "The destination will never take these rows as they are: see `ticktape deadletters list`, then retry or drop."
    )
    return Check("dead_letters", level, str(count), sentence)


def gaps(facts: Facts) -> Check:
    """Is today's record whole?"""
    found = facts.gaps
    if found.seconds < GAP_WARNING_SECONDS:
        return Check("gaps", "ok", f"{found.seconds:.0f} s", "Today's record is whole.")
    reason = f", the last one: {found.last_reason}" if found.last_reason else ""
    sentence = (
        f"{found.count} holes today, {duration(found.seconds)} not recorded{reason}. `ticktape log stats` lists them."
    )
    return Check("gaps", "warning", duration(found.seconds), sentence)


def disk(facts: Facts) -> Check:
    """How long does the disk last?"""
    free = facts.storage.free_bytes
    days = free / facts.storage.bytes_per_day if facts.storage.bytes_per_day > 0 else float("inf")
    value = f"{size(free)} free" if days > 999 else f"{days:.0f} days left"
    sentence = f"{size(free)} are free; make room or set RETENTION_DAYS."
    if free < DISK_ERROR_BYTES or days < DISK_ERROR_DAYS:
        return Check("disk", "error", value, sentence)
    if free < DISK_WARNING_BYTES or days < DISK_WARNING_DAYS:
        return Check("disk", "warning", value, sentence)
    return Check(
        "disk", "ok", value, f"{size(free)} are free, the databases hold {size(facts.storage.database_bytes)}."
    )


def wal(facts: Facts) -> Check:
    """Is the write-ahead log checkpointed?"""
    count = facts.storage.wal_bytes
    level = _above(count, WAL_WARNING_BYTES, WAL_ERROR_BYTES)
    if level == "ok":
        return Check("wal", "ok", size(count), "The write-ahead log is short.")
    sentence = (
        "A program keeps a read transaction open and the write-ahead log grows: end it (often a forgotten sqlite3)."
    )
    return Check("wal", level, size(count), sentence)


CHECKS: tuple[Callable[[Facts], Check], ...] = (
    process, feed, token_age, log, projection, replication, dead_letters, gaps, disk, wal,
)  # fmt: skip


def _above(value: float, warning: float, error: float) -> Level:
    if value >= error:
        return "error"
    return "warning" if value >= warning else "ok"


def _moment(ts_us: int) -> str:
    return datetime.fromtimestamp(ts_us / SECOND_US, UTC).strftime("%Y-%m-%d %H:%M UTC")
