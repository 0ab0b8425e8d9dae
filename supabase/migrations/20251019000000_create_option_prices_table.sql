-- Quotes of option contracts with their greeks.

create table if not exists public.option_prices (
    ticker varchar(10) not null,
    timestamp timestamptz not null,
    option_type varchar(4) not null constraint option_prices_option_type_check check (option_type in ('CALL', 'PUT')),
    strike_price decimal(10, 2) not null,
    expiration_date date not null,
    last_price decimal(10, 2),
    bid decimal(10, 2),
    ask decimal(10, 2),
    volume bigint,
    open_interest bigint,
    delta decimal(10, 6),
    gamma decimal(10, 6),
    theta decimal(10, 6),
    vega decimal(10, 6),
    implied_volatility decimal(10, 6),
    option_symbol varchar(50),
    constraint option_prices_pkey primary key (ticker, timestamp, option_type, strike_price, expiration_date)
);

create index if not exists idx_option_prices_timestamp on public.option_prices (timestamp);
create index if not exists idx_option_prices_expiration_date on public.option_prices (expiration_date);
create index if not exists idx_option_prices_ticker_strike on public.option_prices (ticker, strike_price);

alter table public.option_prices enable row level security;

drop policy if exists "Service role can do everything" on public.option_prices;
create policy "Service role can do everything" on public.option_prices
for all to service_role using (true) with check (true);

drop policy if exists "Everybody can read" on public.option_prices;
create policy "Everybody can read" on public.option_prices
for select to anon, authenticated using (true);
