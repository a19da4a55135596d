"""Rules between compound aggregations and the aggregations that their formulas name, by code (rules 3.19)."""

from collections.abc import Iterator

from events.resources.catalog import Aggregation, CompoundAggregation
from projections.calculation import CalculationError, calculation_of
from projections.entities import Entity
from projections.resources import Resources
from services.commands.errors import InvalidField, Referenced


def check_compound(resources: Resources, body: CompoundAggregation) -> None:
    """Its formula can be read, and names aggregations that there are and that are not segmented."""
    try:
        codes = calculation_of(body.calculation).codes
    except CalculationError as error:
        raise InvalidField(field="calculation", rule=str(error)) from None
    held = {entity.body.code: entity.body for entity in resources.aggregations.values()}
    for code in codes:
        if code not in held:
            raise InvalidField(field="calculation", rule=f"names aggregation.{code}, and no aggregation has that code")
        if held[code].segmented_fields:
            raise InvalidField(field="calculation", rule=f"names aggregation.{code}, which is segmented")


def codes_in(text: str) -> tuple[str, ...]:
    """The codes of the aggregations that a formula names; none of a text that is no formula."""
    try:
        return calculation_of(text).codes
    except CalculationError:
        return ()


def check_still_named(resources: Resources, held: Entity[Aggregation], body: Aggregation | None) -> None:
    """A formula finds an aggregation by its code: while one names it, it keeps its code, and is not segmented or (no
    body) deleted. Raises: Referenced, InvalidField."""
    naming = next(naming_it(resources, held), None)
    if naming is None:
        return
    if body is None:
        raise Referenced(kind="aggregation", id=held.id, referrer="compoundAggregation", referrer_id=naming.id)
    if body.code != held.body.code:
        raise InvalidField(field="code", rule=f"is named in the calculation of compoundAggregation {naming.id}")
    if body.segmented_fields:
        raise InvalidField(
            field="segmentedFields",
            rule=f"must be empty: the calculation of compoundAggregation {naming.id} names this aggregation",
        )


def naming_it(resources: Resources, held: Entity[Aggregation]) -> Iterator[Entity[CompoundAggregation]]:
    """The compound aggregations whose formulas name the aggregation, as they were made."""
    by_age = sorted(resources.compound_aggregations.values(), key=lambda one: one.position)
    return (one for one in by_age if held.body.code in calculation_of(one.body.calculation).codes)
