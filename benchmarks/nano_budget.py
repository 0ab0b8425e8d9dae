"""What `ticktape run` takes of a small machine: CPU and memory, idle, at two ticks a second, and at a thousand.

`python -m benchmarks.nano_budget [SECONDS]` runs each load for SECONDS (600 is what the budget is stated for) as a
process of its own beside an exchange and a destination that answers 201 at once, in processes of their own. Exit code
1 when a goal is missed. A nano has a sustained baseline of 5 % per core, 2 cores.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from benchmarks import rig
from benchmarks.exchange_process import TICKERS
from feed import token
from market import calendar

WARM_UP_SECONDS = 15.0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Load:
    """`rate` is the trades a second of the whole market, whose ten tickers take turns; `tickers` are those recorded."""

    name: str
    rate: int
    tickers: tuple[str, ...]
    cpu_percent_goal: float
    resident_mb_goal: float | None = None


LOADS = (
    Load("idle outside the session", 0, TICKERS[:1], 0.2),
    Load("1 ticker, 2 ticks a second", 20, TICKERS[:1], 1.5, 100.0),
    Load("1,000 ticks a second", 1_000, TICKERS, 15.0),
)


@dataclass(frozen=True)
class Taken:
    """Of one core, and resident at the end and at most."""

    cpu_percent: float
    resident_mb: float
    peak_mb: float


async def _measure(load: Load, seconds: float) -> Taken:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            rig.exchange(max(load.rate, 1), seconds + 2 * WARM_UP_SECONDS, folder) as exchange,
            destination() as url,
            service(folder / "data", exchange.url, url, load) as pid,
        ):
            await asyncio.sleep(WARM_UP_SECONDS)
            before, began = _cpu_seconds(pid), time.monotonic()
            await asyncio.sleep(seconds)
            used, took = _cpu_seconds(pid) - before, time.monotonic() - began
            taken = Taken(100 * used / took, _status_mb(pid, "VmRSS"), _status_mb(pid, "VmHWM"))
            # Left to itself it would wait for its last trade.
            exchange.process.kill()
            return taken


@contextlib.asynccontextmanager
async def service(data_dir: Path, exchange_url: str, destination: str, load: Load) -> AsyncIterator[int]:
    await asyncio.to_thread(data_dir.mkdir, mode=0o700)
    now = int(time.time())
    lasting = {"access_token": "simulated", "refresh_token": "simulated", "token_type": "Bearer"}
    token.write(
        data_dir / "schwab_token.json",
        {"creation_timestamp": now, "token": lasting | {"expires_at": now + 86_400, "expires_in": 86_400}},
    )
    settings = {
        "DATA_DIR": str(data_dir),
        "STREAM_TICKER": ",".join(load.tickers),
        "SKIP_MARKET_HOURS": "true" if load.rate else "false",
        "SESSION": "all" if load.rate else "regular",
        "SCHWAB_URL": exchange_url,
        "SCHWAB_APP_KEY": "simulated",
        "SCHWAB_APP_SECRET": "simulated",
        "SUPABASE_URL": destination,
        "SUPABASE_SERVICE_ROLE_KEY": "sb_secret_simulated",
        "HEALTH_PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("ticktape")), "run",
        cwd=data_dir, env={"PATH": os.environ["PATH"]} | settings, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process.pid
        if process.returncode is not None:
            raise RuntimeError(f"the service ended with {process.returncode}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


@contextlib.asynccontextmanager
async def destination() -> AsyncIterator[str]:
    """This process takes every row: what that costs is not counted."""

    async def created(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response([]) if request.method == "GET" else web.Response(status=201)

    application = web.Application(client_max_size=1 << 26)
    application.router.add_route("*", "/{path:.*}", created)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def _status_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1_024 / 1e6
    raise RuntimeError(f"/proc tells no {name}")


async def main(seconds: float) -> int:
    """Measure every load, print a line each and one JSON object; 1 when a goal is missed."""
    missed = 0
    found = {}
    for load in LOADS:
        if not load.rate and calendar.session_at(time.time_ns() // 1_000, "regular"):
            print(f"{load.name}: not measured, the market is open", flush=True)
            continue
        taken = await _measure(load, seconds)
        found[load.name] = vars(taken)
        is_met = taken.cpu_percent <= load.cpu_percent_goal and taken.peak_mb <= (
            load.resident_mb_goal or taken.peak_mb
        )
        missed += not is_met
        print(
            f"{load.name}: {taken.cpu_percent:.2f} % of a core (goal {load.cpu_percent_goal} %), "
            f"{taken.resident_mb:.0f} MB, at most {taken.peak_mb:.0f} MB "
            f"(goal {load.resident_mb_goal or '-'}): {'met' if is_met else 'MISSED'}",
            flush=True,
        )
    print(json.dumps({"seconds": seconds, "loads": found}))
    return min(1, missed)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0)))
