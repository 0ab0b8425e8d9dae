"""What a destination can do to us: faults 5, 6, 8 to 11, 22, 27 and 28 of the fault list, row by row."""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from eventlog.events import Event
from replicator.errors import HaltingError, PermanentError, RetryableError
from replicator.replicator import Options, Replicator
from replicator.rows import EquityRow
from replicator.supabase_sink import SupabaseSink
from tests.replicator import doubles
from tests.replicator.doubles import Bench, tick
from tests.servers import scripted
from tests.servers.scripted import Answer, Request, ScriptedServer, error


class CrashError(Exception):
    """The process ends here."""


class Line:
    """A replicator of ticks whose destination is the scripted server, through the real supabase-py."""

    def __init__(self, bench: Bench, server: ScriptedServer) -> None:
        self.bench = bench
        self.server = server
        self.sink = SupabaseSink(server.url, SecretStr("sb_secret_x"))
        self.replicator = Replicator(bench.log, bench.database, self.sink, Options(clock=bench.clock, seed=1))

    async def sync(self) -> None:
        """Chunk after chunk until nothing is left or an error waits."""
        while (result := await self.replicator.sync_once("equity_data")).more and result.wait_seconds == 0:
            pass

    @property
    def posts(self) -> list[Request]:
        return [request for request in self.server.requests if request.method == "POST"]

    def volumes(self) -> list[int]:
        """The stored ticks, each known by its total volume."""
        return sorted(row["price"] for row in self.server.stored.get("equity_data", {}).values())

    async def dead(self) -> list[int]:
        return [seq for (seq,) in await self.bench.query("SELECT seq FROM dead_letters ORDER BY seq")]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with doubles.bench(tmp_path) as made:
        yield made


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with doubles.bench(tmp_path) as bench, scripted.serving() as server:
        made = Line(bench, server)
        await made.replicator.start()
        yield made
        await made.replicator.close()


def ticks(count: int) -> list[Event]:
    return [tick(number, price=float(number + 1)) for number in range(count)]


async def test_5_a_crash_between_the_answer_and_the_cursor_is_resent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.log.append(ticks(3))

    async def crash(*_: object) -> None:
        raise CrashError

    monkeypatch.setattr(bench.replicator.cursors, "advance", crash)
    with pytest.raises(CrashError):
        await bench.replicator.sync_once("equity_data")
    assert len(bench.sink.rows()) == 3
    await bench.restart()
    assert bench.replicator.status()[0].cursor == 0
    await bench.replicator.sync_once("equity_data")
    assert [len(chunk) for _, chunk in bench.sink.chunks] == [3, 3]
    assert len(bench.sink.rows()) == 3


async def test_6_rows_that_were_applied_before_the_connection_broke_are_there_once(line: Line) -> None:
    await line.bench.log.append(ticks(10))
    line.server.script.append(Answer(None, applies=True))
    result = await line.replicator.sync_once("equity_data")
    assert isinstance(result.error, RetryableError)
    assert line.replicator.status()[0].cursor == 0
    await line.sync()
    assert line.volumes() == [float(number) for number in range(1, 11)]


@pytest.mark.parametrize(
    ("count", "bad"),
    [(1, {1}), (2, {2}), (3, {2}), (100, {1}), (100, {100}), (1000, {500, 501}), (1000, {1, 250, 500, 750, 1000})],
)
async def test_8_only_poison_rows_become_dead_letters(line: Line, count: int, bad: set[int]) -> None:
    def judge(request: Request) -> Answer:
        return error(400, "22001") if any(row["price"] in bad for row in request.rows) else scripted.OK

    line.server.otherwise = judge
    await line.bench.log.append(ticks(count))
    result = await line.replicator.sync_once("equity_data")
    assert result.error is None
    assert await line.dead() == sorted(bad)
    assert line.volumes() == [float(n) for n in range(1, count + 1) if n not in bad]
    assert len(line.posts) <= 2 * len(bad) * math.log2(count) + 1


async def test_8_more_than_a_handful_is_the_schema_and_halts(line: Line) -> None:
    line.server.otherwise = lambda _: error(400, "22P02", "invalid input syntax for type integer")
    await line.bench.log.append(ticks(50))
    result = await line.replicator.sync_once("equity_data")
    assert isinstance(result.error, HaltingError) and "schema" in str(result.error)
    assert await line.dead() == []
    line.server.otherwise = lambda _: scripted.OK
    await line.sync()
    assert len(line.volumes()) == 50


