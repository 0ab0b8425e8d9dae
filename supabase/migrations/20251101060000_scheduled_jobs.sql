-- Refresh and clean-up by pg_cron, where it is there (times are UTC). A job that exists is left as its owner set it.
-- A clean-up call deletes for four seconds at most, so it runs every few minutes through the night.

do $$
declare
    job record;
    missing boolean;
begin
    if to_regprocedure('cron.schedule(text, text, text)') is null then
        return;
    end if;
    for job in
        select * from (values
            ('ticktape refresh', '*/15 13-21 * * 1-5', 'select public.refresh_equity_stats()'),
            ('ticktape clean equity_data', '*/5 2-5 * * *', 'select public.cleanup_old_rows(''equity_data'', 90)'),
            ('ticktape clean indicators', '*/5 2-5 * * *', 'select public.cleanup_old_rows(''indicators'', 90)'),
            ('ticktape clean option_prices', '*/5 2-5 * * *', 'select public.cleanup_old_rows(''option_prices'', 30)'),
            ('ticktape clean metrics', '30 6 * * *', 'select public.cleanup_old_rows(''streaming_metrics'', 90)'),
            ('ticktape clean gaps', '30 6 * * *', 'select public.cleanup_old_rows(''stream_gaps'', 365)')
        ) as jobs (name, schedule, command)
    loop
        execute 'select not exists (select from cron.job where jobname = $1)' into missing using job.name;
        if missing then
            execute 'select cron.schedule($1, $2, $3)' using job.name, job.schedule, job.command;
        end if;
    end loop;
end;
$$;
