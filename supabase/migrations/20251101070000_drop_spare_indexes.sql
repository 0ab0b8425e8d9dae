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
