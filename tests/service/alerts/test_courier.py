"""A channel that fails is tried again, then given up; it never blocks, raises, or grows without bound."""

import asyncio

from service.alerts import courier
from service.alerts.courier import WAITING_MAX, Courier
from service.alerts.errors import RefusedError, UndeliveredError
from service.alerts.message import Message


class Scripted:
    """Raises what is scripted, one error a call, then takes everything."""

    name = "scripted"

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.taken: list[str] = []
        self.calls = 0
        self.has_taken = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def send(self, message: Message) -> None:
        self.calls += 1
        await self.may_answer.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(message.subject)
        self.has_taken.set()


def _message(subject: str) -> Message:
    return Message(subject, "text", {})


async def test_it_tries_again_until_it_is_taken() -> None:
    channel = Scripted(UndeliveredError("a"), UndeliveredError("b"))
    carrier = Courier([channel], first_wait_seconds=0.0)
    carrier.start()
    carrier.post(_message("one"))
    await asyncio.wait_for(channel.has_taken.wait(), 10)
    await carrier.close(1)
    assert (channel.taken, channel.calls) == (["one"], 3)


async def test_what_is_refused_is_dropped_and_the_next_goes_out() -> None:
    channel = Scripted(RefusedError("no"), RuntimeError("a bug in a library"))
    carrier = Courier([channel], first_wait_seconds=0.0)
    carrier.start()
    for subject in ("one", "two", "three"):
        carrier.post(_message(subject))
    await asyncio.wait_for(channel.has_taken.wait(), 5)
    await carrier.close(1)
    assert channel.taken == ["three"]


async def test_a_hanging_channel_holds_up_neither_the_other_nor_the_end() -> None:
    hanging, working = Scripted(), Scripted()
    hanging.may_answer.clear()
    carrier = Courier([hanging, working])
    carrier.start()
    carrier.post(_message("one"))
    await asyncio.wait_for(working.has_taken.wait(), 5)
    await asyncio.wait_for(carrier.close(0.05), 5)
    assert (hanging.taken, working.taken) == ([], ["one"])


async def test_of_too_many_the_oldest_go() -> None:
    channel = Scripted()
    carrier = Courier([channel])
    for number in range(WAITING_MAX + 5):
        carrier.post(_message(str(number)))
    carrier.start()
    await carrier.close(5)
    assert channel.taken == [str(number) for number in range(5, WAITING_MAX + 5)]


async def test_who_posted_hears_of_each_channel_that_took_it_and_of_none_that_did_not() -> None:
    refusing, working, taken = Scripted(RefusedError("no")), Scripted(), []
    carrier = Courier([refusing, working])
    carrier.post(_message("one"), lambda: taken.append("one"))
    carrier.start()
    await carrier.close(5)
    assert taken == ["one"]
    assert (refusing.taken, working.taken) == ([], ["one"])


async def test_with_no_channel_everything_counts_as_taken() -> None:
    taken: list[str] = []
    Courier([]).post(_message("one"), lambda: taken.append("one"))
    Courier([]).post(_message("two"), lambda: taken.append("two"), lambda: False)
    assert taken == ["one"]


async def test_whether_it_is_wanted_is_asked_when_its_turn_has_come() -> None:
    channel, told = Scripted(UndeliveredError("x")), list[str]()
    carrier = Courier([channel], first_wait_seconds=0.0)
    carrier.post(_message("error"), lambda: told.append("error"))
    carrier.post(_message("recovered"), wanted=lambda: "error" in told)
    carrier.post(_message("never"), wanted=lambda: "warning" in told)
    carrier.start()
    await carrier.close(5)
    assert channel.taken == ["error", "recovered"]


async def test_last_words_are_one_attempt_and_raise_nothing() -> None:
    failing, hanging, working = Scripted(UndeliveredError("x")), Scripted(), Scripted()
    hanging.may_answer.clear()
    assert await courier.send_now([failing, hanging, working], _message("bye"), 0.05)
    assert (failing.calls, working.taken) == (1, ["bye"])


async def test_last_words_that_no_channel_took_are_not_told() -> None:
    hanging = Scripted()
    hanging.may_answer.clear()
    assert not await courier.send_now([Scripted(RefusedError("x")), hanging], _message("bye"), 0.05)
    assert await courier.send_now([], _message("bye"), 0.05)
