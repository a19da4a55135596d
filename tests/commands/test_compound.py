"""Compound aggregations: formulas that are refused, and what may not happen to what they name (rules 3.19, 3.20)."""

from typing import Any

import pytest

from events.facts.catalog import (
    AggregationDeleted,
    AggregationUpdated,
    CompoundAggregationCreated,
    CompoundAggregationDeleted,
    CompoundAggregationUpdated,
    PricingCreated,
)
from services.commands.bodies import parse_body
from services.commands.messages import Command
from services.commands.refused import InvalidBody, InvalidField, NotUnique, Referenced, UnknownReference
from tests.commands.world import Story, create, delete, document, given, update

METER = {
    "code": "calls",
    "dataFields": [{"code": "n", "category": "MEASURE"}, {"code": "region", "category": "WHERE"}],
}
SEGMENTED: dict[str, Any] = {"segmentedFields": ["region"], "segments": [{"region": "eu"}]}


def units(**more: Any) -> Command:
    return create("aggregation", "units", **({"meterId": "@calls", "code": "units"} | more))


def told(*commands: Command) -> Story:
    """A story with an aggregation that a formula may name, and these commands."""
    return given(create("meter", "calls", **METER), units(), *commands)


def formula(calculation: str = "aggregation.units / 60", **more: Any) -> Command:
    return create("compoundAggregation", "both", calculation=calculation, **more)


def test_a_compound_aggregation_is_made_changed_and_deleted() -> None:
    story = told()
    story.when(formula(code="both")).then(CompoundAggregationCreated)
    changed = update("compoundAggregation", "both", 1, calculation="1 + aggregation.units")
    story.when(changed).then(CompoundAggregationUpdated)
    story.when(delete("compoundAggregation", "both")).then(CompoundAggregationDeleted)


@pytest.mark.parametrize(
    ("calculation", "message"),
    [
        ("aggregation.other", "calculation: names aggregation.other, and no aggregation has that code"),
        ("60", "calculation: must name an aggregation"),
        ("aggregation.units /", "calculation: has its end at character 20, where a number"),
        ("aggregation.units % 2", "calculation: must not have '%' at character 19"),
        ("Math.sqrt(aggregation.units)", "calculation: names Math.sqrt at character 1"),
    ],
)
def test_a_formula_that_cannot_be_worked_out_is_refused(calculation: str, message: str) -> None:
    told().when(formula(calculation)).refused(InvalidField, message)


def test_a_formula_does_not_name_what_is_segmented() -> None:
    parts = create("aggregation", "parts", meterId="@calls", code="parts", **SEGMENTED)
    told(parts).when(formula("aggregation.parts")).refused(InvalidField, "names aggregation.parts, which is segmented")


def test_a_formula_does_not_name_another_formula() -> None:
    again = create("compoundAggregation", "again", calculation="aggregation.both")
    told(formula(code="both")).when(again).refused(InvalidField, "no aggregation has that code")


def test_what_a_formula_names_keeps_its_code_and_stays() -> None:
    story = told(formula())
    story.when(delete("aggregation", "units")).refused(Referenced, "compoundAggregation")
    renamed = update("aggregation", "units", 1, meterId="@calls", code="other")
    story.when(renamed).refused(InvalidField, "code: is named in the calculation of compoundAggregation")
    apart = update("aggregation", "units", 1, meterId="@calls", code="units", **SEGMENTED)
    story.when(apart).refused(InvalidField, "segmentedFields: must be empty")
    story.when(update("aggregation", "units", 1, meterId="@calls", code="units", unit="New")).then(AggregationUpdated)


def test_what_no_formula_names_may_go() -> None:
    story = told(formula(), delete("compoundAggregation", "both"))
    story.when(delete("aggregation", "units")).then(AggregationDeleted)


def test_a_code_is_taken_once_among_compound_aggregations() -> None:
    again = create("compoundAggregation", "again", code="both")
    told(formula(code="both")).when(again).refused(NotUnique, "code: both is taken")


def test_a_price_names_a_compound_aggregation_that_there_is() -> None:
    priced = {"planId": "@plan", "compoundAggregationId": "@both"}
    told().when(create("pricing", "price", **priced)).refused(UnknownReference, "compoundAggregationId")
    story = told(formula())
    story.when(create("pricing", "price", **priced)).then(PricingCreated)
    story.when(delete("compoundAggregation", "both")).refused(Referenced, "pricing")


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("compoundAggregation", {"quantityPerUnit": 0}, "quantityPerUnit: "),
        ("compoundAggregation", {"calculation": ""}, "calculation: "),
        ("compoundAggregation", {"calculation": None}, "calculation: "),
        ("compoundAggregation", {"rounding": "SIDEWAYS"}, "rounding: "),
    ],
)
def test_a_bad_body_is_told_its_field(kind: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        parse_body(kind, document(kind, **more))
    assert str(refused.value).startswith(message)
