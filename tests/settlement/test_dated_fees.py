"""Standing charges and minimum spends from a day on: what an update leaves of the history, and which amount holds."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import seal
from events.facts.base import Fact
from events.facts.catalog import PlanCreated, PlanUpdated
from events.facts.clock import ClockTicked
from events.resources.catalog import Plan
from projections.entities import Dated, PlanEntity
from projections.rating.terms import Recurring
from projections.resources import Resources
from services.simulate.naming import id_of

ALWAYS = date.min
JANUARY, MARCH, JULY = date(2026, 1, 1), date(2026, 3, 1), date(2026, 7, 1)


def plan(standing: str | None, minimum: str | None = None) -> Plan:
    given = {"standingCharge": standing, "minimumSpend": minimum}
    body = {"code": "basic", "name": "basic", "planTemplateId": id_of("planTemplate", "basic")}
    return Plan.model_validate(body | {name: Decimal(amount) for name, amount in given.items() if amount is not None})


def updated(
    body: Plan, version: int, *, standing_from: date | None = None, minimum_from: date | None = None
) -> PlanUpdated:
    dates = {"standing_charge_from": standing_from, "minimum_spend_from": minimum_from}
    return PlanUpdated(id="p", version=version, body=body, **dates)


def folded(*facts: Fact) -> PlanEntity[Plan]:
    resources = Resources("org")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for sequence, fact in enumerate(facts, 1):
        resources.evolve(seal(fact, source="commands/1", sequence=sequence, organization="org", time=now, account=None))
    return resources.plans["p"]


MADE = PlanCreated(id="p", version=1, body=plan("100"))


def test_a_new_plans_amounts_hold_always() -> None:
    folded_plan = folded(MADE)
    assert folded_plan.standing_charges == (Dated(ALWAYS, Decimal(100)),)
    assert folded_plan.minimum_spends == (Dated(ALWAYS, None),)


def test_a_dated_change_stands_behind_what_was() -> None:
    folded_plan = folded(MADE, updated(plan("200", "50"), 2, standing_from=JULY, minimum_from=MARCH))
    assert folded_plan.standing_charges == (Dated(ALWAYS, Decimal(100)), Dated(JULY, Decimal(200)))
    assert folded_plan.minimum_spends == (Dated(ALWAYS, None), Dated(MARCH, Decimal(50)))


def test_what_an_update_leaves_as_it_was_keeps_its_days() -> None:
    folded_plan = folded(
        MADE, updated(plan("200"), 2, standing_from=JULY), updated(plan("200", "50"), 3, minimum_from=JULY)
    )
    assert folded_plan.standing_charges == (Dated(ALWAYS, Decimal(100)), Dated(JULY, Decimal(200)))


def test_a_change_without_a_day_is_as_if_it_had_always_been_so() -> None:
    """As facts told it before they named days."""
    folded_plan = folded(MADE, updated(plan("200"), 2, standing_from=JULY), updated(plan("150"), 3))
    assert folded_plan.standing_charges == (Dated(ALWAYS, Decimal(150)),)


def test_an_amount_that_is_taken_out_is_the_templates_from_its_day_on() -> None:
    folded_plan = folded(MADE, updated(plan(None), 2, standing_from=JULY))
    assert folded_plan.standing_charges == (Dated(ALWAYS, Decimal(100)), Dated(JULY, None))


def test_what_is_no_fact_about_a_resource_leaves_all_as_it_was() -> None:
    assert folded(MADE, ClockTicked(now=datetime(2026, 2, 1, tzinfo=UTC))) == folded(MADE)


def recurring(*amounts: tuple[date, int]) -> Recurring:
    return Recurring(tuple((day, Decimal(amount)) for day, amount in amounts), False, "", None)


@pytest.mark.parametrize(
    ("start", "amount", "since"),
    [
        (JANUARY, 100, ALWAYS),
        (MARCH - timedelta(days=1), 100, ALWAYS),
        (MARCH, 200, MARCH),
        (JULY - timedelta(days=1), 200, MARCH),
        # Given anew and the same: it has held since March.
        (JULY, 200, MARCH),
    ],
)
def test_which_amount_holds_for_a_period_and_since_when(start: date, amount: int, since: date) -> None:
    fee = recurring((ALWAYS, 100), (MARCH, 200), (JULY, 200))
    assert (fee.amount_on(start), fee.since(start)) == (amount, since)


@pytest.mark.parametrize(
    ("amounts", "asked"), [([(ALWAYS, 0)], False), ([(ALWAYS, 0), (MARCH, 5)], True), ([(ALWAYS, 5), (MARCH, 0)], True)]
)
def test_it_is_asked_if_any_period_owes_something(amounts: list[tuple[date, int]], asked: bool) -> None:
    assert recurring(*amounts).is_asked is asked


@given(st.dictionaries(st.dates(JANUARY, JULY), st.integers(0, 2)), st.dates(JANUARY, JULY))
def test_the_amount_has_held_since_then_and_another_before(given_on: dict[date, int], start: date) -> None:
    fee = recurring((ALWAYS, 1), *sorted(given_on.items()))
    since, amount = fee.since(start), fee.amount_on(start)
    assert since <= start
    assert {fee.amount_on(day) for day in (since, *given_on) if since <= day <= start} == {amount}
    assert since == ALWAYS or fee.amount_on(since - timedelta(days=1)) != amount
