"""A destination that refuses, told once by the running service, and its recovery, told once."""

from pathlib import Path

import pytest

from feed.exchange import RandomMarket
from tests.e2e import recorder as recording
from tests.servers import postgres
from tests.servers.lite import Lite


async def _sql(lite: Lite, statement: str) -> None:
    async with postgres.connected(lite.dsn) as connection:
        await connection.execute(statement)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_lost_grant_is_told_once_and_so_is_its_return(tmp_path: Path, lite: Lite) -> None:
    await _sql(lite, "revoke insert, update on public.equity_data from service_role")
    recording.write_token(tmp_path / "data")
    async with (
        recording.exchanging(RandomMarket(["QQQ"])) as exchange,
        recording.inbox() as inbox,
        recording.recorder(
            tmp_path / "data",
            SCHWAB_URL=exchange.url,
            SUPABASE_URL=lite.url,
            SUPABASE_SERVICE_ROLE_KEY=lite.service_key,
            ALERT_WEBHOOK=inbox.url,
        ) as service,
    ):
        await service.start()
        await service.until(lambda: bool(inbox.changes()))
        (alert,) = inbox.alerts
        assert (alert["check"], alert["level"]) == ("replication", "error")
        assert "equity_data halted" in alert["sentence"]
        assert "42501" in alert["sentence"]
        await _sql(lite, "grant insert, update on public.equity_data to service_role")
        await service.until(lambda: len(inbox.alerts) > 1, timeout_seconds=200)
        assert await service.stop() == 0
        assert inbox.changes() == [("replication", "error"), ("replication", "recovered")]
        assert service.events("service.stopped")[0]["unsent"] == 0
