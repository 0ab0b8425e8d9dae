-- An earlier form of streaming_metrics had a surrogate key alone, so that a row sent twice was there twice.

alter table public.streaming_metrics
add column if not exists records_processed integer not null default 0,
add column if not exists batch_size integer,
add column if not exists processing_time_ms integer,
add column if not exists error_count integer not null default 0,
add column if not exists service_status varchar(50);

do $$
begin
    if exists (
        select from pg_catalog.pg_index as keys
        where
            keys.indrelid = 'public.streaming_metrics'::regclass and keys.indisunique and keys.indpred is null
            and (
                select array_agg(columns.attname::text order by columns.attname)
                from pg_catalog.pg_attribute as columns
                where columns.attrelid = keys.indrelid and columns.attnum = any(keys.indkey::smallint[])
            ) = array['ticker', 'timestamp']
    ) then
        return;
    end if;
    delete from public.streaming_metrics where ticker is null;
    delete from public.streaming_metrics as older
    using public.streaming_metrics as newer
    where older.ticker = newer.ticker and older.timestamp = newer.timestamp and older.ctid < newer.ctid;
    update public.streaming_metrics set error_count = 0 where error_count is null;
    alter table public.streaming_metrics
    alter column ticker set not null,
    alter column error_count set not null,
    alter column processing_time_ms type integer,
    alter column service_status type varchar(50),
    add constraint streaming_metrics_ticker_timestamp_key unique (ticker, timestamp);
end;
$$;
