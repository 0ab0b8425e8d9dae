-- How each ticker's day went, and the functions that watch the stream and keep the tables small.
-- Earlier forms give way, whatever their parameters and columns were.

do $$
declare
    found record;
begin
    for found in
        select functions.oid::regprocedure as signature from pg_catalog.pg_proc as functions
        where
            functions.pronamespace = 'public'::regnamespace
            and functions.proname in (
                'get_streaming_health', 'cleanup_old_equity_data', 'refresh_equity_stats', 'streaming_health_at',
                'cleanup_old_rows', 'market_session', 'easter_sunday'
            )
    loop
        execute format('drop function %s', found.signature);
    end loop;
end;
$$;

-- A view of the same name that counts UTC days gives way to the one below.
do $$
begin
    if to_regclass('public.equity_data_stats') is not null and not exists (
        select from pg_catalog.pg_attribute
        where attrelid = to_regclass('public.equity_data_stats') and attname = 'trading_day'
    ) then
        drop materialized view public.equity_data_stats;
    end if;
end;
$$;

-- One row per ticker and trading day, the day being New York's. Open and close are found by key, not by sorting a day.
create materialized view if not exists public.equity_data_stats as
select
    days.ticker,
    days.trading_day,
    days.ticks,
    days.low,
    days.high,
    first_row.price as open,
    last_row.price as close,
    days.average,
    days.volume,
    days.first_tick,
    days.last_tick
from (
    select
        ticks.ticker,
        (ticks.timestamp at time zone 'America/New_York')::date as trading_day,
        count(*) as ticks,
        min(ticks.price) as low,
        max(ticks.price) as high,
        round(avg(ticks.price), 6) as average,
        sum(ticks.volume)::bigint as volume,
        min(ticks.timestamp) as first_tick,
        max(ticks.timestamp) as last_tick
    from public.equity_data as ticks
    group by ticks.ticker, (ticks.timestamp at time zone 'America/New_York')::date
) as days
inner join public.equity_data as first_row
    on days.ticker = first_row.ticker and days.first_tick = first_row.timestamp
inner join public.equity_data as last_row
    on days.ticker = last_row.ticker and days.last_tick = last_row.timestamp;

-- Unique, so that a refresh can run beside readers.
create unique index if not exists equity_data_stats_key on public.equity_data_stats (ticker, trading_day);

-- Gregorian Easter (anonymous algorithm, Meeus, Astronomical Algorithms, chapter 8).
create function public.easter_sunday(year integer) returns date
language plpgsql immutable parallel safe set search_path = ''
as $$
declare
    golden integer := year % 19;
    century integer := year / 100;
    leap integer := century / 4;
    correction integer := (century - leap - (8 * century + 13) / 25 + 19 * golden + 15) % 30;
    moon integer := correction - (correction / 28) * (1 - (29 / (correction + 1)) * ((21 - golden) / 11));
    weekday integer := (year + year / 4 + moon + 2 - century + leap) % 7;
    offset_days integer := moon - weekday;
    month integer := 3 + (offset_days + 40) / 44;
begin
    return make_date(year, month, offset_days + 28 - 31 * (month / 4));
end;
$$;

-- When the NYSE trades on a New York day: no row when it is closed. Rules in force since 2022; closures ordered
-- at short notice cannot be known.
create function public.market_session(day date) returns table (opens timestamptz, closes timestamptz)
language plpgsql stable parallel safe set search_path = ''
as $$
declare
    m integer := extract(month from day);
    d integer := extract(day from day);
    dow integer := extract(isodow from day);
begin
    if dow >= 6
        or (m = 1 and (d = 1 or (d = 2 and dow = 1)))
        or (m in (1, 2) and dow = 1 and d between 15 and 21)
        or day = public.easter_sunday(extract(year from day)::integer) - 2
        or (m = 5 and dow = 1 and d >= 25)
        or (m = 6 and (d = 19 or (d = 18 and dow = 5) or (d = 20 and dow = 1)))
        or (m = 7 and (d = 4 or (d = 3 and dow = 5) or (d = 5 and dow = 1)))
        or (m = 9 and dow = 1 and d <= 7)
        or (m = 11 and dow = 4 and d between 22 and 28)
        or (m = 12 and (d = 25 or (d = 24 and dow = 5) or (d = 26 and dow = 1)))
    then
        return;
    end if;
    opens := (day + time '09:30') at time zone 'America/New_York';
    closes := (day + time '16:00') at time zone 'America/New_York';
    if (m = 7 and d = 3) or (m = 11 and dow = 5 and d between 23 and 29) or (m = 12 and d = 24) then
        closes := (day + time '13:00') at time zone 'America/New_York';
    end if;
    return next;
end;
$$;

