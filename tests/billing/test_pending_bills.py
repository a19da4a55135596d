"""A bill's life with a grace period: opened, derived live, approved, locked, voided, dropped, recalculated."""

import asyncio
from typing import Any

import pytest

from tests.billing.conftest import Shop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def pending(shop: Shop, code: str = "acme", calls: int = 4) -> tuple[str, dict[str, Any]]:
    """An account with usage in January, and its pending bill."""
    account = await shop.account(code)
    await shop.use(code, "2026-01-10", calls)
    job = await shop.bill("2026-01-31")
    [bill_id] = job["billIds"]
    return account, await shop.do("GET", f"bills/{bill_id}")


async def test_a_pending_bill_follows_the_log_until_it_is_approved(patient: Shop) -> None:
    account, bill = await pending(patient)
    assert (bill["status"], bill["locked"], bill["billTotal"]) == ("PENDING", False, 12)
    assert (bill["accountId"], bill["billDate"], bill["dueDate"]) == (account, "2026-02-01", "2026-03-03")
    assert "dtApproved" not in bill and "sequentialInvoiceNumber" not in bill
    await patient.use("acme", "2026-01-20", 6)
    async with asyncio.timeout(30):
        while (await patient.do("GET", f"bills/{bill['id']}"))["billTotal"] != 15:
            await asyncio.sleep(0.05)
    await patient.use("acme", "2026-01-21", 10)
    approved = await patient.do("PUT", f"bills/{bill['id']}/status", {"status": "APPROVED"})
    assert (approved["id"], approved["status"], approved["billTotal"]) == (bill["id"], "APPROVED", 20)
    assert approved["dtApproved"] == "2026-02-01T00:00:00Z" and approved["approvedBy"]
    assert approved["billJobId"] == bill["billJobId"]
    await patient.use("acme", "2026-01-22", 100)
    again = await patient.do("PUT", f"bills/{bill['id']}/status", {"status": "APPROVED"})
    assert again == approved
    assert "approved" in await patient.refused(409, "PUT", f"bills/{bill['id']}/status", {"status": "PENDING"})
    [listed] = await patient.bills()
    assert listed == approved


async def test_a_bill_is_locked_only_after_its_approval_and_then_stays(patient: Shop) -> None:
    _, bill = await pending(patient)
    assert "is pending" in await patient.refused(409, "PUT", f"bills/{bill['id']}/lock")
    await patient.do("PUT", f"bills/{bill['id']}/status", {"status": "APPROVED"})
    locked = await patient.do("PUT", f"bills/{bill['id']}/lock")
    assert (locked["locked"], locked["dtLocked"], locked["version"]) == (True, "2026-02-01T00:00:00Z", 3)
    assert locked["lockedBy"]
    assert await patient.do("PUT", f"bills/{bill['id']}/lock") == locked
    assert "locked" in await patient.refused(409, "DELETE", f"bills/{bill['id']}")
    assert [bill["id"] for bill in await patient.bills(locked="true")] == [bill["id"]]
    assert await patient.bills(locked="false") == []


async def test_a_dropped_bill_leaves_what_it_would_have_billed(patient: Shop) -> None:
    account, bill = await pending(patient)
    assert (await patient.do("DELETE", f"bills/{bill['id']}"))["billTotal"] == 12
    await patient.refused(404, "GET", f"bills/{bill['id']}")
    await patient.refused(404, "DELETE", f"bills/{bill['id']}")
    assert await patient.bills() == []
    [again] = (await patient.bill("2026-01-31"))["billIds"]
    assert again != bill["id"]
    assert (await patient.do("GET", f"bills/{again}"))["billTotal"] == 12
    assert (await patient.do("GET", f"bills/latest/{account}"))["id"] == again


async def test_what_a_voided_bill_billed_is_due_again(shop: Shop) -> None:
    _, bill = await pending(shop)
    assert (bill["status"], bill["billTotal"]) == ("APPROVED", 12)
    assert (await shop.bill("2026-01-31"))["billIds"] == []
    assert (await shop.do("DELETE", f"bills/{bill['id']}"))["id"] == bill["id"]
    await shop.refused(404, "GET", f"bills/{bill['id']}")
    [again] = (await shop.bill("2026-01-31"))["billIds"]
    assert (await shop.do("GET", f"bills/{again}"))["billTotal"] == 12


async def test_one_pending_bill_per_account_moves_with_later_jobs(patient: Shop) -> None:
    _, bill = await pending(patient)
    await patient.clock("2026-02-02T00:00:00Z")
    await patient.use("acme", "2026-02-02", 2)
    assert (await patient.bill("2026-01-31"))["billIds"] == []
    assert (await patient.bill("2026-02-28"))["billIds"] == [bill["id"]]
    moved = await patient.do("GET", f"bills/{bill['id']}")
    assert (moved["billDate"], moved["dueDate"], moved["billTotal"]) == ("2026-03-01", "2026-03-31", 23)
    [listed] = await patient.bills(status="PENDING")
    assert listed["billDate"] == "2026-03-01" and listed["billTotal"] == 23


