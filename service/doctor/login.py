"""Schwab: credentials, token file, and whether Schwab's API can be reached. Logs in nowhere."""

import email.utils
import stat
import time

import httpx

from feed import token
from service.health.check import Check, duration
from service.settings import Settings

TIMEOUT_SECONDS = 15.0


async def checks(settings: Settings) -> list[Check]:
    """The lines about Schwab, and the one about the clock, which its answer tells."""
    reached, clock = await _reachable(settings)
    return [_credentials(settings), _token(settings), reached, clock]


def _credentials(settings: Settings) -> Check:
    names = [
        name.upper()
        for name in ("schwab_app_key", "schwab_app_secret")
        if not getattr(settings, name).get_secret_value()
    ]
    if names:
        sentence = "Create an app at developer.schwab.com, wait until it is 'Ready For Use', and set both in .env."
        return Check("schwab_app", "error", f"no {' and '.join(names)}", sentence)
    return Check("schwab_app", "ok", "set", "Key and secret are there.")


def _token(settings: Settings) -> Check:
    path = settings.token_path
    try:
        content = token.read(path)
    except token.TokenFileError as error:
        return Check("token", "error", "missing", f"{error}.")
    left_seconds = token.LIFETIME_SECONDS - (time.time() - float(content["creation_timestamp"]))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Check("token", "error", "open to others", f"Others on this machine can read it: chmod 600 {path}")
    if left_seconds <= 0:
        return Check("token", "error", "expired", "Schwab's login lasts seven days: run `ticktape login`.")
    state = token.state(token.LIFETIME_SECONDS - left_seconds)
    if state != "ok":
        return Check("token", "warning", f"{duration(left_seconds)} left", "Run `ticktape login` soon.")
    return Check("token", "ok", f"{duration(left_seconds)} left", "The login is fresh.")


async def _reachable(settings: Settings) -> tuple[Check, Check]:
    url = settings.schwab_url
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            answer = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        sentence = f"{url} cannot be reached ({type(error).__name__}): check network, DNS and firewall (HTTPS out)."
        unknown = Check("clock", "warning", "unknown", "Nobody could be asked for the time.")
        return Check("schwab", "error", "no answer", sentence), unknown
    reached = Check("schwab", "ok", "reachable", "Schwab's API answers; whether it takes the login shows at the start.")
    return reached, clock(answer.headers.get("Date", ""), time.time())


def clock(date_header: str, now_seconds: float) -> Check:
    """Is the clock right? A trade time more than 5 s ahead of it is not believed."""
    try:
        theirs = email.utils.parsedate_to_datetime(date_header).timestamp()
    except ValueError:
        return Check("clock", "warning", "unknown", "The answer had no time: check the clock by hand (timedatectl).")
    # The header is cut to whole seconds: its middle is half a second later.
    off = now_seconds - (theirs + 0.5)
    value = f"{off:+.1f} s"
    if abs(off) >= 5:
        sentence = "The clock is wrong, so trade times would not be believed: switch on time synchronisation (chrony)."
        return Check("clock", "error", value, sentence)
    if abs(off) >= 2:
        return Check("clock", "warning", value, "The clock is off: switch on time synchronisation (chrony).")
    return Check("clock", "ok", value, "The clock agrees with Schwab's.")
