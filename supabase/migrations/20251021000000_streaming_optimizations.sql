-- What the stream did, how each ticker's day went, and the functions that watch and keep them.

create table if not exists public.streaming_metrics (
    ticker varchar(10) not null,
    "timestamp" timestamptz not null default now(),
    records_processed bigint not null default 0,
    batch_size integer,
    processing_time_ms double precision,
    error_count integer not null default 0,
    service_status varchar(50),
    constraint streaming_metrics_pkey primary key (ticker, "timestamp")
);

create index if not exists idx_streaming_metrics_timestamp on public.streaming_metrics ("timestamp" desc);

alter table public.streaming_metrics enable row level security;

drop policy if exists "Service role can do everything" on public.streaming_metrics;
create policy "Service role can do everything" on public.streaming_metrics
for all to service_role using (true) with check (true);

drop policy if exists "Everybody can read" on public.streaming_metrics;
create policy "Everybody can read" on public.streaming_metrics
for select to anon, authenticated using (true);

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
        (ticks."timestamp" at time zone 'America/New_York')::date as trading_day,
        count(*) as ticks,
        min(ticks.price) as low,
        max(ticks.price) as high,
        round(avg(ticks.price), 6) as average,
        sum(ticks.volume)::bigint as volume,
        min(ticks."timestamp") as first_tick,
        max(ticks."timestamp") as last_tick
    from public.equity_data as ticks
    group by ticks.ticker, (ticks."timestamp" at time zone 'America/New_York')::date
) as days
inner join public.equity_data as first_row
    on days.ticker = first_row.ticker and days.first_tick = first_row."timestamp"
inner join public.equity_data as last_row
    on days.ticker = last_row.ticker and days.last_tick = last_row."timestamp";

-- Unique, so that a refresh can run beside readers.
create unique index if not exists equity_data_stats_key on public.equity_data_stats (ticker, trading_day);
