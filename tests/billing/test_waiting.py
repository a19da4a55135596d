"""What one organization asks or waits for holds up no other, nor /health, and costs no connection."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.run.up import System
from tests.billing.conftest import Shop, opened_shop
from tests.billing.plain_http import Answer, ask, refused, typical
from tests.forked import ForkedChild
from tests.system.pausing import standing_still

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

#: As many POSTs as one organization may send at once.
WAITERS, POSTS = 2_000, 200
#: What others may take while all that goes on: a small multiple of their time when nothing does; and if that is less
#: than a machine with other work to do may take for anything, this: whoever is held up waits for several seconds.
TIMES, FELT_SECONDS = 8, 1.5
#: Long enough for /health to say that the relay stands still, and shorter than a request waits for a projection.
STOPPED_SECONDS = 10
#: So often another organization asks at least: what is typical is not how the arrival of all who wait felt.
ROUNDS = 9


@contextmanager
def relay_stopped(system: System) -> Iterator[None]:
    """The system's relay stands still, as if its host were."""
    relay = system.supervisor._children["relay"]
    assert isinstance(relay, ForkedChild)
    with standing_still([relay.pid]):
        yield


class Other:
    """Another organization, which goes about its business."""

    def __init__(self, shop: Shop, account: str) -> None:
        self.url = shop.system.addresses.api_url
        self.account, self.path = account, f"/organizations/{shop.organization}"
        self.made = 0

    async def get(self) -> Answer:
        return await ask(self.url, "GET", f"{self.path}/accounts/{self.account}")

    async def command(self) -> Answer:
        self.made += 1
        return await ask(self.url, "POST", f"{self.path}/products", {"code": f"p{self.made}", "name": "P"})

    async def usual(self) -> float:
        """The time of its requests while nothing else goes on."""
        await self.get()
        return max(typical([await self.get() for _ in range(40)]), typical([await self.command() for _ in range(20)]))


async def opened_other(shop: Shop) -> Other:
    other = await opened_shop(shop.system)
    return Other(other, await other.account("other"))


@pytest.mark.long
async def test_a_relay_that_stands_still_holds_up_only_who_waits_for_it(shop: Shop) -> None:
    other, account, url = await opened_other(shop), await shop.account("acme"), shop.system.addresses.api_url
    preview = f"/organizations/{shop.organization}/bills/preview"
    usual = await other.usual()
    with relay_stopped(shop.system):
        await shop.create("products", code="unpublished", name="Unpublished")
        reads, commands, looks = list[Answer](), list[Answer](), [await ask(url, "GET", "/health")]
        asked = {"accountId": account, "lastDateInBillingPeriod": "2026-02-28"}
        waiting = [asyncio.create_task(ask(url, "POST", preview, asked)) for _ in range(WAITERS)]
        began = time.monotonic()
        # A look in vain begins anew to count for how long the relay stands, and a loaded machine has such looks.
        while (
            (passed := time.monotonic() - began) < STOPPED_SECONDS
            or len(reads) < ROUNDS
            or (looks[-1].document.get("status") != "degraded" and passed < 2 * STOPPED_SECONDS)
        ):
            reads.append(await other.get())
            commands.append(await other.command())
            looks.append(await ask(url, "GET", "/health"))
        assert not [task.result() for task in waiting if task.done()]
    answers = await asyncio.gather(*waiting)
    assert not refused([*reads, *commands])
    assert len(refused(looks)) * 10 <= len(looks), "a loaded machine may be silent for a moment, and it says so then"
    assert max(typical(reads), typical(commands)) < max(TIMES * usual, FELT_SECONDS)
    assert typical(looks) < 1.5
    told = [look.document for look in looks if look not in refused(looks)][-1]
    assert told["status"] == "degraded"
    assert any("the relay is" in problem for problem in told["problems"])
    assert not refused(answers)
    assert {answer.document["billTotal"] for answer in answers} == {answers[0].document["billTotal"]}


async def test_many_commands_of_one_organization_hold_up_no_other(shop: Shop) -> None:
    other, url = await opened_other(shop), shop.system.addresses.api_url
    usual = await other.usual()
    path = f"/organizations/{shop.organization}/products"
    posts = [
        asyncio.create_task(ask(url, "POST", path, {"code": f"many-{number}", "name": "Many"}))
        for number in range(POSTS)
    ]
    reads, commands = list[Answer](), list[Answer]()
    while not all(task.done() for task in posts):
        reads.append(await other.get())
        commands.append(await other.command())
    assert not refused([*reads, *commands, *await asyncio.gather(*posts)])
    assert max(typical(reads), typical(commands)) < max(TIMES * usual, FELT_SECONDS)


async def test_reads_that_settle_hold_up_no_other(shop: Shop) -> None:
    """Each read as of a day settles the family anew: many at once are one organization's own affair."""
    account = await shop.account("acme")
    terms: dict[str, Any] = {"amount": 100, "currency": "USD", "startDate": "2026-01-01", "endDate": "2030-01-01"}
    commitments = [await shop.create("commitments", accountId=account, **terms) for _ in range(30)]
    other, url = await opened_other(shop), shop.system.addresses.api_url
    usual = await other.usual()
    path = f"/organizations/{shop.organization}/commitments"
    asked = [
        asyncio.create_task(ask(url, "GET", f"{path}/{commitment}?asOf=2029-12-01"))
        for commitment in commitments
        for _ in range(10)
    ]
    reads = list[Answer]()
    while not all(task.done() for task in asked):
        reads.append(await other.get())
    assert not refused([*reads, *await asyncio.gather(*asked)])
    assert typical(reads) < max(TIMES * usual, FELT_SECONDS)
