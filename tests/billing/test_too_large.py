"""An account that would owe 10^18 or more: whoever asks for it is told so, and everybody else is billed."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.billing.conftest import Shop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

MOST = 999_999_999_999_999_999
JANUARY = "2026-01-31"


async def unbilled(shop: Shop, account: str, status: int) -> dict[str, Any]:
    """What is unbilled of an account, once it is answered with this status."""
    async with asyncio.timeout(60):
        while (answer := await shop.ask("GET", f"accounts/{account}/unbilled")).status_code != status:
            assert answer.status_code < 500, answer.text
            await asyncio.sleep(0.1)
    return dict(answer.json())


async def test_the_account_is_named_and_the_others_are_billed(shop: Shop) -> None:
    huge, good = await shop.account("huge"), await shop.account("good")
    term = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"}
    prepaid = await shop.create("commitments", accountId=huge, amount=5, **term)
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        await shop.use("huge", day, MOST)
    await shop.use("good", "2026-01-05", 40)
    told = (await unbilled(shop, huge, 409))["message"]
    async with asyncio.timeout(60):
        while "1.5E+18" not in told:  # two of the three events are enough
            told = (await unbilled(shop, huge, 409))["message"]
    assert told.startswith(
        f"account {huge}: USAGE from 2026-01-01 would be 1.5E+18, and a number has at most 18 digits"
    )
    body = {"accountId": huge, "lastDateInBillingPeriod": JANUARY}
    for path in ("bills/preview", "bills/whatif"):
        assert await shop.refused(409, "POST", path, body) == told
    assert (await shop.do("GET", f"commitments/{prepaid}", asOf="2026-02-01"))["amountSpent"] == 5

    job = await shop.bill(JANUARY)
    assert job["failures"] == [{"accountId": huge, "message": told}]
    [bill] = [await shop.do("GET", f"bills/{id}") for id in job["billIds"]]
    assert (bill["accountId"], bill["billTotal"]) == (good, 30)
    async with asyncio.timeout(60):
        while (await shop.do("GET", "overview"))["familiesWaiting"] != {"too large": 1}:
            await asyncio.sleep(0.1)
    report = await shop.audit()
    assert report.passed, report

    for number in (1, 2):
        await shop.do("POST", "usage/void", {"account": "huge", "source": "/test", "id": f"event-{number}"})
    await unbilled(shop, huge, 200)
    [id] = (await shop.bill(JANUARY))["billIds"]
    lines = (await shop.exact(f"bills/{id}"))["lineItems"]
    assert [line["subtotal"] for line in lines if line["lineItemType"] == "USAGE"] == [Decimal(MOST) / 2]
    assert (await shop.audit()).passed


async def test_no_day_further_ahead_than_ten_years_is_settled(shop: Shop) -> None:
    account = await shop.account("far")
    far, rule = "2199-01-01", "must not be more than 3660 days ahead of "
    commitment = await shop.create(
        "commitments", accountId=account, currency="USD", amount=5, startDate="2026-01-01", endDate="2199-01-01"
    )
    for path in (f"accounts/{account}/unbilled", f"commitments/{commitment}", f"commitments/{commitment}/burndown"):
        assert (await shop.refused(400, "GET", f"{path}?asOf={far}")).startswith(f"asOf: {rule}")
    body = {"accountId": account, "lastDateInBillingPeriod": far}
    for path in ("bills/preview", "bills/whatif"):
        assert (await shop.refused(400, "POST", path, body)).startswith(f"lastDateInBillingPeriod: {rule}")
    assert (await shop.refused(400, "POST", "billjobs", {"billDate": far})).startswith(f"billDate: {rule}")
