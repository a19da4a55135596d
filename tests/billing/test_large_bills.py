"""Bills of thousands of lines where a record may have one mebibyte: issued, shown, exported, replayed, proved."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from events.topics import BILL_LINES, EVENTS, RECORD_BYTES_LEAST
from services.kafka import LogReader
from services.postgres import open_postgres
from services.projection.replay import replay
from services.run.settings import load_settings
from services.run.stack import Stack
from services.run.up import System
from tests.billing.conftest import GRACE, PARTITIONS, Shop, opened_shop
from tests.billing.test_memos import memo
from tests.system.running import system_on

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

PATIENCE_S = 400
LAST = date(2026, 1, 31)
_FACTS = "SELECT type, octet_length(data::text) AS bytes FROM store.events WHERE data->>'billId' = $1 ORDER BY position"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def small_records(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    home = tmp_path_factory.mktemp("large")
    settings = load_settings(
        home=home, partitions=PARTITIONS, worker_session_ms=6000, api_port=0, max_record_bytes=RECORD_BYTES_LEAST
    )
    async with system_on(stack, settings) as system:
        yield system


async def daily(shop: Shop, first: date) -> str:
    """An account that pays 1 a day, and 3 for the least usage: two lines for each day since the first."""
    template = await shop.create(
        "plantemplates", productId=shop.product, name="Daily", currency="USD", billFrequency="DAILY",
        standingCharge=1, minimumSpend=3,
    )  # fmt: skip
    plan = await shop.create("plans", code="daily", name="Daily", planTemplateId=template)
    account = await shop.account("acme", planned=False)
    await shop.create("accountplans", accountId=account, planId=plan, startDate=str(first))
    return account


async def billed(shop: Shop) -> str:
    """The one bill that a job for all of it issues or opens."""
    job = await shop.do("POST", "billjobs", {"lastDateInBillingPeriod": str(LAST)})
    async with asyncio.timeout(PATIENCE_S):
        while job["status"] != "COMPLETE":
            await asyncio.sleep(0.2)
            job = await shop.do("GET", f"billjobs/{job['id']}")
    [bill_id] = job["billIds"]
    return str(bill_id)


async def stored(shop: Shop, bill_id: str) -> list[str]:
    """The types of the facts about the bill, in order; none is larger than a record may be."""
    async with (
        open_postgres(shop.system.endpoints.database_url, most=1) as postgres,
        postgres.connection() as connection,
    ):
        rows = await connection.fetch(_FACTS, bill_id)
    assert all(row["bytes"] < RECORD_BYTES_LEAST for row in rows)
    return [row["type"] for row in rows]


async def paged(shop: Shop, bill_id: str) -> list[dict[str, Any]]:
    """The bill's lines, a page of a hundred after the other."""
    documents: list[dict[str, Any]] = []
    page: dict[str, Any] = {"nextToken": ""}
    while "nextToken" in page:
        token = {"nextToken": page["nextToken"]} if page["nextToken"] else {}
        page = await shop.do("GET", "lineitems", billId=bill_id, pageSize=100, **token)
        documents += page["data"]
    return documents


async def exported(shop: Shop, bill_id: str) -> list[tuple[int, str, str]]:
    """Number, id and amount of each line of the bill that invoicing was told of, in the order of its topic."""
    shown_lines = []
    async with LogReader(shop.system.endpoints.kafka) as reader:
        ends = await reader.end_offsets(BILL_LINES, range(PARTITIONS))
        for partition, end in ends.items():
            async for records in reader.read(BILL_LINES, partition, 0, end):
                lines = [json.loads(record.value) for record in records]
                shown_lines += [
                    (line["number"], line["id"], line["amount"]) for line in lines if line["billId"] == bill_id
                ]
    return shown_lines


