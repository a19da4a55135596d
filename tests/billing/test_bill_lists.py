"""Bills by account, by billing period, and by the date that an invoice elsewhere bears."""

from typing import Any

import pytest

from tests.billing.conftest import GRACE, Shop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ARREARS = {"externalInvoiceDate": "LAST_DAY_OF_ARREARS"}


def dates(bills: list[dict[str, Any]]) -> list[str]:
    return [bill["externalInvoiceDate"] for bill in bills]


async def found(shop: Shop, path: str, **query: Any) -> list[str]:
    """Ids of the bills of a list, page by page; a page without any is the last, for m3ter's clients end with it."""
    ids: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await shop.do("GET", path, **query, pageSize=1, **token)
        ids += [bill["id"] for bill in page["data"]]
        assert page["data"] or "nextToken" not in page
        if "nextToken" not in page:
            return ids
        token = {"nextToken": page["nextToken"]}


async def test_an_issued_bill_keeps_the_invoice_date_that_it_was_issued_with(shop: Shop) -> None:
    await shop.account("acme")
    [january] = (await shop.bill("2026-01-31"))["billIds"]
    await shop.configure(**ARREARS)
    await shop.clock("2026-03-01T00:00:00Z")
    [february] = (await shop.bill("2026-02-28"))["billIds"]
    assert dates(await shop.bills()) == ["2026-02-28", "2026-02-01"]
    assert (await shop.do("GET", f"bills/{january}"))["externalInvoiceDate"] == "2026-02-01"
    day = {"externalInvoiceDateStart": "2026-02-28"}
    assert await found(shop, "bills", **day) == [february]
    assert await found(shop, "bills", externalInvoiceDateEnd="2026-02-28") == [january]
    assert await found(shop, "bills", externalInvoiceDateEnd="2026-03-01", **day) == [february]
    searched = await shop.do("GET", "bills/search", searchQuery="externalInvoiceDate<2026-02-28")
    assert [bill["id"] for bill in searched["data"]] == [january]
    assert (await shop.audit()).difference is None


async def test_a_pending_bill_has_the_invoice_date_of_todays_setting(patient: Shop) -> None:
    await patient.account("acme")
    [bill] = (await patient.bill("2026-01-31"))["billIds"]
    assert dates(await patient.bills()) == ["2026-02-01"]
    await patient.configure(**ARREARS)
    assert dates(await patient.bills()) == ["2026-01-31"]
    assert await found(patient, "bills", externalInvoiceDateEnd="2026-02-01") == [bill]
    assert await found(patient, "bills", externalInvoiceDateStart="2026-02-01") == []


async def test_pending_bills_are_approved_by_their_invoice_date(patient: Shop) -> None:
    accounts = [await patient.account(code) for code in ("early", "late")]
    await patient.bill("2026-01-31", accountIds=accounts[:1])
    await patient.configure(**GRACE | {"autoApproveBillsGracePeriod": 90})
    await patient.clock("2026-03-01T00:00:00Z")
    await patient.bill("2026-02-28", accountIds=accounts[1:])

    async def approved(**query: str) -> str:
        return str((await patient.do("POST", "bills/approve", **query))["message"])

    assert await approved(externalInvoiceDateEnd="2026-02-01") == "0 bills approved"
    assert await approved(externalInvoiceDateEnd="2026-03-01", accountIds=accounts[1]) == "0 bills approved"
    assert await approved(externalInvoiceDateEnd="2026-03-01") == "1 bills approved"
    pending = await patient.bills(status="PENDING")
    assert [bill["accountId"] for bill in pending] == accounts[1:]
    ids = {"billIds": [pending[0]["id"]]}
    told = await patient.do("POST", "bills/approve", ids, externalInvoiceDateStart="2026-03-02")
    assert told["message"] == "0 bills approved"
    assert (await patient.do("POST", "bills/approve", ids))["message"] == "1 bills approved"


async def test_bills_of_an_account_and_of_a_period_page_by_page(patient: Shop) -> None:
    first, second = [await patient.account(code) for code in ("first", "second")]
    await patient.bill("2026-01-31")
    await patient.bills()  # the lists know every command now
    of_first, of_second = [await found(patient, f"bills/accountid/{id}") for id in (first, second)]
    assert len(of_first) == len(of_second) == 1
    assert await found(patient, "bills/accountid/nobody") == []
    both = sorted(of_first + of_second)
    assert sorted(await found(patient, "bills/billingperiod/2026-01-31/MONTHLY")) == both
    assert sorted(await found(patient, "bills", billingFrequency="MONTHLY")) == both
    for path in ("bills/billingperiod/2026-01-31/ANNUALLY", "bills/billingperiod/2026-01-30/MONTHLY"):
        assert await found(patient, path) == []
    assert "lastDate: must be a date" in await patient.refused(400, "GET", "bills/billingperiod/now/MONTHLY")
    assert "frequency: must be one of" in await patient.refused(400, "GET", "bills/billingperiod/2026-01-31/HOURLY")


async def test_a_preview_is_of_one_account_however_it_is_named(shop: Shop) -> None:
    account = await shop.account("acme")
    by_id = await shop.do("POST", "bills/preview", {"accountId": account})
    assert await shop.do("POST", "bills/preview", {"accountIds": [account]}) == by_id
    assert by_id["externalInvoiceDate"] == "2026-02-01"
    rule = "accountId: exactly one of accountId and accountIds must be given"
    assert await shop.refused(400, "POST", "bills/preview", {}) == rule
    both = {"accountId": account, "accountIds": [account]}
    assert await shop.refused(400, "POST", "bills/preview", both) == rule
    many = {"accountIds": [account, account]}
    assert "accountIds: must have at most 1 item" in await shop.refused(400, "POST", "bills/preview", many)
