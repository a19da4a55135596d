"""Totals of usage records: mergeable states of one day, and the units that a price is applied to (rules 3.1, 3.4).

A total is kept per account, aggregation, segment and day of the account's zone as a `DayState`. Merging is associative
and commutative, so totals never depend on the order of arrival. UNIQUE keeps its exact values.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NamedTuple, assert_never

from events.decimals import EXACT, normal, plain
from events.resources.catalog import Aggregation, AggregationFunction
from events.resources.catalog import Rounding as UnitRounding

#: Account id, aggregation id, segment text ("" for none).
TotalsKey = tuple[str, str, str]
#: Functions whose values of two spans of days add up to the value of both spans; other functions do not add up.
ADDS_UP: frozenset[AggregationFunction] = frozenset(("SUM", "COUNT"))
#: Functions whose state is a sum, so merged records can be subtracted again.
_TAKEN_OUT: frozenset[AggregationFunction] = frozenset(("SUM", "COUNT", "MEAN"))
_NONE: frozenset[str] = frozenset()
_ZERO = Decimal(0)


class DayState(NamedTuple):
    """The state of one aggregation on one day. A tuple, not a dataclass: the projector merges millions of them.

    `number` is the sum (SUM, MEAN), the extreme (MIN, MAX) or the value at `latest` (LATEST), else 0; `records` their
    count; `latest` the instant and usage id of the latest record, comparable as text; `values` the distinct values.
    """

    number: Decimal
    records: int
    latest: str = ""
    values: frozenset[str] = _NONE

    def to_json(self) -> dict[str, Any]:
        """A JSON object without the members that are not set."""
        document: dict[str, Any] = {"n": plain(self.number), "c": self.records}
        if self.latest:
            document["l"] = self.latest
        if self.values:
            document["v"] = sorted(self.values)
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "DayState":
        """The inverse of `to_json`."""
        return cls(Decimal(document["n"]), document["c"], document.get("l", ""), frozenset(document.get("v", ())))


#: Quantities by day of the account's zone.
Totals = Mapping[TotalsKey, Mapping[date, DayState]]


class Contribution(NamedTuple):
    """What one record adds to one total: merge `value` into the state of its day."""

    aggregation_id: str
    segment: str
    value: DayState


@dataclass(frozen=True, slots=True)
class MeterAggregation:
    """The fields of an aggregation that the hot loop needs."""

    id: str
    function: AggregationFunction
    field: str
    segmented_fields: tuple[str, ...]


def meter_aggregation(aggregation_id: str, body: Aggregation) -> MeterAggregation:
    """Prepare an aggregation for `contributions`."""
    return MeterAggregation(aggregation_id, body.aggregation, body.target_field, tuple(sorted(body.segmented_fields)))


def segment_text(values: Mapping[str, str]) -> str:
    """The canonical text of a segment: compact JSON with sorted fields, "" for none."""
    return json.dumps(dict(values), sort_keys=True, separators=(",", ":"), ensure_ascii=False) if values else ""


def segment_values(text: str) -> dict[str, str]:
    """The inverse of `segment_text`."""
    return json.loads(text) if text else {}


def contributions(
    aggregations: Iterable[MeterAggregation],
    measure: Mapping[str, Decimal],
    texts: Mapping[str, str],
    at: datetime,
    usage_id: str,
) -> list[Contribution]:
    """The contributions of a usage record to the aggregations of its meter.

    `measure` holds its numbers and `texts` its who, what, where, other and metadata fields by code. A record without
    the aggregation's field adds nothing; a text counts for COUNT and UNIQUE only.
    """
    parts = []
    for aggregation in aggregations:
        state = _state(aggregation, measure, texts, at, usage_id)
        if state is not None:
            fields = aggregation.segmented_fields
            segment = segment_text({name: _text_of(name, measure, texts) for name in fields}) if fields else ""
            parts.append(Contribution(aggregation.id, segment, state))
    return parts


def _text_of(name: str, measure: Mapping[str, Decimal], texts: Mapping[str, str]) -> str:
    number = measure.get(name)
    return texts.get(name, "") if number is None else plain(normal(number))


def _state(
    aggregation: MeterAggregation,
    measure: Mapping[str, Decimal],
    texts: Mapping[str, str],
    at: datetime,
    usage_id: str,
) -> DayState | None:
    number = measure.get(aggregation.field)
    if number is None and aggregation.field not in texts:
        return None
    match aggregation.function:
        case "COUNT":
            return DayState(Decimal(0), 1)
        case "UNIQUE":
            return DayState(Decimal(0), 1, "", frozenset((_text_of(aggregation.field, measure, texts),)))
        case _ if number is None:
            return None
        case "LATEST":
            return DayState(number, 1, f"{at.astimezone(UTC).isoformat(timespec='microseconds')} {usage_id}")
        case _:
            return DayState(number, 1)


def merge(function: AggregationFunction, first: DayState, second: DayState) -> DayState:
    """The state of both spans of days together."""
    records = first.records + second.records
    match function:
        case "SUM" | "MEAN":
            return DayState(EXACT.add(first.number, second.number), records)
        case "COUNT":
            return DayState(first.number, records)
        case "MIN":
            return DayState(min(first.number, second.number), records)
        case "MAX":
            return DayState(max(first.number, second.number), records)
        case "UNIQUE":
            return DayState(first.number, records, "", first.values | second.values)
        case "LATEST":
            last = max(first, second, key=lambda state: (state.latest, state.number))
            return DayState(last.number, records, last.latest)
        case _:
            assert_never(function)


def difference(function: AggregationFunction, before: DayState, after: DayState) -> DayState | None:
    """The state that turns `before` into `after` when merged into a total that includes `before`.

    None if the function's states cannot be subtracted.
    """
    if function not in _TAKEN_OUT:
        return None
    return DayState(EXACT.subtract(after.number, before.number), after.records - before.records)


def merge_all(function: AggregationFunction, states: Iterable[DayState]) -> DayState | None:
    """The state of all spans together, None for none; sums take a short cut."""
    if function != "SUM":
        merged = None
        for state in states:
            merged = state if merged is None else merge(function, merged, state)
        return merged
    listed = list(states)
    if len(listed) < 2:
        return listed[0] if listed else None
    with localcontext(EXACT):
        return DayState(sum([state[0] for state in listed], _ZERO), sum([state[1] for state in listed]))


def value(function: AggregationFunction, state: DayState | None) -> Fraction:
    """The aggregation's value, exact; 0 for no usage."""
    if state is None:
        return Fraction(0)
    match function:
        case "COUNT":
            return Fraction(state.records)
        case "UNIQUE":
            return Fraction(len(state.values))
        case "MEAN":
            return Fraction(state.number) / state.records
        case _:
            # Takes half the time of `Fraction(number)`, which first checks the type of its argument.
            return Fraction(*state.number.as_integer_ratio())


def units(quantity: Fraction, quantity_per_unit: Fraction, rounding: UnitRounding) -> Fraction:
    """The priced units: quantity / quantityPerUnit, then rounded (NEAREST: half up)."""
    exact = quantity if quantity_per_unit == 1 else quantity / quantity_per_unit
    match rounding:
        case "UP":
            return Fraction(-(-exact.numerator // exact.denominator))
        case "DOWN":
            return Fraction(exact.numerator // exact.denominator)
        case "NEAREST":
            return Fraction((2 * exact.numerator + exact.denominator) // (2 * exact.denominator))
        case "NONE":
            return exact
        case _:
            assert_never(rounding)


def shown(quantity: Fraction) -> Decimal:
    """A quantity as a line shows it: exact if 12 fraction digits suffice, else rounded to 12."""
    if quantity.denominator == 1:
        return Decimal(quantity.numerator)
    scaled = round(quantity * 10**12)
    with localcontext(EXACT):
        digits = Decimal(scaled).scaleb(-12).normalize()
        return Decimal(format(digits, "f"))
