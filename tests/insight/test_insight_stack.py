"""On the real stack: explanations down to events in the log, conservation, what-if, balances as of and as known."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from events.codec import decode
from events.topics import CATALOG, EVENTS
from services.kafka import LogReader
from services.projector.projection import Projection
from services.projector.target import FixedTarget, live_schema, use_schema
from services.replay.filling import fold_to, settle_due
from services.replay.schemas import drop_schema, scratch_schema
from tests.insight.conftest import Played
from tests.insight.story import PARTITIONS
from tests.system.story import ACCOUNTS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def get(played: Played, path: str, **query: Any) -> Any:
    """The answer with exact numbers."""
    url = f"{played.system.addresses.api_url}/organizations/{played.wire.organization}/{path}"
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.get(url, params=query)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)


async def lines(played: Played) -> AsyncIterator[tuple[dict[str, Any], dict[str, Any]]]:
    for bill in await played.bills():
        for line in bill["lineItems"]:
            yield bill, line


async def test_every_line_of_every_bill_adds_up_at_the_bills_own_positions(played: Played) -> None:
    types, late = set(), 0
    async for bill, line in lines(played):
        told = await get(played, f"bills/{bill['id']}/lineitems/{line['id']}/explain", limit=10_000)
        types.add(line["lineItemType"])
        assert told["addsUp"], told
        assert told["amount"] == Decimal(str(line["subtotal"]))
        assert sum(part["amount"] for part in told["parts"]) == told["due"]
        for part in told["parts"]:
            assert sum(add["amount"] for add in part["adds"]) == part["amount"]
        assert len(told["events"]) == told["eventCount"]
        assert all(event["offset"] < told["positions"]["log"] for event in told["events"])
        if line["lineItemType"] == "USAGE":
            late += told["billedBefore"] != 0
            days = {day["day"]: day["quantity"] for part in told["parts"] for day in part["inputs"]["days"]}
            by_day: dict[str, Decimal] = {}
            for event in told["events"]:
                by_day[event["day"]] = by_day.get(event["day"], Decimal(0)) + sum(
                    add["quantity"] for add in event["adds"]
                )
            assert by_day == days
    assert late, "late usage stands as a difference on the second bill"
    assert {"USAGE", "STANDING_CHARGE", "COMMITMENT_CONSUMED", "COMMITMENT_FEE", "OVERAGE_SURCHARGE"} <= types


async def test_an_event_is_the_record_at_its_offset(played: Played) -> None:
    [bill, *_] = [bill for bill in await played.bills() if bill["accountCode"] == ACCOUNTS[0]]
    [line, *_] = [line for line in bill["lineItems"] if line["lineItemType"] == "USAGE"]
    path = f"bills/{bill['id']}/lineitems/{line['id']}/explain"
    told = await get(played, path, limit=3)
    assert len(told["events"]) == 3 < told["eventCount"]
    async with LogReader(played.bootstrap) as reader:
        for named in (*told["events"], *told["terms"]):
            at = int(named["offset"])
            async for [record] in reader.read(named["topic"], int(named["partition"]), at, at + 1):
                assert str(decode(record.value).id) == named["id"]
    assert {"CommitmentCreated", "PricingCreated", "AccountPlanCreated", "AggregationCreated"} & {
        fact["type"] for fact in told["terms"]
    }
    assert (await get(played, path, limit=0))["events"] == []


async def test_a_draw_names_every_candidate(played: Played) -> None:
    """The account's second prepayment came after its first bill; on the second bill both stand, in order."""
    bills = [bill for bill in await played.bills() if bill["accountCode"] == ACCOUNTS[0]]
    seen = set()
    for bill in bills:
        for line in bill["lineItems"]:
            if line["lineItemType"] == "COMMITMENT_CONSUMED":
                told = await get(played, f"bills/{bill['id']}/lineitems/{line['id']}/explain", limit=0)
                slices = [one for part in told["parts"] for one in part["slices"]]
                assert all(one["candidates"] for one in slices)
                for one in slices:
                    drawn = sum(candidate.get("drawn", 0) for candidate in one["candidates"])
                    assert drawn == one["drawn"] == one["amount"] - one["credited"] - one["uncovered"]
                    assert all(("reason" in each) != ("drawn" in each) for each in one["candidates"])
                    seen.add(len(one["candidates"]))
    assert seen == {1, 2}


