"""Every row of the table of answers, through the real supabase-py against a server that says exactly that."""

import datetime
import email.utils
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from replicator import rows, supabase_sink, tables
from replicator.errors import ChunkTooLargeError, HaltingError, PermanentError, RetryableError, SinkError
from replicator.supabase_sink import SupabaseSink
from tests.servers import scripted
from tests.servers.scripted import Answer, ScriptedServer, error

T0_US = 1_340_285_400_004_241
KEY = "sb_secret_" + "k" * 30
HTML = "<html><body>502 Bad Gateway</body></html>"

RETRY = [
    scripted.RESET,
    Answer(429, "slow down"),
    Answer(502, HTML),
    Answer(503, HTML),
    Answer(504, HTML),
    Answer(520, HTML),
    error(503, "08006"),
    error(503, "53300"),
    error(503, "57P01"),
    error(503, "PGRST002"),
    error(504, "PGRST003"),
    error(409, "40001"),
    error(500, "40P01"),
    error(500, "55P03"),
]
SHRINK = [error(500, "57014", "canceling statement due to statement timeout"), Answer(413, HTML), error(413, None)]
ROWS = [
    error(400, "22001"),
    error(400, "22003"),
    error(400, "22P02"),
    error(400, "23502"),
    error(400, "23514"),
    error(409, "23505"),
    error(409, "23503"),
    error(400, "PGRST102"),
    error(500, "21000", "ON CONFLICT DO UPDATE command cannot affect row a second time"),
]
HALT = [
    Answer(401, ""),
    error(401, None, "Invalid API key"),
    error(401, "PGRST301"),
    error(401, "PGRST302"),
    error(401, "PGRST303"),
    Answer(403, HTML),
    error(403, "42501"),
    error(400, "PGRST204"),
    error(404, "PGRST205"),
    error(404, "42P01"),
    error(400, "42P10"),
    Answer(540, HTML),
    Answer(402, ""),
    error(405, "25006", "cannot execute INSERT in a read-only transaction"),
    error(400, "42703"),
    error(500, "XX000"),
    error(500, "P0001"),
    Answer(500, HTML),
    Answer(418, ""),
    error(400, "PGRST999"),
    Answer(404, HTML),
]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted.serving() as running:
        yield running


@pytest.fixture
async def sink(server: ScriptedServer) -> AsyncIterator[SupabaseSink]:
    made = SupabaseSink(server.url, SecretStr(KEY))
    yield made
    await made.close()


def tick(number: int = 0, price: float = 225.8435) -> rows.EquityRow:
    return rows.EquityRow("AAPL", rows.timestamp(T0_US + number), price, 100)


def _named(answer: Answer) -> str:
    return f"{answer.status}-{answer.body[:16]}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(answer, RetryableError) for answer in RETRY]
    + [(answer, ChunkTooLargeError) for answer in SHRINK]
    + [(answer, PermanentError) for answer in ROWS]
    + [(answer, HaltingError) for answer in HALT],
    ids=lambda value: _named(value) if isinstance(value, Answer) else value.__name__,
)
async def test_an_answer_is_classified(
    server: ScriptedServer, sink: SupabaseSink, answer: Answer, expected: type[SinkError]
) -> None:
    server.script.append(answer)
    with pytest.raises(SinkError) as caught:
        await sink.upsert(tables.EQUITY_DATA, [tick()], merge=False)
    assert type(caught.value) is expected, caught.value
    assert "\n" not in str(caught.value) and KEY not in str(caught.value)
    assert len(server.requests) == 1, "supabase-py must not retry by itself"
    await sink.upsert(tables.EQUITY_DATA, [tick()], merge=False)


