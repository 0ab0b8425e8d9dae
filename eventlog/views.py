"""Views of `events` for a person with the sqlite3 command line (3.40 and later). No program reads them.

Times are ISO 8601 in UTC with microseconds. `strftime` is given whole seconds: its own fractions are rounded floats.
"""


def _iso(column: str) -> str:
    seconds = f"strftime('%Y-%m-%dT%H:%M:%S', {column} / 1000000, 'unixepoch')"
    return f"{seconds} || printf('.%06dZ', {column} % 1000000)"


_TICKS = f"""
CREATE VIEW ticks AS
SELECT seq, ticker, {_iso("ts_us")} AS time,
    payload ->> 'price' AS price, payload ->> 'volume' AS volume, payload ->> 'size' AS size,
    payload ->> 'total_volume' AS total_volume, payload ->> 'bid' AS bid, payload ->> 'ask' AS ask,
    coalesce(payload ->> 'delayed', 0) AS delayed, coalesce(payload ->> 'time_source', 'trade') AS time_source,
    coalesce(payload ->> 'trade_us', ts_us) AS trade_us, ts_us, recorded_us
FROM events WHERE kind = 'equity_tick'
"""

_QUOTES = f"""
CREATE VIEW quotes AS
SELECT seq, ticker, {_iso("ts_us")} AS time,
    payload ->> 'bid' AS bid, payload ->> 'ask' AS ask,
    payload ->> 'bid_size' AS bid_size, payload ->> 'ask_size' AS ask_size,
    coalesce(payload ->> 'delayed', 0) AS delayed, ts_us, recorded_us
FROM events WHERE kind = 'equity_quote' AND kind <> 'equity_tick'
"""

_OPTIONS = f"""
CREATE VIEW options AS
SELECT seq, ticker, {_iso("ts_us")} AS time,
    payload ->> 'symbol' AS symbol, payload ->> 'option_type' AS option_type, payload ->> 'strike' AS strike,
    payload ->> 'expiration' AS expiration, payload ->> 'bid' AS bid, payload ->> 'ask' AS ask,
    payload ->> 'last' AS last, payload ->> 'volume' AS volume, payload ->> 'open_interest' AS open_interest,
    payload ->> 'implied_volatility' AS implied_volatility, payload ->> 'delta' AS delta,
    payload ->> 'gamma' AS gamma, payload ->> 'theta' AS theta, payload ->> 'vega' AS vega, payload ->> 'rho' AS rho,
    coalesce(payload ->> 'delayed', 0) AS delayed, ts_us, recorded_us
FROM events WHERE kind = 'option_quote' AND kind <> 'equity_tick'
"""

_GAPS = f"""
CREATE VIEW gaps AS
SELECT seq, CASE ticker WHEN '' THEN '*' ELSE ticker END AS ticker,
    {_iso("(payload ->> 'from_us')")} AS started, {_iso("(payload ->> 'to_us')")} AS ended,
    ((payload ->> 'to_us') - (payload ->> 'from_us')) / 1e6 AS seconds, payload ->> 'reason' AS reason,
    payload ->> 'from_us' AS from_us, payload ->> 'to_us' AS to_us, recorded_us
FROM events WHERE kind = 'feed_gap' AND kind <> 'equity_tick'
"""

# A run ends with its service_stopped, or, where the next run begins without one, with the last event before that.
_RECORDINGS = f"""
CREATE VIEW recordings AS
WITH marks AS (
    SELECT seq, kind, payload, recorded_us,
        lead(kind) OVER (ORDER BY seq) AS next_kind, lead(seq) OVER (ORDER BY seq) AS next_seq
    FROM events
    WHERE kind IN ('service_started', 'service_stopped') AND kind <> 'equity_tick' AND ticker = ''
), runs AS (
    SELECT seq AS first_seq, recorded_us AS started_us, payload ->> 'version' AS version, payload ->> 'pid' AS pid,
        CASE WHEN next_kind = 'service_stopped' THEN next_seq
             WHEN next_kind = 'service_started' THEN next_seq - 1
             ELSE (SELECT max(seq) FROM events) END AS last_seq,
        CASE WHEN next_kind = 'service_stopped' THEN (SELECT payload ->> 'reason' FROM events WHERE seq = next_seq)
             WHEN next_kind = 'service_started' THEN 'no stop on record'
             ELSE 'running' END AS how_it_ended
    FROM marks WHERE kind = 'service_started'
)
SELECT first_seq, last_seq, {_iso("started_us")} AS started,
    (SELECT {_iso("recorded_us")} FROM events WHERE seq = last_seq) AS ended,
    last_seq - first_seq + 1 AS events, how_it_ended, version, pid
FROM runs ORDER BY first_seq
"""

VERSION_1 = (_TICKS, _QUOTES, _OPTIONS, _GAPS, _RECORDINGS)
