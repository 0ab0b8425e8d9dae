-- What the stream did. The statistics and functions that came with this migration are made by
-- 20251101001000_statistics_and_functions.sql, so that a database which ran an earlier form of it gets them too.

create table if not exists public.streaming_metrics (
    ticker varchar(10) not null,
    timestamp timestamptz not null default now(),
    records_processed integer not null default 0,
    batch_size integer,
    processing_time_ms integer,
    error_count integer not null default 0,
    service_status varchar(50),
    constraint streaming_metrics_pkey primary key (ticker, timestamp)
);

create index if not exists idx_streaming_metrics_timestamp on public.streaming_metrics (timestamp);

alter table public.streaming_metrics enable row level security;

drop policy if exists "Service role can do everything" on public.streaming_metrics;
create policy "Service role can do everything" on public.streaming_metrics
for all to service_role using (true) with check (true);

drop policy if exists "Everybody can read" on public.streaming_metrics;
create policy "Everybody can read" on public.streaming_metrics
for select to anon, authenticated using (true);
