-- A chart of minute bars wants the indicators at the last tick of each minute, not those of every tick.

create or replace function public.indicators_1m_between(ticker text, since timestamptz, until timestamptz)
-- A parameter list takes the bare word for the type. -- noqa: disable=references.quoting
returns table (ticker varchar, "timestamp" timestamptz, sma9 double precision, vwap double precision)
language sql stable set search_path = ''
as $$
    select distinct on (date_bin('1 minute', points.timestamp, '2000-01-01 00:00:00+00'))
        points.ticker, points.timestamp, points.sma9, points.vwap
    from public.indicators as points
    where
        points.ticker = indicators_1m_between.ticker
        and points.timestamp >= since and points.timestamp < until
    order by date_bin('1 minute', points.timestamp, '2000-01-01 00:00:00+00'), points.timestamp desc;
$$;

revoke all on function public.indicators_1m_between(text, timestamptz, timestamptz)
from public, anon, authenticated, service_role;
grant execute on function public.indicators_1m_between(text, timestamptz, timestamptz)
to anon, authenticated, service_role;
