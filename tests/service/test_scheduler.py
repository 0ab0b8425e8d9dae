"""What the scheduler does when the machine slept through the hour."""

from pathlib import Path

from freezegun import freeze_time

from service import scheduler
from service.context import open_context
from tests.service.configured import settings_with


async def test_a_prune_that_was_slept_through_is_made_up_for(tmp_path: Path) -> None:
    settings = settings_with(data_dir=tmp_path, destination="none", retention_days=1)
    with freeze_time("2026-11-18T07:59:00Z"):
        async with open_context(settings) as context:
            planned = scheduler.planned(context)
            planned.start(paused=True)
            try:
                (job,) = planned.get_jobs()
                assert job.id == "prune"
                assert job.next_run_time.isoformat() == "2026-11-18T03:00:00-05:00"
                # What comes later than so many seconds is left out.
                assert job.misfire_grace_time >= 6 * 3600
            finally:
                planned.shutdown(wait=False)
