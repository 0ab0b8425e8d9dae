"""What a reader may see while a commit is on its way to its acknowledgement."""

from pathlib import Path

import pytest

from eventlog.clock import ManualClock
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, ticks


@pytest.mark.parametrize(("after", "seqs", "through"), [(0, [1, 2], 2), (1, [2], 2), (2, [], 2), (3, [], 3)])
async def test_a_read_never_goes_beyond_the_head(tmp_path: Path, after: int, seqs: list[int], through: int) -> None:
    log = await open_log(tmp_path, ManualClock(NOW_US))
    await log.append(ticks(5))
    await log.close()
    log = await open_log(tmp_path, ManualClock(NOW_US))
    # On the disk, but not acknowledged yet: a position beyond the head would look like that of a restored log.
    log._commits.head = 2
    page = await log.read(after, 10)
    assert ([event.seq for event in page.events], page.through_seq) == (seqs, through)
    log._commits.head = 5
    assert (await log.read(0, 10)).through_seq == 5
    await log.close()
