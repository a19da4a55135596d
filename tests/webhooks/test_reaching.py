"""The connection goes to the address that was looked at, whatever a name stands for a moment later."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network

import httpcore
import pytest

from services.concurrency import NoTurnError
from services.webhooks import reaching
from services.webhooks.addresses import Network, ReceiverRules
from services.webhooks.reaching import SHARE, WHOSE, FitAddresses, Names
from services.webhooks.sending import Sender, open_sender
from tests.webhooks.receiver import receiving

LOOPBACK = (ip_network("127.0.0.0/8"),)


class Rebinding(Names):
    """A name that stands for another address each time that it is asked for."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self._answers: Iterator[str] = iter(addresses)
        self.asked: list[str] = []

    async def addresses(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return [next(self._answers)]


async def sent(names: Names, url: str, allowed: tuple[Network, ...]) -> tuple[int | None, str | None]:
    async with httpcore.AsyncConnectionPool(network_backend=FitAddresses(names, allowed)) as pool:
        outcome = await Sender(pool, ReceiverRules(allowed, plain_http=True, seconds=10)).attempt(
            url, {"webhook-id": "1"}, "{}"
        )
    return outcome.status, outcome.error


async def test_a_name_is_looked_up_once_and_its_address_connected_to() -> None:
    async with receiving() as receiver:
        names = Rebinding("127.0.0.1", "169.254.169.254")
        port = receiver.url.rpartition(":")[2]
        assert await sent(names, f"http://hooks.example:{port}/ok", LOOPBACK) == (204, None)
    assert names.asked == ["hooks.example"]
    assert receiver.got[0].headers["host"] == f"hooks.example:{port}"


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "10.0.0.1"])
async def test_a_name_that_stands_for_an_address_of_ours_is_refused(address: str) -> None:
    async with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        told = await sent(Rebinding(address), f"http://hooks.example:{port}/ok", ())
    assert told == (None, "the address of hooks.example is none of the public internet")
    assert not receiver.connections


async def test_localhost_by_its_name_is_refused_and_an_unknown_name_told() -> None:
    async with receiving() as receiver, open_sender(ReceiverRules(plain_http=True, seconds=10)) as sender:
        port = receiver.url.rpartition(":")[2]
        refused = await sender.attempt(f"http://localhost:{port}/ok", {}, "{}")
        unknown = await sender.attempt("http://no-such-host.invalid/ok", {}, "{}")
        plain = await sender.attempt("ftp://127.0.0.1/ok", {}, "{}")
    assert refused.error == "the address of localhost is none of the public internet"
    assert unknown.error in ("it could not be reached, or the connection broke", "it did not answer within 10 s")
    assert plain.error is not None and not receiver.connections


async def test_a_connection_is_used_again() -> None:
    async with receiving() as receiver, open_sender(ReceiverRules(LOOPBACK, plain_http=True)) as sender:
        for _ in range(3):
            assert (await sender.attempt(f"{receiver.url}/ok", {}, "{}")).error is None
    assert receiver.connections == 1


async def test_only_who_has_too_much_or_is_away_is_asked_how_long() -> None:
    async with receiving() as receiver, open_sender(ReceiverRules(LOOPBACK, plain_http=True, seconds=10)) as sender:
        for status, asked in ((429, 60), (503, 60), (500, None), (200, None)):
            receiver.answers(f"/{status}", status, Retry_After="60")
            outcome = await sender.attempt(f"{receiver.url}/{status}", {}, "{}")
            assert outcome.retry_after == (None if asked is None else timedelta(seconds=asked))
        receiver.answers("/none", 503)
        assert (await sender.attempt(f"{receiver.url}/none", {}, "{}")).retry_after is None


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Names that begin with `hangs` are answered for once it is called; all others at once."""
    answered = threading.Event()

    def look_up(host: str, _: int) -> list[str]:
        if host.startswith("hangs"):
            answered.wait(60)
        return ["127.0.0.1"]

    monkeypatch.setattr(reaching, "_look_up", look_up)
    monkeypatch.setattr(reaching, "LOOKUP_SECONDS", 60.0)
    yield answered.set
    answered.set()


def asked(names: Names, whose: str, host: str) -> "asyncio.Task[list[str]]":
    async def ask() -> list[str]:
        WHOSE.set(whose)
        return await names.addresses(host, 80)

    return asyncio.create_task(ask())


async def test_names_that_nobody_answers_for_keep_no_other_organization_waiting(answer: Callable[[], None]) -> None:
    names = Names(within=0.05)
    hanging = [asked(names, "theirs", f"hangs{number}") for number in range(reaching.LOOKUPS_AT_ONCE + 1)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert await asked(names, "ours", "hooks.example") == ["127.0.0.1"]
        while sum(task.done() for task in hanging) < len(hanging) - SHARE:
            await asyncio.sleep(0.01)
        answer()
        came_to = await asyncio.gather(*hanging, return_exceptions=True)
    assert came_to[:SHARE] == [["127.0.0.1"]] * SHARE
    assert {type(error) for error in came_to[SHARE:]} == {NoTurnError}
    names.close()


async def test_a_look_up_has_its_time_from_when_it_begins(
    answer: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(within=60.0)
    monkeypatch.setattr(reaching, "LOOKUP_SECONDS", 0.0)
    hanging = [asked(names, "theirs", f"hangs{number}") for number in range(SHARE)]
    behind = asked(names, "theirs", "hooks.example")
    async with asyncio.timeout(30):
        came_to = await asyncio.gather(*hanging, return_exceptions=True)
        assert {type(error) for error in came_to} == {httpcore.ConnectTimeout} and not behind.done()
        monkeypatch.setattr(reaching, "LOOKUP_SECONDS", 60.0)
        answer()
        assert await behind == ["127.0.0.1"], "it waited for the threads of those that had given up"
    names.close()


async def test_an_attempt_that_did_not_get_as_far_as_a_name_is_none(answer: Callable[[], None]) -> None:
    names, reach = Names(within=0.0), ReceiverRules(LOOPBACK, plain_http=True, seconds=60)
    hanging = [asked(names, "theirs", f"hangs{number}") for number in range(SHARE)]
    await asyncio.sleep(0)
    async with receiving() as receiver, httpcore.AsyncConnectionPool(network_backend=FitAddresses(names, ())) as pool:
        outcome = await Sender(pool, reach).attempt(
            f"http://localhost:{receiver.url.rpartition(':')[2]}/ok", {}, "{}", "theirs"
        )
    assert outcome.is_ours and outcome.error is not None and outcome.error.startswith("its name was not looked up yet")
    assert not receiver.got
    answer()
    await asyncio.gather(*hanging)
    names.close()
