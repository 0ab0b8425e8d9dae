-- New public tables get no API grants by themselves, the service role's included: each one is granted here by name.
-- Functions and types are granted where they are made. Nothing is left to PUBLIC.

grant usage on schema public to anon, authenticated, service_role;

-- Also for tables an earlier form of the first migrations made without them.
do $$
declare
    name text;
begin
    foreach name in array array['equity_data', 'indicators', 'option_prices', 'streaming_metrics', 'stream_gaps'] loop
        execute format('alter table public.%I enable row level security', name);
        execute format('drop policy if exists "Service role can do everything" on public.%I', name);
        execute format(
            'create policy "Service role can do everything" on public.%I for all to service_role '
            'using (true) with check (true)', name
        );
        execute format('drop policy if exists "Everybody can read" on public.%I', name);
        execute format(
            'create policy "Everybody can read" on public.%I for select to anon, authenticated using (true)', name
        );
    end loop;
end;
$$;

revoke all on table
public.equity_data, public.indicators, public.option_prices, public.streaming_metrics, public.stream_gaps,
public.equity_data_stats, public.bars_1m
from public, anon, authenticated, service_role;

grant select on table
public.equity_data, public.indicators, public.option_prices, public.streaming_metrics, public.stream_gaps,
public.equity_data_stats, public.bars_1m
to anon, authenticated, service_role;

grant insert, update, delete on table
public.equity_data, public.indicators, public.option_prices, public.streaming_metrics, public.stream_gaps
to service_role;

-- The sequences behind the surrogate keys of an older schema.
do $$
declare
    found record;
begin
    for found in
        select sequences.oid::regclass as name from pg_catalog.pg_class as sequences
        inner join pg_catalog.pg_depend as owners on sequences.oid = owners.objid and owners.deptype in ('a', 'i')
        where
            sequences.relkind = 'S'
            and owners.refobjid in (
                'public.equity_data'::regclass, 'public.indicators'::regclass, 'public.option_prices'::regclass,
                'public.streaming_metrics'::regclass
            )
    loop
        execute format('revoke all on sequence %s from public, anon, authenticated', found.name);
        execute format('grant usage on sequence %s to service_role', found.name);
    end loop;
end;
$$;
