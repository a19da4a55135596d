"""A pending bill whose account was deleted: nothing is on it any more, and it stops nobody else."""

import pytest

from tests.billing.conftest import Shop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
CHARGE = {"code": "c", "name": "C", "currency": "USD", "entityType": "AD_HOC", "lineItemType": "AD_HOC", "amount": 7}
SERVICE = {"servicePeriodStartDate": "2026-01-05", "servicePeriodEndDate": "2026-01-06"}


async def test_a_pending_bill_of_an_account_that_was_deleted_is_empty_and_can_be_dropped(patient: Shop) -> None:
    names = {"code": "bare", "name": "Bare", "emailAddress": "a@example.com"}
    account = await patient.do("POST", "accounts", names)
    charge = await patient.do("POST", "charges", {"accountId": account["id"], **CHARGE, **SERVICE})
    [bill_id] = (await patient.bill("2026-01-31"))["billIds"]
    assert (await patient.do("GET", f"bills/{bill_id}"))["billTotal"] == 7
    await patient.do("DELETE", f"charges/{charge['id']}")
    await patient.do("DELETE", f"accounts/{account['id']}")
    [listed] = await patient.bills()
    assert (listed["id"], listed["billTotal"], listed["lineItems"]) == (bill_id, 0, [])
    assert await patient.do("GET", f"bills/{bill_id}") == listed
    assert "nothing" in await patient.refused(409, "PUT", f"bills/{bill_id}/status", {"status": "APPROVED"})
    assert (await patient.do("DELETE", f"bills/{bill_id}"))["billTotal"] == 0
    assert await patient.bills() == []
