"""Starts the appender, alone or under strace, reads what it acknowledged, and checks the log it leaves behind."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from eventlog import events
from eventlog.events import Event
from eventlog.log import open_log
from tests.faults import harness_appender

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Told:
    """What a process printed: the largest acknowledged seq, its last line, its exit code."""

    acknowledged: int = 0
    lines: list[str] = field(default_factory=list)
    exit_code: int = 0

    def hear(self, line: str) -> None:
        self.lines.append(line.strip())
        if line.startswith("ack "):
            self.acknowledged = max(self.acknowledged, int(line.split()[2]))


@contextlib.contextmanager
def appender(
    directory: Path, limit: int | None = None, strace: list[str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The running process; it is killed at the end of the block."""
    command = [sys.executable, "-m", "tests.faults.harness_appender", str(directory)]
    if limit is not None:
        command.append(str(limit))
    if strace is not None:
        command = ["strace", "-f", "-qq", "-o", str(directory / "strace.out"), *strace, *command]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run_to_end(directory: Path, limit: int, strace: list[str] | None = None) -> Told:
    """Let the process run until it ends by itself or by what strace does to it."""
    with appender(directory, limit, strace) as process:
        output, _ = process.communicate(timeout=60)
    told = Told(exit_code=process.returncode)
    for line in output.splitlines():
        told.hear(line)
    return told


def require_strace() -> None:
    """Skip where strace is missing or may not trace."""
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-qq", "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace is not there or may not trace")


async def check(directory: Path, acknowledged: int) -> int:
    """I1, I2, I6: all acknowledged events are there, seqs have no holes, nothing is invented. Returns the head."""
    log = await open_log(directory, reserve_bytes=0)
    try:
        assert log.head >= acknowledged, f"acknowledged {acknowledged}, found {log.head}"
        after = 0
        while after < log.head:
            page = await log.read(after, 5_000)
            for event in page.events:
                after += 1
                assert event.seq == after
                if event.kind == "equity_tick":
                    payload = events.decode(event)
                    assert payload is not None
                    assert Event(event.ticker, event.ts_us, payload) == harness_appender.expected(event.seq)
        return log.head
    finally:
        await log.close()
