"""On the real stack: an account, its bills, their lines and what happened, as they were known at moments of the log."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.insight.conftest import Played
from tests.system.story import ACCOUNTS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def bare(documents: list[dict[str, Any]], *beside: str) -> list[dict[str, Any]]:
    """Without these members: names of the wire."""
    return [{name: value for name, value in document.items() if name not in beside} for document in documents]


async def test_a_snapshot_is_what_the_other_paths_say_of_that_moment(played: Played) -> None:
    id, seen = played.accounts[ACCOUNTS[0]], []
    for moment in (played.moments[number].isoformat() for number in (0, 3, -1)):
        for as_of in (None, "2026-01-20"):
            then: dict[str, str] = {"knownAt": moment} | ({"asOf": as_of} if as_of else {})
            snapshot = await played.get(f"accounts/{id}/snapshot", **then)
            assert snapshot["account"] == await played.get(f"accounts/{id}", knownAt=moment)
            for commitment in snapshot["commitments"]:
                balance = await played.get(f"commitments/{commitment['id']}/balance", **then)
                stood = (
                    commitment["amountSpent"],
                    commitment["amountRemaining"],
                    commitment["status"],
                    commitment["version"],
                )
                assert stood == tuple(balance[name] for name in ("spent", "remaining", "status", "version"))
                assert commitment == await played.get(f"commitments/{commitment['id']}", **then)
            seen.append(len(snapshot["commitments"]))
    now = await played.get(f"accounts/{id}/snapshot")
    commitments = (await played.get("commitments", accountId=id))["data"]
    assert bare(now["commitments"]) == bare(commitments) and [
        account_plan["planId"] for account_plan in now["accountPlans"]
    ]
    assert {price["id"] for price in now["pricings"]} == {
        price["id"] for plan in now["plans"] for price in (await played.get("pricings", planId=plan["id"]))["data"]
    } | {
        price["id"]
        for plan in now["plans"]
        for price in (await played.get("pricings", planTemplateId=plan["planTemplateId"]))["data"]
    }
    assert seen[0] < seen[-1], "the second commitment was not known in the beginning"


async def test_before_its_first_fact_nothing_was_known_of_an_account(played: Played) -> None:
    id = played.accounts[ACCOUNTS[0]]
    span = await played.get(f"accounts/{id}/timespan")
    assert span["firstDay"] <= "2026-01-01" and span["lastDay"] >= span["today"] and span["timezone"]
    before = {"knownAt": "2020-01-01T00:00:00Z"}
    for path in (f"accounts/{id}", f"accounts/{id}/snapshot", f"accounts/{id}/unbilled"):
        assert (await played.wire.ask("GET", path, **before)).status_code == 404, path
        assert (await played.wire.ask("GET", path, knownAt=span["firstKnownAt"])).status_code == 200, path
    assert (await played.get("bills", **before))["data"] == (await played.get("lineitems", **before))["data"] == []
    assert (await played.get("events", **before))["data"] == []


async def test_bills_and_their_lines_are_those_that_were_issued_by_then(played: Played) -> None:
    bills = {bill["id"]: bill for bill in (await played.get("bills"))["data"]}
    counts = []
    for moment in (at.isoformat() for at in played.moments):
        bills_then = (await played.get("bills", knownAt=moment))["data"]
        lines = (await played.get("lineitems", knownAt=moment, pageSize=100))["data"]
        assert {line["billId"] for line in lines} <= {bill["id"] for bill in bills_then}
        assert (
            sum(line["subtotal"] for line in lines) == sum(bill["billTotal"] for bill in bills_then)
            or len(lines) == 100
        )
        assert bills_then == [bills[bill["id"]] for bill in bills_then]
        for bill in bills_then[:2]:
            assert bill == await played.get(f"bills/{bill['id']}", knownAt=moment)
        for id in sorted(bills.keys() - {bill["id"] for bill in bills_then})[:2]:
            assert (await played.wire.ask("GET", f"bills/{id}", knownAt=moment)).status_code == 404
        counts.append(len(bills_then))
    assert counts[:3] == [0, 0, 0] and 0 < counts[3] == counts[4] < counts[5] <= len(bills)
    refused = await played.wire.ask("GET", "bills", knownAt=played.moments[0].isoformat(), status="PENDING")
    assert refused.status_code == 400


async def test_what_is_not_billed_was_more_before_the_bill(played: Played) -> None:
    id = played.accounts[ACCOUNTS[0]]
    days = []
    for at in played.moments[2:4]:
        unbilled = await played.get(f"accounts/{id}/unbilled", knownAt=at.isoformat(), asOf="2026-02-01")
        usage = [line for line in unbilled["lineItems"] if line["lineItemType"] == "USAGE"]
        days.append({line["servicePeriodStartDate"][:10] for line in usage})
    before, after = days
    assert before and not before & after
    now = await played.get(f"accounts/{id}/unbilled")
    last = await played.get(f"accounts/{id}/unbilled", knownAt=datetime.now(UTC).isoformat())
    assert (now["billTotal"], len(now["lineItems"])) == (last["billTotal"], len(last["lineItems"])) != (Decimal(0), 0)


async def test_what_happened_is_what_had_happened(played: Played) -> None:
    every = (await played.get("events", pageSize=100))["data"]
    earlier = (await played.get("events", knownAt=played.moments[0].isoformat(), pageSize=100))["data"]
    [second] = [commitment for commitment in await played.commitments() if commitment.get("code") == "second"]
    assert earlier and earlier == every[-len(earlier) :] and len(earlier) < len(every)
    of_second = [await played.get("events", resourceId=second["id"], knownAt=at.isoformat()) for at in played.moments]
    assert [len(page["data"]) for page in of_second] == [0, 0, 0, 0, 1, 1]


async def test_accounts_are_listed_that_were_known(played: Played) -> None:
    now = (await played.get("accounts"))["data"]
    assert (await played.get("accounts", knownAt=played.moments[0].isoformat()))["data"] == now != []
    assert (await played.get("accounts", knownAt="2020-01-01T00:00:00Z"))["data"] == []
