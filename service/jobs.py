"""Every job by name: run inside the service when there is one, otherwise under the instance lock."""

from typing import Any

from eventlog.errors import UsageError
from service import jobs_indicators, jobs_log, jobs_replicator
from service.context import Context
from service.job import Job, Progress

JOBS: dict[str, Job] = {**jobs_log.JOBS, **jobs_indicators.JOBS, **jobs_replicator.JOBS}

LOCAL = frozenset({"rebuild", "log_import"})
"""Jobs that ask nothing of a destination: they run where none is set up."""

BEGINS_A_LOG = frozenset({"log_import"})
"""Jobs that need no log to be there."""


async def run(name: str, context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run the job `name`; `args` and the answer are plain JSON values, `progress` takes (done, total or None)."""
    job = JOBS.get(name)
    if job is None:
        raise UsageError(f"the running service does not know the job {name!r}: restart it after the upgrade")
    return await job(context, args, progress)