async def test_trueup_explain_tells_it_in_a_terminal(played: Played) -> None:
    bill = (await played.bills())[0]
    environment = os.environ | {
        "TRUEUP_KAFKA_BOOTSTRAP": played.bootstrap,
        "TRUEUP_DATABASE_URL": played.system.endpoints.database_url,
    }

    async def run(*arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "explain", *arguments,
            env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    for line in bill["lineItems"][:3]:
        status, out, err = await run(bill["id"], str(line["sequenceNumber"]), "--limit", "2")
        assert status == 0, err
        assert line["lineItemType"] in out and "domain.md" in out
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
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.get(f"{played.system.addresses.api_url}/organizations/insight/{path}")
        assert answer.status_code == 404, path


async def test_everything_is_conserved_and_a_corrupt_row_is_named(played: Played) -> None:
    found = await get(played, "conservation")
    assert found["holds"] and found["unexplained"] == 0 and found["failures"] == []
    assert found["families"] == len(ACCOUNTS) and found["commitmentsAndBalances"] == len(ACCOUNTS) + 1
    assert await unexplained(played) == "0.00"
    commitment = (await played.commitments())[0]["id"]
    async with played.postgres.transaction() as connection:
        await use_schema(connection, await live_schema(connection))
        await connection.execute(
            "UPDATE commitment_balances SET remaining = remaining + 0.25 WHERE commitment_id = $1", commitment
        )
    try:
        found = await get(played, "conservation")
        assert not found["holds"]
        [failure] = found["failures"]
        assert (failure["commitmentId"], failure["residue"]) == (commitment, Decimal("-0.25"))
        assert await unexplained(played) == "0.25"
    finally:
        async with played.postgres.transaction() as connection:
            await use_schema(connection, await live_schema(connection))
            await connection.execute(
                "UPDATE commitment_balances SET remaining = remaining - 0.25 WHERE commitment_id = $1", commitment
            )
    assert (await get(played, "conservation"))["holds"]


async def unexplained(played: Played) -> str:
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(f"{played.system.addresses.api_url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = re.search(r"^trueup_unexplained_amount (\S+)$", answer.text, re.MULTILINE)
    assert found
    return found[1]


async def test_the_balance_without_parameters_is_the_commitments_own(played: Played) -> None:
    for commitment in await played.commitments():
        found = await get(played, f"commitments/{commitment['id']}/balance")
        exact = {name: Decimal(str(commitment[name])) for name in ("amountSpent", "amountRemaining")}
        assert found["spent"] == exact["amountSpent"] == sum(draw["amount"] for draw in found["draws"])
        assert found["remaining"] == exact["amountRemaining"]
        assert found["status"] == commitment["status"]
        assert found["days"][-1]["spent"] == found["spent"]
        by_slice = sum(one["amount"] for draw in found["draws"] for one in draw["slices"])
        assert by_slice == found["spent"]


async def test_as_of_a_day_is_where_the_burn_down_stood(played: Played) -> None:
    [commitment] = [one for one in await played.commitments() if one.get("code") == "second"]
    whole = await get(played, f"commitments/{commitment['id']}/balance")
    assert len(whole["days"]) > 5
    for entry in whole["days"][:: max(1, len(whole["days"]) // 5)]:
        found = await get(played, f"commitments/{commitment['id']}/balance", asOf=entry["day"])
        assert (found["spent"], found["remaining"]) == (entry["spent"], entry["remaining"])
        assert found["asOf"] == entry["day"]


async def test_as_known_at_equals_a_replay_cut_there(played: Played) -> None:
    """Moments between the story's steps, and moments in the middle of the log."""
    commitments = {one["id"]: one for one in await played.commitments()}
    moments = [*played.moments, *await _log_times(played)]
    seen = set()
    for moment in moments:
        rows = await _replay_cut_at(played, moment)
        for id in commitments:
            path = f"commitments/{id}/balance"
            if id not in rows:
                url = f"{played.system.addresses.api_url}/organizations/insight/{path}"
                async with httpx.AsyncClient(timeout=30) as client:
                    answer = await client.get(url, params={"knownAt": moment.isoformat()})
                assert answer.status_code == 404
                continue
            found = await get(played, path, knownAt=moment.isoformat())
            row = rows[id]
            shown = (found["spent"], found["remaining"], found["rolledOver"], found["lapsed"], found["status"])
            assert shown == (row["spent"], row["remaining"], row["rolled_over"], row["lapsed"], row["status"])
            assert found["asOf"] == row["as_of"].isoformat()
            counted = [period["counted"] for period in found.get("periods", ())]
            assert counted == [Decimal(period["counted"]) for period in json.loads(row["periods"])]
            seen.add((id, found["spent"], sum(counted)))
    assert len(seen) > 2 * len(commitments), "the moments differ"


async def _log_times(played: Played) -> list[datetime]:
    """The log time of a record in the middle of the first partition."""
    found = []
    async with LogReader(played.bootstrap) as reader:
        end = (await reader.end_offsets(EVENTS, [0]))[0]
        for at in (end // 2,):
            async for [record] in reader.read(EVENTS, 0, at, at + 1):
                found.append(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=record.timestamp))
    return found


async def _replay_cut_at(played: Played, moment: datetime) -> dict[str, Any]:
    """Rows of `commitment_balances` of a replay that sees only records of a log time up to the moment."""
    rows: dict[str, Any] = {}
    async with played.postgres.connection() as guard:
        schema = await scratch_schema(played.postgres)
        try:
            async with LogReader(played.bootstrap) as side, LogReader(played.bootstrap) as main:
                catalog = await _first_after(main, CATALOG, 0, moment)
                for partition in range(PARTITIONS):
                    projection = Projection(FixedTarget(played.postgres, schema), side)
                    await projection.load([partition], catalog_end=0)
                    end = await _first_after(main, EVENTS, partition, moment)
                    await fold_to(projection, main, {partition: end}, catalog_end=0)
                    await projection.follow(catalog)
                    await settle_due(projection, catalog_end=catalog)
            for row in await guard.fetch(f'SELECT * FROM "{schema}".commitment_balances'):
                rows[row["commitment_id"]] = row
        finally:
            await drop_schema(guard, schema)
    return rows


async def _first_after(reader: LogReader, topic: str, partition: int, moment: datetime) -> int:
    """Offset of the first record later than the moment, found by reading them all."""
    end = (await reader.end_offsets(topic, [partition]))[partition]
    found = end
    async for records in reader.read(topic, partition, 0, end):
        for record in records:
            if datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=record.timestamp) > moment:
                found = min(found, int(record.offset))
    return found


async def test_a_preview_of_other_terms_is_the_preview_under_them(played: Played) -> None:
    """Last, because it amends: the preview with a supposed amount equals the one once it is commanded."""
    [commitment] = [one for one in await played.commitments() if one.get("code") == "second"]
    account = commitment["accountId"]
    asked = {"accountId": account, "lastDateInBillingPeriod": "2026-03-31"}
    before = await played.wire.call("POST", "bills/preview", asked)
    supposed = await played.wire.call(
        "POST", "bills/preview", {**asked, "commitments": [{**commitment, "amount": 900}]}
    )
    assert supposed["billTotal"] != before["billTotal"]
    assert await played.wire.call("POST", "bills/preview", asked) == before, "nothing is stored"
    terms = {name: value for name, value in commitment.items() if name not in ("version",)}
    await played.wire.call(
        "PUT", f"commitments/{commitment['id']}", {**terms, "amount": 900, "version": commitment["version"]}
    )
    assert await played.wire.call("POST", "bills/preview", asked) == supposed


async def test_a_preview_of_the_close_is_the_bill(played: Played) -> None:
    from tests.insight.story import bill

    previews = {
        code: await played.wire.call(
            "POST", "bills/preview", {"accountId": id, "lastDateInBillingPeriod": "2026-03-31"}
        )
        for code, id in played.accounts.items()
    }
    known = {one["id"] for one in await played.bills()}
    await bill(played.wire, "2026-03-31")
    await played.settled()
    issued = {one["accountCode"]: one for one in await played.bills() if one["id"] not in known}
    for code, preview in previews.items():
        assert preview["billTotal"] == issued[code]["billTotal"]
        fields = ("lineItemType", "subtotal", "quantity", "units", "description", "servicePeriodStartDate")
        assert [[line[name] for name in fields] for line in preview["lineItems"]] == [
            [line[name] for name in fields] for line in issued[code]["lineItems"]
        ]
