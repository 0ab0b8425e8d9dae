-- Hand the rows to Supabase Realtime, where there is one. A table already published stays so.

do $$
declare
    wanted text;
begin
    if not exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime' and not puballtables) then
        return;
    end if;
    foreach wanted in array array['equity_data', 'indicators', 'option_prices', 'streaming_metrics', 'stream_gaps'] loop
        if not exists (
            select from pg_catalog.pg_publication_tables
            where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = wanted
        ) then
            execute format('alter publication supabase_realtime add table public.%I', wanted);
        end if;
    end loop;
end;
$$;