async def test_the_request_is_what_postgrest_wants(server: ScriptedServer, sink: SupabaseSink) -> None:
    await sink.upsert(tables.EQUITY_DATA, [tick(0), tick(1, 0.1)], merge=False)
    await sink.upsert(tables.INDICATORS, [rows.IndicatorRow("AAPL", rows.timestamp(T0_US), None, 1 / 3)], merge=True)
    facts, derived = server.requests
    assert (facts.method, facts.path) == ("POST", "/rest/v1/equity_data")
    assert facts.query == {"on_conflict": "ticker,timestamp", "columns": '"ticker","timestamp","price","volume"'}
    assert facts.headers["prefer"] == "return=minimal,resolution=ignore-duplicates"
    assert facts.headers["apikey"] == KEY and facts.headers["content-type"] == "application/json"
    assert facts.text == (
        '[{"ticker":"AAPL","timestamp":"2012-06-21T13:30:00.004241Z","price":225.8435,"volume":100},'
        '{"ticker":"AAPL","timestamp":"2012-06-21T13:30:00.004242Z","price":0.1,"volume":100}]'
    )
    assert derived.headers["prefer"] == "return=minimal,resolution=merge-duplicates"
    assert derived.rows == [
        {"ticker": "AAPL", "timestamp": "2012-06-21T13:30:00.004241Z", "sma9": None, "vwap": 0.3333333333333333}
    ]


async def test_a_jwt_and_a_secret_key_are_sent_as_they_are(server: ScriptedServer) -> None:
    for key in ("sb_secret_abc", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln"):
        sink = SupabaseSink(server.url, SecretStr(key))
        await sink.upsert(tables.EQUITY_DATA, [tick()], merge=False)
        await sink.close()
        assert server.requests[-1].headers["apikey"] == key


async def test_a_server_that_never_answers_is_given_up(
    server: ScriptedServer, sink: SupabaseSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supabase_sink, "TIMEOUT", httpx.Timeout(0.2))
    server.script.append(Answer(hangs=True))
    with pytest.raises(ChunkTooLargeError):
        await sink.upsert(tables.EQUITY_DATA, [tick()], merge=False)


def _date(seconds_from_now: float) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds_from_now)
    return email.utils.format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        pytest.param(_date(3600), 3000, 3600, id="in an hour"),
        pytest.param(_date(-3600), 0, 0, id="an hour ago"),
        ("9" * 400, 1e9, 1e13),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9, 1e13),
    ],
)
async def test_retry_after_is_read(
    server: ScriptedServer, sink: SupabaseSink, value: str, least: float, most: float
) -> None:
    server.script.append(Answer(429, "", {"Retry-After": value}))
    with pytest.raises(RetryableError) as caught:
        await sink.upsert(tables.EQUITY_DATA, [tick()], merge=False)
    assert caught.value.retry_after_seconds is not None
    assert least <= caught.value.retry_after_seconds <= most


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5e", "Mon, 99 Foo 2026 00:00:00 GMT"])
async def test_an_unreadable_retry_after_is_as_none(server: ScriptedServer, sink: SupabaseSink, value: str) -> None:
    server.script.append(Answer(503, "", {"Retry-After": value}))
    with pytest.raises(RetryableError) as caught:
        await sink.upsert(tables.EQUITY_DATA, [tick()], merge=False)
    assert caught.value.retry_after_seconds is None


@pytest.mark.parametrize(
    ("url", "key", "says"),
    [
        ("http://project.example.org", KEY, "use https"),
        ("project.supabase.co", KEY, "https://<project>.supabase.co"),
        ("https://", KEY, "not an address"),
        ("https://project.supabase.co", "sb_publishable_abc", "publishable key"),
    ],
)
async def test_what_may_not_be_sent_is_refused_without_a_request(url: str, key: str, says: str) -> None:
    sink = SupabaseSink(url, SecretStr(key))
    with pytest.raises(HaltingError, match=says) as caught:
        await sink.upsert(tables.EQUITY_DATA, [tick()], merge=False)
    assert key not in str(caught.value)
    with pytest.raises(HaltingError):
        await sink.probe(tables.EQUITY_DATA)
    await sink.close()
