"""Accounts without a plan: what they owe is projected, billed and audited all the same."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from events.facts.catalog import PlanTemplateUpdated
from events.facts.commitments import AccountChargeCreated, AccountChargeDeleted, CommitmentDeleted
from events.facts.resources import AccountCreated, AccountDeleted
from projections.settlement import draft_bills, issue
from services.audit.audit import audit
from services.audit.conservation import check_organization
from services.readside.family_now import load_family
from tests.projector.conftest import Installation
from tests.projector.driving import project, rows
from tests.projector.log import Log

pytestmark = pytest.mark.stack


async def _told(installation: Installation, log: Log) -> None:
    """What is pending is in the log and in the tables, and no cent is unexplained."""
    await log.append(installation.cluster)
    await project(installation)
    report = await audit(installation.postgres, installation.cluster)
    assert report.passed, (report.difference, report.last_line())
    found = await check_organization(installation.postgres, log.organization)
    assert not found.failures and not found.waiting, found.failures


async def _unbilled(installation: Installation, log: Log) -> list[tuple[str, Decimal]]:
    lines = await rows(installation, "accrued_lines", f"organization = '{log.organization}'")
    return [(row["type"], row["amount"]) for row in lines]


def _of_account(log: Log, fact: type[Any], name: str, **members: Any) -> None:
    log.command(fact.model_validate({"version": 1} | members), account=log.id(name))


async def _bill(installation: Installation, log: Log, name: str, day: date) -> None:
    loaded = await load_family(installation.postgres, log.organization, log.id(name))
    [draft] = draft_bills(loaded.family, date=day)
    bill_id = str(uuid5(NAMESPACE_URL, f"bill {log.organization} {name} {day}"))
    log.command(issue(draft, bill_id=bill_id, positions=loaded.positions), account=log.id(name))


async def test_an_account_with_nothing_but_a_charge_owes_it_from_its_day_until_both_are_gone(
    installation: Installation,
) -> None:
    log = Log("charged", 2, generation="charged")
    log.organization_exists()
    log.account("acme", planned=False)
    body = {"accountId": log.id("acme"), "code": "c", "name": "C", "currency": "USD", "amount": 17}
    body |= {"entityType": "AD_HOC", "lineItemType": "AD_HOC", "billDate": "2026-06-01"}
    body |= {"servicePeriodStartDate": "2026-05-01", "servicePeriodEndDate": "2026-06-01"}
    _of_account(log, AccountChargeCreated, "acme", id=log.id("c"), body=body)
    log.tick(datetime(2026, 5, 31, tzinfo=UTC))
    await _told(installation, log)
    assert await _unbilled(installation, log) == []
    log.tick(datetime(2026, 6, 1, tzinfo=UTC))
    await _told(installation, log)
    assert await _unbilled(installation, log) == [("AD_HOC", Decimal(17))]
    await _bill(installation, log, "acme", date(2026, 6, 1))
    await _told(installation, log)
    assert await _unbilled(installation, log) == []
    _of_account(log, AccountChargeDeleted, "acme", id=log.id("c"))
    await _told(installation, log)
    assert await _unbilled(installation, log) == [("AD_HOC", Decimal(-17))]
    _of_account(log, AccountDeleted, "acme", id=log.id("acme"))
    await _told(installation, log)
    assert await _unbilled(installation, log) == []


async def test_what_a_child_was_billed_stands_after_it_is_deleted(installation: Installation) -> None:
    log = Log("child", 2, generation="child")
    log.organization_exists()
    log.account("root", planned=False)
    body = {"code": "kid", "name": "Kid", "emailAddress": "a@example.com", "parentAccountId": log.id("root")}
    placed = {"rootId": log.id("root"), "partition": 0, "timezone": "UTC"}
    _of_account(log, AccountCreated, "kid", id=log.id("kid"), body=body, **placed)
    fee = {"date": "2026-06-10", "amount": 100}
    fee |= {"servicePeriodStartDate": "2026-06-01", "servicePeriodEndDate": "2026-07-01"}
    log.commitment("kid", "100", childBillingMode="CHILD", feeDates=[fee])
    log.tick(datetime(2026, 6, 11, tzinfo=UTC))
    await _told(installation, log)
    assert await _unbilled(installation, log) == [("COMMITMENT_FEE", Decimal(100))]
    await _bill(installation, log, "root", date(2026, 6, 11))
    _of_account(log, CommitmentDeleted, "kid", id=log.id("kid prepaid"), force=True)
    await _told(installation, log)
    assert await _unbilled(installation, log) == [("COMMITMENT_FEE", Decimal(-100))]
    _of_account(log, AccountDeleted, "kid", id=log.id("kid"))
    await _told(installation, log)
    assert await _unbilled(installation, log) == []


async def test_fees_follow_a_plan_that_is_not_attached(installation: Installation) -> None:
    """Four weeks, 120: by the month nothing is due by the 21st, by the week 30 on the 13th and on the 20th."""
    log = Log("fees", 2, generation="fees")
    log.catalog()
    log.account("acme", planned=False)
    terms: dict[str, Any] = {"billingPlanId": log.id("plan"), "commitmentFeeBillInAdvance": False}
    log.commitment("acme", "120", **terms, startDate="2026-07-06", endDate="2026-08-03")
    log.tick(datetime(2026, 7, 21, tzinfo=UTC))
    await _told(installation, log)
    assert await _unbilled(installation, log) == []
    template = {"name": "T", "productId": log.id("product"), "currency": "USD", "standingCharge": 0}
    body = template | {"billFrequency": "WEEKLY"}
    log.command(PlanTemplateUpdated.model_validate({"id": log.id("template"), "version": 2, "body": body}))
    await _told(installation, log)
    assert await _unbilled(installation, log) == [("COMMITMENT_FEE", Decimal(30))] * 2
