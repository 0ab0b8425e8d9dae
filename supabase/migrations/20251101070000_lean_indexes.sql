-- An older schema may bring indexes that repeat the leading columns of a unique key, or another index of another name.
-- Each costs bytes and time with every row and is used for nothing.

do $$
declare
    found record;
begin
    for found in
        select distinct spare.indexrelid::regclass as name
        from pg_catalog.pg_index as spare
        inner join pg_catalog.pg_class as spare_class on spare.indexrelid = spare_class.oid
        inner join pg_catalog.pg_index as kept
            on spare.indrelid = kept.indrelid and spare.indexrelid <> kept.indexrelid
        inner join pg_catalog.pg_class as kept_class on kept.indexrelid = kept_class.oid
        where
            spare.indrelid in (
                'public.equity_data'::regclass, 'public.indicators'::regclass, 'public.option_prices'::regclass,
                'public.streaming_metrics'::regclass, 'public.stream_gaps'::regclass
            )
            and not spare.indisunique and spare.indpred is null and spare.indexprs is null
            and kept.indpred is null and kept.indexprs is null and spare_class.relam = kept_class.relam
            and (
                (kept.indisunique and (kept.indkey::text || ' ') like (spare.indkey::text || ' %'))
                or (kept.indkey::text = spare.indkey::text and kept.indexrelid > spare.indexrelid)
            )
    loop
        execute format('drop index if exists %s', found.name);
    end loop;
end;
$$;

-- Times only grow. An ascending B-tree then fills its pages to nine tenths, a descending one to a half (measured: 22
-- against 40 bytes a row), and either is read in both directions.
do $$
declare
    found record;
begin
    for found in
        select
            format('%I.%I', tables.relnamespace::regnamespace, indexes.relname) as index_name,
            indexes.relname as bare_name,
            tables.oid::regclass as table_name
        from pg_catalog.pg_index as definitions
        inner join pg_catalog.pg_class as indexes on definitions.indexrelid = indexes.oid
        inner join pg_catalog.pg_class as tables on definitions.indrelid = tables.oid
        inner join pg_catalog.pg_attribute as columns
            on tables.oid = columns.attrelid and definitions.indkey::text = columns.attnum::text
        where
            tables.oid in (
                'public.equity_data'::regclass, 'public.indicators'::regclass, 'public.option_prices'::regclass,
                'public.streaming_metrics'::regclass, 'public.stream_gaps'::regclass
            )
            and columns.attname = 'timestamp' and not definitions.indisunique and definitions.indpred is null
            and definitions.indoption[0] & 1 = 1
    loop
        execute format('drop index %s', found.index_name);
        execute format('create index %I on %s (timestamp)', found.bare_name, found.table_name);
    end loop;
end;
$$;
