"""The simulated exchange as a peer: what is on the wire, with a plain WebSocket client in the place of schwab-py."""

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from eventlog.errors import UsageError
from feed.errors import TapeError
from feed.exchange import Exchange, RandomMarket, Tape, scenario
from feed.exchange.protocol import EQUITIES
from tests.feed.harness import TRADE_MS, StillMarket, exchanging, trade


class Client:
    """Speaks the protocol by hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def ask(self, service: str, command: str, **parameters: str) -> dict[str, Any]:
        request = {"service": service, "command": command, "requestid": "7", "parameters": parameters}
        await self.socket.send_json({"requests": [request | {"SchwabClientCorrelId": "me"}]})
        while True:
            frame = await self.frame()
            if "response" in frame:
                answer: dict[str, Any] = frame["response"][0]
                assert (answer["service"], answer["command"], answer["requestid"]) == (service, command, "7")
                content: dict[str, Any] = answer["content"]
                return content

    async def frame(self) -> dict[str, Any]:
        frame: dict[str, Any] = await self.socket.receive_json(timeout=10)
        return frame

    async def content(self) -> list[dict[str, Any]]:
        while True:
            frame = await self.frame()
            if "data" in frame:
                content: list[dict[str, Any]] = frame["data"][0]["content"]
                return content


@contextlib.asynccontextmanager
async def connected(exchange: Exchange) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        preference = await (await session.get(f"{exchange.url}/trader/v1/userPreference")).json()
        async with session.ws_connect(preference["streamerInfo"][0]["streamerSocketUrl"]) as socket:
            yield Client(socket)


async def test_a_full_snapshot_then_changed_fields_only() -> None:
    async with exchanging(StillMarket("QQQ", "SPY")) as exchange, connected(exchange) as client:
        assert (await client.ask("ADMIN", "LOGIN"))["code"] == 0
        assert (await client.ask(EQUITIES, "SUBS", keys="QQQ", fields="0,1,2,3,8,9,35"))["code"] == 0
        [snapshot] = await client.content()
        assert snapshot == {
            "key": "QQQ", "delayed": False, "assetMainType": "EQUITY",
            "1": 99.5, "2": 100.5, "3": 100.0, "8": 1000, "9": 10, "35": TRADE_MS,
        }  # fmt: skip
        await exchange.publish(EQUITIES, [("QQQ", trade(1)), ("SPY", trade(1)), ("QQQ", trade(2, price=101.0))])
        assert await client.content() == [
            {"key": "QQQ", "8": 1010, "35": TRADE_MS + 1},
            {"key": "QQQ", "3": 101.0, "8": 1020, "35": TRADE_MS + 2},
        ]


async def test_add_keeps_subs_replaces_unsubs_removes() -> None:
    async with exchanging(StillMarket("A", "B", "C")) as exchange, connected(exchange) as client:
        await client.ask("ADMIN", "LOGIN")
        await client.ask(EQUITIES, "SUBS", keys="A", fields="0,3")
        await client.ask(EQUITIES, "ADD", keys="B", fields="0,3")
        [streamer] = exchange.streamers
        assert streamer.keys_of(EQUITIES) == {"A", "B"}
        await client.ask(EQUITIES, "UNSUBS", keys="A")
        assert streamer.keys_of(EQUITIES) == {"B"}
        await client.ask(EQUITIES, "SUBS", keys="C", fields="0,3")
        assert streamer.keys_of(EQUITIES) == {"C"}


async def test_a_snapshot_is_repeated_after_resubscribing() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange, connected(exchange) as client:
        await client.ask("ADMIN", "LOGIN")
        await client.ask(EQUITIES, "SUBS", keys="QQQ", fields="0,3")
        first = await client.content()
        await client.ask(EQUITIES, "SUBS", keys="QQQ", fields="0,3")
        assert await client.content() == first


async def test_logout_answers_and_closes() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange, connected(exchange) as client:
        await client.ask("ADMIN", "LOGIN")
        assert (await client.ask("ADMIN", "LOGOUT"))["code"] == 0
        message = await client.socket.receive(timeout=10)
        assert (message.type, client.socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1000)


async def test_heartbeats_and_bad_requests() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange, connected(exchange) as client:
        assert "heartbeat" in (await client.frame())["notify"][0]
        await client.socket.send_str("no json")
        while "response" not in (frame := await client.frame()):
            pass
        assert frame["response"][0]["content"]["code"] == 21


async def test_a_login_with_a_token_that_is_not_valid_is_denied() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange, connected(exchange) as client:
        exchange.rest.tokens.expire_access()
        assert (await client.ask("ADMIN", "LOGIN", Authorization="old"))["code"] == 3
        assert (await client.socket.receive(timeout=10)).type == aiohttp.WSMsgType.CLOSE


async def test_more_than_500_keys_are_refused() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange, connected(exchange) as client:
        assert (await client.ask(EQUITIES, "SUBS", keys="QQQ", fields="0"))["code"] == 20, "LOGIN comes first"
        await client.ask("ADMIN", "LOGIN")
        keys = ",".join(f"T{number}" for number in range(501))
        assert (await client.ask(EQUITIES, "SUBS", keys=keys, fields="0"))["code"] == 19


async def test_a_second_login_takes_the_stream_over() -> None:
    async with (
        exchanging(StillMarket("QQQ")) as exchange,
        connected(exchange) as first,
        connected(exchange) as second,
    ):
        await first.ask("ADMIN", "LOGIN")
        await second.ask("ADMIN", "LOGIN")
        while "content" not in (notice := (await first.frame())["notify"][0]):
            pass
        assert (notice["service"], notice["content"]["code"]) == ("ADMIN", 12)
        assert (await first.socket.receive(timeout=10)).type == aiohttp.WSMsgType.CLOSE
        assert (await second.ask(EQUITIES, "SUBS", keys="QQQ", fields="0"))["code"] == 0


async def test_a_tape_waits_for_a_subscriber_and_plays_every_trade() -> None:
    tape = Tape(Path("tests/data/aapl_2012-06-21_open.csv"), "AAPL", math.inf)
    async with exchanging(tape) as exchange, connected(exchange) as client:
        await client.ask("ADMIN", "LOGIN")
        assert not exchange.played.is_set()
        await client.ask(EQUITIES, "SUBS", keys="AAPL", fields="0,3,8,9,35")
        await client.content()
        items: list[dict[str, Any]] = []
        while len(items) < 159:
            items += await client.content()
        await asyncio.wait_for(exchange.played.wait(), 10)
    assert [item["8"] for item in items] == sorted({item["8"] for item in items}), "each trade is an item of its own"
    assert items[-1]["8"] == 10_592
    assert items[0]["35"] == 1_340_285_400_275


async def test_the_tapes_gaps_are_divided_by_the_speed() -> None:
    tape = Tape(Path("tests/data/aapl_2012-06-21_open.csv"), "AAPL", 1000.0)
    async with exchanging(tape) as exchange, connected(exchange) as client:
        await client.ask("ADMIN", "LOGIN")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await client.ask(EQUITIES, "SUBS", keys="AAPL", fields="0,3")
        await asyncio.wait_for(exchange.played.wait(), 10)
        assert 0.047 <= loop.time() - began < 2.0, "47.6 s of tape at 1000 times the speed"


async def test_the_random_markets_volume_never_falls_over_restarts() -> None:
    first = {key: fields["8"] for service, key, fields in RandomMarket(["QQQ"]).snapshots() if service == EQUITIES}
    again = {key: fields["8"] for service, key, fields in RandomMarket(["QQQ"]).snapshots() if service == EQUITIES}
    assert again["QQQ"] >= first["QQQ"] > 0


async def test_a_taken_port_is_named() -> None:
    async with exchanging(StillMarket("QQQ")) as exchange:
        port = int(exchange.url.rsplit(":", 1)[1])
        with pytest.raises(UsageError, match=str(port)):
            await Exchange(StillMarket("QQQ"), port=port).start()


@pytest.mark.parametrize("name", sorted(scenario.NAMED))
async def test_named_scenarios_play_to_their_end(name: str) -> None:
    async with exchanging(StillMarket("QQQ")) as exchange, connected(exchange) as client:
        await client.ask("ADMIN", "LOGIN")
        await client.ask(EQUITIES, "SUBS", keys="QQQ", fields="0,3")
        await asyncio.wait_for(scenario.play(exchange, scenario.load(name), speed=math.inf), 20)


async def test_a_scenario_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "day.json"
    step = {"at_seconds": 0, "do": "update", "key": "QQQ", "fields": {"3": 99.25}}
    path.write_text(json.dumps([step, {"at_seconds": 0.01, "do": "raw", "text": '{"notify":[{"own":1}]}'}]))
    async with exchanging(StillMarket("QQQ"), heartbeat_seconds=60.0) as exchange, connected(exchange) as client:
        await client.ask("ADMIN", "LOGIN")
        await client.ask(EQUITIES, "SUBS", keys="QQQ", fields="0,3")
        await client.content()
        await scenario.play(exchange, scenario.load(str(path)))
        assert await client.content() == [{"key": "QQQ", "3": 99.25}]
        assert await client.frame() == {"notify": [{"own": 1}]}


@pytest.mark.parametrize(
    "text",
    ["", "{}", '[{"do":"close"}]', '[{"at_seconds":1,"do":"dance"}]', '[{"at_seconds":1,"do":"close","x":1}]'],
)
def test_a_wrong_scenario_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "day.json"
    path.write_text(text)
    with pytest.raises(TapeError, match=r"day\.json"):
        scenario.load(str(path))
    with pytest.raises(TapeError, match="half-open"):
        scenario.load("no-such-scenario")
