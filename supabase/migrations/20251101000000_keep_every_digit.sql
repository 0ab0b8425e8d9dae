-- Prices carry up to four decimals (225.8435), which DECIMAL(10,2) rounds away. Means and greeks are binary fractions,
-- which any decimal would round: as double precision the database holds what was computed, bit for bit.
-- Nothing is altered that has its type already: an ALTER rewrites the table under an exclusive lock.

create or replace function pg_temp.retype(table_name text, column_name text, wanted text) returns void
language plpgsql
as $$
begin
    if exists (
        select from pg_catalog.pg_attribute
        where
            attrelid = format('public.%I', table_name)::regclass and attname = column_name
            and format_type(atttypid, atttypmod) <> wanted
    ) then
        execute format('alter table public.%I alter column %I type %s', table_name, column_name, wanted);
    end if;
end;
$$;

-- The materialized view reads equity_data.price and so forbids the change. The next migration makes it again.
do $$
begin
    if exists (
        select from pg_catalog.pg_attribute
        where
            attrelid = 'public.equity_data'::regclass and attname = 'price'
            and format_type(atttypid, atttypmod) <> 'numeric(14,4)'
    ) then
        drop materialized view if exists public.equity_data_stats;
    end if;
end;
$$;

select pg_temp.retype('equity_data', columns.name, columns.wanted)
from (values ('price', 'numeric(14,4)'), ('volume', 'bigint')) as columns (name, wanted);

select pg_temp.retype('indicators', columns.name, 'double precision')
from unnest(array['sma9', 'vwap']) as columns (name);

select pg_temp.retype('option_prices', columns.name, 'numeric(14,4)')
from unnest(array['strike_price', 'last_price', 'bid', 'ask']) as columns (name);

select pg_temp.retype('option_prices', columns.name, 'double precision')
from unnest(array['delta', 'gamma', 'theta', 'vega', 'implied_volatility']) as columns (name);

select pg_temp.retype('option_prices', columns.name, 'bigint')
from unnest(array['volume', 'open_interest']) as columns (name);

drop function pg_temp.retype(text, text, text);
