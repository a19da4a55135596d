"""Bills in parts, when Postgres or the end of the log is lost: the store is what it was, and half a bill is none."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from events.topics import BILL_LINES, EVENTS
from tests.api_client import CONFIG
from tests.continuity.home import PATIENCE_S, Home
from tests.continuity.test_usage_lost import calls, publish
from tests.system.story import ACCOUNTS, Wire, set_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

#: Bytes of JSON that a fact of these bills may have: a line or two.
ROOM = 1_500
GRACE = {"autoApproveBillsGracePeriod": 90, "autoApproveBillsGracePeriodUnit": "DAYS"}
#: All that the log can give back of the store.
KEPT = {
    "events": "position",
    "entities": "organization, kind, id",
    "invoice_numbers": "organization",
    "limits": "record_bytes",
    "topics": "name",
}


@pytest.fixture(scope="module")
def home(breaking_home: Home) -> Home:
    return breaking_home


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bill is larger than a fact may be."""
    monkeypatch.setattr("services.billing.issuing.fact_room", lambda _: ROOM)


@pytest_asyncio.fixture(loop_scope="session")
async def store(home: Home) -> AsyncIterator["Held"]:
    yield Held(home.database_url)


class Held:
    """What the event store holds; each look has a connection of its own, because the database comes and goes."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self._database_url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def everything(self) -> dict[str, list[Any]]:
        """As the rows' text."""
        return {
            table: [
                row["row"] for row in await self.fetch(f"SELECT (held - 'made_at')::text AS row FROM"
                f" (SELECT to_jsonb(t) AS held FROM store.{table} AS t ORDER BY {order}) AS rows")
            ]
            for table, order in KEPT.items()
        }  # fmt: skip

    async def facts(self, organization: str) -> dict[str, list[tuple[int, str]]]:
        """Position and type of the facts that issue bills, by bill."""
        parts_by_bill: dict[str, list[tuple[int, str]]] = {}
        for row in await self.fetch(
            "SELECT position, type, data->>'billId' AS bill_id FROM store.events WHERE organization = $1"
            " AND type IN ('BillLinesIssued', 'BillIssued') ORDER BY position",
            organization,
        ):
            parts_by_bill.setdefault(row["bill_id"], []).append((row["position"], row["type"]))
        return parts_by_bill

    async def forget_behind(self, position: int) -> list[str]:
        """Take out all events behind this one; nobody may be at work. Returns them, for `give_back`."""
        taken = "DELETE FROM store.events WHERE position > $1 RETURNING events::text AS row"
        return [row["row"] for row in await self.fetch(taken, position)]

    async def give_back(self, rows: list[str]) -> None:
        for row in rows:
            await self.fetch("INSERT INTO store.events OVERRIDING SYSTEM VALUE SELECT ($1::text::store.events).*", row)


async def opened(home: Home, organization: str, **more: Any) -> Wire:
    """Everything at work, and accounts with usage."""
    await home.start()
    wire = home.wire(organization)
    await set_up(wire)
    if more:
        await wire.do("PUT", "organizationconfig", CONFIG | more | {"version": 1})
    await publish(home, organization, range(30))
    assert await calls(home, wire) == 30
    return wire


async def bill(wire: Wire) -> list[str]:
    """The ids of the bills that a job for January issues or opens."""
    job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"})
    while job["status"] != "COMPLETE":
        job = await wire.do("GET", f"billjobs/{job['id']}")
    return list(job["billIds"])


async def billed_unrelayed(home: Home, store: Held, wire: Wire) -> dict[str, list[tuple[int, str]]]:
    """Bill January while no relay is at work, and stop; returns the facts of each bill."""
    await home.stop()
    await home.start("api", "ingest", "projector")
    await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"})
    async with asyncio.timeout(PATIENCE_S):
        while len(logged := await store.facts(wire.organization)) < len(ACCOUNTS):
            await asyncio.sleep(0.1)
    await home.stop()
    return logged


async def bills_shown(wire: Wire) -> list[Any]:
    """Every bill with its lines, as the API shows it."""
    bills = (await wire.do("GET", "bills?pageSize=100"))["data"]
    return sorted(bills, key=lambda shown_bill: str(shown_bill["accountId"]))


async def commands(home: Home) -> dict[int, list[bytes]]:
    """What the log holds of the store, by partition; ticks and usage go on after a rebuild as before it."""
    values = await home.values(EVENTS)
    return {
        partition: [value for value in logged if b'"source":"commands/' in value]
        for partition, logged in values.items()
    }


async def lines_once(home: Home) -> dict[int, list[bytes]]:
    """The lines of bills for invoicing as a consumer keeps them, which drops what is written again."""
    return {partition: list(dict.fromkeys(logged)) for partition, logged in (await home.values(BILL_LINES)).items()}


