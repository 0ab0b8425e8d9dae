"""The power goes at any step of appends and checkpoints: acknowledged events are there, whole and in order.

The control runs the same with synchronous=NORMAL and must lose events, which shows that the harness can see a loss.
"""

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from eventlog import codec, database, queries, schema, store
from eventlog.intake import Intake
from tests.eventlog.ticks import NOW_US, tick
from tests.faults import harness_powercut
from tests.faults.harness_powercut import Tape


def _workload(synchronous: str, commits: int, checkpoint_every: int) -> Any:
    """The writer's own functions in the order in which the log calls them."""

    def work(connection: Any, tape: Tape) -> None:
        database.configure_writer(connection, synchronous)
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        schema.prepare(connection)
        intake = Intake(1, {})
        sizes = random.Random(7)
        for number in range(1, commits + 1):
            first = intake.next_seq
            count = sizes.choice((1, 3, 20, 70))
            store.commit(connection, intake.values([tick(seq) for seq in range(first, first + count)], NOW_US))
            tape.acknowledged(intake.next_seq - 1)
            if number % checkpoint_every == 0:
                store.checkpoint(connection)

    return work


def _lost(directory: Path, acknowledged: int) -> int:
    """How many acknowledged events are missing. Anything worse than missing at the end fails at once."""
    connection = sqlite3.connect(directory / "events.db", isolation_level=None)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'losses'").fetchone():
            return acknowledged
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        head = queries.head(connection)
        codec.use_bytes(connection)
        events = queries.page(connection, codec.RowDecoder(), 0, 1_000_000, None).events
        assert [event.seq for event in events] == list(range(1, head + 1))
        assert all(event.ts_us == tick(event.seq).ts_us for event in events)
        return max(0, acknowledged - head)
    finally:
        connection.close()


def _play(
    tmp_path: Path, synchronous: str, commits: int, states_per_cut: int, seed: int, every: int = 1
) -> tuple[int, int]:
    """States looked at, and in how many an acknowledged event was missing."""
    print(f"seed {seed}")
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    tape = harness_powercut.record(recorded, _workload(synchronous, commits, checkpoint_every=4))
    randomness = random.Random(seed)
    states = losses = 0
    for cut in range(1, len(tape.steps) + 1, every):
        for _ in range(states_per_cut):
            directory = tmp_path / f"state-{states}"
            directory.mkdir()
            acknowledged = harness_powercut.leave(tape, cut, randomness, directory)
            losses += _lost(directory, acknowledged) > 0
            states += 1
            for path in directory.iterdir():
                path.unlink()
            directory.rmdir()
    return states, losses


def test_a_power_cut_loses_nothing_acknowledged(tmp_path: Path) -> None:
    states, losses = _play(tmp_path, "FULL", commits=12, states_per_cut=1, seed=3, every=2)
    assert losses == 0
    assert states > 50


def test_the_harness_sees_what_synchronous_normal_loses(tmp_path: Path) -> None:
    states, losses = _play(tmp_path, "NORMAL", commits=12, states_per_cut=1, seed=3, every=2)
    assert losses > states // 10


@pytest.mark.long
@pytest.mark.timeout(300)
def test_no_power_cut_at_any_step_loses_anything(tmp_path: Path) -> None:
    states, losses = _play(tmp_path, "FULL", commits=40, states_per_cut=6, seed=random.randrange(10**6))
    print(f"{states} states")
    assert losses == 0