async def check_everywhere(shop: Shop, first: date) -> None:
    """One bill of two lines a day, the same wherever it is asked for, and the same after a replay."""
    await daily(shop, first)
    bill_id = await billed(shop)
    days = (LAST - first) // timedelta(days=1) + 1
    *parts, last = await stored(shop, bill_id)
    assert last == "BillIssued" and parts == ["BillLinesIssued"] * len(parts) and len(parts) >= days * 2 // 3_000
    bill = await shop.do("GET", f"bills/{bill_id}")
    lines = bill["lineItems"]
    assert (bill["version"], bill["status"], bill["billTotal"]) == (1, "APPROVED", days * 4)
    assert [line["sequenceNumber"] for line in lines] == [*range(1, days * 2 + 1)]
    assert {line["lineItemType"]: line["subtotal"] for line in lines} == {"STANDING_CHARGE": 1, "MINIMUM_SPEND": 3}
    assert await shop.bills() == [bill] and await paged(shop, bill_id) == lines
    told = [(line["sequenceNumber"], line["id"], Decimal(line["subtotal"])) for line in lines]
    invoiced = [(number, id, Decimal(amount)) for number, id, amount in await exported(shop, bill_id)]
    assert invoiced == told
    explained = await shop.do("GET", f"bills/{bill_id}/lineitems/1/explain")
    assert (explained["lineId"], explained["addsUp"]) == (lines[0]["id"], True)
    await check_audit(shop)
    endpoints = shop.system.endpoints
    async with open_postgres(endpoints.database_url, most=4) as postgres:
        await replay(postgres, endpoints.kafka)
    assert await shop.bills() == [bill]
    await check_audit(shop)


async def check_audit(shop: Shop) -> None:
    report = await shop.audit()
    assert report.passed, report.difference
    assert report.last_line().endswith("live == replay, unexplained 0.00")


async def test_a_bill_that_no_record_has_room_for_is_one_bill_everywhere(small_records: System) -> None:
    await check_everywhere(await opened_shop(small_records), date(2020, 1, 1))


@pytest.mark.long
async def test_a_bill_of_forty_thousand_lines_is_one_bill_everywhere(small_records: System) -> None:
    await check_everywhere(await opened_shop(small_records), date(1970, 1, 1))


@pytest.mark.long
async def test_a_pending_bill_that_no_record_has_room_for_lives_as_any_bill(small_records: System) -> None:
    shop = await opened_shop(small_records, billPrefix="INV-", **GRACE)
    account = await daily(shop, date(2020, 1, 1))
    bill_id = await billed(shop)
    pending = await shop.do("GET", f"bills/{bill_id}")
    days = len(pending["lineItems"]) // 2
    assert (pending["status"], pending["version"], pending["billTotal"]) == ("PENDING", 1, days * 4)
    await shop.do("POST", f"bills/{bill_id}/creditlineitems", memo(shop, bill_id, 5))
    approved = await shop.do("PUT", f"bills/{bill_id}/status", {"status": "APPROVED"})
    assert (approved["version"], approved["billTotal"]) == (3, days * 4 - 5)
    assert approved["lineItems"][:-1] == pending["lineItems"]
    assert (await stored(shop, bill_id))[2:] == ["BillLinesIssued", "BillLinesIssued", "BillIssued"]
    assert await shop.bills() == [approved] and approved["sequentialInvoiceNumber"] == "INV-1"
    assert (await shop.do("DELETE", f"bills/{bill_id}"))["billTotal"] == days * 4 - 5
    await shop.refused(404, "GET", f"bills/{bill_id}")
    again = await billed(shop)
    await shop.do("PUT", f"bills/{again}/status", {"status": "APPROVED"})
    locked = await shop.do("PUT", f"bills/{again}/lock")
    assert (locked["version"], locked["billTotal"], len(locked["lineItems"])) == (3, days * 4, days * 2)
    assert locked["sequentialInvoiceNumber"] == "INV-2"
    assert "locked" in await shop.refused(409, "DELETE", f"bills/{again}")
    assert (await shop.do("GET", f"bills/latest/{account}"))["id"] == again
    await check_audit(shop)


async def test_no_record_of_the_log_is_larger_than_the_setting(small_records: System) -> None:
    largest = 0
    async with LogReader(small_records.endpoints.kafka) as reader:
        for partition, end in (await reader.end_offsets(EVENTS, range(PARTITIONS))).items():
            async for records in reader.read(EVENTS, partition, 0, end):
                largest = max([largest, *(len(record.value) for record in records)])
    assert RECORD_BYTES_LEAST // 2 < largest < RECORD_BYTES_LEAST
