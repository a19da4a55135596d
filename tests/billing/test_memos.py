"""Credit and debit line items: on a pending bill only, lines of it once it is issued, and never due again."""

from typing import Any

import m3ter
import pytest

from tests.billing.conftest import Shop
from tests.official import official_client

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def opened(shop: Shop) -> str:
    """The id of a pending bill of 12: standing charge 10, 4 calls at 0.5."""
    await shop.account("acme")
    await shop.use("acme", "2026-01-10", 4)
    [bill] = (await shop.bill("2026-01-31"))["billIds"]
    return str(bill)


def memo(shop: Shop, bill: str, amount: Any, **more: Any) -> dict[str, Any]:
    return {
        "accountingProductId": shop.product,
        "productId": shop.product,
        "amount": amount,
        "description": "goodwill",
        "referencedBillId": bill,
        "referencedLineItemId": bill,
        "servicePeriodStartDate": "2026-01-01",
        "servicePeriodEndDate": "2026-02-01",
    } | more


async def test_memos_are_lines_of_their_bill_and_of_no_other(patient: Shop) -> None:
    bill = await opened(patient)
    credit = await patient.do("POST", f"bills/{bill}/creditlineitems", memo(patient, bill, 5))
    debit = await patient.do("POST", f"bills/{bill}/debitlineitems", memo(patient, bill, 0.25, debitReasonId="rush"))
    assert (credit["version"], credit["amount"], credit["lineItemType"]) == (1, 5, "CREDIT_MEMO")
    shown = await patient.do("GET", f"bills/{bill}")
    assert shown["billTotal"] == 7.25
    await patient.do("PUT", f"bills/{bill}/status", {"status": "APPROVED"})
    issued = await patient.do("GET", f"bills/{bill}")
    assert (issued["billTotal"], issued["lineItems"]) == (7.25, shown["lineItems"][:-2] + issued["lineItems"][-2:])
    assert [(line["id"], line["lineItemType"], line["subtotal"]) for line in issued["lineItems"][-2:]] == [
        (credit["id"], "CREDIT_MEMO", -5),
        (debit["id"], "DEBIT_MEMO", 0.25),
    ]
    assert (await patient.do("GET", f"bills/{bill}/creditlineitems"))["data"] == [credit]
    assert "approved" in await patient.refused(409, "POST", f"bills/{bill}/creditlineitems", memo(patient, bill, 1))
    assert "approved" in await patient.refused(409, "DELETE", f"bills/{bill}/creditlineitems/{credit['id']}")
    # The next bill has its own lines only, and voiding the first one takes its memos with it.
    [again] = (await patient.bill("2026-02-28"))["billIds"]
    assert (await patient.do("GET", f"bills/{again}"))["billTotal"] == 10
    await patient.do("DELETE", f"bills/{bill}")
    assert (await patient.do("GET", f"bills/{again}"))["billTotal"] == 22
    await patient.do("PUT", f"bills/{again}/status", {"status": "APPROVED"})
    report = await patient.audit()
    assert (report.difference, report.unexplained) == (None, 0)


async def test_memos_are_changed_and_removed_by_version(patient: Shop) -> None:
    bill = await opened(patient)
    path = f"bills/{bill}/creditlineitems"
    made = [await patient.ask("POST", path, memo(patient, bill, 5), key="one") for _ in range(2)]
    assert made[0].json() == made[1].json()
    id = made[0].json()["id"]
    assert "version" in await patient.refused(400, "PUT", f"{path}/{id}", memo(patient, bill, 6))
    assert "at version 1" in await patient.refused(409, "PUT", f"{path}/{id}", memo(patient, bill, 6, version=4))
    changed = await patient.do("PUT", f"{path}/{id}", memo(patient, bill, 6, version=1))
    assert (changed["version"], changed["amount"]) == (2, 6)
    assert await patient.do("GET", f"{path}/{id}") == changed
    assert (await patient.do("GET", f"bills/{bill}"))["billTotal"] == 6
    await patient.refused(404, "GET", f"bills/{bill}/debitlineitems/{id}")
    assert await patient.do("DELETE", f"{path}/{id}") == changed
    await patient.refused(404, "DELETE", f"{path}/{id}")
    assert (await patient.do("GET", f"bills/{bill}"))["billTotal"] == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": 0.005}, "amount: 0.005 is finer than the minor unit of USD"),
        ({"amount": 0}, "amount:"),
        ({"amount": -3}, "amount:"),
        ({"description": None}, "description: is required"),
        ({"debitReasonId": "x"}, "debitReasonId: is not a field"),
        ({"lineItemType": "USAGE"}, "lineItemType:"),
        ({"servicePeriodEndDate": "2025-12-31"}, "servicePeriodEndDate: must not be before servicePeriodStartDate"),
        ({"productId": "00000000-0000-0000-0000-000000000000"}, "productId: there is no product"),
    ],
)
async def test_a_wrong_memo_is_refused_by_name(patient: Shop, change: dict[str, Any], said: str) -> None:
    bill = await opened(patient)
    message = await patient.refused(400, "POST", f"bills/{bill}/creditlineitems", memo(patient, bill, 5) | change)
    assert said in message


async def test_a_credit_draws_nothing_and_counts_toward_nothing(patient: Shop) -> None:
    bill = await opened(patient)
    account = (await patient.do("GET", f"bills/{bill}"))["accountId"]
    terms = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01", "billingPlanId": patient.plan}
    id = await patient.create("commitments", accountId=account, amount=100, amountPrePaid=100, **terms)
    await patient.do("POST", f"bills/{bill}/debitlineitems", memo(patient, bill, 50))
    lines = (await patient.do("GET", f"bills/{bill}"))["lineItems"]
    drawn = sum(line["subtotal"] for line in lines if line["lineItemType"] == "COMMITMENT_CONSUMED")
    assert drawn == -12
    assert (await patient.do("GET", f"commitments/{id}"))["amountSpent"] == 12


async def test_the_official_client_takes_a_bill_through_its_life(patient: Shop) -> None:
    bill = await opened(patient)
    async with official_client(patient.system.addresses.api_url, patient.organization) as sdk:
        credit = await sdk.bills.credit_line_items.create(
            bill,
            accounting_product_id=patient.product,
            product_id=patient.product,
            amount=2,
            description="late",
            referenced_bill_id=bill,
            referenced_line_item_id=bill,
            service_period_start_date="2026-01-01T00:00:00Z",
            service_period_end_date="2026-02-01T00:00:00Z",
            credit_reason_id="late",
        )
        assert [one.id async for one in sdk.bills.credit_line_items.list(bill)] == [credit.id]
        assert (await sdk.bills.retrieve(bill)).bill_total == 10
        with pytest.raises(m3ter.ConflictError, match="is pending"):
            await sdk.bills.lock(bill)
        assert (await sdk.bills.approve(bill_ids=[bill])).message == "1 bills approved"
        locked = await sdk.bills.lock(bill)
        assert (locked.status, locked.locked, locked.locked_by is not None) == ("APPROVED", True, True)
        with pytest.raises(m3ter.ConflictError, match="locked"):
            await sdk.bills.delete(bill)
        await patient.bills()
        assert [one.id async for one in sdk.bills.list(status="APPROVED", exclude_line_items=True)] == [bill]
        found = await sdk.bills.search(search_query=f"id:{bill}")
        assert found.data is not None and [one.id for one in found.data] == [bill]