async def test_8_more_than_a_handful_among_good_rows_halts_before_anything_is_given_up(line: Line) -> None:
    line.server.otherwise = lambda request: (
        error(400, "22001") if any(row["price"] % 10 == 0 for row in request.rows) else scripted.OK
    )
    await line.bench.log.append(ticks(60))
    result = await line.replicator.sync_once("equity_data")
    assert isinstance(result.error, HaltingError) and await line.dead() == []
    assert line.replicator.status()[0].cursor == 0


async def test_8_what_became_dead_letters_one_by_one_does_so_in_a_catch_up(bench: Bench) -> None:
    bench.sink.refuses = lambda row: isinstance(row, EquityRow) and row.price == 666.0
    for start in range(0, 1_000, 100):
        await bench.log.append([tick(start + n, price=666.0 if n == 50 else 1.0) for n in range(100)])
        assert (await bench.replicator.sync_once("equity_data")).error is None
    live = await bench.query("SELECT seq FROM dead_letters ORDER BY seq")
    for table in ("cursors", "dead_letters", "table_states"):
        await bench.query(f"DELETE FROM {table}")
    await bench.restart()
    assert (await bench.replicator.sync_once("equity_data")).error is None
    assert len(live) == 10 and await bench.query("SELECT seq FROM dead_letters ORDER BY seq") == live


async def test_8_refused_rows_that_come_one_by_one_halt_as_well(line: Line) -> None:
    line.server.otherwise = lambda _: error(400, "22P02")
    results = []
    for event in ticks(8):
        await line.bench.log.append([event])
        results.append(await line.replicator.sync_once("equity_data"))
    assert [result.error is None for result in results] == [True] * 5 + [False] * 3
    assert await line.dead() == [1, 2, 3, 4, 5]
    line.server.otherwise = lambda request: (
        error(400, "22P02") if any(row["price"] < 8 for row in request.rows) else scripted.OK
    )
    await line.sync()
    assert line.volumes() == [8.0] and await line.dead() == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    "answer",
    [
        error(404, "PGRST205"),
        error(400, "PGRST204"),
        error(401, "PGRST301"),
        Answer(540, "paused"),
        error(405, "25006"),
        Answer(402),
        error(500, "XX000"),
        Answer(418, "unknown"),
    ],
    ids=lambda answer: f"{answer.status}",
)
async def test_9_10_a_broken_destination_halts_drops_nothing_and_resumes(line: Line, answer: Answer) -> None:
    await line.bench.log.append(ticks(20))
    line.server.otherwise = lambda _: answer
    for _ in range(3):
        result = await line.replicator.sync_once("equity_data")
        assert isinstance(result.error, HaltingError) and result.wait_seconds == 30
    status = line.replicator.status()[0]
    assert (status.state, status.cursor, await line.dead()) == ("halted", 0, [])
    line.server.otherwise = lambda _: scripted.OK
    await line.sync()
    assert len(line.volumes()) == 20 and line.replicator.status()[0].state == "ok"


async def test_10_a_statement_timeout_halves_the_chunk_until_it_passes(line: Line) -> None:
    line.server.otherwise = lambda request: error(500, "57014") if len(request.rows) > 130 else scripted.OK
    await line.bench.log.append(ticks(1000))
    await line.sync()
    sizes = [len(request.rows) for request in line.posts]
    assert sizes[:4] == [1000, 500, 250, 125]
    assert len(line.volumes()) == 1000 and await line.dead() == []


async def test_11_a_complaint_about_repeated_keys_never_loops(line: Line) -> None:
    await line.bench.log.append(ticks(4))
    line.server.otherwise = lambda request: error(500, "21000") if len(request.rows) > 1 else scripted.OK
    await line.sync()
    assert len(line.volumes()) == 4 and await line.dead() == []
    bodies = [request.text for request in line.posts]
    assert len(set(bodies)) == len(bodies), "a chunk was sent again unchanged"


