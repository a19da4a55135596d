"""What the bill paths and the reads behind them take and answer is what the OpenAPI document says."""

from typing import Any

import httpx
import pytest

from tests.api.schemas import check_answer, check_sent
from tests.billing.conftest import Shop
from tests.billing.test_memos import memo, opened

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def told(shop: Shop, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    """The answer's document, once it and what was sent have been compared with what is declared."""
    answer: httpx.Response = await shop.ask(method, path, body)
    assert answer.status_code == status, f"{method} {path}: {answer.text}"
    below = f"/organizations/{shop.organization}/{path}".partition("?")[0]
    check_answer(method, below, status, answer.text)
    if status == 200:
        check_sent(method, below, answer.request.content)
    return answer.json()


async def test_a_bill_is_answered_as_declared_in_every_state_of_its_life(patient: Shop) -> None:
    account = await patient.account("other", planned=False)
    terms = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"}
    held = await patient.create("commitments", accountId=account, amount=3, commitmentType="MINIMUM", **terms)
    bill = await opened(patient)
    shown = await told(patient, "GET", f"bills/{bill}")
    assert (shown["status"], shown["billTotal"]) == ("PENDING", 12)
    path = f"bills/{bill}/creditlineitems"
    credit = await told(patient, "POST", path, memo(patient, bill, 5))
    changed = memo(patient, bill, 4.5, creditReasonId="late", version=credit["version"])
    assert (await told(patient, "PUT", f"{path}/{credit['id']}", changed))["version"] == 2
    await told(patient, "PUT", f"{path}/{credit['id']}", changed, status=409)
    for read in (path, f"{path}/{credit['id']}", f"bills/{bill}/lineitems", f"bills/latest/{shown['accountId']}"):
        await told(patient, "GET", read)
    line = (await told(patient, "GET", f"bills/{bill}/lineitems"))["data"][0]["id"]
    assert (await told(patient, "GET", f"bills/{bill}/lineitems/{line}/explain"))["status"] == "PENDING"
    await told(patient, "PUT", f"bills/{bill}/lock", status=409)
    assert (await told(patient, "PUT", f"bills/{bill}/status", {"status": "APPROVED"}))["dtApproved"]
    await patient.bills()  # the list knows every command now
    for read in ("bills", "bills?excludeLineItems=true", "bills/search", "lineitems", "billjobs", "conservation"):
        await told(patient, "GET", read)
    explained = await told(patient, "GET", f"bills/{bill}/lineitems/1/explain")
    assert explained["addsUp"] and explained["parts"]
    for read in (f"commitments/{held}/balance", f"commitments/{held}/history", f"accounts/{account}/unbilled"):
        await told(patient, "GET", read)
    assert (await told(patient, "POST", "bills/approve", {"billIds": [bill]}))["message"] == "0 bills approved"
    assert (await told(patient, "PUT", f"bills/{bill}/lock"))["locked"]
    await told(patient, "DELETE", f"bills/{bill}", status=409)


async def test_what_is_drawn_and_what_has_no_price_is_answered_as_declared(shop: Shop) -> None:
    account = await shop.account("acme")
    terms = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"}
    fund = await shop.create("commitments", accountId=account, amount=100, **terms)
    balance = await shop.create("balances", accountId=account, code="b", name="B", **terms)
    await told(shop, "POST", f"balances/{balance}/transactions", {"amount": 8, "transactionDate": "2026-01-01"})
    await shop.use("acme", "2026-01-10", 4)
    await shop.account("waits", planned=False)
    await shop.use("waits", "2026-01-10", 4)
    preview = await told(shop, "POST", "bills/preview", {"accountId": account, "lastDateInBillingPeriod": "2026-01-31"})
    assert preview["lineItems"]
    [bill] = (await shop.bill("2026-01-31"))["billIds"]
    await shop.bills()
    drawn = await told(shop, "GET", f"commitments/{fund}/balance?asOf=2026-02-01")
    assert drawn["draws"] and drawn["days"]
    assert (await told(shop, "GET", f"balances/{balance}/transactions/summary"))["totalCreditAmount"] == 8
    for number in (1, 2):
        assert (await told(shop, "GET", f"bills/{bill}/lineitems/{number}/explain"))["addsUp"]
    await told(shop, "DELETE", f"commitments/{fund}", status=409)
    assert (await told(shop, "DELETE", f"bills/{bill}"))["id"] == bill