async def test_bills_approve_themselves_after_the_grace_period_of_the_test_clock(patient: Shop) -> None:
    _, bill = await pending(patient)
    await patient.clock("2026-02-02T23:59:59Z")
    await asyncio.sleep(6)
    assert (await patient.do("GET", f"bills/{bill['id']}"))["status"] == "PENDING"
    await patient.clock("2026-02-03T00:00:00Z")
    async with asyncio.timeout(40):
        while (await patient.do("GET", f"bills/{bill['id']}"))["status"] == "PENDING":
            await asyncio.sleep(0.2)
    assert (await patient.do("GET", f"bills/{bill['id']}"))["dtApproved"] == "2026-02-03T00:00:00Z"


async def test_many_are_approved_at_once_by_bills_or_accounts(patient: Shop) -> None:
    accounts = [await patient.account(f"a{number}") for number in range(4)]
    ids = (await patient.bill("2026-01-31"))["billIds"]
    of_account = {bill["accountId"]: bill["id"] for bill in await patient.bills()}
    assert sorted(of_account.values()) == sorted(ids) and len(ids) == 4
    first = [of_account[account] for account in accounts[:2]]
    for _ in range(2):
        answer = await patient.ask("POST", "bills/approve", {"billIds": first}, key="once")
        assert answer.json() == {"message": "2 bills approved"}
    done = await patient.do("POST", "bills/approve", {"billIds": ids}, accountIds=accounts[2])
    assert done == {"message": "1 bills approved"}
    assert (await patient.do("POST", "bills/approve", {"accountIds": accounts}))["message"] == "1 bills approved"
    assert {bill["status"] for bill in await patient.bills()} == {"APPROVED"}
    assert "billIds" in await patient.refused(400, "POST", "bills/approve", {})
    await patient.refused(404, "POST", "bills/approve", {"billIds": [accounts[0]]})


async def fee_of_5(shop: Shop, code: str) -> str:
    """The commitment of a new account that has nothing else: all that it is billed is one scheduled fee."""
    account = await shop.account(code, planned=False)
    terms = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"}
    period = {"servicePeriodStartDate": "2026-01-01", "servicePeriodEndDate": "2027-01-01"}
    fees = [{"date": "2026-01-01", "amount": 5, **period}]
    return await shop.create("commitments", accountId=account, amount=5, feeDates=fees, **terms)


async def test_among_many_an_empty_bill_is_dropped_and_the_others_are_approved(patient: Shop) -> None:
    for number in range(3):
        await fee_of_5(patient, f"a{number}")
    ids = (await patient.bill("2026-01-31"))["billIds"]
    account = (await patient.do("GET", f"bills/{ids[1]}"))["accountId"]
    held = (await patient.do("GET", "commitments"))["data"]
    [gone] = [commitment["id"] for commitment in held if commitment["accountId"] == account]
    await patient.do("DELETE", f"commitments/{gone}")
    assert (await patient.do("POST", "bills/approve", {"billIds": ids}))["message"] == "2 bills approved"
    assert {bill["id"]: bill["status"] for bill in await patient.bills()} == {ids[0]: "APPROVED", ids[2]: "APPROVED"}
    await patient.refused(404, "GET", f"bills/{ids[1]}")


async def test_recalculation_drops_what_nothing_is_due_for(patient: Shop) -> None:
    commitment = await fee_of_5(patient, "acme")
    [bill] = (await patient.bill("2026-01-31"))["billIds"]
    assert (await patient.do("GET", f"bills/{bill}"))["billTotal"] == 5
    await patient.do("DELETE", f"commitments/{commitment}")
    assert (await patient.do("GET", f"bills/{bill}"))["lineItems"] == []
    assert "nothing is due" in await patient.refused(409, "PUT", f"bills/{bill}/status", {"status": "APPROVED"})
    job = await patient.do("POST", "billjobs/recalculate", {"billIds": [bill]})
    assert job["type"] == "RECALCULATE"
    job = await patient.done(job)
    assert (job["total"], job["pending"], job["billIds"]) == (1, 0, [bill])
    await patient.refused(404, "GET", f"bills/{bill}")
    await patient.refused(404, "POST", "billjobs/recalculate", {"billIds": [bill]})


async def test_bills_are_searched(patient: Shop) -> None:
    account, bill = await pending(patient)
    await patient.bills()
    for query in (
        "",
        f"accountId:{account}",
        "billDate>=2026-02-01$locked:false",
        "status:PENDING",
        f"ids:{bill['id']}",
    ):
        found = await patient.do("GET", "bills/search", searchQuery=query, sortBy="billDate")
        assert [document["id"] for document in found["data"]] == [bill["id"]], query
    assert (await patient.do("GET", "bills/search", searchQuery="billDate>2026-02-01"))["data"] == []
    answer = await patient.ask("GET", "bills/search", searchQuery="colour:red")
    assert answer.status_code == 400 and "searchQuery" in answer.json()["message"]


async def test_the_audit_agrees_with_every_stage(patient: Shop) -> None:
    await pending(patient, "left-pending")
    _, bill = await pending(patient, "approved")
    await patient.do("PUT", f"bills/{bill['id']}/status", {"status": "APPROVED"})
    report = await patient.audit()
    assert (report.difference, report.unexplained) == (None, 0)
