"""On the real stack, in an organization with a grace period: pending bills explained, and what stands once they are
approved.

One story: usage, pending bills, more usage, approval, late usage and the next pending bills.
"""

import json
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from tests.api_client import CONFIG
from tests.insight.conftest import Played
from tests.insight.explaining import assert_adds_up, run_explain
from tests.insight.story import PARTITIONS, bill
from tests.official import official_client
from tests.system.story import ACCOUNTS, Wire, publish, set_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

GRACE = {"autoApproveBillsGracePeriod": 2, "autoApproveBillsGracePeriodUnit": "DAYS"}
CREDIT = {
    "code": "credit", "name": "Credit", "currency": "USD", "startDate": "2026-01-01", "endDate": "2026-01-08",
    "rolloverAmount": 4, "rolloverEndDate": "2026-02-01",
}  # fmt: skip
MEMO = {
    "amount": 1.25, "description": "goodwill", "servicePeriodStartDate": "2026-01-01",
    "servicePeriodEndDate": "2026-02-01",
}  # fmt: skip


async def use(patient: Played, *parts: int) -> None:
    for part in parts:
        await publish(patient.cluster, patient.wire.organization, part, PARTITIONS)
    await patient.settled()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def patient(played: Played) -> Played:
    """Another organization on the same system, with usage of January and a pending bill of each account."""
    wire = Wire(lambda: played.system.addresses.api_url, "patient")
    found = Played(played.system, played.postgres, wire, {})
    found.accounts.update(await set_up(wire))
    await wire.do("PUT", "organizationconfig", CONFIG | GRACE | {"version": 1})
    # The account's commitment is a MINIMUM, which pays for nothing: the balance does.
    balance = await wire.make("balances", "credit", accountId=found.accounts[ACCOUNTS[1]], **CREDIT)
    for amount in (30, -2, 5):
        await wire.do("POST", f"balances/{balance}/transactions", {"amount": amount, "transactionDate": "2026-01-01"})
    await use(found, 0, 1, 2, 3)
    await bill(wire, "2026-01-31")
    [product] = (await wire.do("GET", "products"))["data"]
    [one, *_] = await found.bills()
    memo = MEMO | {"productId": product["id"], "accountingProductId": product["id"]}
    memo |= {"referencedBillId": one["id"], "referencedLineItemId": one["id"]}
    await wire.do("POST", f"bills/{one['id']}/creditlineitems", memo)
    await found.settled()
    return found


async def explained(patient: Played) -> dict[str, dict[str, Any]]:
    """By line, the explanation of every line of every bill that is pending; each adds up to its line."""
    found = {}
    for one in await patient.bills():
        for line in one["lineItems"] if one["status"] == "PENDING" else ():
            told = await patient.get(f"bills/{one['id']}/lineitems/{line['id']}/explain", limit=10_000)
            assert told["status"] == "PENDING" and told["billId"] == one["id"]
            assert_adds_up(told, line)
            found[line["id"]] = told
    return found


def types(found: dict[str, dict[str, Any]]) -> set[str]:
    return {told["lineItemType"] for told in found.values()}


async def test_a_pending_line_is_explained_as_of_the_projected_positions(patient: Played) -> None:
    before = await explained(patient)
    charges = {"USAGE", "STANDING_CHARGE", "COMMITMENT_FEE"}
    assert charges | {"COMMITMENT_CONSUMED", "BALANCE_CONSUMED", "CREDIT_MEMO"} <= types(before)
    await use(patient, 4, 5, 6, 7)
    after = await explained(patient)
    assert "OVERAGE_SURCHARGE" in types(after)
    usage = [id for id, told in before.items() if told["lineItemType"] == "USAGE"]
    assert len(usage) == len(ACCOUNTS)
    for id in usage:
        assert before[id]["eventCount"] < after[id]["eventCount"]
        assert before[id]["positions"]["log"] < after[id]["positions"]["log"]
        assert {event["id"] for event in before[id]["events"]} < {event["id"] for event in after[id]["events"]}


async def test_trueup_explain_tells_a_pending_line(patient: Played) -> None:
    one = (await patient.bills())[0]
    run = partial(run_explain, patient.system.endpoints)
    status, out, err = await run(one["id"], "1", "--limit", "2")
    assert status == 0, err
    assert "\npending: as of offset" in out and "docs/rules.md" in out
    status, out, _ = await run(one["id"], one["lineItems"][0]["id"], "--json")
    assert status == 0 and json.loads(out)["addsUp"]
    status, _, err = await run(one["id"], "99")
    assert status == 1 and "no line item" in err


async def test_approval_changes_no_explanation(patient: Played) -> None:
    pending = await explained(patient)
    ids = [one["id"] for one in await patient.bills()]
    assert (await patient.get("lineitems"))["data"] == [], "a ledger has what is issued"
    await patient.wire.do("POST", "bills/approve", {"billIds": ids})
    # Asked for at once: what is committed is explained, whether or not it is projected yet.
    first = next(iter(pending.values()))
    told = await patient.get(f"bills/{first['billId']}/lineitems/{first['lineId']}/explain")
    assert told["status"] == "APPROVED"
    await patient.settled()
    issued = [line for one in await patient.bills() for line in one["lineItems"]]
    assert {line["id"] for line in issued} == set(pending)
    moving = ("status", "positions")
    for id, before in pending.items():
        told = await patient.get(f"bills/{before['billId']}/lineitems/{id}/explain", limit=10_000)
        assert {k: v for k, v in told.items() if k not in moving} == {
            k: v for k, v in before.items() if k not in moving
        }
    listed = (await patient.get("lineitems", lineItemType="USAGE"))["data"]
    assert {line["id"] for line in listed} == {line["id"] for line in issued if line["lineItemType"] == "USAGE"}


async def test_late_usage_is_explained_as_a_difference_on_the_next_pending_bill(patient: Played) -> None:
    await use(patient, 8, 9, 10, 11)
    await bill(patient.wire, "2026-02-28")
    await patient.settled()
    found = await explained(patient)
    late = [told for told in found.values() if told["lineItemType"] == "USAGE" and told["billedBefore"]]
    assert len(late) == len(ACCOUNTS)
    assert all(told["due"] > told["billedBefore"] and told["earlier"] for told in late)


async def test_a_summary_of_a_balance_says_where_all_of_it_went(patient: Played) -> None:
    [balance] = (await patient.get("balances"))["data"]
    url = patient.system.addresses.api_url
    async with official_client(url, "patient") as sdk:
        told = await sdk.balances.transactions.summary(balance["id"])
    assert (told.initial_credit_amount, told.total_credit_amount, told.total_debit_amount) == (30, 35, 2)
    found = await patient.get(f"balances/{balance['id']}/transactions/summary")
    assert found["rolloverConsumed"] == 4
    assert found["balanceConsumed"] + found["rolloverConsumed"] == balance["amountSpent"]
    assert found["expiredBalanceAmount"] == balance["amountLapsed"] > 0
    assert found["balanceConsumed"] + found["rolloverConsumed"] + found["expiredBalanceAmount"] == Decimal(33)


async def test_lines_of_a_voided_bill_are_in_no_ledger(patient: Played) -> None:
    [newest, *_] = (await patient.get("lineitems"))["data"]
    await patient.wire.do("DELETE", f"bills/{newest['billId']}")
    await patient.settled()
    assert (await patient.get("lineitems", billId=newest["billId"]))["data"] == []
    assert newest["billId"] not in {line["billId"] for line in (await patient.get("lineitems"))["data"]}
