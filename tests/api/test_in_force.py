"""By what an account is rated on a day: everything that its plans lead to, whatever they are attached by."""

from datetime import date
from typing import Any

from projections.entities import Entity
from services.api.in_force import is_in_force, rated_by
from services.api.snapshot import SnapshotAnswer
from services.commands.kind import Kind
from services.simulate.naming import id_of
from tests.settlement.playing import play_text

STORY = """
scenario: one account on a group of two plans, another on a plan alone
products: [{code: other}]
meters:
  - {code: m, dataFields: [{code: q, category: MEASURE, unit: "1"}]}
aggregations:
  - {code: units, meter: m, targetField: q, aggregation: SUM}
compoundAggregations:
  - {code: twice, calculation: "aggregation.units * 2"}
counters:
  - {code: seats, unit: seat}
plans:
  - {code: basic, product: service, billFrequency: MONTHLY, pricings: [
      {code: over, aggregation: units, pricingBands: [{unitPrice: 1}], startDate: 2025-01-01, endDate: 2026-01-01},
      {code: price, compoundAggregation: twice, pricingBands: [{unitPrice: 1}], startDate: 2026-01-01}]}
  - {code: seated, product: other, billFrequency: MONTHLY}
counterPricings:
  - {code: seat-price, counter: seats, plan: seated, startDate: 2026-01-01, pricingBands: [{unitPrice: 3}]}
planGroups: [{code: bundle}]
planGroupLinks:
  - {planGroup: bundle, plan: basic}
  - {planGroup: bundle, plan: seated}
accounts:
  - {code: grouped}
  - {code: alone, plans: [{code: alone-on, plan: basic, startDate: 2026-01-01}]}
accountPlans:
  - {code: grouped-on, account: grouped, planGroup: bundle, startDate: 2026-01-01}
steps:
  - usage: {account: alone, meter: m, ts: 2026-01-10T00:00:00Z, measure: {q: 1}}
"""
RESOURCES = play_text(STORY).resources


def plan_of(account: str) -> list[Entity[Any]]:
    plans = RESOURCES.account_plans.values()
    return [plan for plan in plans if plan.body.account_id == id_of("account", account)]


def codes(account: str, day: date) -> dict[str, set[str]]:
    """What the account is rated by, by kind; codes, and of links the plan."""

    def named(kind: Kind, entity: Entity[Any]) -> str:
        if kind.name == "planGroupLink":
            return RESOURCES.plans[entity.body.plan_id].body.code
        return entity.body.code or entity.body.name

    return {
        kind.name: {named(kind, entity) for entity in entities}
        for kind, entities in rated_by(RESOURCES, plan_of(account), "UTC", day)
    }


def test_an_account_on_a_group_is_rated_by_the_plans_in_it() -> None:
    seen = codes("grouped", date(2026, 2, 1))
    assert seen["planGroup"] == {"bundle"} and seen["plan"] == seen["planGroupLink"] == {"basic", "seated"}
    assert len(seen["planTemplate"]) == 2
    assert seen["pricing"] == {"price"} and seen["compoundAggregation"] == {"twice"} and not seen["aggregation"]
    assert seen["counterPricing"] == {"seat-price"} and seen["counter"] == {"seats"}


def test_an_account_on_a_plan_alone_is_rated_by_no_group() -> None:
    seen = codes("alone", date(2025, 6, 1))
    assert seen["plan"] == {"basic"} and seen["pricing"] == {"over"} and seen["aggregation"] == {"units"}
    assert not any(seen[name] for name in ("planGroup", "planGroupLink", "counterPricing", "counter"))


def test_a_plan_is_in_force_from_its_first_day_on() -> None:
    [plan] = plan_of("grouped")
    assert not is_in_force(plan, "UTC", date(2025, 12, 31)) and is_in_force(plan, "UTC", date(2026, 1, 1))


def test_an_answer_has_a_list_of_every_kind() -> None:
    assert {"plan_groups", "plan_group_links", "plans", "counter_pricings", "compound_aggregations"} <= set(
        SnapshotAnswer.model_fields
    )
