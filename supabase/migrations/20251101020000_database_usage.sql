-- What fills the plan, and how long it lasts: a row per table and one for the whole database.

drop function if exists public.database_usage();
create function public.database_usage()
returns table (name text, bytes bigint, live_rows bigint, bytes_per_day bigint, days_left numeric)
language plpgsql stable set search_path = ''
as $$
declare
    plan_bytes constant bigint := 500000000;
    whole_rate bigint := 0;
    week_rows bigint;
begin
    for name in
        select tables.relname from pg_catalog.pg_stat_user_tables as tables
        where
            tables.schemaname = 'public'
            and tables.relname in ('equity_data', 'indicators', 'option_prices', 'streaming_metrics', 'stream_gaps')
        order by tables.relname
    loop
        bytes := pg_total_relation_size(format('public.%I', name)::regclass);
        execute format('select count(*) from public.%I', name) into live_rows;
        -- A whole week, so that a weekend does not look like standstill.
        execute format('select count(*) from public.%I where timestamp > now() - interval ''7 days''', name)
        into week_rows;
        bytes_per_day := bytes::numeric / greatest(live_rows, 1) * week_rows / 7;
        days_left := null;
        whole_rate := whole_rate + bytes_per_day;
        return next;
    end loop;
    name := '(database)';
    bytes := pg_database_size(current_database());
    live_rows := null;
    bytes_per_day := whole_rate;
    days_left := round(greatest(plan_bytes - bytes, 0)::numeric / nullif(whole_rate, 0), 1);
    return next;
end;
$$;

revoke all on function public.database_usage() from public, anon, authenticated, service_role;
grant execute on function public.database_usage() to service_role;
