"""What would still run at a day is given its end there; what ends by then is left, what begins after it is refused."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from projections.entities import Entity
from services.commands.account_rules import ended_body
from services.commands.kind import BillingEntity, value_of
from services.commands.refused import InvalidBody
from services.commands.table import ENDED
from tests.commands.world import create, given, id_of

ZONE = "Europe/Berlin"
MORE: dict[BillingEntity, dict[str, Any]] = {
    "CONTRACT": {"accountId": "@acme"},
    "ACCOUNTPLAN": {"accountId": "@acme", "planId": "@plan"},
    "PREPAYMENT": {"accountId": "@acme"},
    "PRICINGS": {"planId": "@plan", "aggregationId": "@aggregation"},
    "COUNTER_PRICINGS": {"planId": "@plan", "counterId": "@seats"},
}
EVERY = pytest.mark.parametrize("name", MORE)


def held(name: BillingEntity, **more: Any) -> Entity[Any]:
    """One that starts with 2026."""
    kind = ENDED[name]
    story = given(create("counter", "seats"), create(kind.name, "it", **MORE[name], startDate="2026-01-01", **more))
    return kind.held(story.resources)[id_of("it")]


def ended(name: BillingEntity, entity: Entity[Any], end: date | datetime) -> Any:
    body = ended_body(ENDED[name], entity, end, ZONE)
    return None if body is None else value_of(body, "endDate")


@EVERY
def test_what_runs_on_ends_there(name: BillingEntity) -> None:
    entity = held(name, endDate="2027-01-01")
    assert ended(name, entity, date(2026, 6, 1)) == date(2026, 6, 1)
    body = ended_body(ENDED[name], entity, date(2026, 6, 1), ZONE)
    assert body is not None
    assert body.model_copy(update={"end_date": entity.body.end_date}) == entity.body
    assert body.model_fields_set == entity.body.model_fields_set


@EVERY
@pytest.mark.parametrize("end", [date(2026, 6, 1), datetime(2026, 6, 1, tzinfo=UTC), date(2026, 6, 2)])
def test_what_ends_by_then_is_left_as_it_is(name: BillingEntity, end: date | datetime) -> None:
    assert ended_body(ENDED[name], held(name, endDate="2026-06-01"), end, ZONE) is None


@pytest.mark.parametrize("name", ["ACCOUNTPLAN", "PRICINGS", "COUNTER_PRICINGS"])
def test_what_has_no_end_gets_one(name: BillingEntity) -> None:
    assert ended(name, held(name), date(2026, 6, 1)) == date(2026, 6, 1)


@EVERY
def test_it_may_be_left_no_day_at_all(name: BillingEntity) -> None:
    assert ended(name, held(name, endDate="2027-01-01"), date(2026, 1, 1)) == date(2026, 1, 1)


@pytest.mark.parametrize("name", ["CONTRACT", "PREPAYMENT"])
def test_an_end_before_the_start_is_refused_by_the_field(name: BillingEntity) -> None:
    with pytest.raises(InvalidBody, match="endDate: must not be before startDate"):
        ended(name, held(name, endDate="2027-01-01"), date(2025, 12, 31))


def test_a_date_time_ends_days_in_the_zone() -> None:
    evening = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)  # half past midnight in Berlin
    assert ended("PREPAYMENT", held("PREPAYMENT"), evening) == date(2026, 6, 1)
    assert ended("ACCOUNTPLAN", held("ACCOUNTPLAN"), evening) == evening