@pytest.mark.parametrize("asked", ["3", "99999999", "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_22_what_the_destination_asks_for_is_bounded_and_jittered(line: Line, asked: str) -> None:
    await line.bench.log.append(ticks(1))
    line.server.otherwise = lambda _: Answer(429, "", {"Retry-After": asked})
    waits = [(await line.replicator.sync_once("equity_data")).wait_seconds for _ in range(8)]
    assert all(0 < wait <= 375 for wait in waits)
    assert len(set(waits)) == len(waits)
    if asked == "3":
        assert all(wait >= 3 for wait in waits)


async def test_18_a_cancelled_flush_skips_nothing_that_was_read_ahead(bench: Bench) -> None:
    bench.replicator.pump("equity_data").chunk.rows = 100
    await bench.log.append(ticks(500))
    await bench.replicator.sync_once("equity_data")
    begun = asyncio.Event()

    async def never() -> None:
        begun.set()
        await asyncio.Event().wait()

    bench.sink.gate = never
    flush = asyncio.create_task(bench.replicator.sync_once("equity_data"))
    await begun.wait()
    flush.cancel()
    await asyncio.gather(flush, return_exceptions=True)
    bench.sink.gate = None
    while (await bench.replicator.sync_once("equity_data")).more:
        pass
    assert len(bench.sink.rows()) == 500


async def test_27_nothing_is_flushed_beside_a_drain(bench: Bench) -> None:
    bench.sink.gate = asyncio.Event().wait
    await bench.log.append(ticks(10))
    draining = asyncio.create_task(bench.replicator.drain(0.05))
    await asyncio.sleep(0)
    chunks = len(bench.sink.chunks)
    assert await draining == 10
    await bench.replicator.sync_all()
    assert len(bench.sink.chunks) <= max(chunks, 1)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "<html>Please log in to this hotel's network</html>", {"Content-Type": "text/html"}),
        Answer(200, ""),
        Answer(200, '{"status": "ok"}', {"Content-Type": "application/json"}),
        Answer(201, '"created"', {"Content-Type": "application/json"}),
    ],
)
async def test_what_is_no_supabase_acknowledges_nothing(line: Line, answer: Answer) -> None:
    line.server.read_answer = answer
    line.server.otherwise = lambda _: answer
    await line.bench.log.append(ticks(5))
    result = await line.replicator.sync_once("equity_data")
    assert isinstance(result.error, HaltingError) and "no Supabase" in str(result.error)
    assert line.replicator.status()[0].cursor == 0
    line.server.read_answer, line.server.otherwise = None, lambda _: scripted.OK
    await line.sync()
    assert len(line.volumes()) == 5


async def test_a_page_in_the_way_of_a_flush_acknowledges_nothing(line: Line) -> None:
    await line.bench.log.append(ticks(5))
    line.server.script.append(Answer(200, "<html></html>", {"Content-Type": "text/html"}))
    result = await line.replicator.sync_once("equity_data")
    assert isinstance(result.error, HaltingError) and line.replicator.status()[0].cursor == 0
    await line.sync()
    assert len(line.volumes()) == 5


async def test_27_a_drain_ends_in_time_and_says_what_is_unsent(line: Line) -> None:
    line.server.otherwise = lambda _: Answer(hangs=True)
    await line.bench.log.append(ticks(30))
    began = asyncio.get_running_loop().time()
    assert await line.replicator.drain(0.3) == 30
    assert asyncio.get_running_loop().time() - began < 3


async def test_28_a_slow_destination_has_one_request_per_table_under_way(bench: Bench) -> None:
    gate = asyncio.Semaphore(0)
    bench.sink.gate = gate.acquire
    stop = asyncio.Event()
    await bench.restart(batch_interval_seconds=0.01)
    task = asyncio.create_task(bench.replicator.run(stop))
    for number in range(50):
        await bench.log.append([tick(number)])
        await bench.replicator.sync_all()
    assert len(bench.sink.chunks) == 1
    for _ in range(100):
        gate.release()
    assert await bench.replicator.drain(5) == 0
    assert bench.sink.most_under_way == 1 and len(bench.sink.rows()) == 50
    stop.set()
    await task


async def test_a_permanent_refusal_never_moves_the_cursor_without_a_dead_letter(bench: Bench) -> None:
    await bench.log.append(ticks(4))
    bench.sink.faults.extend([PermanentError("22001", "22001"), None, RetryableError("503", "503")])
    result = await bench.replicator.sync_once("equity_data")
    assert isinstance(result.error, RetryableError)
    assert bench.replicator.status()[0].cursor == 0
    await bench.replicator.sync_once("equity_data")
    assert len(bench.sink.rows()) == 4
