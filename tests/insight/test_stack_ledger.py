"""On the real stack: lines across bills, which for one commitment are its draw-down ledger."""

from decimal import Decimal
from typing import Any

import pytest

from tests.insight.conftest import Played

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def ledger(played: Played, size: int = 100, **filters: Any) -> list[dict[str, Any]]:
    """All pages together."""
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = await played.get("lineitems", pageSize=size, **filters, **token)
        assert len(page["data"]) <= size
        found.extend(page["data"])
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}


async def test_lines_of_all_bills_are_listed_newest_bill_first(played: Played) -> None:
    bills = (await played.get("bills"))["data"]
    wanted = [line for bill in bills for line in bill["lineItems"]]
    assert await ledger(played) == await ledger(played, 7) == wanted
    assert len({line["billId"] for line in wanted}) > 6


async def test_a_commitments_lines_are_its_draw_down_ledger(played: Played) -> None:
    drawn = 0
    for commitment in await played.commitments():
        lines = await ledger(played, commitmentId=commitment["id"])
        consumed = await ledger(played, 1, commitmentId=commitment["id"], lineItemType="COMMITMENT_CONSUMED")
        assert consumed == [line for line in lines if line["lineItemType"] == "COMMITMENT_CONSUMED"]
        assert {line["commitmentId"] for line in lines} <= {commitment["id"]}
        spent = await played.get(f"commitments/{commitment['id']}/balance", asOf="2026-03-01")
        # Usage of late February has arrived since the last bill, so more may be spent than is billed.
        assert 0 <= -sum(Decimal(line["subtotal"]) for line in consumed) <= spent["spent"]
        drawn += len(consumed)
    assert drawn > 3


async def test_filters_are_all_to_hold(played: Played) -> None:
    bill = (await played.get("bills"))["data"][-1]
    lines = bill["lineItems"]
    assert await ledger(played, billId=bill["id"]) == lines
    usage = await ledger(played, billId=bill["id"], lineItemType="USAGE")
    assert usage == [line for line in lines if line["lineItemType"] == "USAGE"] != []
    assert await ledger(played, commitmentId="nothing") == await ledger(played, billId="nothing") == []
