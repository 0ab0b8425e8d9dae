-- New public tables get no API grants by themselves, the service role's included: each one is granted here by name.
-- Nothing is left to PUBLIC.

grant usage on schema public to anon, authenticated, service_role;

revoke all on table
public.equity_data, public.indicators, public.option_prices, public.streaming_metrics, public.equity_data_stats
from public, anon, authenticated, service_role;

grant select on table
public.equity_data, public.indicators, public.option_prices, public.streaming_metrics, public.equity_data_stats
to anon, authenticated, service_role;

grant insert, update, delete on table
public.equity_data, public.indicators, public.option_prices, public.streaming_metrics
to service_role;
