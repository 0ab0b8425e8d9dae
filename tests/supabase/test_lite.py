"""The schema behind PostgREST, with the real supabase-py."""

import supabase


async def test_the_service_key_writes_and_the_anon_key_reads(
    service: supabase.AsyncClient, anonymous: supabase.AsyncClient
) -> None:
    row = {"ticker": "QQQ", "timestamp": "2026-11-20 15:00:00.000001+00", "price": 225.84, "volume": 7}

    await service.table("equity_data").upsert([row], on_conflict="ticker,timestamp", returning="minimal").execute()

    assert (await anonymous.table("equity_data").select("*").execute()).data == [row]
