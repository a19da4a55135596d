"""Compile the prices of a plan and of its template as timelines over one account plan (rules 2.6, 3.5, 3.17)."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypeVar

from events.resources.catalog import Aggregation, CompoundAggregation, Pricing, PricingType, Rounding
from events.resources.counters import CounterPricing
from projections.aggregates import segment_text
from projections.calculation import calculation_of
from projections.calendar import named_days
from projections.entities import Entity
from projections.measures import Compound, Measure, Simple, Source
from projections.pricing import price_of
from projections.rating.index import FamilyIndex
from projections.rating.terms import (
    AccountTerms,
    CounterPricingTerms,
    CounterSeries,
    PricingTerms,
    Recurring,
    Series,
)
from projections.rating.timelines import Candidate, timeline
from projections.resources import Resources

T = TypeVar("T")


class Quantity(NamedTuple):
    """The part of a series that follows from its aggregation; fields as in `Series`."""

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
    """The quantity priced under this id; None if the aggregation, or one in its formula, is unknown yet."""
    entity = priced_entity(resources, id)
    if entity is None:
        return None
    body = entity.body
    if isinstance(body, Aggregation):
        return Quantity(id, None, body.name, body.meter_id, Simple(body.aggregation), (id,), *_units(body))
    measure = compound_measure(resources, index, body)
    if measure is None:
        return None
    return Quantity(None, id, body.name, None, measure, tuple(source.id for source in measure.sources), *_units(body))


def _units(body: Aggregation | CompoundAggregation) -> tuple[Fraction, Rounding, str]:
    return Fraction(body.quantity_per_unit), body.rounding, body.unit


def compound_measure(resources: Resources, index: FamilyIndex, body: CompoundAggregation) -> Compound | None:
    """The formula over the aggregations that its codes name; None if one of them does not exist."""
    calculation = calculation_of(body.calculation)
    sources = [_source(resources, index, code) for code in calculation.codes]
    known = tuple(source for source in sources if source is not None)
    if len(known) < len(sources):
        return None
    return Compound(calculation, known, bool(body.evaluate_null_aggregations))


def _source(resources: Resources, index: FamilyIndex, code: str) -> Source | None:
    entity = next(index.owned(resources, "aggregations", "code", code), None)
    if entity is None:
        return None
    default = entity.body.default_value
    return Source(entity.id, code, entity.body.aggregation, None if default is None else Fraction(default))


def first(fallback: T, *values: T | None) -> T:
    """The first value that is given, else the fallback."""
    return next((value for value in values if value is not None), fallback)


def billed_in_advance(what: Literal["standing_charge", "minimum_spend", "commitment_fee"], *bodies: Any) -> bool:
    """Whether it is billed in advance: the first body with a setting decides; the organization's setting comes last."""
    said: list[bool | None] = [getattr(body, f"{what}_bill_in_advance") for body in bodies if body is not None]
    return first(False, *said)


class PlanPrices:
    """The pricings of a plan and of its template, as timelines over one account plan."""

    def __init__(
        self,
        resources: Resources,
        index: FamilyIndex,
        zone: str,
        plan_id: str,
        template_id: str,
        start: date,
        end: date | None,
    ) -> None:
        self._resources, self._index, self._zone = resources, index, zone
        self._plan_id, self._template_id = plan_id, template_id
        self._start, self._end = start, end

    def series(self) -> Iterator[Series]:
        """One series per aggregation, segment and type of pricing."""
        grouped: dict[tuple[str, str, PricingType], list[Candidate[PricingTerms]]] = {}
        for own, entity in self._entities("pricings"):
            body: Pricing = entity.body
            key = (body.priced_id, segment_text(body.segment or {}), body.type)
            grouped.setdefault(key, []).append(self._candidate(own, entity, self._terms(entity)))
        for (priced_id, segment, kind), candidates in grouped.items():
            priced = quantity_of(self._resources, self._index, priced_id)
            spans = timeline(candidates, self._start, self._end)
            if priced is not None and spans:
                yield Series(**priced._asdict(), segment=segment, kind=kind, spans=spans)

    def counters(self, members: Iterable[AccountTerms]) -> Iterator[CounterSeries]:
        """One series per counter, with the values of the accounts whose counters the plan rates."""
        grouped: dict[str, list[Candidate[CounterPricingTerms]]] = {}
        for own, entity in self._entities("counter_pricings"):
            candidate = self._candidate(own, entity, _counter_terms(entity))
            grouped.setdefault(entity.body.counter_id, []).append(candidate)
        for counter_id, candidates in grouped.items():
            counter = self._resources.counters.get(counter_id)
            spans = timeline(candidates, self._start, self._end)
            if counter is not None and spans:
                yield CounterSeries(
                    counter_id=counter_id,
                    code=counter.called,
                    name=counter.body.name,
                    unit=counter.body.unit,
                    spans=spans,
                    values={member.id: self._values(member.id, counter_id) for member in members},
                )

    def _values(self, account_id: str, counter_id: str) -> tuple[tuple[date, int], ...]:
        adjustments = self._index.owned(self._resources, "counter_adjustments", "account_id", account_id)
        # There is one per counter, account and day; if there are two, the one created last applies.
        values = {
            adjustment.body.date: adjustment.body.value
            for adjustment in adjustments
            if adjustment.body.counter_id == counter_id
        }
        return tuple(sorted(values.items()))

    def _entities(self, kind: str) -> Iterator[tuple[bool, Any]]:
        for entity in self._index.owned(self._resources, kind, "plan_id", self._plan_id):
            yield True, entity
        for entity in self._index.owned(self._resources, kind, "plan_template_id", self._template_id):
            yield False, entity

    def _candidate(self, own: bool, entity: Any, terms: Any) -> Candidate[Any]:
        body = entity.body
        start, end = named_days(body.start_date, body.end_date, self._zone)
        return Candidate(start, end, own, entity.position, terms)

    def _terms(self, entity: Entity[Pricing]) -> PricingTerms:
        body = entity.body
        priced = priced_entity(self._resources, body.priced_id)
        name = priced.body.name if priced else body.priced_id
        overage = body.overage_pricing_bands
        return PricingTerms(
            id=entity.id,
            code=entity.called,
            price=self._index.price(body.pricing_bands, cumulative=body.cumulative),
            overage=self._index.price(overage, cumulative=True) if overage else None,
            span=body.tiers_span_plan,
            minimum=Recurring(
                amounts=((date.min, body.minimum_spend or Decimal(0)),),
                in_advance=billed_in_advance("minimum_spend", body, self._resources.configured),
                description=body.minimum_spend_description or f"{name} Minimum Spend Adjustment",
                accounting_product_id=body.accounting_product_id,
            ),
            description=body.description or name,
            accounting_product_id=body.accounting_product_id,
        )


def _counter_terms(entity: Entity[CounterPricing]) -> CounterPricingTerms:
    body = entity.body
    return CounterPricingTerms(
        id=entity.id,
        price=price_of(body.pricing_bands, cumulative=body.cumulative),
        in_advance=first(True, body.running_total_bill_in_advance),
        prorate_total=first(True, body.pro_rate_running_total),
        prorate_debit=first(True, body.pro_rate_adjustment_debit),
        prorate_credit=first(True, body.pro_rate_adjustment_credit),
        description=body.description or "",
        accounting_product_id=body.accounting_product_id,
    )
