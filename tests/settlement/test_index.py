"""The index of families: what an account, plan or template owns now, oldest first, without looking through the rest."""

from datetime import UTC, datetime

import pytest

from events.envelope import seal
from events.facts import FACTS
from events.facts.base import Route
from events.facts.catalog import PricingCreated, PricingUpdated
from events.facts.commitments import CommitmentCreated, CommitmentDeleted
from events.facts.resources import ResourceFact
from events.resources.catalog import Pricing
from events.resources.commitments import Commitment
from projections.rating.index import FamilyIndex, index_families
from projections.resources import ATTRIBUTES, Resources
from projections.settlement import together
from services.simulate.naming import id_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TERM = {"amount": 1, "currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"}
BANDS = [{"lowerLimit": 0, "unitPrice": 1, "fixedPrice": 0}]
ACME, BETA = id_of("account", "acme"), id_of("account", "beta")
PLAN, TEMPLATE, UNITS = id_of("plan", "basic"), id_of("planTemplate", "basic"), id_of("aggregation", "units")

Held = tuple[Resources, FamilyIndex]


def folded(*facts: ResourceFact) -> Held:
    resources, index = Resources("org"), FamilyIndex()
    for sequence, fact in enumerate(facts, 1):
        envelope = seal(fact, source="commands/1", sequence=sequence, organization="org", time=NOW, account=None)
        resources.evolve(envelope)
        index.evolve(envelope)
    return resources, index


def commitment(id: str, account: str) -> CommitmentCreated:
    return CommitmentCreated(id=id, version=1, body=Commitment.model_validate({"accountId": account, **TERM}))


def pricing(owner: dict[str, str]) -> Pricing:
    return Pricing.model_validate(
        {"aggregationId": UNITS, "startDate": "2026-01-01T00:00:00Z", "pricingBands": BANDS, **owner}
    )


def owned(folded_facts: Held, kind: str, field: str, owner: str) -> list[str]:
    resources, index = folded_facts
    return [entity.id for entity in index.owned(resources, kind, field, owner)]


def test_what_an_account_owns_is_told_oldest_first() -> None:
    folded_facts = folded(commitment("second", ACME), commitment("first", ACME), commitment("other", BETA))
    assert owned(folded_facts, "commitments", "account_id", ACME) == ["second", "first"]
    assert owned(folded_facts, "commitments", "account_id", UNITS) == []


def test_what_is_deleted_is_owned_no_more() -> None:
    folded_facts = folded(commitment("pre", ACME), commitment("next", ACME), CommitmentDeleted(id="pre", version=2))
    assert owned(folded_facts, "commitments", "account_id", ACME) == ["next"]


def test_what_moves_to_another_owner_is_the_others() -> None:
    made = PricingCreated(id="p", version=1, body=pricing({"planId": PLAN}))
    moved = PricingUpdated(id="p", version=2, body=pricing({"planTemplateId": TEMPLATE}))
    folded_facts = folded(made, moved)
    assert owned(folded_facts, "pricings", "plan_id", PLAN) == []
    assert owned(folded_facts, "pricings", "plan_template_id", TEMPLATE) == ["p"]


def test_what_is_compiled_of_the_catalog_is_shared_until_the_catalog_changes() -> None:
    _, index = folded(commitment("one", ACME))
    first = index.shared(("plan", PLAN), object)
    told: list[ResourceFact] = [
        commitment("two", ACME),
        PricingCreated(id="p", version=1, body=pricing({"planId": PLAN})),
    ]
    for sequence, (fact, is_shared) in enumerate(zip(told, (True, False), strict=True), 2):
        index.evolve(seal(fact, source="commands/1", sequence=sequence, organization="org", time=NOW, account=None))
        assert (index.shared(("plan", PLAN), object) is first) is is_shared
    assert index.shared(("plan", TEMPLATE), object) is not index.shared(("plan", PLAN), object)


def test_what_is_shared_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Account plans begin on one day after the other, for years."""
    monkeypatch.setattr("projections.rating.index.MOST_SHARED", 2)
    _, index = folded()
    first, _, third = (index.shared(("plan", day), object) for day in (1, 2, 3))
    assert index.shared(("plan", 3), object) is third and index.shared(("plan", 1), object) is not first


def test_what_no_family_has_of_its_own_is_the_catalogs() -> None:
    """What is compiled of the catalog is forgotten by facts that are relayed to the catalog alone: those of all kinds
    that a family's terms do not take from its own facts."""
    empty = Resources("org")
    own = Resources("org")
    both = together(empty, own, None)
    of_family = {attribute for attribute in ATTRIBUTES.values() if getattr(both, attribute) is getattr(own, attribute)}
    for model, attribute in ATTRIBUTES.items():
        for ending in ("Created", "Updated", "Deleted"):
            route = FACTS[model.__name__ + ending].route
            assert (route is Route.CATALOG) is (attribute not in of_family), model.__name__ + ending
    assert FACTS["OrganizationConfigured"].route is Route.CATALOG


def test_an_index_made_of_all_that_is_there_holds_the_same() -> None:
    resources, index = folded(commitment("one", ACME), commitment("two", ACME))
    anew = index_families(resources)
    assert list(anew.ids("commitments", ACME)) == list(index.ids("commitments", ACME)) == ["one", "two"]
