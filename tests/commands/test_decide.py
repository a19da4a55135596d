"""What commands become, and why they are refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from events.facts.catalog import ProductDeleted
from events.facts.clock import ClockTicked
from events.facts.commitments import CommitmentCreated, CommitmentDeleted, CommitmentUpdated
from events.facts.resources import AccountCreated, AccountPlanCreated, ContractDeleted, OrganizationConfigured
from events.topics import partition_of
from services.commands import refused
from tests.commands.world import (
    AdvanceClock,
    Story,
    commitment,
    configure,
    create,
    delete,
    given,
    id_of,
    update,
)

MINIMUM: dict[str, Any] = {"commitmentType": "MINIMUM"}


def test_an_organization_exists_from_its_first_configuration() -> None:
    Story().when(create("product", "p")).refused(refused.UnknownOrganization, "organization org is unknown")
    [fact] = Story().when(configure()).then(OrganizationConfigured)
    assert (fact.id, fact.version) == ("org", 1)


def test_a_configuration_is_replaced_under_its_version() -> None:
    story = Story().given(configure())
    story.when(configure(None)).refused(refused.VersionMissing, "version: is required")
    story.when(configure(2)).refused(refused.VersionConflict, "organizationConfig org is at version 1, not 2")
    story.when(configure(1, testClock=True)).refused(refused.InvalidField, "testClock: is set at creation")
    assert story.when(configure(1, currency="EUR")).then(OrganizationConfigured)[0].version == 2


def test_a_root_account_gets_partition_and_zone_for_life() -> None:
    [fact] = given().when(create("account", "other", code="other")).then(AccountCreated)
    assert fact.root_id == id_of("other")
    assert fact.partition == partition_of("org", "other", 8)
    assert fact.timezone == "Europe/Berlin"


def test_a_child_lives_where_its_parent_does() -> None:
    story = given(create("account", "root", code="root", timezone="Asia/Tokyo"))
    [fact] = story.when(create("account", "child", code="child", parentAccountId="@root")).then(AccountCreated)
    assert (fact.root_id, fact.timezone) == (id_of("root"), "Asia/Tokyo")
    assert fact.partition == partition_of("org", "root", 8)
    grandchild = create("account", "grandchild", code="g", parentAccountId="@child")
    story.when(grandchild).refused(refused.InvalidField, "parentAccountId: names an account that has a parent itself")
    elsewhere = create("account", "x", code="x", parentAccountId="@root", timezone="UTC")
    story.when(elsewhere).refused(refused.InvalidField, "timezone: must be the parent's, Asia/Tokyo")


def test_an_account_has_at_most_999_children() -> None:
    children = [create("account", f"c{n}", code=f"c{n}", parentAccountId="@acme") for n in range(999)]
    story = given(*children)
    one_more = create("account", "last", code="last", parentAccountId="@acme")
    story.when(one_more).refused(refused.InvalidField, "has 999 children already")


def test_what_is_decided_at_creation_never_changes() -> None:
    story = given(create("account", "other", code="other"), commitment())
    parent = update("account", "acme", 1, parentAccountId="@other")
    story.when(parent).refused(refused.InvalidField, "parentAccountId: is set at creation")
    zone = update("account", "acme", 1, timezone="UTC")
    story.when(zone).refused(
        refused.InvalidField, "timezone: is set at creation and never changes; it is Europe/Berlin"
    )
    moved = update("commitment", "commitment", 1, accountId="@other")
    story.when(moved).refused(refused.InvalidField, "accountId: is set at creation")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"billingPlanId": "@none"}, "billingPlanId: there is no plan"),
        ({"productIds": ["@product", "@none"]}, "productIds[1]: there is no product"),
        ({"contractId": "@none"}, "contractId: there is no contract"),
        ({"feesAccountingProductId": "@none"}, "feesAccountingProductId: there is no product"),
        ({"accountId": "@none"}, "accountId: there is no account"),
    ],
)
def test_every_reference_must_exist(more: dict[str, Any], message: str) -> None:
    given().when(create("commitment", "c", **{"accountId": "@acme"} | more)).refused(refused.UnknownReference, message)


def test_a_contract_is_used_by_its_own_account() -> None:
    story = given(create("account", "other", code="other"), create("contract", "contract", accountId="@other"))
    theirs = commitment(contractId="@contract")
    story.when(theirs).refused(refused.InvalidField, "contractId: names a contract of another account")
    plan = create("accountPlan", "ap", accountId="@acme", planId="@plan", contractId="@contract")
    story.when(plan).refused(refused.InvalidField, "contractId: names a contract of another account")


def test_commitment_periods_need_to_know_whose_bills_they_count() -> None:
    plans = [
        create("product", "p2", code="p2"),
        create("planTemplate", "t2", productId="@p2"),
        create("plan", "plan2", code="plan2", planTemplateId="@t2"),
        create("accountPlan", "one", accountId="@acme", planId="@plan"),
        create("accountPlan", "two", accountId="@acme", planId="@plan2"),
    ]
    story = given(*plans)
    unknown = commitment(**MINIMUM, commitmentPeriodInterval=3)
    story.when(unknown).refused(refused.InvalidField, "billingPlanId: is required with commitmentPeriodInterval")
    story.when(commitment(**MINIMUM, commitmentPeriodInterval=3, billingPlanId="@plan")).then(CommitmentCreated)
    given(*plans[:4]).when(commitment(**MINIMUM, commitmentPeriodInterval=3)).then(CommitmentCreated)


def test_account_plans_of_one_product_do_not_overlap_unless_allowed() -> None:
    first = create("accountPlan", "one", accountId="@acme", planId="@plan", endDate="2026-07-01")
    late = create("accountPlan", "two", accountId="@acme", planId="@plan", startDate="2026-06-30")
    story = given(first)
    story.when(late).refused(refused.OverlappingPlan, f"account plan {id_of('one')} of the same product")
    after = create("accountPlan", "two", accountId="@acme", planId="@plan", startDate="2026-07-01")
    story.when(after).then(AccountPlanCreated)
    given(configure(1, allowOverlappingPlans=True), first).when(late).then(AccountPlanCreated)
    again = update("accountPlan", "one", 1, accountId="@acme", planId="@plan", endDate="2026-07-01")
    story.given(again)


@pytest.mark.parametrize(
    ("kind", "name", "referrer"),
    [
        ("product", "product", "planTemplate"),
        ("planTemplate", "template", "plan"),
        ("meter", "meter", "aggregation"),
        ("plan", "plan", "commitment"),
        ("account", "acme", "commitment"),
    ],
)
def test_what_is_referred_to_is_not_deleted(kind: str, name: str, referrer: str) -> None:
    story = given(commitment(billingPlanId="@plan"))
    story.when(delete(kind, name)).refused(refused.Referenced, f"{kind} {id_of(name)} is not deleted: {referrer} ")


CONTRACTED: dict[str, dict[str, Any]] = {"commitment": {}, "accountPlan": {"planId": "@plan"}, "balance": {}}


@pytest.mark.parametrize(("referrer", "more"), CONTRACTED.items(), ids=CONTRACTED)
def test_a_contract_is_deleted_once_nothing_is_under_it(referrer: str, more: dict[str, Any]) -> None:
    under = create(referrer, "under", accountId="@acme", contractId="@contract", **more)
    story = given(create("contract", "contract", accountId="@acme"), under)
    message = f"contract {id_of('contract')} is not deleted: {referrer} {id_of('under')} refers to it"
    story.when(delete("contract", "contract")).refused(refused.Referenced, message)
    story.given(delete(referrer, "under")).when(delete("contract", "contract")).then(ContractDeleted)


def test_an_unused_product_is_deleted() -> None:
    given(create("product", "p2", code="p2")).when(delete("product", "p2")).then(ProductDeleted)


def test_a_commitment_that_has_paid_is_deleted_by_force_only() -> None:
    story = given(commitment(code="prepaid"))
    story.when(delete("commitment", "commitment", drawn=True)).refused(
        refused.AlreadyUsed, "commitment prepaid has drawn or billed"
    )
    [fact] = story.when(delete("commitment", "commitment", drawn=True, force=True)).then(CommitmentDeleted)
    assert fact.force
    unnamed = given(commitment()).when(delete("commitment", "commitment", drawn=True))
    unnamed.refused(refused.AlreadyUsed, id_of("commitment"))


def test_codes_are_unique_per_kind_and_ids_over_all_kinds() -> None:
    story = given()
    story.when(create("product", "p2", code="p")).refused(
        refused.NotUnique, f"code: p is taken by product {id_of('product')}"
    )
    story.when(create("product", "acme", code="p3")).refused(refused.IdInUse, "is in use already")
    story.given(update("product", "product", 1, code="p"))


def test_a_counter_has_one_value_a_day() -> None:
    one = {"accountId": "@acme", "counterId": "@seats"}
    story = given(create("counter", "seats"), create("counterAdjustment", "first", **one))
    story.when(create("counterAdjustment", "second", **one)).refused(refused.NotUnique, "accountId, counterId, date")
    story.given(create("counterAdjustment", "second", date="2026-02-02", **one))


def test_versions_are_compared_on_update() -> None:
    story = given(commitment())
    story.when(update("commitment", "commitment", None, accountId="@acme")).refused(refused.VersionMissing, "version")
    stale = update("commitment", "commitment", 3, accountId="@acme")
    story.when(stale).refused(refused.VersionConflict, "is at version 1, not 3")
    [fact] = story.when(update("commitment", "commitment", 1, accountId="@acme", amount=50)).then(CommitmentUpdated)
    assert (fact.version, fact.body.amount) == (2, Decimal(50))
    missing = update("commitment", "none", 1, accountId="@acme")
    story.when(missing).refused(refused.UnknownResource, "there is no commitment with id")


def test_a_test_clock_moves_forward_only() -> None:
    later = datetime(2026, 2, 1, tzinfo=UTC)
    Story().given(configure()).when(AdvanceClock(later)).refused(refused.NoTestClock, "has the real clock")
    story = Story().given(configure(testClock=True))
    assert story.when(AdvanceClock(later)).then(ClockTicked)[0].now == later
    story.when(AdvanceClock(later)).then()
    story.when(AdvanceClock(later - timedelta(days=1))).refused(
        refused.InvalidField, "now: must not be before the clock"
    )
    story.when(AdvanceClock(datetime(2026, 3, 1))).refused(refused.InvalidField, "now: must have an offset")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"targetField": "x"}, "targetField: must be one of the meter's dataFields: n, who"),
        ({"targetField": "who"}, "targetField: must be a number field for SUM"),
        ({"segmentedFields": ["n"]}, "segmentedFields[0]: must be a text field"),
        ({"segmentedFields": ["who"], "segments": [{"x": "y"}]}, "segments[0]: must give every one of segmentedFields"),
    ],
)
def test_an_aggregation_uses_its_meters_fields(more: dict[str, Any], message: str) -> None:
    fields = [{"code": "n", "category": "MEASURE"}, {"code": "who", "category": "WHO"}]
    story = given(create("meter", "m2", code="m2", dataFields=fields))
    story.when(create("aggregation", "a2", meterId="@m2", **more)).refused(refused.InvalidField, message)


def test_a_charge_is_of_its_accounts_own_contract_and_balance_and_can_be_paid() -> None:
    term = {"startDate": "2026-01-01", "endDate": "2027-01-01"}
    story = given(
        create("account", "other", code="other"),
        create("balance", "theirs", accountId="@other"),
        create("contract", "deal", accountId="@other", **term),
    )
    fee = {"entityType": "BALANCE", "lineItemType": "BALANCE_FEE"}
    for more, error, message in (
        ({"contractId": "@deal"}, refused.InvalidField, "contractId: names a contract of another account"),
        ({"entityId": "@theirs", **fee}, refused.InvalidField, "entityId: must name a balance of the account"),
        ({"amount": Decimal("0.001")}, refused.TooFineAmount, "amount"),
        (
            {"servicePeriodEndDate": "2025-12-31"},
            refused.InvalidField,
            "servicePeriodEndDate: must not be before servicePeriodStartDate",
        ),
    ):
        story.when(create("charge", "x", accountId="@acme", **more)).refused(error, message)
    story.given(create("charge", "x", accountId="@acme", servicePeriodEndDate="2026-01-01"))
