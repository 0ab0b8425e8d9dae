-- What `ticktape verify` compares with the local log, because PostgREST cuts downloads at 1,000 rows.
--
-- One row per ticker and UTC hour that holds rows with since <= timestamp < until. `digest` is the md5, in lower-case
-- hexadecimal, of the UTF-8 text of the hour's rows, ordered by key (text by its bytes), joined by a newline (0x0A),
-- none at the end. A row is its columns, in the order below, joined by '|':
--
--   equity_data        ticker, timestamp, price, volume
--   indicators         ticker, timestamp, sma9, vwap
--   option_prices      ticker, timestamp, option_type, strike_price, expiration_date, last_price, bid, ask, volume,
--                      open_interest, delta, gamma, theta, vega, implied_volatility, option_symbol
--   streaming_metrics  ticker, timestamp, records_processed, batch_size, processing_time_ms, error_count,
--                      service_status
--   stream_gaps        ticker, timestamp, ended_at, reason
--
--   timestamptz        whole microseconds since 1970-01-01 UTC, as a decimal integer
--   numeric(14,4)      fixed with four decimals: 225.8400
--   double precision   the 8 bytes of the IEEE 754 value, most significant first, as 16 lower-case hexadecimal digits
--   integers           decimal; dates YYYY-MM-DD; text as it is; NULL is '-'

-- A named type, because in PL/pgSQL a column of RETURNS TABLE may not be called `ticker` as the parameter is.
do $$
begin
    if to_regtype('public.replication_digest_row') is null then
        create type public.replication_digest_row as (ticker text, hour timestamptz, row_count bigint, digest text);
    end if;
end;
$$;

create or replace function public.replication_digest(
    table_name text, since timestamptz, until timestamptz, ticker text default null
) returns setof public.replication_digest_row
language plpgsql stable set search_path = ''
as $$
declare
    shipped constant text[] := case table_name
        when 'equity_data' then '{ticker, timestamp, price, volume}'
        when 'indicators' then '{ticker, timestamp, sma9, vwap}'
        when 'option_prices' then
            '{ticker, timestamp, option_type, strike_price, expiration_date, last_price, bid, ask, volume, '
            'open_interest, delta, gamma, theta, vega, implied_volatility, option_symbol}'
        when 'streaming_metrics' then
            '{ticker, timestamp, records_processed, batch_size, processing_time_ms, error_count, service_status}'
        when 'stream_gaps' then '{ticker, timestamp, ended_at, reason}'
    end;
    rest_of_key constant text := case table_name
        when 'option_prices' then ', rows.option_type collate "C", rows.strike_price, rows.expiration_date'
        else ''
    end;
    line text;
begin
    if shipped is null then
        raise exception 'replication_digest: no such table: %', table_name using errcode = 'invalid_parameter_value';
    end if;
    select
        string_agg(
            format(
                case format_type(attributes.atttypid, null)
                    when 'timestamp with time zone' then '(extract(epoch from rows.%I) * 1000000)::bigint'
                    when 'double precision' then 'coalesce(encode(float8send(rows.%I), ''hex''), ''-'')'
                    when 'date' then 'to_char(rows.%I, ''YYYY-MM-DD'')'
                    else 'coalesce(rows.%I::text, ''-'')'
                end,
                attributes.attname
            ),
            ', ' order by array_position(shipped, attributes.attname::text)
        )
    into strict line
    from pg_catalog.pg_attribute as attributes
    where attributes.attrelid = to_regclass(format('public.%I', table_name)) and attributes.attname = any(shipped);
    return query execute format(
        'select rows.ticker::text, date_trunc(''hour'', rows.timestamp, ''UTC''), count(*), '
        'md5(convert_to(string_agg(concat_ws(''|'', %s), E''\n'' order by rows.timestamp%s), ''UTF8'')) '
        'from public.%I as rows '
        'where rows.timestamp >= $1 and rows.timestamp < $2 and ($3 is null or rows.ticker = $3) '
        'group by rows.ticker, 2 order by rows.ticker collate "C", 2',
        line, rest_of_key, table_name
    ) using since, until, replication_digest.ticker;
end;
$$;

revoke all on type public.replication_digest_row from public;
grant usage on type public.replication_digest_row to service_role;

revoke all on function public.replication_digest(text, timestamptz, timestamptz, text)
from public, anon, authenticated, service_role;

grant execute on function public.replication_digest(text, timestamptz, timestamptz, text)
to service_role;
