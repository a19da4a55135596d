"""What schedules of a balance give is there when the organization's clock says so: in reads, on bills, explained, and
the same in a replay."""

import pytest

from tests.billing.conftest import Shop
from tests.billing.test_declared import told

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

TOP_UPS = {
    "code": "t", "name": "T", "amount": 3, "frequency": "DAILY", "frequencyInterval": 10, "startDate": "2026-01-01",
    "endDate": "2026-06-01", "transactionDescription": "Refill", "transactionTypeId": "t",
}  # fmt: skip
FEES = {
    "code": "f", "name": "F", "currency": "USD", "amount": 2, "billFrequency": "MONTHLY", "billInAdvance": False,
    "billFrequencyInterval": 1, "chargeDescription": "Keeping it", "servicePeriodStartDate": "2026-01-01",
    "servicePeriodEndDate": "2026-06-01",
}  # fmt: skip


async def test_top_ups_and_fees_come_with_the_clock(shop: Shop) -> None:
    account = await shop.account("acme")
    terms = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01", "lineItemTypes": ["USAGE"]}
    path = f"balances/{await shop.create('balances', accountId=account, code='b', name='B', **terms)}"
    top_ups = await told(shop, "POST", f"{path}/balancetransactionschedules", TOP_UPS)
    fees = await told(shop, "POST", f"{path}/balancechargeschedules", FEES)
    await shop.use("acme", "2026-01-15", 40)
    # Of the top-ups of 1, 11, 21 and 31 January two had come by the day of the usage, which costs 20.
    [id] = (await shop.bill("2026-01-31"))["billIds"]
    bill = await told(shop, "GET", f"bills/{id}")
    lines = {line["lineItemType"]: line for line in bill["lineItems"]}
    assert {name: line["subtotal"] for name, line in lines.items()} == {
        "STANDING_CHARGE": 10, "USAGE": 20, "BALANCE_CONSUMED": -6, "BALANCE_FEE": 2,
    }  # fmt: skip
    explained = await told(shop, "GET", f"bills/{id}/lineitems/{lines['BALANCE_FEE']['id']}/explain")
    assert explained["addsUp"] and explained["parts"][0]["inputs"]["charge"]["scheduleId"] == fees["id"]
    for day, amount in (("2026-02-01", 12), ("2026-02-09", 12), ("2026-02-10", 15)):
        await shop.clock(f"{day}T12:00:00Z")
        summary = await told(shop, "GET", f"{path}/transactions/summary")
        assert (summary["initialCreditAmount"], summary["totalCreditAmount"]) == (3, amount)
        shown = await told(shop, "GET", path)
        assert (shown["amount"], shown["amountSpent"], summary["balanceConsumed"]) == (amount - 6, 6, 6)
        listed = (await told(shop, "GET", f"{path}/transactions"))["data"]
        assert (len(listed), {listed_transaction["entityId"] for listed_transaction in listed}) == (
            amount / 3,
            {top_ups["id"]},
        )
    await told(shop, "DELETE", f"{path}/balancetransactionschedules/{top_ups['id']}?effectiveDate=2026-01-31")
    assert (await told(shop, "GET", path))["amount"] == 3
    summary = await told(shop, "GET", f"{path}/transactions/summary")
    assert summary["totalCreditAmount"] == 9
    assert (await shop.audit()).difference is None
