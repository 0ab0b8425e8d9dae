"""No credential survives redaction, in whatever form it is written; ordinary text does."""

import base64
import json
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import redaction

SECRET = 'pla"nt/ed+se\\cret='


@pytest.mark.parametrize(
    "write",
    [
        str,
        repr,
        json.dumps,
        lambda value: urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus,
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: f"GET /?x={value}&y=1",
    ],
)
def test_a_learned_secret_goes_in_every_form(write: Callable[[str], str]) -> None:
    redactor = redaction.Redactor()
    redactor.learn([SECRET])
    written = write(SECRET)
    cleaned = redactor.redact(f"before {written} after")
    assert written not in cleaned
    assert SECRET not in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@given(st.text(min_size=redaction.MIN_LENGTH, max_size=60).filter(lambda text: text.strip(redaction.MASK)))
def test_any_learned_secret_goes(secret: str) -> None:
    redactor = redaction.Redactor()
    redactor.learn([secret])
    assert secret not in redactor.redact(f"<{secret}>").replace(redaction.MASK, "")


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key {JWT} refused", JWT),
        (f"apikey={JWT[:40]}", JWT[:40]),
        ("key sb_secret_AbC-123_xyz refused", "AbC-123_xyz"),
        ("Authorization: Bearer I0.b2F1dGgyLmNkYy5zY2h3YWIuY29t.abc@", "I0.b2F1"),
        ("{'Authorization': 'Basic Zm9vOmJhcmJheg=='}", "Zm9vOmJhcmJheg"),
        ("postgresql://postgres:hunter22@db.example:5432/postgres", "hunter22"),
        ("https://api.example/token?code=C0.abcdefgh&session=1", "C0.abcdefgh"),
        ('{"access_token": "I0.abcdef", "expires_in": 1800}', "I0.abcdef"),
        (r"{\"refresh_token\": \"zzzzzzzz\"}", "zzzzzzzz"),
        ("{'refresh_token': 'abcdefgh'}", "abcdefgh"),
        ("https://hooks.slack.com/services/T000/B000/XXXX", "T000/B000"),
        ("https://discord.com/api/webhooks/12345/abcdef", "abcdef"),
        ("https://api.telegram.org/bot12345:AAE-x/sendMessage?chat_id=1", "AAE-x"),
    ],
)
def test_what_looks_like_a_credential_goes_unlearned(text: str, secret: str) -> None:
    cleaned = redaction.redact(text)
    assert secret not in cleaned
    assert redaction.MASK in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "QQQ 613.42 volume 100; 12 rows unsent; cursor=102 head=140",
        "the token is 5.2 days old: run ticktape login",
        "connected to https://abcdefgh.supabase.co/rest/v1/equity_data",
        "response code 12: another program took the stream",
        "HEALTH_PORT=8787 is taken by another program",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redaction.redact(text) == text


@pytest.mark.parametrize("unit", ["a", "a+", "12.34,", "a://b:", "eyJabcdef", "Bearer ", '{"code": "x", '])
def test_a_long_text_takes_as_long_as_its_parts(unit: str) -> None:
    """Whoever writes to us decides on the length of an error's text; masking it must not stop the recording."""
    began = time.process_time()
    for _ in range(10):
        redaction.redact(unit * (2_000 // len(unit)))
    parts_seconds, began = time.process_time() - began, time.process_time()
    redaction.redact(unit * (20_000 // len(unit)))
    assert time.process_time() - began < 5 * parts_seconds + 0.05


def test_tokens_of_a_token_file_are_learned(tmp_path: Path) -> None:
    path = tmp_path / "schwab_token.json"
    path.write_text(json.dumps({"creation_timestamp": 1, "token": {"access_token": "opaque-1", "expires_in": 1800}}))
    redaction.learn_token_file(path)
    assert "opaque-1" not in redaction.redact("login as opaque-1 failed")
    redaction.learn_token_file(tmp_path / "missing.json")
    path.write_text("{half")
    redaction.learn_token_file(path)


def test_tokens_that_were_replaced_long_ago_are_forgotten() -> None:
    """A token every half hour for a year must not make each log line slower."""
    redactor = redaction.Redactor()
    redactor.learn(["lasting-secret"])
    for number in range(10 * redaction.PASSING_MAX):
        redactor.learn_passing([f"token-number-{number:05}-end"])
    cleaned = redactor.redact(f"lasting-secret token-number-{10 * redaction.PASSING_MAX - 1:05}-end")
    assert cleaned == f"{redaction.MASK} {redaction.MASK}"
    assert len(redactor._passing) == redaction.PASSING_MAX
    assert redactor.redact("token-number-00000-end") == "token-number-00000-end"
