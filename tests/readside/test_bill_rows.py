"""What SQL says of bills is what the rules say: which are locked, and when they are invoiced."""

import json
from dataclasses import replace
from datetime import date
from typing import Any, get_args

import pytest

from events.resources.organization import LAST_DAY, NEXT_PERIOD, BillConfig, OrganizationConfig
from services.commands.bill_rules import is_locked
from services.commands.bodies import parse_model
from services.commands.messages import CreateResource
from services.commands.table import KINDS
from services.readside.bill_rows import INVOICED, LOCKED
from tests.api_client import CONFIG
from tests.store.kit import NOW, Store

LOCK_DATE = date(2026, 3, 1)
DAYS = (date(2026, 2, 28), LOCK_DATE, date(2026, 3, 2))


async def said(store: Store, expression: str, row: dict[str, Any]) -> Any:
    """What the expression is of a bill with these columns."""
    columns = "locked boolean, status text, bill_date date, bill jsonb"
    query = f"SELECT {expression} FROM jsonb_to_record($2::jsonb) AS bills ({columns})"
    async with store.postgres.of(store.organization).connection() as connection:
        return await connection.fetchval(query, store.organization, json.dumps(row, default=str))


@pytest.mark.stack
@pytest.mark.parametrize("lock_date", [LOCK_DATE, None])
async def test_locked_are_those_that_the_rule_locks(store: Store, lock_date: date | None) -> None:
    if lock_date is not None:
        body = BillConfig(bill_lock_date=lock_date)
        await store.run(CreateResource("billConfig", KINDS["billConfig"].single_id(store.organization), body, NOW))
    for day in DAYS:
        for by_itself in (True, False):
            row = {"bill_date": day, "locked": by_itself}
            assert await said(store, LOCKED, row | {"status": "PENDING"}) is by_itself
            expected = by_itself or is_locked(day, lock_date)
            assert await said(store, LOCKED, row | {"status": "APPROVED"}) is expected


def test_every_way_to_date_an_invoice_is_known() -> None:
    [names, _] = get_args(OrganizationConfig.model_fields["external_invoice_date"].annotation)
    assert set(get_args(names)) == {NEXT_PERIOD, LAST_DAY}


@pytest.mark.stack
@pytest.mark.parametrize("way", [NEXT_PERIOD, LAST_DAY, None])
async def test_pending_bills_are_invoiced_when_the_rule_says(store: Store, way: str | None) -> None:
    more = {} if way is None else {"externalInvoiceDate": way}
    store = replace(store, organization=f"{store.organization}-other")
    await store.configure(**more)
    before = parse_model(OrganizationConfig, CONFIG | more).invoiced_before
    pending = {"status": "PENDING", "bill_date": LOCK_DATE, "bill": {}}
    assert await said(store, INVOICED, pending) == LOCK_DATE - before
    issued = {"status": "APPROVED", "bill_date": LOCK_DATE, "bill": {}}
    assert await said(store, INVOICED, issued) == LOCK_DATE
    assert await said(store, INVOICED, issued | {"bill": {"externalInvoiceDate": "2026-02-28"}}) == DAYS[0]
