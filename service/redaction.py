"""Removes secrets from any text that leaves the process: log lines, tracebacks, health answers, alerts, error lines.

Two nets. The values this process was given (settings, token file) are known to the letter, in every form in which
they are written: plain, in JSON, in a URL, in base64. And what looks like a credential goes too, known or not.
"""

import base64
import json
import re
import urllib.parse
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

MASK = "[redacted]"
# Shorter values would blank out ordinary words; no credential of ours is that short.
MIN_LENGTH = 6
PASSING_MAX = 32

_KEY_NAMES = (
    r"access_token|refresh_token|id_token|token|code|client_secret|app_secret|app_key|secret|password|passwd|pwd"
    r"|api_?key|service_role_key|authorization|schwabClientCorrelId|schwabClientCustomerId|X-Amz-Signature"
)
# What must be followed by something is bounded, or a long word would be searched to its end from each of its letters.
_LOOKS_SECRET = re.compile(
    r"(?P<jwt>eyJ[\w-]{6,1000}\.[\w-]+(?:\.[\w-]*)?)"
    r"|(?P<supabase>sb_(?:secret|publishable)_[\w-]+)"
    r"|(?P<scheme>\b(?:Bearer|Basic)\s+)[\w.~+/@=%-]{6,}"
    r"|(?P<dsn>\w[\w+.-]{0,30}://[^\s/:@\"']{0,100}:)[^\s@\"']{1,1000}(?=@)"
    r"|(?P<hook>(?:hooks\.slack\.com/|discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot))[^\s\"'?]+"
    rf"|(?P<named>\\?[\"']?\b(?:{_KEY_NAMES})\\?[\"']?\s*[:=]\s*\\?[\"']?(?:(?:Bearer|Basic)\s+)?)(?!\[redacted)[^\s\"'\\&,;)}}\]]{{6,}}",
    re.IGNORECASE,
)


class Redactor:
    """What is known to be secret, and the removal of it."""

    def __init__(self) -> None:
        self._lasting: set[str] = set()
        self._passing: deque[str] = deque(maxlen=PASSING_MAX)
        self._pattern: re.Pattern[str] | None = None

    def learn(self, values: Iterable[str]) -> None:
        """Remove these values from everything that `redact` sees from now on."""
        new = {value for value in values if len(value) >= MIN_LENGTH} - self._lasting
        if new:
            self._lasting |= new
            self._compile()

    def learn_passing(self, values: Iterable[str]) -> None:
        """As `learn`, for values that others will replace: only the last PASSING_MAX are remembered."""
        new = [value for value in values if len(value) >= MIN_LENGTH and value not in self._passing]
        if new:
            self._passing.extend(new)
            self._compile()

    def _compile(self) -> None:
        forms = {form for value in (*self._lasting, *self._passing) for form in _forms(value)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def redact(self, text: str) -> str:
        """`text` without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _LOOKS_SECRET.sub(_mask, text)


# What is secret is secret in the whole process: one registry, fed by the settings and the token file.
_process = Redactor()
learn = _process.learn
redact = _process.redact


def learn_token_file(path: Path) -> None:
    """Learn the tokens in a Schwab token file; a missing or broken file holds none."""
    try:
        content = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return
    # Access tokens change every half hour, for months.
    _process.learn_passing(value for name, value in _strings(content) if name.endswith("token"))


def _mask(match: re.Match[str]) -> str:
    kept = match.group("scheme") or match.group("dsn") or match.group("hook") or match.group("named") or ""
    return kept + MASK


def _forms(value: str) -> Iterator[str]:
    yield value
    yield json.dumps(value)[1:-1]
    yield repr(value)[1:-1]
    yield urllib.parse.quote(value, safe="")
    yield urllib.parse.quote_plus(value)
    encoded = base64.b64encode(value.encode()).decode()
    yield encoded.rstrip("=")


def _strings(content: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _strings(value, str(key))
    elif isinstance(content, str):
        yield name, content
