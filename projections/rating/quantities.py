"""What a price is applied to: the value of an aggregation, or of a compound aggregation's formula (rules 3.1, 3.19)."""

from fractions import Fraction
from typing import Any, NamedTuple

from events.resources.catalog import Aggregation, CompoundAggregation, Rounding
from projections.calculation import calculation_of
from projections.entities import Entity
from projections.measures import Compound, Measure, Simple, Source
from projections.rating.index import FamilyIndex
from projections.resources import Resources


class Quantity(NamedTuple):
    """What a series has of its aggregation; fields as `Series` has them."""

    aggregation_id: str | None
    compound_id: str | None
    aggregation_name: str
    meter_id: str | None
    measure: Measure
    sources: tuple[str, ...]
    quantity_per_unit: Fraction
    rounding: Rounding
    unit: str


def priced_entity(resources: Resources, id: str) -> Entity[Any] | None:
    """The aggregation or compound aggregation with this id; ids are unique over all kinds."""
    return resources.aggregations.get(id) or resources.compound_aggregations.get(id)


def quantity_of(resources: Resources, index: FamilyIndex, id: str) -> Quantity | None:
    """What is priced under this id; None if it, or what its formula names, is not told yet."""
    entity = priced_entity(resources, id)
    if entity is None:
        return None
    body = entity.body
    if isinstance(body, Aggregation):
        return Quantity(id, None, body.name, body.meter_id, Simple(body.aggregation), (id,), *_units(body))
    measure = compound_measure(resources, index, body)
    if measure is None:
        return None
    return Quantity(None, id, body.name, None, measure, tuple(one.id for one in measure.sources), *_units(body))


def _units(body: Aggregation | CompoundAggregation) -> tuple[Fraction, Rounding, str]:
    return Fraction(body.quantity_per_unit), body.rounding, body.unit


def compound_measure(resources: Resources, index: FamilyIndex, body: CompoundAggregation) -> Compound | None:
    """The formula over the aggregations that its codes name; None if one of them is not there."""
    calculation = calculation_of(body.calculation)
    sources = [_source(resources, index, code) for code in calculation.codes]
    found = tuple(one for one in sources if one is not None)
    if len(found) < len(sources):
        return None
    return Compound(calculation, found, bool(body.evaluate_null_aggregations))


def _source(resources: Resources, index: FamilyIndex, code: str) -> Source | None:
    entity = next(index.owned(resources, "aggregations", "code", code), None)
    if entity is None:
        return None
    default = entity.body.default_value
    return Source(entity.id, code, entity.body.aggregation, None if default is None else Fraction(default))
