"""A term may end on the day it starts: it holds on no day. Only one that ends before it starts is refused."""

from typing import Any

import pytest

from services.commands.decide import decide
from services.commands.messages import Command
from services.commands.refused import CommandError
from tests.commands.world import Story, create, given, update

TERMS: list[tuple[str, dict[str, Any]]] = [
    ("commitment", {"accountId": "@acme"}),
    ("commitment", {"accountId": "@acme", "commitmentType": "MINIMUM", "commitmentPeriodInterval": 1}),
    ("contract", {"accountId": "@acme"}),
    ("balance", {"accountId": "@acme"}),
    ("pricing", {"planId": "@plan", "aggregationId": "@aggregation"}),
    ("counterPricing", {"planId": "@plan", "counterId": "@seats"}),
    ("accountPlan", {"accountId": "@acme", "planId": "@plan"}),
]


def story() -> Story:
    return given(create("counter", "seats"))


def term(kind: str, more: dict[str, Any], start: str, end: str) -> Command:
    return create(kind, "it", **more, startDate=start, endDate=end)


@pytest.mark.parametrize(("kind", "more"), TERMS)
def test_equal_dates_are_taken(kind: str, more: dict[str, Any]) -> None:
    facts = decide(story().resources, term(kind, more, "2026-03-01", "2026-03-01"), 8)
    assert len(facts) == 1


@pytest.mark.parametrize(("kind", "more"), TERMS)
def test_a_longer_term_may_become_empty_and_back(kind: str, more: dict[str, Any]) -> None:
    told = story().given(term(kind, more, "2026-03-01", "2026-04-01"))
    told.given(update(kind, "it", 1, **more, startDate="2026-03-01", endDate="2026-03-01"))
    told.given(update(kind, "it", 2, **more, startDate="2026-03-01", endDate="2026-04-01"))


@pytest.mark.parametrize(("kind", "more"), TERMS)
def test_an_end_before_the_start_is_refused(kind: str, more: dict[str, Any]) -> None:
    told = story()
    with pytest.raises(CommandError, match="endDate: must not be before startDate"):
        decide(told.resources, term(kind, more, "2026-03-01", "2026-02-28"), 8)


def test_an_account_plan_of_no_day_overlaps_none() -> None:
    whole = create("accountPlan", "whole", accountId="@acme", planId="@plan")
    told = given(whole)
    told.given(
        create("accountPlan", "it", accountId="@acme", planId="@plan", startDate="2026-03-01", endDate="2026-03-01")
    )
    empty = create("accountPlan", "it", accountId="@acme", planId="@plan", startDate="2026-03-01", endDate="2026-03-01")
    given(empty).given(whole)
