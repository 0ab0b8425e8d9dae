"""The schema behind PostgREST, with the real supabase-py."""

from decimal import Decimal
from typing import Any

import supabase
from postgrest.types import ReturnMethod


async def test_the_service_key_writes_and_the_anon_key_reads_every_digit(
    service: supabase.AsyncClient, anonymous: supabase.AsyncClient
) -> None:
    row = {"ticker": "QQQ", "timestamp": "2026-11-20T15:00:00.000001+00:00", "price": 225.8435, "volume": 7}

    await (
        service.table("equity_data")
        .upsert([row], on_conflict="ticker,timestamp", returning=ReturnMethod.minimal)
        .execute()
    )

    answer: Any = await anonymous.table("equity_data").select("price,volume").execute()
    [read] = answer.data
    assert (Decimal(str(read["price"])), read["volume"]) == (Decimal("225.8435"), 7)
