-- Columns for INDICATORS=. They stay null unless a recorder names them; a nullable column costs no rewrite.
alter table public.indicators
add column if not exists ema9 double precision,
add column if not exists rsi14 double precision,
add column if not exists session_open double precision,
add column if not exists session_high double precision,
add column if not exists session_low double precision,
add column if not exists session_close double precision;
