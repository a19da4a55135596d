"""On the real stack: lines explained at their bills' own positions, and what is conserved."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from events.codec import decode
from services.audit.passes import pass_over_conservation, read_passes
from services.kafka import LogReader
from services.readside.live import live_schema, use_schema
from tests.insight.conftest import Played
from tests.insight.explaining import assert_adds_up, run_explain
from tests.system.story import ACCOUNTS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def lines(played: Played) -> AsyncIterator[tuple[dict[str, Any], dict[str, Any]]]:
    for bill in await played.bills():
        for line in bill["lineItems"]:
            yield bill, line


async def test_every_line_of_every_bill_adds_up_at_the_bills_own_positions(played: Played) -> None:
    types, late = set(), 0
    async for bill, line in lines(played):
        told = await played.get(f"bills/{bill['id']}/lineitems/{line['id']}/explain", limit=10_000)
        types.add(line["lineItemType"])
        assert_adds_up(told, line)
        assert told["status"] == "APPROVED"
        late += line["lineItemType"] == "USAGE" and told["billedBefore"] != 0
    assert late, "late usage stands as a difference on the second bill"
    assert {"USAGE", "STANDING_CHARGE", "COMMITMENT_CONSUMED", "COMMITMENT_FEE", "OVERAGE_SURCHARGE"} <= types


async def test_an_event_is_the_record_at_its_offset(played: Played) -> None:
    [bill, *_] = [bill for bill in await played.bills() if bill["accountCode"] == ACCOUNTS[0]]
    [line, *_] = [line for line in bill["lineItems"] if line["lineItemType"] == "USAGE"]
    path = f"bills/{bill['id']}/lineitems/{line['id']}/explain"
    told = await played.get(path, limit=3)
    assert len(told["events"]) == 3 < told["eventCount"]
    async with LogReader(played.cluster) as reader:
        for named in (*told["events"], *told["terms"]):
            at = int(named["offset"])
            async for [record] in reader.read(named["topic"], int(named["partition"]), at, at + 1):
                assert str(decode(record.value).id) == named["id"]
    assert {"CommitmentCreated", "PricingCreated", "AccountPlanCreated", "AggregationCreated"} & {
        fact["type"] for fact in told["terms"]
    }
    assert (await played.get(path, limit=0))["events"] == []


@pytest.mark.parametrize("size", [20, 33])
async def test_events_are_walked_to_their_end_a_page_at_a_time(played: Played, size: int) -> None:
    [bill, *_] = [bill for bill in await played.bills() if bill["accountCode"] == ACCOUNTS[0]]
    [line, *_] = [line for line in bill["lineItems"] if line["lineItemType"] == "USAGE"]
    path = f"bills/{bill['id']}/lineitems/{line['id']}/explain"
    whole = await played.get(path, limit=10_000)
    page = await played.get(path, limit=size)
    seen, pages = page["events"], 1
    while "nextToken" in page:
        assert len(page["events"]) == size
        page = await played.get(path, limit=size, nextToken=page["nextToken"])
        seen, pages = seen + page["events"], pages + 1
    assert seen == whole["events"] and pages == -(-len(seen) // size) > 1 and "nextToken" not in whole
    await played.wire.refused(400, "GET", f"{path}?nextToken=nonsense")


async def test_a_draw_names_every_candidate(played: Played) -> None:
    """The account's second prepayment came after its first bill; on the second bill both stand, in order."""
    bills = [bill for bill in await played.bills() if bill["accountCode"] == ACCOUNTS[0]]
    seen = set()
    for bill in bills:
        for line in bill["lineItems"]:
            if line["lineItemType"] == "COMMITMENT_CONSUMED":
                told = await played.get(f"bills/{bill['id']}/lineitems/{line['id']}/explain", limit=0)
                slices = [piece for part in told["parts"] for piece in part["slices"]]
                assert all(piece["candidates"] for piece in slices)
                for piece in slices:
                    drawn = sum(candidate.get("drawn", 0) for candidate in piece["candidates"])
                    assert drawn == piece["drawn"] == piece["amount"] - piece["credited"] - piece["uncovered"]
                    assert all(("reason" in each) != ("drawn" in each) for each in piece["candidates"])
                    seen.add(len(piece["candidates"]))
    assert seen == {1, 2}


async def test_trueup_explain_tells_it_in_a_terminal(played: Played) -> None:
    bill = (await played.bills())[0]
    run = partial(run_explain, played.system.endpoints)
    for line in bill["lineItems"][:3]:
        status, out, err = await run(bill["id"], str(line["sequenceNumber"]), "--limit", "2")
        assert status == 0, err
        assert line["lineItemType"] in out and "docs/rules.md" in out
    status, out, _ = await run(bill["id"], bill["lineItems"][0]["id"], "--json")
    assert status == 0 and json.loads(out)["addsUp"]
    status, _, err = await run(bill["id"], "99")
    assert status == 1 and "no line item" in err


async def test_what_is_not_there_is_404(played: Played) -> None:
    bill = (await played.bills())[0]
    for path in (
        "bills/nothing/lineitems/1/explain",
        f"bills/{bill['id']}/lineitems/nothing/explain",
        "commitments/nothing/balance",
    ):
        await played.wire.refused(404, "GET", path)


async def test_everything_is_conserved_and_a_corrupt_row_is_named(played: Played) -> None:
    conservation = await played.get("conservation")
    assert conservation["holds"] and conservation["unexplained"] == 0 and conservation["failures"] == []
    assert conservation["families"] == len(ACCOUNTS) and conservation["commitmentsAndBalances"] == len(ACCOUNTS) + 1
    assert await unexplained(played) == "0.00"
    commitment = (await played.commitments())[0]["id"]
    async with played.postgres.transaction() as connection:
        await use_schema(connection, await live_schema(connection))
        await connection.execute(
            "UPDATE commitment_balances SET remaining = remaining + 0.25 WHERE commitment_id = $1", commitment
        )
    try:
        conservation = await played.get("conservation")
        assert not conservation["holds"]
        [failure] = conservation["failures"]
        assert (failure["commitmentId"], failure["residue"]) == (commitment, Decimal("-0.25"))
        assert await unexplained(played) == "0.25"
    finally:
        async with played.postgres.transaction() as connection:
            await use_schema(connection, await live_schema(connection))
            await connection.execute(
                "UPDATE commitment_balances SET remaining = remaining - 0.25 WHERE commitment_id = $1", commitment
            )
    assert (await played.get("conservation"))["holds"]


async def unexplained(played: Played) -> str:
    """As a pass over the laws of conservation finds it, and processes show it."""
    assert await pass_over_conservation(played.postgres, 0)
    async with played.postgres.connection() as connection:
        [last_pass] = [audit_pass for audit_pass in await read_passes(connection) if audit_pass.kind == "conservation"]
    assert last_pass.holds == (not last_pass.unexplained)
    return f"{last_pass.unexplained:.2f}"
