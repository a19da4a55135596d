"""Every fact about a resource is an event with a name of m3ter's, and an id that says where the event stands."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from events.facts import FACTS
from events.facts.resources import OrganizationConfigured, ResourceFact
from services.api.events import fields_of
from services.api.funds import added_to
from services.api.wire import document_of
from services.commands.event_names import HAPPENINGS, NAMES, kind_named, name_of
from services.commands.table import KINDS
from services.store.happened import event_id_of, position_in
from tests.commands.world import NOW, CancelCommitment, TopUpCommitment, configure, create, given, update

ABOUT_RESOURCES = {name for name, fact in FACTS.items() if issubclass(fact, ResourceFact)}


def test_every_fact_about_a_resource_has_a_name() -> None:
    assert {happening.fact_type for happening in HAPPENINGS} == ABOUT_RESOURCES
    assert len(NAMES) == 3 * len(KINDS) + 2


def test_names_are_as_m3ter_has_them() -> None:
    assert {"configuration.commitment.created", "configuration.accountplan.updated"} <= set(NAMES)
    assert {"billing.balance.updated", "billing.counteradjustment.deleted"} <= set(NAMES)
    assert {"configuration.transactiontype.created", "configuration.organizationconfig.updated"} <= set(NAMES)


def test_the_first_configuration_is_a_creation() -> None:
    story = given()
    first = story.resources.config
    assert first is not None
    [second] = story.when(configure(1)).then(OrganizationConfigured)
    assert name_of(second) == "configuration.organizationconfig.updated"
    created = OrganizationConfigured(id=first.id, version=1, body=first.body)
    assert name_of(created) == "configuration.organizationconfig.created"


def test_an_update_is_named_after_its_kind() -> None:
    story = given()
    [fact] = story.when(update("product", "product", 1, code="new")).then(FACTS["ProductUpdated"])
    assert name_of(fact) == "configuration.product.updated"
    assert kind_named(name_of(fact)) is KINDS["product"]
    assert kind_named("configuration.organizationconfig.created") is None
    assert kind_named("configuration.plantemplate.created") is KINDS["planTemplate"]


@pytest.mark.parametrize("position", [1, 2**40, 2**62 - 1])
def test_an_id_is_a_uuid_that_says_where_its_event_stands(position: int) -> None:
    id = event_id_of("org", "product-1", 3, position)
    assert (UUID(id).version, UUID(id).variant) == (8, "specified in RFC 4122")
    assert position_in(id) == position
    assert id not in {event_id_of("org", "product-1", 4, position), event_id_of("other", "product-1", 3, position)}


def test_other_texts_name_no_event() -> None:
    assert position_in("none") is None


@pytest.mark.parametrize("kind", ["commitment", "balance", "account", "currency"])
def test_all_that_a_resource_is_shown_with_is_told_as_a_field(kind: str) -> None:
    more = {"accountId": "@acme"} if kind in ("commitment", "balance") else {"code": "other"}
    story = given(create(kind, "it", **more))
    for entity in KINDS[kind].held(story.resources).values():
        name = next(
            happening.name for happening in HAPPENINGS if happening.fact_type == f"{KINDS[kind].model.__name__}Created"
        )
        shown = {f"new.{field}" for field in document_of(entity)}
        assert shown <= fields_of(KINDS[kind].model, name).keys()


def test_what_later_facts_add_is_told_as_a_field() -> None:
    fee = {
        "date": "2026-02-01", "amount": 40,
        "servicePeriodStartDate": "2026-01-01", "servicePeriodEndDate": "2027-01-01",
    }  # fmt: skip
    story = given(create("commitment", "it", accountId="@acme", feeDates=[fee]))
    id = next(iter(story.resources.commitments))
    story.when(TopUpCommitment(id, Decimal(5), date(2026, 3, 1), False, 1, NOW)).then(FACTS["CommitmentToppedUp"])
    story.when(CancelCommitment(id, date(2026, 6, 1), None, 2, NOW)).then(FACTS["CommitmentCancelled"])
    added = added_to(story.resources.commitments[id])
    assert added.keys() == {"amountUnscheduled", "topUps", "cancellation"}
    told = fields_of(KINDS["commitment"].model, "configuration.commitment.created")
    assert {told[f"new.{field}"] for field in added} == {"double", "array", "map"}


def test_fields_have_the_types_that_m3ter_names() -> None:
    fields = fields_of(KINDS["commitment"].model, "configuration.commitment.created")
    expected = {"amount": "double", "billingInterval": "int", "customFields": "map", "feeDates": "array"}
    expected |= {"startDate": "string", "commitmentFeeBillInAdvance": "boolean", "accountCode": "string"}
    assert {name: fields[f"new.{name}"] for name in expected} == expected
    assert fields_of(KINDS["account"].model, "configuration.account.deleted")["old.address"] == "map"
