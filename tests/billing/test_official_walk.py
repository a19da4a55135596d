"""m3ter's own client walks every call of its core modules, once each, against a system that runs.

Which arguments each takes is held by tests/api/test_official_calls.py; here a client goes on with every answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.api.official_calls import official_calls
from tests.api.test_official_calls import MODULES
from tests.api_client import http_client
from tests.billing.conftest import Shop
from tests.billing.test_memos import memo, opened
from tests.billing.walking import Walk
from tests.official import official_client

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PATIENCE_S = 60.0
#: A term of no day, which every entity with a term takes.
NO_DAY: dict[str, Any] = {"start_date": "2026-03-01", "end_date": "2026-03-01"}
BANDS: Any = [{"lower_limit": 0, "fixed_price": 0, "unit_price": 1}]


@pytest_asyncio.fixture(loop_scope="session")
async def walk(patient: Shop) -> AsyncIterator[Walk]:
    async with official_client(patient.system.addresses.api_url, patient.organization, strict=True) as sdk:
        yield Walk(sdk)


async def catalog(walk: Walk) -> dict[str, str]:
    """Everything that belongs to no account, each once kept and once deleted."""
    ids: dict[str, str] = {}
    makers: list[tuple[str, str, Callable[[str], dict[str, Any]]]] = [
        ("product", "products", lambda code: {"code": code, "name": code}),
        ("meter", "meters", lambda code: {
            "code": code, "name": code, "product_id": ids["product"], "derived_fields": [],
            "data_fields": [{"code": "n", "name": "N", "category": "MEASURE", "unit": "1"}],
        }),
        ("aggregation", "aggregations", lambda code: {
            "code": code, "name": code, "meter_id": ids["meter"], "target_field": "n", "aggregation": "SUM",
            "rounding": "NONE", "quantity_per_unit": 1, "unit": "1",
        }),
        ("compound", "compound_aggregations", lambda code: {
            "code": code, "name": code, "calculation": "aggregation.walked / 2", "rounding": "NONE",
            "quantity_per_unit": 1, "unit": "1",
        }),
        ("group", "plan_groups", lambda code: {"code": code, "name": code, "currency": "USD"}),
        ("template", "plan_templates", lambda code: {
            "code": code, "name": code, "product_id": ids["product"], "currency": "USD", "bill_frequency": "MONTHLY",
            "standing_charge": 0,
        }),
        ("plan", "plans", lambda code: {"code": code, "name": code, "plan_template_id": ids["template"]}),
        ("counter", "counters", lambda code: {"code": code, "name": code, "unit": "seat"}),
        ("pricing", "pricings", lambda code: {
            "code": code, "plan_id": ids["plan"], "aggregation_id": ids["aggregation"], "pricing_bands": BANDS,
            **NO_DAY,
        }),
        ("counterPricing", "counter_pricings", lambda code: {
            "code": code, "plan_id": ids["plan"], "counter_id": ids["counter"], "pricing_bands": BANDS, **NO_DAY,
        }),
        *((module, module, lambda code: {"code": code, "name": code})
          for module in ("currencies", "credit_reasons", "debit_reasons", "transaction_types")),
    ]  # fmt: skip
    for name, module, fields in makers:
        ids[name] = await walk.lives(module, keep=True, **fields("walked"))
        await walk.lives(module, **fields("gone"))
    await walk.lives("plan_group_links", plan_group_id=ids["group"], plan_id=ids["plan"])
    return ids


async def customer(walk: Walk, ids: dict[str, str]) -> None:
    """An account with all that one may have."""
    fields: dict[str, Any] = {"name": "Walked", "email_address": "a@example.com"}
    account = ids["account"] = await walk.lives("accounts", keep=True, code="walked", **fields)
    await walk.lives("accounts", code="gone", **fields)
    child = await walk.call("accounts.create", code="child", parent_account_id=account, **fields)
    assert [one.id for one in await walk.call("accounts.list_children", account)] == [child.id]
    found = await walk.call("accounts.search", search_query="code:walked")
    assert [one.id for one in found.data] == [account]
    contract = await walk.lives("contracts", keep=True, account_id=account, name="C", **NO_DAY)
    await walk.lives("contracts", account_id=account, name="Gone", **NO_DAY)
    await walk.lives("account_plans", account_id=account, plan_id=ids["plan"], contract_id=contract, **NO_DAY)
    await walk.lives("commitments", account_id=account, amount=1, currency="USD", **NO_DAY)
    await walk.lives("counter_adjustments", account_id=account, counter_id=ids["counter"], date="2026-01-01", value=1)
    charge: dict[str, Any] = {"code": "c", "name": "C", "entity_type": "AD_HOC", "line_item_type": "AD_HOC"}
    service: dict[str, Any] = {"service_period_start_date": "2026-03-01", "service_period_end_date": "2026-03-02"}
    await walk.lives("charges", account_id=account, currency="USD", amount=3, **charge, **service)
    assert (await walk.call("commitments.search", search_query=f"accountId:{account}")).data == []
    balance = await walk.lives("balances", keep=True, account_id=account, code="b", name="B", currency="USD", **NO_DAY)
    await walk.lives("balances", account_id=account, code="gone", name="B", currency="USD", **NO_DAY)
    await walk.call("balances.transactions.create", balance, amount=5, transaction_type_id=ids["transaction_types"])
    assert len(await walk.call("balances.transactions.list", balance)) == 1
    assert (await walk.call("balances.transactions.summary", balance)).total_credit_amount == 5
    await schedules(walk, balance)
    for module, id in (("accounts", account), ("contracts", contract)):
        asked: dict[str, Any] = {"billing_entities": ["CONTRACT", "PREPAYMENT"], "end_date": "2026-06-01T00:00:00Z"}
        ended = await walk.call(f"{module}.end_date_billing_entities", id, **asked)
        assert ended.status_message == "0 updated, 0 failed"


async def schedules(walk: Walk, balance: str) -> None:
    """What pays into the balance and charges for it again and again, on no day of its empty term."""
    top_ups: dict[str, Any] = {
        "code": "t", "name": "T", "amount": 5, "frequency": "DAILY", "frequency_interval": 2, **NO_DAY,
        "transaction_description": "Refill", "transaction_type_id": "t",
    }  # fmt: skip
    fees: dict[str, Any] = {
        "code": "f", "name": "F", "currency": "USD", "units": 2, "unit_price": 1.5, "bill_frequency": "WEEKLY",
        "bill_frequency_interval": 1, "bill_in_advance": False, "charge_description": "Fee",
        "service_period_start_date": NO_DAY["start_date"], "service_period_end_date": NO_DAY["end_date"],
    }  # fmt: skip
    for module, fields in (("balances.transaction_schedules", top_ups), ("balances.charge_schedules", fees)):
        await walk.lives(module, balance=balance, **fields)
        shown = await walk.call(f"{module}.preview", balance, **fields)
        assert (shown.code, shown.balance_id, shown.data) == (fields["code"], balance, [])


async def billing(walk: Walk, shop: Shop) -> None:
    """A pending bill with line items put on it, through its life; and jobs."""
    bill = await opened(shop)
    bodies = {"credit": "CREDIT_MEMO", "debit": "DEBIT_MEMO"}
    for side, line_item_type in bodies.items():
        document = memo(shop, bill, 2)
        fields = {
            "accounting_product_id": document["accountingProductId"],
            "amount": 2,
            "description": "By hand",
            "product_id": document["productId"],
            "referenced_bill_id": document["referencedBillId"],
            "referenced_line_item_id": document["referencedLineItemId"],
            "service_period_start_date": document["servicePeriodStartDate"],
            "service_period_end_date": document["servicePeriodEndDate"],
            "line_item_type": line_item_type,
        }
        module = f"bills.{side}_line_items"
        made = await walk.call(f"{module}.create", bill, **fields)
        assert [one.id for one in await walk.call(f"{module}.list", bill)] == [made.id]
        assert (await walk.call(f"{module}.retrieve", made.id, bill_id=bill)).amount == 2
        assert (await walk.call(f"{module}.update", made.id, bill_id=bill, **fields, version=1)).version == 2
        await walk.call(f"{module}.delete", made.id, bill_id=bill)
    lines = await walk.call("bills.line_items.list", bill)
    assert (await walk.call("bills.line_items.retrieve", lines[0].id, bill_id=bill)).id == lines[0].id
    assert (await walk.call("bill_jobs.recalculate", bill_ids=[bill])).status == "PENDING"
    shown = await walk.call("bills.retrieve", bill)
    assert (await walk.call("bills.latest_by_account", shown.account_id)).id == bill
    assert (await walk.call("bills.approve", bill_ids=[bill])).message == "1 bills approved"
    assert (await walk.call("bills.update_status", bill, status="APPROVED")).status == "APPROVED"
    for call, format in (("create_csv", "csv"), ("get_csv", "csv"), ("get_json", "json")):
        assert f"format={format}" in (await walk.call(f"statements.{call}", bill)).download_url
    await shop.bills()  # lists and searches know every command now
    assert [one.id for one in await walk.call("bills.list")] == [bill]
    assert [one.id for one in (await walk.call("bills.search", search_query="locked:false")).data] == [bill]
    assert (await walk.call("bills.delete", bill)).id == bill
    again = (await shop.bill("2026-01-31"))["billIds"][0]
    assert (await walk.call("bills.approve", bill_ids=[again])).message == "1 bills approved"
    assert (await walk.call("bills.lock", again)).locked
    job = await walk.call("bill_jobs.create", bill_date="2026-02-01")
    assert (await walk.call("bill_jobs.retrieve", job.id)).id == job.id
    assert job.id in [one.id for one in await walk.call("bill_jobs.list")]
    await walk.call("bill_jobs.cancel", job.id)


async def the_rest(walk: Walk, ids: dict[str, str]) -> None:
    """Configuration, events, and sums of usage."""
    held = await walk.call("organization_config.retrieve")
    names = ("timezone", "currency", "year_epoch", "month_epoch", "week_epoch", "day_epoch", "days_before_bill_due")
    fields = {name: getattr(held, name) for name in names}
    kept = {"extra_body": {"testClock": True}}
    lock: dict[str, Any] = {"bill_lock_date": "2025-12-31"}
    assert (await walk.call("bill_config.update", **lock)).version == 1
    assert (await walk.call("bill_config.retrieve")).bill_lock_date.isoformat() == "2025-12-31"
    assert (await walk.call("organization_config.update", **fields, version=held.version, **kept)).currency == "USD"
    told: dict[str, Any] = {"code": "told", "name": "Told", "description": "Of new products", "always_fire_event": True}
    await walk.lives("notification_configurations", **told, event_name="configuration.product.created")
    events = await walk.call("events.list", page_size=100)
    assert {event.event_name for event in events} <= set((await walk.call("events.get_types")).events)
    assert (await walk.call("events.retrieve", events[0].id)).id == events[0].id
    assert len((await walk.call("events.get_fields", event_name=events[0].event_name)).events) == 1
    asked: Any = [{"field_code": "n", "field_type": "MEASURE", "function": "SUM", "meter_id": ids["meter"]}]
    assert (await walk.call("usage.query", aggregations=asked, groups=[{"group_type": "ACCOUNT"}])).data == []


async def usage(walk: Walk, shop: Shop) -> None:
    """A measurement that counts, and one that is refused, whose bytes are behind a link."""
    taken: Any = {"account": "walked", "meter": "walked", "ts": "2026-01-05T10:00:00Z", "measure": {"n": 1}}
    given = [taken | {"uid": "taken"}, taken | {"uid": "refused", "meter": "unknown"}]
    assert (await walk.call("usage.submit", measurements=given)).result == "accepted"
    async with asyncio.timeout(PATIENCE_S):
        while not (refused := (await shop.do("GET", "usage/rejected"))["data"]):
            await asyncio.sleep(0.1)
    assert [one["uid"] for one in refused] == ["refused"]
    link = (await walk.call("usage.get_failed_ingest_download_url", file=refused[0]["id"])).url
    async with http_client("") as client:
        assert b'"refused"' in (await client.get(link)).content


async def exports(walk: Walk) -> None:
    """The lines of the bills that were issued, as a file behind a link."""
    asked: Any = {"source_type": "OPERATIONAL", "operational_data_types": ["BILL_LINE_ITEMS"]}
    job_id = (await walk.call("data_exports.create_adhoc", **asked)).job_id
    assert job_id in [job.id for job in await walk.call("data_exports.jobs.list")]
    assert (await walk.call("data_exports.jobs.retrieve", job_id)).id == job_id
    async with asyncio.timeout(PATIENCE_S):
        while (await walk.sdk.data_exports.jobs.retrieve(job_id)).status != "SUCCEEDED":
            await asyncio.sleep(0.1)
    link = (await walk.call("data_exports.jobs.get_download_url", job_id)).url
    async with http_client("") as client:
        assert (await client.get(link)).status_code == 200


async def test_every_call_of_the_core_modules_is_answered(walk: Walk, patient: Shop) -> None:
    ids = await catalog(walk)
    await customer(walk, ids)
    await billing(walk, patient)
    await the_rest(walk, ids)
    await usage(walk, patient)
    await exports(walk)
    assert {call.name for call in official_calls(*MODULES)} == set(walk.made)