-- How one ticker, or each, streams at a moment. Stale means: the market is open and no tick came for five minutes.
create function public.streaming_health_at(ticker text, moment timestamptz)
returns table (
    ticker text,
    status text,
    is_healthy boolean,
    last_tick timestamptz,
    seconds_since_last_tick double precision,
    records_last_hour bigint,
    errors_last_hour bigint
)
language sql stable set search_path = ''
as $$
    with recursive known as (
        (select ticks.ticker from public.equity_data as ticks order by ticks.ticker limit 1)
        union all
        select (
            select ticks.ticker from public.equity_data as ticks
            where ticks.ticker > known.ticker order by ticks.ticker limit 1
        ) from known where known.ticker is not null
    ),
    asked as (
        select streaming_health_at.ticker where streaming_health_at.ticker is not null
        union all
        select known.ticker from known where streaming_health_at.ticker is null and known.ticker is not null
    ),
    seen as (
        select
            asked.ticker,
            (
                select max(ticks.timestamp) from public.equity_data as ticks
                where ticks.ticker = asked.ticker and ticks.timestamp <= moment
            ) as last_tick,
            (
                select count(*) from public.equity_data as ticks
                where
                    ticks.ticker = asked.ticker
                    and ticks.timestamp > moment - interval '1 hour' and ticks.timestamp <= moment
            ) as records,
            (
                select coalesce(sum(metrics.error_count), 0)::bigint from public.streaming_metrics as metrics
                where
                    metrics.ticker = asked.ticker
                    and metrics.timestamp > moment - interval '1 hour' and metrics.timestamp <= moment
            ) as errors
        from asked
    ),
    judged as (
        select
            seen.*,
            case
                when seen.last_tick is null then 'no_data'
                when session.opens is null or moment < session.opens or moment >= session.closes then 'market_closed'
                when moment - greatest(seen.last_tick, session.opens) <= interval '5 minutes' then 'healthy'
                else 'stale'
            end as status
        from seen
        left join public.market_session((moment at time zone 'America/New_York')::date) as session on true
    )
    select
        judged.ticker,
        judged.status,
        judged.status in ('healthy', 'market_closed'),
        judged.last_tick,
        extract(epoch from moment - judged.last_tick)::double precision,
        judged.records,
        judged.errors
    from judged
    order by judged.ticker;
$$;

create function public.get_streaming_health(ticker text default null)
returns table (
    ticker text,
    status text,
    is_healthy boolean,
    last_tick timestamptz,
    seconds_since_last_tick double precision,
    records_last_hour bigint,
    errors_last_hour bigint
)
language sql stable set search_path = ''
as $$
    select * from public.streaming_health_at(get_streaming_health.ticker, now());
$$;

-- Delete the rows of a table that are older than so many days, oldest first, 10,000 at a time, for at most four seconds
-- (PostgREST ends a statement after eight). Returns how many went: call again until it returns 0.
create function public.cleanup_old_rows(table_name text, days integer) returns bigint
language plpgsql volatile set search_path = ''
as $$
declare
    until timestamptz := now() - make_interval(days => days);
    deadline timestamptz := clock_timestamp() + interval '4 seconds';
    deleted bigint;
    total bigint := 0;
begin
    if table_name is null or table_name not in (
        'equity_data', 'indicators', 'option_prices', 'streaming_metrics', 'stream_gaps'
    ) then
        raise exception 'cleanup_old_rows: no such table: %', table_name using errcode = 'invalid_parameter_value';
    end if;
    if days is null or days < 1 then
        raise exception 'cleanup_old_rows: days is %, must be at least 1', days using errcode = 'invalid_parameter_value';
    end if;
    loop
        execute format(
            'delete from public.%1$I where ctid = any(array('
            'select ctid from public.%1$I where timestamp < $1 order by timestamp limit 10000))',
            table_name
        ) using until;
        get diagnostics deleted = row_count;
        total := total + deleted;
        exit when deleted = 0 or clock_timestamp() > deadline;
    end loop;
    return total;
end;
$$;

create function public.cleanup_old_equity_data(days integer) returns bigint
language sql volatile set search_path = ''
as $$
    select public.cleanup_old_rows('equity_data', cleanup_old_equity_data.days);
$$;

-- SECURITY DEFINER because only its owner may refresh a materialized view.
create function public.refresh_equity_stats() returns void
language sql volatile security definer set search_path = ''
as $$
    refresh materialized view concurrently public.equity_data_stats;
$$;

revoke all on function
public.easter_sunday(integer), public.market_session(date), public.streaming_health_at(text, timestamptz),
public.get_streaming_health(text), public.cleanup_old_rows(text, integer), public.cleanup_old_equity_data(integer),
public.refresh_equity_stats()
from public, anon, authenticated, service_role;

grant execute on function
public.easter_sunday(integer), public.market_session(date), public.streaming_health_at(text, timestamptz),
public.get_streaming_health(text)
to anon, authenticated, service_role;

grant execute on function
public.cleanup_old_rows(text, integer), public.cleanup_old_equity_data(integer), public.refresh_equity_stats()
to service_role;
