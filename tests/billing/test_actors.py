"""Who did it, on bills: from the job that opened one to whoever locked it, read from the event store and in lists."""

import asyncio
from typing import Any

import pytest

from tests.api_client import By, http_client
from tests.billing.conftest import Shop
from tests.billing.test_memos import memo

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
NAMES = ("createdBy", "approvedBy", "lockedBy", "lastModifiedBy")


def hands(document: dict[str, Any]) -> tuple[str | None, ...]:
    return tuple(document.get(name) for name in NAMES)


async def by(shop: Shop, name: str, method: str, path: str, body: Any = None) -> Any:
    """A request that must succeed, by whom; returns its document."""
    url = f"{shop.system.addresses.api_url}/organizations/{shop.organization}"
    async with http_client(url, by=By(name)) as client:
        answer = await client.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def opened_by(shop: Shop, name: str) -> str:
    """A pending bill of January, by a job that somebody asked for."""
    await shop.account("acme")
    job = await shop.done(await by(shop, name, "POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"}))
    assert hands(job) == (f"USER_{name}", None, None, "billing")
    [bill] = job["billIds"]
    return str(bill)


async def test_a_bill_names_who_asked_for_it_who_approved_it_and_who_locked_it(patient: Shop) -> None:
    path = f"bills/{await opened_by(patient, 'alice')}"
    assert hands(await patient.do("GET", path)) == ("USER_alice", None, None, "USER_alice")
    id = path.removeprefix("bills/")
    added = await by(patient, "bob", "POST", f"{path}/creditlineitems", memo(patient, id, 1))
    assert hands(added) == ("USER_bob", None, None, "USER_bob")
    again = memo(patient, id, 2, version=1)
    changed = await by(patient, "carol", "PUT", f"{path}/creditlineitems/{added['id']}", again)
    assert hands(changed) == ("USER_bob", None, None, "USER_carol")
    assert hands(await patient.do("GET", path)) == ("USER_alice", None, None, "USER_carol")
    await by(patient, "dora", "POST", "bills/approve", {"billIds": [id]})
    approved = await patient.do("GET", path)
    assert hands(approved) == ("USER_alice", "USER_dora", None, "USER_dora")
    assert await patient.bills() == [approved]
    locked = await by(patient, "erik", "PUT", f"{path}/lock")
    assert hands(locked) == ("USER_alice", "USER_dora", "USER_erik", "USER_erik")
    assert await patient.bills() == [locked]
    for term, found in {
        "createdBy:USER_alice": [id],
        "lastModifiedBy:USER_erik": [id],
        "createdBy:USER_erik": [],
        "lastModifiedBy:USER_tests": [],
    }.items():
        bills = (await patient.do("GET", "bills/search", searchQuery=term))["data"]
        assert [bill["id"] for bill in bills] == found, term
    assert (await patient.audit()).difference is None


async def test_a_bill_that_approves_itself_is_approved_by_the_bill_run(patient: Shop) -> None:
    path = f"bills/{await opened_by(patient, 'alice')}"
    await patient.clock("2026-02-03T00:00:00Z")
    async with asyncio.timeout(60):
        while (bill := await patient.do("GET", path))["status"] != "APPROVED":
            await asyncio.sleep(0.1)
    assert hands(bill) == ("USER_alice", "billing", None, "billing")
