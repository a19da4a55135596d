"""A story whose bills have draws, surcharges, fees, true-ups and differences, and whose log goes on after each."""

import asyncio
from typing import Any

from tests.catalog import TERM
from tests.system.story import ACCOUNTS, publish, set_up

PARTITIONS = 2


async def play_story(played: Any) -> None:
    wire, cluster, organization = played.wire, played.cluster, played.wire.organization
    played.accounts.update(await set_up(wire))
    # What is known at a moment is what the log has by then, and a command is answered before it is relayed.
    await played.settled()
    played.note()
    for part in (0, 3, 6, 8, 11):
        await publish(cluster, organization, part, PARTITIONS)
        if part in (0, 3):
            await played.settled()
            played.note()
    await played.settled()
    await bill(wire, "2026-01-31")
    await played.settled()
    played.note()
    for part in (1, 4, 9, 5):
        await publish(cluster, organization, part, PARTITIONS)
    await played.settled()
    body = {"amount": 15, "amountPrePaid": 15, "code": "second", **TERM}
    await wire.make("commitments", "second", accountId=played.accounts[ACCOUNTS[0]], **body)
    await played.settled()
    played.note()
    await bill(wire, "2026-02-28")
    # Usage that no bill knows yet.
    await publish(cluster, organization, 2, PARTITIONS)
    await played.settled()
    played.note()


async def bill(wire: Any, last_day: str) -> None:
    job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": last_day})
    async with asyncio.timeout(120):
        while job["status"] != "COMPLETE":
            await asyncio.sleep(0.1)
            job = await wire.do("GET", f"billjobs/{job['id']}")