async def check_audit(home: Home) -> None:
    status, said = await home.trueup("audit")
    assert status == 0 and "live == replay, unexplained 0.00" in said, said
    assert (await home.trueup("foreign")) == (0, "")


@pytest.mark.long
async def test_a_lost_postgres_is_refilled_with_divided_bills_exactly(home: Home, store: Held) -> None:
    wire = await opened(home, "divided", billPrefix="INV-", **GRACE)
    first, second, *others = await bill(wire)
    product = next(id for id, name in wire.names.items() if name == "product")
    memo = {
        "accountingProductId": product, "productId": product, "amount": 5,
        "description": "goodwill", "servicePeriodStartDate": "2026-01-01", "servicePeriodEndDate": "2026-02-01",
        "referencedBillId": first, "referencedLineItemId": first,
    }  # fmt: skip
    kept = await wire.do("POST", f"bills/{first}/creditlineitems", memo)
    await wire.do("PUT", f"bills/{first}/creditlineitems/{kept['id']}", memo | {"amount": 6, "version": 1})
    dropped = await wire.do("POST", f"bills/{first}/debitlineitems", memo)
    await wire.do("DELETE", f"bills/{first}/debitlineitems/{dropped['id']}")
    for bill_id in (first, second, *others):
        await wire.do("PUT", f"bills/{bill_id}/status", {"status": "APPROVED"})
    await wire.do("PUT", f"bills/{second}/lock")
    await home.settled()
    shown, issued = await bills_shown(wire), await store.facts("divided")
    assert len(shown) == len(issued) == len(ACCOUNTS)
    assert all([type for _, type in facts][-2:] == ["BillLinesIssued", "BillIssued"] for facts in issued.values())
    before, log, lines = await store.everything(), await commands(home), await lines_once(home)
    await home.lose_postgres()
    await home.stop()

    status, said = await home.trueup("rebuild-store")
    assert status == 0 and f"{len(before['events'])} events added" in said and "is not issued" not in said, said
    assert await store.everything() == before
    await home.start()
    await home.settled()
    assert await bills_shown(wire) == shown
    assert await commands(home) == log and await lines_once(home) == lines
    await check_audit(home)
    assert not await home.stop()


async def test_a_bill_whose_end_is_in_no_log_is_named_and_billed_again(home: Home, store: Held) -> None:
    wire = await opened(home, "half", billPrefix="HALF-")
    expected = await billed_unrelayed(home, store, wire)
    halved, facts = next((id, facts) for id, facts in reversed(expected.items()) if len(facts) > 2)
    last_part = facts[-2][0]
    await store.forget_behind(last_part)
    await home.start("relay", "projector")
    await home.settled()
    await home.stop()
    before = await store.everything()
    await home.lose_postgres()
    status, said = await home.trueup("rebuild-store")
    named = f"bill {halved} of half is not issued: of its parts the log holds {len(facts) - 1}"
    assert status == 0 and named in said, said
    after = await store.everything()
    # Invoice numbers that were given to bills that are nowhere are given anew.
    assert {**after, "invoice_numbers": None} == {**before, "invoice_numbers": None}
    await home.start()
    await home.settled()
    assert halved not in [shown_bill["id"] for shown_bill in await bills_shown(wire)]
    await check_audit(home)
    await bill(wire)
    shown = await bills_shown(wire)
    assert len(shown) == len(ACCOUNTS) and halved not in [shown_bill["id"] for shown_bill in shown]
    assert sorted(shown_bill["sequentialInvoiceNumber"] for shown_bill in shown) == [
        f"HALF-{n + 1}" for n in range(len(ACCOUNTS))
    ]
    await check_audit(home)
    assert not await home.stop()
    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "0 events added" in said and "is not issued" not in said, said


@pytest.mark.long
async def test_a_log_that_ends_within_a_bill_gets_the_rest_again(home: Home, store: Held) -> None:
    wire = await opened(home, "cut")
    facts = max((await billed_unrelayed(home, store, wire)).values(), key=len)
    rows = await store.forget_behind(facts[0][0])
    await home.start("relay", "projector")
    await home.settled()
    await home.stop()
    await home.save_kafka()
    await store.give_back(rows)
    await home.start()
    await home.settled()
    shown, lines = await bills_shown(wire), await lines_once(home)
    await home.stop()
    before = await store.everything()
    await home.restore_kafka()
    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "events are written to the log again" in said and "is not issued" not in said, said
    assert await store.everything() == before
    await home.start()
    await home.settled()
    assert len(shown) == len(ACCOUNTS) and await bills_shown(wire) == shown
    assert await lines_once(home) == lines
    await check_audit(home)
    assert not await home.stop()
