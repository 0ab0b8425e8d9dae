-- Ticks and the indicators folded from them. Both are written by the service role alone and read by everybody.

create table if not exists public.equity_data (
    ticker varchar(10) not null,
    timestamp timestamptz not null,
    price decimal(10, 2) not null,
    volume bigint not null default 0,
    constraint equity_data_pkey primary key (ticker, timestamp)
);

create table if not exists public.indicators (
    ticker varchar(10) not null,
    timestamp timestamptz not null,
    sma9 decimal(10, 2),
    vwap decimal(10, 2),
    constraint indicators_pkey primary key (ticker, timestamp)
);

-- The primary keys serve (ticker, timestamp); these serve questions over all tickers.
create index if not exists idx_equity_data_timestamp on public.equity_data (timestamp);
create index if not exists idx_indicators_timestamp on public.indicators (timestamp);

alter table public.equity_data enable row level security;
alter table public.indicators enable row level security;

drop policy if exists "Service role can do everything" on public.equity_data;
create policy "Service role can do everything" on public.equity_data
for all to service_role using (true) with check (true);

drop policy if exists "Everybody can read" on public.equity_data;
create policy "Everybody can read" on public.equity_data
for select to anon, authenticated using (true);

drop policy if exists "Service role can do everything" on public.indicators;
create policy "Service role can do everything" on public.indicators
for all to service_role using (true) with check (true);

drop policy if exists "Everybody can read" on public.indicators;
create policy "Everybody can read" on public.indicators
for select to anon, authenticated using (true);
