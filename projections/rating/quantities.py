"""What a price is applied to: the value of an aggregation, or of a compound aggregation's formula (rules 3.1, 3.19)."""

from fractions import Fraction
from typing import Any, NamedTuple

from events.resources.catalog import Aggregation, Rounding
from events.resources.compound import CompoundAggregation
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


def priced_entity(resources: Resources, id: str) -> Entity[Any]:
    """The aggregation or compound aggregation with this id; ids are unique over all kinds."""
    return resources.aggregations.get(id) or resources.compound_aggregations[id]


def quantity_of(resources: Resources, index: FamilyIndex, id: str) -> Quantity:
    """What is priced under this id. It is there, and what its formula names, as long as a price names it."""
    body = priced_entity(resources, id).body
    if isinstance(body, Aggregation):
        return Quantity(id, None, body.name, body.meter_id, Simple(body.aggregation), (id,), *_units(body))
    measure = compound_measure(resources, index, body)
    return Quantity(None, id, body.name, None, measure, tuple(one.id for one in measure.sources), *_units(body))


def _units(body: Aggregation | CompoundAggregation) -> tuple[Fraction, Rounding, str]:
    return Fraction(body.quantity_per_unit), body.rounding, body.unit


def compound_measure(resources: Resources, index: FamilyIndex, body: CompoundAggregation) -> Compound:
    """The formula over the aggregations that its codes name."""
    calculation = calculation_of(body.calculation)
    sources = tuple(_source(resources, index, code) for code in calculation.codes)
    return Compound(calculation, sources, bool(body.evaluate_null_aggregations))


def _source(resources: Resources, index: FamilyIndex, code: str) -> Source:
    entity = next(index.owned(resources, "aggregations", "code", code))
    default = entity.body.default_value
    return Source(entity.id, code, entity.body.aggregation, None if default is None else Fraction(default))
