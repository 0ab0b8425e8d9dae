"""The schema behind PostgREST, with the real supabase-py."""

from decimal import Decimal

import supabase


async def test_the_service_key_writes_and_the_anon_key_reads_every_digit(
    service: supabase.AsyncClient, anonymous: supabase.AsyncClient
) -> None:
    row = {"ticker": "QQQ", "timestamp": "2026-11-20T15:00:00.000001+00:00", "price": 225.8435, "volume": 7}

    await service.table("equity_data").upsert([row], on_conflict="ticker,timestamp", returning="minimal").execute()

    [read] = (await anonymous.table("equity_data").select("price,volume").execute()).data
    assert (Decimal(str(read["price"])), read["volume"]) == (Decimal("225.8435"), 7)
