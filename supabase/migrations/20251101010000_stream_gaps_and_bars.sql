-- The holes of the recording, so that a chart can show them, and minute bars.

create table if not exists public.stream_gaps (
    ticker varchar(10) not null,
    timestamp timestamptz not null,
    ended_at timestamptz not null,
    reason text not null,
    constraint stream_gaps_pkey primary key (ticker, timestamp)
);

create index if not exists idx_stream_gaps_timestamp on public.stream_gaps (timestamp);

alter table public.stream_gaps enable row level security;

drop policy if exists "Service role can do everything" on public.stream_gaps;
create policy "Service role can do everything" on public.stream_gaps
for all to service_role using (true) with check (true);

drop policy if exists "Everybody can read" on public.stream_gaps;
create policy "Everybody can read" on public.stream_gaps
for select to anon, authenticated using (true);

-- A view costs no byte of the plan. Its reader's rights and policies apply, not its owner's.
-- By ticker alone it reads all of that ticker's ticks: ask for a stretch of time with bars_1m_between.
create or replace view public.bars_1m with (security_invoker = true) as
select
    ticks.ticker,
    date_bin('1 minute', ticks.timestamp, '2000-01-01 00:00:00+00') as timestamp,
    (array_agg(ticks.price order by ticks.timestamp))[1] as open,
    max(ticks.price) as high,
    min(ticks.price) as low,
    (array_agg(ticks.price order by ticks.timestamp desc))[1] as close,
    sum(ticks.volume)::bigint as volume,
    (sum(ticks.price * ticks.volume) / nullif(sum(ticks.volume), 0))::double precision as vwap,
    count(*) as ticks
from public.equity_data as ticks
group by ticks.ticker, date_bin('1 minute', ticks.timestamp, '2000-01-01 00:00:00+00');

-- The bars of a ticker that begin at or after `since` and before `until`, read by key.
create or replace function public.bars_1m_between(ticker text, since timestamptz, until timestamptz)
returns setof public.bars_1m
language sql stable set search_path = ''
as $$
    select
        ticks.ticker,
        date_bin('1 minute', ticks.timestamp, '2000-01-01 00:00:00+00'),
        (array_agg(ticks.price order by ticks.timestamp))[1],
        max(ticks.price),
        min(ticks.price),
        (array_agg(ticks.price order by ticks.timestamp desc))[1],
        sum(ticks.volume)::bigint,
        (sum(ticks.price * ticks.volume) / nullif(sum(ticks.volume), 0))::double precision,
        count(*)
    from public.equity_data as ticks
    where
        ticks.ticker = bars_1m_between.ticker
        and ticks.timestamp >= date_bin('1 minute', since + interval '59.999999 seconds', '2000-01-01 00:00:00+00')
        and ticks.timestamp < date_bin('1 minute', until + interval '59.999999 seconds', '2000-01-01 00:00:00+00')
    group by ticks.ticker, date_bin('1 minute', ticks.timestamp, '2000-01-01 00:00:00+00')
    order by 2;
$$;

revoke all on function public.bars_1m_between(text, timestamptz, timestamptz)
from public, anon, authenticated, service_role;
grant execute on function public.bars_1m_between(text, timestamptz, timestamptz)
to anon, authenticated, service_role;
